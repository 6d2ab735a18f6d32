"""Random data for graphs: admissible for every rule, generic in size, and the same for the same seed."""

import math

import numpy as np
import pytest

import chainrule as cr
import nets
from chainrule.errors import ArgumentError, FeedError, RuleError
from chainrule.samples import sampling
from chainrule.samples.sampling import generic_sizes, sample_feeds

SEEDS = range(5)


def x(*shape, dtype=float, name="x"):
    return cr.Input(name, shape, dtype)


def feeds_of(*outputs, seed=0, **sizes):
    return sample_feeds(cr.Graph(*outputs), seed, sizes)


# --- sizes -----------------------------------------------------------------------------------------------------------


def test_sizes_differ_from_every_layer_and_from_each_other():
    graph = nets.DNN(sizes=(2, 5, 7, 1)).graph
    sizes = [draw["m"] for draw in generic_sizes(graph, 4)]
    assert len({*sizes, 2, 5, 7, 1}) == 8


def test_two_named_dimensions_never_get_one_number():
    graph = cr.Graph(cr.MatMul(x("k", "m", name="a"), x("m", 3, name="b"), name="c"))
    draws = generic_sizes(graph, 3)
    numbers = [number for draw in draws for number in draw.values()]
    assert all(set(draw) == {"k", "m"} for draw in draws)
    assert len({*numbers, 3}) == len(numbers) + 1


def test_sizes_that_are_computed_do_not_coincide_with_a_layer_either():
    # m = 5 would give the concatenations 2 m = 10 and m + 1 = 6 entries, m = 7 would give 8: the lengths of others.
    joined = cr.Concatenate(x("m", name="a"), x("m", name="b"))
    longer = cr.Concatenate(x("m", name="c"), x(1, name="d"))
    graph = cr.Graph(joined, longer, x(10, name="e"), x(8, name="f"), x(6, name="g"))
    (draw,) = generic_sizes(graph)
    assert 2 * draw["m"] != 10
    assert draw["m"] + 1 not in {6, 8}


@pytest.mark.parametrize("rows", [4, 7, 9])
def test_sizes_can_be_divided_where_a_reshape_divides_them(rows):
    graph = cr.Graph(cr.Reshape(x(2, "m"), to=(rows, -1)))
    for draw in generic_sizes(graph, 3):
        assert 2 * draw["m"] % rows == 0
        assert graph.forward(sample_feeds(graph, sizes=draw))  # the rule itself is content


def test_a_graph_without_named_dimensions_has_no_sizes():
    assert generic_sizes(nets.circuits.product_of_sum(), 2) == [{}, {}]


def test_sizes_that_cannot_exist_are_refused():
    graph = cr.Graph(cr.Index(x("m"), key=slice(2000, None)))
    if graph.outputs[0].shape is None:
        pytest.skip("the shape of this slice is not traced")
    with pytest.raises(ArgumentError, match="no numbers for m"):
        generic_sizes(graph)


def test_an_unknown_dimension_is_answered_with_the_known_one():
    with pytest.raises(ArgumentError, match=r"no dimension 'M' \(did you mean 'm'"):
        sample_feeds(nets.DNN().graph, sizes={"M": 4})


def test_sizes_that_are_not_given_are_chosen():
    graph = cr.Graph(cr.MatMul(x("k", "m", name="a"), x("m", 3, name="b")))
    feeds = sample_feeds(graph, sizes={"m": 40})
    assert feeds["b"].shape == (40, 3)
    assert feeds["a"].shape[0] not in {1, 3, 40}


# --- what is fed -----------------------------------------------------------------------------------------------------

