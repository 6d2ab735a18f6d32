"""Functions of NumPy, and forms of calling them, that build no node: what to write in their place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

_WRITTEN: Final[Mapping[Any, str]] = {
    np.unique: "np.unique(run[x]) after a run",
    np.nan_to_num: "np.where(np.isnan(x), 0.0, x)",
    np.count_nonzero: "np.sum(np.where(mask, 1.0, 0.0))",
    np.hypot: "np.sqrt(np.square(x) + np.square(y))",
    np.piecewise: "np.where(x > 0, a, b)",
    np.select: "np.where(x > 0, a, b)",
    np.choose: "np.where(x > 0, a, b), or np.take(np.stack(choices), ids, axis=0)",
    np.kron: "np.reshape(np.einsum('ij,kl->ikjl', a, b), (-1, columns))",
    np.isclose: "np.abs(a - b) < 1e-8",
    np.allclose: "np.allclose(run[a], run[b]) after a run",
    np.array_equal: "np.array_equal(run[a], run[b]) after a run",
    np.copyto: "np.where(mask, value, x)",
    np.put: "np.where(mask, value, x)",
    np.insert: "np.concatenate([x[:k], values, x[k:]])",
    np.delete: "np.concatenate([x[:k], x[k + 1:]])",
    np.block: "np.concatenate of np.concatenate: rows side by side, then one on the other",
    np.any: "np.max(np.where(mask, 1.0, 0.0)); graph.forward(feeds, check_finite=True) looks for NaN and infinity",
    np.all: "np.min(np.where(mask, 1.0, 0.0)); graph.forward(feeds, check_finite=True) looks for NaN and infinity",
    np.array_repr: "repr(node)",
    np.array_str: "str(graph)",
    np.fmax: "np.maximum(x, y)",
    np.fmin: "np.minimum(x, y)",
    np.fmod: "np.remainder(x, y), which has the sign of y",
    np.trunc: "np.sign(x) * np.floor(np.abs(x))",
    np.fix: "np.sign(x) * np.floor(np.abs(x))",
    np.cbrt: "np.sign(x) * np.abs(x) ** (1 / 3)",
    np.heaviside: "np.where(x > 0, 1.0, 0.0)",
    np.copysign: "np.abs(x) * np.sign(y)",
    np.logaddexp2: "np.logaddexp(x * np.log(2), y * np.log(2)) / np.log(2)",
    np.arctan2: "np.arctan(y / x) where x > 0",
    np.nansum: "np.sum(np.where(np.isnan(x), 0.0, x))",
    np.nanmean: "np.sum(np.where(np.isnan(x), 0.0, x)) / np.sum(np.where(np.isnan(x), 0.0, 1.0))",
    np.nanmax: "np.max(np.where(np.isnan(x), -np.inf, x))",
    np.nanmin: "np.min(np.where(np.isnan(x), np.inf, x))",
    np.median: "np.sort(x)[..., k] for the place k in the middle, or np.mean of two",
    np.partition: "np.sort(x), or TopK(x, k=k)",
    np.nonzero: "np.where(mask, a, b) chooses entry by entry",
    np.extract: "np.where(mask, x, 0.0), or x[places]",
    np.compress: "np.where(mask, x, 0.0), or x[places]",
    np.bincount: "np.sum(ids[:, None] == np.arange(count), axis=0)",
    np.cross: "np.concatenate of the three differences of products",
    np.rot90: "np.flip(np.transpose(x), axis=0)",
    np.diagflat: "np.diag(np.ravel(x))",
    np.rollaxis: "np.moveaxis(x, source, destination)",
    np.empty_like: "np.zeros_like(x)",
    np.broadcast_arrays: "np.broadcast_to(x, shape) for each of them",
    np.polyval: "a sum of coefficients times powers of x",
    np.trapezoid: "np.sum((y[1:] + y[:-1]) / 2 * np.diff(x))",
    np.convolve: "Conv2d(x, kernel), whose kernel is not turned",
    np.correlate: "Conv2d(x, kernel)",
    np.cov: "centered @ centered.T / (m - 1) with centered = x - np.mean(x, axis=1, keepdims=True)",
    np.linalg.matrix_power: "x @ x, as often as is asked",
    np.linalg.vector_norm: "np.linalg.norm(x, axis=...)",
    np.linalg.matrix_norm: "np.linalg.norm(x, axis=(-2, -1))",
    np.result_type: "x.dtype",
    np.apply_along_axis: "the function itself with axis=..., as np.sum has it",
}
_OF_SCIPY: Final[Mapping[str, str]] = {
    "expit": "cr.Sigmoid(x)",
    "log_expit": "-cr.Softplus(-x)",
    "erf": "cr.Erf(x)",
    "ndtr": "cr.NormalCDF(x)",
    "logit": "np.log(p / (1 - p))",
    "xlogy": "x * np.log(y)",
    "matvec": "x @ v, or np.einsum('...ij,...j->...i', x, v)",
    "vecmat": "v @ x, or np.einsum('...i,...ij->...j', v, x)",
}
"""By name: functions of scipy.special, which NumPy hands over as it does its own, and those of later releases."""


def instead_of(function: Any) -> str:
    """What to write in the place of a function that no node computes; "" where nothing does the same.

    >>> instead_of(np.fmax), instead_of(np.linalg.inv)
    ('np.maximum(x, y)', '')
    """
    return _WRITTEN.get(function, _OF_SCIPY.get(getattr(function, "__name__", ""), ""))


_FORMS: Final[Mapping[Any, str]] = {
    (np.add, "accumulate"): "np.cumsum(x, axis=0)",
    (np.multiply, "accumulate"): "np.cumprod(x, axis=0)",
    (np.multiply, "outer"): "np.outer(x, y)",
    (np.add, "at"): "ScatterAdd(x, indices, values, axis=0)",
}


def instead_of_form(ufunc: np.ufunc, method: str) -> str:
    """What to write in the place of a ufunc's methods and options.

    >>> instead_of_form(np.add, "accumulate"), instead_of_form(np.exp, "__call__")
    ('np.cumsum(x, axis=0)', 'np.exp(x) alone, and np.where for a choice')
    """
    operands = ", ".join("xyz"[: ufunc.nin])
    alone = f"np.{ufunc.__name__}({operands}) alone"
    if method == "outer":
        return f"np.{ufunc.__name__}(x[:, None], y) broadcasts" if ufunc is not np.multiply else _FORMS[ufunc, method]
    return _FORMS.get((ufunc, method), f"{alone}, and np.where for a choice")


_ARGUMENTS: Final = {
    "where": "np.where(mask, x, 0.0) before it leaves out what a mask does not hold",
    "dtype": "x.astype(dtype) before it, or .astype(dtype) behind it",
    "order": "no order: entries follow each other row by row; np.transpose turns them",
    "initial": "no initial; np.maximum(result, value) or result + value behind it",
    "casting": "x.astype(dtype) before it",
    "out": "no out=: a node has no memory",
    "subok": "nothing in its place: all values are plain arrays",
}


def without_argument(function: Any, said: str) -> str:
    """What to write in the place of an argument that a function of nodes does not have, from what was said of it."""
    if function is np.where:
        return "np.where(mask, a, b): what asks where a mask holds asks for numbers"
    found = [remedy for name, remedy in _ARGUMENTS.items() if f"argument '{name}'" in said]
    return found[0] if found else "the arguments that the node class has, too"
