"""A derived backward written out: the paste is a rule that passes its check."""

import numpy as np
import pytest
from forward_only import RULES

import chainrule as cr
from chainrule.errors import ArgumentError, Untraceable


def pasted(text, kind):
    scope = {}
    exec(compile(text, "<pasted>", "exec"), scope)
    return scope[kind.__name__]


@pytest.mark.parametrize("name", RULES)
def test_the_paste_passes_the_check_in_both_precisions_and_gives_the_same(name):
    kind, values = RULES[name]
    text = cr.derived_rule(kind, *values)
    made = pasted(text, kind)
    assert made.backward is not cr.Node.backward
    assert cr.check_node(made, *values).ok
    assert max(map(len, text.splitlines())) <= 140
    leaves = [cr.Parameter(f"x{k}", value.shape) for k, value in enumerate(values)]
    feeds = {f"x{k}": value for k, value in enumerate(values)}
    runs = [cr.Graph(cr.Sum(cr.Sin(of(*leaves)), name="L")).forward(feeds).backward() for of in (kind, made)]
    for leaf in feeds:
        np.testing.assert_allclose(runs[1][leaf], runs[0][leaf], rtol=1e-12, atol=1e-14)


class Scaled(cr.Node):
    """x to a power."""

    power: float = 3.0
    axis: int = 0

    def forward(self, x):
        return (x**self.power).sum(axis=self.axis)


def test_facts_that_are_numbers_stay_facts_and_others_are_written_in():
    text = cr.derived_rule(Scaled)
    assert '"""x to a power."""' in text
    assert "power: float = 3.0" in text
    assert "self.power" in text
    assert "# for axis=0" in text
    assert "axis:" not in text


def test_a_class_of_a_repl_has_no_file():
    scope = {"cr": cr, "np": np}
    exec("class Typed(cr.Node):\n    def forward(self, x):\n        return np.exp(-x * x)", scope)
    assert cr.check_node(pasted(cr.derived_rule(scope["Typed"]), scope["Typed"]), np.ones((2, 3)) / 3).ok


def test_several_inputs_without_examples_may_be_broadcast():
    class Gate(cr.Node):
        def forward(self, x, y):
            return x * np.exp(y)

    made = pasted(cr.derived_rule(Gate), Gate)
    assert cr.check_node(made, np.ones((3, 5)), np.ones((3, 1))).ok
    assert cr.check_node(made, np.ones(5), np.ones((3, 1))).ok


def test_a_rule_with_a_backward_has_none_derived():
    with pytest.raises(ArgumentError, match="a backward of its own"):
        cr.derived_rule(cr.Exp)


@pytest.mark.parametrize(
    ("given", "said"), [(3, "class Mine"), (np.tanh, "class Mine"), (cr.Tanh(cr.Input("x")), "derived_rule(Tanh)")]
)
def test_what_is_no_class_of_nodes_is_refused(given, said):
    with pytest.raises(ArgumentError, match="derived_rule takes a class of nodes") as error:
        cr.derived_rule(given)
    assert said in error.value.remedy


def test_what_needs_examples_says_so():
    class Product(cr.Node):
        def forward(self, x, y):
            return x @ y

    with pytest.raises(ArgumentError, match="two axes"):
        cr.derived_rule(Product)
    assert "@" in cr.derived_rule(Product, np.ones((2, 3)), np.ones((3, 4)))


def test_a_call_in_the_way_is_named():
    class Inverse(cr.Node):
        def forward(self, x):
            return np.linalg.inv(x)

    with pytest.raises(Untraceable, match=r"np\.linalg\.inv"):
        cr.derived_rule(Inverse)


def test_transposes_that_undo_each_other_are_not_written():
    kind, values = RULES["attention"]
    text = cr.derived_rule(kind, *values)
    assert ".T.T" not in text
    assert ").T @ q" in text  # the gradient of k, from the transpose of a product


@pytest.mark.parametrize("name", ["backward_pass", "my_backward", "local_gradient", "compute_gradients", "bakward"])
@pytest.mark.parametrize("inherits", [False, True])
def test_what_is_nearly_a_backward_is_refused(name, inherits):
    class Squared(cr.Node):
        def forward(self, x):
            return np.square(x)

    body = {name: lambda self, grad, y, x: (2 * grad * x,)}
    with pytest.raises(ArgumentError, match=name):
        type("Near", (Squared,), body) if inherits else type("Near", (cr.Node,), {"forward": Squared.forward, **body})


@pytest.mark.parametrize(
    ("forward", "said"),
    [
        (lambda self, x: np.fft.fft(x).real, r"np\.fft\.fft cannot be recorded"),
        (lambda self, x: x if x.sum() > 0 else -x, r"bool\(\) of np\.greater\(\.\.\.\) asks for them"),
        (lambda self, x: x * float(np.sum(x)), r"float\(\) or a function of math of np\.sum\(\.\.\.\)"),
        (lambda self, x: np.asarray(np.exp(x)), r"np\.asarray\(\) of np\.exp\(\.\.\.\)"),
    ],
)
def test_the_call_in_the_way_is_told_as_it_is_written(forward, said):
    with pytest.raises(Untraceable, match=said):
        cr.derived_rule(type("Odd", (cr.Node,), {"forward": forward}))
