"""The engine's gradients of the sigmoid network, held against those derived by hand."""

import inspect

import numpy as np
import precise
import pytest

import chainrule as cr
from nets import DNN, by_hand, forward_by_hand, gradients_by_hand
from nets import dnn as dnn_module

BACKWARD_ORDER = ["Z3", "W3", "B3", "A2", "Z2", "W2", "B2", "A1", "Z1", "W1", "B1"]


def batch(net, m, seed, scale=1.0):
    """Random parameters put into the network, and a random batch of m columns."""
    rng = np.random.default_rng(seed)
    net.params = {name: scale * rng.normal(size=value.shape) for name, value in net.params.items()}
    X = rng.normal(size=(net.sizes[0], m))
    return X, rng.integers(0, 2, size=(net.sizes[-1], m)).astype(float)


def gradients(net, X, Y):
    out, cache = net.forward(X)
    return net.compute_gradients(out, cache, Y)


def relative(measured, expected):
    """The norm of the difference relative to the norm, the worst over all arrays."""
    assert list(measured) == list(expected)
    assert all(measured[name].shape == expected[name].shape for name in expected)
    return max(float(np.linalg.norm(measured[k] - v) / np.linalg.norm(v)) for k, v in expected.items())


# 150 batches of each size; m runs from 1 to 1000, closer together where it is small.
COLUMNS = np.unique(np.geomspace(1, 1000, 150).round().astype(int))


@pytest.mark.parametrize("sizes", [(2, 3, 3, 1), (2, 4, 3, 1)], ids=str)
def test_gradients_equal_those_derived_by_hand_on_150_random_batches(sizes):
    net = DNN(sizes)
    worst = 0.0
    for seed in range(150):
        X, Y = batch(net, int(COLUMNS[seed % len(COLUMNS)]), seed)
        worst = max(worst, relative(gradients(net, X, Y), gradients_by_hand(net.params, X, Y)))
    assert worst <= 1e-12  # the same few operations in another order, at most 1000 terms to a sum: about 1e-14


def test_the_batches_run_from_1_to_1000_columns():
    assert COLUMNS[0] == 1
    assert COLUMNS[-1] == 1000
    assert len(COLUMNS) <= 150


@pytest.mark.parametrize("sizes", [(5, 1), (3, 6, 2), (2, 5, 4, 3, 1), (4, 3, 2, 5, 3, 2)], ids=str)
def test_any_number_of_layers_and_rows(sizes):
    net = DNN(sizes)
    X, Y = batch(net, 7, seed=1)
    assert relative(gradients(net, X, Y), gradients_by_hand(net.params, X, Y)) <= 1e-12


@pytest.mark.parametrize("right", [False, True], ids=["random labels", "right labels"])
@pytest.mark.parametrize("scale", [1, 5, 10, 20])
def test_gradients_stay_exact_in_saturation(scale, right):
    net = DNN()
    X, Y = batch(net, 13, seed=5, scale=scale)
    Y = net.predict(X) if right else Y  # right labels leave tiny gradients: digits to lose
    exact = {name: value.astype(float) for name, value in precise.network(net.params, X, Y).items()}
    grads = gradients(net, X, Y)
    largest = max(np.abs(exact[name]).max() for name in grads)
    for name, value in grads.items():
        mean = value / X.shape[1] if name[0] in "ZA" else value
        assert np.abs(mean - exact[name]).max() <= 1e-13 * largest, name  # sigmoid and BCE apart: all digits gone at 10


def test_every_entry_keeps_its_digits_where_the_activations_round_to_1():
    net = DNN((1, 1, 1))
    net.params = {"W1": [[40.0]], "B1": [[0.0]], "W2": [[80.0]], "B2": [[-40.0]]}
    X, Y = [[1.0, -1.0, 1.0, -1.0, 3.0]], [[1, 0, 0, 1, 1]]
    grads, expected = gradients(net, X, Y), gradients_by_hand(net.params, X, Y)
    assert np.abs(expected["Z1"]).min() < 1e-30  # there are digits to lose
    for name, value in expected.items():
        np.testing.assert_allclose(grads[name], value, rtol=1e-14, err_msg=name)  # exp is good to 1e-16


