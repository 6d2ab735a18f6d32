"""What a learner's function returns on every draw of data, and the formulas that can be read off it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, final

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.judging.closeness import Array
from chainrule.judging.functions.filling import Filling, Recipe, called, filling_of, named
from chainrule.judging.functions.keys_of_gradients import gradient_of, names_of_keys
from chainrule.judging.functions.line_recorder import Made, Recording
from chainrule.judging.functions.reading_off import expression_of
from chainrule.judging.functions.sizes_again import with_sizes
from chainrule.judging.ground import Ground
from chainrule.symbols.dimensions import Dimension, Shape
from chainrule.symbols.symbol import Symbol

Function = Callable[..., Any]

_MOST_MADE, _LARGEST_MADE = 300, 10_000


@final
@dataclass(frozen=True)
class Question:
    """All that a function is asked, without what is right: the data of every draw, and what its names mean."""

    filling: Filling
    draws: dict[tuple[int, str], Mapping[str, Any]]
    shapes: dict[str, Shape | None]
    sizes: tuple[str, ...]
    gradients: tuple[str, ...]
    outputs: tuple[str, ...]


@final
@dataclass
class Answers:
    """What a function returned: arrays by draw and convention, and by key a formula and the line that gave it.

    Beside the ``keys`` that were returned stand variables that are called like gradients. ``made`` are the arrays of
    the first draw, under the names of their variables, with their lines.
    """

    shown: str
    results: dict[tuple[int, str], dict[str, Array]] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    lines: dict[str, int] = field(default_factory=dict)
    formulas: dict[str, ast.expr] = field(default_factory=dict)
    made: list[tuple[str, int, Array]] = field(default_factory=list)


def question(ground: Ground, wanted: Collection[str] | None = None) -> Question:
    """What there is to ask on this ground; of the gradients only those that are wanted, all where that is not known."""
    graph = ground.graph
    gradients = tuple(ground.draws[0].gradients)
    hidden = frozenset() if wanted is None else frozenset(gradients) - frozenset(wanted) - frozenset(graph.names)
    draws: dict[tuple[int, str], Mapping[str, Any]] = {
        (k, c): {name: value for name, value in ground.values(k, c).items() if name not in hidden}
        for k in range(len(ground.draws))
        for c in ground.conventions
    }
    shapes = {graph.name(node): node.shape for node in graph.order}
    outputs = tuple(graph.name(node) for node in graph.outputs)
    return Question(filling_of(ground), draws, shapes, tuple(ground.draws[0].sizes), gradients, outputs)


def answers_of(function: Function, asked: Question) -> Answers:
    """Call a function on every draw, and with Symbols; raises ArgumentError for what it raises, or does not return."""
    recipes = asked.filling.recipes(function)
    found = Answers(named(function))
    for (k, convention), values in asked.draws.items():
        recording = Recording(function)
        results = _returned(function, recipes, values, recording, asked)
        found.keys = found.keys or tuple(results)
        results |= {name: array for name, array in _variables(recording, asked).items() if name not in results}
        found.results[k, convention] = results
        for name, array in results.items():
            line = _line_of(array, recording, name, asked)
            if line is not None:
                found.lines.setdefault(name, line)
        if not found.made:
            found.made = [(made.name, made.line, made.then) for made in recording.made[:_MOST_MADE] if _is_small(made)]
    found.formulas = _formulas(function, recipes, asked)
    return found


def _returned(
    function: Function, recipes: Mapping[str, Recipe], values: Mapping[str, Any], recording: Recording, asked: Question
) -> dict[str, Array]:
    try:
        with np.errstate(all="ignore"):
            result = recording.run(lambda: called(function, recipes, values))
    except Exception as error:
        raise ArgumentError(
            f"{named(function)} raises {type(error).__name__}: {str(error)[:300]}",
            where="" if recording.line is None else f"line {recording.line}",
        ) from error
    return {name: _array(function, name, value) for name, value in by_name(function, result, recording, asked).items()}


def by_name(function: Function, result: Any, recording: Recording, asked: Question) -> dict[str, Any]:
    """What is returned, by the gradients that its keys mean, or the names of the variables in a tuple."""
    if isinstance(result, tuple | list) and result:
        result = _of_tuple(function, result, recording, asked)
    if not isinstance(result, Mapping) or not result:
        raise ArgumentError(
            f"{named(function)} returns no gradients by name",
            given=type(result).__name__,
            remedy='return {"dW1": dW1, "db1": db1}',
        )
    names = names_of_keys([str(key) for key in result], asked.gradients, asked.outputs)
    items = zip(map(str, result), result.values(), strict=True)
    found = {key if key in asked.outputs else names[key]: value for key, value in items}
    if not any(name in asked.gradients or name in asked.filling.values for name in found):
        raise ArgumentError(
            f"{named(function)} returns nothing that is a gradient of this graph",
            given=", ".join(map(str, result)),
            remedy=f"keys such as {', '.join(asked.gradients[-3:])}",
        )
    return found


def _of_tuple(function: Function, result: Any, recording: Recording, asked: Question) -> dict[str, Any]:
    found = {}
    for value in result:
        names = [name for name, local in recording.returned.items() if local is value]
        meant = next((name for name in names if gradient_of(name, asked.gradients)), names[0] if names else None)
        if meant is None:
            raise ArgumentError(
                f"{named(function)} returns a {type(result).__name__} whose values have no names",
                remedy='return {"dW1": dW1, "db1": db1}, or variables: return dW1, db1',
            )
        found[meant] = value
    return found


def _array(function: Function, name: str, value: Any) -> Array:
    if value is None or value is ...:
        raise ArgumentError(
            f"{named(function)} gives nothing for {name} yet",
            given=str(value),
            remedy=f"compute {name}, or leave its key out and have the others judged",
        )
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise ArgumentError(f"{named(function)} gives no array of real numbers for {name}", given=str(array.dtype))
    return array if array.dtype.kind == "f" else array.astype(float)


def _variables(recording: Recording, asked: Question) -> dict[str, Array]:
    """The variables that are called like gradients, as they end."""
    found = {}
    for made in recording.made:
        name = gradient_of(made.name, asked.gradients) if made.name.startswith("d") else None
        if name is not None and isinstance(made.value, np.ndarray) and made.value.dtype.kind == "f":
            found[name] = made.value
    return found


def _is_small(made: Made) -> bool:
    return isinstance(made.value, np.ndarray) and made.value.dtype.kind == "f" and made.value.size < _LARGEST_MADE


def _line_of(array: Array, recording: Recording, name: str, asked: Question) -> int | None:
    """The line on which an array came to be what it is: the last one that changed it, or the first that gave it."""
    same = [made.line for made in recording.made if made.value is array]
    equal = [made.line for made in recording.made if _equal(made.value, array)]
    line = same[-1] if same else equal[0] if equal else recording.line
    return None if line is None else recording.line_of_key(line, lambda key: gradient_of(key, asked.gradients) == name)


def _equal(made: Any, wanted: Array) -> bool:
    return isinstance(made, np.ndarray) and made.shape == wanted.shape and bool(np.array_equal(made, wanted))


# --- with Symbols ----------------------------------------------------------------------------------------------------


def _formulas(function: Function, recipes: Mapping[str, Recipe], asked: Question) -> dict[str, ast.expr]:
    """The formula of every key, and of variables that are called like gradients, as they came to be.

    There are none where a Symbol cannot pass. Where the number of examples has to be a number, it is that of a draw,
    and then that of another one: what differs is told by the name of the size again.
    """
    try:
        return _read_off(function, recipes, asked, {})
    except Exception:  # whatever NumPy says to Symbols
        pass
    numbers = list({tuple(int(values[name]) for name in asked.sizes): None for values in asked.draws.values()})[:2]
    try:
        found = [_read_off(function, recipes, asked, dict(zip(asked.sizes, sizes, strict=True))) for sizes in numbers]
        return {name: with_sizes([one[name] for one in found], asked.sizes, numbers) for name in found[0]}
    except Exception:  # the arrays are judged
        return {}


def _read_off(
    function: Function, recipes: Mapping[str, Recipe], asked: Question, numbers: Mapping[str, int]
) -> dict[str, ast.expr]:
    recording = Recording(function)
    result = recording.run(lambda: called(function, recipes, _symbols(asked, numbers)))
    symbols = by_name(function, result, recording, asked)
    if not all(isinstance(value, Symbol) for value in symbols.values()):
        return {}
    names = {id(symbol): name for name, symbol in symbols.items()}
    for label, symbol in {made.name: made.value for made in recording.made if isinstance(made.value, Symbol)}.items():
        name = gradient_of(label, asked.gradients) if label.startswith("d") else None
        if name is not None and name not in symbols and id(symbol) not in names:
            symbols[name], names[id(symbol)] = symbol, name
    place = {id(made.value): k for k, made in reversed(list(enumerate(recording.made)))}
    ranked = sorted(symbols, key=lambda name: place.get(id(symbols[name]), len(place)))
    trees = {name: expression_of(symbols[name], names, recording.line_of) for name in ranked}
    for name, tree in trees.items():
        _in_its_entry(tree, recording, partial(_means, name, asked.gradients))
    return trees


def _means(name: str, gradients: Collection[str], key: str) -> bool:
    return gradient_of(key, gradients) == name


def _in_its_entry(tree: ast.expr, recording: Recording, is_meant: Callable[[str], bool]) -> None:
    """Give what stands in an entry of a dict over several lines the line of that entry."""
    root = getattr(tree, "lineno", None)
    line = None if root is None else recording.line_of_key(root, is_meant)
    for node in ast.walk(tree) if line != root else ():
        if getattr(node, "lineno", None) == root:
            node.lineno = line  # type: ignore[attr-defined]  # an expression


def _symbols(asked: Question, numbers: Mapping[str, int]) -> dict[str, Any]:
    """What a function is filled with in the place of arrays; with numbers for sizes where there are any."""
    shapes = {
        name: shape if shape is None else tuple(numbers.get(str(size), size) for size in shape)
        for name, shape in asked.shapes.items()
    }
    sizes = {name: numbers.get(name, Dimension.named(name)) for name in asked.sizes}
    gradients = {f"d{name}": Symbol.leaf(f"d{name}", shape) for name, shape in shapes.items()}
    return {**sizes, **gradients, **{name: Symbol.leaf(name, shape) for name, shape in shapes.items()}}
