"""Compiled loops: exact functions, the scalars of a program, and what the Run computes, whole and in pieces."""

import os
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import mpmath
import numpy as np
import precise
import pytest
from evaluation import evaluate
from every_rule import EXAMPLES, M
from interpreted import interpreted
from precise import evaluate as exactly
from random_graphs import random_graph
from test_plan import FORBIDDEN, NETS, as_dtype, assert_close, differentiable, dnn

import chainrule as cr
from chainrule.plan.loop import scalars
from chainrule.plan.loop.compiled import cache_folder, compiled
from chainrule.plan.loop.fused import fused_loops
from chainrule.plan.loop.loop_source import BLOCK, LARGEST_CALL
from chainrule.plan.loop.looped import Loop, Looped
from chainrule.plan.loop.scalars import MOST_OPERATIONS, NotScalar, scalars_of
from chainrule.plan.loop.series import FUNCTIONS
from chainrule.plan.numpy_source import numpy_source
from chainrule.plan.optimizing import bound, optimized, typed
from chainrule.program.recording import record
from chainrule.program.verifying import verify

# --- functions of single numbers -----------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
NEAR_ZERO = np.concatenate([10.0 ** RNG.uniform(-300, 0, 300), -(10.0 ** RNG.uniform(-300, -1, 300))])
BOTH_SIDES = np.concatenate([RNG.uniform(-1, 1, 300), RNG.uniform(-40, 40, 300), NEAR_ZERO])
# By function: where it is tried, what mpmath computes, and units in the last place.
# Measured: 0.9, 1.7, 0.8, 0.8, 1.8, 2.9, 2.1.
EXACT = {
    "exp": (np.concatenate([BOTH_SIDES, RNG.uniform(-745, 709, 600)]), mpmath.exp, 1.0),
    "expm1": (np.concatenate([BOTH_SIDES, RNG.uniform(-745, 709, 300)]), mpmath.expm1, 2.0),
    "log": (np.concatenate([10.0 ** RNG.uniform(-323, 308, 600), RNG.uniform(0.4, 2, 600)]), mpmath.log, 1.0),
    "log1p": (np.concatenate([NEAR_ZERO[NEAR_ZERO > -1], RNG.uniform(-0.999, 90, 600)]), mpmath.log1p, 1.0),
    "tanh": (BOTH_SIDES, mpmath.tanh, 2.0),
    "normal_cdf": (np.concatenate([BOTH_SIDES, RNG.normal(size=600)]), mpmath.ncdf, 4.0),
    "erf": (np.concatenate([BOTH_SIDES, RNG.normal(size=600)]), mpmath.erf, 2.5),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", EXACT)
def test_a_function_of_a_loop_is_exact_to_the_last_places(name, dtype):
    where, exact, allowed = EXACT[name]
    limits = np.finfo(dtype)
    x = where[(np.abs(where) < 0.99 * limits.max) & (np.abs(where) > limits.smallest_subnormal)].astype(dtype)
    if name in ("exp", "expm1"):
        x = x[(x < np.log(limits.max)) & (x > np.log(limits.smallest_subnormal))]
    found = np.array([FUNCTIONS[dtype][name](number) for number in x], dtype)
    expected = exactly(precise.elementwise(exact), x[None])[0]
    assert precise.ulps(found, expected).max() <= allowed


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "tanh", "sign", "isfinite", "isnan"])
def test_a_function_of_a_loop_ends_as_numpys_does(name, dtype):
    for number in (np.inf, -np.inf, np.nan, 0.0, -0.0, 1.0, -1.0, -2.0, 1e4, -1e4):
        given = np.dtype(dtype).type(number)
        with np.errstate(all="ignore"):
            expected = getattr(np, name)(given)
        found = FUNCTIONS[dtype][name](given)
        assert np.array_equal(found, expected, equal_nan=True) or np.isclose(found, expected, rtol=1e-6), number
        if found == 0 and name != "sign":  # NumPy's sign of -0.0 is 0.0, too
            assert np.signbit(found) == np.signbit(expected)


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_nan_on_either_side_is_the_larger_and_the_smaller(name):
    function = FUNCTIONS["float64"][name]
    assert np.isnan(function(np.nan, 1.0))
    assert np.isnan(function(1.0, np.nan))
    assert function(2.0, -1.0) == getattr(np, name)(2.0, -1.0)


# --- scalars ---------------------------------------------------------------------------------------------------------


