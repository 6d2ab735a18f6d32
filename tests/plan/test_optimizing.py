"""Passes on small programs: what each of them leaves out, and what it has to leave alone."""

from dataclasses import replace

import numpy as np
import pytest
from evaluation import evaluate

import chainrule as cr
from chainrule.plan.optimizing import (
    bound,
    common_subexpressions,
    constants,
    evaluated,
    inferred_dtype,
    opened,
    optimized,
    products_of_vectors,
    signs_of_maxima,
    simplifications,
    traced,
    typed,
)
from chainrule.plan.updating import UpdateCall
from chainrule.program.builder import Builder
from chainrule.program.calls import pick
from chainrule.program.program import Program
from chainrule.program.recording import record
from chainrule.program.step import Ref, Step
from chainrule.program.verifying import verify
from chainrule.symbols import elementary
from chainrule.symbols.dimensions import Dimension
from chainrule.symbols.operations import index
from nets.training import SGD

m, n = Dimension.named("m"), Dimension.named("n")


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


SIGNS = [  # whether the slope looks at the maximum, so that what it is the maximum of is read once
    ("a rectifier and its slope", lambda x: np.maximum(x, 0) * (x > 0), True),
    ("with a zero of floating numbers", lambda x: np.maximum(x, 0.0) * (x > 0.0), True),
    ("the slope is computed first", lambda x: (x > 0) * np.maximum(x, 0), False),
    ("something else reads it, too", lambda x: np.maximum(x, 0) * (x > 0) + x, False),
    ("a maximum with one", lambda x: np.maximum(x, 1) * (x > 1), False),
    ("a maximum with zero, the slope at one", lambda x: np.maximum(x, 0) * (x > 1), False),
    ("a minimum", lambda x: np.minimum(x, 0) * (x > 0), False),
]


@pytest.mark.parametrize(("function", "moved"), [case[1:] for case in SIGNS], ids=[case[0] for case in SIGNS])
def test_the_slope_of_a_maximum_with_zero_looks_at_the_maximum_where_nothing_else_reads_the_rest(function, moved):
    program = program_of(lambda x: function(np.negative(x)), (3, 3))
    changed = signs_of_maxima(program)
    read = [step.operands[0].step for step in changed if step.operation in (np.maximum, np.minimum, np.greater)]
    assert (len(set(read)) == 2) is moved
    special = np.array([[np.nan, 0.0, -0.0], [np.inf, -np.inf, 5e-324], [-5e-324, 1.0, -2.0]])
    with np.errstate(invalid="ignore"):  # infinity times 0
        before, after = (evaluate(one, {"x0": special})[0] for one in (program, changed))
    assert before["y"].tobytes() == after["y"].tobytes()


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


# --- functions opened ------------------------------------------------------------------------------------------------

OPENED = {
    elementary.sigmoid: (
        ["minimum(%0, 708.3965)", "exp(%1)", "minimum(%0, 708.3965)", "exp(%3)", "add(1, %4)", "divide(1, %5)",
         "y = multiply(%2, %6)"],
        ["minimum(%0, 708.3965)", "exp(%1)", "add(1, %2)", "y = divide(1, %3)"],
    ),
    elementary.sigmoid_slope: (
        ["minimum(%0, 708.3965)", "exp(%1)", "minimum(%0, 708.3965)", "exp(%3)", "add(1, %4)", "divide(1, %5)",
         "multiply(%2, %6)", "minimum(%0, 708.3965)", "exp(%8)", "add(1, %9)", "divide(1, %10)",
         "y = multiply(%7, %11)"],
        None,
    ),
    elementary.tanh_slope: (
        ["absolute(%0)", "minimum(%1, 708.3965)", "multiply(-2, %2)", "exp(%3)", "add(1, %4)", "divide(2, %5)",
         "multiply(%4, %6)", "y = multiply(%7, %6)"],
        None,
    ),
    elementary.softplus: (
        ["maximum(%0, 0)", "absolute(%0)", "negative(%2)", "exp(%3)", "log1p(%4)", "y = add(%1, %5)"],
        ["absolute(%0)", "negative(%1)", "exp(%2)", "log1p(%3)", "minimum(%0, 0)", "y = subtract(%4, %5)"],
    ),
}  # fmt: skip


def calls(program):
    """Every step but the feeds, as it is printed, without its number and shape."""
    rows = [line.split(None, 1)[1].rsplit(" (", 1)[0].rstrip() for line in str(program).splitlines()[:-1]]
    return [row for row in rows if not row.endswith("= feed")]


