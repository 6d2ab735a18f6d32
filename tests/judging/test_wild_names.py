"""Lines that a derivation prints are right to the judge, whatever the values are called, and so are repairs."""

import keyword

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import FormulaError
from chainrule.judging.reading import parse
from chainrule.judging.reading.tensors import MODULES_OF_TENSORS
from chainrule.judging.reading.vocabulary import CONSTANTS, FUNCTIONS, METHODS, NUMPY

_OTHERS = "m2 T dx dL/dx W[1] σ x₁ ∂x ‥ cache self grads e E pi inf nan i j d L J y_hat 1x x² \\alpha $x$ *".split()
NAMES = sorted({*keyword.kwlist, *NUMPY, *FUNCTIONS, *METHODS, *CONSTANTS, *MODULES_OF_TENSORS, *_OTHERS, "a b"})
CHOSEN = np.random.default_rng(7).permutation(NAMES)[:12].tolist()


def graph_with(name):
    product = cr.Parameter("W", (1, 2)) @ cr.Input(name, (2, "m"))
    return cr.Graph(cr.BCELoss(cr.Sigmoid(product, name="A"), cr.Input("Y", (1, "m")), name="loss"))


@pytest.mark.parametrize("name", dict.fromkeys(["np", "numpy", "values", "lambda", "sum", *CHOSEN]))
def test_every_line_is_right_whatever_an_input_is_called(name):
    graph = graph_with(name)
    derivation = graph.derivation()
    lines = {key: derivation[key].text for key in (*graph.names, *graph.gradient_names) if key in derivation}
    report = graph.check(lines)
    assert {verdict.name: verdict.diagnosis for verdict in report if verdict.verdict != "right"} == {}
    assert len(lines) >= 5


@pytest.mark.parametrize("name", ["np", "numpy", "lambda", "sum", "sum of x"])
def test_a_repair_reads_as_it_is_written_whatever_an_input_is_called(name):
    graph = graph_with(name)
    right = graph.derivation()["dW"].text
    repair = graph.check({"dW": right.replace(".T", "")})["dW"].repair
    assert graph.check({"dW": str(repair).split(" = ")[-1]}).ok


def test_what_numpy_does_not_have_may_be_a_value_that_is_called_so():
    with pytest.raises(FormulaError, match=r"np has no 'T'") as caught:
        parse("dZ @ np.T", {"np": np.ones((2, 3)), "dZ": np.ones((1, 3))})
    assert caught.value.remedy == "values['np'].T"
    assert parse("dZ @ values['np'].T", {"np": np.ones((2, 3)), "dZ": np.ones((1, 3))})
