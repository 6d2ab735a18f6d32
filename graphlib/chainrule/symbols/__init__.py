"""The value that records what is done to it, with every operation that it can record."""
