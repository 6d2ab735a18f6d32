"""How far the entries of a value are from the kinks of the rules that read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.core.node import Node
from chainrule.nodes.arithmetic import Maximum, Minimum
from chainrule.nodes.elementwise import Abs, Clip, LeakyReLU, ReLU
from chainrule.nodes.losses import HingeLoss
from chainrule.nodes.reductions import Max

Array = npt.NDArray[Any]


def _gap(node: Max, x: Array) -> Array:
    """How far the largest entry is ahead of the second."""
    axes = tuple(range(x.ndim)) if node.axis is None else node.axis if isinstance(node.axis, tuple) else (node.axis,)
    kept = [k for k in range(x.ndim) if k not in {axis % x.ndim for axis in axes}]
    ranked = np.sort(np.moveaxis(x, kept, range(len(kept))).reshape(*(x.shape[k] for k in kept), -1), axis=-1)
    return ranked[..., -1] - ranked[..., -2] if ranked.shape[-1] > 1 else np.ones(())


_KINKS: dict[type[Node], Callable[..., Array]] = {
    ReLU: lambda node, x: x,
    LeakyReLU: lambda node, x: x,
    Abs: lambda node, x: x,
    Maximum: lambda node, x, y: x - y,
    Minimum: lambda node, x, y: x - y,
    Clip: lambda node, x: np.minimum(np.abs(x - node.low), np.abs(x - node.high)),
    HingeLoss: lambda node, scores, labels: 1 - labels * scores,
    Max: _gap,
}
"""How far from its kink every entry is, for the rules that have one."""


def distances(node: Node, inputs: Sequence[Array]) -> Array | None:
    """How far from the kink of a rule every entry is, None where the rule has none."""
    distance = _KINKS.get(type(node))
    return None if distance is None or not inputs[0].size else distance(node, *inputs)
