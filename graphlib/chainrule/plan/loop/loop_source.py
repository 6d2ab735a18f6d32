"""The scalars of a program printed as Python that Numba compiles: one loop over the columns, and what follows it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np

from chainrule.plan.loop.scalars import Phase, Scalar, Scalars
from chainrule.plan.naming import Names, constant_name
from chainrule.shown.text import visible
from chainrule.symbols.dimensions import Dimension

BLOCK: Final = 1024  # columns added up in the dtype of the run, before their sums are added to those of other blocks
LARGEST_CALL: Final = 32_768  # columns that one call computes in one thread; for more, several threads pay

_INFIX: Final = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "greater": ">", "greater_equal": ">=", "less": "<",
    "less_equal": "<=", "equal": "==", "not_equal": "!=", "logical_and": "&", "logical_or": "|", "logical_xor": "^",
}  # fmt: skip
_FORMS: Final = {
    "negative": "-{0}", "positive": "{0}", "absolute": "abs({0})", "square": "{0} * {0}", "reciprocal": "one / {0}",
    "where": "{1} if {0} else {2}", "logical_not": "not {0}", "sqrt": "math.sqrt({0})",
    "isinf": "abs({0}) == math.inf",
    "weighted": "{0} if {0} == 0 else {0} * {1}",
}  # fmt: skip
OWN: Final = frozenset(
    """
    clip erf exp expm1 finite_or_zero isfinite isnan log log1p maximum minimum multiply_add normal_cdf number power
    power_slope ratio sign tanh xlog1m xlogy
    """.split()
)
_WHOLE: Final = "types.int64"
_SUMS: Final = "types.float64[::1]"
_RESERVED: Final = """
    math np types njit array real one piece finish run train first last sums total c m k batch repeats
    losses start FUNCTIONS fed made
