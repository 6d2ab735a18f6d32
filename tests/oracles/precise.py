"""References in as many digits as it takes, computed by mpmath: the judge of what the engine computes in 16 or 7.

mpmath is judged too: everything is computed again with twice the digits until two results in a row agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import mpmath
import numpy as np
from numpy.typing import NDArray

Exact: TypeAlias = NDArray[np.object_]  # arrays of mpmath.mpf: NumPy's own +, * and @ work on them entry by entry
Results: TypeAlias = dict[str, Exact]

AGREE = mpmath.mpf(10) ** -40  # far below float64's 1e-16, so that no error of the judge is ever seen
NOTHING = mpmath.mpf(10) ** -390  # no float is as small, so it does not matter what it is
PLENTY = 800  # digits; from 1e308 to NOTHING there are 700, so a difference of floats that is still 0 is 0


def exactly(array: Any) -> Exact:
    """The same numbers as mpmath numbers; every float is one without rounding."""
    return np.asarray(np.vectorize(mpmath.mpf, otypes=[object])(np.asarray(array, dtype=np.float64)))


def elementwise(function: Callable[..., Any]) -> Callable[..., Exact]:
    """An mpmath function of scalars as a function of arrays."""
    return np.vectorize(function, otypes=[object])


def evaluate(function: Callable[..., Exact], *arrays: Any, digits: int = 60) -> Exact:
    """A function of arrays, to forty digits or more, at ordinary floating-point numbers."""
    operands = [exactly(array) for array in arrays]
    return agreed(lambda: {"value": function(*operands)}, digits)["value"]


def evaluate_each(function: Callable[..., Exact], *arrays: Any, digits: int = 60) -> Exact:
    """`evaluate` for every column by itself: each gets the digits that it needs, and no more."""
    columns = ([array[..., k : k + 1] for array in arrays] for k in range(np.shape(arrays[0])[-1]))
    return np.concatenate([evaluate(function, *column, digits=digits) for column in columns], axis=-1)


def agreed(compute: Callable[[], Results], digits: int = 60) -> Results:
    """What `compute` returns at a precision where doubling the digits no longer changes the first forty.

    A result of exactly 0 may be a difference whose digits all cancelled, at both precisions: it counts only at PLENTY.
    Raises ArithmeticError if not even those are enough.
    """
    coarse, fine = at(digits, compute), at(2 * digits, compute)
    while not agree(coarse, fine) or (digits < PLENTY and any(np.any(array == 0) for array in fine.values())):
        digits *= 2
        if digits > 2 * PLENTY:
            raise ArithmeticError("the reference does not settle: it asks for a difference of nearly equal numbers")
        coarse, fine = fine, at(2 * digits, compute)
    return fine


def at(digits: int, compute: Callable[[], Results]) -> Results:
    with mpmath.workdps(digits):
        return compute()


def agree(coarse: Results, fine: Results) -> bool:
    return all(bool(np.all(abs(coarse[key] - fine[key]) <= AGREE * abs(fine[key]) + NOTHING)) for key in fine)


def ulps(measured: NDArray[np.floating], exact: Exact) -> NDArray[np.float64]:
    """How far each number is from the truth, in units of the last place of its own data type at the truth.

    Below the smallest normal number the unit is the smallest subnormal number, as `numpy.spacing` has it.
    """
    return ulps_of(measured, exact, exact)


def ulps_of(measured: NDArray[np.floating], exact: Exact, size: Exact) -> NDArray[np.float64]:
    """As `ulps`, in units of the last place of `size`: that of the terms, say, where two of them cancel."""
    with np.errstate(over="ignore"):  # NumPy finds the spacing of the largest number by looking for a larger one
        unit = np.spacing(np.abs(size.astype(np.float64)).astype(measured.dtype))
    with mpmath.workdps(60):
        return np.asarray(np.abs(exactly(measured) - exact) / exactly(unit)).astype(np.float64)


# Scalars, each by its definition: no case distinction and no rearrangement, because digits are not scarce here.


def sigmoid(z: Any) -> Any:
    return 1 / (1 + mpmath.exp(-z))


def sigmoid_slope(z: Any) -> Any:
    return sigmoid(z) * sigmoid(-z)


def softplus(z: Any) -> Any:
    return mpmath.log1p(mpmath.exp(z))


def tanh_slope(z: Any) -> Any:
    return 1 / mpmath.cosh(z) ** 2


def sigmoid_bce(z: Any, t: Any) -> Any:
    return t * softplus(-z) + (1 - t) * softplus(z)


def sigmoid_bce_slope(z: Any, t: Any) -> Any:
    return (1 - t) * sigmoid(z) - t * sigmoid(-z)


def bce(a: Any, t: Any) -> Any:
    """Of a probability; 0 log 0 is 0, as the limit has it."""
    return sum((-label * mpmath.log(share) for label, share in ((t, a), (1 - t, 1 - a)) if label), mpmath.mpf(0))


def bce_slope(a: Any, t: Any) -> Any:
    return (1 - t) / (1 - a) - t / a


def gelu(z: Any) -> Any:
    return z * mpmath.ncdf(z)


def gelu_slope(z: Any) -> Any:
    return mpmath.ncdf(z) + z * mpmath.npdf(z)


def softmax(z: Exact) -> Exact:
    """Along the first axis."""
    e = elementwise(mpmath.exp)(z)
    return np.asarray(e / e.sum(axis=0))


def logsumexp(z: Exact) -> Exact:
    """Along the first axis."""
    return elementwise(mpmath.log)(elementwise(mpmath.exp)(z).sum(axis=0))


def log_softmax(z: Exact) -> Exact:
    """Along the first axis."""
    return np.asarray(z - logsumexp(z))


def cross_entropy(z: Exact, labels: Exact) -> Exact:
    """Of softmax(z), for every column."""
    return np.asarray(-(labels * log_softmax(z)).sum(axis=0, keepdims=True))


def cross_entropy_slope(z: Exact, labels: Exact) -> Exact:
    return np.asarray(softmax(z) * labels.sum(axis=0) - labels)


# The 2-3-3-1 network, forward and by hand backward.


def loss(params: Mapping[str, Exact], x: Exact, y: Exact) -> Any:
    """The mean over the columns of the cross entropy of labels `y` (1, m) and the network's sigmoid output."""
    z, _ = activations(params, x)
    return (elementwise(sigmoid_bce)(z[3], y)).sum() / x.shape[1]


