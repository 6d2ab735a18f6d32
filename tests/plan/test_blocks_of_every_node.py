"""Plans of every node, of examples along any axis: whole, in blocks, from files, and as steps of a training."""

import numpy as np
import pytest
from asking import TOLERANCE, compared, differences
from named_axes import PUBLIC, named_axes

import chainrule as cr
from chainrule.plan.plan import compile_graph

FOUND = {name: list(named_axes(name, 2)) for name in sorted(PUBLIC)}
CASES = [(f"{name} {k}", case) for name, cases in FOUND.items() for k, case in enumerate(cases)]


def stored(feeds, folder):
    """The feeds in files, in either order of their axes."""
    found = {}
    for k, (name, array) in enumerate(feeds.items()):
        np.save(folder / f"{name}.npy", np.asfortranarray(array) if k % 2 else array)
        found[name] = cr.ArrayFile(folder / f"{name}.npy") if array.ndim else array
    return found


def test_most_nodes_have_an_axis_that_any_number_of_examples_fits():
    assert len([name for name, cases in FOUND.items() if cases]) > 80


@pytest.mark.parametrize("case", [case for _, case in CASES], ids=[name for name, _ in CASES])
def test_plans_of_any_number_of_examples_equal_the_run(case, tmp_path):
    graph = case.graph
    found = []
    for feeds in case.feeds:
        run = graph.forward(feeds)
        run.backward()
        asked = [name for name in graph.names if name in run.gradients and name != "L"]
        on_disk = stored(feeds, tmp_path)
        for block, given in ((None, feeds), (1, feeds), (2, feeds), (None, on_disk), (2, on_disk)):
            plan = compile_graph(graph, asked, block=block)
            found += differences(graph, feeds, asked, *plan(given))
    assert not found, f"{case.title}: {found}"


@pytest.mark.parametrize("case", [case for _, case in CASES], ids=[name for name, _ in CASES])
def test_a_step_on_data_in_files_is_that_of_the_run(case, tmp_path):
    graph, feeds, update = case.graph, case.feeds[-1], cr.Momentum(0.01)
    run = graph.forward(feeds)
    run.backward()
    leaves = [name for name in map(graph.name, (*graph.parameters, *graph.inputs)) if name in run.gradients]
    moved = [name for name in leaves if isinstance(graph[name], cr.Parameter)] or leaves[:1]
    step = graph.compile(moved, update=update)
    state = step.start({name: feeds[name] for name in moved})
    data = stored({name: x for name, x in feeds.items() if name not in moved}, tmp_path)
    for _ in range(2):
        run = graph.forward({**feeds, **{name: state[name] for name in moved}})
        gradients = run.backward()
        loss, after = step({**state, **data})
        assert not list(compared("the loss", loss, run.loss, TOLERANCE))
        for name in moved:
            memory = tuple(state[key] for key in step.plan.memory[name])
            right, _ = update.update(state[name], gradients[name], memory)
            np.testing.assert_allclose(after[name], right, rtol=1e-9, atol=1e-12, err_msg=f"{case.title}: {name}")
        state = dict(after)
