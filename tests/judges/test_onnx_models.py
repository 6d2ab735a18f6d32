"""Saved models judged by onnxruntime and ONNX's own evaluator: every rule with its gradients, any size of a batch."""

import warnings

import numpy as np
import onnx
import pytest
from every_rule import EXAMPLES
from onnx.reference import ReferenceEvaluator

import chainrule as cr
import nets
from chainrule.errors import ArgumentError, FeedError
from chainrule.interop import onnx as interop
from chainrule.interop import onnx_reading

onnxruntime = pytest.importorskip("onnxruntime")
onnxruntime.set_default_logger_severity(4)

JUDGE = "onnxruntime, and ONNX's evaluator, on saved models"
# Relative to the largest entry: sums of a hundred entries in another order, and tangents of two roundings.
TOLERANCE = 1e-12


def results(path, feeds):
    """What each judge makes of a model."""
    model = onnx.load(path)
    kinds = {
        one.name: onnx.helper.tensor_dtype_to_np_dtype(one.type.tensor_type.elem_type) for one in model.graph.input
    }
    given = {name: np.asarray(feeds[name], kind) for name, kind in kinds.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that a choice leaves out
        yield ReferenceEvaluator(model).run(None, given)
    yield onnxruntime.InferenceSession(path).run(None, given)


def compare(found, expected, tolerance=TOLERANCE):
    for value, wanted in zip(found, expected, strict=True):
        assert (value.shape, value.dtype) == (wanted.shape, wanted.dtype)
        finite = np.abs(wanted[np.isfinite(wanted)].astype(float))
        np.testing.assert_allclose(value, wanted, rtol=0, atol=tolerance * max(1.0, finite.max(initial=0)))


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_rule_and_its_gradients(name, tmp_path):
    example = EXAMPLES[name]
    (node,) = example.graph.outputs
    differentiable = node.dtype.kind == "f" and node.has_gradient
    graph = cr.Graph(cr.Sum(cr.Sin(node), name="of all")) if differentiable else example.graph
    run = graph.forward(example.feeds)
    gradients = run.backward() if differentiable else {}
    asked = [parameter.name for parameter in graph.parameters if parameter.name in gradients]
    interop.save(graph, tmp_path / "net.onnx", gradients=asked)
    expected = [run[end] for end in graph.outputs] + [gradients[key] for key in asked]
    for found in results(tmp_path / "net.onnx", example.feeds):
        compare(found, expected)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_number_of_examples_is_free(dtype, tmp_path):
    net = nets.DNN(sizes=(2, 4, 3, 1))
    params = {name: array.astype(dtype) for name, array in net.params.items()}
    names = [*params, "A0"]
    interop.save(net.graph, tmp_path / "net.onnx", params, gradients=names)
    graph = cr.Graph(net.graph["A3"])
    interop.save(graph, tmp_path / "forward.onnx", params)
    rng = np.random.default_rng(0)
    for m in (1, 2, 7, 300):
        feeds = {"A0": rng.normal(size=(2, m)).astype(dtype), "Y": rng.integers(0, 2, (1, m)).astype(dtype)}
        run = net.graph.forward({**params, **feeds})
        gradients = run.backward()
        for found in results(tmp_path / "net.onnx", feeds):
            compare(found, [run["L"], *(gradients[name] for name in names)], 1e-12 if dtype is np.float64 else 1e-5)
    for found in results(tmp_path / "forward.onnx", {"A0": np.zeros((2, 0))}):
        assert found[0].shape == (1, 0)
    model = onnx.load(tmp_path / "net.onnx")
    assert [one.name for one in model.graph.input] == ["A0", "Y"]
    assert [one.name for one in model.graph.output] == ["L", *(f"d{name}" for name in names)]


@pytest.mark.parametrize("m", [0, 1, 4])
def test_slices_reshapes_and_sizes_of_any_number_of_examples(m, tmp_path):
    x = cr.Input("x", (3, "m"))
    ends = [x[1:, ::-1], cr.Reshape(x, to=(-1,)), cr.Tile(x, reps=(1, 2)), x / (x.shape[1] + 2), cr.CumSum(x, axis=1)]
    graph = cr.Graph(*(end.relabel(f"y{k}", like=end) for k, end in enumerate(ends)))
    interop.save(graph, tmp_path / "net.onnx")
    feeds = {"x": np.arange(3.0 * m).reshape(3, m)}
    run = graph.forward(feeds)
    for found in results(tmp_path / "net.onnx", feeds):
        compare(found, [run[end] for end in graph.outputs])


KEYS = [
    (0,), (-1, 1), (slice(None), [0, 2, 0]), ([1, 0], [2, 0]), (slice(0, 2), [0, 1], 1),
    ([0, 1], slice(None), [1, 0]), (np.array([True, False]),), (..., 1), (slice(None, None, -2), slice(-1, 0, -1)),
    (slice(None), np.array([[0, -1]]), 1),
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_any_index_and_what_it_sends_back(key, tmp_path):
    x = cr.Parameter("x", (2, 3, 4))
    graph = cr.Graph(cr.Sum(cr.Sin(x[key]), name="L"))
    feeds = {"x": np.random.default_rng(0).normal(size=(2, 3, 4))}
    interop.save(graph, tmp_path / "net.onnx", gradients=["x"])
    run = graph.forward(feeds)
    for found in results(tmp_path / "net.onnx", feeds):
        compare(found, [run["L"], run.backward()["x"]])


@pytest.mark.parametrize(
    "kind",
    [cr.Sigmoid, cr.Tanh, cr.Softplus, cr.NormalCDF, cr.Log1p, cr.Expm1, cr.GELU, cr.ArcSinh, cr.ArcTan, cr.Erf],
)
def test_digits_of_small_and_saturated_values(kind, tmp_path):
    """Relative to each value: the forms that are written keep the digits that those of the textbook lose."""
    x = cr.Parameter("x", (13,))
    numbers = np.array([-700, -40, -9, -0.999, -1e-3, -1e-17, 0, 1e-17, 1e-3, 1, 9, 40, 700])
    feeds = {"x": np.abs(numbers) if kind is cr.Log1p else numbers}
    y = kind(x, name="y")
    graph = cr.Graph(cr.Sum(y, name="L"))
    interop.save(cr.Graph(y), tmp_path / "value.onnx")
    interop.save(graph, tmp_path / "slope.onnx", gradients=["x"])
    with np.errstate(all="ignore"):
        run = graph.forward(feeds)
        slope = run.backward()["x"]
    for (value,), (_, found) in zip(
        results(tmp_path / "value.onnx", feeds), results(tmp_path / "slope.onnx", feeds), strict=True
    ):
        np.testing.assert_allclose(value, run["y"], rtol=2e-12, atol=1e-300)
        np.testing.assert_allclose(found, slope, rtol=2e-12, atol=1e-300)


class Called(cr.Node):
    """A rule that Symbols cannot pass through."""

    def forward(self, x):
        return np.array([float(one) for one in x])

    def backward(self, grad, y, x):
        return (grad,)


def test_what_cannot_be_saved_is_named_and_nothing_is_written(tmp_path):
    x = cr.Parameter("x", (3,))
    path = tmp_path / "net.onnx"
    with pytest.raises(ArgumentError, match="Called"):
        interop.save(cr.Graph(cr.Sum(Called(x))), path)
    with pytest.raises(FeedError, match="did you mean 'x'"):
        interop.save(cr.Graph(cr.Sum(x)), path, {"X": np.ones(3)})
    with pytest.raises(FeedError, match=r"x has shape \(4,\)"):
        interop.save(cr.Graph(cr.Sum(x)), path, {"x": np.ones(4)})
    with pytest.raises(ArgumentError, match="scalar"):
        interop.save(cr.Graph(cr.Sin(x)), path, gradients=["x"])
    assert not path.exists()


ONE_WAY = {
    "Size": "a size alone is no output of a graph",
    "StopGradient": "the model has the value; that no gradient goes back is told nowhere in it",
}


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name.partition(",")[0] not in ONE_WAY])
def test_every_rule_comes_back_with_its_values_and_gradients(name, tmp_path):
    example = EXAMPLES[name]
    parameters = [leaf.name for leaf in example.graph.parameters if "m" not in map(str, leaf.shape)]
    interop.save(example.graph, tmp_path / "net.onnx", {key: example.feeds[key] for key in parameters})
    graph, loaded = interop.load(tmp_path / "net.onnx")
    assert set(loaded) == set(parameters)
    (end,) = example.graph.outputs
    feeds = {leaf.name: example.feeds[leaf.name] for leaf in graph.leaves if leaf.name in example.feeds}
    with np.errstate(invalid="ignore"):  # of entries that a mask leaves out
        run = graph.forward(feeds)
    ours = example.graph.forward(example.feeds)
    compare([run[example.graph.name(end)]], [ours[end]])
    if end.dtype.kind == "f" and end.has_gradient:
        seed = np.cos(np.arange(ours[end].size)).reshape(ours[end].shape)
        gradients, expected = run.backward(seed=seed), ours.backward(seed=seed)
        moving = [key for key in parameters if key in expected]
        compare([gradients[key] for key in moving], [expected[key] for key in moving])


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name.partition(",")[0] in ONE_WAY])
def test_what_goes_one_way_alone(name, tmp_path):
    interop.save(EXAMPLES[name].graph, tmp_path / "net.onnx")
    if name == "StopGradient":
        assert [type(node) for node in interop.load(tmp_path / "net.onnx")[0].order] == [cr.Input, cr.Multiply]
    else:
        with pytest.raises(ArgumentError, match="a size alone"):
            interop.load(tmp_path / "net.onnx")


