"""What chance can do: intervals of figures, and comparisons of runs on the same samples."""
