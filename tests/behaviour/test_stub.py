"""What type checkers read of chainrule: the stub is what its command writes from the classes, and has every name."""

import ast
from pathlib import Path

import pytest
from scripts import script

import chainrule as cr

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made():
    return script("docs/make_stub.py")


def test_it_says_what_the_classes_say(made):
    assert made.STUB.read_text("utf-8") == made.stub(), "run docs/make_stub.py"


def test_it_has_every_public_name_and_no_other(made):
    tree = ast.parse(made.STUB.read_text("utf-8"))
    imported = {alias.asname for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    defined = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    assert (imported | defined) - {None} == set(cr.__all__)


def test_a_class_of_any_number_of_inputs_and_one_with_an_init_of_its_own_are_told_as_they_are(made):
    text = made.stub()
    for line in (
        "def __init__(self, x: Operand, y: Operand, /, *, name: str | None = None) -> None: ...",
        "def __init__(self, *values: Operand, axis: int = 0, name: str | None = None) -> None: ...",
        "def __init__(self, *operands: Operand, subscripts: str, name: str | None = None) -> None: ...",
    ):
        assert f"    {line}\n" in text
