"""The axis that counts the examples: settled by the name of a size, asked for where two have one."""

import math
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.rewriting import fuse
from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.batch_axis import classes_axis, examples_axis, shares_axis
from chainrule.nodes.batch_of_graph import batch_name, examples_word
from chainrule.nodes.losses import ClassLoss, Loss
from chainrule.symbols.dimensions import as_shape, seen_by

LOSSES = [
    cr.BCELoss, cr.SigmoidBCELoss, cr.CrossEntropyLoss, cr.SoftmaxCrossEntropyLoss, cr.MSELoss, cr.HingeLoss,
    cr.HuberLoss, cr.KLLoss, cr.L1Loss, cr.NLLLoss,
]  # fmt: skip
A, Y = np.full((5, 3), 0.3), np.eye(3)[[0, 2, 1, 1, 0]]
B = np.array([[0.9], [0.2], [0.5], [0.6], [0.1]])
T = np.array([[1.0], [0.0], [1.0], [1.0], [0.0]])


class Firsts(cr.Node):
    """The first five rows, or all: min(m, 5) of them is no shape that is known before there is data."""

    def forward(self, x):
        if not isinstance(x, np.ndarray):
            raise TypeError("arrays alone")
        return x[:5]

    def backward(self, grad, y, x):
        return (np.concatenate([grad, np.zeros_like(x[5:])]),)


def pair(*shape, other=None):
    return cr.Input("a", shape), cr.Input("y", shape if other is None else other)


def value(loss, a, y):
    return cr.Graph(loss).forward({"a": a, "y": y})[loss]


# --- which axis ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize(
    ("shape", "axis"),
    [((3, "m"), 1), (("m", 3), 0), ((3, 5), 1), (("m", 1), 0), ((4, 3, "m"), 2), (("n", 3), 0)],
    ids=str,
)
def test_the_name_says_which_axis_counts_the_examples(kind, shape, axis):
    assert kind(*pair(*shape)).examples == axis


def test_a_flat_value_has_one_axis_and_a_number_none():
    assert cr.MSELoss(*pair("m")).examples == cr.MSELoss(*pair(5)).examples == 0
    assert cr.MSELoss(*pair()).examples is None


def test_a_multiple_of_a_named_size_is_one_too():
    x = cr.Input("x", ("m", 3))
    twice = cr.Concatenate(x, x, axis=0)
    assert cr.MSELoss(twice, cr.Input("y", twice.shape)).examples == 0


@pytest.mark.parametrize("kind", LOSSES)
def test_two_names_are_a_question(kind):
    with pytest.raises(ArgumentError) as caught:
        kind(*pair("b", "t"), name="L")
    error = caught.value
    assert error.what == f"{kind.__name__} 'L': the predictions (b, t) have 2 axes with a name, b and t: which counts the examples?"  # fmt: skip # noqa: E501 — one sentence
    assert error.where.startswith("built at ")
    assert error.given == "a (b, t), y (b, t)"
    assert error.remedy == "examples=0 for b, examples=1 for t"
    assert [kind(*pair("b", "t"), examples=axis).examples for axis in (0, 1, -1)] == [0, 1, -1]


def test_predictions_of_unknown_shape_have_that_of_the_labels():
    unknown = Firsts(cr.Input("a", ("m", 3)))
    assert unknown.shape is None
    assert cr.MSELoss(unknown, cr.Input("y", ("m", 3))).examples == 0
    loss = cr.MSELoss(Firsts(cr.Input("a", ("m", 3))), cr.Input("y", ("m", 3)), name="L")
    assert value(loss, A, Y) == pytest.approx(np.square(A - Y).sum() / 5, rel=1e-15)


def test_where_no_shape_is_known_a_loss_asks():
    a, y = Firsts(cr.Input("a", ("m", 3))), Firsts(cr.Input("y", ("m", 3)))
    with pytest.raises(ArgumentError, match=r"shape of the predictions is unknown") as caught:
        cr.MSELoss(a, y)
    assert "examples=0 where they are rows" in caught.value.remedy
    loss = cr.MSELoss(a, y, examples=0, name="L")
    assert value(loss, A, Y) == pytest.approx(np.square(A - Y).sum() / 5, rel=1e-15)