def activations(params: Mapping[str, Exact], x: Exact) -> tuple[dict[int, Exact], dict[int, Exact]]:
    z: dict[int, Exact] = {}
    a = {0: x}
    for layer in (1, 2, 3):
        z[layer] = params[f"W{layer}"] @ a[layer - 1] + params[f"B{layer}"]
        a[layer] = elementwise(sigmoid)(z[layer])
    return z, a


def gradients(params: Mapping[str, Exact], x: Exact, y: Exact) -> Results:
    """The gradient of `loss` with respect to Z3, W3, B3, A2 … Z1, W1, B1, at mpmath's present precision."""
    z, a = activations(params, x)
    grads: Results = {"Z3": (a[3] - y) / x.shape[1]}
    for layer in (3, 2, 1):
        dz = grads[f"Z{layer}"]
        grads[f"W{layer}"] = dz @ a[layer - 1].T
        grads[f"B{layer}"] = dz.sum(axis=1, keepdims=True)
        if layer > 1:
            grads[f"A{layer - 1}"] = params[f"W{layer}"].T @ dz
            grads[f"Z{layer - 1}"] = grads[f"A{layer - 1}"] * elementwise(sigmoid_slope)(z[layer - 1])
    return grads


def network(params: Mapping[str, Any], x: Any, y: Any) -> Results:
    """Loss (under "L") and gradients of the network at ordinary floating-point numbers, to forty digits or more."""
    exact = {name: exactly(value) for name, value in params.items()}
    inputs, labels = exactly(x), exactly(y)

    def compute() -> Results:
        return {"L": np.array(loss(exact, inputs, labels), dtype=object), **gradients(exact, inputs, labels)}

    return agreed(compute)
