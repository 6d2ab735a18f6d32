"""Every node class as PyTorch has it: a graph computed by torch, and its gradients by autograd."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch_forms import along, loss, over, reduced
from torch_large import LARGE
from torch_more import MORE

import chainrule as cr

Tensor = torch.Tensor


def binary(a: Tensor, y: Tensor) -> Tensor:
    """By definition: torch's own holds the logarithm at -100 and the denominator of its slope at 1e-12."""
    return -(torch.special.xlogy(y, a) + torch.special.xlogy(1 - y, 1 - a))


def softmax_cross_entropy(
    z: Tensor, y: Tensor, *weights: Tensor, reduction: str, examples: int, classes: int, ignore_unlabelled: bool
) -> Tensor:
    """torch wants the examples first and the classes behind them."""
    if z.ndim == 1:  # one class: its share is 1
        return reduced(z * 0, reduction, examples)
    if weights or ignore_unlabelled:
        facts = {"reduction": reduction, "examples": examples, "ignore_unlabelled": ignore_unlabelled}
        return LARGE[cr.SoftmaxCrossEntropyLoss](z, y, *weights, classes=classes, **facts)
    order = [examples % z.ndim, classes % z.ndim]
    rest = [k for k in range(z.ndim) if k not in order]
    each = functional.cross_entropy(z.permute(order + rest), y.permute(order + rest), reduction="none")
    each = each.sum(dim=tuple(range(1, each.ndim))) if each.ndim > 1 else each
    shape = [-1 if k == order[0] else 1 for k in range(z.ndim)]
    return {"none": each.reshape(shape), "sum": each.sum(), "mean": each.sum() / z.shape[examples]}[reduction]


def indexed(x: Tensor, key: Any) -> Tensor:
    """torch takes no steps backwards, so these become lists of places; to NumPy a number beside a list is a list."""
    parts = list(key) if isinstance(key, tuple) else [key]
    if Ellipsis in [part for part in parts if not isinstance(part, np.ndarray)]:
        place = next(k for k, part in enumerate(parts) if part is Ellipsis)
        taken = sum(part is not None and part is not Ellipsis for part in parts)
        parts[place : place + 1] = [slice(None)] * (x.ndim - taken)
    axis = 0
    for k, part in enumerate(parts):
        if isinstance(part, slice) and (part.step or 1) < 0:
            x = x.index_select(axis, torch.tensor(range(x.shape[axis])[part], dtype=torch.long))
            parts[k] = slice(None)
        axis += part is not None
    if any(isinstance(part, np.ndarray) for part in parts):
        parts = [np.array([part]) if type(part) is int else part for part in parts]
    return x[tuple(torch.from_numpy(np.array(p)) if isinstance(p, np.ndarray) else p for p in parts)]


def gathered(table: Tensor, indices: Tensor, axis: int) -> Tensor:
    axis = axis % table.ndim
    rows = table.index_select(axis, indices.reshape(-1))
    return rows.reshape(table.shape[:axis] + indices.shape + table.shape[axis + 1 :])


def permuted(x: Tensor, axes: Any) -> Tensor:
    return x.permute(tuple(reversed(range(x.ndim))) if axes is None else axes)


TORCH: dict[type[cr.Node], Callable[..., Tensor]] = {
    cr.Abs: torch.abs,
    cr.Add: torch.add,
    cr.BCELoss: loss(binary),
    cr.Clip: lambda x, low, high: torch.clamp(x, low, high),
    cr.Concatenate: lambda *values, axis: torch.cat(values, dim=axis),
    cr.Cos: torch.cos,
    cr.CrossEntropyLoss: LARGE[cr.CrossEntropyLoss],
    cr.Divide: torch.div,
    cr.Exp: torch.exp,
    cr.GELU: functional.gelu,
    cr.Gather: gathered,
    cr.HingeLoss: loss(lambda s, y: functional.relu(1 - y * s)),
    cr.Index: indexed,
    cr.LeakyReLU: lambda x, slope: functional.leaky_relu(x, slope),
    cr.Log: torch.log,
    cr.LogSoftmax: along(torch.log_softmax),
    cr.LogSumExp: over(torch.logsumexp),
    cr.MSELoss: loss(lambda a, y: functional.mse_loss(a, y, reduction="none")),
    cr.MatMul: torch.matmul,
    cr.Max: over(torch.amax),
    cr.Maximum: torch.maximum,
    cr.Mean: over(torch.mean),
    cr.Minimum: torch.minimum,
    cr.Multiply: torch.mul,
    cr.Negate: torch.neg,
    cr.Power: torch.pow,
    cr.ReLU: functional.relu,
    cr.Reshape: lambda x, to: torch.reshape(x, to),
    cr.Sigmoid: torch.sigmoid,
    cr.SigmoidBCELoss: loss(lambda z, y: functional.binary_cross_entropy_with_logits(z, y, reduction="none")),
    cr.Sin: torch.sin,
    cr.Softmax: along(torch.softmax),
    cr.SoftmaxCrossEntropyLoss: softmax_cross_entropy,
    cr.Softplus: lambda x: torch.logaddexp(x, torch.zeros_like(x)),  # torch's softplus is x beyond 20, 2e-9 too little
    cr.Sqrt: torch.sqrt,
    cr.Square: torch.square,
    cr.Subtract: torch.sub,
    cr.Sum: over(torch.sum),
    cr.Tanh: torch.tanh,
    cr.Transpose: permuted,
    cr.Where: lambda condition, x, y: torch.where(condition != 0, x, y),
}


FORMS: dict[type[cr.Node], Callable[..., Tensor]] = {
    **MORE,
    **TORCH,
    cr.Index: lambda x, *indices, key: MORE[cr.Index](x, *indices, key=key) if indices else indexed(x, key),
    cr.Reshape: MORE[cr.Reshape],
}


class InTorch:
    """The values of a graph by name, in double precision or another, from the feeds as they are."""

    def __init__(self, graph: cr.Graph, feeds: Mapping[str, Any], dtype: Any = np.float64) -> None:
        self.graph, self.dtype = graph, dtype
        self.values: dict[str, Tensor] = {}
        found: dict[cr.Node, Tensor] = {}
        for node, name in zip(graph.order, graph.names, strict=True):
            if isinstance(node, cr.Leaf):
                found[node] = _leaf(node, feeds.get(name), dtype)
            else:
                found[node] = FORMS[type(node)](*(found[source] for source in node.inputs), **node.facts)
            self.values[name] = found[node]

    def gradients(self, seed: Any = 1.0) -> dict[str, np.ndarray]:
        """Of the output with respect to everything that has one; zeros where nothing arrives."""
        output = self.values[self.graph.name(self.graph.outputs[0])]
        moving = {name: value for name, value in self.values.items() if value.requires_grad}
        start = torch.from_numpy(np.array(np.broadcast_to(seed, output.shape), dtype=self.dtype))
        found = torch.autograd.grad(output, list(moving.values()), start, materialize_grads=True)
        return {name: gradient.numpy() for name, gradient in zip(moving, found, strict=True)}


def _leaf(node: cr.Leaf, value: Any, dtype: Any) -> Tensor:
    if isinstance(node, cr.Constant):
        value = node.value
    array = np.array(value)
    if array.dtype.kind != "f" and node.dtype.kind != "f":
        return torch.from_numpy(array if array.dtype == bool else array.astype(np.int64))
    return torch.from_numpy(array.astype(dtype)).requires_grad_(not isinstance(node, cr.Constant))
