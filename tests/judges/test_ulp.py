"""mpmath as judge: how many units in the last place values and slopes are away from the truth, over all floats."""

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import mpmath
import numpy as np
import precise
import pytest
from backends import BACKENDS, compiled

import chainrule as cr

JUDGE = "mpmath (ULP)"

# float64: what the project promises. float32: NumPy documents 2.5 ULP for its exponential and 3.9 for its logarithm in
# single precision, and every function here takes one of them or both.
BOUNDS = {np.float64: 4, np.float32: 5}
DTYPES = list(BOUNDS)

# --- numbers over the whole range ------------------------------------------------------------------------------------


def numbers(dtype, count=150):
    """Every kind of float: all magnitudes down to subnormals, all places where one of the forms changes."""
    info, rng = np.finfo(dtype), np.random.default_rng(1)
    end = -np.log(float(info.smallest_subnormal))  # exp underflows beyond it: 744.4, and 103.3 in single precision
    small = [info.smallest_subnormal, 7 * info.smallest_subnormal, info.tiny / 2, np.nextafter(info.tiny, 0), info.tiny]
    places = [*small, 0, 1, np.log(2), end / 20, end / 2, end, np.log(info.max), 1e3, info.max / 2, info.max]
    near = [np.nextafter(x, to, dtype=dtype) for x in np.array(places[5:], dtype) for to in np.array([0, 1e30], dtype)]
    spans = [(0.69, 0.70), (0, 2), (0, 20), (15, 18), (36, 40), (0, end), (0.93 * end, 1.01 * end)]
    drawn = np.concatenate([rng.uniform(*span, count) for span in spans])
    scales = np.geomspace(info.tiny, float(info.max) / 2, count)
    positive = np.concatenate([np.array([*places, *near], dtype), drawn.astype(dtype), scales.astype(dtype)])
    return np.concatenate([positive, -positive, any_bits(dtype, count, rng)])


def any_bits(dtype, count, rng):
    """Floats whose bits are drawn, so that each exponent is as likely as any other; the finite ones."""
    whole = {np.float64: np.uint64, np.float32: np.uint32}[dtype]
    drawn = rng.integers(np.iinfo(whole).max, size=count, dtype=whole).view(dtype)
    return drawn[np.isfinite(drawn)]


def probabilities(dtype, count=200):
    """Numbers from 0 to 1: next to either end and in between."""
    info, rng = np.finfo(dtype), np.random.default_rng(2)
    low = np.geomspace(info.tiny, 0.5, count).astype(dtype)  # below them 1 / a, the slope, is no float
    gaps = np.geomspace(info.epsneg, 0.5, count).astype(dtype)
    return np.concatenate([low, (1 - gaps).astype(dtype), rng.random(count).astype(dtype), np.array([0.5], dtype)])


def hard(x, dtype):
    """Labels 0 and 1."""
    return np.random.default_rng(3).integers(2, size=x.shape).astype(dtype)


def soft(x, dtype):
    """Labels between 0 and 1, some of them next to either end."""
    return np.random.default_rng(4).permutation(np.resize(probabilities(dtype), x.size)).reshape(x.shape)


def hard_scores(dtype):
    z = numbers(dtype)[None]
    return z, hard(z, dtype)


def soft_scores(dtype):
    z = numbers(dtype)[None]
    return z, soft(z, dtype)


def hard_probabilities(dtype):
    a = probabilities(dtype)[None]
    return a, hard(a, dtype)


def soft_probabilities(dtype):
    a = probabilities(dtype)[None]
    return a, soft(a, dtype)


