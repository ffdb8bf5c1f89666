"""Runs side by side: which ones, their scores, the table."""
