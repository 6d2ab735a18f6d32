"""The gradients derived by hand, judged by differences, by scikit-learn, by 40-digit arithmetic and by print."""

from pathlib import Path

import numpy as np
import precise
import pytest
from sklearn_oracle import sklearn_gradients

import nets.by_hand
from nets import DNN
from nets.by_hand import forward_by_hand, gradients_by_hand, sigmoid

# In 2-3-3-1 the matrix W2 is square and hides a missing transpose; 2-4-3-1 does not, and 5-1 has no hidden layer.
SIZES = [(2, 3, 3, 1), (2, 4, 3, 1), (2, 5, 4, 3, 2), (5, 1)]


def network(sizes, m, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    params = {}
    for layer, (rows, inputs) in enumerate(zip(sizes[1:], sizes, strict=False), start=1):
        params[f"W{layer}"] = scale * rng.normal(size=(rows, inputs))
        params[f"B{layer}"] = scale * rng.normal(size=(rows, 1))
    return params, rng.normal(size=(sizes[0], m)), rng.integers(0, 2, size=(sizes[-1], m)).astype(float)


def column_losses(params, X, Y, nudges):
    """The loss of each column as a textbook writes it; a nudge is added to Zl or Al when it has been computed."""
    A = X
    for layer in range(1, len(params) // 2 + 1):
        Z = params[f"W{layer}"] @ A + params[f"B{layer}"] + nudges.get(f"Z{layer}", 0)
        A = 1 / (1 + np.exp(-Z)) + nudges.get(f"A{layer}", 0)
    return -(Y * np.log(A) + (1 - Y) * np.log(1 - A)).sum(axis=0)


def central_difference(function, array, h=1e-5):
    slope = np.empty_like(array)
    for index in np.ndindex(array.shape):
        step = np.zeros_like(array)
        step[index] = h
        slope[index] = (function(step) - function(-step)) / (2 * h)
    return slope


def differences(params, X, Y):
    """Every gradient by differences: of the mean loss for W and B, of each column's own loss for Z and A."""

    def mean_after(name):
        return lambda step: column_losses({**params, name: params[name] + step}, X, Y, {}).mean()

    def total_after(name):
        return lambda step: column_losses(params, X, Y, {name: step}).sum()

    last = len(params) // 2
    cache = forward_by_hand(params, X)
    inner = [f"Z{layer}" for layer in range(1, last + 1)] + [f"A{layer}" for layer in range(1, last)]
    return {name: central_difference(mean_after(name), params[name]) for name in params} | {
        name: central_difference(total_after(name), cache[name]) for name in inner
    }


def relative(measured, expected):
    """The largest difference over all arrays, relative to the largest entry of each expected array."""
    assert measured.keys() == expected.keys()
    assert all(measured[name].shape == expected[name].shape for name in expected)
    return max(float(np.abs(measured[k] - v).max() / np.abs(v).max()) for k, v in expected.items())


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("m", [1, 7])
def test_gradients_equal_central_differences(sizes, m):
    params, X, Y = network(sizes, m)
    # Central differences with h = 1e-5 are good to about 1e-10 of the largest gradient; 1e-7 leaves room for arrays
    # whose entries are all small against the loss, from which the differences are taken.
    assert relative(gradients_by_hand(params, X, Y), differences(params, X, Y)) <= 1e-7


def gradients_of_the_engine(params, X, Y):
    net = DNN((len(X), *(len(params[f"W{layer}"]) for layer in range(1, len(params) // 2 + 1))))
    net.params = params
    return net.compute_gradients(*net.forward(X), Y)


@pytest.mark.parametrize("gradients", [gradients_by_hand, gradients_of_the_engine])
@pytest.mark.parametrize("sizes", [(2, 3, 3, 1), (2, 4, 3, 1)], ids=str)
@pytest.mark.parametrize("m", [1, 2, 10, 100, 1000])
@pytest.mark.parametrize("seed", range(5))
def test_gradients_equal_scikit_learns(gradients, sizes, m, seed):
    params, X, Y = network(sizes, m, seed)
    grads = gradients(params, X, Y)
    _, expected = sklearn_gradients(params, X, Y)
    # The same sums in another order: a few units of 1e-16, relative to the largest gradient, which is below 1 here.
    largest = max(float(np.abs(value).max()) for value in expected.values())
    assert max(float(np.abs(grads[name] - value).max()) for name, value in expected.items()) <= 1e-15 * max(largest, 1)


@pytest.mark.parametrize("right", [False, True], ids=["random labels", "right labels"])
@pytest.mark.parametrize("scale", [1, 5, 10, 20])
def test_gradients_stay_exact_in_saturation(scale, right):
    params, X, Y = network((2, 3, 3, 1), 11, seed=3, scale=scale)
    Y = forward_by_hand(params, X)["A3"].round() if right else Y  # right labels leave tiny gradients: digits to lose
    exact = {name: np.asarray(value, dtype=float) for name, value in precise.network(params, X, Y).items()}
    grads = gradients_by_hand(params, X, Y)
    largest = max(np.abs(exact[name]).max() for name in grads)
    for name, value in grads.items():
        mean = value / X.shape[1] if name[0] in "ZA" else value
        assert np.abs(mean - exact[name]).max() <= 1e-13 * largest, name  # A3 - Y in floats reaches 2e-5 at scale 20


def test_every_entry_keeps_its_digits_where_the_activations_round_to_1():
    # 1-1-1 with A1 and A2 both within 1e-16 of 0 or 1, right labels and wrong ones: A - Y and 1 - A would be 0 here.
    params = {"W1": [[40.0]], "B1": [[0.0]], "W2": [[80.0]], "B2": [[-40.0]]}
    X, Y = [[1.0, -1.0, 1.0, -1.0, 3.0]], [[1, 0, 0, 1, 1]]
    grads, cache = gradients_by_hand(params, X, Y), forward_by_hand(params, X)

    def exactly():
        slope = precise.elementwise(precise.sigmoid_slope)(precise.exactly(cache["Z1"]))
        dZ2 = precise.elementwise(precise.sigmoid_bce_slope)(precise.exactly(cache["Z2"]), precise.exactly(Y))
        return {"Z2": dZ2, "Z1": 80 * dZ2 * slope}

    for name, exact in precise.agreed(exactly).items():
        assert np.abs(exact.astype(float)).min() < 1e-17  # there are digits to lose
        np.testing.assert_allclose(grads[name], exact.astype(float), rtol=1e-14, err_msg=name)  # exp is good to 1e-16


def test_sigmoid_is_exact_to_two_units_in_the_last_place():
    z = np.array([-745, -710, -40, -1.5, -1e-9, 0.0, 1e-9, 0.3, 36.7, 40, 710, 1000])
    exact = precise.agreed(lambda: {"y": precise.elementwise(precise.sigmoid)(precise.exactly(z))})["y"]
    assert precise.ulps(sigmoid(z), exact).max() <= 2


def test_nothing_overflows_at_any_size():
    z = np.array([-1e308, -1000.0, -745.0, 710.0, 1000.0, 1e308])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert np.array_equal(sigmoid(z)[[0, -1]], [0, 1])
        grads = gradients_by_hand({"W1": [[1000.0]], "B1": [[0.0]]}, [[1.0, -1.0]], [[0, 1]])
    assert grads["Z1"].tolist() == [[1, -1]]


# A widely taught exercise prints these gradients of a planar classifier: tanh in the hidden layer of 4, sigmoid out.
PLANAR = {
    "W1": [
        [-0.00416758, -0.00056267],
        [-0.02136196, 0.01640271],
        [-0.01793436, -0.00841747],
        [0.00502881, -0.01245288],
    ],
    "W2": [[-0.01057952, -0.00909008, 0.00551454, 0.02292208]],
}
PLANAR_GRADIENTS = {
    "W1": [[0.00301023, -0.00747267], [0.00257968, -0.00641288], [-0.00156892, 0.003893], [-0.00652037, 0.01618243]],
    "B1": [[0.00176201], [0.00150995], [-0.00091736], [-0.00381422]],
    "W2": [[0.00078841, 0.01765429, -0.00084166, -0.01022527]],
    "B2": [[-0.16655712]],
}


def test_gradients_equal_the_published_ones_of_a_planar_classifier():
    # tanh(z) = 2σ(2z) - 1 makes it a sigmoid network: with W1, B1 and W2 doubled and the row sum of W2 taken from B2.
    W1, W2 = np.array(PLANAR["W1"]), np.array(PLANAR["W2"])
    params = {"W1": 2 * W1, "B1": np.zeros((4, 1)), "W2": 2 * W2, "B2": -W2.sum(axis=1, keepdims=True)}
    X = np.random.RandomState(1).randn(2, 3)
    sigmoids = gradients_by_hand(params, X, [[1, 0, 1]])
    grads = {
        "W1": 2 * sigmoids["W1"],
        "B1": 2 * sigmoids["B1"],
        "W2": 2 * sigmoids["W2"] - sigmoids["B2"],
        "B2": sigmoids["B2"],
    }
    for name, published in PLANAR_GRADIENTS.items():
        np.testing.assert_allclose(grads[name], published, rtol=0, atol=1e-8, err_msg=name)  # printed to 8 decimals


def test_keys_stand_in_backward_order():
    params, X, Y = network((2, 4, 3, 1), 5)
    expected = ["Z3", "W3", "B3", "A2", "Z2", "W2", "B2", "A1", "Z1", "W1", "B1"]
    assert list(gradients_by_hand(params, X, Y)) == expected


def test_gradients_have_the_shapes_of_what_they_belong_to():
    params, X, Y = network((2, 4, 3, 1), 5)
    cache, grads = forward_by_hand(params, X), gradients_by_hand(params, X, Y)
    assert {name: value.shape for name, value in grads.items()} == {name: cache[name].shape for name in grads}


def test_forward_keeps_every_matrix():
    params, X, _ = network((2, 4, 3, 1), 5)
    cache = forward_by_hand(params, X)
    assert sorted(cache) == sorted(["A0", *(f"{letter}{layer}" for letter in "WBZA" for layer in (1, 2, 3))])
    np.testing.assert_array_equal(cache["A0"], X)


def test_the_first_line_is_the_output_minus_the_labels_for_each_column():
    params, X, Y = network((2, 3, 3, 1), 9)
    np.testing.assert_allclose(
        gradients_by_hand(params, X, Y)["Z3"], forward_by_hand(params, X)["A3"] - Y, rtol=0, atol=1e-15
    )  # both are at most 1 and rounded once or twice


def test_weights_average_and_columns_do_not():
    # The same columns twice: per-column gradients repeat, averages stay.
    params, X, Y = network((2, 4, 3, 1), 5)
    once, twice = gradients_by_hand(params, X, Y), gradients_by_hand(params, np.tile(X, 2), np.tile(Y, 2))
    for name, value in once.items():
        expected = np.tile(value, 2) if name[0] in "ZA" else value
        np.testing.assert_allclose(twice[name], expected, rtol=0, atol=1e-15 * np.abs(value).max() * 10)


def test_labels_of_another_shape_are_refused_instead_of_stretched():
    params, X, Y = network((2, 3, 3, 1), 5)
    for wrong in (Y.T, Y[0], Y[:, :1], 1):
        with pytest.raises(ValueError, match="Y has shape"):
            gradients_by_hand(params, X, wrong)


@pytest.mark.parametrize("names", [[], ["W1"], ["W1", "B2"], ["W1", "B1", "W3", "B3"], ["W1", "B1", "extra"]])
def test_parameters_with_a_gap_or_a_stranger_are_refused(names):
    with pytest.raises(ValueError, match="parameters W1, B1, W2"):
        forward_by_hand({name: np.zeros((1, 1)) for name in names}, [[1.0]])


def test_lists_and_integers_are_taken():
    grads = gradients_by_hand({"W1": [[1, -1]], "B1": [[0]]}, [[0, 2], [0, 2]], [[True, False]])
    assert grads["W1"].tolist() == [[0.5, 0.5]]
    assert grads["Z1"].dtype == np.float64


def test_float32_stays_float32_and_float16_does_not_stay_float16():
    params, X, Y = network((2, 4, 3, 1), 6)
    single = gradients_by_hand({k: v.astype(np.float32) for k, v in params.items()}, X.astype(np.float32), Y)
    assert {value.dtype for value in single.values()} == {np.dtype(np.float32)}
    half = gradients_by_hand({k: v.astype(np.float16) for k, v in params.items()}, X.astype(np.float16), Y)
    assert {value.dtype for value in half.values()} == {np.dtype(np.float64)}


def test_read_only_inputs_are_enough_and_stay_as_they_are():
    params, X, Y = network((2, 4, 3, 1), 5)
    before = {name: value.copy() for name, value in {**params, "X": X, "Y": Y}.items()}
    for array in (*params.values(), X, Y):
        array.flags.writeable = False
    gradients_by_hand(params, X, Y)
    for name, value in {**params, "X": X, "Y": Y}.items():
        np.testing.assert_array_equal(value, before[name])


def test_nothing_of_the_engine_is_used():
    assert "chainrule" not in Path(nets.by_hand.__file__).read_text("utf-8")


def test_a_wrong_derivation_would_be_noticed():
    # Without the second factor of σ′ the hidden layers are wrong: the judge of this file must see it.
    params, X, Y = network((2, 4, 3, 1), 5)
    right = gradients_by_hand(params, X, Y)
    wrong = {**right, "Z2": right["A2"] * forward_by_hand(params, X)["A2"]}
    assert relative(wrong, differences(params, X, Y)) > 1e-3
