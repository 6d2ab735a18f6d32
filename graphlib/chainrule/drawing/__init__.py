"""Drawings of graphs and runs: what is shown, as DOT text, laid out and finished as a picture."""

from chainrule.drawing.drawing import Drawing, draw_error, draw_graph, draw_run

__all__ = ["Drawing", "draw_error", "draw_graph", "draw_run"]
