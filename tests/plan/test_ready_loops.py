"""Loops written out by hand: what NumPy's functions give, for every axis, layout and number that there is."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.plan.loop import ready_loop
from chainrule.plan.loop.by_hand import with_ready_loops
from chainrule.plan.loop.ready_loop import ReadyLoop
from chainrule.program.builder import Builder
from chainrule.program.program import Program
from chainrule.program.step import Step
from chainrule.symbols import elementary
from chainrule.symbols.elementary import put
from chainrule.symbols.standardizing import standardized, standardized_backward
from chainrule.symbols.windows import max_pool, max_pool_backward

RNG = np.random.default_rng(0)
ULP = {np.dtype(np.float32): 2.0**-23, np.dtype(np.float64): 2.0**-52}


def stepped(function, *arrays, **options):
    """The step that a plan computes in the place of a function of these arrays."""
    builder = Builder()

    def fed(x):
        if isinstance(x, tuple):
            return tuple(map(fed, x))
        is_fed = isinstance(x, np.ndarray)
        return builder.append(Step(None, (), {}, x.shape, x.dtype, name=f"x{len(builder.steps)}")) if is_fed else x

    refs = [fed(x) for x in arrays]
    with np.errstate(all="ignore"):
        made = np.asarray(function(*arrays, **options))
    end = builder.append(Step(function, tuple(refs), options, made.shape, made.dtype, name="y"))
    program = with_ready_loops(Program(tuple(builder.steps), {"y": end.step}, {}, ("y",)))
    return program.steps[-1].operation, made


def assert_alike(function, *arrays, ulp=16, beside=0.0, **options):
    """The loop gives what the function gives: also where that is NaN or infinite, and in an array of the caller's.

    ``beside`` is the size of what is taken from each other in it.
    """
    loop, expected = stepped(function, *arrays, **options)
    assert isinstance(loop, ReadyLoop)
    within = {
        "rtol": ulp * ULP[expected.dtype],
        "atol": ulp * max(np.finfo(expected.dtype).tiny, beside * ULP[expected.dtype]),
    }
    np.testing.assert_allclose(loop(*arrays), expected, **within)
    for out in (np.empty_like(expected), np.empty(expected.shape[::-1], expected.dtype).T):
        assert loop(*arrays, out=out) is out
        np.testing.assert_allclose(out, expected, **within)


def numbers(shape, dtype, scale=3.0):
    return (scale * RNG.normal(size=shape)).astype(dtype)


def is_left(function, *arrays, **options):
    return stepped(function, *arrays, **options)[0] is function


# --- softmax and its kin ---------------------------------------------------------------------------------------------

SHARES = [elementary.softmax, elementary.log_softmax, elementary.softmax_rest, elementary.logsumexp]
EVERY_DTYPE = pytest.mark.parametrize("dtype", [np.float32, np.float64])
AXES = [((7,), 0), ((5, 33), 0), ((5, 33), -1), ((3, 4, 17, 2), 1), ((3, 4, 5, 2), (1, 2)), ((3, 4, 5), (0, 2)),
        ((3, 150, 2), 1), ((2, 3, 19, 20), 1), ((6, 7), None), ((4, 1300), 1), ((1, 9), 0)]  # fmt: skip


@pytest.mark.parametrize("function", SHARES)
@pytest.mark.parametrize(("shape", "axis"), AXES)
@EVERY_DTYPE
def test_shares_of_any_axis(function, shape, axis, dtype):
    assert_alike(function, numbers(shape, dtype), axis=axis, beside=float(function is elementary.logsumexp))


@pytest.mark.parametrize("function", SHARES)
@EVERY_DTYPE
def test_rows_with_infinities_and_nan_are_those_of_the_functions(function, dtype):
    inf, nan, large = np.inf, np.nan, np.finfo(dtype).max
    rows = np.array([
        [inf, 0, 1], [inf, inf, 2], [-inf, 0, 1], [-inf, -inf, -inf], [-inf, inf, 0], [nan, 0, 1], [1, 2, -nan],
        [-nan, inf, -inf], [nan, nan, nan], [large, -large, 0], [-large, -large, -large], [0.0, -0.0, 0.0],
        [-inf, -inf, 3], [large, large, -inf], [1000, -1000, 0], [5, 5, 5],
    ], dtype)  # fmt: skip
    rows[6, 2] = np.copysign(nan, -1)  # what a processor makes of 0/0: behind all numbers in the order of bits
    with np.errstate(all="ignore"):
        assert_alike(function, rows, axis=1)
        assert_alike(function, np.tile(rows, (2, 1)).T, axis=0)  # of 32 columns side by side


@pytest.mark.parametrize("function", [elementary.log_softmax, elementary.softmax_rest])
@pytest.mark.parametrize("axis", [0, 1])
@EVERY_DTYPE
def test_what_a_softmax_that_rounds_to_1_leaves_keeps_its_digits(function, axis, dtype):
    rows = np.tile(np.array([[80.0, 0.0, 1.0], [0.0, -30.0, 60.0]], dtype), (9, 1))
    exact = np.exp(rows.astype(float) - rows.max(1, keepdims=True))
    exact[exact == 1] = 0
    rest = exact.sum(1, keepdims=True)
    largest = rows == rows.max(1, keepdims=True)
    x = rows if axis else np.ascontiguousarray(rows.T)
    found = stepped(function, x, axis=axis)[0](x)
    found = abs((found if axis else found.T)[largest])
    np.testing.assert_allclose(found, np.broadcast_to(rest, rows.shape)[largest], rtol=8 * ULP[np.dtype(dtype)])


@pytest.mark.parametrize("function", [elementary.log_softmax, elementary.logsumexp])
def test_of_entries_that_are_largest_together_one_is_left_out(function):
    x = np.zeros((3, 40), np.float64)
    assert_alike(function, x, axis=0)
    assert_alike(function, x, axis=1)


def test_long_rows_of_small_numbers_keep_their_sum():
    x = numbers((2, 300_000), np.float32)
    exact = np.exp(x.astype(float) - x.max(1, keepdims=True))
    exact /= exact.sum(1, keepdims=True)
    found = stepped(elementary.softmax, x, axis=1)[0](x)
    np.testing.assert_allclose(found, exact, rtol=6 * 2.0**-24)  # of exp, its correction, the sum and the division


@pytest.mark.parametrize("axis", [0, 2])
def test_rows_are_shared_out_over_threads_to_the_same_bits(monkeypatch, axis):
    x = numbers((40, 5, 60), np.float64)
    loop, _ = stepped(elementary.softmax, x, axis=axis)
    expected, calls = loop(x), []
    monkeypatch.setattr(ready_loop, "_OF_A_THREAD", 1000)
    monkeypatch.setattr(ready_loop, "processors", lambda: 3)
    monkeypatch.setattr(ready_loop, "on_threads", lambda function, parts: map(function, calls.append(parts) or parts))
    np.testing.assert_array_equal(loop(x), expected)
    assert [len(parts) for parts in calls] == [3]


def test_what_cannot_be_written_to_and_what_is_not_in_one_piece_is_taken_by_the_same_loop():
    x = numbers((6, 8), np.float64)
    loop, expected = stepped(elementary.softmax, x, axis=1)
    x.flags.writeable = False
    for layout in (x, np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2]):
        np.testing.assert_allclose(loop(layout), expected, rtol=1e-14)
    assert len(loop._loops[0].signatures) == 1


@pytest.mark.parametrize("function", SHARES)
def test_nothing_and_complex_numbers_are_left_to_numpy(function):
    assert is_left(function, np.ones((0, 3)), axis=1)
    assert is_left(function, np.ones((2, 3), complex), axis=1)
    assert is_left(function, np.ones((2, 3), np.float16), axis=1)


# --- standardizing ---------------------------------------------------------------------------------------------------


def standardized_exactly(x, axis, epsilon, center):
    """The entries over their spread, and the spread, in long doubles."""
    x = x.astype(np.longdouble)
    apart = x - x.mean(axis=axis, keepdims=True) if center else x
    root = np.sqrt(np.square(apart).mean(axis=axis, keepdims=True) + np.longdouble(epsilon))
    return apart / root, root


def sent_back_exactly(grad, x, axis, epsilon, center):
    y, root = standardized_exactly(x, axis, epsilon, center)
    rest = grad - y * (grad * y).mean(axis=axis, keepdims=True)
    return (rest - rest.mean(axis=axis, keepdims=True) if center else rest) / root


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize(("shape", "axis"), AXES)
@EVERY_DTYPE
def test_standardizing_any_axis(shape, axis, dtype, center):
    x, grad, facts = numbers(shape, dtype) + dtype(2), numbers(shape, dtype), {"axis": axis, "center": center}
    exact = standardized_exactly(x, axis, 0.25, center)[0]
    back = sent_back_exactly(grad, x, axis, 0.25, center)
    for function, arrays, wanted in ((standardized, [x], exact), (standardized_backward, [grad, x], back)):
        loop, _ = stepped(function, *arrays, epsilon=0.25, **facts)
        out = np.empty(shape[::-1], dtype).T
        assert loop(*arrays, out=out) is out
        # Measured 3; NumPy's functions come to 4, and along an axis that is not the last one to 60.
        np.testing.assert_allclose(out, wanted, rtol=0, atol=6 * ULP[np.dtype(dtype)] * abs(wanted).max())


@EVERY_DTYPE
def test_standardized_rows_with_infinities_and_nan_are_those_of_the_function(dtype):
    inf, nan, large = np.inf, np.nan, np.finfo(dtype).max
    rows = np.array([[inf, 0, 1], [-inf, 0, 1], [nan, 0, 1], [-inf, -inf, -inf], [large, -large, 0], [5, 5, 5],
                     [large, large, large], [1e30, -1e30, 0], [0.1, 0.1, 0.1], [1, 2, 3]], dtype)  # fmt: skip
    with np.errstate(all="ignore"):
        assert_alike(standardized, rows, axis=1)
        assert_alike(standardized, rows, axis=1, center=False)
        assert_alike(standardized_backward, numbers(rows.shape, dtype), rows, axis=1, beside=1.0)
        rows = rows[((abs(rows) < 1e9) | ~np.isfinite(rows)).all(axis=1)]  # of others little is left that has a size
        assert_alike(standardized_backward, rows, numbers(rows.shape, dtype), axis=1, beside=1e3)


def test_equal_entries_are_exactly_0_apart():
    x = np.full((4, 77), 0.1)
    assert (stepped(standardized, x, axis=1)[0](x) == 0).all()


def test_groups_of_channels_and_operands_of_two_dtypes_are_left_to_numpy():
    x = numbers((2, 4, 3, 3), np.float32)
    assert is_left(standardized, x, groups=2)
    assert is_left(standardized_backward, x.astype(float), x, axis=1)


# --- rows of a table -------------------------------------------------------------------------------------------------

KEYS = [((7, 9), (5,), 0), ((7, 3, 4), (5,), 0), ((7, 8), (2, 4), 0), ((2, 7, 10), (4,), 1), ((7, 12), (), 0)]


@pytest.mark.parametrize(("shape", "picks", "axis"), KEYS)
@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
@EVERY_DTYPE
def test_rows_named_twice_and_from_the_end_are_added_up_to_the_bit(shape, picks, axis, dtype, kind):
    table, ids = numbers(shape, dtype), np.asarray(RNG.integers(0 if kind == np.uint8 else -7, 7, picks)).astype(kind)
    grad = numbers(np.take(table, ids, axis=axis).shape, dtype)
    loop, added = stepped(put, grad, (*[slice(None)] * axis, ids), table)
    assert isinstance(loop, ReadyLoop)
    for given in (grad, np.asfortranarray(grad)):
        np.testing.assert_array_equal(loop(given, ids), added)
    out = np.full_like(added, np.nan)
    np.testing.assert_array_equal(loop(grad, ids, out=out), added)


@pytest.mark.parametrize("place", [7, -8])
def test_a_row_that_is_not_there_is_the_error_of_numpy(place):
    grad = numbers((2, 9), np.float64)
    loop, _ = stepped(put, grad, (np.array([0, 1]),), numbers((7, 9), np.float64))
    assert isinstance(loop, ReadyLoop)
    with pytest.raises(IndexError, match=f"index {place} is out of bounds for axis 0 with size 7"):
        loop(grad, np.array([0, place]))


def test_other_keys_are_left_to_numpy():
    table, ids, mask = numbers((4, 9), np.float64), np.array([0, 1]), np.array([True, False, True, False])
    assert is_left(put, numbers((2, 9), np.float64), (mask,), table)
    assert is_left(put, numbers((2,), np.float64), (ids, ids), table)
    assert is_left(put, numbers((2,), np.float64), (0, ids), table)
    assert is_left(put, numbers((9,), np.float64), (ids,), table)  # it is stretched
    assert is_left(put, numbers((2, 9), np.float64), (ids.astype(np.uint64),), table)
    assert is_left(put, numbers((4, 2), np.float64), (slice(None), ids), table)


# --- windows ---------------------------------------------------------------------------------------------------------

WINDOWS = [((3, 2, 8, 10), 2, None), ((2, 3, 9, 7), 2, None), ((2, 1, 7, 9), (2, 3), None), ((2, 2, 9, 11), 2, (3, 4))]


@pytest.mark.parametrize(("shape", "size", "stride"), WINDOWS)
@EVERY_DTYPE
def test_windows_with_ties_nan_and_infinities_to_the_bit(shape, size, stride, dtype):
    x = RNG.integers(0, 3, shape).astype(dtype)
    x[RNG.random(shape) < 0.05] = np.nan
    x[RNG.random(shape) < 0.05] = np.inf
    x[0, 0, :4] = -np.inf
    for given in (x, np.asfortranarray(x)):
        pool, largest = stepped(max_pool, given, size=size, stride=stride)
        assert isinstance(pool, ReadyLoop)
        np.testing.assert_array_equal(pool(given), largest)
        grad = numbers(largest.shape, dtype)
        back, sent = stepped(max_pool_backward, grad, given, size=size, stride=stride)
        assert isinstance(back, ReadyLoop)
        np.testing.assert_array_equal(back(grad, given, out=np.full_like(sent, np.nan)), sent)


def test_windows_that_overlap_reach_outside_or_are_large_are_left_to_numpy():
    x = numbers((2, 2, 12, 12), np.float64)
    assert is_left(max_pool, x, size=3, stride=2)
    assert is_left(max_pool, x, size=2, padding=1)
    assert is_left(max_pool, x, size=5)


# --- plans of them ---------------------------------------------------------------------------------------------------


def classifier(dtype):
    X, Y = cr.Input("X", ("m", 5)), cr.Input("Y", ("m", 70))
    W = cr.Parameter("W", (5, 70))
    graph = cr.Graph(cr.SoftmaxCrossEntropyLoss(X @ W, Y, name="L"))
    labels = np.eye(70, dtype=dtype)[RNG.integers(0, 70, 30)]
    return graph, {"X": numbers((30, 5), dtype), "W": numbers((5, 70), dtype), "Y": labels}


def normalized(dtype):
    x, W = cr.Input("x", ("m", 6, 40)), cr.Parameter("W", (40, 40))
    y = cr.LayerNorm(x @ W, cr.Parameter("s", (40,)), cr.Parameter("t", (40,)))
    graph = cr.Graph(cr.Mean(cr.Softmax(y, axis=-1) * y, name="L"))
    shapes = {"x": (9, 6, 40), "W": (40, 40), "s": (40,), "t": (40,)}
    return graph, {name: numbers(shape, dtype, 1) for name, shape in shapes.items()}


def embedded(dtype):
    ids, E = cr.Input("ids", ("m", 4), dtype=int), cr.Parameter("E", (30, 16))
    graph = cr.Graph(cr.Mean(cr.Tanh(cr.Mean(cr.Gather(E, ids, axis=0), axis=1)), name="L"))
    return graph, {"ids": RNG.integers(-30, 30, (50, 4)), "E": numbers((30, 16), dtype)}


def pooled(dtype):
    x, w = cr.Input("x", ("m", 2, 6, 8)), cr.Parameter("w", (2, 6, 8))
    graph = cr.Graph(cr.Mean(cr.Square(cr.MaxPool(cr.Tanh(x * w), size=2)), name="L"))
    return graph, {"x": numbers((7, 2, 6, 8), dtype), "w": numbers((2, 6, 8), dtype)}


NETS = {"classifier": classifier, "normalized": normalized, "embedded": embedded, "pooled": pooled}


@pytest.mark.parametrize("name", NETS)
@EVERY_DTYPE
def test_a_plan_with_ready_loops_gives_what_a_run_gives(name, dtype):
    graph, feeds = NETS[name](dtype)
    plan, run = graph.compile(backend="numba"), graph.forward(feeds)
    run.backward()
    loss, gradients = plan(feeds)
    assert "KIND: Final" in plan.source
    np.testing.assert_allclose(loss, run["L"], rtol=64 * ULP[np.dtype(dtype)])
    for key, found in gradients.items():
        size = abs(run.gradients[key]).max()
        np.testing.assert_allclose(found, run.gradients[key], rtol=64 * ULP[np.dtype(dtype)], atol=1e-6 * size)


def test_a_plan_shows_the_loops_that_it_calls_and_is_saved_without_them(tmp_path):
    graph, feeds = classifier(np.float32)
    plan = graph.compile(backend="numba")
    plan(feeds)
    assert plan.source.count("def log_softmax(") == 1
    assert 'KIND: Final = "float32"' in plan.source
    plan.save(tmp_path / "net.py")
    assert "numba" not in (tmp_path / "net.py").read_text("utf-8")
    assert "KIND" not in graph.compile().source
