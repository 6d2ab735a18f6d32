"""What gradients become on their way back through windows, normalizations and masks, each as a node.

They come from recorded passes, so that a backward pass is a graph of nodes again; none is a public name.
"""

from __future__ import annotations

from typing import Any, final

import numpy as np

from chainrule.core.facts import Axis, CountOrNone, Flag, NotNegative, Padding, Window, WindowOrNone
from chainrule.core.node import Node
from chainrule.symbols.broadcasting import unbroadcast
from chainrule.symbols.standardizing import (
    EPSILON,
    deviation,
    in_groups,
    masked_softmax,
    sent_back_in_steps,
    standardized,
    standardized_backward,
    standardized_in_steps,
)
from chainrule.symbols.symbol import Value
from chainrule.symbols.windows import (
    average_pool,
    average_pool_backward,
    conv2d,
    conv2d_backward_image,
    conv2d_backward_kernel,
    max_pool_backward,
    max_pool_picked,
)


@final
class ConvolutionToImage(Node, computes=conv2d_backward_image):
    """What a gradient of a convolution is to the images, whose shape ``like`` lends; linear in both others."""

    stride: Window = 1
    padding: Padding = 0

    def forward(self, g: Value, kernel: Value, like: Value) -> Value:
        return conv2d_backward_image(g, kernel, like, self.stride, self.padding)

    def backward(self, grad: Value, y: Value, g: Value, kernel: Value, like: Value) -> tuple[Value, Value, None]:
        return (
            conv2d(grad, kernel, self.stride, self.padding),
            conv2d_backward_kernel(g, grad, kernel, self.stride, self.padding),
            None,
        )


@final
class ConvolutionToKernel(Node, computes=conv2d_backward_kernel):
    """What a gradient of a convolution is to the kernel, whose shape ``like`` lends; linear in both others."""

    stride: Window = 1
    padding: Padding = 0

    def forward(self, g: Value, x: Value, like: Value) -> Value:
        return conv2d_backward_kernel(g, x, like, self.stride, self.padding)

    def backward(self, grad: Value, y: Value, g: Value, x: Value, like: Value) -> tuple[Value, Value, None]:
        return (
            conv2d(x, grad, self.stride, self.padding),
            conv2d_backward_image(g, grad, x, self.stride, self.padding),
            None,
        )


@final
class ToLargest(Node, computes=max_pool_backward):
    """What a gradient of the largest entries of windows is to x, which says where they stand and has no gradient."""

    size: Window = 2
    stride: WindowOrNone = None
    padding: Padding = 0

    def forward(self, g: Value, like: Value) -> Value:
        return max_pool_backward(g, like, self.size, self.stride, self.padding)

    def backward(self, grad: Value, y: Value, g: Value, like: Value) -> tuple[Value, None]:
        return max_pool_picked(grad, like, self.size, self.stride, self.padding), None


@final
class AtLargest(Node, computes=max_pool_picked):
    """The entries of x where ``like`` is largest in each window."""

    size: Window = 2
    stride: WindowOrNone = None
    padding: Padding = 0

    def forward(self, x: Value, like: Value) -> Value:
        return max_pool_picked(x, like, self.size, self.stride, self.padding)

    def backward(self, grad: Value, y: Value, x: Value, like: Value) -> tuple[Value, None]:
        return max_pool_backward(grad, like, self.size, self.stride, self.padding), None


@final
class ToWindows(Node, computes=average_pool_backward):
    """What a gradient of the means of windows is to the images, whose shape ``like`` lends."""

    size: Window = 2
    stride: WindowOrNone = None
    padding: Padding = 0
    count_padding: Flag = True

    def forward(self, g: Value, like: Value) -> Value:
        return average_pool_backward(g, like, self.size, self.stride, self.padding, count_padding=self.count_padding)

    def backward(self, grad: Value, y: Value, g: Value, like: Value) -> tuple[Value, None]:
        return average_pool(grad, self.size, self.stride, self.padding, count_padding=self.count_padding), None


@final
class Standardized(Node, computes=standardized):
    """x less its mean, unless ``center`` is False, over the root of its mean square and ε; by axis, or in groups."""

    axis: Axis = None
    epsilon: NotNegative = EPSILON
    center: Flag = True
    groups: CountOrNone = None

    def forward(self, x: Value) -> Value:
        return standardized(x, self.axis, self.epsilon, center=self.center, groups=self.groups)

    def backward(self, grad: Value, y: Value, x: Value) -> tuple[Value]:
        return (standardized_backward(grad, x, self.axis, self.epsilon, center=self.center, groups=self.groups),)

    def expand(self, *inputs: Node) -> Node:
        """x less its mean, over the root of its variance and ε."""
        (x,) = inputs
        opened: Node = standardized_in_steps(x, self.axis, self.epsilon, center=self.center, groups=self.groups)
        return opened


@final
class StandardizedBackward(Node, computes=standardized_backward):
    """What a gradient g of n = ``standardized(x)`` is to x: linear in g, and symmetric.

    Of y = (g - mean(g) - n mean(g n)) / s the slope along x is -(n mean(v y) + S(v) mean(g n) + y mean(v n)) / s for
    an upstream gradient v, where S(v) is y with v in the place of g.
    """

    axis: Axis = None
    epsilon: NotNegative = EPSILON
    center: Flag = True
    groups: CountOrNone = None

    def forward(self, g: Value, x: Value) -> Value:
        return standardized_backward(g, x, self.axis, self.epsilon, center=self.center, groups=self.groups)

    def backward(self, grad: Value, y: Value, g: Value, x: Value) -> tuple[Value, Value]:
        if self.groups is not None:
            apart, axis = in_groups(x, self.groups)
            grad, y, g = (value.reshape(apart.shape) for value in (grad, y, g))
            of_g, of_x = self._local(grad, y, g, apart, axis)
            return of_g.reshape(x.shape), of_x.reshape(x.shape)
        return self._local(grad, y, g, x, self.axis)

    def expand(self, *inputs: Node) -> Node:
        """g less n mean(g n), less its mean, over the root of the variance of x and ε."""
        g, x = inputs
        opened: Node = sent_back_in_steps(g, x, self.axis, self.epsilon, center=self.center, groups=self.groups)
        return opened

    def _local(self, grad: Value, y: Value, g: Value, x: Value, axis: Any) -> tuple[Value, Value]:
        n = standardized(x, axis, self.epsilon, center=self.center)
        back = standardized_backward(grad, x, axis, self.epsilon, center=self.center)
        of_y, of_n, of_g = (np.mean(product, axis=axis, keepdims=True) for product in (grad * y, g * n, grad * n))
        return back, -(n * of_y + back * of_n + y * of_g) / deviation(x, axis, self.epsilon, self.center)


@final
class MaskedSoftmax(Node, computes=masked_softmax):
    """The softmax of the entries where ``mask`` holds, along an axis; 0 elsewhere."""

    axis: Axis = None

    def forward(self, x: Value, mask: Value) -> Value:
        return masked_softmax(x, mask, axis=self.axis)

    def backward(self, grad: Value, y: Value, x: Value, mask: Value) -> tuple[Value, None]:
        return unbroadcast(y * (grad - (grad * y).sum(axis=self.axis, keepdims=True)), x), None
