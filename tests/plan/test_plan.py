"""Plans: every pass leaves the results as they are, and a plan computes what the Run computes, in blocks as at once."""

import pickle
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import mpmath
import numpy as np
import precise
import pytest
from evaluation import evaluate
from every_rule import EXAMPLES
from precise import evaluate as exactly
from random_graphs import random_graph

import chainrule as cr
from chainrule.plan.columns import Unsplittable, column_name, split
from chainrule.plan.optimizing import PASSES, bound, optimized, typed
from chainrule.plan.plan import compile_graph
from chainrule.program.recording import record
from chainrule.program.verifying import verify
from nets.dnn import DNN
from nets.embedding import WordEmbedding
from nets.softmax_classifier import SoftmaxClassifier, one_hot

# Two computations of one number that differ in rounding alone; a gradient is judged by its largest entry.
TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}
M = 23  # columns


def assert_close(found, expected, dtype, name=""):
    scale = np.abs(expected).max(initial=0.0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[dtype] * max(scale, 1e-3), err_msg=name)


def as_dtype(feeds, dtype):
    return {n: np.asarray(x, dtype=dtype) if np.asarray(x).dtype.kind == "f" else x for n, x in feeds.items()}


def dnn(hidden=cr.Sigmoid, m=M):
    net, rng = DNN((2, 4, 3, 1), hidden=hidden), np.random.default_rng(1)
    return net.graph, {**net.params, "A0": rng.normal(size=(2, m)), "Y": rng.integers(0, 2, size=(1, m)) * 1.0}


def classifier(m=M):
    net, rng = SoftmaxClassifier((2, 5, 3)), np.random.default_rng(2)
    return net.graph, {**net.params, "A0": rng.normal(size=(2, m)), "Y": one_hot(rng.integers(0, 3, m), 3)}


def embedding(m=M):
    net, rng = WordEmbedding(7, 3), np.random.default_rng(3)
    return net.graph, {**net.params, "ids": rng.integers(0, 7, m), "Y": one_hot(rng.integers(0, 7, m), 7)}


def attention(m=M):
    """Stacks of matrices, products over both axes, a softmax along rows: columns are the stack."""
    x, q = cr.Input("x", (5, "m")), cr.Parameter("q", (5, 5))
    scores = cr.Softmax((q @ x).T @ cr.Parameter("k", (5, 4)), axis=1)
    loss = cr.Mean(cr.LogSumExp(scores, axis=1)) + 0.1 * cr.Sum(cr.Square(q))
    rng = np.random.default_rng(4)
    return cr.Graph(loss.relabel("L", like=loss)), {
        "x": rng.normal(size=(5, m)),
        "q": rng.normal(size=(5, 5)),
        "k": rng.normal(size=(5, 4)),
    }


NETS = {
    "sigmoid": dnn,
    "tanh": lambda m=M: dnn(cr.Tanh, m),
    "relu": lambda m=M: dnn(cr.ReLU, m),
    "leaky": lambda m=M: dnn(cr.LeakyReLU, m),
    "softplus": lambda m=M: dnn(cr.Softplus, m),
    "gelu": lambda m=M: dnn(cr.GELU, m),
    "classifier": classifier,
    "embedding": embedding,
    "attention": attention,
}


def differentiable(graph):
    """The nodes with a gradient that the fused graph, which a plan computes, still has."""
    return [name for name in record(graph.fuse()).gradients if graph[name] not in graph.outputs]


# --- passes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", PASSES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("name", NETS)
def test_a_pass_leaves_the_results_of_a_net_as_they_are(name, change):
    graph, feeds = NETS[name]()
    program = bound(typed(record(graph.fuse()), float), {"m": M})
    changed = change(program)
    verify(changed)
    for before, after in zip(evaluate(program, feeds), evaluate(changed, feeds), strict=True):
        assert list(before) == list(after)
        for key in before:
            assert_close(after[key], before[key], np.float64, key)


@pytest.mark.parametrize("change", PASSES, ids=lambda change: change.__name__)
def test_a_pass_leaves_the_results_of_random_graphs_as_they_are(change):
    for seed in range(25):
        random = random_graph(seed)
        program = typed(record(random.graph), float)
        for before, after in zip(evaluate(program, random.feeds), evaluate(change(program), random.feeds), strict=True):
            for key in before:
                assert_close(after[key], before[key], np.float64, f"{seed} {key}")


