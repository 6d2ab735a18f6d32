"""The table of nodes in docs/nodes.md as tests read it, and what has written it."""

import importlib.util
from pathlib import Path

from chainrule import nodes

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("make_nodes", ROOT / "docs" / "make_nodes.py")
make_nodes = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(make_nodes)
PAGE = make_nodes.PAGE
CLASSES = [kind for family in nodes.__all__ for kind in make_nodes.classes(getattr(nodes, family))]


def rows():
    """The cells of every row, by the name of the class."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    cells = [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in lines]
    return {row[0].strip("`"): row[1:] for row in cells}