NETS = {
    "2-3-3-1": nets.DNN().graph,
    "2-3-3-1 fused": nets.DNN().fused,
    "2-3-3-1 opened": nets.DNN().graph.expand(),
    "2-4-3-1 of ReLU": nets.DNN(sizes=(2, 4, 3, 1), hidden=cr.ReLU).graph,
    "softmax": nets.SoftmaxClassifier().graph,
    "softmax fused": nets.SoftmaxClassifier(hidden="relu").fused,
    "embedding": nets.WordEmbedding(words=4, dimensions=2).graph,
    "product": nets.circuits.product_of_sum(),
    "neuron": nets.circuits.sigmoid_neuron(),
    "neuron opened": nets.circuits.opened_sigmoid_neuron(),
    "maximum": nets.circuits.product_and_maximum(),
    "micrograd": nets.circuits.micrograd_example(),
}


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_net_runs_and_every_parameter_has_a_gradient(net, seed):
    graph = NETS[net]
    run = graph.forward(sample_feeds(graph, seed))
    gradients = run.backward()
    assert np.isfinite(run[graph.outputs[0]])
    for parameter in graph.parameters:
        assert gradients[parameter].any()


def test_the_same_seed_gives_the_same_feeds_and_another_seed_others():
    graph = NETS["2-3-3-1"]
    first, again, other = (sample_feeds(graph, seed) for seed in (3, 3, 4))
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    assert not np.array_equal(first["A0"], other["A0"])
    assert not np.array_equal(first["W1"], other["W1"])


def test_no_parameter_entry_is_zero_and_no_two_are_equal():
    feeds = sample_feeds(NETS["2-3-3-1"])
    for name in ("W1", "B1", "W2", "B2", "W3", "B3"):
        assert feeds[name].all()
        assert len(set(feeds[name].flat)) == feeds[name].size


def test_a_parameter_keeps_the_scale_it_is_initialized_with():
    W = cr.Parameter("W", (30, 40), init=lambda rng, shape: 1 + rng.standard_normal(shape) / 1000)
    feeds = feeds_of(W * 1.0)
    assert 0.001 < feeds["W"].std() < 0.0013  # √(1 + 0.5²) = 1.12 thousandths


def test_a_parameter_with_a_named_size_is_drawn():
    assert feeds_of(cr.Parameter("W", (2, "m")) * 3.0, m=6)["W"].shape == (2, 6)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("loss", [cr.BCELoss, cr.SigmoidBCELoss])
@pytest.mark.parametrize("dtype", [float, int])
def test_binary_labels_are_zeros_and_ones(loss, seed, dtype):
    labels = feeds_of(loss(cr.Sigmoid(x(2, "m")), x(2, "m", dtype=dtype, name="Y")), seed=seed, m=7)["Y"]
    assert labels.shape == (2, 7)
    assert set(labels.flat) == {0, 1}
    assert labels.dtype == dtype


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("loss", [cr.CrossEntropyLoss, cr.SoftmaxCrossEntropyLoss])
def test_class_labels_are_one_hot_columns(loss, seed):
    labels = feeds_of(loss(cr.Softmax(x(4, "m")), x(4, "m", name="Y")), seed=seed, m=7)["Y"]
    assert set(labels.flat) == {0, 1}
    assert (labels.sum(axis=0) == 1).all()
    assert labels.any(axis=1).all()  # every class occurs among 7 columns


def test_labels_that_are_transposed_are_one_hot_rows():
    labels = feeds_of(cr.CrossEntropyLoss(cr.Softmax(x(4, "m")), x("m", 4, name="Y").T), m=7)["Y"]
    assert (labels.sum(axis=1) == 1).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_labels_of_a_hinge_are_signs(seed):
    labels = feeds_of(cr.HingeLoss(x(1, "m"), x(1, "m", name="Y")), seed=seed, m=7)["Y"]
    assert set(labels.flat) == {-1, 1}


@pytest.mark.parametrize(
    ("labels", "loss", "expected"),
    [
        (lambda y: 1 - y, cr.BCELoss, {0, 1}),
        (lambda y: 2 * y - 1, cr.HingeLoss, {0, 1}),
        (lambda y: -y, cr.HingeLoss, {-1, 1}),
        (lambda y: (y + 1) / 2, cr.BCELoss, {-1, 1}),
        (lambda y: y - 1, cr.BCELoss, {1, 2}),
        (lambda y: cr.Reshape(y, to=(1, -1)), cr.BCELoss, {0, 1}),
    ],
)
def test_labels_that_are_computed_from_an_input(labels, loss, expected):
    assert set(feeds_of(loss(cr.Sigmoid(x(1, "m")), labels(x(1, "m", name="Y"))), m=7)["Y"].flat) == expected


