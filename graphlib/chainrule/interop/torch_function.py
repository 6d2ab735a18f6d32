"""A graph as a function that PyTorch differentiates by the rules of the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np

from chainrule.core.graph import BaseGraph
from chainrule.errors import ArgumentError, UnknownNameError
from chainrule.interop.evaluating import Arrays, Asked, Given, sizes_of
from chainrule.interop.neighbour import torch
from chainrule.interop.torch_forms import form
from chainrule.program.calls import Call


def function_of(graph: BaseGraph) -> Callable[..., Any]:
    """The function of the leaves that are fed, in their order."""
    applied = _autograd_function(asked := Asked(graph))

    def function(*leaves: Any) -> Any:
        tensors = _tensors(asked, leaves)
        sizes_of(asked.graph, dict(zip(asked.names, tensors, strict=True)))
        values = applied.apply(*tensors)
        return values[0] if len(values) == 1 else values

    function.arguments = asked.names  # type: ignore[attr-defined]  # for people, who look them up
    return function


def _tensors(asked: Asked, leaves: Sequence[Any]) -> list[Any]:
    """The arguments as tensors; raises ArgumentError for another number of them, UnknownNameError for moving labels."""
    if len(leaves) != len(asked.names):
        names = ", ".join(asked.names)
        raise ArgumentError(f"{len(asked.names)} leaves are fed, not {len(leaves)}", remedy=f"function({names})")
    tensors = [torch.as_tensor(leaf) for leaf in leaves]
    moving = [name for name, x in zip(asked.names, tensors, strict=True) if name in asked.labels and x.requires_grad]
    if moving:
        raise UnknownNameError(
            f"{', '.join(map(repr, moving))} {'has' if len(moving) == 1 else 'have'} no gradient: a loss reads labels",
            remedy="labels.detach()",
        )
    return tensors


def _autograd_function(asked: Asked) -> Any:
    def given(leaves: Sequence[Any]) -> Given:
        floating = [x.dtype for x in leaves if x.is_floating_point()]
        dtype = torch.get_default_dtype()
        for k, one in enumerate(floating):
            dtype = torch.promote_types(dtype, one) if k else one
        arrays = TorchArrays(dtype, leaves[0].device if leaves else "cpu")
        fed = {
            name: x.to(arrays.dtype(leaf.dtype))
            for name, leaf, x in zip(asked.names, asked.leaves, leaves, strict=True)
        }
        return Given(fed, sizes_of(asked.graph, fed), arrays)

    def forward(*leaves: Any) -> tuple[Any, ...]:
        return tuple(value.clone() for value in asked.values(given(leaves)))

    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)

    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        leaves = ctx.saved_tensors
        found = asked.gradients(given(leaves), grads)
        return tuple(found[n].to(x.dtype) if n in found else None for n, x in zip(asked.names, leaves, strict=True))

    methods = {f.__name__: staticmethod(f) for f in (forward, setup_context, backward)}
    return type("OfGraph", (torch.autograd.Function,), {**methods, "generate_vmap_rule": True})


@final
class TorchArrays(Arrays):
    """PyTorch's tensors in one floating dtype, on one device."""

    def __init__(self, floating: Any, device: Any) -> None:
        self.floating, self.device = floating, device

    def constant(self, value: Any) -> Any:
        array = np.array(value)
        return torch.as_tensor(array, dtype=self.dtype(array.dtype), device=self.device)

    def form(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        return form(operation)

    def dtype(self, kind: Any) -> Any:
        kinds = {"f": self.floating, "b": torch.bool}
        return kinds.get(np.dtype(kind).kind, torch.int64)

    def called(self, call: Call, shapes: Any, operands: Sequence[Any]) -> Any:
        found = call(*(operand.detach().cpu().numpy() for operand in operands))
        return tuple(map(self.constant, found)) if isinstance(shapes, list) else self.constant(found)
