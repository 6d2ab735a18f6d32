"""Convolution, pooling, normalization, attention, dropout, weights: shapes, traps, opened forms, plans, lines."""

import importlib.util

import numpy as np
import pytest
from every_rule import EXAMPLES

import chainrule as cr
from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.passed_back import Standardized, StandardizedBackward
from chainrule.plan.columns import split
from chainrule.plan.plan import compile_graph
from chainrule.program.recording import record
from chainrule.symbols.dimensions import Dimension

RNG = np.random.default_rng(0)
m = Dimension.named("m")
LARGE = [
    name
    for name in EXAMPLES
    if name.partition(",")[0]
    in "Attention AveragePool BatchNorm Conv2d Dropout GroupNorm LayerNorm MaxPool RMSNorm".split()
    or name.endswith("weighed")
]


def total(node):
    """A loss of a node in which every entry counts differently."""
    return cr.Graph(cr.Sum(cr.Sin(node), name="J"))


def gradients(graph, feeds, leaves):
    run = graph.forward(feeds)
    return {"J": run["J"], **{name: array for name, array in run.backward().items() if name in leaves}}


def assert_same(found, expected, tolerance=1e-12):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        size = max(np.abs(array).max(initial=0), 1e-2)
        np.testing.assert_allclose(found[name], array, rtol=0, atol=tolerance * size, err_msg=name)


# --- opened, planned, drawn, written ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LARGE)
def test_opened_into_simple_nodes_it_has_the_same_gradients(name):
    example = EXAMPLES[name]
    graph, leaves = total(example.graph.outputs[0]), [leaf.name for leaf in example.graph.parameters]
    first, opened = graph.expand(example.graph.names[-1]), graph.expand()
    assert type(example.graph.outputs[0]) not in {type(node) for node in (*first.order, *opened.order)}
    expected = gradients(graph, example.feeds, leaves)
    for one in (first, opened):
        assert_same(gradients(one, example.feeds, leaves), expected)


OVER_FEATURES = [name for name in LARGE if type(EXAMPLES[name].graph.outputs[0]).__name__.endswith("Norm")]


@pytest.mark.parametrize("name", OVER_FEATURES)
def test_what_a_normalization_sends_back_opens_into_simple_nodes_too(name):
    """Of a gradient, and of the gradient of that; what stands for a standardized value in them opens as well."""
    example = EXAMPLES[name]
    leaves = [leaf.name for leaf in example.graph.parameters]
    backward = total(example.graph.outputs[0]).backward(*leaves)
    again = cr.Graph(sum(cr.Sum(cr.Sin(node)) for node in backward.outputs).relabel("J", like=backward.outputs[0]))
    kinds = (StandardizedBackward, Standardized)
    inner = [node for node in again if isinstance(node, kinds)]
    opened = again.expand(*inner) if inner else again
    assert not [node for node in opened if isinstance(node, kinds)]
    assert inner or "evaluation" in name
    assert_same(gradients(opened, example.feeds, leaves), gradients(again, example.feeds, leaves))


ASKED = [(name, "numpy") for name in LARGE]
if importlib.util.find_spec("numba"):  # a compilation takes seconds: one that has a loop, and some that fall back
    ASKED += [(name, "numba") for name in ("Attention, masked", "Conv2d", "Dropout", "LayerNorm", "MaxPool")]


@pytest.mark.parametrize(("name", "backend"), ASKED)
def test_a_plan_or_its_fallback_computes_what_the_run_does(name, backend):
    example = EXAMPLES[name]
    graph = total(example.graph.outputs[0])
    names = [leaf.name for leaf in graph.parameters]
    loss, found = graph.compile(names, backend=backend)(example.feeds)
    assert_same({"J": loss, **found}, gradients(graph, example.feeds, names))


@pytest.mark.parametrize("name", LARGE)
def test_its_lines_are_short_and_call_a_convolution_a_convolution(name):
    derivation = EXAMPLES[name].graph.derivation()
    lines = str(derivation).splitlines()
    limit = 126 if name.startswith("Softmax") else 120  # with names of one letter
    assert max(map(len, lines)) <= limit, max(lines, key=len)
    indices = ("put(", "take(", "np.arange", "np.einsum", ".backward(")
    assert [line for line in lines if any(word in line for word in indices)] == []
    assert EXAMPLES[name].graph.draw().dot


def test_a_convolution_reads_as_one_in_every_notation():
    formulas = EXAMPLES["Conv2d"].graph.derivation()
    assert str(formulas["Q"]) == "conv2d(A, K, padding=(0, 1))"
    assert str(formulas["dK"]) == "conv2d_backward_kernel(dQ, A, K, padding=(0, 1))"
    assert "conv2d" in formulas["Q"].unicode


# --- shapes ----------------------------------------------------------------------------------------------------------


