"""What is told of arrays that come out of loops, whose formulas cannot be read off: the usual change, on all data."""

import numpy as np
import pytest

import chainrule as cr
import nets


def convolution():
    X, K = cr.Input("X", ("m", 1, 5, 5)), cr.Parameter("K", (2, 1, 3, 3))
    Z = cr.Conv2d(X, K, name="Z")
    return cr.Graph(cr.MSELoss(Z, cr.Input("Y", ("m", 2, 3, 3)), name="L"))


def in_a_loop(change):
    def kernel_gradient(X, dZ):
        dK = np.zeros((2, 1, 3, 3))
        for i in range(3):
            for j in range(3):
                dK[:, :, i, j] = np.einsum("mohw,mchw->oc", dZ, X[:, :, i : i + 3, j : j + 3])
        return {"dK": change(dK, len(X))}

    return kernel_gradient


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda dK, m: dK[:, :, ::-1, ::-1], "its last two axes run the other way round"),
        (lambda dK, m: dK.swapaxes(2, 3), "its last two axes are swapped"),
        (lambda dK, m: -dK, "it has the wrong sign"),
        (lambda dK, m: dK * m, "it has to be 1/m times as large"),
        (lambda dK, m: dK / 2, "it has to be 2 times as large"),
        (lambda dK, m: dK / m**3, "18 of 18 entries differ"),
        (lambda dK, m: dK + 1, "18 of 18 entries differ"),
    ],
)
def test_a_usual_change_is_told(change, told):
    verdict = convolution().check(in_a_loop(change))["dK"]
    assert (verdict.ok, verdict.diagnosis) == (False, told)


def test_a_square_matrix_that_has_to_be_transposed():
    W, A = cr.Parameter("W", (3, 3)), cr.Input("A", (3, "m"))
    graph = cr.Graph(cr.MSELoss(cr.MatMul(W, A, name="Z"), cr.Input("Y", (3, "m")), name="L"))

    def gradients(A, dZ, m):
        dW = np.zeros((3, 3))
        for i in range(3):
            for j in range(3):
                dW[j, i] = float((dZ[i] * A[j]).sum())
        return {"dW": dW}

    assert graph.check(gradients)["dW"].diagnosis == "it has to be transposed"


@pytest.mark.parametrize("convention", ["auto", "mean", "per-example"])
def test_contributions_to_one_place_that_overwrite_each_other(convention):
    def overwritten(ids, dA0, E, m):
        dE = np.zeros(E.shape)
        dE[:, ids] += dA0 / m if convention == "per-example" else dA0
        return {"dE": dE}

    def added(ids, dA0, E, m):
        dE = np.zeros(E.shape)
        np.add.at(dE, (slice(None), ids), dA0 / m if convention == "per-example" else dA0)
        return {"dE": dE}

    graph = nets.WordEmbedding(words=5, dimensions=2).graph
    assert graph.check(added, convention=convention).ok
    verdict = graph.check(overwritten, convention=convention)["dE"]
    assert verdict.diagnosis.startswith("where ids names a place twice, += keeps the last contribution alone")


def test_where_a_table_is_read_twice_nothing_is_said_of_one_use():
    E, ids = cr.Parameter("E", (2, 5)), cr.Input("ids", ("m",), dtype=int)
    A = cr.Gather(E, ids, axis=1, name="A")
    graph = cr.Graph(cr.Add(cr.Mean(cr.Square(A)), cr.Sum(cr.Square(E)), name="L"))

    def overwritten(ids, dA, E):
        dE = np.zeros(E.shape)
        dE[:, ids] += dA
        return {"dE": dE}

    assert graph.check(overwritten)["dE"].diagnosis == "10 of 10 entries differ"