def operations(program):
    return [step.operation.__name__ for step in program if step.operation is not None]


def test_the_passes_share_the_exponential_of_a_sigmoid_and_its_slope():
    graph, _ = dnn()
    program = optimized(typed(record(graph.fuse()).only(gradients=["W1"]), float))
    # Three layers, and one more for the loss: exp(-|z|) is not exp(-z). A Run takes seven.
    assert operations(program).count("exp") == 4
    assert not {"sigmoid", "sigmoid_slope", "softplus"} & set(operations(program))


def test_products_with_an_inner_dimension_of_one_are_broadcast():
    w, x = cr.Parameter("w", (3, 1)), cr.Input("x", (1, "m"))
    program = optimized(typed(record(cr.Graph(cr.Sum(w @ x, name="L"))).only(), float))
    assert operations(program) == ["multiply", "sum"]


@pytest.mark.parametrize("key", [(slice(None), [2, 0, 2]), ([[0], [1]], [0, 2]), (0, None, [1, 1])], ids=str)
def test_a_key_of_slices_and_lists_is_no_matrix(key):
    x = cr.Parameter("x", (2, 3))
    graph = cr.Graph(cr.Sum(cr.Square(cr.Index(x, key=key)), name="L"))
    feeds = {"x": np.arange(6.0).reshape(2, 3)}
    _, gradients = graph.compile()(feeds)
    np.testing.assert_array_equal(gradients["x"], graph.forward(feeds).backward()["x"])


def test_a_value_computed_twice_is_computed_once():
    x = cr.Input("x", ("m",))
    graph = cr.Graph(cr.Sum(cr.Sin(x) * cr.Sin(x), name="L"))
    assert operations(record(graph).only()).count("sin") == 2
    assert operations(optimized(record(graph).only())).count("sin") == 1


def test_numbers_that_differ_in_kind_alone_are_not_taken_for_one():
    x = cr.Input("x", (3,))
    graph = cr.Graph(cr.Sum(cr.Maximum(x, 0.0) + cr.Maximum(x, -0.0), name="L"))
    assert operations(optimized(typed(record(graph).only(), float))).count("maximum") == 2


# --- plan and Run ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", EXAMPLES)
def test_plan_and_run_agree_on_every_node(name, dtype):
    node, feeds = EXAMPLES[name].graph.outputs[0], as_dtype(EXAMPLES[name].feeds, dtype)
    value = EXAMPLES[name].graph.forward(feeds).values[node]
    shape = tuple(size if isinstance(size, int) else "m" for size in node.shape)
    upstream = np.random.default_rng(0).normal(size=value.shape).astype(dtype)
    graph = cr.Graph(cr.Sum(node * cr.Input("upstream", shape), name="total"))
    feeds["upstream"] = upstream
    names = [n for n in record(graph).gradients if n in feeds]
    run = graph.forward(feeds)
    run.backward()
    for block in (None, 2):
        loss, gradients = compile_graph(graph, names, block=block)(feeds)
        assert_close(loss, run["total"], dtype, "total")
        for key in names:
            assert gradients[key].dtype == dtype
            assert_close(gradients[key], run.gradients[key], dtype, key)


def assert_no_further_off(found, run, exact, name):
    """In single precision both are off: the plan may be no further from the truth than a few Runs, and 1e-5."""
    error, allowed = np.abs(found - exact).max(initial=0), np.abs(run - exact).max(initial=0)
    largest = max(np.abs(exact).max(initial=0), 1e-2)  # what is less has been left over from larger terms
    assert error <= 4 * allowed + 1e-5 * largest, name


@pytest.mark.parametrize("seed", range(120))
def test_plan_and_run_agree_on_every_gradient_of_random_graphs(seed):
    random = random_graph(seed)
    names = [name for name in record(random.graph).gradients if random.graph[name] not in random.graph.outputs]
    end = random.graph.name(random.graph.outputs[0])
    reference = random.graph.forward(random.feeds)
    reference.backward()
    plan = random.graph.compile(names)
    loss, gradients = plan(random.feeds)
    assert_close(loss, reference.values[end], np.float64, "loss")
    for name in names:
        assert_close(gradients[name], reference.gradients[name], np.float64, name)
    feeds = as_dtype(random.feeds, np.float32)
    single = random.graph.forward(feeds)
    single.backward()
    # OpenBLAS multiplies a few float32 numbers in lanes that reach beyond them, and may leave the flag of what stood
    # there: it was seen once. What comes out is compared below.
    with np.errstate(invalid="ignore"):
        loss, gradients = plan(feeds)
    assert_no_further_off(loss, single.values[end], reference.values[end], "loss")
    for name in names:
        assert gradients[name].dtype == np.float32
        assert_no_further_off(gradients[name], single.gradients[name], reference.gradients[name], name)


