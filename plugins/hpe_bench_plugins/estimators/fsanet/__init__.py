"""FSA-Net: head pose by soft stagewise regression over capsules (Yang et al., CVPR 2019)."""
