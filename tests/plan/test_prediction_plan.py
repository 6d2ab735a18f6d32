"""A plan of outputs: their values, from the feeds that they need, in every backend."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from asking import TOLERANCE
from column_graphs import column_graph

import chainrule as cr
from chainrule.errors import ArgumentError, FeedError, UnknownNameError
from chainrule.plan.plan import compile_forward
from nets.dnn import DNN
from nets.embedding import WordEmbedding

NET = DNN((2, 4, 3, 1))
M = 11


def fed(m=M, dtype=float):
    rng = np.random.default_rng(5)
    feeds = {**NET.params, "A0": rng.normal(size=(2, m))}
    return {name: np.asarray(x, dtype) for name, x in feeds.items()}


def values_of(graph, names, feeds):
    """The same by a Run of a graph that ends there."""
    run = cr.Graph(*(graph[name] for name in names)).forward(feeds)
    return {name: run.values[graph[name]] for name in names}


def assert_same(found, right):
    assert list(found) == list(right)
    for name, value in right.items():
        assert (found[name].shape, found[name].dtype) == (value.shape, value.dtype), name
        assert type(found[name]) is np.ndarray
        tolerance = TOLERANCE if value.dtype == float else 1e-5
        np.testing.assert_allclose(found[name], value, rtol=tolerance, atol=tolerance, err_msg=name)


def test_one_output_is_an_array_and_several_are_a_dict_in_their_order():
    one, several = NET.graph.compile(outputs="A3"), NET.graph.compile(outputs=["A3", NET.graph["Z1"], "A3"])
    assert isinstance(one(fed()), np.ndarray)
    assert list(several(fed())) == ["A3", "Z1"]
    assert list(NET.graph.compile(outputs=["A3"])(fed())) == ["A3"]
    assert several.outputs == ("A3", "Z1")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("m", [1, M, 3000])
def test_outputs_are_the_values_of_a_run(m, backend, dtype):
    """Among them a leaf, one without columns, and one without a name."""
    names = ["A3", "Z1", "A0", "W1", "matmul_2"]
    plan = NET.graph.compile(outputs=names, backend=backend)
    for feeds in (fed(m, dtype), fed(2, dtype), fed(m, dtype)):
        found = plan(feeds)
        assert_same(found, values_of(NET.graph, names, feeds))
        assert not any(np.shares_memory(x, y) for x in found.values() for y in feeds.values())
        for x in found.values():
            x[...] = 7  # a result is the caller's
    assert ("one compiled loop" in plan.explain()) is (backend == "numba")


@pytest.mark.parametrize("block", [1, 4, M])
def test_columns_are_laid_end_to_end(block):
    graph = cr.Graph(NET.graph["A3"], NET.graph["Z2"])
    plan = compile_forward(graph, block=block)
    loss, found = plan(fed())
    assert loss is None
    assert_same(found, values_of(graph, ["A3", "Z2"], fed()))
    assert "laid end to end: Z2, A3" in plan.explain()
    with ThreadPoolExecutor(2) as pool:
        assert_same(plan(fed(), executor=pool)[1], found)


def test_a_prediction_of_random_nets_is_the_run():
    for seed in range(25):
        graph, feeds = column_graph(seed)
        rng = np.random.default_rng(seed)
        names = [graph.names[k] for k in rng.permutation(len(graph))[:4]]
        needed = {node.name for node in cr.Graph(*(graph[name] for name in names)).leaves}
        plan = graph.compile(outputs=names)
        assert_same(
            plan({k: x for k, x in feeds.items() if k in needed}), values_of(graph, names, feeds_for(feeds, needed))
        )


def feeds_for(feeds, needed):
    return {name: x for name, x in feeds.items() if name in needed}


def test_a_loss_is_predicted_with_all_its_digits():
    z, y = cr.Input("z", (1, "m")), cr.Input("Y", (1, "m"))
    graph = cr.Graph(cr.BCELoss(cr.Sigmoid(z, name="A"), y, name="L"))
    found = graph.compile(outputs=["L", "A"])({"z": [[800.0, -800.0]], "Y": [[0.0, 1.0]]})
    assert found["L"].shape == ()
    assert float(found["L"]) == 800.0
    np.testing.assert_array_equal(found["A"], [[1.0, 0.0]])


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_whole_numbers_and_booleans_stay_what_they_are(backend):
    ids, keep, table = (
        cr.Input("ids", ("m",), dtype=int),
        cr.Input("keep", ("m",), dtype=bool),
        cr.Parameter("t", (4, 2)),
    )
    rows = cr.Gather(table, ids, axis=0, name="rows")
    graph = cr.Graph(cr.Sum(rows), watch=[keep])
    feeds = {"ids": [3, 0, 3], "t": np.arange(8.0).reshape(4, 2), "keep": [True, False, True]}
    assert_same(
        graph.compile(outputs=["rows", "ids", "keep"], backend=backend)(feeds),
        values_of(graph, ["rows", "ids", "keep"], feeds),
    )


def test_it_takes_the_feeds_that_its_outputs_need_and_no_others():
    plan = NET.graph.compile(outputs="A3")
    with pytest.raises(FeedError, match="unknown 'Y'"):
        plan({**fed(), "Y": np.ones((1, M))})
    with pytest.raises(FeedError, match="missing 'A0'"):
        plan(NET.params)
    first = NET.graph.compile(outputs="Z1")
    assert first({name: fed()[name] for name in ("W1", "B1", "A0")}).shape == (4, M)


def test_no_columns_give_no_columns():
    assert NET.graph.compile(outputs="A3")({**NET.params, "A0": np.ones((2, 0))}).shape == (1, 0)


def test_it_pickles_and_says_what_it_is():
    for plan in (NET.graph.compile(outputs="A3"), NET.graph.compile(outputs=["A3"])):
        again = pickle.loads(pickle.dumps(plan))
        np.testing.assert_equal(again(fed()), plan(fed()))
        assert repr(again) == "<PredictionPlan of A3>"
    assert "W3.dot(A2" in NET.graph.compile(outputs="A3").source
    assert str(NET.graph.compile(outputs="A3").program).endswith("return A3")


def test_a_wrong_index_names_its_node():
    net = WordEmbedding(5, 3)
    plan = net.graph.compile(outputs="A1")
    with pytest.raises(cr.errors.RuleError, match="Gather"):
        plan({**net.params, "ids": [9]})


def test_what_is_no_prediction_is_said():
    graph = NET.graph
    with pytest.raises(ArgumentError, match="no gradients"):
        graph.compile("W1", outputs="A3")
    with pytest.raises(ArgumentError, match="no gradients"):
        graph.compile(outputs="A3", update=cr.SGD(0.1))
    with pytest.raises(ArgumentError, match="one or more"):
        graph.compile(outputs=[])
    with pytest.raises(UnknownNameError, match="did you mean 'A3'"):
        graph.compile(outputs="A4")
    with pytest.raises(ArgumentError, match="no backend"):
        graph.compile(outputs="A3", backend="fast")


def test_a_graph_without_a_scalar_loss_says_that_it_can_predict():
    with pytest.raises(ArgumentError) as error:
        cr.Graph(NET.graph["A3"]).compile()
    assert "compile(outputs='A3')" in error.value.remedy
    with pytest.raises(ArgumentError) as error:
        cr.Graph(NET.graph["A3"], NET.graph["Z1"]).compile()
    assert "compile(outputs=['A3', 'Z1'])" in error.value.remedy


def test_a_graph_of_gradients_has_a_plan_of_its_outputs():
    w, x = cr.Parameter("w", (3, 2)), cr.Input("x", (2, "m"))
    graph, feeds = cr.Graph(cr.Mean(cr.Square(w @ x), name="L")), {"w": np.ones((3, 2)), "x": np.eye(2)}
    (name,) = plan = graph.backward().compile()(feeds)
    assert name == "dw"
    np.testing.assert_allclose(plan["dw"], graph.forward(feeds).backward()["w"])
    product = graph.hvp("w", along="v").compile()({"x": np.eye(2), "v": np.ones((3, 2))})
    assert list(product) == ["d2w"]
    alone = cr.Graph(cr.Square(cr.Parameter("s"), name="S")).backward()
    assert alone.compile()({"s": 3.0})["ds"] == 6.0
    assert alone.compile(["s"])({"s": 3.0})[1] == {"s": 2.0}  # its own gradient, asked for


@pytest.mark.parametrize("loss", [cr.BCELoss, cr.MSELoss], ids=["a loss that is fused", "one that is not"])
def test_an_output_without_a_name_has_the_one_of_its_graph(loss):
    prediction = cr.Sigmoid(cr.Parameter("W", (1, 2)) @ cr.Input("X", (2, "m")))
    graph = cr.Graph(loss(prediction, cr.Input("Y", (1, "m"))))
    feeds = {"W": np.array([[0.3, -0.4]]), "X": np.arange(6.0).reshape(2, 3), "Y": np.array([[0, 1, 1]])}
    right = {graph.names[-1]: np.asarray(graph.forward(feeds).loss)}
    assert_same(compile_forward(graph)(feeds)[1], right)
    assert_same(graph.compile(outputs=[graph.outputs[0]])(feeds), right)
