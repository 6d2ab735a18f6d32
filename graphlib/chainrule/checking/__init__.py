"""Gradients and rules, held against numerical differentiation."""
