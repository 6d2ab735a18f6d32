"""A program computed step by step, each operation called as NumPy has it: what plans are judged by."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.program.program import Program
from chainrule.program.step import map_refs


def evaluate(program: Program, feeds: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values and the gradients by name, for a program whose sizes are known where a step counts with them."""
    results: list[Any] = []
    for step in program.steps:
        if step.is_feed:
            results.append(np.asarray(feeds[step.name]))
        elif step.is_constant:
            results.append(step.operands[0])
        else:
            operands = map_refs(step.operands, lambda ref: results[ref.step])
            call = {np.astype: _astype, np.reshape: _reshape}.get(step.operation, step.operation)
            results.append(call(*operands, **step.options))
    values = {name: np.asarray(results[k]) for name, k in program.values.items()}
    return values, {name: np.asarray(results[k]) for name, k in program.gradients.items()}


def _astype(x: Any, dtype: Any) -> Any:
    return x.astype(dtype)  # np.astype takes its dtype by position only


def _reshape(x: Any, shape: Any) -> Any:
    return x.reshape(shape)  # NumPy 2.0 calls it newshape
