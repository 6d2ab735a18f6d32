"""A graph's formulas, read off the rules."""