@pytest.mark.parametrize("block", [None, 1, 4, 22, 23])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", NETS)
def test_plan_and_run_agree_on_nets_whole_and_in_blocks(name, dtype, block):
    graph, feeds = NETS[name]()
    feeds = as_dtype(feeds, dtype)
    names = differentiable(graph)
    fused = graph.fuse()
    run = fused.forward(feeds)
    run.backward()
    plan = compile_graph(graph, names, block=block)
    loss, gradients = plan(feeds)
    assert ("blocks of columns" in plan.explain()) is (name != "none")
    assert plan.source.count("def run") == (3 if block and block < M else 1)
    assert_close(loss, run.values["L"], dtype, "L")
    for key in names:
        assert gradients[key].dtype == dtype
        assert_close(gradients[key], run.gradients[key], dtype, key)


@pytest.mark.parametrize("m", [1, 2, 130, 1001])
def test_other_numbers_of_columns_follow_one_another(m):
    graph, _ = dnn()
    plan = graph.compile()
    for columns in (m, 3, m):
        _, feeds = dnn(m=columns)
        run = graph.fuse().forward(feeds)
        run.backward()
        loss, gradients = plan(feeds)
        assert_close(loss, run["L"], np.float64)
        for name, gradient in gradients.items():
            assert_close(gradient, run.gradients[name], np.float64, name)


def test_parameters_are_what_is_differentiated_by_default():
    graph, feeds = dnn()
    assert list(graph.compile()(feeds)[1]) == ["W1", "B1", "W2", "B2", "W3", "B3"]
    assert list(graph.compile("A0")(feeds)[1]) == ["A0"]
    assert list(graph.compile([graph["Z2"], "W1"])(feeds)[1]) == ["Z2", "W1"]


def test_a_gradient_that_fusing_removes_is_computed_without_fusing():
    graph, feeds = dnn()
    run = graph.forward(feeds)
    run.backward()
    _, gradients = graph.compile(["A3", "W1"])(feeds)
    assert_close(gradients["A3"], run["dA3"], np.float64)
    assert_close(gradients["W1"], run["dW1"], np.float64)


# --- saturation ------------------------------------------------------------------------------------------------------

GRID = [sign * z for z in (5.0, 36.0, 40.0, 600.0) for sign in (1, -1)]
GRID32 = [sign * z for z in (5.0, 15.0, 20.0, 75.0) for sign in (1, -1)]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("label", [0.0, 1.0, 0.25])
def test_in_saturation_a_plan_is_exact_to_the_last_places(dtype, label):
    z = np.array([GRID if dtype is np.float64 else GRID32], dtype)
    Z, Y = cr.Parameter("Z", (1, "m")), cr.Input("Y", (1, "m"))
    graph = cr.Graph(cr.BCELoss(cr.Sigmoid(Z), Y, reduction="sum", name="L"))
    with np.errstate(all="raise", under="ignore"):
        _, gradients = graph.compile()({"Z": z, "Y": np.full_like(z, label)})
    expected = exactly(precise.elementwise(lambda x: (1 - label) * precise.sigmoid(x) - label * precise.sigmoid(-x)), z)
    # e, 1 + e, its inverse, two products and a difference without cancellation beyond that of the formula itself
    assert precise.ulps(gradients["Z"], expected).max() <= (8 if dtype is np.float64 else 10)


