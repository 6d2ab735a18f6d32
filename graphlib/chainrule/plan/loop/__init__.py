"""One loop over the columns: a program entry by entry, with numbers in registers, compiled by Numba."""
