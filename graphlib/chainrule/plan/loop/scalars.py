"""Scalars: a program entry by entry, every step of it as operations on single numbers.

The entries of a column are few in a small network, so all of them fit into the registers of a processor, and nothing
between the feeds and the sums over columns is ever written to memory.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias, final

import numpy as np
import numpy.typing as npt

from chainrule.plan.columns import Role, column_name, roles
from chainrule.plan.optimizing import evaluated
from chainrule.program.calls import Call, pick
from chainrule.program.program import Program
from chainrule.program.step import Ref, Step, map_refs, step_text
from chainrule.symbols import elementary
from chainrule.symbols.dimensions import Dimension, shape_text
from chainrule.symbols.operations import OPERATIONS, index, kind, number
from chainrule.symbols.shapes import normal_axes

Phase: TypeAlias = Literal["before", "columns", "after"]
_LATER: Final[dict[str, int]] = {"before": 0, "columns": 1, "after": 2}
MOST_OPERATIONS: Final = 1500  # more take Numba over five seconds to compile, and no longer fit the registers anyway


@final
class NotScalar(Exception):  # noqa: N818 — it says what a program is; another kind of plan runs it
    """Why a program cannot be computed number by number."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """One number: an operation on earlier ones, and when it is known: before the columns, in each, or after them."""

    operation: str
    operands: tuple[Any, ...]
    """Scalars and Python numbers; for "load" the feed and the place in it, with None along the columns."""
    phase: Phase
    kind: str
    """What it is to NumPy: "f" a floating number, "b" a boolean."""


Cells: TypeAlias = "npt.NDArray[np.object_]"  # an array of Scalars and Python numbers


@final
@dataclass(frozen=True)
class Scalars:
    """A program number by number."""

    scalars: tuple[Scalar, ...]
    """Every operation, operands first."""
    feeds: Mapping[str, tuple[tuple[int, ...], int | None]]
    """By name, the shape with 1 in the place of the columns, and the axis of the columns."""
    results: Mapping[str, tuple[Cells, int | None]]
    """By the name under which a result is handed back, its entries and the axis of the columns."""
    column: str | None
    """The name of the number of columns."""
    named: Mapping[Scalar, str]
    """What people call a scalar: the first entry of the columns of Z1 is Z1_0."""
    updates: Mapping[str, str]
    """By feed, the result that is its new value."""
    remarks: Mapping[Scalar, str]
    """What begins with a scalar: the formula and the shape of the step that it is the first entry of."""

    @property
    def sums(self) -> list[Scalar]:
        """The sums over columns."""
        return [scalar for scalar in self.scalars if scalar.operation in ("sum", "sum_of_products")]


def scalars_of(program: Program, sizes: Mapping[str, int]) -> Scalars:
    """The program number by number, for the sizes of everything but the columns.

    Raises NotScalar, naming the step, when a step has no such form or there are too many operations; Unsplittable when
    columns meet before a sum over them.
    """
    column = column_name(program)
    part = roles(program, column or "")
    return _Opening(program, part, column, sizes).scalars()


@final
class _Opening:
    """One program being opened: the cells of every step so far, and the scalars that they hold."""

    def __init__(self, program: Program, part: Sequence[Role], column: str | None, sizes: Mapping[str, int]) -> None:
        self.program, self.part, self.column = program, part, column
        self.sizes = {**sizes, **({} if column is None else {column: 1})}
        self.cells: list[Cells] = []
        self.made: dict[Any, Scalar] = {}
        self.named: dict[Scalar, str] = {}
        self.remarks: dict[Scalar, str] = {}

    def scalars(self) -> Scalars:
        for k, step in enumerate(self.program.steps):
            self.cells.append(self._cells(k, step))
        program, part = self.program, self.part
        feeds = {name: (self._shape(program.steps[k]), part[k].axis) for name, k in program.feeds.items()}
        ends = (*program.losses.items(), *((program.handed_name(name), k) for name, k in program.handed.items()))
        if looked_up := [name for name, k in ends if program.steps[k].dtype.kind != "f"]:
            raise NotScalar(f"{looked_up[0]} holds {program.steps[dict(ends)[looked_up[0]]].dtype} and no fractions")
        results = {name: (self.cells[k], part[k].axis if part[k].kind == "columns" else None) for name, k in ends}
        updates = {name: program.handed_name(name) for name in program.updates}
        alive = _alive(self.made.values(), results)
        return Scalars(alive, feeds, results, self.column, self.named, updates, self.remarks)

    # --- one step --------------------------------------------------------------------------------------------------

    def _cells(self, k: int, step: Step) -> Cells:
        if isinstance(step.operation, Call) or step.operation is pick:
            raise NotScalar(f"{step_text(step)} is called as it is")
        shape = self._shape(step)
        if step.is_feed:
            return self._loaded(step, shape, self.part[k].axis)
        if step.is_constant:
            return _as_cells(step.operands[0])
        options = {key: evaluated(value, self.sizes) for key, value in step.options.items()}
        step = replace(step, options=options)
        operands = [self._operand(operand) for operand in step.operands]
        if self.part[k].kind == "sum":
            cells = self._summed(step, operands)
        else:
            cells = self._opened(step, operands)
        if cells.shape != shape:
            raise NotScalar(f"{step_text(step)} is not computed entry by entry")
        return self._named(step, cells, self.part[k].axis)

    def _shape(self, step: Step) -> tuple[int, ...]:
        """The shape of a step, with 1 in the place of the columns."""
        shape = None if step.shape is None else evaluated(step.shape, self.sizes)
        if shape is None or not all(isinstance(size, int) for size in shape):
            raise NotScalar(f"{step_text(step)} has a shape that depends on data")
        return tuple(map(int, shape))

    def _operand(self, operand: Any) -> Any:
        if isinstance(operand, Ref):
            return self.cells[operand.step]
        if isinstance(operand, Dimension):
            return self._count(operand)
        return map_refs(evaluated(operand, self.sizes), lambda ref: self.cells[ref.step])

    def _count(self, size: Dimension) -> Any:
        """A count such as m, which is known at the call, or the number of it when the columns have no part in it."""
        if self.column in size.names:
            if not size.is_product_of_names:
                raise NotScalar(f"{size} has a bend")
            return self.emit("count", size, phase="before")
        return float(size.evaluate_exactly(self.sizes))

    def _loaded(self, step: Step, shape: tuple[int, ...], axis: int | None) -> Cells:
        if step.dtype.kind != "f":
            raise NotScalar(f"{step.name} holds {step.dtype}, which is looked up and not computed with")
        cells = np.empty(shape, object)
        for place in np.ndindex(shape):
            at = tuple(None if k == axis else i for k, i in enumerate(place))
            phase: Phase = "before" if axis is None else "columns"
            loaded = cells[place] = self.emit("load", step.name, at, phase=phase)
            self.named[loaded] = _cell_name(step, at)
        return cells

    def _named(self, step: Step, cells: Cells, axis: int | None) -> Cells:
        """The cells, of which those that the step has made carry its name."""
        if step.name is None:
            return cells
        for place in np.ndindex(cells.shape):
            scalar: Any = cells[place]
            if isinstance(scalar, Scalar) and scalar not in self.named:
                at = tuple(None if k == axis else i for k, i in enumerate(place))
                self.named[scalar] = _cell_name(step, at)
                if step.formula and not any(place):
                    self.remarks[scalar] = f"{step.name} = {step.formula}  {shape_text(step.shape)}"
        return cells

    def _opened(self, step: Step, operands: list[Any]) -> Cells:
        operation: Any = step.operation
        options = dict(step.options)
        if operation is index and _reads(step.operands[1]):
            raise NotScalar(f"{step_text(step)} looks up what a feed says")
        if operation is np.matmul:
            return _as_cells(self._product(operands[0], operands[1], self._dot))
        if operation in (index, number) or kind(operation) in ("view", "arrangement", "creation"):
            return _as_cells(operands[0] if operation is number else operation(*operands, **options))  # a count already
        if operation is np.cumsum:
            return self._along(_totals, operands[0], **options).reshape(self._shape(step))
        if operation in _ALONG_AXIS:
            return self._along(_ALONG_AXIS[operation], operands[0], **options)
        if operation is elementary.put:
            return self._put(*operands)
        return self._entrywise(step, operands)

    def _entrywise(self, step: Step, operands: list[Any]) -> Cells:
        function = function_of(step)
        if function is None:
            raise NotScalar(f"{step_text(step)} has no form for single numbers")
        kind = step.dtype.kind
        floating = kind == "f" or _has_floats(operands)

        def one(*numbers: Any) -> Any:
            given = [self._number(x, floating) for x in numbers]
            return given[0] if function == "number" else self.emit(function, *given, kind=kind)

        if any(operand is None for operand in operands):  # np.clip without a bound
            raise NotScalar(f"{step_text(step)} has no form for single numbers")
        return _as_cells(np.frompyfunc(one, len(operands), 1)(*operands))

    def _number(self, number: Any, floating: bool) -> Any:
        """A number as an operand: booleans become 0.0 and 1.0 where numbers are computed with."""
        if isinstance(number, Scalar):
            return self.emit("number", number) if floating and number.kind == "b" else number
        return float(number) if floating else number

    # --- functions of several entries ------------------------------------------------------------------------------

    def _product(self, x: Cells, y: Cells, dot: Callable[..., Any]) -> Cells:
        """A matrix product, as NumPy defines it for vectors and stacks, too; ``dot`` multiplies a row and a column."""
        left = x[None, :] if x.ndim == 1 else x
        right = y[:, None] if y.ndim == 1 else y
        stack = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
        left = np.broadcast_to(left, (*stack, *left.shape[-2:]))
        right = np.broadcast_to(right, (*stack, *right.shape[-2:]))
        cells = np.empty((*stack, left.shape[-2], right.shape[-1]), object)
        for *at, row, column in np.ndindex(cells.shape):
            cells[(*at, row, column)] = dot(left[(*at, row)], right[(*at, slice(None), column)])
        if x.ndim == 1:
            cells = cells[..., 0, :]
        return cells[..., 0] if y.ndim == 1 else cells

    def _dot(self, row: Iterable[Any], column: Iterable[Any]) -> Any:
        total: Any = None
        for x, y in zip(row, column, strict=True):
            total = self.emit("multiply", x, y) if total is None else self.emit("multiply_add", total, x, y)
        return 0.0 if total is None else total

    def _summed_pair(self, row: Iterable[Any], column: Iterable[Any]) -> Any:
        """The product of the one entry that a row and a column have here, added up over the columns of the batch."""
        return self.emit("sum_of_products", *row, *column, phase="after")

    def _along(self, function: Callable[..., Any], x: Cells, axis: Any = None, keepdims: bool = False) -> Cells:
        """What a function of a row of numbers gives along some axes: a number, or a row again."""
        if x.size == 0:
            raise NotScalar("a function of no numbers")
        axes = tuple(range(x.ndim)) if axis is None or not x.ndim else normal_axes(axis, x.ndim)  # axis 0 of a number
        kept = [k for k in range(x.ndim) if k not in axes]
        order = (*kept, *axes)
        rows = np.transpose(x, order).reshape(*(x.shape[k] for k in kept), -1)
        sample = function(self, list(rows.reshape(-1, rows.shape[-1])[0]))
        if isinstance(sample, list):
            out = np.empty(rows.shape, object)
            for at in np.ndindex(rows.shape[:-1]):
                out[at] = function(self, list(rows[at]))
            return np.transpose(out.reshape([x.shape[k] for k in order]), np.argsort(order))
        out = np.empty(rows.shape[:-1], object)
        for at in np.ndindex(out.shape):
            out[at] = function(self, list(rows[at]))
        return np.expand_dims(out, axes) if keepdims else out

    def _put(self, grad: Cells, key: Any, like: Cells) -> Cells:
        """Zeros with ``grad`` added at a key that is known now."""
        if _reads(key):
            raise NotScalar("entries are added where a feed says")
        places = np.arange(like.size).reshape(like.shape)[key]
        total = np.full(like.size, 0.0, object)
        for place, entry in zip(places.ravel(), np.broadcast_to(grad, places.shape).ravel(), strict=True):
            total[place] = self.emit("add", total[place], entry)
        return total.reshape(like.shape)

    def _summed(self, step: Step, operands: list[Any]) -> Cells:
        """A sum over the columns, of which there is one here: its entries become sums in a loop."""
        if step.operation is np.matmul:
            x, y = operands
            return self._product(x, y, self._summed_pair).reshape(self._shape(step))
        if step.operation is not np.sum:
            raise NotScalar(f"{step_text(step)} adds up where a feed says")
        rows = self._along(_total, operands[0], **step.options)
        return _as_cells(np.frompyfunc(lambda x: self.emit("sum", x, phase="after"), 1, 1)(rows))

    # --- one number ------------------------------------------------------------------------------------------------

    def emit(self, operation: str, *operands: Any, kind: str = "f", phase: Phase | None = None) -> Any:
        """The scalar for an operation on numbers; the one there is if it has been made."""
        if operation in ("add", "multiply_add") and isinstance(operands[0], float) and operands[0] == 0.0:
            rest = operands[1:]
            return rest[0] if operation == "add" else self.emit("multiply", *rest)
        key = (operation, *(_key(operand) for operand in operands))
        if key not in self.made:
            if len(self.made) == MOST_OPERATIONS:  # at once: a wide layer alone loads hundreds of thousands of weights
                raise NotScalar(f"more than {MOST_OPERATIONS:,} operations on numbers for each column")
            self.made[key] = Scalar(operation, operands, phase or _phase(operands), kind)
        return self.made[key]


def _as_cells(value: Any) -> Cells:
    if isinstance(value, np.ndarray) and value.dtype == object:
        return value
    array = np.asarray(value)
    cells = np.empty(array.shape if not isinstance(value, Scalar) else (), object)
    cells[...] = value if isinstance(value, Scalar) else array.astype(object)
    return cells


def _has_floats(operands: Iterable[Any]) -> bool:
    return any(
        (x.kind == "f" if isinstance(x, Scalar) else isinstance(x, float))
        for operand in operands
        for x in (operand.ravel() if isinstance(operand, np.ndarray) else [operand])
    )


def _cell_name(step: Step, place: Sequence[int | None]) -> str:
    return "_".join([str(step.name), *(str(k) for k in place if k is not None)])


def _key(operand: Any) -> Any:
    return id(operand) if isinstance(operand, Scalar) else (type(operand).__name__, repr(operand))


def _phase(operands: Iterable[Any]) -> Phase:
    phases: list[Phase] = [x.phase for x in operands if isinstance(x, Scalar)]
    return max(phases, key=_LATER.__getitem__, default="before")


def _reads(key: Any) -> bool:
    found: list[Ref] = []
    map_refs(key, found.append)
    return bool(found)


def _alive(made: Iterable[Scalar], results: Mapping[str, tuple[Cells, Any]]) -> tuple[Scalar, ...]:
    """The scalars that some result needs, in their order."""
    order = list(made)
    needed = {id(x) for cells, _ in results.values() for x in cells.ravel() if isinstance(x, Scalar)}
    for scalar in reversed(order):
        if id(scalar) in needed:
            needed |= {id(x) for x in scalar.operands if isinstance(x, Scalar)}
    return tuple(scalar for scalar in order if id(scalar) in needed)


# --- what the operations are ---------------------------------------------------------------------------------------

_OTHER_NAMES: Final = {
    np.astype: "number",
    np.bitwise_and: "logical_and",
    np.bitwise_or: "logical_or",
    np.bitwise_xor: "logical_xor",
}
FUNCTIONS: Final = frozenset(
    """
    absolute add arccos arccosh arcsin arcsinh arctan arctanh cbrt ceil clip cos cosh divide equal erf exp exp2 expm1
    floor greater greater_equal isfinite isinf isnan less less_equal log log10 log1p log2 logical_and logical_not
    logical_or logical_xor maximum minimum multiply negative normal_cdf not_equal number positive power power_slope
    ratio reciprocal sign sin sinh sqrt square subtract tan tanh weighted where xlog1m xlogy
    """.split()
)
"""The functions of single numbers that loops are printed with."""


def function_of(step: Step) -> str | None:
    """The function of single numbers that a step computes for every entry, if it does."""
    if kind(step.operation) != "entrywise":
        return None
    name: str = _OTHER_NAMES.get(step.operation) or step.operation.__name__  # type: ignore[union-attr]  # it has one
    known = name in FUNCTIONS and not step.options.keys() - {"dtype"} and step.dtype.kind in "fb"
    return name if known else None


def _chain(function: str) -> Callable[[_Opening, list[Any]], Any]:
    def of_row(opening: _Opening, row: list[Any]) -> Any:
        numbers = [opening._number(x, True) for x in row]
        return functools.reduce(lambda x, y: opening.emit(function, x, y), numbers)

    return of_row


_total = _chain("add")
_largest = _chain("maximum")


def _gap(opening: _Opening, x: Any, shift: Any) -> tuple[Any, Any]:
    """x - shift and what rounding leaves out of it, as ``elementary`` has it."""
    gap = opening.emit("subtract", x, shift)
    back = opening.emit("subtract", x, gap)
    of_x = opening.emit("subtract", x, opening.emit("add", gap, back))
    left_out = opening.emit("add", of_x, opening.emit("subtract", back, shift))
    return gap, opening.emit("finite_or_zero", left_out)


def _shift(opening: _Opening, row: list[Any]) -> Any:
    """The largest entry of a row, or 0 where that is infinite."""
    return opening.emit("finite_or_zero", _largest(opening, row))


def _powers(opening: _Opening, row: list[Any], shift: Any) -> list[Any]:
    """exp(x - shift) of a row."""
    powers = []
    for x in row:
        gap, left_out = _gap(opening, x, shift)
        powers.append(opening.emit("multiply", opening.emit("exp", gap), opening.emit("add", 1.0, left_out)))
    return powers


def _softmax(opening: _Opening, row: list[Any]) -> list[Any]:
    powers = _powers(opening, row, _shift(opening, row))
    total = _total(opening, powers)
    return [opening.emit("divide", x, total) for x in powers]


def _softmax_rest(opening: _Opening, row: list[Any]) -> list[Any]:
    """1 - softmax as the sum of the others' shares: no digit is lost where a share rounds to 1."""
    shares = _softmax(opening, row)
    before, after = _running(opening, shares), _running(opening, shares[::-1])[::-1]
    return [opening.emit("add", x, y) for x, y in zip(before, after, strict=True)]