@pytest.mark.parametrize("function", OPENED, ids=lambda function: function.__name__)
def test_a_function_is_opened_into_parts_for_a_value_and_for_its_negative(function):
    """The slopes are even, so that they are opened alike; σ(-z) and softplus(-z) share the parts of σ(z)."""
    of_value, of_negative = OPENED[function]
    assert calls(opened(program_of(lambda x: function(x), (2, 3)))) == of_value
    negative = opened(program_of(lambda x: function(-x), (2, 3))).without_dead_steps()
    assert calls(negative) == (of_negative or of_value)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("negated", [False, True])
@pytest.mark.parametrize("function", OPENED, ids=lambda function: function.__name__)
def test_an_opened_function_is_the_function_over_the_whole_range(function, negated, dtype):
    z = np.array([0.0, 0.3, 2.0, 30.0, 80.0, 300.0, 700.0, 800.0, 1e30], dtype)
    program = program_of(lambda x: function(-x) if negated else function(x), (2, 9), dtype=dtype)
    values = np.stack([z, -z])
    found = evaluate(opened(program), {"x0": values})[0]["y"]
    assert found.dtype == dtype
    # six roundings, those of exp and log1p among them; below the smallest normal number nothing is promised
    np.testing.assert_allclose(
        found, function(-values if negated else values), rtol=8 * np.finfo(dtype).eps, atol=np.finfo(dtype).tiny
    )


def test_in_single_precision_the_exponent_is_held_where_single_precision_ends():
    steps = calls(opened(program_of(lambda x: elementary.sigmoid(-x), (2, 3), dtype=np.float32)).without_dead_steps())
    assert steps[0] == "minimum(%0, 87.3366)"
    assert all(step.dtype == np.float32 for step in opened(program_of(elementary.sigmoid, (2, 3), dtype=np.float32)))


def test_the_opened_function_has_the_name_and_the_formula_of_the_step():
    program = opened(of_graph(cr.Sigmoid(cr.Input("x", (2, "m")), name="A")))
    (step,) = [step for step in program if step.name == "A"]
    assert (step.operation, step.formula, program.values["A"]) == (np.multiply, "sigmoid(x)", len(program) - 1)
    unnamed = opened(program_of(lambda x: np.exp(elementary.sigmoid(x)), (2, 3)))
    assert [step.name for step in unnamed if step.name] == ["x0", "y"]


def by_hand(*steps):
    """A program of these steps whose result is the last."""
    return Program(tuple(steps), {"y": len(steps) - 1}, {}, ("y",))


WHOLE = Step(None, shape=(2,), dtype=np.dtype(int), name="x")
HALF = Step(None, shape=(2,), dtype=np.dtype(np.float16), name="x")


@pytest.mark.parametrize(
    "program",
    [
        by_hand(WHOLE, Step(elementary.sigmoid, (Ref(0),), shape=(2,))),
        by_hand(HALF, Step(elementary.sigmoid, (Ref(0),), shape=(2,), dtype=np.dtype(np.float16))),
        by_hand(Step(None, name="x"), Step(elementary.sigmoid, (Ref(0),))),
        by_hand(Step(elementary.sigmoid, (0.5,), shape=())),
        by_hand(Step(None, shape=(2,), name="x"), Step(elementary.normal_cdf, (Ref(0),), shape=(2,))),
        by_hand(Step(None, shape=(2,), name="x"), Step(np.exp, (Ref(0),), shape=(2,))),
    ],
    ids=["whole numbers", "half precision", "no shape", "a number", "another function", "a function of NumPy"],
)
def test_what_is_not_opened_stays_as_it_is(program):
    assert [step.operation for step in opened(program)] == [step.operation for step in program]


# --- dtypes and sizes ------------------------------------------------------------------------------------------------

KINDS = {"f": np.float32, "i": np.int32, "b": np.bool_}