def loop_of(graph, names=None, dtype=float, sizes=None):
    names = [graph.name(node) for node in graph.parameters] if names is None else names
    program = optimized(typed(record(graph.fuse()).only(gradients=names), dtype))
    return Loop(program, sizes or {}, np.dtype(dtype))


def test_what_has_nothing_to_do_with_columns_stands_before_the_loop():
    w, x = cr.Parameter("w", (2, 3)), cr.Input("x", (3, "m"))
    text = loop_of(cr.Graph(cr.Mean(cr.Square(cr.Exp(w) @ x), name="L"))).source.text
    before, loop = text.partition("def piece(")[2].split("for c in range")[:2]
    assert before.count("= exp(") == 6
    assert "= exp(" not in loop.partition("def finish(")[0]


def test_a_value_used_twice_is_computed_once():
    x = cr.Input("x", ("m",))
    text = loop_of(cr.Graph(cr.Sum(cr.Exp(x) * cr.Exp(x) + cr.Exp(x), name="L"))).source.text
    assert text.partition("def finish(")[0].count("= exp(") == 1


def refused(graph, names=None):
    with pytest.raises(NotScalar) as why:
        loop_of(graph, names)
    return str(why.value)


def test_what_has_no_form_for_numbers_is_said():
    assert "looked up" in refused(NETS["embedding"]()[0])
    w, x = cr.Parameter("w", (60, 50)), cr.Input("x", (50, "m"))
    assert f"more than {MOST_OPERATIONS:,} operations" in refused(cr.Graph(cr.Mean(cr.Sigmoid(w @ x), name="L")))

    class Loopy(cr.Node):
        def forward(self, x):
            return np.array([float(v) for v in x.ravel()]).reshape(x.shape)

        def backward(self, grad, y, x):
            return (np.array([float(v) for v in grad.ravel()]).reshape(x.shape),)

    assert "called as it is" in refused(cr.Graph(cr.Sum(Loopy(cr.Parameter("x", (3,))), name="L")))


def test_scalars_name_what_people_name():
    graph, _ = dnn()
    program = optimized(typed(record(graph.fuse()).only(gradients=["W1"]), float))
    scalars = scalars_of(program, {})
    assert {"Z1_0", "A2_1", "W1_0_1", "dZ3_0", "dW1_3_1"} <= set(scalars.named.values())


# --- loop and Run ----------------------------------------------------------------------------------------------------


def is_looped(plan):
    return "one compiled loop" in plan.explain()


@pytest.mark.parametrize(
    ("name", "dtype"),
    [*((name, np.float64) for name in NETS), *((name, np.float32) for name in ("sigmoid", "classifier", "attention"))],
)
def test_loop_and_run_agree_on_nets(name, dtype):
    graph, feeds = NETS[name]()
    feeds = as_dtype(feeds, dtype)
    names = differentiable(graph)
    run = graph.fuse().forward(feeds)
    run.backward()
    plan = graph.compile(names, backend="numba")
    assert is_looped(plan) is (name != "embedding")
    for _ in range(2):  # the long way, then the short one
        loss, gradients = plan(feeds)
        assert loss.dtype == dtype
        assert_close(loss, run.values["L"], dtype, "L")
        for key in names:
            assert gradients[key].dtype == dtype
            assert_close(gradients[key], run.gradients[key], dtype, key)


@pytest.mark.parametrize("seed", [2, 12, 22])
def test_loop_and_run_agree_on_every_gradient_of_random_graphs(seed):
    random = random_graph(seed)
    names = [name for name in record(random.graph).gradients if random.graph[name] not in random.graph.outputs]
    run = random.graph.forward(random.feeds)
    run.backward()
    loss, gradients = random.graph.compile(names, backend="numba")(random.feeds)
    assert_close(loss, run.values[random.graph.name(random.graph.outputs[0])], np.float64, "loss")
    for name in names:
        assert_close(gradients[name], run.gradients[name], np.float64, name)


def assert_interpreted(graph, feeds, names, dtype=np.float64):
    """The printed loop, run by Python, gives what the Run gives."""
    run = graph.forward(feeds)
    run.backward()
    program = optimized(typed(record(graph).only(gradients=names), dtype))
    loss, gradients = interpreted(Loop(program, {}, np.dtype(dtype)), feeds)
    assert_close(loss, run.values[graph.outputs[0]], dtype, "loss")
    for name in names:
        assert gradients[name].dtype == dtype
        assert_close(gradients[name], run.gradients[name], dtype, name)