def test_a_saturated_wrong_label_still_gives_its_gradient():
    net = DNN((1, 1))
    net.params = {"W1": np.array([[100.0]]), "B1": np.array([[0.0]])}
    grads = gradients(net, [[1.0, -1.0]], [[0, 1]])
    assert grads["Z1"].tolist() == [[1.0, -1.0]]


def test_keys_stand_in_backward_order_and_the_input_has_none():
    net = DNN((2, 4, 3, 1))
    X, Y = batch(net, 5, seed=0)
    assert list(gradients(net, X, Y)) == BACKWARD_ORDER


def test_forward_returns_the_output_and_every_matrix():
    net = DNN((2, 4, 3, 1))
    X, _ = batch(net, 5, seed=0)
    out, cache = net.forward(X)
    expected = forward_by_hand(net.params, X)
    assert sorted(cache) == sorted(expected)
    np.testing.assert_array_equal(out, cache["A3"])
    for name, value in expected.items():
        np.testing.assert_allclose(cache[name], value, rtol=1e-14, atol=1e-15, err_msg=name)


def test_gradients_of_columns_are_m_times_the_engines_and_those_of_weights_are_its_own():
    net = DNN((2, 4, 3, 1))
    X, Y = batch(net, 5, seed=2)
    run = net.fused.forward({**net.params, "A0": X, "Y": Y})
    run.backward()
    for name, value in gradients(net, X, Y).items():
        factor = 5 if name[0] in "ZA" else 1
        np.testing.assert_array_equal(value, factor * run.gradients[name], err_msg=name)
    np.testing.assert_allclose(5 * run["dZ3"], run["A3"] - Y, rtol=0, atol=1e-15)  # both are at most 1


def test_the_graph_as_drawn_and_the_fused_graph_agree():
    net = DNN((2, 4, 3, 1))
    X, Y = batch(net, 6, seed=3)
    feeds = {**net.params, "A0": X, "Y": Y}
    drawn, fused = (graph.forward(feeds) for graph in (net.graph, net.fused))
    np.testing.assert_allclose(drawn["L"], fused["L"], rtol=1e-14)  # a few roundings
    for name, gradient in drawn.backward().items():
        if name[0] in "ZWB":
            np.testing.assert_allclose(fused.backward()[name], gradient, rtol=1e-11, atol=1e-15, err_msg=name)


def test_gradients_pass_the_numerical_check():
    net = DNN((2, 4, 3, 1))
    X, Y = batch(net, 5, seed=4)
    assert net.fused.check_gradients({**net.params, "A0": X, "Y": Y}).ok


def test_nodes_have_the_names_of_the_mathematics_and_stand_in_their_layers():
    net = DNN((2, 3, 3, 1))
    for layer in (1, 2, 3):
        for letter in "WBZA":
            assert net.graph[f"{letter}{layer}"].layer == (f"Layer {layer}",)
    assert [type(net.graph[name]) for name in ("A0", "Y", "Z2", "A3", "L")] == [
        cr.Input,
        cr.Input,
        cr.Add,
        cr.Sigmoid,
        cr.BCELoss,
    ]
    assert net.graph["A0"].layer == net.graph["L"].layer == ()
    assert [str(size) for size in net.graph["Z1"].shape] == ["3", "m"]


