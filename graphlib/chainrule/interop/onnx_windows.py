"""Windows over images in ONNX: entries are picked by place; what lies outside is one more entry behind the pixels."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from chainrule.interop.onnx_arrangements import full
from chainrule.interop.onnx_values import Model, writes
from chainrule.symbols import windows


def _places(x: Any, size: Any, stride: Any, padding: Any) -> Any:
    """For every entry of a window and every window the place of a pixel, or that behind all of them."""
    (height, width) = x.shape[2:]
    shape = windows._pooled(x, size, stride, padding)[2:]
    places = np.full((prod(windows.pair(size)), *shape), height * width)
    pixels = np.arange(height * width).reshape(height, width)
    for k, (result, image) in enumerate(windows._pooling(x, size, stride, padding)):
        places[k][result[1:]] = pixels[image[1:]]
    return places


def _entries(model: Model, x: Any, places: Any, outside: float) -> Any:
    """The pixels in the windows: (batch, channels, entries of a window, rows, columns)."""
    n, c, height, width = x.shape
    flat = np.reshape(x, (n, c, height * width))
    wide = np.concatenate([flat, full(model, (n, c, 1), outside, x.dtype)], axis=2)
    return np.take(wide, model.constant(places.astype(np.int64)), axis=2)


def _gathered(model: Model, parts: Any, places: Any, like: Any) -> Any:
    """What the windows send to each pixel, added up: the sum is a product with zeros and ones."""
    n, c, height, width = like.shape
    ones = (places.reshape(-1, 1) == np.arange(height * width)).astype(model.dtype)
    flat = np.reshape(parts, (n, c, prod(places.shape)))
    return np.reshape(np.matmul(flat, model.constant(ones)), like.shape)


@writes(windows.max_pool)
def _max_pool(model: Model, x: Any, *, size: Any = 2, stride: Any = None, padding: Any = 0) -> Any:
    return np.max(_entries(model, x, _places(x, size, stride, padding), -np.inf), axis=2)


def _marks(model: Model, x: Any, places: Any) -> tuple[Any, Any]:
    entries = _entries(model, x, places, -np.inf)
    inside = model.constant(places < prod(x.shape[2:]))
    marks = ((entries == np.max(entries, axis=2, keepdims=True)) & inside).astype(model.dtype)
    return marks, np.maximum(np.sum(marks, axis=2, keepdims=True), 1)


@writes(windows.max_pool_backward)
def _max_pool_backward(model: Model, grad: Any, x: Any, *, size: Any = 2, stride: Any = None, padding: Any = 0) -> Any:
    places = _places(x, size, stride, padding)
    marks, count = _marks(model, x, places)
    return _gathered(model, marks * (np.expand_dims(grad, 2) / count), places, x)


@writes(windows.max_pool_picked)
def _max_pool_picked(model: Model, values: Any, x: Any, *, size: Any = 2, stride: Any = None, padding: Any = 0) -> Any:
    places = _places(x, size, stride, padding)
    marks, count = _marks(model, x, places)
    return np.sum(marks * _entries(model, values, places, 0.0) / count, axis=2)


def _area(places: Any, pixels: int, count_padding: bool) -> Any:
    return float(len(places)) if count_padding else (places < pixels).sum(axis=0).astype(float)


@writes(windows.average_pool)
def _average_pool(
    model: Model, x: Any, *, size: Any = 2, stride: Any = None, padding: Any = 0, count_padding: bool = True
) -> Any:
    places = _places(x, size, stride, padding)
    area = model.constant(_area(places, prod(x.shape[2:]), count_padding), model.dtype)
    return np.sum(_entries(model, x, places, 0.0), axis=2) / area


@writes(windows.average_pool_backward)
def _average_pool_backward(
    model: Model,
    grad: Any,
    like: Any,
    *,
    size: Any = 2,
    stride: Any = None,
    padding: Any = 0,
    count_padding: bool = True,
) -> Any:
    places = _places(like, size, stride, padding)
    area = model.constant(_area(places, prod(like.shape[2:]), count_padding), model.dtype)
    share = np.expand_dims(grad / area, 2)
    wide = np.broadcast_to(share, (*share.shape[:2], len(places), *share.shape[3:]))
    return _gathered(model, wide, places, like)


def _of_kernel(x: Any, kernel: Any, stride: Any, padding: Any) -> Any:
    return _places(x, tuple(kernel.shape[2:]), stride, padding)


@writes(windows.conv2d)
def _conv2d(model: Model, x: Any, kernel: Any, stride: Any = 1, padding: Any = 0) -> Any:
    entries = _entries(model, x, _of_kernel(x, kernel, stride, padding), 0.0)
    flat = np.reshape(kernel, (*kernel.shape[:2], prod(kernel.shape[2:])))
    return np.einsum("bckij,ock->boij", entries, flat)


@writes(windows.conv2d_backward_image)
def _conv2d_backward_image(
    model: Model, grad: Any, kernel: Any, like: Any, *, stride: Any = 1, padding: Any = 0
) -> Any:
    places = _of_kernel(like, kernel, stride, padding)
    flat = np.reshape(kernel, (*kernel.shape[:2], prod(kernel.shape[2:])))
    return _gathered(model, np.einsum("boij,ock->bckij", grad, flat), places, like)


@writes(windows.conv2d_backward_kernel)
def _conv2d_backward_kernel(model: Model, grad: Any, x: Any, like: Any, *, stride: Any = 1, padding: Any = 0) -> Any:
    entries = _entries(model, x, _of_kernel(x, like, stride, padding), 0.0)
    return np.reshape(np.einsum("bckij,boij->ock", entries, grad), like.shape)
