"""Plots, made with matplotlib, which is imported when a plot is asked for."""
