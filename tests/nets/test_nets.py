"""Circuits, softmax classifier and learned input: published numbers, differences, and whether they learn."""

import numpy as np
import pytest

import chainrule as cr
import nets
from nets import SoftmaxClassifier, WordEmbedding, circuits, one_hot, train
from nets.training import SGD, Adam


def run_of(graph, **feeds):
    run = graph.forward(feeds)
    run.backward()
    return run


def read(run, *names):
    return [float(run[name]) for name in names]


# Circuits ------------------------------------------------------------------------------------------------------------


def test_product_of_a_sum():
    run = run_of(circuits.product_of_sum(), x=-2, y=5, z=-4)
    assert read(run, "q", "f") == [3, -12]
    assert read(run, "dx", "dy", "dz", "dq") == [-4, -4, 3, -4]


NEURON = {"w0": 2, "w1": -3, "w2": -3, "x0": -1, "x1": -2}
NEURON_GRADIENTS = {"f": 0.73, "dw0": -0.20, "dw1": -0.39, "dw2": 0.20, "dx0": 0.39, "dx1": -0.59}


@pytest.mark.parametrize("build", [circuits.sigmoid_neuron, circuits.opened_sigmoid_neuron])
def test_sigmoid_neuron_open_or_closed(build):
    run = run_of(build(), **NEURON)
    for name, published in NEURON_GRADIENTS.items():
        assert float(run[name]) == pytest.approx(published, abs=0.005)  # printed to two decimals


def test_gates_of_the_opened_neuron():
    run = run_of(circuits.opened_sigmoid_neuron(), **NEURON)
    published = {"dot": 1.0, "negated": -1.0, "power": 0.37, "plus_one": 1.37}
    published |= {"dplus_one": -0.53, "dpower": -0.53, "dnegated": -0.20, "ddot": 0.20}
    for name, value in published.items():
        assert float(run[name]) == pytest.approx(value, abs=0.005)  # printed to two decimals


def test_the_engine_opens_the_neuron_into_the_same_gates():
    by_engine = run_of(circuits.sigmoid_neuron().expand("f"), **NEURON)
    by_hand = run_of(circuits.opened_sigmoid_neuron(), **NEURON)
    for name in ("f", "dx0", "dx1", "dw0", "dw1", "dw2"):
        assert float(by_engine[name]) == pytest.approx(float(by_hand[name]), rel=1e-15)  # one rounding


def test_product_and_maximum():
    run = run_of(circuits.product_and_maximum(), x=3, y=-4, z=2, w=-1)
    assert read(run, "f", "dx", "dy", "dz", "dw") == [-20, -8, 6, 2, 0]


def test_micrograds_example():
    run = run_of(circuits.micrograd_example(), a=-4, b=2)
    assert read(run, "g", "da", "db") == pytest.approx([24.7041, 138.8338, 645.5773], abs=5e-5)  # printed to 4 decimals


# Numerical differentiation, which knows nothing of rules -------------------------------------------------------------


def differences(graph, feeds, name, h=1e-5):
    """The gradient of the graph's loss with respect to one feed, by central differences."""
    slope = np.empty_like(feeds[name])
    for index in np.ndindex(slope.shape):
        up, down = feeds[name].copy(), feeds[name].copy()
        up[index] += h
        down[index] -= h
        slope[index] = (graph.forward({**feeds, name: up})["L"] - graph.forward({**feeds, name: down})["L"]) / (2 * h)
    return slope


def assert_gradients_equal_differences(graph, feeds, names):
    gradients = graph.forward(feeds).backward()
    for name in names:
        expected = differences(graph, feeds, name)
        # Central differences with h = 1e-5 are good to 1e-10 of a loss near 1; the gradients here are 0.01 and above.
        np.testing.assert_allclose(gradients[name], expected, rtol=1e-6, atol=1e-9, err_msg=name)


# Softmax -------------------------------------------------------------------------------------------------------------


def three_clouds(m=90, seed=0):
    """Points around three centers, and the number of the center of each."""
    rng = np.random.default_rng(seed)
    classes = np.arange(m) % 3
    centers = np.array([[0.0, 3.0, -3.0], [3.0, -2.0, -2.0]])
    return centers[:, classes] + 0.5 * rng.normal(size=(2, m)), classes


@pytest.mark.parametrize("hidden", ["tanh", "relu"])
@pytest.mark.parametrize("sizes", [(2, 4, 3), (5, 3), (3, 5, 4, 2)], ids=str)
def test_gradients_of_the_softmax_classifier_equal_differences(sizes, hidden):
    net = SoftmaxClassifier(sizes, hidden=hidden, seed=3)
    rng = np.random.default_rng(4)
    params = {name: rng.normal(size=value.shape) for name, value in net.params.items()}
    feeds = {**params, "A0": rng.normal(size=(sizes[0], 7)), "Y": one_hot(rng.integers(0, sizes[-1], 7), sizes[-1])}
    for graph in (net.graph, net.fused):
        assert_gradients_equal_differences(graph, feeds, [*params, "A0"])


def test_softmax_of_two_classes_gives_the_probabilities_minus_the_labels():
    net = SoftmaxClassifier((2, 4, 3), seed=1)
    X, classes = three_clouds(m=6)
    run = net.fused.forward({**net.params, "A0": X, "Y": one_hot(classes, 3)})
    run.backward()
    # Both are at most 1; the mean over six columns divides by 6.
    np.testing.assert_allclose(6 * run["dZ2"], run["A2"] - one_hot(classes, 3), rtol=0, atol=1e-15)