def looks_up(graph):
    """Whether a graph reads whole numbers or booleans, which printed NumPy looks up and loops do not."""
    return any(node.dtype.kind in "ib" for node in graph.inputs)


BY_NUMPY = {  # examples, or whole classes, that have no form for single numbers
    "ArgMax", "ArgMin", "ArgSort", "AveragePool", "BatchNorm", "Conv2d", "CumProd", "Einsum", "Erf", "GroupNorm",
    "LayerNorm", "MaxPool", "Mod", "Prod", "RMSNorm", "Roll, rows", "Round", "Sort", "TakeAlong", "TopK",
    "CrossEntropyLoss, weighed", "NLLLoss, weighed", "SoftmaxCrossEntropyLoss, weighed",
}  # fmt: skip


def has_loop(name):
    """Whether the example of that name is computed by a printed loop; else it is by printed NumPy."""
    return BY_NUMPY.isdisjoint((name, name.split(",")[0])) and not looks_up(EXAMPLES[name].graph)


def is_of_single_numbers(node):
    """Whether a node has a form for single numbers."""
    masked = isinstance(node, cr.Attention) and len(node.inputs) > 3
    looked_up = isinstance(node, cr.Input) and node.dtype.kind in "ib"
    return not (masked or looked_up) and type(node).__name__ not in BY_NUMPY


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_of_rules_on_numbers_have_a_loop_that_says_what_the_run_computes(seed, monkeypatch):
    monkeypatch.setattr("chainrule.plan.loop.scalars.MOST_OPERATIONS", 10**6)  # Python compiles at once
    random = random_graph(seed, admits=is_of_single_numbers)
    names = [name for name in record(random.graph).gradients if random.graph[name] not in random.graph.outputs]
    assert_interpreted(random.graph, random.feeds, names)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", [name for name in EXAMPLES if has_loop(name)])
def test_printed_loops_of_every_node_say_what_the_run_computes(name, dtype):
    node, feeds = EXAMPLES[name].graph.outputs[0], as_dtype(EXAMPLES[name].feeds, dtype)
    value = EXAMPLES[name].graph.forward(feeds).values[node]
    weights = np.random.default_rng(0).normal(size=value.shape)
    shape = tuple(
        "m" if size == M and str(known) == "m" else size for size, known in zip(value.shape, node.shape, strict=True)
    )
    upstream = cr.Input("upstream", shape)
    graph = cr.Graph(cr.Sum(node * upstream, name="total"))
    names = [n for n in record(graph).gradients if n in feeds]
    assert_interpreted(graph, {**feeds, "upstream": weights.astype(dtype)}, names, dtype)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_columns_that_meet_are_computed_by_printed_numpy(name):
    w = cr.Parameter("w")
    graph = cr.Graph(cr.Sum(cr.Sin(w * FORBIDDEN[name]), name="L"))
    feeds = {"x": np.random.default_rng(0).normal(size=(3, 7)), "w": np.array(0.7)}
    plan = graph.compile(backend="numba")
    run = graph.forward(feeds)
    run.backward()
    assert_close(plan(feeds)[1]["w"], run["dw"], np.float64)
    assert "no loop in registers: " in plan.explain()


def test_a_graph_without_columns_is_one_run_through_the_loop():
    x, y = cr.Parameter("x", (3,)), cr.Parameter("y")
    graph = cr.Graph(cr.Sum(cr.LogSumExp(x * y) + y, name="L"))
    feeds = {"x": np.array([0.3, -1.0, 2.0]), "y": np.array(1.5)}
    run = graph.forward(feeds)
    run.backward()
    plan = graph.compile(backend="numba")
    for _ in range(2):
        assert_close(plan(feeds)[1]["x"], run["dx"], np.float64)
        assert_close(plan(feeds)[1]["y"], run["dy"], np.float64)


@pytest.mark.parametrize("m", [1, BLOCK - 1, BLOCK + 1, LARGEST_CALL, LARGEST_CALL + 1, 3 * LARGEST_CALL + 5])
def test_any_number_of_columns_takes_the_same_compiled_loop(m):
    graph, _ = dnn()
    plan = graph.compile(["W1", "B3", "A0"], backend="numba")
    for columns in (3, m, 3):
        _, feeds = dnn(m=columns)
        loss, gradients = plan(feeds)
        expected_loss, expected = graph.compile(["W1", "B3", "A0"])(feeds)
        assert_close(loss, expected_loss, np.float64)
        for name, gradient in gradients.items():
            assert_close(gradient, expected[name], np.float64, name)
    assert len(plan._loops) == 1


