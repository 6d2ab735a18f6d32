"""Values brought to mean 0 and variance 1, then scaled and shifted: over features, over the batch, over groups.

======================  ==============================================  ===================================
node                    mean and variance are taken over                scale and shift have a number for
======================  ==============================================  ===================================
LayerNorm, RMSNorm      the features of one example (``axis``)          each feature
BatchNorm               the batch and each image, for every channel     each channel
GroupNorm               a group of channels, with each image            each channel
======================  ==============================================  ===================================

The axis of the features is the one that a shape tells: beside the batch axis in columns (f, m) and rows (m, f), the
last of sequences (batch, time, features). Channels stand on axis 1 of images (batch, channels, height, width).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from math import prod
from typing import Any, final

import numpy as np

from chainrule.core.facts import Axis, Count, NotNegative, OneAxisOrNone
from chainrule.core.leaves import Constant
from chainrule.core.node import Node, Operand
from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.batch_axis import channels_axis, features_axis
from chainrule.nodes.elementwise import Sqrt, Square
from chainrule.nodes.rearranging import Reshape
from chainrule.nodes.reductions import Mean
from chainrule.nodes.spread import Var
from chainrule.symbols.broadcasting import unbroadcast
from chainrule.symbols.dimensions import Dimension, Shape, divided, shape_text
from chainrule.symbols.shapes import normal_axes
from chainrule.symbols.standardizing import EPSILON, standardized, standardized_backward
from chainrule.symbols.symbol import Value

# --- numbers for each feature or channel -----------------------------------------------------------------------------


def _beside(parameter: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """A scale, shift or statistic in the shape in which it broadcasts: a number for each entry along these axes of x.

    Raises ShapeError for one with numbers along other axes: a scale of shape (3,) would go along the columns of (3, 3).
    """
    along = tuple(x.shape[k] if k in axes else 1 for k in range(x.ndim))
    aligned = (1,) * (x.ndim - parameter.ndim) + tuple(parameter.shape)
    if len(aligned) == x.ndim and all(size in (1, wanted) for size, wanted in zip(aligned, along, strict=True)):
        return parameter
    if tuple(parameter.shape) == tuple(x.shape[k] for k in axes):
        return parameter.reshape(along[min(axes) :])
    raise ShapeError(
        f"numbers of shape {shape_text(parameter.shape)} are not those of axis {', '.join(map(str, axes))} of x",
        given=f"x {shape_text(x.shape)}",
        remedy=f"shape {shape_text(along[min(axes) :])}, a number for each entry along that axis",
    )


def _back_beside(grad: Value, parameter: Value, x: Value, axes: tuple[int, ...]) -> Value:
    """The gradient of a scale, shift or statistic from that of what it was broadcast to."""
    numbers = [size for size in parameter.shape if size != 1]
    if parameter.ndim == x.ndim or numbers != [x.shape[k] for k in axes if x.shape[k] != 1]:
        return unbroadcast(grad, _beside(parameter, x, axes)).reshape(parameter.shape)
    others = tuple(k for k in range(x.ndim) if k not in axes)
    summed = grad.sum(axis=others[0] if len(others) == 1 else others)
    return summed if summed.shape == parameter.shape else summed.reshape(parameter.shape)


def _as_constant(value: Operand) -> Operand:
    """An array as a Constant, which may stand where an input may be left out."""
    return Constant(value) if isinstance(value, (np.ndarray, list)) else value


class Normalization(Node):
    """What all normalizations share: a scale and a shift, which may be left out, behind what has been normalized."""

    epsilon: NotNegative = EPSILON

    def __init__(self, x: Operand, *scale_and_shift: Operand, name: str | None = None, **facts: Any) -> None:
        super().__init__(x, *map(_as_constant, scale_and_shift), name=name, **facts)

    def forward(self, x: Value, scale: Value = None, shift: Value = None) -> Value:
        y = self._normalized(x)
        y = y if scale is None else y * _beside(scale, x, self._axes(x))
        return y if shift is None else y + _beside(shift, x, self._axes(x))

    def backward(self, grad: Value, y: Value, x: Value, *scale_and_shift: Value) -> tuple[Value, ...]:
        axes = self._axes(x)
        of_parameters = (grad * self._normalized(x), grad)[: len(scale_and_shift)]
        back = zip(of_parameters, scale_and_shift, strict=True)
        scaled = grad * _beside(scale_and_shift[0], x, axes) if scale_and_shift else grad
        return self._back(scaled, x), *(_back_beside(one, parameter, x, axes) for one, parameter in back)

    @abstractmethod
    def _normalized(self, x: Value) -> Value:
        """x before the scale and the shift."""

    @abstractmethod
    def _back(self, grad: Value, x: Value) -> Value:
        """What a gradient of that is to x."""

    @abstractmethod
    def _axes(self, x: Value) -> tuple[int, ...]:
        """The axes along which a scale has its numbers."""


def _refuse_named(kind: str, axes: Any, shape: Shape | None) -> None:
    """Raise ArgumentError where a normalization would run along an axis with a name, on which the examples stand."""
    named = [shape[k] for k in normal_axes(axes, len(shape)) if isinstance(shape[k], Dimension)] if shape else []
    if named:
        raise ArgumentError(
            f"{kind} runs along the features of one example, and {named[0]} counts examples",
            given=f"axis={axes} of {shape_text(shape)}",
            remedy="the axis of the features; BatchNorm(x, scale, shift) runs along the batch",
        )


# --- over the features of one example --------------------------------------------------------------------------------


class OverFeatures(Normalization):
    """A normalization along the features of one example: ``axis``, told by the shape where nobody gives it."""

    axis: Axis = None

    @classmethod
    def settled(cls, given: Mapping[str, Any], *shapes: Shape | None) -> Mapping[str, Any]:
        """The axis of the features. Raises ArgumentError where it cannot be told, or is one with a name."""
        if given.get("axis") is None:
            return {"axis": features_axis(shapes[0])}
        _refuse_named(cls.__name__, given["axis"], shapes[0])
        return {}

    def _axes(self, x: Value) -> tuple[int, ...]:
        return normal_axes(self.axis, x.ndim)


@final
class LayerNorm(OverFeatures):
    """The features of every example at mean 0 and variance 1, then scaled and shifted (Ba, Kiros and Hinton 2016).

    y = (x - μ) / √(σ² + ε) · scale + shift, with μ and σ² over ``axis``, that of the features: 0 in columns (f, m), 1
    in rows (m, f), 2 in sequences (batch, time, features). An axis with a name, which counts examples, is refused.
    Scale and shift have a number for each feature, and may be left out.

    >>> from chainrule import Graph, Input
    >>> run = Graph(LayerNorm(Input("x", (2, "m")), epsilon=0.0, name="y")).forward({"x": [[1, 5, 0], [3, 1, 4]]})
    >>> run["y"].tolist()
    [[-1.0, 1.0, -1.0], [1.0, -1.0, 1.0]]
    """

    def _normalized(self, x: Value) -> Value:
        return standardized(x, self.axis, self.epsilon)

    def _back(self, grad: Value, x: Value) -> Value:
        return standardized_backward(grad, x, self.axis, self.epsilon)

    def expand(self, *inputs: Node) -> Node:
        """x less its mean, over the root of its variance and ε, times the scale, plus the shift."""
        x, *scale_and_shift = inputs
        return _scaled(_standardized_nodes(x, self.axis, self.epsilon), scale_and_shift, self._axes(x))


@final
class RMSNorm(OverFeatures):
    """The features of every example over the root of the mean of their squares, then scaled (Zhang and Sennrich 2019).

    y = x / √(mean(x²) + ε) · scale, with the mean over ``axis``, as for LayerNorm; nothing is subtracted. A scale may
    be left out, a shift may follow it.
    """

    def _normalized(self, x: Value) -> Value:
        return standardized(x, self.axis, self.epsilon, center=False)

    def _back(self, grad: Value, x: Value) -> Value:
        return standardized_backward(grad, x, self.axis, self.epsilon, center=False)

    def expand(self, *inputs: Node) -> Node:
        """x over the root of the mean of its squares and ε, times the scale."""
        x, *scale_and_shift = inputs
        size = Sqrt(Mean(Square(x), axis=self.axis, keepdims=True) + self.epsilon)
        return _scaled(x / size, scale_and_shift, self._axes(x))


def _standardized_nodes(x: Node, axis: Axis, epsilon: float) -> Node:
    apart = x - Mean(x, axis=axis, keepdims=True)
    return apart / Sqrt(Mean(Square(apart), axis=axis, keepdims=True) + epsilon)


def _scaled(x: Node, scale_and_shift: Any, axes: tuple[int, ...]) -> Node:
    fitting = [_beside(parameter, x, axes) for parameter in scale_and_shift]
    scaled: Node = x * fitting[0] if fitting else x
    return scaled + fitting[1] if len(fitting) > 1 else scaled


# --- over channels ---------------------------------------------------------------------------------------------------


@final
class GroupNorm(Normalization):
    """Groups of channels with their images at mean 0 and variance 1, then scaled and shifted (Wu and He 2018).

    ``groups`` divides the number of channels, which stand on axis 1; the first axis counts examples. One group is a
    LayerNorm over whole images but for the shape of the scale; as many groups as channels is what is called instance
    normalization.

    >>> from chainrule import Input, Parameter
    >>> GroupNorm(Input("x", ("m", 6, 4, 5)), Parameter("scale", (6,)), Parameter("shift", (6,)), groups=3).shape
    (m, 6, 4, 5)
    """

    groups: Count = 2

    def _normalized(self, x: Value) -> Value:
        return standardized(x, epsilon=self.epsilon, groups=self._divided(x))

    def _back(self, grad: Value, x: Value) -> Value:
        return standardized_backward(grad, x, epsilon=self.epsilon, groups=self.groups)

    def _axes(self, x: Value) -> tuple[int, ...]:
        return (1,)

    def _divided(self, x: Value) -> int:
        """The number of groups; raises ShapeError where it does not divide the channels."""
        channels = x.shape[1] if x.ndim > 1 else None
        if not isinstance(channels, int) or self.groups < 1 or channels % self.groups:
            raise ShapeError(
                f"{shape_text(x.shape)} does not divide into {self.groups} groups of channels, which stand on axis 1",
                remedy=f"groups=1, or another number that divides {channels}",
            )
        return self.groups

    def expand(self, *inputs: Node) -> Node:
        """The groups apart, each standardized, and put together again."""
        x, *scale_and_shift = inputs
        shape = x.shape or ()
        parts = Reshape(x, to=(shape[0], self.groups, divided(shape[1], self.groups), *shape[2:]))
        alone = _standardized_nodes(parts, tuple(range(2, len(shape) + 1)), self.epsilon)
        return _scaled(Reshape(alone, x), scale_and_shift, (1,))


@final
class BatchNorm(Node):
    """Every channel at mean 0 and variance 1 over the batch, then scaled and shifted (Ioffe and Szegedy 2015).

    In training, ``BatchNorm(x, scale, shift)`` takes mean and variance over the batch, and over each image. In
    evaluation they are handed in, ``BatchNorm(x, scale, shift, mean, variance)``: what ``running_statistics`` has
    gathered. Nothing is kept in the node, so no mode has to be switched.

    ``channels`` is the axis of the channels: 1 of images (batch, channels, height, width), that of the features of
    columns and rows. Scale, shift, mean and variance have a number for each channel.

    >>> from chainrule import Graph, Input
    >>> x, ones, zeros = Input("x", ("m", 2)), np.ones(2), np.zeros(2)
    >>> training = Graph(BatchNorm(x, ones, zeros, epsilon=0.0, name="y"))
    >>> training.forward({"x": [[1, 8], [3, 4]]})["y"].tolist()
    [[-1.0, 1.0], [1.0, -1.0]]
    >>> evaluation = Graph(BatchNorm(x, ones, zeros, [2.0, 6.0], [1.0, 4.0], epsilon=0.0, name="y"))
    >>> evaluation.forward({"x": [[1, 8]]})["y"].tolist()
    [[-1.0, 1.0]]
    """

    channels: OneAxisOrNone = None
    epsilon: NotNegative = EPSILON

    def __init__(self, x: Operand, *others: Operand, name: str | None = None, **facts: Any) -> None:
        super().__init__(x, *map(_as_constant, others), name=name, **facts)

    @classmethod
    def settled(cls, given: Mapping[str, Any], *shapes: Shape | None) -> Mapping[str, Any]:
        """The axis of the channels. Raises ArgumentError where it cannot be told, or is one with a name."""
        if given.get("channels") is None:
            return {"channels": channels_axis(shapes[0])}
        _refuse_named(cls.__name__, given["channels"], shapes[0])
        return {}

    def forward(self, x: Value, scale: Value, shift: Value, mean: Value = None, variance: Value = None) -> Value:
        if mean is None:
            return standardized(x, self._others(x), self.epsilon) * self._beside(scale, x) + self._beside(shift, x)
        root = np.sqrt(self._beside(self._needed(variance), x) + self.epsilon)
        return (x - self._beside(mean, x)) / root * self._beside(scale, x) + self._beside(shift, x)

    def backward(
        self, grad: Value, y: Value, x: Value, scale: Value, shift: Value, *statistics: Value
    ) -> tuple[Value, ...]:
        scaled = grad * self._beside(scale, x)
        if not statistics:
            n = standardized(x, self._others(x), self.epsilon)
            back = standardized_backward(scaled, x, self._others(x), self.epsilon)
            return back, self._back(grad * n, scale, x), self._back(grad, shift, x)
        mean, variance = statistics
        spread = self._beside(variance, x) + self.epsilon
        back, n = scaled / np.sqrt(spread), (x - self._beside(mean, x)) / np.sqrt(spread)
        return (
            back,
            self._back(grad * n, scale, x),
            self._back(grad, shift, x),
            -self._back(back, mean, x),
            -self._back(scaled * n / (2 * spread), variance, x),
        )

    def _others(self, x: Value) -> tuple[int, ...]:
        """The axes over which the statistics are taken: all but that of the channels."""
        (channels,) = self._channels(x)
        axes = tuple(k for k in range(x.ndim) if k != channels)
        if prod(size for k in axes if isinstance(size := x.shape[k], int)) == 0:
            raise ArgumentError("a mean over no examples is undefined", given=f"x {shape_text(x.shape)}")
        return axes

    def _channels(self, x: Value) -> tuple[int, ...]:
        return normal_axes(self.channels, x.ndim)

    def _beside(self, parameter: Value, x: Value) -> Value:
        return _beside(parameter, x, self._channels(x))

    def _back(self, grad: Value, parameter: Value, x: Value) -> Value:
        return _back_beside(grad, parameter, x, self._channels(x))

    @staticmethod
    def _needed(variance: Value) -> Value:
        if variance is None:
            raise ArgumentError(
                "BatchNorm takes mean and variance together", remedy="BatchNorm(x, scale, shift, mean, variance)"
            )
        return variance

    def expand(self, *inputs: Node) -> Node:
        """x less the mean, over the root of the variance and ε, times the scale, plus the shift."""
        x, scale, shift, *statistics = inputs
        if not statistics:
            return _scaled(_standardized_nodes(x, self._others(x), self.epsilon), (scale, shift), self._channels(x))
        mean, variance = (self._beside(statistic, x) for statistic in statistics)
        return _scaled((x - mean) / Sqrt(variance + self.epsilon), (scale, shift), self._channels(x))


def running_statistics(norm: BatchNorm, mean: Operand, variance: Operand, momentum: float = 0.1) -> tuple[Node, Node]:
    """What the mean and the variance of a BatchNorm in training become with this batch: nodes, for a graph to watch.

    Each is (1 - momentum) times what it was, plus momentum times that of the batch; the variance of the batch is that
    of a sample, over n - 1, as PyTorch has it. The run hands them out, and the next one takes them in.

    >>> import chainrule as cr
    >>> x, mean, variance = cr.Input("x", ("m", 1)), cr.Input("mean", 1), cr.Input("variance", 1)
    >>> y = cr.BatchNorm(x, [1.0], [0.0], name="y")
    >>> graph = cr.Graph(y, *running_statistics(y, mean, variance))
    >>> run = graph.forward({"x": [[1], [3]], "mean": [0], "variance": [1]})
    >>> [round(float(run[node][0]), 3) for node in graph.outputs[1:]]
    [0.2, 1.1]
    """
    x = norm.inputs[0]
    axes = norm._others(x)
    means = Mean(x, axis=axes, keepdims=True), Var(x, axis=axes, keepdims=True, ddof=1)
    return tuple(_mixed(old, new, momentum) for old, new in zip((mean, variance), means, strict=True))  # type: ignore[return-value]  # two


def _mixed(old: Any, new: Node, momentum: float) -> Node:
    fresh = new if np.shape(old) == new.shape else Reshape(new, to=np.shape(old))
    mixed: Node = old * (1 - momentum) + fresh * momentum
    return mixed