SLOPES = {cr.Sigmoid: precise.sigmoid_slope, cr.Tanh: precise.tanh_slope, cr.Softplus: precise.sigmoid}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", SLOPES, ids=lambda kind: kind.__name__)
def test_opened_slopes_keep_their_digits_where_the_function_has_rounded(kind, dtype):
    z = np.array([GRID if dtype is np.float64 else GRID32], dtype)
    z = z / 2 if kind is cr.Tanh else z  # its slope falls twice as fast
    _, gradients = cr.Graph(cr.Sum(kind(cr.Parameter("Z", (1, "m"))), name="L")).compile()({"Z": z})
    expected = exactly(precise.elementwise(SLOPES[kind]), z)
    assert precise.ulps(gradients["Z"], expected).max() <= (5 if dtype is np.float64 else 8)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_sigmoid_is_right_down_to_subnormal_numbers(dtype):
    z = np.linspace(-110, -80, 41, dtype=dtype) if dtype is np.float32 else np.linspace(-750, -690, 41)
    graph = cr.Graph(cr.Sum(cr.Sigmoid(cr.Input("Z", (1, "m"))) * cr.Parameter("w", (1, "m")), name="L"))
    _, gradients = graph.compile()({"Z": z[None], "w": np.ones_like(z)[None]})
    # the gradient of w is σ(z)
    assert precise.ulps(gradients["w"][0], exactly(precise.elementwise(precise.sigmoid), z)).max() <= 4


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_beyond_the_range_of_the_exponential_nothing_overflows(dtype, sign):
    """Where σ(-z) is no normal number, what is left of it is a subnormal number."""
    graph, feeds = dnn()
    feeds = as_dtype({**feeds, "B3": np.array([[sign * 1000.0]]), "B1": np.full((4, 1), -sign * 745.0)}, dtype)
    with np.errstate(all="raise", under="ignore"):
        loss, gradients = graph.compile()(feeds)
    run = graph.fuse().forward(feeds)
    run.backward()
    assert_close(loss, run["L"], dtype)
    floor = 1e-300 if dtype is np.float64 else 1e-33
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, run.gradients[name], rtol=TOLERANCE[dtype] * 10, atol=floor, err_msg=name)


def test_a_deep_saturated_net_is_as_exact_as_the_fused_run():
    graph, feeds = dnn()
    feeds = {name: 20 * x if name[0] == "W" else x for name, x in feeds.items()}
    loss, gradients = graph.compile()(feeds)
    run = graph.fuse().forward(feeds)
    run.backward()
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, run.gradients[name], rtol=1e-11, atol=1e-300, err_msg=name)
    assert mpmath.isfinite(mpmath.mpf(float(loss)))


# --- memory ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [None, 5])
def test_results_are_new_arrays_every_time(block):
    for make in NETS.values():
        graph, feeds = make()
        plan = compile_graph(graph, differentiable(graph), block=block)
        first = plan(feeds)[1]
        kept = {name: gradient.copy() for name, gradient in first.items()}
        second = plan(
            {
                name: np.asarray(x * 2, dtype=np.asarray(x).dtype) if name not in ("ids", "Y") else x
                for name, x in feeds.items()
            }
        )[1]
        for name, gradient in first.items():
            np.testing.assert_array_equal(gradient, kept[name], err_msg=name)
            others = [*second.values(), *feeds.values(), *(g for other, g in first.items() if other != name)]
            assert not any(np.shares_memory(gradient, other) for other in others), name
            assert gradient.flags.writeable


def test_feeds_are_never_written_to():
    graph, feeds = dnn()
    for array in feeds.values():
        array.flags.writeable = False
    before = {name: array.copy() for name, array in feeds.items()}
    for block in (None, 5):
        plan = compile_graph(graph, None, block=block)
        plan(feeds), plan(feeds)
    for name, array in feeds.items():
        np.testing.assert_array_equal(array, before[name])


def test_a_result_that_is_a_feed_or_passed_on_unchanged_is_a_copy():
    x, y = cr.Parameter("x", (3, 2)), cr.Parameter("y", (3, 2))
    feeds = {"x": np.ones((3, 2)), "y": np.ones((3, 2))}
    _, gradients = cr.Graph(cr.Sum((x + y) * cr.Constant(np.full((3, 2), 7.0)), name="L")).compile()(feeds)
    assert not np.shares_memory(gradients["x"], gradients["y"])
    gradients["x"][...] = 0
    np.testing.assert_array_equal(gradients["y"], np.full((3, 2), 7.0))


