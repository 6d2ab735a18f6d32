"""How parameters move, given their gradients: gradient descent, momentum, Adam."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import ArgumentError

Array = NDArray[Any]
Memory = tuple[Array, ...]  # what an optimizer remembers of one parameter from step to step


class Optimizer(ABC):
    """How one parameter moves, given its gradient; what it remembers is handed in and handed back, never kept.

    ``update`` is plain NumPy, like the rule of a node: the symbols of a plan pass through it, so that it is compiled
    with the gradients. An update that loops or looks at numbers is called as it is.
    """

    def start(self, parameter: Array) -> Memory:
        """Return the memory of ``parameter`` before the first step."""
        return ()

    @abstractmethod
    def update(self, parameter: Array, gradient: Array, memory: Memory) -> tuple[Array, Memory]:
        """Return the parameter after one step, and its new memory, as new arrays."""


@final
@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent: W ← W - rate · dW.

    >>> SGD(rate=0.5).update(np.array([1.0, 2.0]), np.array([2.0, -2.0]), ())
    (array([0., 3.]), ())
    """

    rate: float = 0.1

    def __post_init__(self) -> None:
        """Refuse what is no number, or by which no number would be left of the parameters."""
        _check_numbers(self)

    def update(self, parameter: Array, gradient: Array, memory: Memory) -> tuple[Array, Memory]:
        """Take one step straight against the gradient."""
        return parameter - self.rate * gradient, memory


@final
@dataclass(frozen=True)
class Momentum(Optimizer):
    """A heavy ball: V ← decay · V + dW, W ← W - rate · V, from V = 0 (Polyak 1964).

    A constant gradient ends up counting 1 / (1 - decay) times, so take a smaller rate than for SGD.
    """

    rate: float = 0.1
    decay: float = 0.9

    def __post_init__(self) -> None:
        """Refuse what is no number, or by which no number would be left of the parameters."""
        _check_numbers(self)

    def start(self, parameter: Array) -> Memory:
        """Return V = 0."""
        return (np.zeros_like(parameter),)

    def update(self, parameter: Array, gradient: Array, memory: Memory) -> tuple[Array, Memory]:
        """Take one step along the velocity."""
        velocity = self.decay * memory[0] + gradient
        return parameter - self.rate * velocity, (velocity,)


@final
@dataclass(frozen=True)
class Adam(Optimizer):
    """A step of about ``rate`` in every entry, whatever the gradient's scale (Kingma & Ba 2015, algorithm 1).

    M and S are running means of the gradient and of its square; dividing by 1 - decay^t makes up for their start at 0.
    """

    rate: float = 0.001
    mean_decay: float = 0.9
    square_decay: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        """Refuse what is no number, or by which no number would be left of the parameters."""
        _check_numbers(self)

    def start(self, parameter: Array) -> Memory:
        """Return M = 0, S = 0 and t = 0."""
        return np.zeros_like(parameter), np.zeros_like(parameter), np.zeros(())

    def update(self, parameter: Array, gradient: Array, memory: Memory) -> tuple[Array, Memory]:
        """Take one step along M / √S, both corrected for their start."""
        t = memory[2] + 1
        mean = self.mean_decay * memory[0] + (1 - self.mean_decay) * gradient
        square = self.square_decay * memory[1] + (1 - self.square_decay) * gradient * gradient
        root = np.sqrt(square / _lost(self.square_decay, t))
        step = mean / _lost(self.mean_decay, t) / (root + self.epsilon)
        return parameter - self.rate * step, (mean, square, t)


def _lost(decay: float, t: Any) -> Any:
    """Return 1 - decay^t, which in single precision would lose its digits for a decay near 1."""
    return -np.expm1(math.log(decay) * t) if decay else 1.0


def _check_numbers(optimizer: Optimizer) -> None:
    """Raise ArgumentError for a fact that is no finite number, and a decay that is none from 0 to less than 1."""
    for name, value in vars(optimizer).items():
        decays = name.endswith("decay")
        number = isinstance(value, (int, float, np.number)) and math.isfinite(value)
        if not number or (decays and not 0 <= value < 1):
            kind, what = type(optimizer).__name__, "from 0 to less than 1" if decays else "finite"
            said = f"{name} of {kind} is a number, {what}, not {value!r}"
            raise ArgumentError(said, remedy=f"{kind}({name}={type(optimizer).__dict__[name]})")
