"""Mistakes in networks whose weights are read at many places: through time, and along the axes of images."""

import numpy as np
import pytest

import chainrule as cr


def through_time(steps):
    Wh, Wx, b = cr.Parameter("Wh", (3, 3)), cr.Parameter("Wx", (3, 2)), cr.Parameter("b", (3, 1))
    h = cr.Input("h0", (3, "m"))
    for t in range(1, steps + 1):
        z = cr.Add(Wh @ h + Wx @ cr.Input(f"x{t}", (2, "m")), b, name=f"z{t}")
        h = cr.Tanh(z, name=f"h{t}")
    return cr.Graph(cr.MSELoss(h, cr.Input("Y", (3, "m")), name="L"))


RIGHT = "dz{0} @ h{1}.T"


@pytest.mark.parametrize("steps", [2, 3, 4])
def test_the_new_state_in_the_place_of_the_old_one(steps):
    graph, order = through_time(steps), range(steps, 0, -1)
    wrong = " + ".join(RIGHT.format(t, t) for t in order)
    report = graph.check({"dWh": wrong})
    assert not report.ok
    assert report["dWh"].repair == " + ".join(RIGHT.format(t, t - 1) for t in order)
    if steps > 2:
        assert report["dWh"].diagnosis == "the values have to be those of the layer before"


@pytest.mark.parametrize("t", [3, 2, 1])
@pytest.mark.parametrize(
    ("wrong", "told", "right"),
    [
        ("dh{t} * (1 - z{t} ** 2)", "z{t} should be h{t}", "dh{t} * (1 - h{t} ** 2)"),
        ("Wh @ dz{n} * (1 - h{t} ** 2)", "Wh has to be transposed", "Wh.T @ dz{n} * (1 - h{t} ** 2)"),
    ],
)
def test_a_step_is_mended_also_where_states_behind_it_have_rounded_to_one(t, wrong, told, right):
    wrong, told, right = (text.format(t=t, n=t + 1) for text in (wrong, told, right))
    verdict = through_time(4).check({f"dz{t}": wrong})[f"dz{t}"]
    assert (verdict.ok, verdict.diagnosis, verdict.repair) == (False, told, right)


# The shape of a bias, what it is added to, and the axes along which it is stretched by that.
STRETCHED = [
    ((2, 1, 1), ("m", 2, 3, 4), "axes 0, 2 and 3"),
    ((3,), ("m", 5, 3), "axes 0 and 1"),
    ((5, 1), ("m", 5, 3), "axes 0 and 2"),
    ((1, 5, 3), ("m", 5, 3), "axis 0"),
    ((2, 1, 4), ("m", 2, 3, 4), "axes 0 and 2"),
]


@pytest.mark.parametrize(("bias", "shape", "axes"), STRETCHED)
@pytest.mark.parametrize("wrong", ["dZ", "dZ.sum(axis=1)", "np.sum(dZ)", "dZ.sum(axis=(0, 1), keepdims=True)"])
def test_a_bias_of_several_axes_is_summed_over_those_along_which_it_is_stretched(bias, shape, axes, wrong):
    Z = cr.Add(cr.Input("X", shape), cr.Parameter("b", bias), name="Z")
    graph = cr.Graph(cr.MSELoss(Z, cr.Input("Y", shape), name="L"))
    verdict = graph.check({"db": wrong})["db"]
    assert not verdict.ok
    assert f"{axes}, along which b is stretched" in verdict.diagnosis
    assert graph.check({"db": verdict.repair}, convention="mean").ok


def test_the_sum_over_stretched_axes_is_found_inside_of_a_longer_line():
    Z = cr.Add(cr.Input("X", ("m", 2, 3, 4)), cr.Parameter("b", (2, 1, 1)), name="Z")
    graph = cr.Graph(cr.MSELoss(cr.ReLU(Z, name="A"), cr.Input("Y", ("m", 2, 3, 4)), name="L"))
    verdict = graph.check({"db": "(dA * (Z > 0)).sum(axis=0) / m"})["db"]
    assert verdict.repair == "(dA * (Z > 0)).sum(axis=0).sum(axis=(1, 2), keepdims=True) / m"
    assert "axes 0, 2 and 3" in verdict.diagnosis


def loop_through_time(transposed):
    def gradients(cache, dh3):
        dWh, dh = np.zeros((3, 3)), dh3
        for t in (3, 2, 1):
            dz = dh * (1 - cache[f"h{t}"] ** 2)
            dWh = dWh + dz @ cache[f"h{t - 1}"].T
            dh = cache["Wh"].T @ dz if transposed else cache["Wh"] @ dz
        return {"dWh": dWh}

    return gradients


def test_zeros_that_a_loop_begins_with_are_not_shown():
    verdict = through_time(3).check(loop_through_time(transposed=True))["dWh"]
    assert verdict.ok
    assert verdict.formula.startswith("dh3 * (1 - h3 ** 2) @ h2.T + Wh.T @ ")


def test_where_no_change_mends_a_formula_the_first_line_that_gives_no_gradient_is_named():
    function = loop_through_time(transposed=False)
    verdict = through_time(3).check(function)["dWh"]
    line = function.__code__.co_firstlineno + 5
    assert (verdict.ok, verdict.repair, verdict.line) == (False, "", line)
    assert verdict.diagnosis.endswith(f"; line {line} should give dh2 and dh1: with that all is right")
