"""A transposed matrix laid out once for many products: the same numbers, and which matrices are left as they are."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.plan.optimizing import bound, optimized, typed
from chainrule.plan.transposed import transposed_once
from chainrule.program.recording import record

ROWS, FEATURES, COLUMNS = 16, 9, 11


def chain(products=16, rows="m", features=FEATURES, columns=COLUMNS):
    """A loss for which ``products`` matrices are multiplied by W and, on the way back, by W.T, all with x."""
    x, w = cr.Input("x", (rows, features)), cr.Parameter("W", (features, columns))
    return cr.Graph(cr.Sum(sum(cr.Sum(cr.Sin((x * (k + 1.0)) @ w)) for k in range(products)), name="L"))


def rewritten(graph, m=ROWS, gradients=("x",)):
    program = optimized(bound(typed(record(graph).only(gradients=gradients), float), {"m": m}))
    return optimized(program, (transposed_once,))


def laid_out(program):
    return [step.shape for step in program if step.operation is np.concatenate]


def of_transposed(program):
    """How many products have a transposed factor on the right."""
    products = [step for step in program if step.operation is np.matmul]
    return sum(program.steps[step.refs[1]].operation is np.transpose for step in products)


def test_many_products_with_a_transposed_matrix_share_its_rows():
    assert laid_out(rewritten(chain())) == [(COLUMNS, FEATURES)]
    assert of_transposed(rewritten(chain())) == 0


@pytest.mark.parametrize(
    ("graph", "rows"),
    [(chain(15), ROWS), (chain(), ROWS - 1), (chain(features=7), ROWS)],
    ids=["few products", "few rows", "few columns"],
)
def test_where_little_is_saved_the_matrix_stays_transposed(graph, rows):
    assert not laid_out(rewritten(graph, rows))


def test_a_transposed_factor_on_the_left_stays_as_it_is():
    program = rewritten(chain(), gradients=("W",))
    assert not laid_out(program)
    assert sum(step.operation is np.transpose for step in program) == 16


def test_products_of_few_rows_beside_others_keep_the_transposed_matrix():
    w = cr.Parameter("W", (FEATURES, COLUMNS))
    wide, narrow = cr.Input("x", (ROWS, FEATURES)), cr.Input("y", (3, FEATURES))
    terms = [cr.Sum(cr.Sin((wide * (k + 1.0)) @ w)) for k in range(16)] + [cr.Sum(cr.Sin(narrow @ w))]
    program = rewritten(cr.Graph(cr.Sum(sum(terms), name="L")), gradients=("x", "y"))
    assert len(laid_out(program)) == 1
    assert of_transposed(program) == 1


@pytest.mark.parametrize(("dtype", "allowed", "fewest"), [(np.float64, 1e-12, 16), (np.float32, 1e-4, 8)])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_plan_of_many_products_agrees_with_its_run(dtype, allowed, fewest, more):
    """Products of another layout may add up in another order: by no more than rounding."""
    graph = chain(fewest + more)
    rng = np.random.default_rng(0)
    plan = graph.compile(["x", "W"])
    for _ in range(2):
        feeds = {"x": rng.normal(size=(ROWS, FEATURES)), "W": rng.normal(size=(FEATURES, COLUMNS))}
        feeds = {name: array.astype(dtype) for name, array in feeds.items()}
        run = graph.forward(feeds)
        run.backward()
        for name, found in plan(feeds)[1].items():
            expected = run[f"d{name}"]
            assert (found.shape, found.dtype) == (expected.shape, dtype)
            np.testing.assert_allclose(found, expected, rtol=allowed, atol=allowed * np.abs(expected).max())
    assert ("concatenate((W.T,), axis=0" in plan.source) == (more >= 0)


def test_a_parameter_that_an_update_changes_is_laid_out_anew_at_every_call():
    graph = chain()
    plan = graph.compile(["x"])
    rng = np.random.default_rng(1)
    x = rng.normal(size=(ROWS, FEATURES))
    for seed in range(3):
        w = np.random.default_rng(seed).normal(size=(FEATURES, COLUMNS))
        run = graph.forward({"x": x, "W": w})
        run.backward()
        np.testing.assert_allclose(plan({"x": x, "W": w})[1]["x"], run["dx"], rtol=1e-11, atol=1e-11)
