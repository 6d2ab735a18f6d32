"""The page docs/nodes.md: what it says of every class without its judges is so, and no class is without a check."""

import pytest
from page_of_nodes import CLASSES, PAGE, make_nodes, rows

import chainrule as cr


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_what_is_said_of_a_class_is_so(kind):
    name, *facts = make_nodes.facts(kind)
    assert rows()[name.strip("`")][: len(facts)] == list(map(str, facts)), "run docs/make_nodes.py"


def test_every_class_is_there_and_has_checks_and_all_judges():
    found = rows()
    public = {name for name in cr.__all__ if isinstance(kind := getattr(cr, name), type) and issubclass(kind, cr.Node)}
    assert public - {"Node", "Leaf", "Input", "Parameter", "Constant"} <= set(found)
    assert set(found) == {kind.__name__ for kind in CLASSES}
    assert {name for name, row in found.items() if not all(row) or not int(row[0])} == set()
    values = {name for name, row in found.items() if row[4:] != ["gradients"] * 3}
    assert values == {name for name, row in found.items() if row[4:] == ["value"] * 3 and row[3] == "none"} == {"Size"}


def test_the_page_is_what_its_command_writes_around_the_rows():
    written = {name: f"| `{name}` | {' | '.join(row)} |" for name, row in rows().items()}
    assert PAGE.read_text("utf-8") == make_nodes.page(lambda kind: written[kind.__name__]), "run docs/make_nodes.py"