DTYPES = [
    (np.add, "ff", {}, np.float32),
    (np.add, "fi", {}, np.float64),
    (np.add, "ii", {}, np.int32),
    (np.divide, "ii", {}, np.float64),
    (np.multiply, ("f", 2.5), {}, np.float32),
    (np.multiply, ("f", np.float64(2.5)), {}, np.float64),
    (np.multiply, ("f", Dimension.named("m")), {}, np.float32),
    (np.greater, "ff", {}, np.bool_),
    (np.sum, "b", {"axis": 0}, np.int64),
    (np.sum, "f", {"axis": (0, 1), "keepdims": True}, np.float32),
    (np.argmax, "f", {"axis": 1}, np.intp),
    (np.mean, "i", {}, np.float64),
    (np.where, "bfi", {}, np.float64),
    (np.concatenate, (("f", "i"),), {"axis": 1}, np.float64),
    (np.transpose, "i", {}, np.int32),
    (np.reshape, "i", {"shape": (6, 1)}, np.int32),
    (np.astype, "f", {"dtype": np.dtype(np.int16)}, np.int16),
    (index, ("i", (slice(None), [0, 1])), {}, np.int32),
    (elementary.sigmoid, "f", {}, np.float32),
    (elementary.put, ("f", (0, slice(None)), "i"), {}, np.float32),
]


@pytest.mark.parametrize(
    ("operation", "operands", "options", "dtype"), DTYPES, ids=[f"{row[0].__name__} {row[1]}" for row in DTYPES]
)
def test_the_dtype_of_a_step_is_the_one_that_numpy_gives(operation, operands, options, dtype):
    steps = [Step(None, shape=(2, 3), dtype=np.dtype(kind), name=name) for name, kind in KINDS.items()]

    def ref(operand):
        if isinstance(operand, tuple):
            return tuple(map(ref, operand))
        return Ref(list(KINDS).index(operand)) if isinstance(operand, str) else operand

    step = Step(operation, tuple(map(ref, operands)), options, shape=None, dtype=np.dtype(complex))
    assert inferred_dtype(steps, step) == dtype


def test_the_dtype_of_what_is_given_or_called_is_what_it_says():
    single = np.dtype(np.float32)
    for step in (Step(None, name="x", dtype=single), Step(None, (np.ones(2),), dtype=single)):
        assert inferred_dtype([], step) == single
    called = Step(UpdateCall(SGD()), (Ref(0), Ref(0)), dtype=single)
    picked = Step(pick, (Ref(1),), {"place": 0}, dtype=single)
    given = Step(None, shape=(2,), name="x")
    assert inferred_dtype([given], called) == inferred_dtype([given, called], picked) == single


def test_what_cannot_be_looked_up_is_asked_again():
    """An option or a literal that has no hash: an array, a list."""
    steps = [Step(None, shape=(3,), dtype=np.dtype(np.float32), name="x")]
    assert inferred_dtype(steps, Step(np.add, (Ref(0), np.ones(3)))) == np.float64
    assert inferred_dtype(steps, Step(np.transpose, (np.ones((2, 3)),), {"axes": [1, 0]})) == np.float64


def test_numbers_that_are_equal_and_of_another_kind_give_another_dtype():
    """They were one to the cache: i + 1.0 after i + 1 was a whole number, and its plan broke down in NumPy."""
    steps = [Step(None, shape=(3,), dtype=np.dtype(np.int64), name="i")]
    numbers = [1, 1.0, True, np.float32(1), np.float64(1)]
    found = [inferred_dtype(steps, Step(np.add, (Ref(0), number))) for number in numbers]
    assert found == [np.int64, np.float64, np.int64, np.float64, np.float64]

    class Twice(cr.Node):
        def forward(self, i, x):
            return x * (i + 1) + x * (i + 1.0)

        def backward(self, grad, y, i, x):
            return None, grad * (i + 1) + grad * (i + 1.0)

    graph = cr.Graph(cr.Sum(Twice(cr.Input("i", (3,), dtype=int), cr.Parameter("x", (3,))), name="L"))
    loss, gradients = graph.compile()({"i": [1, 2, 3], "x": [1.0, 2.0, 4.0]})
    assert (float(loss), gradients["x"].tolist()) == (48, [4, 6, 8])


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (m, 6),
        (1 / m, 1 / 6),
        (m / 4, 1.5),
        (3 * m / 2 - n, 9 - 5),
        (m / (4 * n) + 1 / n, 6 / 20 + 1 / 5),
        ((2, m, [n, 1]), (2, 6, (5, 1))),
        (slice(m - 4, n, m / 3), slice(2, 5, 2)),
        ((slice(None), m), (slice(None), 6)),
        ("m", "m"),
        (None, None),
        (2.5, 2.5),
    ],
    ids=str,
)
def test_every_size_becomes_its_number(value, number):
    found = evaluated(value, {"m": 6, "n": 5})
    assert found == number
    assert type(found) is type(number)


