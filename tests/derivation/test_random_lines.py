"""Every line of random derivations runs as printed and gives what the run gave."""

from __future__ import annotations

import functools
import operator
import warnings
from typing import Any

import numpy as np
import pytest
from printed_lines import evaluated
from random_rules import M, random_lines

import chainrule as cr
from chainrule.derivation.unwritten import NotDerivable, UnwrittenRule
from chainrule.notation import TextPrinter
from chainrule.symbols.symbol import symbols_in


def is_written(expression: Any) -> bool:
    """Whether no rule in it stands for itself."""
    met: set[int] = set()
    waiting = [expression]
    while waiting:
        x = waiting.pop()
        if isinstance(x.operation, (UnwrittenRule, NotDerivable)):
            return False
        parts = [part for part in symbols_in(x.operands) if id(part) not in met]
        met.update(map(id, parts))
        waiting.extend(parts)
    return True


def all_that_equals(formula: cr.Formula) -> list[Any]:
    """The steps of a line, and the sum of what the consumers send."""
    parts = [part for _, part in formula.contributions]
    return [*formula.steps, *([functools.reduce(operator.add, parts)] if parts else [])]


def lines_that_differ(graph: cr.Graph, feeds: dict[str, Any]) -> list[str]:
    """The lines that do not run as printed or give another value; whether every notation prints is seen on the way."""
    run = graph.forward(feeds)
    run.backward()
    derivation = graph.derivation()
    gradients = {"d" + name: gradient for name, gradient in run.gradients.items()}
    names = {**run.values, **gradients, **derivation.constants, "m": M}
    steps = [
        (formula.name, step)
        for formula in derivation.values()
        if not formula.why_not
        for step in all_that_equals(formula)
    ]
    texts = [(name, TextPrinter().print(step)) for name, step in steps if is_written(step)]
    found = [f"{name} = {text}: {fault}" for name, text in texts if (fault := _fault(text, names, names[name]))]
    for how in (derivation.text, derivation.unicode, derivation.latex, derivation.mathml):
        how(shapes=True)
    return found


def _fault(text: str, names: dict[str, Any], expected: Any) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            value = np.asarray(evaluated(text, names), dtype=float)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if value.shape != expected.shape:
        return f"{value.shape}, not {expected.shape}"
    scale = np.abs(expected).max(initial=1e-2)
    # 1e-9: the printed form rounds otherwise than the exact form, and terms of size 4 may cancel
    wrong = ~np.isclose(value / scale, expected / scale, rtol=0, atol=1e-9)
    return f"{value[wrong][:3]}, not {expected[wrong][:3]}" if wrong.any() else ""


@pytest.mark.parametrize("seed", range(150))
def test_every_line_runs_as_printed(seed: int) -> None:
    assert lines_that_differ(*random_lines(seed)) == []
