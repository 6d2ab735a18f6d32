"""The two passes over a graph: forward from the leaves to the outputs, and in reverse back to the leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import numpy as np

from chainrule.core.feeds import check_labels, values_of_leaves
from chainrule.core.finite import check_fed, check_local, check_output, check_seed, check_total, quietly
from chainrule.core.graph import BaseGraph
from chainrule.core.node import Node
from chainrule.core.predicting import how_to_predict
from chainrule.core.read_only import read_only
from chainrule.core.rules import call_backward, call_forward
from chainrule.errors import FeedError

if TYPE_CHECKING:
    import numpy.typing as npt

Array: TypeAlias = "npt.NDArray[Any]"
Grad = TypeVar("Grad")
Part = TypeVar("Part")
Uses: TypeAlias = list[tuple[int, int, Part]]
"""What a node received: position of the consumer, which of its inputs, the contribution."""


class Wiring(Protocol):
    """Nodes in topological order, where each has its inputs, and which of them can have a gradient."""

    @property
    def order(self) -> Sequence[Node]:
        """The nodes, each behind its inputs."""
        ...

    @property
    def sources(self) -> Sequence[Sequence[int]]:
        """By position: the positions of a node's inputs."""
        ...

    @property
    def differentiable(self) -> Sequence[bool]:
        """By position: whether the node can have a gradient."""
        ...


def in_reverse(
    graph: Wiring,
    total: Callable[[int, Uses[Part]], Grad | None],
    local: Callable[[int, Grad], Sequence[Part | None]],
) -> tuple[list[Grad | None], list[Uses[Part]]]:
    """From the outputs to the leaves, whatever flows: every gradient, and what every use contributed to it.

    ``total`` makes a node's gradient of what it received, None where nothing flows on; ``local`` asks the node's rule
    what that gradient is for each of its inputs.
    """
    gradients: list[Grad | None] = [None] * len(graph.order)
    received: list[Uses[Part]] = [[] for _ in graph.order]
    for k in range(len(graph.order) - 1, -1, -1):  # a node stands behind its inputs, so its gradient is complete here
        grad = gradients[k] = total(k, received[k])
        if grad is not None and graph.sources[k]:
            for place, (source, part) in enumerate(zip(graph.sources[k], local(k, grad), strict=True)):
                if part is not None and graph.differentiable[source]:
                    received[source].append((k, place, part))
    return gradients, received


def forward(graph: BaseGraph, feeds: Mapping[Any, Any], *, check_finite: bool = False) -> list[Array]:
    """The value of every node in the graph's order, from feeds by name or node.

    Raises FeedError, before anything is computed, when feeds are missing, unknown or unfit; RuleError; with
    ``check_finite`` also FeedError for a feed that is not finite, and NonFiniteError.
    """
    try:
        given = values_of_leaves(graph.leaves, feeds, graph.name, own=True)
    except FeedError as error:
        error.remedy = how_to_predict(graph, feeds) or error.remedy
        raise
    check_labels(graph.labels, given, graph.name)
    if not check_finite:
        return _values(graph, given)
    check_fed(given, graph.name)
    with quietly():
        return _values(graph, given, check_output)


def _values(graph: BaseGraph, given: Mapping[Node, Array], check: Callable[..., None] | None = None) -> list[Array]:
    dtype = next((value.dtype for value in given.values() if value.dtype.kind == "f"), np.dtype(float))
    values: list[Array] = []
    for k, (node, sources) in enumerate(zip(graph.order, graph.sources, strict=True)):
        if not sources:
            values.append(given[node])
            continue
        read = [values[source] for source in sources]
        values.append(call_forward(node, read, dtype))
        if check is not None:
            check(graph, k, values[k], read)
    return values


