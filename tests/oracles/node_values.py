"""How the inputs of nodes are drawn, and what a row of the table of all nodes is."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr

# --- what the examples are -------------------------------------------------------------------------------------------


def normal(rng, shape):
    return rng.normal(size=shape)


def positive(rng, shape):
    return rng.uniform(0.5, 2, size=shape)


def probability(rng, shape):
    return rng.uniform(0.1, 0.9, size=shape)


def apart(rng, shape):
    """Numbers in steps of 0.2 that are never 0: no two tie, and every kink at a multiple of 0.2 is 0.1 away."""
    size = int(np.prod(shape))
    return (0.2 * (rng.permutation(size) - size // 2) + 0.1).reshape(shape)


def between(rng, shape):
    """Numbers that tie with none of ``apart``: 0.1 away from all of them."""
    return apart(rng, shape) + 0.1


def share(rng, shape):
    """Numbers between -1 and 1."""
    return rng.uniform(-0.9, 0.9, size=shape)


def beyond_one(rng, shape):
    return rng.uniform(1.3, 3, size=shape)


def signs(rng, shape):
    return rng.choice([-1.0, 1.0], size=shape)


def one_hot(rng, shape):
    labels = np.zeros(shape)
    labels[rng.integers(shape[0]), ...] = 1
    return labels


def condition(rng, shape):
    return rng.random(shape) < 0.5


def indices(rng, shape):
    """Whole numbers from 0 to 1, fit for any axis of at least two; some repeat."""
    return rng.integers(2, size=shape)


# --- a row of the table ----------------------------------------------------------------------------------------------

Shape = tuple[int, ...]


class Case(NamedTuple):
    """Shapes of the inputs, and facts."""

    shapes: tuple[Shape, ...]
    facts: Mapping[str, Any] = MappingProxyType({})

    def __str__(self) -> str:
        facts = (f"{name}={value}" for name, value in self.facts.items())
        return "-".join([*(str(shape).replace(" ", "") for shape in self.shapes), *facts])


class Row(NamedTuple):
    """How the inputs of a class are drawn, and the cases it is checked in."""

    kind: type[cr.Node]
    samplers: tuple[Callable[..., Any], ...]
    cases: list[Case]