def test_a_label_alone_may_be_either():
    loss = cr.BCELoss(cr.Sigmoid(x(1, "m")), x(1, "m", name="Y"))
    assert {feeds_of(loss, seed=seed, m=1)["Y"].item() for seed in range(20)} == {0, 1}


def test_a_class_label_alone_may_be_any():
    loss = cr.CrossEntropyLoss(cr.Softmax(x(4, "m")), x(4, "m", name="Y"))
    assert {int(feeds_of(loss, seed=seed, m=1)["Y"].argmax()) for seed in range(40)} == {0, 1, 2, 3}


def test_labels_of_squares_are_any_numbers():
    labels = feeds_of(cr.MSELoss(x(1, "m"), x(1, "m", name="Y")), m=7)["Y"]
    assert len(set(labels.flat)) == 7


def test_the_input_of_an_autoencoder_is_what_its_loss_takes():
    image = x(4, "m", name="image")
    feeds = feeds_of(cr.BCELoss(cr.Sigmoid(cr.Parameter("W", (4, 4)) @ image), image), m=7)
    assert set(feeds["image"].flat) == {0, 1}


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_indices_stay_inside_the_table(axis):
    ids = x("m", dtype=int, name="ids")
    seen = feeds_of(cr.Gather(cr.Parameter("E", (4, 6)), ids, axis=axis), m=200)["ids"]
    assert set(seen) == set(range((4, 6)[axis]))
    assert seen.dtype == int


def test_indices_into_a_table_of_named_size_stay_inside_it():
    ids = x(50, dtype=int, name="ids")
    assert feeds_of(cr.Gather(x(3, "m"), ids), m=4)["ids"].max() == 3


def test_indices_of_two_tables_stay_inside_the_smaller():
    ids = x("m", dtype=int, name="ids")
    feeds = feeds_of(cr.Gather(cr.Parameter("E", (2, 6)), ids), cr.Gather(cr.Parameter("F", (2, 3)), ids), m=100)
    assert set(feeds["ids"]) == {0, 1, 2}


def test_whole_numbers_that_index_nothing_are_small_and_positive():
    numbers = feeds_of(x("m", dtype=int) * x("m", name="y"), m=100)["x"]
    assert numbers.dtype == int
    assert 1 <= numbers.min() < numbers.max() < 10


def test_conditions_are_mixed():
    condition = x("m", dtype=bool, name="c")
    feeds = feeds_of(cr.Where(condition, x("m"), x("m", name="y")), m=9)
    assert feeds["c"].dtype == bool
    assert 4 <= feeds["c"].sum() <= 5


def test_a_condition_of_numbers_is_zero_or_one():
    assert set(feeds_of(cr.Where(x("m", name="c"), x("m"), 0.0), m=9)["c"]) == {0, 1}


