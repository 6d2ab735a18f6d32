r"""The products and sums that paper leaves open, ``dZ \cdot A^T`` and a bare ``\sum dZ``, settled by what fits."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeAlias, final

import numpy as np

from chainrule.judging.reading.evaluation import Evaluation, as_value
from chainrule.judging.reading.forms import is_scalar, name_in, of_numpy
from chainrule.judging.reading.scope import Scope

Axes: TypeAlias = "tuple[int | None, ...]"

SUMS: Final[Mapping[str, Axes]] = MappingProxyType(
    {
        "columns": (1,),
        "rows": (0,),
        "all": (None, 1, 0),
        "examples": (1, 0, None),
        "i": (0, 1, None),
        "j": (1, 0, None),
        "open": (0, 1, None),
    }
)
"""What a sum may run over, by how it is written; what comes first is taken where nothing speaks against it."""
_MOST_TRIED: Final = 27


def over(axis: int | None) -> list[ast.keyword]:
    """The options of a sum over an axis, which is kept; none of a sum over everything."""
    if axis is None:
        return []
    return [ast.keyword("axis", ast.Constant(axis)), ast.keyword("keepdims", ast.Constant(True))]


@final
@dataclass
class OpenPlaces:
    """What a text left open: products with a dot, products side by side, sums, and what is of one example."""

    dotted: list[ast.BinOp] = field(default_factory=list)
    beside: list[ast.BinOp] = field(default_factory=list)
    sums: list[tuple[ast.Call, Axes]] = field(default_factory=list)
    examples: dict[int, tuple[str, ast.expr]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.dotted or self.beside or self.sums)

    def is_by_example(self, operand: ast.expr, index: str) -> bool:
        """Whether a sum with this index runs over the examples that its operand speaks of."""
        marks = (self.examples.get(id(node), ("",))[0] for node in ast.walk(operand))
        return bool(self.examples) and any(mark and (not index or mark == index) for mark in marks)

    def of_all_examples(self, operand: ast.expr) -> tuple[ast.expr, bool]:
        """The operand of a sum over examples, for all of them at once; and whether that is the sum already.

        Σ u⁽ⁱ⁾ v⁽ⁱ⁾ᵀ is U Vᵀ. In every other product of one example's columns the shapes say of which kind it is.
        """
        for node in ast.walk(operand):
            if isinstance(node, ast.BinOp) and any(node is other for other in self.beside):
                self.dotted.append(node)
                node.op = ast.Mult()
        outer = self._outer_product(operand)
        if outer is None:
            return operand, False
        outer.op = ast.MatMult()
        self.dotted = [node for node in self.dotted if node is not outer]
        return operand, True

    def _outer_product(self, operand: ast.expr) -> ast.BinOp | None:
        while isinstance(operand, ast.BinOp):
            if isinstance(operand.op, ast.Mult | ast.MatMult) and self._is_transposed(operand.right):
                return operand
            if isinstance(operand.op, ast.Mult) and is_scalar(operand.left):
                operand = operand.right
            elif isinstance(operand.op, ast.Mult | ast.Div) and is_scalar(operand.right):
                operand = operand.left
            else:
                return None
        return None

    def _is_transposed(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Attribute) and node.attr == "T" and self.is_by_example(node.value, "")

    def settle(self, tree: ast.expr, scope: Scope, shape: tuple[int, ...] | None) -> None:
        """Choose for every place what fits, so that the whole has the shape that it should, where that can be."""
        fitting = _Fitting(self, tree, scope)
        chosen = (
            None if shape is None else next((axes for axes in self._choices() if fitting.shape(axes) == shape), None)
        )
        fitting.shape(next(self._choices()) if chosen is None else chosen)

    def _choices(self) -> Iterator[Axes]:
        """Axes for all sums, the likeliest first; where there are too many sums, each takes its first."""
        options = [axes for _, axes in self.sums]
        if np.prod([len(axes) for axes in options], initial=1) > _MOST_TRIED:
            return iter([tuple(axes[0] for axes in options)])
        return itertools.product(*options)


@final
class _Fitting:
    """One text's open places, tried on examples of its values."""

    def __init__(self, places: OpenPlaces, tree: ast.expr, scope: Scope) -> None:
        self.places, self.tree, self.scope = places, tree, scope
        self.inner_first = [node for node in reversed(list(ast.walk(tree))) if isinstance(node, ast.expr)]
        names = {name_in(node) for node in self.inner_first}
        self.values = {name: as_value(scope[name], name) for name in names if name and scope.get(name) is not None}

    def shape(self, axes: Axes) -> tuple[int, ...] | None:
        """The shape of the whole with these axes for its sums, and the products that fit then."""
        for (call, options), axis in zip(self.places.sums, axes, strict=True):
            call.keywords = over(axis)
            if options == SUMS["examples"]:
                call.keywords = over(axis if axis != options[0] else self._examples_of(call))
        evaluation = Evaluation(self.values, remembering=True)
        dotted, beside = ({id(node) for node in nodes} for nodes in (self.places.dotted, self.places.beside))
        for node in self.inner_first:
            if id(node) in dotted:
                assert isinstance(node, ast.BinOp)
                node.op = _dotted(*(_value(evaluation, part) for part in (node.left, node.right)))
            elif id(node) in beside:
                assert isinstance(node, ast.BinOp)
                node.op = _beside(*(_value(evaluation, part) for part in (node.left, node.right)))
            if isinstance(node, ast.BinOp):
                _value(evaluation, node)
        result = _value(evaluation, self.tree)
        return None if result is None else np.shape(result)

    def _examples_of(self, call: ast.Call) -> int:
        """The axis on which the operand of a sum has as many entries as there are examples."""
        value, count = _value(Evaluation(self.values), call.args[0]), self.values.get("m")
        axes = [axis for axis, size in enumerate(np.shape(value)) if count is not None and size == count]
        return axes[0] if axes else 1


def _value(evaluation: Evaluation, node: ast.expr) -> Any:
    """The value of a part, None where it has none."""
    try:
        with np.errstate(all="ignore"):
            value = evaluation.value(node)
            return None if isinstance(value, tuple | list) else value  # things in brackets have no shape together
    except Exception:  # a name without an example, shapes that do not fit: it is told when the formula is judged
        return None


def _dotted(left: Any, right: Any) -> ast.operator:
    """A product with a dot: entry by entry where that fits, else of matrices."""
    if left is None or right is None or not (np.ndim(left) and np.ndim(right)):
        return ast.Mult()
    x, y = np.shape(left), np.shape(right)
    of_matrices = x[-1] == (y[-2] if len(y) > 1 else y[0])
    return ast.MatMult() if of_matrices and not _broadcasts(x, y) else ast.Mult()


def _beside(left: Any, right: Any) -> ast.operator:
    """A product side by side: of matrices, unless one of the two is a number."""
    if left is None or right is None or (np.ndim(left) and np.ndim(right)):
        return ast.MatMult()
    return ast.Mult()


def _broadcasts(x: tuple[int, ...], y: tuple[int, ...]) -> bool:
    return all(a == b or 1 in (a, b) for a, b in zip(reversed(x), reversed(y), strict=False))


def summed(operand: ast.expr, text: str) -> tuple[ast.Call, Axes]:
    """A sum as it is written, over what it runs over first of all."""
    return ast.Call(of_numpy("sum"), [operand], over(SUMS[text][0])), SUMS[text]