def test_the_hidden_layers_take_another_activation():
    # The published gradients of a planar classifier: tanh in a hidden layer of 4, sigmoid out.
    net = DNN((2, 4, 1), hidden=cr.Tanh)
    net.params = {
        "W1": np.array(
            [
                [-0.00416758, -0.00056267],
                [-0.02136196, 0.01640271],
                [-0.01793436, -0.00841747],
                [0.00502881, -0.01245288],
            ]
        ),
        "B1": np.zeros((4, 1)),
        "W2": np.array([[-0.01057952, -0.00909008, 0.00551454, 0.02292208]]),
        "B2": np.zeros((1, 1)),
    }
    grads = gradients(net, np.random.RandomState(1).randn(2, 3), [[1, 0, 1]])
    published = {
        "W2": [[0.00078841, 0.01765429, -0.00084166, -0.01022527]],
        "B2": [[-0.16655712]],
        "W1": [
            [0.00301023, -0.00747267],
            [0.00257968, -0.00641288],
            [-0.00156892, 0.003893],
            [-0.00652037, 0.01618243],
        ],
        "B1": [[0.00176201], [0.00150995], [-0.00091736], [-0.00381422]],
    }
    for name, value in published.items():
        np.testing.assert_allclose(grads[name], value, rtol=0, atol=1e-8, err_msg=name)  # printed to 8 decimals


def test_predictions_are_the_likelier_label():
    net = DNN((1, 1))
    net.params = {"W1": np.array([[2.0]]), "B1": np.array([[0.0]])}
    assert net.predict([[-3.0, 0.0, 3.0]]).tolist() == [[0, 1, 1]]
    assert net.predict([[-3.0]]).dtype.kind == "i"


def test_a_seed_gives_the_same_parameters_again_and_another_seed_others():
    first, again, other = DNN(seed=1), DNN(seed=1), DNN(seed=2)
    for name, value in first.params.items():
        np.testing.assert_array_equal(value, again.params[name])
    assert not np.array_equal(first.params["W2"], other.params["W2"])


def test_gradients_belong_to_the_parameters_of_the_forward_pass():
    net = DNN((2, 4, 3, 1))
    X, Y = batch(net, 5, seed=6)
    before = net.params
    out, cache = net.forward(X)
    net.params = {name: value + 1 for name, value in before.items()}
    assert relative(net.compute_gradients(out, cache, Y), gradients_by_hand(before, X, Y)) <= 1e-12


def test_an_output_of_another_batch_is_refused():
    net = DNN()
    X, Y = batch(net, 5, seed=7)
    (_, cache), (stranger, _) = net.forward(X), net.forward(X + 1)
    with pytest.raises(ValueError, match="not the A3 of this cache"):
        net.compute_gradients(stranger, cache, Y)


def test_labels_of_another_shape_are_refused():
    net = DNN()
    X, Y = batch(net, 5, seed=8)
    out, cache = net.forward(X)
    for wrong in (Y[0], Y.T, Y[:, :4]):
        with pytest.raises(cr.errors.FeedError, match="Y"):
            net.compute_gradients(out, cache, wrong)


@pytest.mark.parametrize("sizes", [(), (2,), (2, 0, 1)])
def test_sizes_that_are_no_network_are_refused(sizes):
    with pytest.raises(ValueError, match="sizes counts the rows"):
        DNN(sizes)


def test_lists_are_taken_and_nothing_handed_in_is_changed():
    net = DNN((2, 4, 3, 1))
    X, Y = batch(net, 3, seed=9)
    kept = {name: value.copy() for name, value in net.params.items()}
    for array in net.params.values():
        array.flags.writeable = False
    assert relative(gradients(net, X.tolist(), Y.astype(int).tolist()), gradients_by_hand(kept, X, Y)) <= 1e-12
    for name, value in kept.items():
        np.testing.assert_array_equal(net.params[name], value)


def test_float32_parameters_and_data_stay_float32():
    net = DNN((2, 4, 3, 1))
    X, Y = batch(net, 6, seed=10)
    single = {name: value.astype(np.float32) for name, value in net.params.items()}
    expected = gradients_by_hand(net.params, X, Y)
    net.params = single
    grads = gradients(net, X.astype(np.float32), Y.astype(np.float32))
    assert {value.dtype for value in grads.values()} == {np.dtype(np.float32)}
    assert relative(grads, expected) <= 1e-5  # float32 rounds at 6e-8; sums of six columns and three layers above it


def test_the_two_derivations_share_no_code():
    assert "chainrule" not in inspect.getsource(by_hand)
    assert "by_hand" not in inspect.getsource(dnn_module).replace("nets.gradients_by_hand", "")
