"""The sums of several terms that a program adds up two at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.program.program import Program
from chainrule.program.step import Ref, Step


def sums(program: Program) -> dict[int, list[int]]:
    """By the step that completes a sum: the steps that are its terms, from left to right.

    What is added up in between is read by the sum alone and has no name; all terms have the shape and dtype of the sum.

    >>> from chainrule import Cos, Exp, Graph, Parameter, Sin, Sum
    >>> x = Parameter("x", (2, 3))
    >>> program = Graph(Sum(Sum(Sin(x)) * Sum(Exp(x)) * Sum(Cos(x)), name="L")).compile().program
    >>> [[program.steps[term].operation.__name__ for term in terms] for terms in sums(program).values()]
    [['multiply', 'multiply', 'multiply']]
    """
    uses, steps = program.uses(), program.steps
    inner = [False] * len(steps)
    for step in steps:
        for source in step.refs if adds_alike(program, step) else ():
            same = _kind(steps[source]) == _kind(step)
            inner[source] = uses[source] == 1 and not steps[source].name and same and adds_alike(program, steps[source])
    return {k: _terms(program, k, inner) for k, step in enumerate(steps) if not inner[k] and adds_alike(program, step)}


def adds_alike(program: Program, step: Step) -> bool:
    """Whether a step adds two values of its shape and dtype: neither is stretched."""
    if step.operation is not np.add or step.shape is None or not all(isinstance(x, Ref) for x in step.operands):
        return False
    return all(_kind(program.steps[source]) == _kind(step) for source in step.refs)


def _kind(step: Step) -> Any:
    return step.shape, step.dtype


def _terms(program: Program, k: int, inner: list[bool]) -> list[int]:
    found, waiting = list[int](), [k]
    while waiting:
        number = waiting.pop()
        if number == k or inner[number]:
            waiting += reversed(program.steps[number].refs)
        else:
            found.append(number)
    return found
