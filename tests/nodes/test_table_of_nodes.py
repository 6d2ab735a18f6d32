"""The page docs/nodes.md: it says what its command computes, of every class, and none is without its checks."""

import importlib.util
from pathlib import Path

import pytest

import chainrule as cr

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def table():
    spec = importlib.util.spec_from_file_location("make_nodes", ROOT / "docs" / "make_nodes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(text):
    """The cells of every row, by the name of the class."""
    cells = [[cell.strip() for cell in line.split(" | ")] for line in text.splitlines() if line.startswith("| `")]
    return {row[0].strip("|` "): row[1:] for row in cells}


def test_it_says_what_is_so(table):
    assert table.PAGE.read_text("utf-8") == table.page(), "run docs/make_nodes.py"


def test_every_class_is_there_and_has_checks_and_a_judge(table):
    found = rows(table.PAGE.read_text("utf-8"))
    public = {name for name in cr.__all__ if isinstance(kind := getattr(cr, name), type) and issubclass(kind, cr.Node)}
    assert public - {"Node", "Leaf", "Input", "Parameter", "Constant"} <= set(found)
    assert {name for name, row in found.items() if not int(row[0]) or "PyTorch" not in row[-1]} == set()
    assert {name for name in public & set(found) if not all(found[name][:4])} == set()
