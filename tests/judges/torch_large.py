"""The large node classes as PyTorch has them, and what gradients become behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional
from torch_forms import axes_of, reduced

import chainrule as cr
from chainrule.nodes import passed_back

Tensor = torch.Tensor


# --- losses over classes ---------------------------------------------------------------------------------------------


def weighed(entries: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """A loss over classes by definition: labels times weights; a mean by weight over all of these."""

    def found(x: Tensor, y: Tensor, *weights: Tensor, reduction: str, examples: int, ignore_unlabelled: bool) -> Tensor:
        labels = y * weights[0] if weights else y
        if reduction == "mean" and (weights or ignore_unlabelled):
            return entries(x, labels).sum() / labels.sum()
        return reduced(entries(x, labels), reduction, examples)

    return found


def softmax_cross_entropy(z: Tensor, y: Tensor, *weights: Tensor, classes: int, **facts: Any) -> Tensor:
    """torch's own, of numbers of classes, where labels are one-hot or missing and weights are those of classes."""
    by_class = not weights or weights[0].numel() == z.shape[classes]
    one_hot = bool(((y == 0) | (y == 1)).all() and (y.sum(dim=classes) <= 1).all())
    if z.ndim != 2 or not (weights or facts["ignore_unlabelled"]) or not (by_class and one_hot):
        return weighed(lambda z, y: -y * torch.log_softmax(z, dim=classes))(z, y, *weights, **facts)
    rows = z if classes % 2 else z.T
    numbers = torch.where(y.sum(dim=classes) == 1, y.argmax(dim=classes), -100)
    weight = weights[0].reshape(-1).detach() if weights else None
    found = functional.cross_entropy(rows, numbers, weight=weight, ignore_index=-100, reduction=facts["reduction"])
    return found if found.ndim == 0 else found.unsqueeze(classes)


# --- normalizations --------------------------------------------------------------------------------------------------


def behind(x: Tensor, axes: list[int]) -> tuple[list[int], list[int]]:
    """The order in which these axes are the last, and the one that puts them back."""
    order = [k for k in range(x.ndim) if k not in axes] + axes
    return order, sorted(range(x.ndim), key=order.__getitem__)


def over_features(
    function: Callable[..., Tensor],
) -> Callable[..., Tensor]:
    """A normalization of the last axes, with the axes that are asked for moved there."""

    def found(x: Tensor, *scale_and_shift: Tensor, axis: Any, epsilon: float) -> Tensor:
        axes = sorted(k % x.ndim for k in axes_of(x, axis))
        order, back = behind(x, axes)
        shape = [x.shape[k] for k in axes]
        parameters = [
            torch.broadcast_to(p if p.ndim <= len(axes) else p.reshape(shape), shape) for p in scale_and_shift
        ]
        return function(x.permute(order), shape, epsilon, *parameters).permute(back)

    return found


def layer_norm(x: Tensor, shape: list[int], epsilon: float, *scale_and_shift: Tensor) -> Tensor:
    return functional.layer_norm(x, shape, *scale_and_shift, eps=epsilon)


def rms_norm(x: Tensor, shape: list[int], epsilon: float, *scale_and_shift: Tensor) -> Tensor:
    y = functional.rms_norm(x, shape, *scale_and_shift[:1], eps=epsilon)
    return y + scale_and_shift[1] if len(scale_and_shift) > 1 else y


def batch_norm(x: Tensor, *parameters: Tensor, channels: int, epsilon: float) -> Tensor:
    scale, shift, *statistics = (p.reshape(-1) for p in parameters)
    moved = x.movedim(channels, 1)
    if statistics:  # by definition: torch's own has no gradient for what it calls running
        mean, variance = (s.reshape(-1, *[1] * (x.ndim - 2)) for s in statistics)
        normal = (moved - mean) / torch.sqrt(variance + epsilon)
        beside = [p.reshape(-1, *[1] * (x.ndim - 2)) for p in (scale, shift)]
        found = normal * beside[0] + beside[1]
        own = functional.batch_norm(moved, *(s.detach() for s in statistics), scale, shift, eps=epsilon)
        torch.testing.assert_close(found, own, rtol=1e-12, atol=1e-12)
    else:
        found = functional.batch_norm(moved, None, None, scale, shift, training=True, eps=epsilon)
    return found.movedim(1, channels)


