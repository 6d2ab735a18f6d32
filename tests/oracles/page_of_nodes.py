"""The table of nodes in docs/nodes.md as tests read it, and what has written it."""

from scripts import script

from chainrule import nodes

make_nodes = script("docs/make_nodes.py")
PAGE = make_nodes.PAGE
CLASSES = [kind for family in nodes.__all__ for kind in make_nodes.classes(getattr(nodes, family))]


def rows():
    """The cells of every row, by the name of the class."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    cells = [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in lines]
    return {row[0].strip("`"): row[1:] for row in cells}