def test_a_batch_with_a_name_goes_through():
    x = cr.Input("x", ("m", 2, 6, 5))
    c = cr.Conv2d(x, np.ones((3, 2, 3, 3)), stride=2, padding=1)
    assert c.shape == (m, 3, 3, 3)
    assert cr.MaxPool(c, size=3, stride=1).shape == cr.AveragePool(c, size=3).shape == (m, 3, 1, 1)
    assert cr.BatchNorm(c, np.ones(3), np.zeros(3)).shape == cr.GroupNorm(c, groups=3).shape == c.shape
    h = Dimension.named("h")
    assert cr.Conv2d(cr.Input("y", ("m", 2, "h", 5)), np.ones((3, 2, 3, 3)), padding=1).shape == (m, 3, h, 5)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: cr.Conv2d(cr.Input("x", ("m", 2, 6, 5)), np.ones((3, 4, 3, 3))), "kernel (3, 4, 3, 3) does not fit"),
        (lambda: cr.Conv2d(cr.Input("x", (2, 6, 5)), np.ones((3, 2, 3, 3))), "images have 4 axes"),
        (lambda: cr.Conv2d(cr.Input("x", ("m", 2, 2, 5)), np.ones((3, 2, 3, 3))), "a window of 3 does not fit"),
        (lambda: cr.Conv2d(cr.Input("x", ("m", 2, 6, 5)), np.ones((3, 2, 3, 3)), stride=0), "a whole number from 1 on"),
        (lambda: cr.Conv2d(cr.Input("x", ("m", 2, 6, 5)), np.ones((3, 2, 3, 3)), padding=1.5), "padding=1.5 is not"),
        (lambda: cr.MaxPool(cr.Input("x", ("m", 2, 6, 5)), size=2, padding=2), "padding is at most half"),
        (lambda: cr.GroupNorm(cr.Input("x", ("m", 5, 4)), groups=2), "does not divide into 2 groups"),
        (lambda: cr.Attention(cr.Input("q", (5, 4)), cr.Input("k", (7, 3)), cr.Input("v", (7, 2))), "do not fit"),
        (lambda: cr.Attention(cr.Input("q", (5, 4)), cr.Input("k", (7, 4)), cr.Input("v", (6, 2))), "do not fit"),
        (lambda: cr.Dropout(cr.Input("x", (3, "m")), cr.Input("mask", (3, 1))), "has not the shape"),
        (lambda: cr.CrossEntropyLoss(*(cr.Input(n, (3, "m")) for n in "py"), np.ones(3)), "do not broadcast to labels"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_where_it_is_built(build, said):
    with pytest.raises((ShapeError, ArgumentError)) as caught:
        build()
    assert said in str(caught.value)
    assert caught.value.remedy or caught.value.given


# --- traps -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [cr.LayerNorm, cr.RMSNorm])
def test_features_are_normalized_and_never_the_batch(kind):
    shapes = {(3, "m"): 0, ("m", 3): 1, (3, 5): 0, ("m", 4, 3): 2, (2, 4, 3): 2, ("b", "t", 3): 2, (7,): 0}
    assert {shape: kind(cr.Input("x", shape)).axis for shape in shapes} == shapes
    for shape, axis in (((3, "m"), 1), (("m", 3), 0), (("m", 4, 3), (0, 2)), ((3, "m"), -1)):
        with pytest.raises(ArgumentError, match="m counts examples"):
            kind(cr.Input("x", shape), axis=axis)
    for shape in (("m",), ("m", 3, 8, 8), ("m", "n")):
        with pytest.raises(ArgumentError, match="cannot be told"):
            kind(cr.Input("x", shape))


def test_one_example_alone_is_normalized_as_among_others():
    x = RNG.normal(size=(4, 6))
    graph = cr.Graph(cr.LayerNorm(cr.Input("x", (4, "m")), name="y"))
    together = graph.forward({"x": x})["y"]
    alone = [graph.forward({"x": x[:, k : k + 1]})["y"] for k in range(6)]
    np.testing.assert_allclose(np.hstack(alone), together, rtol=1e-14, atol=1e-15)


def test_a_scale_goes_along_the_features_also_where_the_matrix_is_square():
    x, scale = RNG.normal(size=(3, 3)), np.array([1.0, 10.0, 100.0])
    plain = cr.Graph(cr.LayerNorm(cr.Input("x", (3, 3)), name="y")).forward({"x": x})["y"]
    for shape in ((3,), (3, 1)):
        found = cr.Graph(cr.LayerNorm(cr.Input("x", (3, 3)), scale.reshape(shape), name="y")).forward({"x": x})["y"]
        np.testing.assert_allclose(found, plain * scale[:, np.newaxis], rtol=1e-14)
    with pytest.raises(ShapeError, match="are not those of axis 0"):
        cr.LayerNorm(cr.Input("x", (3, 3)), np.ones((1, 3)))


def test_what_does_not_vary_is_0_and_has_a_gradient():
    graph = total(cr.LayerNorm(cr.Parameter("x", (3, "m")), name="y"))
    run = graph.forward({"x": np.full((3, 2), 0.1)})
    assert not run["y"].any()
    assert np.isfinite(run.backward()["x"]).all()


def test_the_statistics_of_training_are_handed_to_evaluation():
    x, old, spread = cr.Input("x", ("m", 2, 3, 1)), cr.Input("mean", 2), cr.Input("variance", 2)
    y = cr.BatchNorm(x, np.ones(2), np.zeros(2), name="y")
    mean, variance = cr.running_statistics(y, old, spread, momentum=0.5)
    graph = cr.Graph(y, mean, variance)
    known = {"mean": np.zeros(2), "variance": np.ones(2)}
    data = RNG.normal(loc=3, scale=2, size=(40, 2, 3, 1))
    for _ in range(60):
        run = graph.forward({"x": data, **known})
        known = {"mean": run[mean], "variance": run[variance]}
    np.testing.assert_allclose(known["mean"], data.mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(known["variance"], data.var(axis=(0, 2, 3), ddof=1), rtol=1e-12)
    evaluation = cr.Graph(cr.BatchNorm(x, np.ones(2), np.zeros(2), old, spread, name="y"))
    one = evaluation.forward({"x": data[:1], **known})["y"]
    np.testing.assert_allclose(one, (data[:1] - 3) / 2, atol=0.3)
    with pytest.raises(ArgumentError, match="together"):
        cr.BatchNorm(x, np.ones(2), np.zeros(2), old)
    with pytest.raises(ArgumentError, match="cannot be told"):
        cr.BatchNorm(cr.Input("s", ("m", 5, 2)), np.ones(2), np.zeros(2))


def test_gradients_reach_statistics_that_are_computed():
    x, scale, shift = cr.Parameter("x", (3, "m")), np.ones((3, 1)), np.zeros((3, 1))
    mean, variance = cr.Mean(x, axis=1, keepdims=True), cr.Var(x, axis=1, keepdims=True)
    feeds = {"x": RNG.normal(size=(3, 5))}
    expected = gradients(total(cr.BatchNorm(x, scale, shift, name="y")), feeds, "x")
    assert_same(gradients(total(cr.BatchNorm(x, scale, shift, mean, variance, name="y")), feeds, "x"), expected)


def test_entries_that_tie_share_the_gradient_of_a_pool():
    run = total(cr.MaxPool(cr.Parameter("x", (1, 1, 2, 2)), name="P")).forward({"x": np.zeros((1, 1, 2, 2))})
    assert run.backward()["x"].tolist() == [[[[0.25, 0.25], [0.25, 0.25]]]]


def test_the_padding_of_a_pool_is_never_the_largest():
    run = total(cr.MaxPool(cr.Parameter("x", (1, 1, 2, 2)), size=2, padding=1, name="P"))
    x = np.array([[[[-1.0, -2.0], [-3.0, -4.0]]]])
    assert run.forward({"x": x})["P"].tolist() == x.tolist()


def test_facts_called_as_attributes_of_arrays_hide_nothing_from_the_engine():
    class Facts(cr.Node):
        size: int = 2
        mean: float = 3.0
        std: float = 5.0
        shape_: int = 1

        def forward(self, x):
            return self.size * x.mean(axis=0) + self.mean * x.std(axis=0) + self.std * x.size

    x = cr.Parameter("x", (3, 4))
    node = Facts(x, name="y")
    pool = cr.MaxPool(cr.Parameter("t", (2, 1, 4, 4)), size=(4, 2), name="P")
    assert (node.size, node.mean, node.std, pool.size) == (2, 3.0, 5.0, (4, 2))
    for one in (node, pool):
        graph = total(np.square(one) / np.size(one) + np.mean(one))
        feeds = {leaf.name: RNG.normal(size=leaf.shape) for leaf in graph.leaves if leaf.name}
        expected = gradients(graph, feeds, "xt")
        loss, found = graph.compile()(feeds)
        assert_same({"J": loss, **found}, expected, 1e-10)
        backward = graph.backward()
        assert_same({"J": loss, **{n: backward.forward(feeds)[f"d{n}"] for n in found}}, expected, 1e-10)
        assert graph.check_gradients(feeds).ok
        assert str(graph.derivation())


def test_a_query_that_may_look_nowhere_gets_0_and_no_gradient():
    q, k, v = (cr.Parameter(n, s) for n, s in zip("qkv", [(2, 4), (3, 4), (3, 5)], strict=True))
    mask = np.array([[False] * 3, [True, False, True]])
    graph = total(cr.Attention(q, k, v, mask=mask, name="y"))
    feeds = {name: RNG.normal(size=shape) for name, shape in (("q", (2, 4)), ("k", (3, 4)), ("v", (3, 5)))}
    run = graph.forward(feeds)
    found = run.backward()
    assert not run["y"][0].any()
    assert not found["q"][0].any()
    assert not found["v"][1].any()
    assert_same(gradients(graph.expand(), feeds, "qkv"), gradients(graph, feeds, "qkv"))


def test_a_mask_of_numbers_that_hides_nothing_is_refused():
    q, k, v = (cr.Input(n, s) for n, s in zip("qkv", [(2, 4), (3, 4), (3, 5)], strict=True))
    with pytest.raises(ArgumentError, match="hides nothing"):
        cr.Attention(q, k, v, mask=np.tri(2, 3))
    assert cr.Attention(q, k, v, mask=np.tri(2, 3, dtype=bool)).inputs[3].dtype == bool


def test_dropout_keeps_the_mean_and_is_nothing_without_a_mask():
    x, mask = cr.Parameter("x", (1000, 20)), cr.Input("mask", (1000, 20), dtype=bool)
    feeds = {"x": np.ones((1000, 20)), "mask": RNG.random((1000, 20)) >= 0.3}
    run = cr.Graph(cr.Dropout(x, mask, rate=0.3, name="y")).forward(feeds)
    assert abs(run["y"].mean() - 1) < 0.03  # six times its deviation of 0.0046
    assert cr.Graph(cr.Dropout(x, name="y")).forward({"x": feeds["x"]})["y"].tolist() == feeds["x"].tolist()
    with pytest.raises(ArgumentError, match="share"):
        cr.Dropout(x, mask, rate=1.0)


@pytest.mark.parametrize("kind", [cr.CrossEntropyLoss, cr.NLLLoss, cr.SoftmaxCrossEntropyLoss])
def test_a_batch_without_any_label_costs_nothing(kind):
    graph = cr.Graph(kind(cr.Parameter("a", (3, "m")), cr.Input("y", (3, "m")), ignore_unlabelled=True, name="J"))
    run = graph.forward({"a": np.full((3, 4), 0.3), "y": np.zeros((3, 4))})
    assert run["J"] == 0
    assert not run.backward()["a"].any()


def test_a_weighed_loss_is_fused_and_opened_with_its_weights():
    z, y, w = cr.Parameter("z", ("m", 3)), cr.Input("y", ("m", 3)), cr.Input("w", (1, 3))
    plain = cr.Graph(cr.CrossEntropyLoss(cr.Softmax(z, name="p"), y, w, name="J"))
    fused = plain.fuse()
    assert isinstance(fused["J"], cr.SoftmaxCrossEntropyLoss)
    feeds = {"z": RNG.normal(size=(4, 3)), "y": np.eye(4, 3), "w": [[1.0, 2.0, 0.5]]}
    assert_same(gradients(fused, feeds, "z"), gradients(plain, feeds, "z"))
    assert_same(gradients(fused.expand(), feeds, "z"), gradients(plain, feeds, "z"))


def test_parameters_of_a_normalization_start_where_it_does_nothing():
    x, scale, shift = cr.Input("x", ("m", 3, 4, 5)), cr.Parameter("scale", (3,)), cr.Parameter("shift", (3,))
    kernel = cr.Parameter("K", (2, 3, 3, 3))
    graph = cr.Graph(cr.ReLU(cr.Conv2d(cr.BatchNorm(x, scale, shift), kernel)))
    start = graph.initialize(seed=0)
    assert start["scale"].tolist() == [1, 1, 1]
    assert start["shift"].tolist() == [0, 0, 0]
    assert 0.1 < start["K"].std() < 0.5  # √(2 / 27) is 0.27


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("block", [None, 2])
def test_images_are_planned_in_blocks_of_the_batch(block, dtype):
    x, K = cr.Input("x", ("m", 2, 6, 5)), cr.Parameter("K", (3, 2, 3, 3))
    pooled = cr.MaxPool(cr.ReLU(cr.Conv2d(x, K, padding=1)), size=2)
    graph = cr.Graph(cr.Mean(cr.Square(cr.AveragePool(pooled, size=2)), name="J"))
    split(record(graph))  # raises where columns would meet
    feeds = {"x": RNG.normal(size=(5, 2, 6, 5)).astype(dtype), "K": RNG.normal(size=(3, 2, 3, 3)).astype(dtype)}
    loss, found = compile_graph(graph, ["K"], block=block)(feeds)
    assert found["K"].dtype == dtype
    assert_same({"J": loss, **found}, gradients(graph, feeds, "K"), 1e-12 if dtype == np.float64 else 1e-5)