def group_norm(x: Tensor, *scale_and_shift: Tensor, groups: int, epsilon: float) -> Tensor:
    return functional.group_norm(x, groups, *(p.reshape(-1) for p in scale_and_shift), eps=epsilon)


def standardized(x: Tensor, axis: Any, epsilon: float, center: bool, groups: int | None) -> Tensor:
    if groups is not None:
        return functional.group_norm(x, groups, eps=epsilon)
    axes = axes_of(x, axis)
    apart = x - x.mean(dim=axes, keepdim=True) if center else x
    return apart / torch.sqrt((apart * apart).mean(dim=axes, keepdim=True) + epsilon)


# --- windows, attention ----------------------------------------------------------------------------------------------


def back_through(function: Callable[..., Tensor], x: Tensor, grad: Tensor) -> Tensor:
    """What a gradient is to x, by autograd, itself differentiable."""
    at = x if x.requires_grad else x.detach().requires_grad_()
    (found,) = torch.autograd.grad(function(at), at, grad, create_graph=True)
    return found


def average(x: Tensor, size: Any, stride: Any, padding: Any, count_padding: bool) -> Tensor:
    return functional.avg_pool2d(x, size, stride, padding, count_include_pad=count_padding)


def largest(x: Tensor, size: Any, stride: Any, padding: Any) -> Tensor:
    return functional.max_pool2d(x, size, stride, padding)


def at_largest(x: Tensor, like: Tensor, size: Any, stride: Any, padding: Any) -> Tensor:
    _, places = functional.max_pool2d(like, size, stride, padding, return_indices=True)
    return x.flatten(2).gather(2, places.flatten(2)).reshape(places.shape)


def attention(q: Tensor, k: Tensor, v: Tensor, *mask: Tensor) -> Tensor:
    front = torch.broadcast_shapes(*(x.shape[:-2] for x in (q, k, v)))
    q, k, v = (x.expand(*front, *x.shape[-2:]) for x in (q, k, v))
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask[0] if mask else None)


def masked_softmax(x: Tensor, mask: Tensor, axis: Any) -> Tensor:
    e = torch.exp(x) * mask
    total = e.sum(dim=axes_of(x, axis), keepdim=True)
    return e / torch.where(total == 0, 1, total)


LARGE: dict[type[cr.Node], Callable[..., Tensor]] = {
    cr.Attention: attention,
    cr.AveragePool: average,
    cr.BatchNorm: batch_norm,
    cr.Conv2d: lambda x, kernel, stride, padding: functional.conv2d(x, kernel, stride=stride, padding=padding),
    cr.CrossEntropyLoss: weighed(lambda p, y: -torch.special.xlogy(y, p)),
    cr.Dropout: lambda x, *mask, rate: x * mask[0] / (1 - rate) if mask else x * 1,
    cr.GroupNorm: group_norm,
    cr.LayerNorm: over_features(layer_norm),
    cr.MaxPool: largest,
    cr.NLLLoss: weighed(lambda q, y: -y * q),
    cr.RMSNorm: over_features(rms_norm),
    cr.SoftmaxCrossEntropyLoss: softmax_cross_entropy,
    passed_back.AtLargest: at_largest,
    passed_back.ConvolutionToImage: lambda g, kernel, like, **facts: back_through(
        lambda x: functional.conv2d(x, kernel, **facts), like, g
    ),
    passed_back.ConvolutionToKernel: lambda g, x, like, **facts: back_through(
        lambda kernel: functional.conv2d(x, kernel, **facts), like, g
    ),
    passed_back.MaskedSoftmax: masked_softmax,
    passed_back.Standardized: standardized,
    passed_back.StandardizedBackward: lambda g, x, **facts: back_through(lambda x: standardized(x, **facts), x, g),
    passed_back.ToLargest: lambda g, like, **facts: back_through(lambda x: largest(x, **facts), like, g),
    passed_back.ToWindows: lambda g, like, **facts: back_through(lambda x: average(x, **facts), like, g),
}
