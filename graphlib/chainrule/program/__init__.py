"""The recorded forward and backward, as one list of steps, and as nodes again."""
