"""PyTorch's forms of what slides over images."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from chainrule.interop.neighbour import torch


def conv2d(x: Any, kernel: Any, stride: Any = 1, padding: Any = 0) -> Any:
    """Every window of the images times the kernel."""
    return torch.nn.functional.conv2d(x, kernel, stride=stride, padding=padding)


def conv2d_image(grad: Any, kernel: Any, like: Any, stride: Any = 1, padding: Any = 0) -> Any:
    """What a gradient of a convolution is to the images."""
    return torch.nn.grad.conv2d_input(like.shape, kernel, grad, stride=stride, padding=padding)


def conv2d_kernel(grad: Any, x: Any, like: Any, stride: Any = 1, padding: Any = 0) -> Any:
    """What a gradient of a convolution is to the kernel."""
    return torch.nn.grad.conv2d_weight(x, like.shape, grad, stride=stride, padding=padding)


def side_by_side(x: Any, size: Any, stride: Any, padding: Any, outside: float) -> Any:
    """Every entry of a window, for all windows: what ties shares a gradient, as in no pooling of PyTorch."""
    both = [(fact, fact) if isinstance(fact, int) else fact for fact in (size, stride or size, padding)]
    (rows, columns), (down, right), (above, left) = both
    wide = torch.nn.functional.pad(x, (left, left, above, above), value=outside)
    height, width = wide.shape[2] - rows + 1, wide.shape[3] - columns + 1
    parts = [wide[:, :, i : i + height : down, j : j + width : right] for i in range(rows) for j in range(columns)]
    return torch.stack(parts)


def max_pool(x: Any, size: Any = 2, stride: Any = None, padding: Any = 0) -> Any:
    """The largest entry of every window."""
    return torch.amax(side_by_side(x, size, stride, padding, -torch.inf), dim=0)


def max_pool_picked(values: Any, x: Any, size: Any = 2, stride: Any = None, padding: Any = 0) -> Any:
    """The values that stand where x is largest in each window; the mean of them where several tie."""
    every = side_by_side(x, size, stride, padding, -torch.inf)
    marks = (every == torch.amax(every, dim=0)).to(values.dtype)
    return torch.sum(marks * side_by_side(values, size, stride, padding, 0.0), dim=0) / torch.sum(marks, dim=0)


def average_pool(x: Any, size: Any = 2, stride: Any = None, padding: Any = 0, *, count_padding: bool = True) -> Any:
    """The mean of every window."""
    every = side_by_side(x, size, stride, padding, 0.0)
    inside = side_by_side(torch.ones_like(x), size, stride, padding, 1.0 if count_padding else 0.0)
    return torch.sum(every, dim=0) / torch.sum(inside, dim=0)


def back_through(function: Callable[..., Any]) -> Callable[..., Any]:
    """What sends a gradient of a function back to its operand: PyTorch's own transpose of it."""

    @functools.wraps(function)
    def sent(grad: Any, x: Any, *rest: Any, **facts: Any) -> Any:
        return torch.func.vjp(lambda x: function(x, *rest, **facts), x)[1](grad)[0]

    return sent
