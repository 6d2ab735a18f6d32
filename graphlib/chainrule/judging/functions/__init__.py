"""A learner's function of gradients: called, read off line by line where that can be, and judged."""
