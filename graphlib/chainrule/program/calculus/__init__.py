"""A graph's gradients, their products and matrices, as graphs again."""
