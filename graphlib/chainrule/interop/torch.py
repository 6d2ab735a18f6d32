"""PyTorch: its modules as graphs, graphs as its functions, and a rule as source for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy.typing as npt

from chainrule.core.graph import BaseGraph
from chainrule.core.node import Node
from chainrule.graph import Graph
from chainrule.interop.exported import Exported
from chainrule.interop.torch_function import function_of
from chainrule.interop.torch_source import source_of

__all__ = ["from_module", "to_function", "to_source"]


def from_module(
    module: Any, *examples: Any, batch: str | None = "m", operations: Mapping[str, Callable[..., Any]] | None = None
) -> tuple[Graph, dict[str, npt.NDArray[Any]]]:
    """A module of PyTorch as a graph, and the values of its parameters.

    ``module`` is an ``nn.Module``, which is left as it is, in training or in evaluation; ``examples`` are the arguments
    of its ``forward``, by which it is exported (``torch.export``). The first axis of the first example that has one
    counts the batch, and gets the name ``batch`` there and wherever an example has as many entries along its first
    axis; the examples' own batch has at least 2. With None every size is that of the examples.

    The graph's inputs are the arguments, in their order and under their names; its parameters have the modules' paths
    for names (``blocks.0.weight``) and stand, with what is computed, in a layer for every module; buffers are
    constants. Its outputs are what the module returns. Values have the dtype of the module.

    ``operations`` has a node of one's own for what is unknown: from a name such as ``"aten.special_i0"`` to a class of
    nodes, or to a function of the operation's arguments that returns a node.

    Raises ArgumentError naming all operations that are unknown, with the module's lines, those that are random, and
    what the module does that depends on the data; MissingExtraError where PyTorch is not installed.

    >>> import torch  # doctest: +SKIP
    >>> graph, values = from_module(torch.nn.Linear(2, 3), torch.zeros(5, 2))  # doctest: +SKIP
    >>> graph, sorted(values)  # doctest: +SKIP
    (<Graph of 6 nodes: linear>, ['bias', 'weight'])
    """
    exported = Exported(module, examples, batch, operations or {})
    outputs, names = exported.translated()
    graph = Graph(*outputs, watch=exported.unread(outputs), names=names)
    return graph, {name: value for name, value in exported.values.items() if name in graph}


def to_function(graph: BaseGraph) -> Callable[..., Any]:
    """A graph as a function of PyTorch: its arguments are the leaves that are fed, in the graph's order, as tensors.

    It returns the output (a tuple of several), and PyTorch differentiates it by the rules of the graph: it is a
    ``torch.autograd.Function`` whose backward can be differentiated once more, and that ``torch.func.vmap`` takes. The
    dtype is that of the floating arguments. ``function.arguments`` are the names of the leaves.

    A rule that cannot be recorded is called as it is, on the processor, and its gradient is not differentiated once
    more. Raises MissingExtraError where PyTorch is not installed; the function raises ArgumentError for another number
    of arguments, FeedError for shapes that do not fit, and UnknownNameError for labels that require a gradient.

    >>> import torch  # doctest: +SKIP
    >>> from chainrule import Parameter, Square, Sum  # doctest: +SKIP
    >>> x = torch.tensor([1.0, 3.0], requires_grad=True)  # doctest: +SKIP
    >>> to_function(Graph(Sum(Square(Parameter("x", (2,))))))(x).backward()  # doctest: +SKIP
    >>> x.grad  # doctest: +SKIP
    tensor([2., 6.])
    """
    return function_of(graph)


def to_source(kind: type[Node], *examples: npt.ArrayLike, **facts: Any) -> str:
    """A class of nodes as source of a ``torch.autograd.Function``, with its forward and backward: to be pasted.

    Both are written from what the methods of the class record, through the table of operations; functions that PyTorch
    has in no exact form stand above the class. ``examples`` are arrays such as ``check_node`` takes, with a different
    size on every axis: they say how many axes inputs have; without them there are two. Facts are written in.

    Raises ArgumentError where a method cannot be recorded; MissingExtraError where PyTorch is not installed.

    >>> from chainrule import Square  # doctest: +SKIP
    >>> print(to_source(Square).splitlines()[-1].strip())  # doctest: +SKIP
    return (2 * grad) * x
    """
    return source_of(kind, *examples, **facts)
