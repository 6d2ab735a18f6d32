"""The functions that a formula may call: each bounds what it is going to build before it builds it.

A function takes the ``Work`` of the evaluation first and what the formula gives after it; its signature says what a
formula may give. Sizes are bounded and steps are counted before memory is taken or time is spent, so that no text, by
accident or on purpose, holds up the program that reads it.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from chainrule.judging.reading import activations, arranging, computing, windowed
from chainrule.judging.reading.operands import as_array
from chainrule.judging.reading.work import Function
from chainrule.symbols import elementary

DTYPES: Mapping[str, np.dtype[Any]] = MappingProxyType(
    {
        **{name: np.dtype(name) for name in "float float32 float64 int int8 int16 int32 int64 uint8 bool".split()},
        "float_": np.dtype(float),
        "double": np.dtype(float),
        "single": np.dtype(np.float32),
        "bool_": np.dtype(bool),
        "int_": np.dtype(int),
    }
)
"""The dtypes that a formula may convert to; none is complex, an object, or text."""

# Steps per number: measured in nanoseconds on float64, rounded up.
_NUMPY: dict[str, Function] = {
    **computing.ENTRYWISE,
    **{
        name: computing.reduction(getattr(np, name), 3)
        for name in "max min amax amin any all argmax argmin nansum count_nonzero".split()
    },
    **{name: computing.converted_first(computing.reduction(getattr(np, name), 3)) for name in ("sum", "prod")},
    "mean": computing.converted_first(computing.reduction(np.mean, 8, of_none=False)),
    **{name: computing.spread(getattr(np, name), 8) for name in ("var", "std")},
    **{name: computing.along(getattr(np, name), 3, None) for name in ("cumsum", "cumprod")},
    **{name: computing.along(getattr(np, name), 60, -1) for name in ("sort", "argsort")},
    **{name: arranging.triangle_of(getattr(np, name)) for name in ("tril", "triu")},
    **{
        name: getattr(computing, name)
        for name in ("power where clip average norm trace matmul dot inner vdot tensordot outer einsum").split()
    },
    **{
        name: getattr(arranging, name)
        for name in (
            "transpose swapaxes reshape ravel squeeze expand_dims broadcast_to concatenate stack tile repeat take diag"
            " take_along_axis"
            " array zeros ones full zeros_like ones_like full_like eye arange copy astype append flip rot90 roll"
            " moveaxis atleast_2d pad"
        ).split()
    },
    **dict.fromkeys(("vstack", "row_stack"), arranging.joined_by(np.vstack)),
    **{name: arranging.joined_by(getattr(np, name)) for name in ("hstack", "dstack", "column_stack")},
    **{name: arranging.turned_by(getattr(np, name)) for name in ("fliplr", "flipud")},
    **dict.fromkeys(("asarray", "asanyarray", "ascontiguousarray"), arranging.array),
    **{name: arranging.conversion(dtype) for name, dtype in DTYPES.items() if name not in ("float", "int", "bool")},
    "identity": arranging.eye,
    "size": arranging.size,
    "shape": lambda work, x: as_array(x).shape,
    "ndim": lambda work, x: as_array(x).ndim,
}


def _is_elementary(value: Any) -> bool:
    """Whether it was made by the decorator of that name: a function of the module that wraps another."""
    return hasattr(value, "__wrapped__") and value.__module__ == elementary.__name__


ELEMENTARY: Mapping[str, Function] = MappingProxyType(
    {name: value for name, value in vars(elementary).items() if _is_elementary(value)}
)
"""The elementary functions of the engine, found where they are defined: a printed derivation may use each of them."""

_OWN: dict[str, Function] = {
    **{name: computing.elementary_function(function) for name, function in ELEMENTARY.items()},
    **windowed.FUNCTIONS,
    "put": arranging.put,
    "unbroadcast": computing.undo_broadcast,
    **activations.SPELLINGS,
    "len": arranging.length,
    "float": arranging.as_float,
    "int": arranging.as_int,
    "range": arranging.arange,
}
NUMPY: Mapping[str, Function] = MappingProxyType(_NUMPY)
"""The functions that may stand behind ``np.``."""

FUNCTIONS: Mapping[str, Function] = MappingProxyType({**_NUMPY, **_OWN})
"""Every function that a formula may call by its bare name."""

METHODS: Mapping[str, Function] = MappingProxyType(
    {
        **{
            name: _NUMPY[name]
            for name in (
                "dot sum mean max min prod any all var std argmax argmin astype copy clip squeeze ravel cumsum repeat"
                " take swapaxes trace"
            ).split()
        },
        "flatten": arranging.ravel,
        "reshape": arranging.method_reshape,
        "transpose": arranging.method_transpose,
        "item": arranging.as_float,
    }
)
"""The methods of an array that a formula may call."""

ATTRIBUTES: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "T": lambda x: x.T,
        "mT": lambda x: x.mT,
        "shape": lambda x: x.shape,
        "size": lambda x: x.size,
        "ndim": lambda x: x.ndim,
    }
)
"""The attributes of an array that a formula may read."""

CONSTANTS: Mapping[str, Any] = MappingProxyType(
    {"newaxis": None, "pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan}
)
"""What may stand behind ``np.`` without a call."""


def parameters(function: Function) -> inspect.Signature:
    """What a formula may give to a function: its signature without the work."""
    signature = inspect.signature(function)
    return signature.replace(parameters=list(signature.parameters.values())[1:])
