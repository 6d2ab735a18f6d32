"""A rule with a forward alone: its backward is derived from what the forward records."""

import numpy as np
import pytest
from forward_only import RULES

import chainrule as cr
from chainrule.errors import ArgumentError, GradientCheckError, RuleError, Untraceable


@pytest.mark.parametrize("name", RULES)
def test_passes_the_check_in_float64_and_float32_and_is_marked_as_derived(name):
    kind, values = RULES[name]
    report = cr.check_node(kind, *values)  # both precisions
    assert report.compared == sum(value.size for value in values)
    assert all("derived" in row.note for row in report.rows)


@pytest.mark.parametrize("name", RULES)
def test_float32_stays_float32_in_a_run_and_in_a_plan(name):
    kind, values = RULES[name]
    leaves = [cr.Parameter(f"x{k}", value.shape) for k, value in enumerate(values)]
    graph = cr.Graph(cr.Sum(cr.Sin(kind(*leaves, name="y")), name="L"))
    feeds = {f"x{k}": value.astype(np.float32) for k, value in enumerate(values)}
    gradients = graph.forward(feeds).backward()
    _, planned = graph.compile()(feeds)
    exact = graph.forward({leaf: value.astype(float) for leaf, value in feeds.items()}).backward()
    for leaf in feeds:
        assert gradients[leaf].dtype == planned[leaf].dtype == np.float32
        for found in (gradients[leaf], planned[leaf]):
            np.testing.assert_allclose(found, exact[leaf], rtol=1e-3, atol=1e-4 * np.abs(exact[leaf]).max())


class Softsign(cr.Node):
    """x / (1 + |x|)."""

    def forward(self, x):
        return x / (1 + np.abs(x))


def graph_of(kind, shape=(3, "m")):
    return cr.Graph(cr.Mean(kind(cr.Parameter("x", shape), name="y"), name="L"))


def test_it_is_derived_printed_drawn_and_differentiated_like_any_other():
    graph = graph_of(Softsign)
    x = np.random.default_rng(0).normal(size=(3, 5))
    expected = 1 / (1 + np.abs(x)) ** 2 / 15
    np.testing.assert_allclose(graph.forward({"x": x}).backward()["x"], expected, rtol=1e-14)
    assert "np.abs(x)" in graph.derivation()["dx"].text
    np.testing.assert_allclose(graph.backward("x").forward({"x": x})["dx"], expected, rtol=1e-14)
    product = graph.hvp("x", along="v")
    second = -2 * np.sign(x) / (1 + np.abs(x)) ** 3 / 15
    np.testing.assert_allclose(product.forward({"x": x, "v": np.ones((3, 5))})["d2x"], second, rtol=1e-13)
    assert graph.check_gradients({"x": x}).ok
    assert graph.derivation().entries("dx", m=2)


def test_a_rule_of_sizes_keeps_their_names():
    class Share(cr.Node):
        def forward(self, x):
            return x / x.shape[1] / x.size

    graph = cr.Graph(cr.Sum(cr.Square(Share(cr.Parameter("x", (3, "m")), name="y")), name="L"))
    assert "m" in graph.derivation()["dx"].text
    backward = graph.backward("x")
    for m in (2, 5):
        x = np.random.default_rng(m).normal(size=(3, m))
        np.testing.assert_allclose(backward.forward({"x": x})["dx"], graph.forward({"x": x}).backward()["x"])


def test_labels_and_indices_receive_nothing():
    class Picked(cr.Node):
        def forward(self, x, ids):
            return np.take(np.exp(x), ids)

    report = cr.check_node(Picked, np.array([0.1, 0.2, 0.3]), np.array([2, 0, 2]))
    assert report["x"].compared == 3
    assert report["ids"].compared == 0


# --- where it is not exact -------------------------------------------------------------------------------------------


def test_digits_that_cancel_are_told():
    class NaiveTanh(cr.Node):
        def forward(self, x):
            e = np.exp(2 * x)
            return (e - 1) / (e + 1)

    if np.finfo(np.longdouble).eps < np.finfo(float).eps:
        note = cr.check_node(NaiveTanh, [0.5, 12.0])["x"].note
        assert "digits left at x[1]" in note
    assert "digits" not in cr.check_node(NaiveTanh, [0.5, 0.7])["x"].note


def test_what_every_output_shares_is_no_digit_lost():
    """The outputs of a softmax add up to 1: a gradient of ones has nothing to send, however it is computed."""

    class Shares(cr.Node):
        def forward(self, x):
            e = np.exp(x - np.max(x, axis=0, keepdims=True))
            return e / np.sum(e, axis=0, keepdims=True)

    class Centered(cr.Node):
        def forward(self, x):
            return x - np.mean(x, axis=0)

    for kind in (Shares, Centered):
        row = cr.check_node(kind, np.random.default_rng(0).normal(size=(3, 4)))["x"]
        assert (row.compared, row.note) == (12, "complex step, derived")


def test_kinks_are_told():
    class Hinge(cr.Node):
        def forward(self, x):
            return np.maximum(x, 0) + np.abs(x - 1)

    assert cr.check_node(Hinge, [-1.0, 0.0, 0.5, 1.0])["x"].kinks == 2


def test_an_overflow_is_told():
    class Naive(cr.Node):
        def forward(self, x):
            return np.exp(x) / (1 + np.exp(x))

    with np.errstate(all="ignore"), pytest.raises(GradientCheckError, match="not finite"):
        cr.check_node(Naive, [1.0, 800.0])


