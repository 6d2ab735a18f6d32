"""Where infinities and NaN begin: the first node that makes one out of finite numbers, and what it was given there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Constant
from chainrule.core.node import Node
from chainrule.errors import FeedError, NonFiniteError

if TYPE_CHECKING:
    import numpy.typing as npt

Array: TypeAlias = "npt.NDArray[Any]"
Named = list[tuple[str, Array]]
"""What a rule was handed, under the names of its inputs."""
Place = tuple[int, ...]


def quietly() -> np.errstate:
    """NumPy's own warnings are off where every result is checked: what they warn of is named with its node."""
    return np.errstate(divide="ignore", over="ignore", invalid="ignore")


def check_fed(values: Mapping[Node, Array], name_of: Callable[[Node], str]) -> None:
    """Raise FeedError for every feed that is not finite; constants are part of the graph, and may be infinite."""
    bad = [node for node, value in values.items() if not isinstance(node, Constant) and _badness(value)]
    if bad:
        found = [_entry(name_of(node), values[node]) for node in bad]
        raise FeedError(
            f"a feed is not finite: {'; '.join(found)}",
            where="; ".join(node.where for node in bad),
            given=", ".join(f"{name_of(node)} {values[node].shape} {values[node].dtype}" for node in bad),
            remedy=f"np.isfinite({name_of(bad[0])}) says where; without check_finite such numbers are computed with",
        )


def check_seed(name: str, node: Node, seed: Array) -> None:
    """Raise FeedError for a gradient to start from that is not finite."""
    if _badness(seed):
        raise FeedError(
            f"the seed is not finite: {_entry(name, seed)}", where=node.where, remedy="start from finite numbers"
        )


def check_output(graph: BaseGraph, k: int, output: Array, read: Sequence[Array]) -> None:
    """Raise NonFiniteError when a node's output is worse than everything that it was computed from."""
    if (kind := _made(output, read)) is None:
        return
    node, place = graph.order[k], _first(output)
    what = f"{_label(graph, node)}: the output is {_at(output, place)}, from {kind} inputs"
    raise _error(graph, node, what, _given(_named(graph, node, read), place, output, node.forward))


def check_local(graph: BaseGraph, k: int, place: int, local: Array, handed: Sequence[Array]) -> None:
    """Raise NonFiniteError when the gradient that a rule sends to an input is worse than what it was handed."""
    if (kind := _made(local, handed)) is None:
        return
    node, entry = graph.order[k], _first(local)
    grad, output, *read = handed
    given = [("grad", grad), (graph.names[k], output), *_named(graph, node, read)]
    source = graph.name(node.inputs[place])
    what = f"{_label(graph, node)}.backward: the gradient of {source!r} is {_at(local, entry)}, from {kind} values"
    raise _error(graph, node, what, _given(given, entry, local, lambda *values: node.backward(*values)[place]))


def check_total(graph: BaseGraph, k: int, total: Array, uses: Sequence[tuple[int, int, Array]]) -> None:
    """Raise NonFiniteError when what arrived at a node is finite, and its sum is not."""
    if (kind := _made(total, [local for _, _, local in uses])) is None:
        return
    node, place = graph.order[k], _first(total)
    sent = ", ".join(f"{local[place]!s} from {graph.names[consumer]}" for consumer, _, local in uses)
    what = f"{_label(graph, node)}: its gradient is {_at(total, place)}, the sum of {kind} contributions"
    raise _error(graph, node, what, sent)


def _made(result: Array, read: Sequence[Array]) -> str | None:
    """What a result that is worse than everything it was computed from was made of; None where it is no worse."""
    made = _badness(result)
    if not made or made <= (before := max(map(_badness, read), default=made)):
        return None
    return "infinite" if before else "finite"


def _badness(array: Array) -> int:
    """0 for finite numbers, 1 for infinities, 2 for NaN among them."""
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return 0
    return 2 if np.isnan(array).any() else 1


def _first(array: Array) -> Place:
    """Where the first entry of the worst kind stands."""
    bad = np.isnan(array) if _badness(array) == 2 else ~np.isfinite(array)
    return tuple(int(k) for k in np.argwhere(bad)[0])


def _at(array: Array, place: Place) -> str:
    return f"{array[place]!s} at {place}" if place else str(array[()])


def _entry(name: str, array: Array) -> str:
    count = int(np.count_nonzero(~np.isfinite(array)))
    return f"{name} is {_at(array, _first(array))}" + (f", one of {count:,} such entries" if count > 1 else "")


def _label(graph: BaseGraph, node: Node) -> str:
    return f"{type(node).__name__} {graph.name(node)!r}"


def _named(graph: BaseGraph, node: Node, read: Sequence[Array]) -> Named:
    return [(graph.name(source), value) for source, value in zip(node.inputs, read, strict=True)]


def _given(given: Named, place: Place, result: Array, rule: Callable[..., Any]) -> str:
    """The numbers at that entry, if the rule makes the same of them alone; otherwise the range of every array."""
    try:
        entries = [(name, np.broadcast_to(array, result.shape)[place]) for name, array in given]
        again = np.asarray(rule(*(np.asarray(entry) for _, entry in entries)))
        explained = again.shape == () and np.array_equal(again, result[place], equal_nan=True)
    except Exception:  # a rule may do anything with arrays of another shape than it was built for
        explained = False
    if explained:
        shown = f"[{', '.join(map(str, place))}]" if place else ""
        return ", ".join(f"{name}{shown} = {entry!s}" for name, entry in entries)
    return ", ".join(f"{name} {array.shape}{_range(array)}" for name, array in given)


def _range(array: Array) -> str:
    if not array.size:
        return ""
    low, high = array.min(), array.max()
    return f" all {low!s}" if low == high else f" from {low!s} to {high!s}"


def _error(graph: BaseGraph, node: Node, what: str, given: str) -> NonFiniteError:
    fusible = any(other.fuse(*other.inputs) is not None for other in graph)
    exact = "graph.fuse(), which is exact where a loss follows its Sigmoid or Softmax; " if fusible else ""
    remedy = f"{exact}error.draw() shows what it is computed from, and without check_finite the run goes on"
    return NonFiniteError(what, where=node.where, given=given, remedy=remedy, node=node)