def test_a_long_sum_in_single_precision_keeps_its_digits():
    w, x = cr.Parameter("w", (1, 1)), cr.Input("x", (1, "m"))
    graph = cr.Graph(cr.Mean(w * x, name="L"))
    feeds = {"w": np.ones((1, 1), np.float32), "x": np.full((1, 3_000_000), 0.1, np.float32)}
    loss, gradients = graph.compile(backend="numba")(feeds)
    # Some hundred additions in single precision, each off by 3e-8 to the same side; one by one it would be 5 %.
    np.testing.assert_allclose([loss, gradients["w"][0, 0]], np.float32(0.1), rtol=3e-6)


@pytest.mark.parametrize("label", [0.0, 1.0, 0.25])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_in_saturation_a_loop_is_exact_to_the_last_places(dtype, label):
    scale = 1 if dtype is np.float64 else 8
    z = np.array([[s * v / scale for v in (5.0, 36.0, 40.0, 600.0) for s in (1, -1)]], dtype)
    Z, Y = cr.Parameter("Z", (1, "m")), cr.Input("Y", (1, "m"))
    graph = cr.Graph(cr.BCELoss(cr.Sigmoid(Z), Y, reduction="sum", name="L"))
    _, gradients = graph.compile(backend="numba")({"Z": z, "Y": np.full_like(z, label)})
    expected = exactly(precise.elementwise(lambda x: (1 - label) * precise.sigmoid(x) - label * precise.sigmoid(-x)), z)
    assert precise.ulps(gradients["Z"], expected).max() <= 8  # as for the printed NumPy


# --- calling ---------------------------------------------------------------------------------------------------------


def test_feeds_of_any_layout_give_the_same():
    graph, feeds = dnn(m=70_001)
    plan = graph.compile(backend="numba")
    expected = plan(feeds)[1]
    frozen = {name: x.copy() for name, x in feeds.items()}
    for x in frozen.values():
        x.flags.writeable = False
    strided = np.empty((2, 140_002))[:, ::2]
    strided[...] = feeds["A0"]
    others = [
        frozen,
        {**feeds, "A0": np.asfortranarray(feeds["A0"]), "W1": np.asfortranarray(feeds["W1"])},
        {**feeds, "A0": strided, "Y": feeds["Y"].astype(int)},
        {**feeds, "B1": feeds["B1"].tolist(), "A0": feeds["A0"].astype(">f8")},
        {graph[name]: x for name, x in feeds.items()},
    ]
    for other in others:
        for _ in range(2):
            for name, gradient in plan(other)[1].items():
                assert_close(gradient, expected[name], np.float64, name)


def test_feeds_are_checked_like_those_of_a_run():
    graph, feeds = dnn()
    plan = graph.compile(backend="numba")
    for _ in range(2):  # before the first call, and when the short way is known
        with pytest.raises(cr.errors.FeedError, match="missing 'Y'"):
            plan({name: x for name, x in feeds.items() if name != "Y"})
        with pytest.raises(cr.errors.FeedError, match="unknown 'y'"):
            plan({**feeds, "y": 1})
        with pytest.raises(cr.errors.FeedError, match=r"W1 is declared \(4, 2\) and was fed \(2, 4\)"):
            plan({**feeds, "W1": feeds["W1"].T.copy()})
        with pytest.raises(cr.errors.FeedError, match="m is 23 in A0 and 22 in Y"):
            plan({**feeds, "Y": feeds["Y"][:, 1:].copy()})
        with pytest.raises(cr.errors.FeedError, match="masked"):
            plan({**feeds, "Y": np.ma.masked_array(feeds["Y"], mask=feeds["Y"] > 0)})
        with pytest.raises(cr.errors.RuleError, match="a mean over no columns is undefined"):
            plan({**feeds, "A0": feeds["A0"][:, :0], "Y": feeds["Y"][:, :0]})
        plan(feeds)


