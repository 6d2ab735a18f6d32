"""Loops written out by hand, one file for each family of functions: as they stand for float64, and read as text."""
