"""What the parameters of a learner's function are filled with, by their names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np

from chainrule.core.graph import BaseGraph
from chainrule.errors import ArgumentError, did_you_mean
from chainrule.judging.ground import Ground
from chainrule.judging.scoping import predictions_of
from chainrule.nodes.losses import Loss

_MAPPINGS: Final = frozenset(
    "cache caches values parameters params param weights activations memory store state intermediates".split()
)
_PREDICTIONS: Final = frozenset("out AL A_L Y_hat y_hat Yhat yhat y_pred Y_pred preds probs output outputs".split())
_COUNTS: Final = frozenset("m M N num_examples n_examples batch_size".split())

Recipe = Callable[[Mapping[str, Any]], Any]


@final
class Handed(dict[str, Any]):
    """All values by name, as a dict that may be written to; one that is missing is told with those that there are."""

    def __init__(self, values: Mapping[str, Any], other_names: Mapping[str, str]) -> None:
        super().__init__(values)
        self._other_names = other_names

    def __missing__(self, name: object) -> Any:
        if name in self._other_names:
            return self[self._other_names[str(name)]]
        folded = [other for other in self if str(name).casefold() == other.casefold()]
        if len(folded) == 1:
            return self[folded[0]]
        raise KeyError(f"there is no value {did_you_mean(str(name), self)}; there are {', '.join(self)}")

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a name, under its other names, too."""
        try:
            return self[name]
        except KeyError:
            return default


@final
@dataclass(frozen=True)
class Filling:
    """How the parameters of functions are filled for a graph, without the graph.

    ``cache``, ``values``, ``parameters`` and their like are mappings of all values; ``out`` and ``AL`` what the loss
    reads; ``X`` and ``Y`` the data and the labels, where they have other names; ``m`` the number of examples; any other
    parameter is a value or a gradient by its name.
    """

    names: tuple[str, ...]
    values: tuple[str, ...]
    batch: str
    predictions: str | None
    other_names: dict[str, str]

    def recipe(self, name: str) -> Recipe | None:
        """How to fill a parameter, None where nothing is called so."""
        if name not in self.names and name in _MAPPINGS:
            return lambda given: Handed({value: _own(given[value]) for value in self.values}, self.other_names)
        other = self.source(name)
        return None if other is None else lambda given: _own(given[other])

    def source(self, name: str) -> str | None:
        """The value, gradient or size that a parameter means, None for a mapping and for what there is not."""
        if name in self.names:
            return name
        if name in _COUNTS and self.batch:
            return self.batch
        if name in _PREDICTIONS and self.predictions is not None:
            return self.predictions
        folded = [known for known in self.names if known.casefold() == name.casefold()]
        return self.other_names.get(name) or (folded[0] if len(folded) == 1 else None)

    def recipes(self, function: Callable[..., Any]) -> dict[str, Recipe]:
        """How to fill every parameter; raises ArgumentError that lists what there is for one that nothing fills."""
        parameters = parameters_of(function)
        self.require([p.name for p in parameters if p.default is p.empty], named(function))
        found = {parameter.name: self.recipe(parameter.name) for parameter in parameters}
        return {name: recipe for name, recipe in found.items() if recipe is not None}

    def unfilled(self, needed: Iterable[str]) -> list[str]:
        """The names of parameters that nothing fills."""
        return [name for name in needed if self.recipe(name) is None]

    def require(self, needed: Iterable[str], shown: str) -> None:
        """Raise ArgumentError, with all that there is, where a parameter of a function is filled by nothing."""
        unknown = self.unfilled(needed)
        if unknown:
            raise ArgumentError(
                f"{shown} has a parameter that nothing fills: "
                + ", ".join(did_you_mean(name, self.names) for name in unknown),
                given=f"there are {', '.join(self.names)}; cache, parameters: all values; out: what the loss reads; m",
                remedy="parameters that are called like values, or a single one called cache",
            )


def filling_of(ground: Ground) -> Filling:
    """How functions are filled on this ground."""
    graph = ground.graph
    return Filling(tuple(ground.names), tuple(graph.names), ground.batch, predictions_of(graph), _other_names(graph))


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters of a function that can be filled one by one; raises ArgumentError where it does not tell them."""
    try:
        given = inspect.signature(function).parameters.values()
    except (ValueError, TypeError) as error:
        raise ArgumentError(
            f"what {named(function)} takes is not known", given=str(error), remedy="a lambda around it"
        ) from None
    return [parameter for parameter in given if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)]


def called(function: Callable[..., Any], recipes: Mapping[str, Recipe], given: Mapping[str, Any]) -> Any:
    """What a function returns when it is filled."""
    by_place = {p.name for p in parameters_of(function) if p.kind is p.POSITIONAL_ONLY}
    first = [recipe(given) for name, recipe in recipes.items() if name in by_place]
    return function(*first, **{name: recipe(given) for name, recipe in recipes.items() if name not in by_place})


def named(function: Callable[..., Any]) -> str:
    """What a function is called in messages."""
    return f"{getattr(function, '__name__', type(function).__name__)}(…)"


def _own(value: Any) -> Any:
    """A copy that may be written to."""
    return np.array(value) if isinstance(value, np.ndarray) else value


def _other_names(graph: BaseGraph) -> dict[str, str]:
    """X and Y for the only data and the only labels of a graph."""
    compared = {node.inputs[1] for node in graph.order if isinstance(node, Loss)}
    labels = [graph.name(node) for node in graph.inputs if node in compared]
    data = [graph.name(node) for node in graph.inputs if node not in compared]
    found: dict[str, str] = {}
    for names, spelled in ((data, ("X", "x", "inputs")), (labels, ("Y", "y", "labels", "targets", "y_true"))):
        found |= {name: names[0] for name in spelled if len(names) == 1 and name not in graph}
    return found