@pytest.mark.parametrize("hidden", ["tanh", "relu"])
def test_softmax_classifier_learns_three_clouds(hidden):
    net = SoftmaxClassifier((2, 4, 3), hidden=hidden)
    X, classes = three_clouds()
    feeds = {"A0": X, "Y": one_hot(classes, 3)}
    history = train(net.fused, net.params, feeds, optimizer=SGD(0.5), epochs=200, progress=False)
    net.params = history.params
    assert history.losses[-1] < 0.1 * history.losses[0]
    np.testing.assert_array_equal(net.predict(X), classes)


def test_probabilities_are_columns_that_sum_to_one():
    net = SoftmaxClassifier((2, 4, 3))
    probabilities = net.probabilities(three_clouds(m=8)[0])
    assert probabilities.shape == (3, 8)
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, rtol=1e-15)  # three terms


def test_hidden_layers_start_as_their_activation_asks():
    tanh, relu = (SoftmaxClassifier((50, 40, 3), hidden=hidden).params["W1"] for hidden in ("tanh", "relu"))
    assert np.abs(tanh).max() <= np.sqrt(6 / 90)  # Glorot: uniform
    assert relu.std() == pytest.approx(np.sqrt(2 / 50), rel=0.1)  # He: 2000 normal numbers


def test_one_hot_has_one_column_for_each_label():
    assert one_hot([2, 0], 4).tolist() == [[0, 1], [0, 0], [1, 0], [0, 0]]
    assert one_hot([], 3).shape == (3, 0)


@pytest.mark.parametrize("classes", [[3], [-1], [[0, 1]], 1])
def test_one_hot_refuses_what_is_no_class(classes):
    with pytest.raises(ValueError, match="from 0 to 2"):
        one_hot(classes, 3)


@pytest.mark.parametrize(
    ("network", "shown"),
    [
        (lambda: nets.DNN(sizes=(2, 3, 1)), "<DNN 2-3-1: 13 numbers to train>"),
        (lambda: SoftmaxClassifier(sizes=(2, 4, 3)), "<SoftmaxClassifier 2-4-3: 27 numbers to train>"),
        (lambda: WordEmbedding(words=5, dimensions=2), "<WordEmbedding of 5 words: "),
        (lambda: nets.digits.DigitReader(), "<DigitReader of images of 8 × 8: "),
        (lambda: nets.copying.Copier(symbols=5, length=4), "<Copier of 4 out of 5 symbols: "),
    ],
)
def test_a_network_shows_what_it_was_built_from_and_not_its_address(network, shown):
    assert repr(network()).startswith(shown)


def test_unknown_activations_and_sizes_are_refused():
    with pytest.raises(ValueError, match="tanh, relu"):
        SoftmaxClassifier(hidden="sigmoid")
    with pytest.raises(ValueError, match="sizes counts the rows"):
        SoftmaxClassifier((2,))


# The learned input ---------------------------------------------------------------------------------------------------


def test_gradients_of_the_embedding_equal_differences():
    net = WordEmbedding(words=5, dimensions=3, seed=1)
    ids = np.array([4, 0, 4, 2, 4, 0, 1])  # word 4 three times, word 3 never
    feeds = {**net.params, "ids": ids, "Y": one_hot([1, 2, 0, 3, 3, 4, 1], 5)}
    for graph in (net.graph, net.fused):
        assert_gradients_equal_differences(graph, feeds, ["E", "W1", "B1"])


def test_every_use_of_a_word_adds_to_its_column_and_an_absent_word_gets_nothing():
    net = WordEmbedding(words=5, dimensions=3)
    ids = np.array([4, 0, 4, 2, 4])
    gradients = net.fused.forward({**net.params, "ids": ids, "Y": one_hot([1, 2, 0, 3, 3], 5)}).backward()
    for word in range(5):
        uses = gradients["A0"][:, ids == word].sum(axis=1)
        np.testing.assert_allclose(gradients["E"][:, word], uses, rtol=1e-14, atol=1e-16)  # up to three terms
    assert not gradients["E"][:, 3].any()
    assert gradients["E"][:, 4].all()


def test_the_embedding_learns_which_word_follows():
    net = WordEmbedding(words=5, dimensions=2)
    ids, following = np.arange(5), np.array([3, 0, 4, 1, 2])
    feeds = {"ids": ids, "Y": one_hot(following, 5)}
    history = train(net.fused, net.params, feeds, optimizer=Adam(0.1), epochs=200, progress=False)
    assert np.abs(history.params["E"] - net.params["E"]).max() > 0.1  # the input itself has moved
    net.params = history.params
    np.testing.assert_array_equal(net.predict(ids), following)


def test_no_two_words_start_at_the_same_column():
    E = WordEmbedding(words=6, dimensions=2).params["E"]
    assert len({tuple(column) for column in E.T}) == 6


def test_word_numbers_outside_the_table_are_refused():
    net = WordEmbedding(words=5)
    with pytest.raises(cr.errors.ChainruleError, match="A0"):
        net.predict([5])
    with pytest.raises(ValueError, match="at least 1"):
        WordEmbedding(words=0)


# The package ---------------------------------------------------------------------------------------------------------


def test_public_names_are_sorted_and_exist():
    assert nets.__all__ == sorted(nets.__all__)
    assert all(hasattr(nets, name) for name in nets.__all__)
