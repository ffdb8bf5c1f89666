"""Evaluations: what is to be run, doing it, and the file that keeps it."""
