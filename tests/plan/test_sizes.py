"""A plan is its run for every size: slices of a named axis, bounds out of range, rules whose shape numbers decide."""

import functools
import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ChainruleError
from chainrule.plan.plan import compile_graph

BOUNDS = (None, 0, 1, 2, 5, -1, -2, -10)
SLICES = [slice(a, b) for a, b in itertools.product(BOUNDS, repeat=2)]
SLICES += [slice(None, None, 2), slice(None, None, -1), slice(5, 2, -1), slice(1, None, 3), slice(-1, -3), slice(5, 2)]
SIZES = (0, 1, 2, 3, 12)


def results(compute):
    """The loss and a gradient, or the kind of error where there are none."""
    with np.errstate(all="ignore"):
        try:
            loss, gradient = compute()
        except ChainruleError as error:
            return type(error).__name__
    return np.asarray(loss), np.asarray(gradient)


def by_run(graph, feeds):
    run = graph.forward(feeds)
    run.backward()
    return run[graph.name(graph.outputs[0])], run["dW"]


def by_plan(plan, feeds):
    loss, gradients = plan(feeds)
    return loss, gradients["W"]


def assert_plan_is_run(graph, size, plans, name=""):
    feeds = {"W": np.arange(1.0, 7.0).reshape(2, 3), "X": np.random.default_rng(size).normal(size=(3, size))}
    expected = results(lambda: by_run(graph, feeds))
    for plan in plans:
        for _ in range(2):
            found = results(functools.partial(by_plan, plan, feeds))
            if isinstance(expected, str):
                assert found == expected, (name, size)
                continue
            for mine, right in zip(found, expected, strict=True):
                assert mine.shape == right.shape, (name, size)
                np.testing.assert_allclose(mine, right, rtol=1e-12, atol=1e-12, err_msg=f"{name}, m = {size}")


def parameters():
    return cr.Parameter("W", (2, 3)) @ cr.Input("X", (3, "m"))


ENDS = {
    "sum of squares": lambda y: cr.Sum(cr.Square(y), name="L"),
    "mean of sines": lambda y: cr.Mean(cr.Sin(y), name="L"),
    "joined": lambda y: cr.Sum(cr.Square(cr.Concatenate(y, y, axis=1)), name="L"),
    "shares": lambda y: cr.Sum(cr.Square(cr.Softmax(y, axis=1)), name="L"),
}


TRIED = [(part, end) for k, part in enumerate(SLICES) for end in (list(ENDS) * 2)[k % 4 : k % 4 + 2]]


@pytest.mark.parametrize(("part", "end"), TRIED, ids=str)
def test_a_slice_of_a_named_axis(part, end):
    y = parameters()[:, part]
    if end == "mean of sines" and y.shape == (2, 0):
        return  # a mean over nothing is refused when it is built
    graph = cr.Graph(ENDS[end](y))
    plans = [graph.compile()]
    for size in SIZES:
        assert_plan_is_run(graph, size, plans, f"{part}, {end}")


def test_the_size_of_a_slice_is_true_for_every_m():
    x = cr.Input("X", (3, "m"))
    for part in SLICES:
        shape = x[:, part].shape
        for size in SIZES[1:]:
            if shape is not None:
                right = len(range(size)[part])
                assert (shape[1] if isinstance(shape[1], int) else shape[1].evaluate({"m": size})) == right, part
    known = [part for part in SLICES if x[:, part].shape is not None]
    assert len(known) >= len(BOUNDS) ** 2  # all without a step


def test_a_slice_of_a_slice_and_a_difference_of_two():
    y = parameters()
    for a, b in itertools.product(range(4), repeat=2):
        graph = cr.Graph(cr.Sum(cr.Square(y[:, a:][:, b:] - y[:, : -a - b or None]), name="L"))
        plans = [graph.compile(), compile_graph(graph, None, block=2)]
        for size in SIZES:
            assert_plan_is_run(graph, size, plans, f"{a}, {b}")


class Without(cr.Node):
    """All columns but the last three: the bound is a named size, and for two columns it counts from the end."""

    def forward(self, x):
        return x[:, : x.shape[1] - 3]

    def backward(self, grad, y, x):
        return (np.concatenate((grad, np.zeros_like(x[:, x.shape[1] - 3 :])), axis=1),)


def test_a_named_bound_that_counts_from_the_end_where_there_are_few_columns():
    graph = cr.Graph(cr.Sum(cr.Square(Without(parameters())), name="L"))
    for size in SIZES[1:]:
        assert_plan_is_run(graph, size, [graph.compile()])


# --- rules that are called -------------------------------------------------------------------------------------------


class Sorted(cr.Node):
    """The entries of every column in order."""

    def forward(self, x):
        return np.sort(np.asarray(x), axis=0)

    def backward(self, grad, y, x):
        return (np.take_along_axis(grad, np.argsort(np.argsort(np.asarray(x), axis=0), axis=0), axis=0),)


class Unsaid(Sorted):
    """The same, of unknown shape."""

    def shape_of(self, x):
        return None


class Norm(cr.Node):
    """The length of all entries together."""

    def forward(self, x):
        return np.linalg.norm(x)

    def backward(self, grad, y, x):
        return (grad * x / y,)


class NormOfUnknown(Norm):
    """The same, of unknown shape."""

    def shape_of(self, x):
        return None