""".split()


@final
@dataclass(frozen=True)
class LoopSource:
    """The printed module and how its functions are called."""

    text: str
    feeds: Mapping[str, tuple[tuple[int, ...], int | None]]
    """By name, in the order of the arguments: the shape of a feed with 1 for the columns, and the axis of those."""
    results: Mapping[str, tuple[tuple[int, ...], int | None]]
    """The same for the results but the loss: those without columns are the first arguments after the feeds."""
    sums: int
    """How many sums over columns there are."""
    operations: int
    """How many operations there are in the loop."""


def loop_source(scalars: Scalars, dtype: np.dtype[Any], loss: str | None) -> LoopSource:
    """The printed module for a program opened into scalars.

    ``loss`` is the result that is returned as a number; where there is none, 0 is returned.
    """
    return _LoopPrinting(scalars, dtype, loss).source()


@final
class _LoopPrinting:
    """One module in the making: the names of scalars, feeds, results and constants."""

    def __init__(self, scalars: Scalars, dtype: np.dtype[Any], loss: str | None) -> None:
        self.scalars, self.dtype, self.loss = scalars, dtype, loss
        self.names = Names()
        self.names.taken |= {*_RESERVED, *OWN, "add_up", "add_up_product"}
        self.arrays = {name: self.names.fresh(name) for name in scalars.feeds}
        self.outs = {name: self.names.fresh(name) for name in scalars.results if name != loss}
        self.texts = {scalar: self.names.fresh(scalars.named.get(scalar, f"t{k}")) for k, scalar in self._numbered()}
        self.constants: dict[str, str] = {}
        self.used: set[str] = set()

    def _numbered(self) -> Iterable[tuple[int, Scalar]]:
        return enumerate(self.scalars.scalars)

    def source(self) -> LoopSource:
        functions = [self._piece(), self._finish(), self._run()]
        functions += [self._train()] if self._trains() else []
        body = "\n\n\n".join("\n".join(lines) for lines in functions)
        text = "\n".join(self._head()) + "\n\n\n" + body + "\n"
        operations = sum(scalar.phase == "columns" and scalar.operation != "load" for scalar in self.scalars.scalars)
        results = {n: (cells.shape, axis) for n, (cells, axis) in self.scalars.results.items() if n != self.loss}
        return LoopSource(text, self.scalars.feeds, results, len(self.scalars.sums), operations)

    # --- what stands above the functions -----------------------------------------------------------------------------

    def _head(self) -> list[str]:
        kind = self.dtype.name
        used = {*self.used, "add_up", "add_up_product"}
        return [
            *head(
                self.dtype, used, self.constants, "the entries of one column as numbers, and a loop over the columns"
            ),
            "",
            "",
            "def fed(axes):",
            f'    return types.Array(types.{kind}, axes, "C", readonly=True)',
            "",
            "",
            "def made(axes):",
            f'    return types.Array(types.{kind}, axes, "C")',
        ]

    def _function(
        self, name: str, returns: str, feeds: Iterable[str], rest: Mapping[str, str], changed: Container[str] = ()
    ) -> list[str]:
        """The line with the types, and the line with the names, of a function of feeds and of ``rest``."""
        kinds = {feed: "made" if feed in changed else "fed" for feed in feeds}
        types = [f"{kind}({len(self.scalars.feeds[feed][0])})" for feed, kind in kinds.items()] + list(rest.values())
        names = [self.arrays[feed] for feed in feeds] + list(rest)
        return [
            f'@njit({returns}({", ".join(types)}), nogil=True, error_model="numpy", cache=True)',
            f"def {name}({', '.join(names)}):",
        ]

    def _made(self, joined: bool) -> dict[str, str]:
        """The types of the results with or without columns, by the name of the argument that they are written to."""
        return {
            self.outs[name]: f"made({cells.ndim})"
            for name, (cells, axis) in self.scalars.results.items()
            if name != self.loss and joined is (axis is not None)
        }

    # --- the functions ------------------------------------------------------------------------------------------

    def _piece(self) -> list[str]:
        """The loop over some columns, whose sums are added to ``sums``.

        It goes block by block, because a long sum in single precision would lose digits.
        """
        sums = self.scalars.sums
        joined = [x for cells, axis in self.scalars.results.values() if axis is not None for x in cells.ravel()]
        needed = _needed(x for x in [*(x for s in sums for x in s.operands), *joined] if isinstance(x, Scalar))
        each = [
            *self._lines(needed, "columns"),
            *(self._added(scalar) for scalar in sums),
            *self._stored(joined=True),
        ]
        block = [
            *(f"{self.texts[scalar]} = one - one" for scalar in sums),
            f"for c in range(start, min(start + {BLOCK}, last)):",
            *_indented(each or ["pass"]),
            *(f"sums[{k}] += {self.texts[scalar]}" for k, scalar in enumerate(sums)),
        ]
        lines = [*self._lines(needed, "before"), f"for start in range(first, last, {BLOCK}):", *_indented(block)]
        rest = {**dict.fromkeys(("m", "first", "last"), _WHOLE), "sums": _SUMS, **self._made(joined=True)}
        return [*self._function("piece", "types.void", self.arrays, rest), *_indented(lines)]

    def _added(self, scalar: Scalar) -> str:
        name, operands = self.texts[scalar], [self._operand(x) for x in scalar.operands]
        function = "add_up" if scalar.operation == "sum" else "add_up_product"
        return f"{name} = {function}({', '.join([name, *operands])})"

    def _finish(self) -> list[str]:
        """From the sums to the results."""
        results = [x for cells, axis in self.scalars.results.values() if axis is None for x in cells.ravel()]
        needed = _needed(x for x in results if isinstance(x, Scalar))
        sums = [f"{self.texts[x]} = real(sums[{k}])" for k, x in enumerate(self.scalars.sums) if x in needed]
        loss = 0.0 if self.loss is None else self.scalars.results[self.loss][0].ravel()[0]
        lines = [
            *self._lines(needed, "before"),
            *sums,
            *self._lines(needed, "after"),
            *self._stored(joined=False),
            f"return {self._operand(loss)}",
        ]
        rest = {"m": _WHOLE, "sums": _SUMS, **self._made(joined=False)}
        return [*self._function("finish", f"types.{self.dtype.name}", self._whole_feeds(), rest), *_indented(lines)]

    def _whole_feeds(self) -> list[str]:
        """The feeds without columns, which are all that can matter after the loop."""
        return [name for name, (_, axis) in self.scalars.feeds.items() if axis is None]

    def _run(self) -> list[str]:
        """Everything in one call, after a look at the shapes."""
        feeds = ", ".join(self.arrays.values())
        whole = [self.arrays[name] for name in self._whole_feeds()]
        lines = [
            f"m = {self._count_of_columns()}",
            f"if m == 0 or m > {LARGEST_CALL}{''.join(f' or {test}' for test in self._misfits())}:",
            '    raise ValueError("not for this call")',
            f"sums = np.zeros({len(self.scalars.sums)})",
            f"piece({', '.join([feeds, 'm, 0, m, sums', *self._made(joined=True)])})",
            f"return finish({', '.join([*whole, 'm', 'sums', *self._made(joined=False)])})",
        ]
        rest = {**self._made(joined=False), **self._made(joined=True)}
        return [*self._function("run", f"types.{self.dtype.name}", self.arrays, rest), *_indented(lines)]

    def _trains(self) -> bool:
        """Whether every result is the new value of a feed, and none of them has columns."""
        whole = all(axis is None for _, axis in self.scalars.results.values())
        return bool(self.scalars.updates) and whole and self.scalars.column is not None

    def _train(self) -> list[str]:
        """Steps one after another: the columns ``batch`` at a time, as often as ``repeats`` says."""
        feeds = ", ".join(self.arrays.values())
        whole = [self.arrays[name] for name in self._whole_feeds()]
        steps = [
            "last = min(start + batch, total)",
            "sums[:] = 0",
            f"piece({feeds}, last - start, start, last, sums)",
            f"losses[k] = finish({', '.join([*whole, 'last - start', 'sums', *self._made(joined=False)])})",
            "k += 1",
            *self._carried_over(),
        ]
        lines = [
            f"total = {self._count_of_columns()}",
            f"sums = np.zeros({len(self.scalars.sums)})",
            "k = 0",
            "for _ in range(repeats):",
            "    for start in range(0, total, batch):",
            *_indented(_indented(steps)),
        ]
        rest = {"batch": _WHOLE, "repeats": _WHOLE, "losses": "made(1)", **self._made(joined=False)}
        header = self._function("train", "types.void", self.arrays, rest, changed=set(self.scalars.updates))
        return [*header, *_indented(lines)]

    def _carried_over(self) -> list[str]:
        """The new values in the place of the old ones."""
        lines = []
        for feed, result in self.scalars.updates.items():
            old, new = self.arrays[feed], self.outs[result]
            lines.append(f"{old}[:] = {new}" if self.scalars.feeds[feed][0] else f"{old}[()] = {new}[()]")
        return lines

    def _count_of_columns(self) -> str:
        found = [
            f"{self.arrays[name]}.shape[{axis}]" for name, (_, axis) in self.scalars.feeds.items() if axis is not None
        ]
        return found[0] if found else "1"

    def _misfits(self) -> list[str]:
        tests = []
        for name, (shape, axis) in self.scalars.feeds.items():
            for k, size in enumerate(shape):
                tests.append(f"{self.arrays[name]}.shape[{k}] != {'m' if k == axis else size}")
        return tests

    # --- one line ----------------------------------------------------------------------------------------------------

    def _lines(self, needed: set[Scalar], phase: Phase) -> list[str]:
        lines = []
        for scalar in self.scalars.scalars:
            if scalar.phase != phase or scalar not in needed or scalar.operation in ("sum", "sum_of_products"):
                continue
            if remark := self.scalars.remarks.get(scalar):
                lines.append(f"# {visible(remark)}")
            lines.append(f"{self.texts[scalar]} = {self._expression(scalar)}")
        return lines

    def _expression(self, scalar: Scalar) -> str:
        operation = scalar.operation
        if operation == "load":
            name, at = scalar.operands
            place = ", ".join("c" if k is None else str(k) for k in at)
            return f"{self.arrays[name]}[{place or '()'}]"
        if operation == "count":
            return f"real({_count_text(scalar.operands[0], self.scalars.column)})"
        return expression(operation, [self._operand(operand) for operand in scalar.operands], self.used)

    def _operand(self, operand: Any) -> str:
        if isinstance(operand, Scalar):
            return self.texts[operand]
        if isinstance(operand, (bool, np.bool_)):
            return repr(bool(operand))
        number = float(operand)
        text = repr(number) if np.isfinite(number) else f'"{number}"'
        if text not in self.constants:
            self.constants[text] = self.names.fresh(constant_name(number))
        return self.constants[text]

    def _stored(self, joined: bool) -> list[str]:
        lines = []
        for name, (cells, axis) in self.scalars.results.items():
            if name == self.loss or joined is (axis is None):
                continue
            for place in np.ndindex(cells.shape):
                at = ", ".join("c - first" if k == axis else str(i) for k, i in enumerate(place))
                lines.append(f"{self.outs[name]}[{at or '()'}] = {self._operand(cells[place])}")
        return lines


def expression(operation: str, operands: Sequence[str], used: set[str]) -> str:
    """A function of numbers as it is printed; the name of one that is not NumPy's is added to ``used``."""
    if operation in _INFIX:
        return f"{operands[0]} {_INFIX[operation]} {operands[1]}"
    if operation in _FORMS:
        return _FORMS[operation].format(*operands)
    if operation in OWN:
        used.add(operation)
        return f"{operation}({', '.join(operands)})"
    return f"np.{operation}({', '.join(operands)})"


