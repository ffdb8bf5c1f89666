"""Landmarks of made-up heads over a grid of poses, so that everything can be tried, and learnt, with no data at all."""
