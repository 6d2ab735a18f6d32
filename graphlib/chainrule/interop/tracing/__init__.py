"""A function of arrays called with nodes: the graph that it computes, with its own names, and its helpers as layers."""
