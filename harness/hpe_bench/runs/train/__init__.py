"""Trainings: what is to be learned from what, doing it, the weights that come of it, and the file that tells of it."""
