"""PyTorch's operations that are whole layers and losses, as nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from chainrule.core.leaves import Constant
from chainrule.core.node import Node
from chainrule.errors import ArgumentError
from chainrule.nodes import arithmetic, elementwise
from chainrule.nodes.attention import Attention
from chainrule.nodes.conditions import Less
from chainrule.nodes.images import AveragePool, Conv2d, MaxPool
from chainrule.nodes.linear import MatMul, Transpose
from chainrule.nodes.normalizing import BatchNorm, GroupNorm, LayerNorm, RMSNorm
from chainrule.nodes.rearranging import Concatenate, ExpandDims, Gather, Index, Reshape, Squeeze
from chainrule.nodes.reductions import LogSoftmax, Mean, Sum
from chainrule.nodes.sorting import TakeAlong


def _linear(x: Any, weight: Any, bias: Any = None) -> Node:
    y: Node = MatMul(x, Transpose(weight) if weight.ndim == 2 else weight)
    return y if bias is None else arithmetic.Add(y, bias)


# --- images ----------------------------------------------------------------------------------------------------------


def _window(fact: Any) -> Any:
    """A fact of a window: one number, or one for rows and columns."""
    values = list(fact) if isinstance(fact, (list, tuple)) else [fact]
    return values[0] if len(set(values)) == 1 else tuple(values)


def _beside(padding: Any, kernel: Any, axes: int) -> Any:
    """How much is put beside an image; "same" says it by the kernel."""
    if padding == "valid":
        return 0
    if padding != "same":
        return _window(padding)
    sizes = kernel.shape[-axes:]
    if any(size % 2 == 0 for size in sizes):
        raise ArgumentError('padding="same" of an even window stands on one side alone', remedy="an odd window")
    return _window([size // 2 for size in sizes])


def _only(what: str, value: Any, expected: Any) -> None:
    values = value if isinstance(value, (list, tuple)) else [value]
    if any(one != expected for one in values):
        raise ArgumentError(f"{what} is {value}, and there are nodes for {expected} alone")


def _conv2d(
    x: Any, kernel: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Node:
    _only("dilation", dilation, 1)
    facts = {"stride": _window(stride), "padding": _beside(padding, kernel, 2)}
    if groups == 1:
        y: Node = Conv2d(x, kernel, **facts)
    else:  # each group of channels has kernels of its own
        read, made = x.shape[1] // groups, kernel.shape[0] // groups
        y = Concatenate(*(
            Conv2d(_channels(x, 1, k * read, read), _channels(kernel, 0, k * made, made), **facts)
            for k in range(groups)
        ), axis=1)  # fmt: skip
    return y if bias is None else arithmetic.Add(y, Reshape(bias, to=(bias.shape[0], 1, 1)))


def _channels(x: Any, axis: int, first: int, count: int) -> Node:
    return Index(x, key=(*(slice(None),) * axis, slice(first, first + count)))


def _conv1d(x: Any, kernel: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, *more: Any) -> Node:
    """A convolution along one axis, as that of images with one row."""
    beside = _beside(padding, kernel, 1)
    step, around = (1, _window(stride)), (0, beside)
    y = _conv2d(ExpandDims(x, axis=2), ExpandDims(kernel, axis=2), bias, step, around, *more)
    return Squeeze(y, axis=2)


def _convolution(
    x: Any,
    kernel: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Node:
    _only("transposed", transposed, False)
    form = {3: _conv1d, 4: _conv2d}.get(kernel.ndim)
    if form is None:
        raise ArgumentError(f"a convolution with a kernel of {kernel.ndim} axes has no node", remedy="conv1d, conv2d")
    return form(x, kernel, bias, stride, padding, dilation, groups)


def _pooling(size: Any, stride: Any, padding: Any) -> dict[str, Any]:
    return {"size": _window(size), "stride": _window(stride) if stride else None, "padding": _window(padding)}


def _max_pool(
    x: Any, size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Node:
    _only("dilation", dilation, 1)
    _only("ceil_mode", ceil_mode, False)
    return MaxPool(x, **_pooling(size, stride, padding))


def _average_pool(
    x: Any,
    size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Node:
    _only("ceil_mode", ceil_mode, False)
    _only("divisor_override", divisor_override, None)
    return AveragePool(x, **_pooling(size, stride, padding), count_padding=count_include_pad)


def _adaptive_average(x: Any, sizes: Any) -> Node:
    if list(sizes) == [1] * len(sizes):
        return Mean(x, axis=tuple(range(-len(sizes), 0)), keepdims=True)
    inside = x.shape[-len(sizes) :]
    if len(sizes) != 2 or any(size % many for size, many in zip(inside, sizes, strict=True)):
        raise ArgumentError(f"windows of {inside} that give {list(sizes)} are not all of one size")
    return AveragePool(x, size=tuple(size // many for size, many in zip(inside, sizes, strict=True)))


# --- at mean 0 and variance 1 ----------------------------------------------------------------------------------------


def _of_features(value: Any, count: int, number: float) -> Any:
    return Constant(np.full(count, number)) if value is None else value


def _batch_norm(
    x: Any,
    scale: Any,
    shift: Any,
    mean: Any,
    variance: Any,
    training: bool,
    momentum: float,
    epsilon: float,
    cudnn: bool = False,
) -> Node:
    count = x.shape[1]
    both = _of_features(scale, count, 1.0), _of_features(shift, count, 0.0)
    known = () if training else (mean, variance)
    return BatchNorm(x, *both, *known, channels=1, epsilon=float(epsilon))


def _layer_norm(
    x: Any, sizes: Any, scale: Any = None, shift: Any = None, epsilon: float = 1e-5, cudnn: bool = False
) -> Node:
    if scale is None and shift is not None:
        return arithmetic.Add(LayerNorm(x, axis=_last(sizes), epsilon=float(epsilon)), shift)
    given = [one for one in (scale, shift) if one is not None]
    return LayerNorm(x, *given, axis=_last(sizes), epsilon=float(epsilon))


def _last(sizes: Any) -> Any:
    """The last axes, as many as there are sizes."""
    return -1 if len(sizes) == 1 else tuple(range(-len(sizes), 0))


def _group_norm(
    x: Any, groups: int, scale: Any = None, shift: Any = None, epsilon: float = 1e-5, cudnn: bool = False
) -> Node:
    if scale is None and shift is None:
        return GroupNorm(x, groups=groups, epsilon=float(epsilon))
    both = _of_features(scale, x.shape[1], 1.0), _of_features(shift, x.shape[1], 0.0)
    return GroupNorm(x, *both, groups=groups, epsilon=float(epsilon))


def _rms_norm(x: Any, sizes: Any, scale: Any = None, epsilon: float | None = None) -> Node:
    least = float(np.finfo(np.float64).eps) if epsilon is None else float(epsilon)
    return RMSNorm(x, *([] if scale is None else [scale]), axis=_last(sizes), epsilon=least)


def _dropout(x: Any, rate: float, train: bool) -> Any:
    if train and rate:
        raise ArgumentError(
            "dropout draws another mask at every call, so what it gives is no function of the arguments",
            remedy="module.eval() before from_module; or a mask that is an argument of the module",
        )
    return x


# --- sequences -------------------------------------------------------------------------------------------------------


def _embedding(table: Any, indices: Any, *_: Any, **__: Any) -> Node:
    return Gather(table, indices, axis=0)


def _attention(
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    dropout: float = 0.0,
    is_causal: bool = False,
    scale: Any = None,
    enable_gqa: bool = False,
) -> Node:
    _only("dropout", dropout, 0.0)
    _only("enable_gqa", enable_gqa, False)
    if is_causal:
        mask = Constant(np.tril(np.ones((q.shape[-2], k.shape[-2]), dtype=bool)), dtype=bool)
    if scale is not None:  # a node divides by √d
        q = arithmetic.Multiply(q, float(scale) * float(q.shape[-1]) ** 0.5)
    return Attention(q, k, v) if mask is None else Attention(q, k, v, mask)


# --- losses ----------------------------------------------------------------------------------------------------------

_REDUCTIONS: Final[tuple[Callable[[Any], Node], ...]] = (lambda x: x, Mean, Sum)  # as PyTorch numbers them


def _loss(each: Callable[..., Any]) -> Callable[..., Node]:
    """A loss that is the mean of all entries, as PyTorch has it, or their sum, or each of them."""
    return lambda x, y, reduction=1, **_: _REDUCTIONS[reduction](each(x, y))


def _huber(x: Any, y: Any, reduction: int = 1, delta: float = 1.0, slope: float = 1.0) -> Node:
    apart = elementwise.Abs(arithmetic.Subtract(x, y))
    near = arithmetic.Multiply(elementwise.Square(apart), 0.5)
    far = arithmetic.Multiply(arithmetic.Subtract(apart, delta / 2), delta)
    each = arithmetic.Where(Less(apart, delta), near, far)
    return _REDUCTIONS[reduction](each if slope == 1 else arithmetic.Multiply(each, slope))


def _binary(a: Any, y: Any, weight: Any = None, reduction: int = 1) -> Node:
    """By definition: PyTorch holds the logarithm at -100."""
    _only("weight", weight, None)
    one = arithmetic.Multiply(y, elementwise.Log(a))
    none = arithmetic.Multiply(arithmetic.Subtract(1, y), elementwise.Log(arithmetic.Subtract(1, a)))
    return _REDUCTIONS[reduction](arithmetic.Negate(arithmetic.Add(one, none)))


def _binary_of_logits(z: Any, y: Any, weight: Any = None, pos_weight: Any = None, reduction: int = 1) -> Node:
    _only("weight", weight, None)
    _only("pos_weight", pos_weight, None)
    each = arithmetic.Subtract(elementwise.Softplus(z), arithmetic.Multiply(z, y))
    return _REDUCTIONS[reduction](each)


def _negative_log(q: Any, labels: Any, weight: Any = None, reduction: int = 1, ignore_index: int = -100) -> Node:
    """The logarithms at the labels; a label that is to be ignored is refused by the run, since no column has it."""
    _only("weight", weight, None)
    axis = 0 if q.ndim == 1 else 1
    picked = TakeAlong(q, ExpandDims(labels, axis=axis), axis=axis)
    return _REDUCTIONS[reduction](arithmetic.Negate(Squeeze(picked, axis=axis)))


def _cross_entropy(
    z: Any, labels: Any, weight: Any = None, reduction: int = 1, ignore_index: int = -100, smoothing: float = 0.0
) -> Node:
    _only("label_smoothing", smoothing, 0.0)
    q = LogSoftmax(z, axis=0 if z.ndim == 1 else 1)
    if labels.dtype.kind != "f":
        return _negative_log(q, labels, weight, reduction)
    _only("weight", weight, None)
    each = arithmetic.Negate(Sum(arithmetic.Multiply(q, labels), axis=0 if z.ndim == 1 else 1))
    return _REDUCTIONS[reduction](each)


ROWS: Final[Mapping[str, Callable[..., Any]]] = {
    "linear": _linear,
    "conv1d": _conv1d,
    "conv2d": _conv2d,
    "convolution": _convolution,
    "max_pool2d": _max_pool,
    "avg_pool2d": _average_pool,
    "adaptive_avg_pool2d": _adaptive_average,
    "_adaptive_avg_pool2d": _adaptive_average,
    "adaptive_avg_pool1d": _adaptive_average,
    "batch_norm": _batch_norm,
    "_native_batch_norm_legit_functional": lambda *arguments: (_batch_norm(*arguments),),
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    "rms_norm": _rms_norm,
    "dropout": _dropout,
    "feature_dropout": _dropout,
    "alpha_dropout": _dropout,
    "embedding": _embedding,
    "scaled_dot_product_attention": _attention,
    "mse_loss": _loss(lambda x, y: elementwise.Square(arithmetic.Subtract(x, y))),
    "l1_loss": _loss(lambda x, y: elementwise.Abs(arithmetic.Subtract(x, y))),
    "huber_loss": _huber,
    "smooth_l1_loss": lambda x, y, reduction=1, beta=1.0: _huber(x, y, reduction, beta, 1 / beta),
    "binary_cross_entropy": _binary,
    "binary_cross_entropy_with_logits": _binary_of_logits,
    "nll_loss": _negative_log,
    "nll_loss_nd": _negative_log,
    "cross_entropy_loss": _cross_entropy,
}