def test_results_are_new_arrays_every_time_and_feeds_stay():
    graph, feeds = dnn()
    before = {name: x.copy() for name, x in feeds.items()}
    plan = graph.compile(differentiable(graph), backend="numba")
    first, second = plan(feeds)[1], plan(feeds)[1]
    for name, gradient in first.items():
        others = [*second.values(), *feeds.values(), *(g for other, g in first.items() if other != name)]
        assert not any(np.shares_memory(gradient, other) for other in others), name
    for name, x in feeds.items():
        np.testing.assert_array_equal(x, before[name])


def test_pieces_are_computed_on_an_executor():
    graph, feeds = dnn(m=2 * LARGEST_CALL + 11)
    plan = graph.compile(["W1", "B3", "A0"], backend="numba")
    loss, gradients = plan(feeds)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:  # a fork beside threads of JAX warns
        again, same = plan(feeds, executor=executor)
    assert again == loss
    for name, gradient in gradients.items():
        np.testing.assert_array_equal(same[name], gradient, err_msg=name)


def test_a_plan_pickles_with_its_backend():
    graph, feeds = dnn()
    plan = graph.compile(["W1"], backend="numba")
    twin = pickle.loads(pickle.dumps(plan))
    assert is_looped(twin)
    np.testing.assert_array_equal(twin(feeds)[1]["W1"], plan(feeds)[1]["W1"])


NAMES = ['"; import os #', "x\ny", "def", "math", "run", "W 1", "Δ", "_1", "sums", "t5", "c", "m"]


def test_any_name_is_harmless_in_the_source():
    total = cr.Constant(0.0)
    for name in NAMES:
        total = total + cr.Sum(cr.Sin(cr.Parameter(name, (2,)), name=f"sin of {name}") * 2)
    feeds = {name: np.array([0.1, 0.2]) for name in NAMES}
    plan = cr.Graph(total).compile(backend="numba")
    for _ in range(2):
        _, gradients = plan(feeds)
        for name in NAMES:
            assert_close(gradients[name], 2 * np.cos(feeds[name]), np.float64, name)
    assert "import os" not in [line.strip() for line in plan.source.splitlines()]


# --- kept on disk, and without Numba -------------------------------------------------------------------------------


def test_a_compiled_loop_is_kept_on_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "new" / "folder"))
    text = loop_of(cr.Graph(cr.Sum(cr.Square(cr.Parameter("x", (2, "m"))), name="L"))).source.text
    first = compiled(text)
    assert sum(first["run"].stats.cache_misses.values()) == 1
    again = compiled(text)
    assert sum(again["run"].stats.cache_hits.values()) == 1
    (file,) = cache_folder().glob("loop_*.py")
    file.write_text("raise SystemExit", encoding="utf-8")  # whatever stands there is not what is run
    assert "run" in compiled(text)
    assert file.read_text(encoding="utf-8") == text


HITS = """
import numpy as np, chainrule as cr
from chainrule.plan.loop.looped import Looped
w, x = cr.Parameter("w", SHAPE), cr.Input("x", (SHAPE[1], "m"))
plan = cr.Graph(cr.Mean(cr.Sigmoid(w @ x), name="L")).compile(backend="numba")
plan({"w": np.ones(SHAPE), "x": np.ones((SHAPE[1], 300))})
computation = next(iter(plan._computations.values()))
if isinstance(computation, Looped):
    functions = [computation.loop.functions["run"]]
else:
    named = computation.part.loops.functions.items()
    functions = [f for n, f in named if n.startswith("loop_") and hasattr(f, "stats")]
print(sum(sum(f.stats.cache_hits.values()) for f in functions) == len(functions))
"""


@pytest.mark.parametrize("shape", [(2, 3), (60, 50)])  # one loop over the columns; loops between matrix products
def test_another_process_reads_the_compiled_loop_from_disk(shape):
    environment = {**os.environ, "PYTHONPATH": str(Path(cr.__file__).parents[1])}
    code = HITS.replace("SHAPE", str(shape))
    said = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment).stdout
        for _ in range(2)
    ]
    assert said == ["False\n", "True\n"]


def test_where_nothing_can_be_written_a_loop_is_compiled_in_memory(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "file" / "below"))
    x = cr.Parameter("x", (2, "m"))
    loss, gradients = cr.Graph(cr.Sum(cr.Square(x), name="L")).compile(backend="numba")({"x": np.ones((2, 5))})
    assert loss == 10
    np.testing.assert_array_equal(gradients["x"], np.full((2, 5), 2.0))


