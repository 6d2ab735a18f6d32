"""The judge against hundreds of wrong formulas, all of which it must flag, and right ones, none of which it may."""

import mistakes
import more_mistakes
import numpy as np
import pytest

NETS = {net.name: net for net in mistakes.all_nets()}
OF_TODAY = {net.name: net for net in more_mistakes.more_nets()}
EVERY = 14  # of the single mistakes that many-th is judged here; all of them in tests/benchmarks/judge_mistakes.py


@pytest.mark.parametrize("name", NETS)
def test_the_formulas_that_mistakes_are_made_in_are_right(name):
    net = NETS[name]
    m, step = 5, 1e-5
    values = mistakes.right_values(net, seed=3, m=m)
    per_example = "per-example" in name
    leaves = {net.graph.name(node) for node in (*net.graph.inputs, *net.graph.parameters)}
    for leaf in leaves & {gradient[1:] for gradient in net.formulas}:
        slope = np.empty_like(values[leaf])
        for index in np.ndindex(slope.shape):
            losses = []
            for sign in (1, -1):
                moved = values[leaf].copy()
                moved[index] += sign * step
                losses.append(loss_after(net, {**values, leaf: moved}))
            slope[index] = (losses[0] - losses[1]) / (2 * step)
        expected = values[f"d{leaf}"] * (1 / m if per_example and leaf[0] not in "WB" else 1)
        # central differences with h = 1e-5 are good to about 1e-9 of the largest gradient here
        assert np.abs(slope - expected).max() <= 1e-7 * np.abs(expected).max(), leaf


def loss_after(net, values):
    """The loss of the graph's own forward pass: values, and no gradient of the engine."""
    leaves = [net.graph.name(node) for node in (*net.graph.inputs, *net.graph.parameters)]
    return float(net.graph.forward({name: values[name] for name in leaves})["L"])


def judged(net, name, text):
    return net.graph.check({**net.formulas, name: text})


@pytest.mark.parametrize("name", NETS)
def test_single_mistakes_are_flagged_and_repaired(name):
    net = NETS[name]
    found = mistakes.single_mistakes(net)[::EVERY]
    draws = [mistakes.right_values(net, seed=40 + m, m=m) for m in (4, 9)]
    unflagged, unrepaired, badly = [], [], []
    for mistake in found:
        verdict = judged(net, mistake.name, mistake.text)[mistake.name]
        if verdict.own or verdict.ok or verdict.verdict != "wrong":
            unflagged.append(mistake)
        elif not verdict.repair:
            unrepaired.append(mistake)
        elif mistakes.is_wrong(mistake.name, verdict.repair, draws):
            badly.append((mistake, verdict.repair))
    assert len(found) >= 10
    assert unflagged == []
    assert badly == []
    assert len(unrepaired) <= 0.05 * len(found), unrepaired


def test_there_are_several_hundred_mistakes_of_many_kinds():
    found = [mistake for net in NETS.values() for mistake in mistakes.single_mistakes(net)]
    assert len(found) >= 1500
    assert len({mistake.kind for mistake in found}) >= 25


@pytest.mark.parametrize("name", NETS)
def test_two_mistakes_at_once_are_flagged(name):
    net = NETS[name]
    for mistake in mistakes.double_mistakes(net, step=211, limit=6):
        verdict = judged(net, mistake.name, mistake.text)[mistake.name]
        assert not verdict.own, mistake


@pytest.mark.parametrize("name", OF_TODAY)
def test_single_mistakes_in_networks_of_today_are_flagged_and_repaired(name):
    net = OF_TODAY[name]
    assert net.graph.check(net.formulas).ok
    found = mistakes.single_mistakes(net)[::EVERY]
    draws = [mistakes.right_values(net, seed=40 + m, m=m) for m in (4, 9)]
    unrepaired = []
    for mistake in found:
        verdict = judged(net, mistake.name, mistake.text)[mistake.name]
        assert verdict.verdict == "wrong", mistake
        if not verdict.repair:
            unrepaired.append(mistake)
        else:
            assert not mistakes.is_wrong(mistake.name, verdict.repair, draws), (mistake, verdict.repair)
    assert len(found) >= 6
    assert len(unrepaired) <= 0.15 * len(found), unrepaired


@pytest.mark.parametrize("name", OF_TODAY)
def test_the_slips_of_networks_of_today_are_named(name):
    net = OF_TODAY[name]
    kinds = {
        "path forgotten": "contribution missing",
        "slope taken of A": "function",
        "matrix factor forgotten": "matrix factor missing",
        "n - 1": "n for n - 1",
        "epsilon": "epsilon extra",
    }
    for slip in more_mistakes.slips(net):
        verdict = judged(net, slip.name, slip.text)[slip.name]
        assert not verdict.own, slip
        assert verdict.repairs == (kinds.get(slip.kind, slip.kind),), (slip, verdict)