def test_what_is_given_counts_and_not_the_name():
    loss = cr.MSELoss(*pair("m", 3), examples=1)
    assert value(loss, A, Y) == pytest.approx(np.square(A - Y).sum() / 3, rel=1e-15)


@pytest.mark.parametrize("axis", [2, -3, 0.5, "m"])
def test_an_axis_that_does_not_exist_is_refused(axis):
    with pytest.raises(ArgumentError, match=r"is no axis of a value with 2|where one axis|is not one axis"):
        cr.MSELoss(*pair("m", 3), examples=axis)


def test_shapes_that_differ_are_told_before_the_axis_is_asked_for():
    with pytest.raises(ShapeError, match="differ in shape"):
        cr.MSELoss(*pair("b", "t", other=("b", 3)))


# --- what comes of it ------------------------------------------------------------------------------------------------


def test_the_mean_is_over_the_named_size():
    """0.6931 for predictions of one half, as in columns; it was four times that."""
    loss = cr.BCELoss(*pair("m", 1))
    assert value(loss, np.full((4, 1), 0.5), np.ones((4, 1))) == pytest.approx(math.log(2), rel=1e-15)
    classes = cr.CrossEntropyLoss(*pair("m", 3))
    assert value(classes, np.full((5, 3), 1 / 3), Y) == pytest.approx(math.log(3), rel=1e-15)
    fused = cr.SoftmaxCrossEntropyLoss(*pair("m", 3))
    logits = np.log(np.array([[1.0, 2.0, 5.0]] * 5))  # shares 1/8, 1/4, 5/8
    shares = np.array([1 / 8, 5 / 8, 1 / 4, 1 / 4, 1 / 8])  # of the classes in Y
    assert value(fused, logits, Y) == pytest.approx(-np.log(shares).mean(), rel=1e-15)


@pytest.mark.parametrize("kind", LOSSES)
def test_one_loss_for_each_row(kind):
    loss = kind(*pair("m", 3), reduction="none")
    assert str(loss.shape) == "(m, 1)"
    columns = kind(*pair(3, "m"), reduction="none")
    np.testing.assert_allclose(value(loss, A, Y), value(columns, A.T, Y.T).T, rtol=1e-15)


def test_labels_on_one_axis_are_examples_as_ever():
    loss = cr.BCELoss(*pair("m"))
    assert value(loss, B[:, 0], T[:, 0]) == pytest.approx(value(cr.BCELoss(*pair("m", 1)), B, T), rel=1e-15)


def test_a_mean_over_no_rows_is_undefined():
    with pytest.raises(cr.errors.RuleError, match="a mean over no rows is undefined"):
        value(cr.MSELoss(*pair("m", 3)), np.zeros((0, 3)), np.zeros((0, 3)))


# --- softmax ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [cr.Softmax, cr.LogSoftmax])
def test_a_softmax_runs_beside_the_name(kind):
    x = np.arange(15.0).reshape(5, 3) ** 0.5
    rows, columns = cr.Input("a", ("m", 3)), cr.Input("a", (3, "m"))
    found, expected = (cr.Graph(kind(node, name="p")).forward({"a": a})["p"] for node, a in ((rows, x), (columns, x.T)))
    np.testing.assert_allclose(found, expected.T, rtol=1e-15)
    assert kind(rows, axis=0).axis == 0
    assert kind(rows, axis=None).axis is None


@pytest.mark.parametrize("shape", [("b", "t"), ("b", 3, 4)], ids=str)
def test_a_softmax_over_what_cannot_be_told_asks(shape):
    with pytest.raises(ArgumentError, match="does not tell along which axis the classes stand") as caught:
        cr.Softmax(cr.Input("a", shape), name="p")
    assert caught.value.given == f"a {as_shape(shape)}"
    assert caught.value.remedy.startswith("axis=")
    with pytest.raises(ArgumentError, match="unknown"):
        cr.Softmax(Firsts(cr.Input("a", ("m", 3))))