WITHOUT_NUMBA = """
import sys, importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "numba" else find(name, *rest)
sys.modules["numba"] = None
import numpy as np, chainrule as cr
x = cr.Parameter("x", (2, "m"))
graph = cr.Graph(cr.Sum(cr.Square(x), name="L"))
print(graph.compile(backend="auto")({"x": np.ones((2, 5))})[0])
try:
    graph.compile(backend="numba")
except cr.errors.MissingExtraError as error:
    print(error)
"""


def test_without_numba_auto_falls_back_and_numba_names_the_extra():
    folder = Path(cr.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_NUMBA],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )
    assert done.stdout.splitlines() == [
        "10.0",
        "Numba is not installed",
        "  try:   pip install 'chainrule[jit]'; backend=\"auto\" does without",
    ]


def test_a_plan_of_printed_numpy_does_not_load_numba():
    code = (
        "import sys, chainrule as cr; x = cr.Parameter('x', (2,));"
        "cr.Graph(cr.Sum(x)).compile()({'x': [1, 2]}); print('numba' in sys.modules)"
    )
    folder = Path(cr.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )
    assert done.stdout == "False\n"


def test_an_unknown_backend_is_refused():
    with pytest.raises(cr.errors.ArgumentError, match="there is no backend 'cuda'"):
        dnn()[0].compile(backend="cuda")


def test_auto_takes_the_loop_for_small_layers_and_printed_numpy_for_large_ones():
    graph, feeds = dnn()
    small = graph.compile(backend="auto")
    small(feeds)
    assert isinstance(next(iter(small._computations.values())), Looped)
    w, x = cr.Parameter("w", (60, 50)), cr.Input("x", (50, "m"))
    large = cr.Graph(cr.Mean(cr.Sigmoid(w @ x), name="L")).compile(backend="auto")
    large({"w": np.ones((60, 50)), "x": np.ones((50, 3))})
    assert not isinstance(next(iter(large._computations.values())), Looped)


# --- loops between matrix products -----------------------------------------------------------------------------------


@pytest.fixture
def _fuse_small_arrays(monkeypatch):
    monkeypatch.setattr("chainrule.plan.loop.fused._saved", lambda program, group: 1.0)


def fused_and_not(graph, feeds, names, sizes):
    """What a program gives step by step and in printed loops, by name, and the loops."""
    program = optimized(bound(typed(record(graph).only(gradients=names), float), sizes))
    changed, loops, _ = fused_loops(program)
    verify(changed)
    source = numpy_source(changed, returns="tuple", blocks=loops)
    values, gradients = evaluate(program, feeds)
    names = [*program.losses, *(f"d{name}" for name in program.handed)]
    known = [*(values[name] for name in program.losses), *(gradients[name] for name in program.handed)]
    kinds = {program.steps[k].name: program.steps[k].dtype for k in program.feeds.values()}
    found = source.compiled("fused")()(*(np.asarray(feeds[name], kinds[name]) for name in source.feeds))
    return dict(zip(names, known, strict=True)), dict(zip(names, found, strict=True)), loops


@pytest.mark.usefixtures("_fuse_small_arrays")
@pytest.mark.parametrize("name", ["sigmoid", "gelu", "leaky", "classifier", "attention"])
def test_fusing_leaves_the_results_of_a_net_as_they_are(name):
    graph, feeds = NETS[name]()
    before, after, loops = fused_and_not(graph.fuse(), feeds, differentiable(graph), {"m": 23})
    assert loops
    for key, known in before.items():
        assert_close(after[key], known, np.float64, key)


@pytest.mark.usefixtures("_fuse_small_arrays")
@pytest.mark.parametrize("seed", range(1, 13, 4))
def test_fusing_leaves_the_results_of_random_graphs_as_they_are(seed):
    random = random_graph(seed)
    names = [name for name in record(random.graph).gradients if random.graph[name] not in random.graph.outputs]
    before, after, _ = fused_and_not(random.graph, random.feeds, names, {})
    for key, known in before.items():
        assert_close(after[key], known, np.float64, key)


def test_an_exponential_that_two_loops_need_is_computed_once():
    w, x, b = cr.Parameter("w", (60, 50)), cr.Input("x", (50, "m")), cr.Parameter("b", (60, 1))
    plan = cr.Graph(cr.Mean(cr.Sigmoid(w @ x + b), name="L")).compile(backend="numba")
    feeds = {"w": np.full((60, 50), 0.01), "x": np.ones((50, 300)), "b": np.zeros((60, 1))}
    loss, gradients = plan(feeds)
    assert plan.source.count("= exp(") == 1
    run = plan.graph.forward(feeds)
    run.backward()
    assert_close(loss, run["L"], np.float64)
    assert_close(gradients["w"], run["dw"], np.float64)


