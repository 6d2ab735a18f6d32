"""A loop of any node and any arrangement of axes gives what the Run gives, or there is none and it says why."""

import itertools
from collections import Counter

import numpy as np
import pytest
from asking import differences, names_with_gradients
from interpreted import interpreted
from shape_grid import M, cases, together

from chainrule.plan.asked import wanted_program
from chainrule.plan.columns import Unsplittable, column_name
from chainrule.plan.loop.looped import Loop
from chainrule.plan.loop.scalars import NotScalar
from chainrule.plan.optimizing import optimized, typed

pytestmark = pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")  # logarithms of nothing


def loop_of(graph, names):
    """The loop of a graph, or why there is none."""
    program = optimized(typed(wanted_program(graph, names), np.dtype(float)))
    try:
        return Loop(program, {} if column_name(program) else {"m": M}, np.dtype(float))
    except (NotScalar, Unsplittable) as why:
        return str(why)


def in_the_sample(k, label):
    """All products, and every fifth of the others."""
    return label.startswith("MatMul") or k % 5 == 0


def test_a_printed_loop_of_any_shapes_gives_what_the_run_gives():
    count = Counter()
    for k, (label, graph, feeds) in enumerate(cases()):
        if not in_the_sample(k, label):
            continue
        names = names_with_gradients(graph, feeds)
        loop = loop_of(graph, names)
        count[type(loop).__name__, label.split()[0]] += 1
        if isinstance(loop, Loop):
            assert not differences(graph, feeds, names, *interpreted(loop, feeds)), label
    assert count["Loop", "MatMul"] >= 15  # of 26: in others a sum over the columns is needed before they go on
    assert sum(number for (kind, _), number in count.items() if kind == "Loop") >= 150


def test_a_plan_of_any_shapes_gives_what_the_run_gives():
    for k, (label, graph, feeds) in enumerate(cases()):
        if in_the_sample(k, label):
            names = names_with_gradients(graph, feeds)
            assert not differences(graph, feeds, names, *graph.compile(names)(feeds)), label


@pytest.mark.parametrize(("kind", "most"), [("MatMul (2", 2), ("Sum", 6)])
def test_a_compiled_loop_of_several_shapes_at_once_gives_what_the_run_gives(kind, most):
    """Products and sums of matrices and of stacks, with the columns of the batch last, in one loop."""
    found = (case for case in cases() if case.label.startswith(kind) and "'m')" in case.label)
    looped = (case for case in found if isinstance(loop_of(case.graph, names_with_gradients(*case[1:])), Loop))
    label, graph, feeds = together(case for case in itertools.islice(looped, most) if column_last(case))
    names = [name for name in names_with_gradients(graph, feeds) if name in feeds]
    plan = graph.compile(names, backend="numba")
    assert "one compiled loop" in plan.explain(), label
    assert not differences(graph, feeds, names, *plan(feeds)), label


def column_last(case):
    return column_name(wanted_program(case.graph, None)) is not None
