"""A plan as a module that needs NumPy alone: the printed functions for some sizes, and what chooses between them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, final

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.plan.numpy_source import NumpySource
from chainrule.plan.standing_alone import functions_text, value_text
from chainrule.shown.text import visible
from chainrule.symbols.operations import OPERATIONS

_BODY: Final = '''
def compute(feeds):
    """{doc}"""
    if set(feeds) != set(FEEDS):
        raise ValueError(f"fed are {{sorted(FEEDS)}}, not {{sorted(feeds)}}")
    arrays = {{name: np.asarray(feeds[name]).astype(kind, casting="same_kind") for name, kind in FEEDS.items()}}
    shapes = tuple(array.shape for array in arrays.values())
    if shapes not in WRITTEN:
        raise ValueError(f"{{dict(zip(arrays, shapes))}}: this module is written for {{[dict(zip(FEEDS, known)) for known in WRITTEN]}}")
    {returned}
'''  # noqa: E501 — a line of the module
_IMPORTS: Final = ("from __future__ import annotations", "import math", "import numpy as np")


@final
class Written(NamedTuple):
    """The printed function for some sizes, and the shapes of its feeds."""

    source: NumpySource
    shapes: Mapping[str, tuple[int, ...]]


def module_text(
    title: str, parts: Sequence[Written], dtypes: Mapping[str, np.dtype[Any]], returned: str, doc: str
) -> str:
    """The module; ``returned`` is made of ``results``. Raises ArgumentError for a rule that is called as it is."""
    called: list[Callable[..., Any]] = []
    imports: dict[str, None] = dict.fromkeys(_IMPORTS)
    bodies = []
    for number, part in enumerate(parts):
        lines = part.source.text.splitlines()
        start = lines.index("def prepare():")
        objects = [f"    {line}" for line in _objects(part.source.objects, called)]
        for line in lines[:start]:
            if line.startswith("from numpy "):
                imports[line] = None
            elif line.startswith("from chainrule."):
                called += _imported(line)
        bodies.append("\n".join([f"def prepare_{number}():", *objects, *lines[start + 1 :]]))
    kept = [f"{tuple(part.shapes.values())!r}: prepare_{number}," for number, part in enumerate(parts)]
    order = [f"{name!r}: {dtype.name!r}," for name, dtype in dtypes.items()]
    arguments = ", ".join(f"arrays[{name!r}]" for name in parts[0].source.feeds)
    text = _BODY.format(doc=doc, returned=returned.replace("results", f"WRITTEN[shapes]()({arguments})"))
    head = repr(f"{visible(title)}: written by chainrule, it needs NumPy alone.")
    return "\n".join([
        head, "", *imports, "from numpy import dtype, frombuffer", "", "",
        *([functions_text(called), "", ""] if called else []),
        "\n\n\n".join(bodies), "", "FEEDS = {", *(f"    {line}" for line in order), "}",
        "WRITTEN = {", *(f"    {line}" for line in kept), "}", "", text,
    ])  # fmt: skip


def _objects(objects: Mapping[str, Any], called: list[Callable[..., Any]]) -> list[str]:
    """A line for each object in the text that has no text there; functions of this package are written out."""
    lines = []
    for name, value in objects.items():
        if (text := value_text(value)) is not None:
            lines.append(f"{name} = {text}")
        elif callable(value) and (row := OPERATIONS.get(value)) is not None:
            called.append(row.function)
            own = inspect.unwrap(row.function).__name__
            lines += [f"{name} = {own}"] if own != name else []
        else:
            kind = getattr(value, "__name__", type(value).__name__)
            raise ArgumentError(
                f"{kind} cannot be written into a module: the plan calls it as it is",
                remedy="a rule that Symbols can pass through; plan.program shows which are called",
            )
    return lines


def _imported(line: str) -> list[Callable[..., Any]]:
    """The functions of this package that a printed line imports."""
    module, _, names = line.removeprefix("from ").partition(" import ")
    asked = set(names.split(", "))
    return [f for f in OPERATIONS if getattr(f, "__module__", "") == module and f.__name__ in asked]
