"""BIWI: 24 sequences of 20 people before a Kinect (Fanelli et al., IJCV 2013)."""
