"""Published figures: claims, their table, and what is wrong with their arithmetic."""