def test_a_bound_program_has_numbers_for_every_size():
    program = record(cr.Graph(cr.Mean(cr.Input("x", (2, "m")), name="L"))).only(gradients=["x"])
    sized = bound(program, {"m": 6})
    assert " ".join(str(program).split()) == (
        "%0 x = feed (2, m) %1 sum(%0) () %2 L = divide(%1, 2*m) () %3 dL = 1.0 () %4 divide(%3, 2*m) () "
        "%5 dx = broadcast_to(%4, shape=(2, m)) (2, m) return L, dx"
    )
    assert " ".join(str(sized).split()) == (
        "%0 x = feed (2, 6) %1 sum(%0) () %2 L = divide(%1, 12) () %3 dL = 1.0 () %4 divide(%3, 12) () "
        "%5 dx = broadcast_to(%4, shape=(2, 6)) (2, 6) return L, dx"
    )
    assert [step.named for step in sized] == [step.shape for step in program]
    part = bound(program, {"m": 6}, {"m": 600})
    assert [step.operands[1] for step in part if step.operation is np.divide] == [1200, 1200]
    assert part.steps[5].options == {"shape": (2, 6)}


def test_a_shape_that_is_unknown_stays_unknown():
    unknown = by_hand(Step(None, name="x"), Step(np.exp, (Ref(0),)))
    assert [(step.shape, step.named) for step in bound(unknown, {"m": 6})] == [(None, None)] * 2


@pytest.mark.parametrize(
    ("operands", "same"),
    [
        ((1, 1), True),
        ((1, 1.0), False),
        ((1, True), False),
        ((1.5, np.float64(1.5)), False),
        ((np.float32(1), np.float64(1)), False),
        ((m, m * 1), True),
        ((m, m + 1), False),
        ((True, Dimension.named("True")), False),
    ],
    ids=str,
)
def test_operands_are_one_only_if_they_are_of_one_kind(operands, same):
    x = Step(None, shape=(3,), name="x")
    first, second = (Step(np.add, (Ref(0), operand), shape=(3,)) for operand in operands)
    once = common_subexpressions(by_hand(x, first, second, Step(np.multiply, (Ref(1), Ref(2)), shape=(3,))))
    assert len(once) == (3 if same else 4)


@pytest.mark.parametrize(("given", "left"), [(None, ()), ((1, 3), None), (None, None)])
def test_a_sum_over_what_is_not_known_stays_a_sum(given, left):
    program = by_hand(Step(None, shape=given, name="x"), Step(np.sum, (Ref(0),), {"axis": 0}, shape=left))
    assert operations(simplifications(program)) == ["sum"]


def test_what_is_traced_has_the_dtype_that_numpy_gives():
    builder = Builder()
    given = Step(None, shape=(2, 3), dtype=np.dtype(np.float32), name="x")
    x = builder.append(given)
    y = traced(builder, lambda value: np.exp(value) > 1, x)
    assert y == Ref(2)
    assert (
        builder.steps[0] is given
    )  # not asked for again: a program of many functions would take the square of the time
    assert [(step.operation, step.dtype) for step in builder.steps] == [
        (None, np.float32),
        (np.exp, np.float32),
        (np.greater, np.bool_),
    ]


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "folded"), [(1, True), (64, True), (65, False)])
def test_a_constant_is_stored_up_to_a_size_and_computed_beyond(size, folded):
    program = program_of(lambda x, c: x + c * np.arange(float(size)), (size,), (), dtype=np.float64)
    number = replace(program.steps[1], operands=(np.array(2.0),))
    program = replace(program, steps=(program.steps[0], number, *program.steps[2:]))
    changed = constants(program).without_dead_steps()
    assert operations(changed) == (["add"] if folded else ["multiply", "add"])
    x = np.ones(size)
    np.testing.assert_array_equal(evaluate(changed, {"x0": x})[0]["y"], 1 + 2 * np.arange(float(size)))


def test_a_folded_array_is_a_constant_with_the_name_of_its_step():
    program = program_of(lambda c: c * np.arange(3.0), ())
    program = replace(program, steps=(replace(program.steps[0], operands=(np.array(2.0),)), *program.steps[1:]))
    (step,) = constants(program).without_dead_steps()
    assert step.is_constant
    assert (step.name, step.operands[0].tolist(), step.shape) == ("y", [0, 2, 4], (3,))