def _running(opening: _Opening, row: list[Any]) -> list[Any]:
    """The sum of the entries before each."""
    totals: list[Any] = [0.0]
    for x in row[:-1]:
        totals.append(opening.emit("add", totals[-1], x))
    return totals


def _totals(opening: _Opening, row: list[Any]) -> list[Any]:
    """The sum of the entries up to each."""
    return list(itertools.accumulate(row, lambda total, x: opening.emit("add", total, x)))


def _log_total(opening: _Opening, row: list[Any]) -> tuple[Any, Any]:
    """log Σ exp(x - max), exact where one entry outweighs all others, and the shift."""
    shift = _shift(opening, row)
    powers = _powers(opening, row, shift)
    total = _total(opening, powers)
    largest = _largest(opening, row)
    taken: Any = None  # whether an entry that attains the largest has been left out already
    rest: list[Any] = []
    for x, power in zip(row, powers, strict=True):
        top = opening.emit("equal", x, largest, kind="b")
        first = (
            top
            if taken is None
            else opening.emit("logical_and", top, opening.emit("logical_not", taken, kind="b"), kind="b")
        )
        rest.append(opening.emit("where", first, 0.0, power))
        taken = top if taken is None else opening.emit("logical_or", taken, top, kind="b")
    exact = opening.emit("log1p", _total(opening, rest))
    finite = opening.emit("isfinite", largest, kind="b")
    return opening.emit("where", finite, exact, opening.emit("log", total)), shift


