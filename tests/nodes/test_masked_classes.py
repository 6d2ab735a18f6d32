"""A class that is masked, with logit -inf and label 0, is as if it were not there: by run, fused and as a plan."""

import numpy as np
import pytest

import chainrule as cr


def drawn(seed):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(5, 7)) * 3
    labels = np.eye(5)[:, rng.integers(0, 5, 7)]
    if seed % 2:
        labels = rng.dirichlet(np.ones(5), 7).T * (rng.random((5, 7)) < 0.7)  # columns that do not sum to 1, too
    masked = (rng.random((5, 7)) < 0.4) & (labels == 0)
    return np.where(masked, -np.inf, z), labels, masked


def expected(z, labels, masked):
    """Column by column, without the masked classes."""
    loss, slope = 0.0, np.zeros_like(z)
    for k, kept in enumerate(~masked.T):
        p = np.exp(z[kept, k] - z[kept, k].max())
        p /= p.sum()
        loss -= (labels[kept, k] * np.log(p)).sum() / z.shape[1]
        slope[kept, k] = (p * labels[kept, k].sum() - labels[kept, k]) / z.shape[1]
    return loss, slope


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("rows", [False, True])
def test_a_masked_class_adds_nothing_to_cross_entropy(seed, rows):
    z, labels, masked = drawn(seed)
    loss, slope = expected(z, labels, masked)
    turned = (lambda a: a.T) if rows else (lambda a: a)
    shape = ("m", 5) if rows else (5, "m")
    p = cr.Softmax(cr.Input("z", shape), axis=1 if rows else 0, name="p")
    plain = cr.Graph(cr.CrossEntropyLoss(p, cr.Input("y", shape), name="L"))
    feeds = {"z": turned(z), "y": turned(labels)}
    for graph in (plain, plain.fuse()):
        run = graph.forward(feeds)
        assert run.loss == pytest.approx(loss, rel=1e-13)
        np.testing.assert_allclose(turned(run.backward()["z"]), slope, rtol=1e-12, atol=1e-15)
    found, gradients = plain.compile(["z"])(feeds)
    assert found == pytest.approx(loss, rel=1e-13)
    np.testing.assert_allclose(turned(gradients["z"]), slope, rtol=1e-12, atol=1e-15)


def test_what_is_certain_and_right_costs_nothing_and_what_is_certain_and_wrong_is_infinite():
    graph = cr.Graph(cr.BCELoss(cr.Sigmoid(cr.Input("z", (1, "m")), name="a"), cr.Input("y", (1, "m")), name="L"))
    right = {"z": [[-np.inf, np.inf, 0.0]], "y": [[0, 1, 1]]}
    wrong = {"z": [[-np.inf, 1.0, 0.0]], "y": [[1, 1, 1]]}
    for loss in (graph.forward(right).loss, graph.fuse().forward(right).loss, graph.compile(())(right)[0]):
        assert loss == pytest.approx(np.log(2) / 3, rel=1e-15)
    for loss in (graph.forward(wrong).loss, graph.fuse().forward(wrong).loss, graph.compile(())(wrong)[0]):
        assert loss == np.inf


@pytest.mark.parametrize("loss", [cr.SigmoidBCELoss, cr.SoftmaxCrossEntropyLoss])
def test_a_masked_class_adds_nothing_in_a_compiled_loop_either(loss):
    """The product with a label that is 0 has a form for single numbers: without it no net had a loop any more."""
    pytest.importorskip("numba")
    z = np.array([[-np.inf, -np.inf, 0.0], [0.0, 1.0, 2.0], [1.0, 0.5, -1.0]])
    y = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    graph = cr.Graph(loss(cr.Parameter("z", (3, "m")), cr.Input("y", (3, "m")), name="L"))
    plan = graph.compile(backend="numba")
    assert "one compiled loop" in plan.explain()
    value, gradients = plan({"z": z, "y": y})
    run = graph.forward({"z": z, "y": y})
    assert value == pytest.approx(run["L"], rel=1e-14)
    np.testing.assert_allclose(gradients["z"], run.backward()["z"], rtol=0, atol=1e-15)
