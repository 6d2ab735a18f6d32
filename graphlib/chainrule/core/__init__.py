"""What a graph is, how it computes, and nothing about any rule."""
