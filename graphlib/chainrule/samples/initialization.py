"""Starting values for parameters: Glorot before sigmoid and tanh, He before ReLU, zeros elsewhere."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from chainrule.core.accepting import floating, generator
from chainrule.core.leaves import Parameter, as_start
from chainrule.core.node import Node
from chainrule.errors import ArgumentError
from chainrule.nodes.arithmetic import Add, Subtract
from chainrule.nodes.elementwise import GELU, LeakyReLU, ReLU, Softplus
from chainrule.nodes.linear import MatMul, Transpose
from chainrule.nodes.normalizing import BatchNorm, Normalization
from chainrule.nodes.rearranging import Gather
from chainrule.symbols.dimensions import Dimension

if TYPE_CHECKING:
    from chainrule.core.graph import BaseGraph

Array = npt.NDArray[Any]
_RECTIFIERS = (ReLU, LeakyReLU, GELU, Softplus)


def initial_values(graph: BaseGraph, seed: int, dtype: Any = float) -> dict[str, Array]:
    """A value for every parameter, by name, drawn in topological order from one generator."""
    rng = generator(seed)
    dtype = floating(dtype, "parameters start as floating numbers")
    uses = {node: [graph.order[k] for k, _ in found] for node, found in zip(graph.order, graph.uses, strict=True)}
    return {graph.name(p): _start(p, uses, rng, graph).astype(dtype) for p in graph.parameters}


def _start(parameter: Parameter, uses: dict[Node, list[Node]], rng: np.random.Generator, graph: BaseGraph) -> Array:
    shape = parameter.shape or ()
    if any(isinstance(size, Dimension) for size in shape):
        raise ArgumentError(
            f"{graph.name(parameter)} {shape} has a named size, so it cannot be initialized",
            where=parameter.where,
            remedy="numbers for the sizes of a Parameter; an Input has named sizes",
        )
    init = parameter.init if parameter.init is not None else _method(parameter, uses)
    sizes = tuple(int(size) for size in shape)
    if isinstance(init, str):
        return _drawn(init, sizes, _fans(sizes, parameter, uses), rng)
    value = as_start(parameter, init(rng, sizes) if callable(init) else init)
    if value.shape not in (sizes, ()):
        raise ArgumentError(f"init gives shape {value.shape}", where=parameter.where, given=f"shape={sizes}")
    return np.broadcast_to(value, sizes).copy()


def _drawn(method: str, shape: tuple[int, ...], fans: tuple[int, int], rng: np.random.Generator) -> Array:
    fan_in, fan_out = fans
    if method == "glorot":
        limit = np.sqrt(6 / max(fan_in + fan_out, 1))
        return rng.uniform(-limit, limit, shape)
    if method in ("he", "normal"):
        return rng.standard_normal(shape) * (np.sqrt(2 / max(fan_in, 1)) if method == "he" else 1.0)
    return np.full(shape, float(method == "ones"))


def _fans(shape: tuple[int, ...], parameter: Parameter, uses: dict[Node, list[Node]]) -> tuple[int, int]:
    """How many values enter and leave: W in ``W @ A`` reads along its last axis, in ``X @ W`` along the one before.

    A kernel that no product reads is (channels out, channels in, height, width): it reads along all but the first.
    """
    if len(shape) < 2:
        return (shape[0] if shape else 1), 1
    products = _products(parameter, uses)
    if not products and len(shape) > 2:
        return math.prod(shape[1:]), shape[0] * math.prod(shape[2:])
    left = not products or products[0][1]
    return (shape[-1], shape[-2]) if left else (shape[-2], shape[-1])


def _products(parameter: Parameter, uses: dict[Node, list[Node]]) -> list[tuple[Node, bool]]:
    """The products of a parameter, and whether it reads along its last axis there: W in ``W @ A`` and ``X @ W.T``."""
    flipped = [node for node in uses[parameter] if isinstance(node, Transpose) and node.axes is None]
    turned = [(node, node.inputs[0] is not source) for source in flipped for node in uses[source]]
    direct = [(node, node.inputs[0] is parameter) for node in uses[parameter]]
    return [(node, left) for node, left in (*direct, *turned) if isinstance(node, MatMul)]


def _weighs(node: Node, parameter: Parameter) -> bool:
    """Whether a node may weigh one entry against others: from a start at 0 it would never move, or all alike.

    Rules of this package but products take entries one by one, which a bias or a scale is for: those have one axis that
    is longer than 1. A rule from elsewhere may do anything.
    """
    if not type(node).__module__.startswith(Add.__module__.rpartition(".")[0]):
        return True
    several = sum(size != 1 for size in parameter.shape or ()) > 1
    return several and not isinstance(node, (Add, Subtract))


def _of_normalization(parameter: Parameter, node: Node) -> str:
    """A scale starts at 1, as does a variance; a shift and a mean start at 0."""
    place = next(k for k, source in enumerate(node.inputs) if source is parameter)
    return "ones" if place in (1, 4) else "zeros"


def _method(parameter: Parameter, uses: dict[Node, list[Node]]) -> str:
    """How a parameter starts when nobody says: by what it is multiplied into and which activation follows."""
    if any(isinstance(node, Gather) for node in uses[parameter]):
        return "normal"  # a learned input starts at a random vector
    normalized = [node for node in uses[parameter] if isinstance(node, (Normalization, BatchNorm))]
    if normalized:
        return _of_normalization(parameter, normalized[0])
    products = [node for node, _ in _products(parameter, uses)]
    weighing = products or [node for node in uses[parameter] if _weighs(node, parameter)]
    if not weighing:
        return "zeros"
    node = weighing[0]
    while len(uses[node]) == 1 and isinstance(uses[node][0], (Add, Subtract)):
        node = uses[node][0]
    return "he" if any(isinstance(follower, _RECTIFIERS) for follower in uses[node]) else "glorot"
