"""A function of this package as a loop written out by hand, in place of dozens of NumPy's calls."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, final

import numpy as np

from chainrule.plan.threads import on_threads, processors

_OF_A_THREAD: Final = 1 << 16  # entries: some 100 µs of a softmax; a woken thread costs 60
_KIND: Final = 'KIND: Final = "{}"'  # the line of a file that says for which dtype it stands
_FACTS: Final = "FACTS: Final = (2, 2, 2, 2)"  # and the one with constants, where it has any


@final
@dataclass(frozen=True, eq=False)
class ReadyLoop:
    """One call of such a loop, for known shapes, which writes to ``out`` like a function of NumPy."""

    name: str
    file: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    instead: Callable[..., Any]
    """The function of NumPy, for operands with which it raises an error."""
    numbers: tuple[Any, ...] = ()
    """What the loop is handed behind the operands."""
    rows: int | None = None
    """How many rows there are to share out."""
    entries: int = 0
    """How many entries are computed, each in a nanosecond or two."""
    order: tuple[int, ...] | None = None
    """The axes of the operands in the order in which the loop reads them, and those of the result with them."""
    facts: tuple[int, ...] = ()
    """What stands in the text of the loop as constants."""
    _loops: list[Callable[..., Any]] = field(default_factory=list, init=False)
    """The compiled loop, once it has been called."""

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def text(self) -> str:
        """The file in which the loop stands."""
        return _text(self.file, self.dtype.name, self.facts)

    def __call__(self, *values: Any, out: Any = None) -> Any:
        """The result, in ``out`` or in a new array."""
        moves = self.order is not None and len(self.order) == len(self.shape)
        fits = out is not None and not moves and out.flags.c_contiguous
        made = out if fits else np.empty([self.shape[k] for k in self.order] if moves else self.shape, self.dtype)  # type: ignore[union-attr]  # it is there
        if not self._computed([self._read(x) for x in values], made.reshape(-1)):
            made = self.instead(*values)
        elif moves:
            made = made.transpose(np.argsort(self.order))  # type: ignore[arg-type]  # as above
        if out is None or fits:
            return made
        out[...] = made
        return out

    def _read(self, x: Any) -> Any:
        """The entries in the order of the loop: of its dtype, or whole numbers."""
        x = x if self.order is None else x.transpose(self.order)
        kind = self.dtype if x.dtype.kind == "f" else np.dtype(np.int64)
        return np.require(x, kind, ("C_CONTIGUOUS", "ALIGNED")).reshape(-1)

    def _computed(self, given: Sequence[Any], made: Any) -> bool:
        """Whether the loop has computed it: False where an operand is such that the function raises an error."""
        loop = self._loops[0] if self._loops else self._compiled(given)
        if self.rows is None:
            return loop(*given, *self.numbers, made) is not False
        count = min(self.entries // _OF_A_THREAD, self.rows)
        if count < 2 or (count := min(count, processors())) < 2:
            loop(*given, *self.numbers, 0, self.rows, made)
        else:
            height = -(-self.rows // count)
            parts = [(k, min(k + height, self.rows)) for k in range(0, self.rows, height)]
            list(on_threads(lambda part: loop(*given, *self.numbers, *part, made), parts))
        return True

    def _compiled(self, given: Sequence[Any]) -> Callable[..., Any]:
        """The loop, compiled once for operands that can be written to and for those that cannot."""
        from numba import from_dtype, typeof, types

        from chainrule.plan.loop.compiled import one_at_a_time

        with one_at_a_time:
            loop = _functions(self.file, self.dtype.name, self.facts)[self.name]
            if not loop.signatures:
                read = [types.Array(from_dtype(x.dtype), 1, "C", readonly=True) for x in given]
                numbers = [*map(typeof, self.numbers), *([] if self.rows is None else [types.int64] * 2)]
                loop.compile((*read, *numbers, types.Array(from_dtype(self.dtype), 1, "C")))
                loop.disable_compile()
        self._loops[:] = [loop]
        return loop  # type: ignore[no-any-return]  # Numba has no types


@functools.cache
def _text(file: str, kind: str, facts: tuple[int, ...]) -> str:
    """A file of loops as it is for a dtype, and for facts."""
    from pathlib import Path

    text = (Path(__file__).with_name("ready") / f"{file}.py").read_text("utf-8")
    text = text.replace(_KIND.format("float64"), _KIND.format(kind))
    return text.replace(_FACTS, f"FACTS: Final = {facts}")


@functools.cache
def _functions(file: str, kind: str, facts: tuple[int, ...]) -> Mapping[str, Any]:
    from chainrule.plan.loop.compiled import compiled

    return compiled(_text(file, kind, facts))
