"""Gradient descent: run forward, run backward, take a step against the gradient, and begin again."""
