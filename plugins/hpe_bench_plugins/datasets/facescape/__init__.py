"""NLML-HPE's grids of FaceScape heads: images as they lay them out, and heads rendered on the fly."""
