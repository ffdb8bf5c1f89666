"""TokenHPE: head pose by orientation tokens in a transformer (Zhang, Liu, Deng, Xu, Lyu, CVPR 2023)."""
