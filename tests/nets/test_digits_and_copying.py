"""The small networks of today: one reads digits that it has not seen, one copies sequences that it has not seen."""

import sys

import numpy as np
import pytest

import nets
from nets import copying, digits


def test_digits_that_were_held_out_are_read():
    pytest.importorskip("sklearn")
    x, y, held_out, answers = nets.load_digits()
    assert (x.shape, y.shape, held_out.shape, answers.shape) == ((1347, 1, 8, 8), (1347, 10), (450, 1, 8, 8), (450, 10))
    reader = nets.DigitReader()
    before = reader.accuracy(held_out, answers)
    history = reader.train(x, y)
    assert history.losses[-1] < 0.1 < history.losses[0]
    assert before < 0.3
    assert reader.accuracy(held_out, answers) >= 0.97


def test_without_scikit_learn_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"chainrule\[sklearn\]"):
        nets.load_digits()


@pytest.mark.parametrize("graph", [digits.build((2, 3)), copying.build(symbols=3, length=2, width=4)])
def test_their_gradients_are_right_by_differences(graph):
    rng = np.random.default_rng(0)
    if "A0" in graph:
        feeds = {"A0": rng.normal(size=(2, 1, 8, 8)), "Y": np.eye(10)[[3, 7]]}
    else:
        feeds = nets.Copier(symbols=3, length=2, width=4).feeds([[0, 2], [1, 1], [2, 0]])
    assert graph.check_gradients({**graph.initialize(seed=1), **feeds}).ok


def test_sequences_that_are_new_are_copied():
    copier = nets.Copier()
    new = copier.random(200, seed=2)
    assert copier.accuracy(new) < 0.4
    copier.train(copier.random(4000, seed=1))
    assert copier.accuracy(new) >= 0.99


def test_only_what_is_said_behind_the_sign_has_a_label():
    feeds = nets.Copier(symbols=5, length=3).feeds([[4, 0, 2]])
    assert feeds["ids"].tolist() == [[4, 0, 2, 5, 4, 0]]
    assert feeds["Y"].argmax(axis=2)[0, 3:].tolist() == [4, 0, 2]
    assert feeds["Y"].sum(axis=2).tolist() == [[0, 0, 0, 1, 1, 1]]
