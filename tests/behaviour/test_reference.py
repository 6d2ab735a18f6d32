"""The reference: every public name has an entry, every node all of its parts, and every error and command is there."""

import importlib
import re
from pathlib import Path

import pytest
from scripts import script

import chainrule as cr

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made():
    return script("docs/make_reference.py")


@pytest.fixture(scope="module")
def pages(made):
    return made.pages()


def entries(pages):
    """What Sphinx is told to document, without signatures."""
    for text in pages.values():
        yield from re.findall(r"^\.\. auto\w+:: ([\w.]+)", text, re.MULTILINE)


def test_every_public_name_has_one_entry(pages):
    found = list(entries(pages))
    assert sorted(found) == sorted(set(found))
    rooms = {"chainrule.errors", "chainrule.practice"}  # told name by name
    assert {f"chainrule.{name}" for name in cr.__all__} - rooms <= set(found)


def test_every_public_name_of_a_room_has_an_entry(made, pages):
    for module in made.ROOMS:
        for name in importlib.import_module(module).__all__:
            told = f"`{module}.{name}`" in pages["rooms.md"]  # a type, or a name that chainrule has, too
            assert told or f"{module}.{name}" in entries(pages) or f":: {module}.{name}\n" in pages["rooms.md"], name


def test_every_room_with_a_list_of_names_is_told_or_is_one_that_nobody_imports_from(made):
    within = {"chainrule.nodes", "chainrule.notation", "chainrule.judging.reading", "chainrule.judging.repairs"}
    listed = {
        f"chainrule.{path.parent.relative_to(ROOT / 'graphlib' / 'chainrule').as_posix().replace('/', '.')}"
        for path in (ROOT / "graphlib" / "chainrule").rglob("*/__init__.py")
        if "\n__all__ = " in path.read_text("utf-8")
    }
    assert listed - within <= set(made.ROOMS)


def test_every_error_is_raised_by_the_code_on_its_page(pages):
    errors = {name: kind for name, kind in vars(cr.errors).items() if isinstance(kind, type)}
    kinds = {name: kind for name, kind in errors.items() if issubclass(kind, cr.errors.ChainruleError)}
    for name, kind in kinds.items():
        part = re.search(rf"^## {name}$(.*?)(?=^## |\Z)", pages["errors.md"], re.MULTILINE | re.DOTALL)[1]
        stands_above = any(other.__base__ is kind for other in kinds.values())
        assert stands_above or f"\n```text\nchainrule.errors.{name}: " in part


def test_every_node_has_its_rule_formula_picture_and_example(made, pages):
    for family in made.families():
        text = pages[f"{made.file_of(family)}.md"]
        for kind in made.public(family):
            part = re.search(rf"^## {kind.__name__}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)[1]
            for sign in (f"pictures/{kind.__name__}.svg", ">>> graph = cr.Graph(", "# forward", "<math", "The rule"):
                assert sign in part, f"{kind.__name__}: {sign}"
            assert pages[f"pictures/{kind.__name__}.svg"].startswith("<svg")


def test_slopes_are_told_where_a_rule_has_a_kink_an_end_or_nan(pages):
    text = pages["nodes-elementwise.md"]
    relu = text[text.index("## ReLU") : text.index("## Sigmoid")]
    assert "| `0` | 0 | 0 |" in relu
    assert "| `inf` | inf | 1 |" in relu
    assert "| `0` | -inf | inf |" in text[text.index("## Log\n") : text.index("## NormalCDF")]


def test_every_error_and_every_command_is_there_with_what_it_prints(pages):
    kinds = {name for name, kind in vars(cr.errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert {path.rpartition(".")[2] for path in entries({"": pages["errors.md"]})} == kinds
    text = pages["commands.md"]
    for command in ("derive", "gradcheck", "check", "draw", "page", "exercise", "grade"):
        assert f"$ chainrule {command} " in text
    assert "error:" not in text
    assert "A2 has to be transposed" in text


def test_names_elsewhere_lead_to_nodes(pages):
    for row in ("| [`Clip`](nodes-elementwise.md#clip) | `np.clip` | `torch.clamp` | `jax.numpy.clip` |",):
        assert row in pages["names.md"]