def test_large_layers_take_feeds_of_any_layout_on_threads_and_executors():
    w, x = cr.Parameter("w", (60, 50)), cr.Input("x", (50, "m"))
    plan = cr.Graph(cr.Mean(cr.Sigmoid(w @ x), name="L")).compile(["w", "x"], backend="numba")
    rng = np.random.default_rng(0)
    feeds = {"w": rng.normal(size=(60, 50)), "x": rng.normal(size=(50, 3001))}
    expected = plan(feeds)[1]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:  # a fork beside threads of JAX warns
        others = [plan(feeds, executor=executor)[1], plan({**feeds, "x": np.asfortranarray(feeds["x"])})[1]]
    feeds["x"].flags.writeable = False
    for other in (*others, plan(feeds)[1]):
        for name, gradient in other.items():
            assert_close(gradient, expected[name], np.float64, name)


# --- which loops pay -------------------------------------------------------------------------------------------------


def loops_of(node, fusing, m=2048):
    """The loops of one rule and its gradient, printed, and how often they are called."""
    program = bound(
        optimized(typed(record(cr.Graph(cr.Sum(node, name="L"))).only(gradients=["x"]), np.float64)), {"m": m}
    )
    _, calls, module = fused_loops(program, fusing)
    return (module.text if calls else ""), len(calls)


def large(rows=3):
    return cr.Input("x", (rows, "m"))


def test_only_loops_that_numpy_would_take_longer_for_are_compiled_unasked():
    cheap = cr.ReLU(large() + 1.0) * 3.0
    assert loops_of(cheap, "long") == ("", 0)
    assert loops_of(cheap, "all")[1] > 0
    assert loops_of(cr.Softplus(large() + 1.0) * 3.0, "long", m=4096)[1] > 0  # fifteen calls of NumPy
    assert loops_of(cheap, "long", m=100_000)[1] > 0  # each pass reads memory
    assert "normal_cdf" in loops_of(cr.NormalCDF(large()), "long")[0]  # also one by itself
    assert "erf(" in loops_of(cr.Erf(large()), "all")[0]


def test_loops_with_the_same_lines_are_one_function():
    x = large()
    for _ in range(4):
        x = cr.Softplus(x * 0.5)
        x = cr.Concatenate(x[:, :1024], x[:, 1024:], axis=1)
    text, calls = loops_of(x, "all")
    assert calls >= 8
    assert text.count("def loop_") <= calls / 2


def test_a_layer_too_large_for_registers_is_given_up_before_its_weights_are_written_down(monkeypatch):
    """There are 200,704 of them; no more are looked at than there may be operations."""
    seen, key = [], scalars._key
    monkeypatch.setattr(scalars, "_key", lambda operand: seen.append(operand) or key(operand))
    loss = cr.Sum(cr.Square(cr.Parameter("W", (256, 784)) @ cr.Input("x", (784, "m"))), name="L")
    program = optimized(typed(record(cr.Graph(loss)).only(gradients=["W"]), np.float64))
    with pytest.raises(NotScalar, match="more than 1,500 operations"):
        scalars_of(program, {})
    assert MOST_OPERATIONS < len(seen) <= 2 * (MOST_OPERATIONS + 1)  # the name of a feed and the place in it


def through_time(steps):
    """A state that each step forgets in part and adds to, as in a recurrent network; every state is read."""
    x = large()
    state, seen = cr.Tanh(x), []
    for _ in range(steps):
        gate = cr.Sigmoid(state * x)
        state = gate * state + (1 - gate) * x
        seen.append(cr.Tanh(state))
    return cr.Concatenate(*seen)


@pytest.mark.parametrize("fusing", ["long", "all"])
def test_loops_of_a_state_through_time_do_not_grow_with_time(fusing):
    """What a state receives from all later steps is one chain, and was computed from its end in every step."""
    short, long = loops_of(through_time(10), fusing)[0], loops_of(through_time(40), fusing)[0]
    assert long.count("def loop_") <= short.count("def loop_") + 2
    assert len(long) <= 1.5 * len(short)