def sweep(
    graph: BaseGraph, values: Sequence[Array], seed: Any = None, *, check_finite: bool = False
) -> tuple[list[Array | None], list[Uses[Array]]]:
    """The gradient of every node from the values of all, and what every use contributed to it.

    Raises FeedError when a seed is needed, or has another shape; RuleError; with ``check_finite`` NonFiniteError.
    """
    starts = _seeds(graph, values, seed)

    def total(k: int, uses: Uses[Array]) -> Array | None:
        return _total(starts.get(k), uses)

    def local(k: int, grad: Array) -> list[Array | None]:
        return call_backward(graph.order[k], grad, values[k], [values[source] for source in graph.sources[k]])

    if not check_finite:
        return in_reverse(graph, total, local)
    with quietly():
        return in_reverse(graph, *_checked(graph, values, starts, total, local))


def _checked(
    graph: BaseGraph,
    values: Sequence[Array],
    starts: Mapping[int, Array],
    total: Callable[..., Any],
    local: Callable[..., Any],
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The same two functions, stopping at the first that makes an infinity or NaN out of finite numbers."""
    for k, start in starts.items():
        check_seed(graph.names[k], graph.order[k], start)

    def checked_total(k: int, uses: Uses[Array]) -> Array | None:
        grad: Array | None = total(k, uses)
        if grad is not None:
            check_total(graph, k, grad, uses)
        return grad

    def checked_local(k: int, grad: Array) -> list[Array | None]:
        parts: list[Array | None] = local(k, grad)
        handed = (grad, values[k], *(values[source] for source in graph.sources[k]))
        for place, (source, part) in enumerate(zip(graph.sources[k], parts, strict=True)):
            if part is not None and graph.differentiable[source]:
                check_local(graph, k, place, part, handed)
        return parts

    return checked_total, checked_local


def _seeds(graph: BaseGraph, values: Sequence[Array], seed: Any) -> dict[int, Array]:
    starts = {}
    for name, start in _named_seeds(graph, values, seed).items():
        k = graph.position(name)
        array = _seed(graph.names[k], start, values[k].dtype)
        if array.shape != values[k].shape or graph.order[k] not in graph.ends:
            raise FeedError(
                f"a seed for {graph.names[k]} has its shape {values[k].shape}, not {array.shape}"
                if graph.order[k] in graph.ends
                else f"{graph.names[k]} is no output of this graph, so no gradient starts there",
                remedy=f"a seed for {', '.join(map(graph.name, graph.outputs))}",
            )
        starts[k] = read_only(array)
    return starts


def _seed(name: str, start: Any, dtype: np.dtype[Any]) -> Array:
    """A gradient to start from, as a copy: the caller may write to it again. Raises FeedError for no real numbers."""
    try:
        array = np.asarray(start)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"dtype {array.dtype}")
        return array.astype(dtype)
    except (TypeError, ValueError):
        given = repr(start)[:80]
        remedy = "run.backward(seed=array), or a dict of arrays by output"
        raise FeedError(f"a seed for {name} is an array of real numbers", given=given, remedy=remedy) from None


def _named_seeds(graph: BaseGraph, values: Sequence[Array], seed: Any) -> Mapping[Any, Any]:
    if isinstance(seed, Mapping):
        return seed
    if seed is not None and len(graph.outputs) == 1:
        return {graph.outputs[0]: seed}
    open_ended = [node for node in graph.outputs if values[graph.position(node)].shape != ()]
    if seed is not None or open_ended:
        names = ", ".join(f"{graph.name(node)} {values[graph.position(node)].shape}" for node in graph.outputs)
        raise FeedError("say which gradient to start from", given=names, remedy="run.backward(seed={name: array})")
    return dict.fromkeys(graph.outputs, 1.0)


def _total(start: Array | None, uses: Uses[Array]) -> Array | None:
    """The sum of what arrived, added out of place: a rule may have sent the same array to two inputs."""
    if start is None and len(uses) == 1:
        return uses[0][2]
    total = start
    for _, _, gradient in uses:
        total = gradient if total is None else read_only(total + gradient)
    return total