# --- what is not derived ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["backwards", "Backward", "_backward", "back_ward", "bakward", "backward_", "grad", "gradient", "vjp"]
)
def test_a_near_miss_is_refused(name):
    body = {"forward": lambda self, x: x, name: lambda self, grad, y, x: (grad,)}
    with pytest.raises(ArgumentError, match=f"{name!r}, which is no method backward"):
        type("Missed", (cr.Node,), body)


def test_a_class_without_a_forward_is_refused_with_the_method_that_was_meant():
    class Empty(cr.Node):
        pass

    class Typo(cr.Node):
        def foward(self, x):
            return x

    with pytest.raises(ArgumentError, match=r"^Empty has no forward\n") as error:
        Empty(cr.Input("x"))
    assert "def forward(self, x)" in error.value.remedy
    with pytest.raises(ArgumentError, match="Typo has no forward, and 'foward' is no method forward"):
        Typo(cr.Input("x"))


@pytest.mark.parametrize("untraceable", [False, True])
def test_a_forward_of_several_values_is_refused_and_not_made_one(untraceable):
    class Both(cr.Node):
        def forward(self, x):
            return 2 * (np.array(sorted(x.tolist())) if untraceable else x), x + 1

    with pytest.raises((ArgumentError, RuleError), match="forward returns 2 values, and a node has one") as error:
        cr.Graph(Both(cr.Input("x", (3,)), name="y")).forward({"x": [1.0, 2.0, 3.0]})
    assert "np.stack" in error.value.remedy


def test_helpers_of_other_names_are_fine():
    class Helped(cr.Node):
        def slope(self, x):
            return 2 * x

        def forward(self, x):
            return self.slope(x) * x

    assert cr.check_node(Helped, [1.0, 2.0]).ok


@pytest.mark.parametrize(
    ("forward", "said"),
    [
        (lambda self, x: np.linalg.inv(x), "np.linalg.inv cannot be recorded"),
        (lambda self, x: np.array([[float(v) for v in row] for row in x]), "loop over its entries"),
        (lambda self, x: x if x.sum() > 0 else -x, "numbers are not known"),
    ],
)
def test_a_forward_that_cannot_be_recorded_says_which_call_is_in_the_way(forward, said):
    kind = type("Opaque", (cr.Node,), {"forward": forward})
    graph = cr.Graph(cr.Sum(kind(cr.Parameter("x", (2, 2)), name="y"), name="L"))
    run = graph.forward({"x": np.eye(2)})  # it runs all the same
    with pytest.raises(RuleError, match=said) as error:
        run.backward()
    assert "def backward" in error.value.remedy
    with pytest.raises(Untraceable, match=said):
        graph.backward("x")


# --- what nodes know and Symbols do not record -----------------------------------------------------------------------


class Cosine(cr.Node):
    """The cosine of every row of a with every row of b."""

    def forward(self, a, b):
        return np.inner(a, b) / np.outer(np.linalg.norm(a, axis=-1), np.linalg.norm(b, axis=-1))


class Turned(cr.Node):
    """Rows and columns in other places, times one another."""

    shift: int = 1

    def forward(self, x):
        first, *_, last = np.split(np.flip(x, 1), [1, 2], axis=1)
        return np.roll(x, self.shift, axis=0) * np.hstack([last, first, first]) + np.take(x, [0, 2, 2], axis=1)


class InPlace(cr.Node):
    """What is written into an array of its own."""

    def forward(self, x):
        y = x * 2
        y += np.exp(x)
        return y


class Renamed(cr.Node):
    """What is written into an array that has a second name."""

    def forward(self, x):
        y = z = x * 2
        y += np.exp(x)
        return y + z


@pytest.mark.parametrize(("kind", "shapes"), [(Cosine, [(3, 4), (2, 4)]), (Turned, [(4, 3)]), (InPlace, [(2, 3)])])
def test_a_forward_is_derived_from_what_it_builds_of_nodes_where_symbols_do_not_pass(kind, shapes):
    values = [np.random.default_rng(k).normal(size=shape) for k, shape in enumerate(shapes)]
    assert cr.check_node(kind, *values)  # both precisions
    leaves = [cr.Parameter(f"x{k}", shape) for k, shape in enumerate(shapes)]
    graph = cr.Graph(cr.Sum(cr.Square(kind(*leaves, name="y")), name="L"))
    feeds = {leaf.name: value for leaf, value in zip(leaves, values, strict=True)}
    gradients = graph.forward(feeds).backward()
    for name, planned in graph.compile()(feeds)[1].items():
        np.testing.assert_allclose(planned, gradients[name], rtol=1e-12)
    names = {"np": np, "cr": cr}
    exec(cr.derived_rule(kind, *values), names)
    assert cr.check_node(names[kind.__name__], *values)


def test_an_array_of_two_names_that_is_written_to_is_no_two_nodes():
    graph = cr.Graph(cr.Sum(Renamed(cr.Parameter("x", (2, 3)))))
    run = graph.forward({"x": np.ones((2, 3))})
    assert run.loss == pytest.approx(6 * 2 * (2 + np.e))
    with pytest.raises(RuleError, match=r"no backward can be derived from it: np\.add with out cannot be recorded"):
        run.backward()