@pytest.mark.parametrize("name", OF_TODAY)
def test_every_forgotten_contribution_is_told_to_be_missing(name):
    net = OF_TODAY[name]
    for line, text, missing in more_mistakes.forgotten(net):
        verdict = judged(net, line, text)[line]
        assert "missing" in verdict.diagnosis, (line, text, verdict.diagnosis)
        assert len(missing) == 1 or "send" in verdict.diagnosis


@pytest.mark.parametrize("name", [*NETS, *OF_TODAY])
def test_a_part_that_is_written_otherwise_is_not_flagged(name):
    net = (NETS | OF_TODAY)[name]
    flagged = [(n, text) for n, text in more_mistakes.everywhere(net)[::11] if not net.graph.check({n: text}).ok]
    assert flagged == []


def test_parts_are_written_otherwise_in_thousands_of_ways():
    assert sum(len(more_mistakes.everywhere(net)) for net in [*NETS.values(), *OF_TODAY.values()]) >= 2000


@pytest.mark.parametrize("name", NETS)
def test_no_rewrite_is_flagged(name):
    net = NETS[name]
    flagged = [(n, text) for n, text in mistakes.rewrites(net) if not judged(net, n, text).ok]
    assert flagged == []


def test_there_are_enough_rewrites_to_raise_a_false_alarm():
    assert sum(len(mistakes.rewrites(net)) for net in NETS.values()) >= 500


def test_rewrites_are_right_when_the_convention_is_named():
    for convention in ("mean", "per-example"):
        net = NETS[f"2-3-3-1, {convention}"]
        for name, text in mistakes.rewrites(net)[::7]:
            assert net.graph.check({name: text}, convention=convention).ok, text


# --- callables, loops included -------------------------------------------------------------------------------------


def weights_by_loops(dZ2, A1):
    result = np.zeros((dZ2.shape[0], A1.shape[0]))
    for i in range(dZ2.shape[0]):
        for j in range(A1.shape[0]):
            for column in range(dZ2.shape[1]):
                result[i, j] += dZ2[i, column] * A1[j, column]
    return result / dZ2.shape[1]


def columns_by_loops(dZ3, W3):
    return np.column_stack([W3[0] * dZ3[0, column] for column in range(dZ3.shape[1])])


RIGHT_CALLABLES = [
    ("dW2", weights_by_loops),
    ("dA2", columns_by_loops),
    ("dZ3", lambda A3, Y: A3 - Y),
    ("dZ3", lambda v: v["A3"] - v["Y"]),
    ("dB1", lambda dZ1, m: sum(dZ1[:, k : k + 1] for k in range(m)) / m),
    ("dB2", lambda dZ2: np.mean(dZ2, axis=1, keepdims=True)),
    ("dZ1", lambda dA1, Z1, *, scale=1.0: scale * dA1 * np.exp(-Z1) / (1 + np.exp(-Z1)) ** 2),
    ("dW1", lambda dZ1, A0, m: np.tensordot(dZ1, A0, axes=(1, 1)) / m),
]


@pytest.mark.parametrize(("name", "function"), RIGHT_CALLABLES)
def test_right_callables_are_right(name, function):
    net = NETS["2-3-3-1, per-example"]
    assert net.graph.check({**net.formulas, name: function}).ok


@pytest.mark.parametrize(
    ("name", "function", "repair"),
    [
        ("dW2", lambda dZ2, A1: dZ2 @ A1.T, "result / m"),
        ("dW2", lambda dZ2, A1, m: A1 @ dZ2.T / m, "result.T"),
        ("dZ2", lambda v: v["dA2"] * v["A2"], "result * (1 - A2)"),
        ("dZ3", lambda A3, Y: Y - A3, "-result"),
    ],
)
def test_wrong_callables_are_told_what_their_result_needs(name, function, repair):
    net = NETS["2-3-3-1, per-example"]
    verdict = net.graph.check({**net.formulas, name: function})[name]
    assert (verdict.own, verdict.repair) == (False, repair)


def test_a_square_matrix_hides_no_transpose():
    # In 2-3-3-1 W2 is 3×3: a transpose too many keeps every shape, and must be seen in the values.
    net = NETS["2-3-3-1, per-example"]
    for name, text in (("dA1", "W2 @ dZ2"), ("dW2", "A1 @ dZ2.T / m"), ("dW2", "(dZ2 @ A1.T).T / m")):
        assert judged(net, name, text)[name].verdict == "wrong"