def test_a_softmax_of_three_axes_without_names_runs_over_the_first_as_ever():
    assert cr.Softmax(cr.Input("a", (2, 3, 4))).axis == cr.Softmax(cr.Input("a", (2, 3, "m"))).axis == 0


@pytest.mark.parametrize(
    ("shape", "examples", "classes"),
    [
        ((3, "m"), 1, 0), (("m", 3), 0, 1), ((2, 3, "m"), 2, 0), ((2, 3, 4), 2, 0), (("b", "t", 3), 0, 2),
        (("b", 3, "t"), 0, 1), (("b", 2, 3), 0, None), (("b", "t"), 0, 1), (("m",), 0, 0), ((), None, 0),
        (("t", 3, "m"), 2, 1),
    ],
    ids=str,
)  # fmt: skip
def test_the_classes_stand_beside_the_examples(shape, examples, classes):
    assert classes_axis(seen_by("a test", as_shape(shape)), examples) == classes


def test_a_loss_of_softmax_asks_where_several_axes_may_hold_the_classes():
    with pytest.raises(ArgumentError, match="along which axis the classes stand") as caught:
        cr.SoftmaxCrossEntropyLoss(*pair("b", 3, 4))
    assert caught.value.remedy.startswith("classes=")
    z = np.random.default_rng(0).normal(size=(2, 3, 4))
    y = np.eye(4)[np.array([[0, 1, 3], [2, 2, 1]])]
    loss = cr.SoftmaxCrossEntropyLoss(*pair("b", 3, 4), classes=-1)
    shares = np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
    assert value(loss, z, y) == pytest.approx(-(y * np.log(shares)).sum() / 2, rel=1e-14)


# --- rewritten, copied, printed --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("shape", [(3, "m"), ("m", 3)], ids=str)
def test_a_settled_axis_is_no_fact_that_was_given(kind, shape):
    loss = kind(*pair(*shape), reduction="sum")
    assert loss.given_facts == {"reduction": "sum"}
    graph = cr.Graph(loss)
    assert "examples" not in str(graph)
    assert "examples=0" in str(cr.Graph(kind(*pair("m", 3), examples=0, name="L")))


def test_a_node_that_reads_other_inputs_settles_again_unless_it_was_told():
    loss, told = cr.MSELoss(*pair(3, "m")), cr.MSELoss(*pair(3, "m"), examples=1)
    assert (loss.replace(*pair("m", 3)).examples, told.replace(*pair("m", 3)).examples) == (0, 1)
    softmax = cr.Softmax(cr.Input("a", (3, "m")))
    assert softmax.replace(cr.Input("a", ("m", 3))).axis == 1
    with pytest.raises(ArgumentError, match="examples="):
        loss.replace(*pair("b", "t"))


def test_pickles_and_new_names_keep_it():
    loss = cr.SoftmaxCrossEntropyLoss(*pair("m", 3))
    for twin in (pickle.loads(pickle.dumps(loss)), loss.relabel("J", like=loss)):
        assert (twin.examples, twin.classes, twin.given_facts) == (0, 1, {})
        assert twin.replace(*pair(3, "m")).examples == 1


