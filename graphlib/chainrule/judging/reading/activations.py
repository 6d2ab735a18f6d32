"""Activations, their slopes and their backward passes, under the names that courses and notebooks give them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, final

import numpy as np

from chainrule.judging.reading.computing import ENTRYWISE, broadcast_size, elementary_function, maximum, multiply
from chainrule.judging.reading.operands import Operand, as_floating, as_operand, is_number
from chainrule.judging.reading.work import Function, Work
from chainrule.symbols import elementary

sigmoid, sigmoid_slope, tanh_slope, softplus = (
    elementary_function(function)
    for function in (elementary.sigmoid, elementary.sigmoid_slope, elementary.tanh_slope, elementary.softplus)
)


def relu(work: Work, z: Operand) -> Any:
    """max(z, 0)."""
    return maximum(work, z, 0)


def relu_slope(work: Work, z: Operand) -> Any:
    """1 where z is above 0, else 0."""
    z = as_floating(z)
    work(z.size, 2)
    return (z > 0).astype(z.dtype)


def leaky_relu(work: Work, z: Operand, alpha: Operand = 0.01) -> Any:
    """z where it is above 0, else alpha z."""
    return multiply(work, z, leaky_relu_slope(work, z, alpha))


def leaky_relu_slope(work: Work, z: Operand, alpha: Operand = 0.01) -> Any:
    """1 where z is above 0, else alpha."""
    z, alpha = as_floating(z), as_operand(alpha)
    work(broadcast_size(z, alpha), 4)
    return np.where(z > 0, z.dtype.type(1), z.dtype.type(alpha) if is_number(alpha) else alpha)


def silu(work: Work, z: Operand) -> Any:
    """z σ(z), which is called swish, too."""
    return multiply(work, z, sigmoid(work, z))


def silu_slope(work: Work, z: Operand) -> Any:
    """σ(z) + z σ'(z)."""
    return sigmoid(work, z) + multiply(work, z, sigmoid_slope(work, z))


def sigmoid_slope_of_output(work: Work, a: Operand) -> Any:
    """a (1 - a), the slope of the sigmoid that gave a."""
    a = as_floating(a)
    work(a.size, 6)
    return a * (1 - a)


def tanh_slope_of_output(work: Work, a: Operand) -> Any:
    """1 - a², the slope of the tanh that gave a."""
    a = as_floating(a)
    work(a.size, 6)
    return 1 - a * a


@final
class Activation(NamedTuple):
    """An activation: its names, itself, its slope taken of what goes in, and taken of what came out."""

    names: str
    value: Function
    slope: Function
    of_output: Function | None = None


ACTIVATIONS: Final = (
    Activation("sigmoid expit logistic sigm", sigmoid, sigmoid_slope, sigmoid_slope_of_output),
    Activation("tanh", ENTRYWISE["tanh"], tanh_slope, tanh_slope_of_output),
    Activation("relu ReLU RELU Relu", relu, relu_slope, relu_slope),
    Activation("leaky_relu leakyrelu leakyReLU LeakyReLU lrelu leaky_ReLU", leaky_relu, leaky_relu_slope),
    Activation("silu SiLU swish", silu, silu_slope),
    Activation("softplus", softplus, sigmoid),
)
"""The activations that have a slope by name; a row is all that another one needs."""

_SLOPES: Final = (
    "{}_slope {}_prime {}_derivative {}_deriv {}_der {}_grad {}_gradient {}_dash {}_d {}Prime {}Derivative {}Deriv"
    " {}Grad {}Gradient d{} d_{} deriv_{} derivative_{} grad_{} gradient_{} derivative_of_{} {}prime {}deriv {}grad"
).split()
_OF_OUTPUT: Final = "{}2deriv {}_output_to_derivative {}_derivative_from_output {}_prime_from_output".split()
_BACKWARD: Final = "{}_backward backward_{} {}Backward {}_bwd {}_backprop".split()


def backward_of(slope: Function) -> Function:
    """The gradient of what an activation is taken of, from that of its result: dA times the slope at Z."""

    def backward(work: Work, dA: Operand, Z: Operand) -> Any:
        return multiply(work, dA, slope(work, Z))

    return backward


def _spelled() -> Iterator[tuple[str, Function]]:
    for activation in ACTIVATIONS:
        backward = backward_of(activation.slope)
        for name in activation.names.split():
            yield name, activation.value
            yield from ((form.format(name), activation.slope) for form in _SLOPES)
            yield from ((form.format(name), backward) for form in _BACKWARD)
            if activation.of_output is not None:
                yield from ((form.format(name), activation.of_output) for form in _OF_OUTPUT)


SPELLINGS: Mapping[str, Function] = MappingProxyType(dict(_spelled()))
"""Every name of an activation, of its slope and of its backward pass."""