def test_out_receives_the_gradients():
    graph, feeds = dnn()
    plan = graph.compile()
    expected = plan(feeds)[1]
    out = {"W2": np.zeros((3, 4)), "B3": np.zeros((1, 1))}
    _, gradients = plan(feeds, out=out)
    assert gradients["W2"] is out["W2"]
    np.testing.assert_array_equal(out["W2"], expected["W2"])
    with pytest.raises(cr.errors.FeedError, match=r"W2 has shape \(3, 4\), not \(2, 2\)"):
        plan(feeds, out={"W2": np.zeros((2, 2))})
    with pytest.raises(cr.errors.ArgumentError, match="no gradient 'W9'"):
        plan(feeds, out={"W9": np.zeros(1)})


def test_the_workspace_does_not_grow_with_the_columns():
    graph, _ = dnn()
    sizes = []
    for m in (200_000, 250_000):
        _, feeds = dnn(m=m)
        plan = graph.compile()
        plan(feeds)
        blocks = next(iter(plan._computations.values()))
        sizes.append(blocks.block(blocks.columns).source.bytes)
    assert sizes[0] == sizes[1] <= 8 << 20


# --- calling ---------------------------------------------------------------------------------------------------------


def test_feeds_are_checked_like_those_of_a_run():
    graph, feeds = dnn()
    plan = graph.compile()
    for _ in range(2):  # before the first call, and when the short way is known
        with pytest.raises(cr.errors.FeedError, match="missing 'Y'"):
            plan({name: x for name, x in feeds.items() if name != "Y"})
        with pytest.raises(cr.errors.FeedError, match="unknown 'y'"):
            plan({**feeds, "y": 1})
        with pytest.raises(cr.errors.FeedError, match=r"W1 is declared \(4, 2\) and was fed \(2, 4\)"):
            plan({**feeds, "W1": feeds["W1"].T})
        with pytest.raises(cr.errors.FeedError, match="W1 holds complex numbers"):
            plan({**feeds, "W1": feeds["W1"] * 1j})
        with pytest.raises(cr.errors.FeedError, match="feeds are a dict"):
            plan([1, 2])
        plan(feeds)


def test_lists_integers_and_other_layouts_are_taken_as_feeds():
    graph, feeds = dnn()
    plan = graph.compile()
    expected = plan(feeds)[1]
    other = {
        **feeds,
        "Y": feeds["Y"].astype(int).tolist(),
        "W1": np.asfortranarray(feeds["W1"]),
        "A0": feeds["A0"].astype(">f8"),
        "B1": feeds["B1"].tolist(),
    }
    for _ in range(2):
        for name, gradient in plan(other)[1].items():
            assert_close(gradient, expected[name], np.float64, name)
    by_node = {graph[name]: x for name, x in feeds.items()}
    np.testing.assert_array_equal(plan(by_node)[1]["W1"], expected["W1"])


def test_both_dtypes_in_turn():
    graph, feeds = dnn()
    plan = graph.compile()
    for dtype in (np.float64, np.float32, np.float64, np.float32):
        loss, gradients = plan(as_dtype(feeds, dtype))
        assert loss.dtype == gradients["W1"].dtype == dtype


def test_no_columns_are_refused_as_by_a_run():
    graph, feeds = dnn(m=0)
    with pytest.raises(cr.errors.RuleError, match="a mean over no columns is undefined"):
        graph.compile()(feeds)


def test_what_cannot_be_compiled_is_said():
    graph, _ = dnn()
    x = cr.Input("x", (3,))
    with pytest.raises(cr.errors.ArgumentError, match="a plan has one output, the loss"):
        cr.Graph(cr.Sum(x), cr.Mean(x)).compile()
    with pytest.raises(cr.errors.ArgumentError, match="gradients start at a scalar loss"):
        cr.Graph(cr.Exp(x)).compile()
    with pytest.raises(cr.errors.UnknownNameError, match="'Y' has no gradient"):
        graph.compile(["W1", "Y"])
    with pytest.raises(cr.errors.UnknownNameError, match="did you mean 'W1'"):
        graph.compile("W_1")