def columns(dtype, count=50, limit=1.0):
    """Columns of three: of one size and of all sizes, with ties, and with gaps where a share rounds to 0 or 1."""
    info, rng = np.finfo(dtype), np.random.default_rng(5)
    end = -np.log(float(info.smallest_subnormal))
    gaps = [rng.uniform(*span, (3, count)) for span in ((0, 2), (0, 20), (0, 80), (0, end), (0.9 * end, end))]
    gaps[-1][0] = 0
    shifted = [gap + rng.normal(size=count) for gap in gaps]
    scaled = rng.normal(size=(3, count)) * np.geomspace(info.tiny, float(info.max) / 50, count)
    ties = rng.normal(size=(1, count)) * np.array([[1], [1], [2]])
    near_zero = np.stack([10.0 ** -rng.uniform(1, 15, count), -rng.uniform(0, 50, count), -rng.uniform(20, 60, count)])
    drawn = any_bits(dtype, 3 * count, rng)
    drawn = drawn[np.abs(drawn) <= limit * info.max]
    parts = [
        *gaps,
        *(-gap for gap in gaps),
        *shifted,
        scaled,
        ties,
        near_zero,
        drawn[: len(drawn) // 3 * 3].reshape(3, -1),
    ]
    return rng.permuted(np.concatenate([part.astype(dtype) for part in parts], axis=1), axis=0)


def classes(dtype):
    # at most half the largest number, so that no difference of two overflows: the loss itself would not be a float
    return columns(dtype, limit=0.5)


def one_hot(dtype):
    z = classes(dtype)
    return z, np.eye(3, dtype=dtype)[:, np.random.default_rng(6).integers(3, size=z.shape[1])]


def mixed(dtype):
    z = classes(dtype)
    labels = np.random.default_rng(7).dirichlet((1, 1, 1), z.shape[1]).T
    return z, labels.astype(dtype)


# --- what is judged --------------------------------------------------------------------------------------------------


class Judged(NamedTuple):
    """A node of x, its value and its slope by definition, and the numbers to try.

    ``terms`` gives, for "value" or "slope", the sum of the sizes of the terms where the definition is a difference.
    Where it is nearly 0, one rounding of an operand is all that is left, and no form of it can be exact in units of
    itself: it is judged in units of its terms. ``digits`` are what the value takes at the least: log(1 - x) for the
    smallest x takes 364, and with fewer x would be lost unnoticed.
    """

    build: Callable[..., cr.Node]
    points: Callable[[Any], tuple[Any, ...]]
    value: Callable[..., Any]
    slope: Callable[..., Any]
    terms: Mapping[str, Callable[..., Any]] = MappingProxyType({})
    digits: int = 60


ALL_DIGITS = 400
E = precise.elementwise


def of_one(kind, value, slope):
    return Judged(lambda x: kind(x), lambda dtype: (numbers(dtype),), E(value), E(slope))


def of_labels(kind, points, definition, terms=None, digits=60):
    slope = {"slope": terms} if terms else {}
    return Judged(lambda x, y: kind(x, y, reduction="none"), points, *definition, slope, digits)


def sigmoid_then_bce(z, y, reduction):
    return cr.BCELoss(cr.Sigmoid(z), y, reduction=reduction)


def softmax_then_cross_entropy(z, y, reduction):
    return cr.CrossEntropyLoss(cr.Softmax(z, axis=0), y, reduction=reduction)


def terms_of_logsumexp(z):
    """|max| + log Σ exp(z - max)."""
    largest = z.max(axis=0)
    return abs(largest) + precise.logsumexp(z - largest)


LOGSUMEXP = Judged(
    lambda x: cr.LogSumExp(x, axis=0),
    lambda dtype: (columns(dtype),),
    precise.logsumexp,
    precise.softmax,
    {"value": terms_of_logsumexp},
    ALL_DIGITS,
)
LOG_SOFTMAX = Judged(  # the slope of the sum of the three
    lambda x: cr.LogSoftmax(x, axis=0),
    lambda dtype: (classes(dtype),),
    precise.log_softmax,
    lambda z: 1 - 3 * precise.softmax(z),
    {"slope": lambda z: 1 + 3 * precise.softmax(z)},
    ALL_DIGITS,
)
BCE = E(precise.bce), E(precise.bce_slope)
SIGMOID_BCE = E(precise.sigmoid_bce), E(precise.sigmoid_bce_slope)
CROSS_ENTROPY = precise.cross_entropy, precise.cross_entropy_slope
BCE_TERMS = E(lambda a, t: (1 - t) / (1 - a) + t / a)
SIGMOID_BCE_TERMS = E(lambda z, t: (1 - t) * precise.sigmoid(z) + t * precise.sigmoid(-z))


def cross_entropy_terms(z, labels):
    return precise.softmax(z) * labels.sum(axis=0) + labels


FUNCTIONS = {
    "sigmoid": of_one(cr.Sigmoid, precise.sigmoid, precise.sigmoid_slope),
    "softplus": of_one(cr.Softplus, precise.softplus, precise.sigmoid),
    "tanh": of_one(cr.Tanh, mpmath.tanh, precise.tanh_slope),
    "logsumexp": LOGSUMEXP,
    "log softmax": LOG_SOFTMAX,
    "BCE": of_labels(cr.BCELoss, hard_probabilities, BCE, None, ALL_DIGITS),
    "BCE, soft labels": of_labels(cr.BCELoss, soft_probabilities, BCE, BCE_TERMS, ALL_DIGITS),
    "sigmoid and BCE": of_labels(cr.SigmoidBCELoss, hard_scores, SIGMOID_BCE),
    "sigmoid and BCE, soft labels": of_labels(cr.SigmoidBCELoss, soft_scores, SIGMOID_BCE, SIGMOID_BCE_TERMS),
    "sigmoid and BCE, fused": of_labels(sigmoid_then_bce, hard_scores, SIGMOID_BCE),
    "softmax and CE": of_labels(cr.SoftmaxCrossEntropyLoss, one_hot, CROSS_ENTROPY, None, ALL_DIGITS),
    "softmax and CE, soft labels": of_labels(
        cr.SoftmaxCrossEntropyLoss, mixed, CROSS_ENTROPY, cross_entropy_terms, ALL_DIGITS
    ),
    "softmax and CE, fused": of_labels(softmax_then_cross_entropy, one_hot, CROSS_ENTROPY, None, ALL_DIGITS),
}


@functools.cache  # Run and plans, and what is fused and what is not, are judged by the same numbers
def truth(definition, points, dtype, digits):
    return precise.evaluate_each(definition, *points(dtype), digits=digits)


# --- what is measured ------------------------------------------------------------------------------------------------


def by_run(node, feeds):
    graph = cr.Graph(node).fuse()
    run = graph.forward(feeds)
    value = run[graph.outputs[0]]
    return {"value": value, "slope": run.backward(seed=np.ones_like(value))["x"]}


def by_plan(node, feeds, backend):
    """The gradient of Σ w y with respect to w is y: so a plan, which returns a number, shows every entry."""
    graph = cr.Graph(cr.Sum(node * cr.Parameter("w", node.shape), name="L"))
    plan = compiled(graph, ["w", "x"], backend)
    ones = np.ones(cr.Graph(node).forward(feeds)[node].shape, feeds["x"].dtype)
    _, gradients = plan({**feeds, "w": ones / 2**20})
    assert backend == "numpy" or "one compiled loop" in plan.explain()
    with np.errstate(over="ignore"):  # of the sum, which nobody asked for
        _, slopes = plan({**feeds, "w": ones})
    return {"value": gradients["w"], "slope": slopes["x"]}


COMPUTED_BY = {"Run": by_run} | {f"plan, {name}": functools.partial(by_plan, backend=name) for name in BACKENDS}


@pytest.fixture(autouse=True)
def raising():
    """Nothing overflows on the way; underflow is the right answer where exp(-1000) is asked for."""
    with np.errstate(all="raise", under="ignore"):
        yield


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_entry_is_right_to_the_last_places(name, dtype, record_property):
    """By all that compute it in one test: the exact numbers take longest, and each process would find its own."""
    judged = FUNCTIONS[name]
    points = judged.points(dtype)
    feeds = dict(zip(("x", "y"), points, strict=False))
    node = judged.build(*(cr.Input(leaf, (*array.shape[:-1], "m")) for leaf, array in feeds.items()))
    rows, cases = [], 0
    for computed, compute in COMPUTED_BY.items():
        where = {"function": name, "dtype": dtype.__name__, "by": computed}
        for part, array in compute(node, feeds).items():
            assert array.dtype == dtype
            rows.append(where | {"of": part} | judge(judged, part, array, points, held(name, part, computed)))
            cases += array.size
    record_property("ulp", rows)
    record_property("cases", cases)
    assert [row for row in rows if not row["ulp"] <= BOUNDS[dtype]] == []


def judge(judged, part, measured, points, is_held):
    """The largest error in ULP, and where: what was fed in that column."""
    dtype, digits = measured.dtype.type, judged.digits if part == "value" else 60
    definition = getattr(judged, part)
    exact = truth(definition, judged.points, dtype, digits)
    size = truth(judged.terms.get(part, definition), judged.points, dtype, digits)
    errors = precise.ulps_of(measured, exact, size)
    if is_held:
        errors = np.where(np.abs(exact) < float(np.finfo(dtype).tiny), below(measured, exact), errors)
    place = np.unravel_index(errors.argmax(), errors.shape)
    at = [array[..., place[-1]].tolist() for array in points]
    return {"ulp": round(float(errors[place]), 2), "at": at, "unit of": "terms" if part in judged.terms else "result"}


def held(name, part, computed):
    """Whether σ(-z) in it is held at the smallest normal number, as plans do.

    From G = exp(min(z, 708.3965)), which does not overflow, a plan has σ(z), σ(-z) and the slope for one exponential.
    Beyond that z, σ(-z) is a subnormal number, and stays at the first of them. To get the last numbers too takes a
    choice between two forms for every entry, and half as much time again for the whole network.
    """
    return computed != "Run" and part == "slope" and name.startswith("sigmoid")


def below(measured, exact):
    """0 where a number is as good as the smallest normal number allows, else infinity."""
    tiny = float(np.finfo(measured.dtype).tiny)
    return np.where(np.abs(precise.exactly(measured) - exact) <= tiny, 0, np.inf)
