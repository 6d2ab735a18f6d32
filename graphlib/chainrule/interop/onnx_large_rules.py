"""Operators of ONNX that one of the large nodes computes: windows, normalizations, attention, weights of classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.interop.onnx_rules import class_rows, per_channel, standardized
from chainrule.interop.onnx_translation import NOTHING, Operands, UnsupportedError
from chainrule.nodes.attention import Attention, Dropout
from chainrule.nodes.images import AveragePool, Conv2d, MaxPool
from chainrule.nodes.losses import SoftmaxCrossEntropyLoss
from chainrule.nodes.normalizing import BatchNorm, GroupNorm, LayerNorm, RMSNorm
from chainrule.nodes.rearranging import Reshape
from chainrule.nodes.reductions import LogSoftmax, Mean
from chainrule.nodes.spread import Var


def _slides(s: Operands, window: tuple[int, ...]) -> dict[str, Any]:
    """Stride and padding; a reason for what the nodes do not have."""
    if len(s.shape()) != 4:
        raise UnsupportedError("windows over signals and volumes, where the nodes have images")
    pads = tuple(s.attribute("pads", (0, 0, 0, 0)))
    if any(one != 1 for one in s.attribute("dilations", (1, 1))) or s.attribute("group", 1) != 1:
        raise UnsupportedError("windows with gaps, and channels in groups")
    if s.attribute("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or pads[:2] != pads[2:]:
        raise UnsupportedError("another padding on either side")
    if s.attribute("kernel_shape") and any(2 * a > b for a, b in zip(pads, window, strict=False)) and not s.has(1):
        raise UnsupportedError("padding of more than half a window, which the pools refuse as PyTorch does")
    if s.attribute("ceil_mode", 0):
        raise UnsupportedError("windows that stand over the edge")
    return {"stride": tuple(s.attribute("strides", (1,) * len(window))), "padding": pads[:2]}


def _convolution(s: Operands) -> Any:
    y = Conv2d(s[0], s[1], **_slides(s, s.shape(1)[2:]))
    return y + Reshape(s[2], to=(-1, 1, 1)) if s.has(2) else y


def _max_pool(s: Operands) -> Any:
    if s.outputs > 1 or s.whole(0):
        raise UnsupportedError("where the largest entries stand, and largest whole numbers")
    window = tuple(s.attribute("kernel_shape"))
    return MaxPool(s[0], size=window, **_slides(s, window))


def _average_pool(s: Operands) -> Any:
    window = tuple(s.attribute("kernel_shape"))
    counted = bool(s.attribute("count_include_pad", 0))
    return AveragePool(s[0], size=window, count_padding=counted, **_slides(s, window))


def _batch_normalization(s: Operands) -> Any:
    epsilon, momentum = s.attribute("epsilon", 1e-5), s.attribute("momentum", 0.9)
    if not s.attribute("training_mode", 0):
        return BatchNorm(s[0], s[1], s[2], s[3], s[4], channels=1, epsilon=epsilon)
    others = tuple(k for k in range(len(s.shape())) if k != 1)
    batch = Mean(s[0], axis=others), Var(s[0], axis=others)
    running = (old * momentum + new * (1 - momentum) for old, new in zip((s[3], s[4]), batch, strict=True))
    return BatchNorm(s[0], s[1], s[2], channels=1, epsilon=epsilon), *running


def _layer_normalization(s: Operands) -> Any:
    axes, epsilon = tuple(range(s.axis(-1), len(s.shape()))), s.attribute("epsilon", 1e-5)
    _, mean, spread = standardized(s[0], axes, epsilon)
    return LayerNorm(s[0], s[1], *([s[2]] if s.has(2) else []), axis=axes, epsilon=epsilon), mean, spread


def _rms_normalization(s: Operands) -> Any:
    axes = tuple(range(s.axis(-1), len(s.shape())))
    return RMSNorm(s[0], s[1], axis=axes, epsilon=s.attribute("epsilon", 1e-5))


def _group_normalization(s: Operands) -> Any:
    groups, epsilon = s.attribute("num_groups"), s.attribute("epsilon", 1e-5)
    if s.shape(1) == s.shape()[1:2]:
        return GroupNorm(s[0], s[1], s[2], groups=groups, epsilon=epsilon)
    raise UnsupportedError("a scale for each group, as opset 18 had it")


def _instance_normalization(s: Operands) -> Any:
    y = GroupNorm(s[0], groups=s.shape()[1], epsilon=s.attribute("epsilon", 1e-5))
    return y * per_channel(s, 1) + per_channel(s, 2)


def _attention(s: Operands) -> Any:
    usual = not any(value for name, value in s.attributes.items() if name != "is_causal")
    heads = len(s.shape()) == 4 and s.shape()[1] == s.shape(1)[1]
    if not usual or not heads or s.outputs > 1 or s.has(4) or s.has(6):
        raise UnsupportedError("attention with a memory of the past, a cap, another scale, or heads side by side")
    mask = s[3] if s.has(3) else None
    if s.attribute("is_causal", 0):
        if mask is not None:
            raise UnsupportedError("two masks at once")
        s.model.room_for(s.shape()[2], s.shape(1)[2])
        mask = np.tri(s.shape()[2], s.shape(1)[2], dtype=bool)
    return Attention(s[0], s[1], s[2], mask)


def _dropout(s: Operands) -> Any:
    if s.has(2) and bool(s.fact(2)):
        raise UnsupportedError("numbers drawn by the model, where the mask is an input")
    if s.outputs > 1:
        raise UnsupportedError(NOTHING)
    return Dropout(s[0])


def _cross_entropy(s: Operands) -> Any:
    labels, classes, how = s.fact(1).ravel(), s.shape()[1], s.attribute("reduction", "mean")
    s.model.room_for(classes, labels.size)
    hot = (labels == np.arange(classes)[:, np.newaxis]) * (labels != s.attribute("ignore_index", None))
    weights = [s.fact(2).reshape(-1, 1).astype(float)] if s.has(2) else []
    loss: Any = SoftmaxCrossEntropyLoss(class_rows(s), hot, *weights, reduction=how, ignore_unlabelled=True)
    loss = Reshape(loss, to=s.inputs[1].shape) if how == "none" else loss
    return (loss, LogSoftmax(s[0], axis=1))[: s.outputs]


LARGE_RULES: Mapping[str, Callable[[Operands], Any]] = {
    "Attention": _attention,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_normalization,
    "Conv": _convolution,
    "Dropout": _dropout,
    "GroupNormalization": _group_normalization,
    "InstanceNormalization": _instance_normalization,
    "LayerNormalization": _layer_normalization,
    "MaxPool": _max_pool,
    "RMSNormalization": _rms_normalization,
    "SoftmaxCrossEntropyLoss": _cross_entropy,
}
