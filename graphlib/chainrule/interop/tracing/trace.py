"""A NumPy function as a graph: called with nodes once, and with arrays to see that the two agree."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from chainrule.core.accepting import expect
from chainrule.core.node import Node
from chainrule.core.ordering import topological_order
from chainrule.core.placing import here, witnessed_by
from chainrule.core.variables import Labels, names, relabeled
from chainrule.errors import ArgumentError
from chainrule.graph import Graph
from chainrule.interop.tracing.agreeing import by_place, require_agreement
from chainrule.interop.tracing.author_calls import AuthorCalls
from chainrule.interop.tracing.leaves_from_shapes import Call


def trace(function: Callable[..., Any], /, **leaves: Any) -> Graph:
    """The graph that a function of arrays computes, read off by calling it with nodes.

    ``leaves`` are what it is called with, by name. A tuple is a shape: with a name in it, as in ``(2, "m")``, it is an
    Input, else a Parameter; leaves may be handed in themselves. Dicts and lists may hold both, and all else, such as
    ``"relu"``, is passed on as it is. The first node that the function returns is the output of the graph, the others
    are watched.

    >>> import numpy as np
    >>> import chainrule as cr
    >>> def sigmoid(z):
    ...     return 1 / (1 + np.exp(-z))
    >>> def cost(W1, b1, X, Y):
    ...     m = X.shape[1]
    ...     Z1 = np.dot(W1, X) + b1
    ...     A1 = sigmoid(Z1)
    ...     loss = np.sum(np.square(A1 - Y)) / m
    ...     return loss, A1
    >>> graph = cr.trace(cost, W1=(1, 2), b1=(1, 1), X=(2, "m"), Y=(1, "m"))
    >>> [node.name for node in graph if node.name], graph["A1"].layer
    (['W1', 'b1', 'X', 'Y', 'Z1', 'A1', 'loss'], ('sigmoid',))
    >>> print(graph.derivation()["Z1"])
    W1 @ X + b1

    A node is called as the author's variable, else as the key of a dict, the attribute or the place in a list that
    holds it. A name for several nodes, as in a loop, is numbered; one that clashes gets a number, too. A call of a
    helper function is a layer. Arrays that the function reads and is not handed become ``graph.constants``.

    Then the function is called with small random arrays, to see that it gives the same: what looks whether it is handed
    arrays, writes into them, or draws random numbers may not. Raises ArgumentError where it differs, where the function
    returns no node or does what nodes cannot, and says what to write; an error of the function's own comes through.
    """
    expect(function, Callable, "trace takes a function of arrays", 'trace(forward, X=(2, "m"))')
    call, seen = Call(function, leaves), AuthorCalls(function)
    with witnessed_by(seen):
        returned = call.with_nodes()
    nodes = {place: part for place, part in by_place(returned).items() if isinstance(part, Node)}
    ends = list(dict.fromkeys(nodes.values())) or _refuse(call.name, returned)
    order = topological_order(ends)
    new = relabeled(order, _labels(order, seen))
    seen.forget()
    graph = Graph(new[ends[0]], watch=[new[end] for end in ends[1:] if end.inputs])
    require_agreement(graph, call, {place: new[node] for place, node in nodes.items() if new[node] in graph})
    return graph


def _labels(order: Sequence[Node], seen: AuthorCalls) -> Labels:
    """Names and layers for the nodes that the function has built."""
    called, layers = names(order, seen.claims()), seen.layers(order)
    return {node: (called.get(node, node.name), layers.get(node, node.layer)) for node in order}


def _refuse(name: str, returned: Any) -> NoReturn:
    remedy = "return what it computes from its leaves: a value, or a tuple with the cost first"
    if isinstance(returned, (types.GeneratorType, map, filter, zip)):
        remedy = "a function that returns a value: lambda X: list(f(X))[-1]"
    if isinstance(returned, types.CoroutineType):
        returned.close()
        remedy = "a function that is not async: lambda X: asyncio.run(f(X))"
    raise ArgumentError(
        f"{name} returns {'nothing' if returned is None else type(returned).__name__}, and no node in it",
        where=here(),
        remedy=remedy,
    )