DEMANDED = [
    cr.Log,
    cr.Sqrt,
    lambda x: cr.Log(cr.Sqrt(x)),
    lambda x: cr.Log(x) + cr.Log(1 - x),
    lambda x: cr.Sqrt(x - 3) + cr.Sqrt(5 - x),
    lambda x: cr.Sqrt(-x),
    lambda x: cr.Log(2 * x) + cr.Log(x / 3),
    lambda x: cr.Log(1 / x),
    lambda x: x**-1.5,
    lambda x: cr.Sqrt(x**3),
    lambda x: 2 ** cr.Log(x),
    lambda x: cr.Log(cr.Sum(x, axis=0)),
    lambda x: cr.Log(cr.Mean(x, axis=1)),
    lambda x: cr.Sqrt(cr.Max(x - 3, axis=1)),
    lambda x: cr.Sqrt(cr.Parameter("W", (2, 3)) @ x),
    lambda x: cr.Log(cr.Reshape(x.T, to=(-1,))),
    lambda x: cr.Log(x[1:]),
    lambda x: cr.Log(cr.Concatenate(x, x)),
    lambda x: cr.Log(cr.Minimum(x, 1)),
    lambda x: cr.Log(cr.Where(np.eye(3, 5), x, 1)),
    lambda x: cr.BCELoss(x, np.eye(3, 5)),
    lambda x: cr.CrossEntropyLoss(x, np.eye(3, 5)),
]
TRIED = [  # no demand gets through to x: numbers of one kind after the other are tried
    lambda x: cr.Log(cr.ReLU(x)),
    lambda x: cr.Log(cr.ReLU(x) - 0.25),
    lambda x: cr.Log(cr.Square(x) - 0.005) + cr.Log(1 - cr.Square(x)),
    lambda x: cr.Log(cr.Square(x) - 4 * x + 3.9),
    lambda x: cr.Sqrt(1 - cr.Square(x)),
    lambda x: cr.Log(1 - cr.Sum(x * x)),
    lambda x: cr.Exp(cr.Exp(5 * cr.Exp(3 * x))),
]


def check_finite(build, seed):
    graph = cr.Graph(build(x(3, 5)))
    feeds = sample_feeds(graph, seed)
    with np.errstate(all="raise", under="ignore"):
        run = graph.forward(feeds)
        gradients = run.backward(np.ones(run[graph.outputs[0]].shape))
    assert np.isfinite(run[graph.outputs[0]]).all()
    assert np.isfinite(gradients["x"]).all()
    assert gradients["x"].any()


@pytest.mark.parametrize("build", DEMANDED)
@pytest.mark.parametrize("seed", SEEDS)
def test_values_are_where_the_functions_behind_them_are_defined(build, seed, monkeypatch):
    monkeypatch.setattr(sampling, "_SQUEEZES", ())
    monkeypatch.setattr(sampling, "_FREELY", 1)  # at the first attempt
    check_finite(build, seed)


@pytest.mark.parametrize("build", TRIED)
@pytest.mark.parametrize("seed", SEEDS)
def test_values_are_tried_where_nothing_says_what_they_must_be(build, seed):
    check_finite(build, seed)


@pytest.mark.parametrize("build", [lambda x: 1 / x, lambda x: x**-2, lambda x: cr.Sin(x) / x])
def test_denominators_keep_away_from_zero(build):
    assert abs(feeds_of(build(x("m")), m=500)["x"]).min() >= 0.5


@pytest.mark.parametrize("loss", [cr.BCELoss, cr.CrossEntropyLoss])
def test_predictions_that_are_fed_are_probabilities(loss):
    prediction = feeds_of(loss(x(3, "m"), x(3, "m", name="Y")), m=100)["x"]
    assert 0.05 < prediction.min() < prediction.max() < 0.95


def test_parameters_meet_the_same_demands():
    scale = cr.Parameter("scale", (3,), init="zeros")
    assert feeds_of(cr.Log(scale))["scale"].min() > 0


KINKED = [
    (lambda x: cr.ReLU(x), lambda x: x),
    (lambda x: cr.LeakyReLU(x), lambda x: x),
    (lambda x: cr.Abs(x), lambda x: x),
    (lambda x: cr.Maximum(x, 1), lambda x: x - 1),
    (lambda x: cr.Minimum(x, -0.5), lambda x: x + 0.5),
    (lambda x: cr.Clip(x, low=-1, high=0.5), lambda x: (x + 1) * (x - 0.5)),
    (lambda x: cr.HingeLoss(x, np.ones((1, 200))), lambda x: x - 1),
    (lambda x: cr.Max(x, axis=0), lambda x: np.diff(np.sort(x, axis=0)[-2:], axis=0)),
    (lambda x: cr.Max(x), lambda x: np.diff(np.sort(x, axis=None)[-2:])),
]


