"""Matrix products on threads that sleep while they wait, in the place of BLAS's own, which spin.

OpenBLAS lets its threads wait for each other by asking again and again. Where another process has one of the
processors, a thread asks for as long as the other one does not get its turn: a step of 784-512-256-10 took 20 times as
long. So BLAS is held to one thread while a plan with large products computes, and the largest products are computed in
parts by threads of this package, of which whoever waits sleeps. The parts are some rows each; they depend on the sizes
and on how many threads BLAS may have, as its own parts do, and so do the last digits.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import threading
from collections.abc import Callable
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from chainrule.plan.lifetimes import is_known
from chainrule.plan.threads import on_threads
from chainrule.program.calls import is_call
from chainrule.program.program import Program
from chainrule.program.step import Step
from chainrule.symbols import windows

Array = npt.NDArray[Any]

_THREADED_BY_BLAS: Final = 1 << 18  # multiplications; OpenBLAS gives larger products to threads
# Multiplications by bytes of a number: 0.8 ms on one core. The second one begins 60 µs late, and has none of the
# numbers in its cache: with a sixth of this a step of 784-512-256-10 took a tenth longer.
_IN_PARTS: Final = 240_000_000
_PART: Final = _IN_PARTS // 2  # the same of the smallest part
_ROWS: Final = 48  # a part has a multiple of what BLAS computes at a time: 8, 16 or 24
_CONVOLUTIONS: Final = frozenset((windows.conv2d, windows.conv2d_backward_image, windows.conv2d_backward_kernel))


def multiplications(program: Program, step: Step) -> int:
    """How many multiplications the largest matrix product of a step takes, for known sizes; 0 where it has none."""
    if step.operation is not np.matmul or not step.shape:
        return 0
    shapes = [program.steps[source].shape or (0,) for source in step.refs]
    if len(shapes) < 2 or not is_known((*step.shape, *shapes[0])):
        return 0
    return int(np.prod(step.shape[-2:])) * shapes[0][-1]  # type: ignore[arg-type]  # all known


def in_parts(program: Program, step: Step) -> bool:
    """Whether a product of two matrices is so large that threads pay."""
    return multiplications(program, step) * step.dtype.itemsize >= _IN_PARTS


def has_threads_of_blas(program: Program) -> bool:
    """Whether BLAS would use its threads for a program; not where it calls what nobody has looked into."""
    if any(is_call(step.operation) for step in program.steps):
        return False
    large = (multiplications(program, step) > _THREADED_BY_BLAS for step in program.steps)
    return any(large) or any(map(is_convolution, program.steps))


def is_convolution(step: Step) -> bool:
    """Whether a step multiplies matrices that it lays out itself."""
    return step.operation in _CONVOLUTIONS


def product(x: Array, y: Array, out: Array | None = None) -> Array:
    """``x @ y`` for two matrices, some rows of it on each thread that BLAS would have, while it is held to one."""
    if out is None:
        out = np.empty((x.shape[0], y.shape[1]), np.result_type(x, y))
    count = min(_BLAS.threads, x.size * y.shape[1] * x.itemsize // _PART)
    if count <= 1:
        return np.matmul(x, y, out=out)
    rows = -(-x.shape[0] // (count * _ROWS)) * _ROWS
    parts = [slice(start, start + rows) for start in range(0, x.shape[0], rows)]
    list(on_threads(lambda part: np.matmul(x[part], y, out=out[part]), parts))
    return out


def holding(run: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with BLAS held to one thread while it runs."""

    @functools.wraps(run)
    def held(*feeds: Any) -> Any:
        _BLAS.hold()
        try:
            return run(*feeds)
        finally:
            _BLAS.let_go()

    return held


@final
class _Blas:
    """How many threads the BLAS of this process may use.

    There is one BLAS for all plans and threads, so that there is one count of those who hold it: the first remembers
    what was allowed, the last allows it again. Without threadpoolctl (extra: jit) nothing is held.
    """

    def __init__(self) -> None:
        self.threads = 1
        """How many threads BLAS had before it was held; 1 where it is not held."""
        self._lock, self._held = threading.Lock(), 0
        self._before: list[int] = []

    def hold(self) -> None:
        """Hold it to one thread."""
        with self._lock:
            self._held += 1
            if self._held == 1:
                self._before = [library.get_num_threads() or 1 for library in _libraries()]
                self.threads = max(self._before, default=1)
                self._allow([1] * len(self._before))

    def let_go(self) -> None:
        """Allow what was allowed before, if nobody else holds it."""
        with self._lock:
            self._held -= 1
            if self._held == 0:
                self._allow(self._before)
                self.threads = 1

    def _allow(self, counts: list[int]) -> None:
        for library, count, before in zip(_libraries(), counts, self._before, strict=True):
            if before > 1:
                library.set_num_threads(count)

    def forked(self) -> None:
        """In a child none of those who held it goes on, and the lock may be one that nobody lets go of."""
        self._lock = threading.Lock()
        if self._held:
            self._held = 1
            self.let_go()


@functools.cache
def _libraries() -> list[Any]:
    """The BLAS libraries that are loaded: NumPy's, and where SciPy was imported before, its own."""
    if importlib.util.find_spec("threadpoolctl") is None:
        return []
    from threadpoolctl import ThreadpoolController  # a few milliseconds, for plans with large products

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


_BLAS: Final = _Blas()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_BLAS.forked)
