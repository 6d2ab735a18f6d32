"""Words of other systems are answered with what to write here."""

import re

import pytest

import chainrule as cr
from chainrule.core.other_words import _MEANT
from chainrule.errors import ArgumentError


@pytest.mark.parametrize("word", sorted(_MEANT))
def test_a_word_of_another_system_is_answered_with_names_that_there_are(word):
    with pytest.raises(AttributeError, match=f"'{word}'; here: ") as caught:
        getattr(cr, word)
    answer = str(caught.value).partition("here: ")[2]
    for name in re.findall(r"\b(?!W\b|L\b)[A-Z][A-Za-z]+\b", answer):
        assert name in cr.__all__ or name == "Parameters", name
    for method in re.findall(r"graph\.(\w+)", answer):
        assert hasattr(cr.Graph, method)


def test_a_name_like_nothing_is_likened_to_nothing():
    with pytest.raises(AttributeError, match=r"no attribute 'xyzzy'$"):
        _ = cr.xyzzy


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        ("grad", 'run["dx"]'),
        ("exp", "np.exp(x)"),
        ("numpy", "run[node] after"),
        ("detach", "StopGradient(x)"),
        ("nbytes", "run[node].nbytes"),
        ("view", "x.reshape(shape)"),
    ],
)
def test_an_attribute_of_arrays_or_tensors_is_answered_with_what_to_write(attribute, said):
    with pytest.raises(AttributeError, match=f"have .{attribute}, and nodes do not") as caught:
        getattr(cr.Input("x", (2,)), attribute)
    assert said in str(caught.value)


def test_a_leaf_asked_to_go_backward_tells_who_does():
    with pytest.raises(ArgumentError, match=r"(?s)Parameter has no rule.*run\.backward\(\)"):
        cr.Parameter("W", (2,)).backward()