def head(dtype: np.dtype[Any], used: Iterable[str], constants: Mapping[str, str], what: str) -> list[str]:
    """What stands above the functions of a module: what it is, its imports, functions and constants."""
    kind = dtype.name
    return [
        f'"""{kind}: {what}."""',
        "",
        "import math",
        "",
        "import numpy as np",
        "from numba import njit, types",
        "",
        "from chainrule.plan.loop.series import FUNCTIONS",
        "",
        f"real, one = np.{kind}, np.{kind}(1)",
        *(f'{name} = FUNCTIONS["{kind}"]["{name}"]' for name in sorted(used)),
        *(f"{name} = real({text})" for text, name in constants.items()),
    ]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _needed(ends: Iterable[Scalar]) -> set[Scalar]:
    """The scalars that these are made from, themselves included; what comes before a sum does not count."""
    needed: set[Scalar] = set()
    waiting = list(ends)
    while waiting:
        scalar = waiting.pop()
        if scalar in needed:
            continue
        needed.add(scalar)
        if scalar.operation not in ("sum", "sum_of_products"):
            waiting += [x for x in scalar.operands if isinstance(x, Scalar)]
    return needed


def _count_text(size: Dimension, column: str | None) -> str:
    """A count such as 1/m as an expression of m; its other names have their numbers already."""
    terms = []
    for term, factor in size.terms:
        power = dict(term).get(str(column), 0)
        terms.append(f"{float(factor)!r}" + (f" * m**{power}" if power > 0 else f" / m**{-power}" if power else ""))
    return " + ".join(terms) or "0.0"
