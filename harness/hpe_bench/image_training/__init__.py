"""Training of networks that see images: the samples, their random views, the loop, its checkpoints and logs."""