def test_a_result_that_has_become_a_number_is_a_constant():
    (step,) = constants(of_graph(cr.Exp(cr.Constant(0.0), name="one"))).without_dead_steps()
    assert (step.is_constant, step.operands[0].tolist(), step.dtype) == (True, 1.0, float)


def test_what_needs_an_array_is_given_one_where_a_number_was_put():
    program = program_of(lambda x, c: np.where(x > c, x, np.broadcast_to(c, x.shape)), (2, 3), ())
    number = replace(program.steps[1], operands=(np.array(0.25),))
    changed = constants(replace(program, steps=(program.steps[0], number, *program.steps[2:])))
    verify(changed)
    x = np.arange(6.0).reshape(2, 3) / 8
    np.testing.assert_array_equal(evaluate(changed, {"x0": x})[0]["y"], np.maximum(x, 0.25))


def test_a_count_of_columns_is_no_number_yet():
    program = of_graph(cr.Mean(cr.Input("x", (2, "m")), name="y"))
    gradients = record(cr.Graph(cr.Mean(cr.Input("x", (2, "m")), name="y"))).only(gradients=["x"])
    for before in (program, gradients):
        assert operations(constants(before)) == operations(before)


def test_optimizing_run_in_their_order_and_each_result_is_verified():
    program = program_of(lambda x: np.exp(x * 1), (2, 3))
    assert operations(optimized(program, (simplifications,))) == ["exp"]
    assert optimized(program, ()) is program

    def broken(program):
        return replace(program, values={"y": 99})

    with pytest.raises(cr.errors.GraphError, match="a result of the program is no step"):
        optimized(program, (broken,))
    with pytest.raises(cr.errors.GraphError, match=r"reads a step that is not before it|has shape"):
        optimized(program, (lambda p: replace(p, steps=(p.steps[0], replace(p.steps[1], shape=(3, 2)), *p.steps[2:])),))


def test_the_name_of_what_is_left_out_goes_to_the_value_that_stands_for_it():
    for function in (
        lambda x: np.exp(x) * 1,
        lambda x: np.negative(-np.exp(x)),
        lambda x: np.sum(np.exp(x), axis=0, keepdims=True),
    ):
        changed = simplifications(program_of(function, (1, 3))).without_dead_steps()
        assert [(step.name, step.operation) for step in changed] == [("x0", None), ("y", np.exp)]
        assert changed.steps[1].formula is not None


def test_the_name_of_what_was_computed_before_goes_to_the_first_of_them():
    class Next(cr.Node):
        def forward(self, x):
            return np.sin(x) + 1

        def backward(self, grad, y, x):
            return (grad,)

    x = cr.Input("x", (3,))
    program = of_graph(cr.Add(Next(x), cr.Sin(x, name="s"), name="y"))
    once = common_subexpressions(program)
    (step,) = [step for step in once if step.operation is np.sin]
    assert (step.name, step.formula) == ("s", "np.sin(x)")


def test_what_has_a_name_keeps_it():
    x = cr.Input("x", (3,))
    program = of_graph(
        cr.Add(cr.Sin(x, name="first"), cr.Multiply(cr.Sin(x, name="second"), 1, name="third"), name="y")
    )
    once = common_subexpressions(simplifications(constants(program))).without_dead_steps()
    assert [step.name for step in once] == ["x", "first", "y"]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_weight_of_zero_beside_an_infinity_adds_nothing_once_it_is_opened_and_gives_no_warning(dtype):
    z, y = cr.Parameter("z", (1, "m")), cr.Input("Y", (1, "m"))
    plan = cr.Graph(cr.SigmoidBCELoss(z, y, reduction="sum", name="L")).compile()
    assert "weighted" not in [step.operation.__name__ for step in plan.program if step.operation]
    label, expected = dtype(0.25), np.log(2) + (np.log1p(np.exp(2)) - 0.5)  # of z = 0, and of z = 2 with a quarter
    given = {"z": np.array([[-np.inf, np.inf, 0, 2]], dtype), "Y": np.array([[0, 1, 0, label]], dtype)}
    loss, _ = plan(given)
    assert loss.dtype == dtype
    np.testing.assert_allclose(loss, expected, rtol=1e-12 if dtype is np.float64 else 1e-6)
    assert plan({**given, "Y": 1 - given["Y"]})[0] == np.inf
