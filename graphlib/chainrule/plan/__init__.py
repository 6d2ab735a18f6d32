"""Plans: a program made fast, printed as one straight NumPy function, and run whole or in blocks of columns."""