def test_an_untraceable_rule_is_called():
    class Loop(cr.Node):
        def forward(self, x):
            return np.array([float(v) ** 2 for v in x.ravel()], dtype=x.dtype).reshape(x.shape)

        def backward(self, grad, y, x):
            return (np.array([2 * float(v) for v in x.ravel()], dtype=x.dtype).reshape(x.shape) * grad,)

    w, x = cr.Parameter("w", (3, 2)), cr.Input("x", (2, "m"))
    graph = cr.Graph(cr.Mean(Loop(w @ x, name="y"), name="L"))
    feeds = {"w": np.arange(6.0).reshape(3, 2), "x": np.arange(8.0).reshape(2, 4)}
    run = graph.forward(feeds)
    run.backward()
    plan = compile_graph(graph, None, block=2)
    for _ in range(2):
        loss, gradients = plan(feeds)
        assert_close(loss, run["L"], np.float64)
        assert_close(gradients["w"], run["dw"], np.float64)
    assert "may let columns meet" in plan.explain()


NAMES = ['"; import os #', "x\ny", "def", "add", "prepare", "W 1", "Δ", "_1", "empty", "t5"]


def test_any_name_is_harmless_in_the_source():
    total = cr.Constant(0.0)
    for name in NAMES:
        total = total + cr.Sum(cr.Sin(cr.Parameter(name, (2,)), name=f"sin of {name}") * 2)
    graph = cr.Graph(total)
    feeds = {name: np.array([0.1, 0.2]) for name in NAMES}
    plan = graph.compile()
    for _ in range(2):
        _, gradients = plan(feeds)
        for name in NAMES:
            assert_close(gradients[name], 2 * np.cos(feeds[name]), np.float64, name)
    assert "import os" not in [line.strip() for line in plan.source.splitlines()]


def test_the_source_runs_as_it_is_printed():
    graph, feeds = dnn()
    plan = graph.compile()
    loss, gradients = plan(feeds)
    namespace: dict = {}
    exec(plan.source, namespace)
    again, same = namespace["prepare"]()(*(feeds[name] for name in plan.program.feeds))
    assert again == loss
    np.testing.assert_array_equal(same["W1"], gradients["W1"])


def test_threads_share_a_plan():
    graph, feeds = dnn()
    plan = graph.compile()
    inputs = [{**feeds, "A0": feeds["A0"] * k} for k in range(1, 9)]
    expected = [plan(given)[1]["W1"] for given in inputs]
    barrier, wrong = threading.Barrier(4), []

    def work(start):
        barrier.wait()
        for k in range(200):
            place = (start + k) % len(inputs)
            if not np.array_equal(plan(inputs[place])[1]["W1"], expected[place]):
                wrong.append(place)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_blocks_are_computed_on_an_executor(pool):
    graph, feeds = dnn(m=1001)
    plan = compile_graph(graph, ["W1", "B3", "A0"], block=50)
    loss, gradients = plan(feeds)
    with pool(2) as executor:
        again, same = plan(feeds, executor=executor)
    assert again == loss
    for name, gradient in gradients.items():  # the same blocks, added up in the same order
        np.testing.assert_array_equal(same[name], gradient, err_msg=name)


def test_a_plan_pickles():
    graph, feeds = dnn()
    plan = graph.compile(["W1", "A3"])
    plan(feeds)
    twin = pickle.loads(pickle.dumps(plan))
    assert twin(feeds)[0] == plan(feeds)[0]
    np.testing.assert_array_equal(twin(feeds)[1]["A3"], plan(feeds)[1]["A3"])


def test_a_plan_of_numpy_says_whether_there_is_a_loop():
    small, large = DNN(seed=1).graph, DNN(sizes=(300, 17, 1)).graph
    said = 'backend="auto" compiles it into a loop (extra: jit): 106 operations on numbers for each of m'
    assert small.compile().explain().splitlines()[1] == said
    assert "auto" not in large.compile().explain()
    assert "auto" not in small.compile(backend="numba").explain()


def refuse(*_, **__):
    raise AssertionError("a pickled plan is not traced again")


@pytest.mark.parametrize("options", [{}, {"update": cr.Adam(0.1)}, {"outputs": "A3"}], ids=["plan", "step", "outputs"])
def test_a_pickled_plan_starts_without_tracing(options, monkeypatch):
    graph, feeds = dnn()
    plan = graph.compile(**options)
    if "update" in options:
        feeds |= plan.start({name: feeds[name] for name in plan.parameters})
    given = {name: x for name, x in feeds.items() if name != "Y" or "outputs" not in options}
    expected, packed = plan(given), pickle.dumps(plan)
    for traced in ("asked.record", "asked.record_forward", "plan.optimized", "plan.with_updates"):
        monkeypatch.setattr(f"chainrule.plan.{traced}", refuse)
    for found, wanted in zip(flat(pickle.loads(packed)(given)), flat(expected), strict=True):
        np.testing.assert_array_equal(found, wanted)


