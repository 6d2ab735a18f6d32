"""PyTorch: its modules as graphs, graphs as its functions, and a rule as source for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy.typing as npt

from chainrule.graph import Graph
from chainrule.interop.exported import Exported

__all__ = ["from_module"]


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
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh())  # doctest: +SKIP
    >>> graph, values = from_module(net, torch.zeros(5, 2))  # doctest: +SKIP
    >>> print(graph)  # doctest: +SKIP
    """
    exported = Exported(module, examples, batch, operations or {})
    outputs, names = exported.translated()
    graph = Graph(*outputs, watch=exported.unread(outputs), names=names)
    return graph, {name: value for name, value in exported.values.items() if name in graph}