def test_a_network_comes_back_with_its_free_batch_its_names_and_its_gradients(tmp_path):
    net, rng = nets.DNN(sizes=(2, 4, 3, 1)), np.random.default_rng(0)
    interop.save(net.graph, tmp_path / "net.onnx", net.params)
    graph, values = interop.load(tmp_path / "net.onnx")
    assert {name: leaf.shape for name, leaf in zip(values, graph.parameters, strict=True)} == {
        leaf.name: leaf.shape for leaf in net.graph.parameters
    }
    for m in (1, 6):
        feeds = {**values, "A0": rng.normal(size=(2, m)), "Y": rng.integers(0, 2, (1, m)).astype(float)}
        run, ours = graph.forward(feeds), net.graph.forward(feeds)
        np.testing.assert_allclose(run["L"], ours["L"], rtol=1e-12)
        expected = ours.backward()
        for key, gradient in run.backward().items():
            if key in values:
                np.testing.assert_allclose(gradient, expected[key], rtol=1e-9, atol=1e-12)


def test_a_model_with_its_gradients_comes_back_as_values(tmp_path):
    w, x = cr.Parameter("w", (1, 2)), cr.Input("x", (2, "m"))
    graph = cr.Graph(cr.Mean(cr.Square(w @ x), name="L"))
    interop.save(graph, tmp_path / "net.onnx", {"w": [[1.0, 2.0]]}, gradients=["w"])
    loaded, values = interop.load(tmp_path / "net.onnx")
    run = loaded.forward({**values, "x": np.eye(2)})
    assert [run["L"].tolist(), run["dw_"].tolist()] == [2.5, [[1.0, 2.0]]]


def test_files_that_are_no_models_are_refused(tmp_path):
    path = tmp_path / "net.onnx"
    with pytest.raises(ArgumentError, match="cannot be read: No such file"):
        interop.load(path)
    interop.save(nets.DNN().graph, path, nets.DNN().params)
    content, model = path.read_bytes(), onnx.load(path)
    for damaged in (b"", b"\xff" * 50, content[:-20], content[: len(content) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(ArgumentError, match=r"net\.onnx"):
            interop.load(path)
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ArgumentError, match="numbers in other files"):
        interop.load(path)
    with pytest.raises(ArgumentError, match="more than 10 bytes"):
        onnx_reading.read(path, 10)


def test_an_operator_that_no_node_computes_is_named(tmp_path):
    node = onnx.helper.make_node("Det", ["x"], ["y"])
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, shape)
        for name, shape in (("x", (2, 2)), ("y", ()))
    ]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([node], "g", ends[:1], ends[1:])), tmp_path / "net.onnx")
    with pytest.raises(ArgumentError, match="no node for the operator: Det"):
        interop.load(tmp_path / "net.onnx")
