"""Provenance: what a prediction, a landmark and a training depend on, so that a stored one is used again or is not."""
