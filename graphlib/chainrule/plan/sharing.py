"""Shares: the columns of one call divided among the processors, where computing them takes long enough.

Large matrix products and loops are divided one by one, by rows. Between them every thread waits for the others, and
what is too short is left to one of them. A share goes through all steps by itself, and its sums are added up behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from chainrule.plan.blas import is_convolution
from chainrule.plan.columns import Split
from chainrule.plan.lifetimes import is_known, is_view
from chainrule.plan.loop.groups import entries
from chainrule.plan.optimizing import bound
from chainrule.plan.threads import processors
from chainrule.program.program import Program
from chainrule.program.step import Step
from chainrule.symbols import windows

# Microseconds on one core of 3 GHz: for each byte of a number a multiplication in a product, or in a convolution, whose
# windows are laid out for a product, an entry that is read or written, and an entry of a gradient of which each share
# has its own; and for each call, at which threads take turns. A convolution makes dozens of calls.
_MULTIPLICATION, _CONVOLUTION, _ENTRY, _SUM, _CALL = 3e-6, 1.2e-5, 4e-5, 6e-4, 3.0
_CALLS_OF_CONVOLUTION: Final = 30
_LEAST: Final = 1500.0  # microseconds that have to be gained
_GAINED: Final = 0.85  # of what a second core could gain: both read the same memory


def columns_of_a_share(parts: Split, sizes: Mapping[str, int]) -> int:
    """How many columns each processor takes at once; all of them where nothing is gained."""
    total, most = sizes[parts.name], min(processors(), sizes[parts.name])
    if most < 2:
        return total
    program = bound(parts.block, sizes)
    calls = sum(map(_calls, program.steps))
    added = sum(_bytes(program.steps[k]) for name, k in program.values.items() if name not in parts.joined)
    work = _work(program)
    gained = [_GAINED * work * (1 - 1 / n) - n * calls * _CALL - (n - 1) * added * _SUM for n in range(2, most + 1)]
    best = int(np.argmax(gained))
    return -(-total // (best + 2)) if gained[best] >= _LEAST else total


def _calls(step: Step) -> int:
    if step.operation is None or is_view(step):
        return 0
    return _CALLS_OF_CONVOLUTION if is_convolution(step) else 1


def _work(program: Program) -> float:
    """About how many microseconds the steps take on one core."""
    return sum(_work_of(program, step) for step in program.steps if _calls(step))


def _work_of(program: Program, step: Step) -> float:
    read = [program.steps[source] for source in step.refs]
    work = (_bytes(step) + sum(map(_bytes, read))) * _ENTRY
    if step.operation is np.matmul and read[0].shape and is_known(read[0].shape):
        return work + _bytes(step) * read[0].shape[-1] * _MULTIPLICATION
    if is_convolution(step):
        places = step if step.operation is windows.conv2d else read[0]
        kernel = step if step.operation is windows.conv2d_backward_kernel else read[1]
        return work + _bytes(places) * entries(kernel) / (kernel.shape or (1,))[0] * _CONVOLUTION
    return work


def _bytes(step: Step) -> int:
    """How many bytes a value has; 0 where its sizes are unknown."""
    return entries(step) * step.dtype.itemsize if step.shape is not None and is_known(step.shape) else 0