def _logsumexp(opening: _Opening, row: list[Any]) -> Any:
    total, shift = _log_total(opening, row)
    return opening.emit("add", shift, total)


def _log_softmax(opening: _Opening, row: list[Any]) -> list[Any]:
    total, shift = _log_total(opening, row)
    gaps = [_gap(opening, x, shift) for x in row]
    return [opening.emit("subtract", gap, opening.emit("subtract", total, left_out)) for gap, left_out in gaps]


def _centered(opening: _Opening, row: list[Any]) -> list[Any]:
    """What is left of a row less its mean: 0 where all entries are equal."""
    shift = _shift(opening, row)
    apart = [opening.emit("subtract", x, shift) for x in row]
    mean = _mean(opening, apart)
    return [opening.emit("subtract", x, mean) for x in apart]


def _mean(opening: _Opening, row: list[Any]) -> Any:
    return opening.emit("divide", _total(opening, row), float(len(row)))


_ALONG_AXIS: Final[dict[Any, Callable[[_Opening, list[Any]], Any]]] = {
    **{function: _chain(row.joins.__name__) for function, row in OPERATIONS.items() if row.joins is not None},
    np.mean: _mean,
    elementary.centered: _centered,
    elementary.softmax: _softmax,
    elementary.softmax_rest: _softmax_rest,
    elementary.logsumexp: _logsumexp,
    elementary.log_softmax: _log_softmax,
}