@pytest.mark.parametrize(("build", "distance"), KINKED)
def test_values_keep_away_from_kinks(build, distance):
    # Of 200 normal numbers one lies within 0.001 of a kink in one of six draws or so: 60 draws meet it.
    graph = cr.Graph(build(x(1 if isinstance(build(x(1, 200)), cr.HingeLoss) else 3, 200)))
    for seed in range(60):
        assert abs(distance(sample_feeds(graph, seed)["x"])).min() > 0.0009


def test_a_kink_that_no_draw_avoids_is_accepted():
    assert feeds_of(cr.Maximum(x(3), x(3) * 1.0).inputs[0])["x"].shape == (3,)
    a = x(3)
    assert feeds_of(cr.Maximum(a, a))["x"].shape == (3,)


def test_a_draw_in_which_all_units_are_dead_is_replaced():
    for seed in range(30):
        graph = cr.Graph(cr.Sum(cr.ReLU(cr.Parameter("b", (2,), init="zeros"))))
        assert (sample_feeds(graph, seed)["b"] > 0).any()


def _times_half(node, times):
    for _ in range(times):
        node = node * 0.5
    return cr.Graph(cr.Sum(node, name="L"))


def _nothing_behind(x):
    return cr.ReLU(-1 - cr.Square(x))


@pytest.mark.parametrize(
    ("build", "draws"),
    [
        (lambda x: _times_half(x, 3), 1),
        (lambda x: _times_half(x, 1_200), 1),  # 2 ** -1200 is 0
        (lambda x: _times_half(_nothing_behind(x), 3), 12),
        (lambda x: cr.Graph(cr.Sum(_nothing_behind(x)), _times_half(x, 1_200).outputs[0]), 1),  # one way alone fades
        (lambda x: cr.Graph(_times_half(x, 1_200).outputs[0], cr.Sum(_nothing_behind(cr.Parameter("b", (3,))))), 12),
    ],
    ids=["there", "faded", "blocked", "faded and blocked", "one faded, another blocked"],
)
def test_other_numbers_are_drawn_for_gradients_that_are_blocked_and_not_for_those_that_fade(build, draws, monkeypatch):
    # each draw takes as long as the graph is deep, and no draw brings a gradient back through 1,200 halves
    drawn = []
    flaws_of = sampling._flaws
    monkeypatch.setattr(sampling, "_flaws", lambda *given: drawn.append(flaws_of(*given)) or drawn[-1])
    sample_feeds(build(x(3)))
    assert len(drawn) == draws


def test_a_graph_without_finite_values_is_told_so():
    with pytest.raises(FeedError, match="no data drawn at random gives finite outputs"):
        feeds_of(cr.Log(-1 - cr.Square(x(3))))


class Refusing(cr.Node):
    """A rule that takes no data."""

    def forward(self, x):
        if isinstance(x, np.ndarray):
            raise ValueError("never")
        return x

    def backward(self, grad, y, x):
        return (grad,)


class Choosy(Refusing):
    """A rule that takes only data of which the sum is positive."""

    def forward(self, x):
        if isinstance(x, np.ndarray) and x.sum() <= 0:
            raise ValueError("not positive")
        return x


class Misshapen(cr.Node):
    """A rule whose gradient has a wrong shape."""

    def forward(self, x):
        return 2 * x

    def backward(self, grad, y, x):
        return (np.append(grad, 1.0),)


def test_a_rule_that_refuses_everything_speaks_for_itself():
    with pytest.raises(RuleError, match="never"):
        feeds_of(Refusing(x(3)))


def test_a_rule_that_refuses_some_data_gets_other_data():
    for seed in range(20):
        assert feeds_of(Choosy(x(3)), seed=seed)["x"].sum() > 0


def test_a_wrong_backward_is_left_for_the_gradient_check_to_find():
    assert math.prod(feeds_of(Misshapen(x(3)))["x"].shape) == 3


def test_empty_inputs_are_fed_as_they_are():
    assert feeds_of(cr.Sum(cr.ReLU(x(3, 0))))["x"].shape == (3, 0)
    assert feeds_of(cr.CrossEntropyLoss(cr.Softmax(x(3, 0)), x(3, 0, name="Y"), reduction="sum"))["Y"].shape == (3, 0)
