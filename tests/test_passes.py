"""Passes on small programs: what each of them leaves out, and what it has to leave alone."""

import numpy as np
import pytest
from evaluation import evaluate

import chainrule as cr
from chainrule.plan.passes import bound, common_subexpressions, constants, products_of_vectors, simplifications, typed
from chainrule.program import record, verify


def program_of(function, *shapes, dtype=np.float64):
    """The recorded program of one rule, in a floating dtype."""

    class Rule(cr.Node):
        def forward(self, *values):
            return function(*values)

        def backward(self, grad, y, *values):
            return (None,) * len(values)

    return of_graph(Rule(*(cr.Input(f"x{k}", shape) for k, shape in enumerate(shapes)), name="y"), dtype)


def of_graph(node, dtype=np.float64):
    graph = cr.Graph(cr.Sum(node, name="loss"))  # what is recorded has a loss; only the node is looked at
    return typed(record(graph).only([node.name]), dtype)


def operations(program):
    return [step.operation.__name__ for step in program if step.operation is not None]


def feeds_of(program):
    rng = np.random.default_rng(0)
    steps = [step for step in program if step.is_feed]
    return {step.name: rng.normal(size=step.shape).astype(step.dtype) for step in steps}


def assert_same_bits(before, after):
    """Every pass here only leaves out what changes nothing, so no rounding may differ."""
    verify(after)
    feeds = feeds_of(before)
    (old, _), (new, _) = evaluate(before, feeds), evaluate(after, feeds)
    for name, value in old.items():
        assert (new[name].dtype, new[name].shape) == (value.dtype, value.shape)
        np.testing.assert_array_equal(new[name], value)


SIMPLER = [
    ("times one", lambda x: np.exp(x * 1), [(2, 3)], ["exp"]),
    ("one times", lambda x: np.exp(1 * x), [(2, 3)], ["exp"]),
    ("over one", lambda x: np.exp(x / 1), [(2, 3)], ["exp"]),
    ("one over", lambda x: 1 / np.exp(x), [(2, 3)], ["exp", "divide"]),
    ("times two", lambda x: x * 2, [(2, 3)], ["multiply"]),
    ("over two", lambda x: x / 2, [(2, 3)], ["divide"]),
    ("minus one", lambda x: x - 1, [(2, 3)], ["subtract"]),
    ("times another", lambda x, y: x * y, [(2, 3), (2, 3)], ["multiply"]),
    ("negated twice", lambda x: np.exp(np.negative(-x)), [(2, 3)], ["exp"]),
    ("negated thrice", lambda x: np.negative(np.negative(-x)), [(2, 3)], ["negative"]),
    ("transposed twice", lambda x: np.exp(x.T.T), [(2, 3)], ["exp"]),
    ("axes permuted twice", lambda x: x.transpose(1, 2, 0).transpose(1, 2, 0), [(2, 3, 4)], ["transpose", "transpose"]),
    ("size of the negative", lambda x: np.abs(-x), [(2, 3)], ["absolute"]),
    ("negative of the size", lambda x: -np.abs(x), [(2, 3)], ["absolute", "negative"]),
    ("the same function twice", lambda x: np.sin(np.sin(x)), [(2, 3)], ["sin", "sin"]),
    ("size of a difference", lambda x, y: np.abs(x - y), [(2, 3), (2, 3)], ["subtract", "absolute"]),
    ("stretched to its shape", lambda x: np.exp(np.broadcast_to(x, (2, 3))), [(2, 3)], ["exp"]),
    ("stretched", lambda x: np.broadcast_to(x, (2, 3)), [(3,)], ["broadcast_to"]),
    ("reshaped to its shape", lambda x: np.exp(x.reshape(2, 3)), [(2, 3)], ["exp"]),
    ("cast to its dtype", lambda x: np.exp(x.astype(float)), [(2, 3)], ["exp"]),
    ("stretched times", lambda x, y: np.broadcast_to(x, (2, 3)) * y, [(3,), (2, 3)], ["multiply"]),
    ("minus stretched", lambda x, y: y - np.broadcast_to(x, (2, 3)), [(3,), (2, 3)], ["subtract"]),
    ("stretched minus", lambda x, y: np.broadcast_to(x, (2, 3)) - y, [(3,), (2, 3)], ["subtract"]),
    ("stretched and short", lambda x, y: np.broadcast_to(x, (2, 3)) * y, [(2, 1), (3,)], ["broadcast_to", "multiply"]),
    (
        "both stretched",
        lambda x, y: np.broadcast_to(x, (2, 3)) * np.broadcast_to(y, (2, 3)),
        [(3,), (2, 1)],
        ["broadcast_to", "broadcast_to", "multiply"],
    ),
    ("product of stretched", lambda x, y: np.broadcast_to(x, (2, 3)) @ y, [(3,), (3, 2)], ["broadcast_to", "matmul"]),
    ("sum of one", lambda x: np.sum(x, axis=0), [(1, 3)], ["reshape"]),
    ("sum of one in its place", lambda x: np.exp(np.sum(x, axis=0, keepdims=True)), [(1, 3)], ["exp"]),
    ("sum of several", lambda x: np.sum(x, axis=0), [(2, 3)], ["sum"]),
    ("largest of one", lambda x: np.max(x, axis=0), [(1, 3)], ["max"]),
]


