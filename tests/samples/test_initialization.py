"""How parameters start when nobody says: no network is dead from the first step."""

import numpy as np
import pytest

import chainrule as cr


class Correlate(cr.Node):
    """Every kernel held against every window of an image, as a user writes it."""

    def forward(self, images, kernel):
        windows = np.lib.stride_tricks.sliding_window_view(images, kernel.shape[2:], axis=(2, 3))
        return np.einsum("bchwij,ocij->bohw", windows, kernel)

    def backward(self, grad, y, images, kernel):
        windows = np.lib.stride_tricks.sliding_window_view(images, kernel.shape[2:], axis=(2, 3))
        back = np.zeros_like(images)
        for i in range(kernel.shape[2]):
            for j in range(kernel.shape[3]):
                part = np.einsum("bohw,oc->bchw", grad, kernel[:, :, i, j])
                back[:, :, i : i + grad.shape[2], j : j + grad.shape[3]] += part
        return back, np.einsum("bchwij,bohw->ocij", windows, grad)


class Slope(cr.Node):
    """A ReLU whose slope on the left is learned."""

    def forward(self, x, a):
        return np.where(x > 0, x, a * x)

    def backward(self, grad, y, x, a):
        return np.where(x > 0, grad, a * grad), (grad * np.where(x > 0, 0, x)).sum(axis=1, keepdims=True)


def loss_behind(node, *watch):
    return cr.Graph(cr.Sum(cr.Square(node), name="L"), watch=watch)


def test_a_kernel_starts_as_wide_as_what_it_reads_allows():
    kernel = cr.Parameter("K", (16, 8, 3, 5))
    conv = Correlate(cr.Input("images", (4, 8, 7, 9)), kernel)
    plain = loss_behind(conv).initialize(seed=1)["K"]
    limit = np.sqrt(6 / ((8 + 16) * 15))
    assert 0.9 * limit < np.abs(plain).max() <= limit
    rectified = loss_behind(cr.ReLU(conv)).initialize(seed=1)["K"]
    assert rectified.std() == pytest.approx(np.sqrt(2 / (8 * 15)), rel=0.05)  # 1,920 draws: 1.6 % is one deviation


def test_what_a_rule_of_ones_own_reads_is_not_zero():
    started = loss_behind(Slope(cr.Input("x", (3, "m")), cr.Parameter("a", (3, 1)))).initialize()
    assert (started["a"] != 0).all()


def test_weights_that_are_reshaped_or_masked_before_a_product_are_not_zero():
    x, w = cr.Input("x", (6, "m")), cr.Parameter("W", (2, 3, 4))
    assert (loss_behind(cr.Reshape(w, to=(4, 6)) @ x).initialize()["W"] != 0).all()
    v = cr.Parameter("V", (4, 6))
    assert (loss_behind((v * np.ones((4, 6))) @ x).initialize()["V"] != 0).all()


@pytest.mark.parametrize("shape", [(3, 1), (), (3, 5)])
def test_what_is_only_added_starts_at_zero(shape):
    started = loss_behind(cr.Input("x", (3, 5)) + cr.Parameter("b", shape)).initialize()
    assert not started["b"].any()


def test_a_gradient_check_where_all_kinks_meet_compares_what_it_can_and_calls_nothing_wrong():
    x, y = cr.Input("X", (4, "m")), cr.Input("Y", (1, "m"))
    hidden = cr.ReLU(cr.Parameter("W1", (3, 4)) @ x, name="A")
    graph = cr.Graph(cr.BCELoss(cr.Sigmoid(cr.Parameter("W2", (1, 3)) @ hidden, name="P"), y, name="L"))
    rng = np.random.default_rng(0)
    feeds = {
        "W1": np.zeros((3, 4)),
        "W2": rng.normal(size=(1, 3)),
        "X": rng.normal(size=(4, 5)),
        "Y": [[0, 1, 1, 0, 1]],
    }
    report = graph.check_gradients(feeds)
    assert report.ok
    assert report["W1"].note == "kinks meet"
    assert report["W1"].kinks == 12
    assert report["A"].compared == 15
