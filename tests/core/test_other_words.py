"""Words of other systems are answered with what to write here."""

import re

import pytest

import chainrule as cr
from chainrule.core.other_words import _MEANT


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
    with pytest.raises(AttributeError, match=r"no attribute 'quaternion'$"):
        _ = cr.quaternion