@pytest.mark.parametrize(
    ("function", "shapes", "left"), [case[1:] for case in SIMPLER], ids=[case[0] for case in SIMPLER]
)
def test_steps_that_change_nothing_are_left_out_and_no_others(function, shapes, left):
    program = program_of(function, *shapes)
    simpler = simplifications(program).without_dead_steps()
    assert operations(simpler) == left
    assert_same_bits(program, simpler)


TWICE = [
    ("a function", lambda x: np.sin(x) + np.sin(x), ["sin", "add"]),
    ("two functions", lambda x: np.sin(x) + np.cos(x), ["sin", "cos", "add"]),
    ("other operands", lambda x: np.sin(x) + np.sin(2 * x), ["sin", "multiply", "sin", "add"]),
    ("other options", lambda x: np.sum(x, axis=0) + np.sum(x, axis=1), ["sum", "sum", "add"]),
    ("the same part", lambda x: x[:2] + x[:2], ["index", "add"]),
    ("another start", lambda x: x[0:2] + x[1:2], ["index", "index", "add"]),
    ("another stop", lambda x: x[0:2] + x[0:1], ["index", "index", "add"]),
    ("another step", lambda x: x[0:2:1] + x[0:2:2], ["index", "index", "add"]),
    ("one and one point", lambda x: np.maximum(x, 1) + np.maximum(x, 1.0), ["maximum", "maximum", "add"]),
    ("zero and minus zero", lambda x: np.maximum(x, 0.0) + np.maximum(x, -0.0), ["maximum", "maximum", "add"]),
]


@pytest.mark.parametrize(("function", "left"), [case[1:] for case in TWICE], ids=[case[0] for case in TWICE])
def test_what_is_computed_twice_from_the_same_is_computed_once(function, left):
    program = program_of(function, (3, 3))
    once = common_subexpressions(program).without_dead_steps()
    assert operations(once) == left
    assert_same_bits(program, once)


def test_the_same_array_as_index_is_one_and_another_array_is_another():
    rows, others = np.array([0, 2, 2]), np.array([1, 1, 0])
    assert operations(common_subexpressions(program_of(lambda x: x[rows] + x[rows], (4, 3)))) == ["index", "add"]
    program = program_of(lambda x: x[rows] + x[others], (4, 3))
    assert operations(common_subexpressions(program)) == ["index", "index", "add"]
    assert_same_bits(program, common_subexpressions(program))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_number_that_depends_on_no_feed_is_computed_before_and_stands_where_it_is_used(dtype):
    program = of_graph(cr.Multiply(cr.Input("x", 3), cr.Exp(cr.Constant(0.1)), name="y"), dtype)
    folded = constants(program).without_dead_steps()
    assert operations(folded) == ["multiply"]
    assert_same_bits(program, folded)
    assert [operand.dtype for step in folded for operand in step.operands if isinstance(operand, np.generic)] == [dtype]


def test_a_constant_that_overflows_does_so_in_silence():
    """The Run warns where the number is used; to compute it early must not warn, or warn twice."""
    program = of_graph(cr.Multiply(cr.Input("x"), cr.Exp(cr.Constant(1000.0)), name="y"))
    assert operations(constants(program).without_dead_steps()) == ["multiply"]


def test_a_program_for_one_dtype_has_it_everywhere_but_in_whole_numbers():
    def function(x):
        return np.where(x > 0, (x > 0).astype(float), (x < 1).astype(np.int64).astype(float))

    for dtype in (np.float64, np.float32):
        program = program_of(function, (2, 3), dtype=dtype)
        kinds = {step.dtype.kind for step in program}
        assert {"f", "i", "b"} <= kinds
        assert {step.dtype for step in program if step.dtype.kind == "f"} == {np.dtype(dtype)}
        casts = [step.options["dtype"] for step in program if step.operation is np.astype]
        assert [np.dtype(cast) for cast in casts] == [np.dtype(dtype), np.dtype(np.int64), np.dtype(dtype)]


def test_a_block_counts_with_the_columns_of_all_blocks():
    program = of_graph(cr.Mean(cr.Input("x", (2, "m")), name="L"))
    x = np.random.default_rng(0).normal(size=(2, 3))
    for totals, m in ((None, 3), ({"m": 10}, 10)):
        sized = bound(program, {"m": 3}, totals)
        assert next(step for step in sized if step.is_feed).shape == (2, 3)
        assert str(next(step for step in sized if step.is_feed).named) == "(2, m)"
        assert evaluate(sized, {"x": x})[0]["L"] == pytest.approx(x.sum() / (2 * m), rel=1e-14)


@pytest.mark.parametrize(
    ("shapes", "left"),
    [
        ([(2, 1), (1, 3)], "multiply"),
        ([(4, 2, 1), (1, 3)], "multiply"),
        ([(2, 5), (5, 3)], "matmul"),
        ([(1,), (1, 3)], "matmul"),
        ([(2, 1), (1,)], "matmul"),
    ],
)
def test_a_column_times_a_row_is_a_broadcast_product(shapes, left):
    program = program_of(lambda x, y: x @ y, *shapes)
    changed = products_of_vectors(program)
    assert operations(changed) == [left]
    assert_same_bits(program, changed)


def test_a_column_times_a_row_that_the_rule_wrote_itself_is_one_too():
    program = program_of(lambda x: x @ np.full((1, 3), 2.0), (2, 1))
    assert operations(products_of_vectors(program)) == ["multiply"]