PLACES = {
    "behind a product": lambda rule, y: rule(y),
    "before a product": lambda rule, y: cr.Parameter("V", (4, 2)) @ rule(y),
    "before a broadcast": lambda rule, y: rule(y) * cr.Constant([[2.0], [3.0]]),
    "behind a slice": lambda rule, y: rule(y[:, 1:]) - y[:, :-1],
    "before a slice": lambda rule, y: rule(y)[:, 2:],
    "behind itself": lambda rule, y: rule(cr.Sin(rule(y))),
    "on a parameter": lambda rule, y: rule(cr.Parameter("W", (2, 3))) @ y.inputs[1],
}


def place(rule, where):
    x, w = cr.Input("X", (3, "m")), cr.Parameter("W", (2, 3))
    if where == "on a parameter":
        return rule(w) @ x
    return PLACES[where](rule, w @ x)


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("rule", [Sorted, Unsaid], ids=lambda rule: rule.__name__)
def test_a_rule_that_is_called_stands_anywhere(rule, where):
    y = cr.Square(place(rule, where))
    v = np.random.default_rng(0).normal(size=(4, 2))
    for end in (cr.Sum(y, name="L"), cr.Sum(cr.Sin(cr.Sum(y, axis=0)), name="L")):
        graph = cr.Graph(end)
        plans = [graph.compile(), compile_graph(graph, None, block=2)]
        constant = cr.Graph(end) if "V" not in graph else None
        for size in SIZES:
            feeds = {"W": np.arange(1.0, 7.0).reshape(2, 3), "X": np.random.default_rng(size).normal(size=(3, size))}
            feeds |= {} if constant else {"V": v}
            expected = results(functools.partial(by_run, graph, feeds))
            for plan in plans:
                found = results(functools.partial(by_plan, plan, feeds))
                np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
                np.testing.assert_allclose(found[1], expected[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rule", [Norm, NormOfUnknown], ids=lambda rule: rule.__name__)
def test_the_norm_of_a_product_has_a_plan(rule):
    graph = cr.Graph(rule(parameters(), name="L"))
    plan = graph.compile()
    for size in SIZES[1:]:
        assert_plan_is_run(graph, size, [plan])
    assert ("computed as a run" in plan.explain()) is (rule is NormOfUnknown)
    assert ("run(" in plan.source) is (rule is Norm)


def test_what_is_computed_as_a_run_is_said():
    plan = cr.Graph(cr.Sum(Unsaid(parameters(), name="S"), name="L")).compile()
    why = "the shape of S (Unsaid.forward) is unknown before there is data"
    assert plan.explain().splitlines()[1:] == [f"computed as a run, node by node: {why}"]
    assert plan.source == f"# computed as a run: {why}\n"
    assert len(plan.program) > 0


def test_an_update_is_computed_as_a_run_too():
    feeds = {"X": np.random.default_rng(0).normal(size=(3, 5))}
    steps = [
        cr.Graph(cr.Sum(cr.Square(rule(parameters())), name="L")).compile(update=cr.Adam(0.1))
        for rule in (Sorted, Unsaid)
    ]
    states = [step.start({"W": np.ones((2, 3))}) for step in steps]
    for _ in range(3):
        losses, states = zip(
            *(step({**state, **feeds}) for step, state in zip(steps, states, strict=True)), strict=True
        )
        np.testing.assert_allclose(*losses, rtol=1e-12)
    np.testing.assert_allclose(states[0]["W"], states[1]["W"], rtol=1e-12)


def test_a_gradient_that_a_called_rule_does_not_send_is_zero():
    class Silent(Unsaid):
        def backward(self, grad, y, x):
            return (None if float(grad.sum()) else grad,)

    graph = cr.Graph(cr.Sum(Silent(parameters()), name="L"))
    assert not graph.compile()({"W": np.ones((2, 3)), "X": np.ones((3, 2))})[1]["W"].any()


def test_a_plan_holds_a_called_rule_to_its_shape_and_dtype():
    class Leading(Sorted):
        def forward(self, x):
            return np.sort(np.asarray(x), axis=0)[:, :200]

    class Wide(Sorted):
        def forward(self, x):
            return np.sort(np.asarray(x), axis=0).astype(np.float64)

    leading, wide = (cr.Graph(cr.Sum(rule(parameters(), name="S"), name="L")) for rule in (Leading, Wide))
    feeds = {"W": np.ones((2, 3)), "X": np.ones((3, 201))}
    for compute in (leading.forward, leading.compile()):
        with pytest.raises(
            cr.errors.RuleError, match=r"it gave shape \(2, 200\), and \(2, m\), here \(2, 201\), was learned"
        ):
            compute(feeds)
    for compute in (wide.forward, wide.compile()):
        with pytest.raises(cr.errors.RuleError, match="it returned float64 where this run computes in float32"):
            compute({name: x.astype(np.float32) for name, x in feeds.items()})


class Passed(cr.Node):
    """What it is handed, in the same memory."""

    def forward(self, x):
        return np.asarray(x)

    def backward(self, grad, y, x):
        return (np.asarray(grad),)


def test_memory_that_a_called_rule_hands_on_is_not_written_to_after_another_reader():
    """The memory was given back after the last step that read it, though the rule's result lay in it still."""
    a = cr.Sin(parameters(), name="a")
    graph = cr.Graph(cr.Sum(Passed(a, name="p") * cr.Multiply(a, 2.0, name="twice"), name="L"))
    plan = graph.compile(gradients=())  # where a gradient is asked, backward reads it last
    for size in SIZES:
        feeds = {"W": np.arange(1.0, 7.0).reshape(2, 3), "X": np.random.default_rng(size).normal(size=(3, size))}
        np.testing.assert_allclose(plan(feeds)[0], graph.forward(feeds)["L"], rtol=1e-12)
