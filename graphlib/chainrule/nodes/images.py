"""Windows that slide over images: convolution, pooling; images are (batch, channels, height, width)."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from chainrule.core.facts import Flag, Padding, Window, WindowOrNone
from chainrule.core.node import Node
from chainrule.errors import ArgumentError
from chainrule.nodes.linear import Einsum
from chainrule.nodes.reductions import Max
from chainrule.symbols.dimensions import Dimension, shape_text
from chainrule.symbols.symbol import Value
from chainrule.symbols.windows import (
    average_pool,
    average_pool_backward,
    conv2d,
    conv2d_backward_image,
    conv2d_backward_kernel,
    max_pool,
    max_pool_backward,
    pair,
)


@final
class Conv2d(Node, computes=conv2d):
    """Every window of the images times a kernel (out, channels, rows, columns), added up over channels and window.

    The window moves on by ``stride`` and starts ``padding`` zeros outside of the image; each is one number, or a pair
    for rows and columns. The kernel is not turned, as everywhere in deep learning. A bias is added behind it, a number
    for each of the new channels: ``Conv2d(x, kernel) + b`` with b of shape (out, 1, 1).

    >>> from chainrule import Input, Parameter
    >>> Conv2d(Input("x", ("m", 3, 8, 6)), Parameter("K", (4, 3, 3, 3)), stride=2, padding=1).shape
    (m, 4, 4, 3)
    """

    stride: Window = 1
    padding: Padding = 0

    def forward(self, x: Value, kernel: Value) -> Value:
        return conv2d(x, kernel, self.stride, self.padding)

    def backward(self, grad: Value, y: Value, x: Value, kernel: Value) -> tuple[Value, Value]:
        return (
            conv2d_backward_image(grad, kernel, x, self.stride, self.padding),
            conv2d_backward_kernel(grad, x, kernel, self.stride, self.padding),
        )

    def expand(self, *inputs: Node) -> Node:
        """Every window picked out by two matrices of zeros and ones, times the kernel."""
        x, kernel = inputs
        windows = _windows_of(x, _known_sizes(kernel)[2:], self.stride, self.padding)
        return Einsum(windows, kernel, subscripts="bcpiqj,ocij->bopq")


def _known_sizes(node: Node) -> tuple[Any, ...]:
    shape = node.shape or ()
    if not shape or any(isinstance(size, Dimension) for size in shape[2:]):
        raise ArgumentError(
            "what slides over images of unknown height or width cannot be opened",
            where=node.where,
            given=shape_text(node.shape),
            remedy='shape=("m", 3, 8, 8): only the batch may have a name',
        )
    return tuple(shape)


def _windows_of(x: Node, window: Any, stride: Any, padding: Any) -> Node:
    """The windows of the images, (batch, channels, rows, rows of a window, columns, columns of a window)."""
    _, _, height, width = _known_sizes(x)
    (rows, columns), (down, right), (above, left) = pair(window), pair(stride), pair(padding)
    strips = Einsum(x, _places(height, rows, down, above), subscripts="bchw,hpi->bcwpi")
    return Einsum(strips, _places(width, columns, right, left), subscripts="bcwpi,wqj->bcpiqj")


def _places(size: int, window: int, stride: int, padding: int) -> Any:
    """1 where entry i of window p meets a pixel of the image, by pixel, p and i."""
    count = (size + 2 * padding - window) // stride + 1
    met = np.arange(count)[:, np.newaxis] * stride + np.arange(window) - padding
    return (np.arange(size)[:, np.newaxis, np.newaxis] == met).astype(float)


class Pooling(Node):
    """What all pooling shares: a window of ``size`` that moves on by ``stride``, which is its size where none is given.

    It starts ``padding`` entries outside of the image; each fact is one number, or a pair for rows and columns.
    """

    size: Window = 2
    stride: WindowOrNone = None
    padding: Padding = 0

    def _opened(self, x: Node) -> tuple[Node, Any]:
        """All windows of x, and 1 where an entry of them is inside of the image, else 0."""
        stride = self.size if self.stride is None else self.stride
        _, _, height, width = _known_sizes(x)
        down, right = (
            _places(*facts).sum(axis=0)
            for facts in zip((height, width), pair(self.size), pair(stride), pair(self.padding), strict=True)
        )
        return _windows_of(x, self.size, stride, self.padding), down[:, :, np.newaxis, np.newaxis] * right


@final
class MaxPool(Pooling, computes=max_pool):
    """The largest entry of every window of the images; entries that tie share the gradient equally.

    >>> from chainrule import Input
    >>> MaxPool(Input("x", ("m", 3, 8, 6)), size=2).shape
    (m, 3, 4, 3)
    """

    def forward(self, x: Value) -> Value:
        return max_pool(x, self.size, self.stride, self.padding)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (max_pool_backward(grad, x, self.size, self.stride, self.padding),)

    def expand(self, *inputs: Node) -> Node:
        """The largest of all windows, which are picked out by matrices of zeros and ones."""
        windows, inside = self._opened(*inputs)
        return Max(windows if inside.all() else windows + np.where(inside, 0, -np.inf), axis=(3, 5))


@final
class AveragePool(Pooling, computes=average_pool):
    """The mean of every window of the images.

    What lies outside of the image counts as 0, or, where ``count_padding`` is False, not at all.

    >>> from chainrule import Input
    >>> AveragePool(Input("x", ("m", 3, 8, 6)), size=3, stride=2, padding=1).shape
    (m, 3, 4, 3)
    """

    count_padding: Flag = True

    def forward(self, x: Value) -> Value:
        return average_pool(x, self.size, self.stride, self.padding, count_padding=self.count_padding)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (average_pool_backward(grad, x, self.size, self.stride, self.padding, count_padding=self.count_padding),)

    def expand(self, *inputs: Node) -> Node:
        """Every window picked out and added up by matrices of zeros and ones, over how many entries it counts."""
        windows, inside = self._opened(*inputs)
        area = inside[0, :, 0].size if self.count_padding else inside.sum(axis=(1, 3))
        mean: Node = Einsum(windows, subscripts="bcpiqj->bcpq") / area
        return mean
