"""A transposed matrix that many products multiply by, laid out anew once."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np

from chainrule.plan.lifetimes import is_known
from chainrule.program.builder import Builder
from chainrule.program.program import Program, rewrite
from chainrule.program.step import Ref, Step

_FEWEST_PRODUCTS: Final = {np.dtype(np.float32): 8, np.dtype(np.float64): 16}
_FEWEST_ROWS, _FEWEST_COLUMNS = 16, 8


def transposed_once(program: Program) -> Program:
    """``x @ W.T`` of many x by rows in memory, for known sizes, as it stands on the way back through time.

    BLAS reads the rows of a transposed matrix with strides, in each product anew. For 32 × 256 by 256 × 64 in float32
    it takes 17 µs, of rows in memory 9, and to lay them out 8; for 32 × 1,024 by 1,024 × 256 it is 251, 176 and 231. In
    float64 these are 26, 18 and 11; 395, 371 and 374. With fewer rows than 16 there is little between them.
    """
    reads = Counter(step.refs[1] for step in program.steps if _multiplies_by_transposed(program, step))
    laid_out = {k for k, count in reads.items() if count >= _FEWEST_PRODUCTS[program.steps[k].dtype]}
    if not laid_out:
        return program
    rows: dict[int, Ref] = {}

    def change(builder: Builder, step: Step, k: int) -> Ref:
        old = program.steps[k]
        if _multiplies_by_transposed(program, old) and old.refs[1] in laid_out:
            step = step.reading((step.operands[0], rows[old.refs[1]]))
        made = builder.append(step)
        if k in laid_out:
            rows[k] = builder.append(Step(np.concatenate, ((made,),), {"axis": 0}, step.shape, step.dtype))
        return made

    return rewrite(program, change).without_dead_steps()


def _multiplies_by_transposed(program: Program, step: Step) -> bool:
    """Whether a step is a product of a matrix of some rows and a transposed one."""
    if step.operation is not np.matmul or not all(isinstance(operand, Ref) for operand in step.operands):
        return False
    x, y = (program.steps[source] for source in step.refs)
    if y.operation is not np.transpose or y.options or not _is_matrix(x) or not _is_matrix(y) or x.dtype != y.dtype:
        return False
    if y.dtype not in _FEWEST_PRODUCTS:
        return False
    rows, columns = step.shape  # type: ignore[misc]  # the product of two matrices
    return bool(rows >= _FEWEST_ROWS and columns >= _FEWEST_COLUMNS)


def _is_matrix(step: Step) -> bool:
    return step.shape is not None and len(step.shape) == 2 and is_known(step.shape)