@pytest.mark.parametrize(
    ("shape", "axis", "facts"),
    [
        (("m", 3), 1, {}), (("m", 3), -1, {}), (("m", 3), (1,), {}), ((3, "m"), 0, {}),
        (("b", 4, 3), 1, {}), (("b", 4, 3), 2, {}), (("b", "t", 3), 2, {"examples": 0}), ((3, 5), 1, {"examples": 0}),
    ],
    ids=str,
)  # fmt: skip
def test_a_softmax_over_the_classes_is_fused(shape, axis, facts):
    z, y = cr.Input("z", shape), cr.Input("y", shape)
    graph = cr.Graph(cr.CrossEntropyLoss(cr.Softmax(z, axis=axis, name="p"), y, name="L", **facts))
    fused = fuse(graph)
    assert type(fused["L"]) is cr.SoftmaxCrossEntropyLoss
    sizes = [size if isinstance(size, int) else 6 + k for k, size in enumerate(shape)]
    rng = np.random.default_rng(1)
    feeds = {"z": rng.normal(size=sizes), "y": rng.random(sizes)}
    one, two = graph.forward(feeds), fused.forward(feeds)
    assert one["L"] == pytest.approx(two["L"], rel=1e-14)
    np.testing.assert_allclose(two.backward()["z"], one.backward()["z"], rtol=0, atol=1e-14)
    assert fused.expand("L").forward(feeds)["L"] == pytest.approx(one["L"], rel=1e-14)


@pytest.mark.parametrize(("shape", "axis"), [(("m", 3), 0), ((3, "m"), 1), (("m", 3), None), (("b", 4, 3), (1, 2))])
def test_a_softmax_over_the_examples_is_not_fused(shape, axis):
    z, y = cr.Input("z", shape), cr.Input("y", shape)
    graph = cr.Graph(cr.CrossEntropyLoss(cr.Softmax(z, axis=axis, name="p"), y, name="L"))
    assert type(fuse(graph)["L"]) is cr.CrossEntropyLoss


# --- of a graph ------------------------------------------------------------------------------------------------------


def test_the_losses_of_a_graph_say_which_size_counts():
    words, labels = pair("t", "b", 3)[0], cr.Input("y", ("t", "b", 3))
    assert batch_name(cr.Graph(cr.MSELoss(words, labels, examples=1))) == "b"
    assert batch_name(cr.Graph(cr.Sum(cr.Input("x", ("n", 3))))) == "n"
    assert batch_name(cr.Graph(cr.Sum(cr.Input("x", (2, 3))))) is None


@pytest.mark.parametrize(
    ("shape", "word"), [((3, "m"), "columns"), (("m", 3), "rows"), (("m", 3, 4), "examples"), (("m",), "columns")]
)
def test_what_examples_are_called(shape, word):
    assert examples_word(cr.Graph(cr.Sum(cr.Input("x", shape))), "m") == word


def test_every_loss_of_the_package_settles_its_examples():
    assert {*Loss.__subclasses__(), *ClassLoss.__subclasses__()} - {ClassLoss} == set(LOSSES)


@pytest.mark.parametrize("axis", [examples_axis, shares_axis])
def test_an_unknown_shape_tells_nothing(axis):
    with pytest.raises(ArgumentError, match="unknown"):
        axis(None)


# --- a rule of one's own ---------------------------------------------------------------------------------------------


class Feature(cr.Node):
    """The sum over the axis that is not called m."""

    axis: int | None = None

    @classmethod
    def settled(cls, given, shape):
        return {} if "axis" in given else {"axis": 1 - [str(size) for size in shape].index("m")}

    def forward(self, x):
        return x.sum(axis=self.axis)

    def backward(self, grad, y, x):
        return (np.broadcast_to(np.expand_dims(grad, self.axis), x.shape),)


def test_a_rule_of_ones_own_may_settle_facts_too():
    node = Feature(cr.Input("x", (3, "m")))
    assert (node.axis, node.facts, node.given_facts, str(node.shape)) == (0, {"axis": 0}, {}, "(m,)")
    assert Feature(cr.Input("x", (3, "m")), axis=1).replace(cr.Input("x", ("m", 3))).axis == 1
    assert node.replace(cr.Input("x", ("m", 3))).axis == 1
    graph = cr.Graph(cr.Sum(cr.Square(node)))
    x = np.arange(6.0).reshape(3, 2)
    assert graph.check_gradients({"x": x}).ok
    np.testing.assert_array_equal(graph.compile(["x"])({"x": x})[1]["x"], graph.forward({"x": x}).backward()["x"])