def flat(results):
    """The arrays of a call, whatever form it hands them back in."""
    if isinstance(results, tuple):
        return [results[0], *results[1].values()]
    return [results]


def test_plans_of_deep_graphs_and_of_rules_that_are_called_pickle_too():
    node = cr.Parameter("x")
    for k in range(1500):
        node = cr.Sin(node, name=f"s{k}")
    plan = cr.Graph(node).compile()
    assert pickle.loads(pickle.dumps(plan))({"x": 0.5})[0] == plan({"x": 0.5})[0]
    called = cr.Graph(cr.Sum(Halved(cr.Parameter("w", (3,))), name="L")).compile()
    loss, gradients = pickle.loads(pickle.dumps(called))({"w": [1.0, 2.0, 5.0]})
    assert (loss, gradients["w"].tolist()) == (4.0, [0.5, 0.5, 0.5])


class Halved(cr.Node):
    """A rule that looks at numbers, so that plans call it."""

    def forward(self, x):
        return np.array([float(entry) / 2 for entry in x])

    def backward(self, grad, y, x):
        return (grad * np.array([0.5] * len(x)),)


def test_a_deep_chain_compiles_without_recursion():
    node: cr.Node = cr.Parameter("x")
    for _ in range(1500):
        node = cr.Sin(node)
    graph = cr.Graph(node)
    run = graph.forward({"x": 0.5})
    run.backward()
    loss, gradients = graph.compile()({"x": 0.5})
    assert_close(loss, run.values[node], np.float64)
    assert_close(gradients["x"], run["dx"], np.float64)


# --- columns ---------------------------------------------------------------------------------------------------------


def parts_of(loss):
    graph = cr.Graph(loss)
    names = [graph.name(node) for node in graph.parameters]
    return split(optimized(typed(record(graph).only(gradients=names), float)))


def test_what_is_added_up_and_what_is_laid_end_to_end():
    graph, _ = dnn()
    parts = split(optimized(typed(record(graph.fuse()).only(gradients=["W1", "A0"]), float)))
    assert parts.joined == {"dA0": 1}
    assert "dW1" in parts.block.values
    assert parts.sliced == {"A0": 1, "Y": 1}


def test_a_penalty_on_the_weights_is_computed_once_and_not_for_each_block():
    w, x = cr.Parameter("w", (3, 2)), cr.Input("x", (2, "m"))
    parts = parts_of(cr.Mean(cr.Exp(w @ x)) + cr.Sum(cr.Cos(w)))
    assert "sin" in operations(parts.before)
    assert "cos" in operations(parts.before)
    assert not {"sin", "cos"} & set(operations(parts.block))


x = cr.Input("x", (3, "m"))
FORBIDDEN = {
    "a centered batch": x - cr.Mean(x, axis=1, keepdims=True),
    "a softmax over the columns": cr.Softmax(x, axis=1),
    "the largest column": cr.Max(x, axis=1),
    "all pairs of columns": x.T @ x,
    "columns in reverse": x[:, ::-1],
    "one of the columns": x[:, 0],
    "columns laid end to end": cr.Concatenate(x, x, axis=1),
    "columns in one row": cr.Reshape(x),
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_columns_that_meet_are_not_split_and_computed_all_the_same(name):
    node = FORBIDDEN[name]
    w = cr.Parameter("w")
    loss = cr.Sum(cr.Sin(w * node), name="L")
    with pytest.raises(Unsplittable):
        parts_of(loss)
    graph = cr.Graph(loss)
    feeds = {"x": np.random.default_rng(0).normal(size=(3, 7)), "w": np.array(0.7)}
    plan = compile_graph(graph, None, block=2)
    run = graph.forward(feeds)
    run.backward()
    assert_close(plan(feeds)[1]["w"], run["dw"], np.float64)
    assert plan.explain().splitlines()[-1].startswith("all columns at once: ")


def test_the_named_dimension_of_the_last_axis_counts_the_columns():
    assert column_name(record(cr.Graph(cr.Sum(x)))) == "m"
    assert column_name(record(cr.Graph(cr.Sum(cr.Input("y", (3, 4)))))) is None
