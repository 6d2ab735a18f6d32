"""Writes what type checkers read of chainrule, the stub chainrule/__init__.pyi: `python docs/make_stub.py`.

At run time a node takes any inputs and any facts, and says what is wrong with them. A type checker says it in the
editor, if it is told the inputs of every class, by the names that its ``forward`` has for them, and its facts.
"""

from __future__ import annotations

import ast
import inspect
import math
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_origin

import chainrule as cr
from chainrule.core.node import _known_facts

PACKAGE = Path(__file__).parents[1] / "graphlib" / "chainrule"
STUB = PACKAGE / "__init__.pyi"
LEAVES = (cr.Node, cr.Leaf, cr.Input, cr.Parameter, cr.Constant)


class Taken:
    """What stands for the type of an input while types are put together: the stub calls it Operand."""


HEAD = '''"""What type checkers read of chainrule: the signature of every node, by docs/make_stub.py."""

from typing import Any, Literal, final

from chainrule.core.node import Operand
from chainrule.symbols.symbol import Value
'''


def stub() -> str:
    """The whole text."""
    classes = [getattr(cr, name) for name in cr.__all__ if is_rule(getattr(cr, name))]
    names = ",\n".join(f'    "{name}"' for name in cr.__all__)
    parts = [
        HEAD + "\n".join(sorted(imports())),
        f"__version__: str\n\n__all__ = [\n{names},\n]",
        *(class_text(kind) for kind in classes),
    ]
    return "\n\n".join(parts) + "\n"


def is_rule(value: Any) -> bool:
    """Whether a public name is a node class with inputs."""
    return isinstance(value, type) and issubclass(value, cr.Node) and value not in LEAVES


def imports() -> Iterator[str]:
    """The import of every other public name, as __init__.py has it."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
    table = next(
        n.value for n in tree.body if isinstance(n, ast.Assign) and names_in(n.targets) == ["_LOADED_WHEN_USED"]
    )
    origin: dict[str, str] = ast.literal_eval(table)
    for statement in ast.walk(tree):
        if isinstance(statement, ast.ImportFrom) and statement.module:
            origin |= {alias.name: statement.module for alias in statement.names}
    for name in cr.__all__:
        if not is_rule(getattr(cr, name)):
            yield f"from {origin[name]} import {name} as {name}"


def names_in(targets: list[ast.expr]) -> list[str]:
    """The names that are assigned to."""
    return [target.id for target in targets if isinstance(target, ast.Name)]


# --- one class -------------------------------------------------------------------------------------------------------


def class_text(kind: type[cr.Node]) -> str:
    """The class as a stub: what it is, its facts, how it is built, and the values that its rule takes."""
    facts = [f"    {fact.name}: {type_text(fact.annotation)}" for fact in facts_of(kind)]
    built = ", ".join(["self", *written(parameters(kind))])
    rule = ", ".join(["self", *written(plain(inspect.signature(kind.forward).parameters.values()))])
    lines = [
        "@final",
        f"class {kind.__name__}(Node):",
        f'    """{(kind.__doc__ or "").splitlines()[0]}"""',
        *([""] if facts else []),
        *facts,
        "",
        f"    def __init__({built}) -> None: ...",
        f"    def forward({rule}) -> Value: ...",
    ]
    return "\n".join(lines)


def facts_of(kind: type[cr.Node]) -> list[inspect.Parameter]:
    """The facts of a class as keywords, with their types and defaults."""
    hints, empty = hints_of(kind), inspect.Parameter.empty
    return [
        inspect.Parameter(
            fact, inspect.Parameter.KEYWORD_ONLY, default=getattr(kind, fact, empty), annotation=hints.get(fact, Any)
        )
        for fact in _known_facts(kind)
    ]


def hints_of(kind: type[cr.Node]) -> dict[str, Any]:
    """The types of the annotated attributes, each read where its class stands."""
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, cr.Node) and base is not cr.Node:
            notes = inspect.get_annotations(base, eval_str=True)
            found |= {name: note.__origin__ if get_origin(note) is Annotated else note for name, note in notes.items()}
    return found


def parameters(kind: type[cr.Node]) -> list[inspect.Parameter]:
    """What a class is built from: inputs first, then facts and the name by keyword.

    A class without an ``__init__`` of its own takes the values of its ``forward``. One that hands facts on is given
    the inputs and the facts by name.
    """
    own = kind.__init__ is not cr.Node.__init__
    given = list(inspect.signature(kind.__init__ if own else kind.forward).parameters.values())[1:]
    if own and not any(p.kind is p.VAR_KEYWORD for p in given):
        return [resolved(kind, parameter) for parameter in given]
    told = {p.name for p in given} if own else set()
    if own:
        inputs = [resolved(kind, p) for p in given if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD, p.KEYWORD_ONLY)]
        rest = list(inspect.signature(kind.forward).parameters.values())[1 + len(inputs) :]
        inputs += [p.replace(annotation=operand(p), kind=p.POSITIONAL_ONLY) for p in rest]
        inputs = [p.replace(kind=p.POSITIONAL_ONLY) for p in inputs]
    else:
        inputs = [
            p.replace(annotation=operand(p), kind=p.kind if p.kind is p.VAR_POSITIONAL else p.POSITIONAL_ONLY)
            for p in given
        ]
    name = inspect.Parameter("name", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=str | None)
    return [*inputs, *(fact for fact in facts_of(kind) if fact.name not in told), name]


def operand(parameter: inspect.Parameter) -> Any:
    """What may stand for an input; nothing too, where the rule does without it."""
    return Taken if parameter.default is parameter.empty else Taken | None


def resolved(kind: type[cr.Node], parameter: inspect.Parameter) -> inspect.Parameter:
    """A parameter of a class's own ``__init__`` with the type that its annotation names; an alias stays a name."""
    names = {**inspect.unwrap(kind.__init__).__globals__, "Operand": Taken}
    return parameter.replace(annotation=typing.get_type_hints(kind.__init__, names)[parameter.name])


def plain(parameters: Any) -> list[inspect.Parameter]:
    """The parameters of a rule without ``self``: values all of them."""
    return [p.replace(annotation="Value") for p in list(parameters)[1:]]


# --- text ------------------------------------------------------------------------------------------------------------


def written(parameters: list[inspect.Parameter]) -> Iterator[str]:
    """Parameters as they stand in a definition."""
    before = None
    for parameter in parameters:
        if before is parameter.POSITIONAL_ONLY and parameter.kind is not before:
            yield "/"
        if parameter.kind is parameter.KEYWORD_ONLY and before not in (
            parameter.KEYWORD_ONLY,
            parameter.VAR_POSITIONAL,
        ):
            yield "*"
        star = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
        default = "" if parameter.default is parameter.empty else f" = {default_text(parameter.default)}"
        yield f"{star}{parameter.name}: {type_text(parameter.annotation)}{default}"
        before = parameter.kind
    if before is inspect.Parameter.POSITIONAL_ONLY:
        yield "/"


def default_text(value: Any) -> str:
    """A default as it is written; ... for one that has no short word."""
    if isinstance(value, float) and not math.isfinite(value):
        return "..."
    return repr(value) if value is None or type(value) in (bool, int, float, str) else "..."


def type_text(note: Any) -> str:
    """A type as it is written."""
    if isinstance(note, type) and not typing.get_args(note):
        return "Operand" if note is Taken else note.__name__
    return str(note).replace("typing.", "").replace(f"{__name__}.Taken", "Operand")


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
