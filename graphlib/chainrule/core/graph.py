"""BaseGraph: nodes in topological order with their names, and who reads whom; it computes nothing."""

from __future__ import annotations

import functools
import itertools
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Self

from chainrule.core.accepting import expect
from chainrule.core.held import Held
from chainrule.core.leaves import Constant, Input, Leaf, Parameter
from chainrule.core.node import Node, flatten, unflatten, unusual_facts
from chainrule.core.ordering import topological_order
from chainrule.core.other_words import no_such_attribute
from chainrule.core.variables import named_by
from chainrule.errors import ArgumentError, NameConflictError, UnknownNameError, did_you_mean
from chainrule.shown.text import clipped, in_columns, visible
from chainrule.symbols.dimensions import names_in, shape_text


class BaseGraph(ABC):
    """What some outputs are computed from, sorted once: the structure under ``chainrule.Graph``, which people hold.

    Everything that reads a graph takes this: derivations, plans, drawings. It knows no rule and holds none of anyone's
    data; ``held`` are data drawn at random, which the same graph always gives.
    """

    @abstractmethod
    def __init__(self, *outputs: Node, watch: Iterable[Node] = (), names: Mapping[str, Any] | None = None) -> None:
        expect(watch, Iterable, "watch is a list of nodes", "Graph(loss, watch=[prediction])")
        self.outputs, self.watch = outputs, tuple(watch)
        given: tuple[Any, ...] = (*self.outputs, *self.watch)
        for node in given:
            if not isinstance(node, Node):
                several = isinstance(node, (list, tuple))
                raise ArgumentError(
                    f"a graph is built from nodes, not {type(node).__name__}",
                    remedy="Graph(a, b): outputs one by one" if several else "Graph(loss, watch=[...])",
                )
        if not outputs:
            raise ArgumentError("a graph needs an output", remedy="Graph(loss)")
        self.order: tuple[Node, ...] = topological_order((*self.outputs, *self.watch))
        self._position = {node: k for k, node in enumerate(self.order)}
        if names is not None:
            self._take_names(names)
        self.names: tuple[str, ...] = _names(self.order)
        self._by_name = {name: k for k, name in enumerate(self.names)}
        self.sources: tuple[tuple[int, ...], ...] = tuple(
            tuple(self._position[source] for source in node.inputs) for node in self.order
        )
        """By position in ``order``: the positions of a node's inputs, once for every use."""
        self.kept: dict[Any, Any] = {}
        """What was made of the graph and can be made again, such as the step of a training; it is not pickled."""

    def _take_names(self, variables: Mapping[str, Any]) -> None:
        """Put nodes with names in the place of those without; who holds one of these finds its twin here."""
        expect(variables, Mapping, "names is a dict of names and nodes", "names=locals()")
        for name in variables:
            expect(name, str, "names is a dict of names and nodes", "names=locals()")
        twins = named_by(self.order, variables)
        self.outputs, self.watch = (tuple([twins[node] for node in ends]) for ends in (self.outputs, self.watch))
        self.order = tuple([twins[node] for node in self.order])
        self._position |= {node: k for k, node in enumerate(self.order)}

    @functools.cached_property
    def uses(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """By position in ``order``: every use of a node, as the position of the consumer and which of its inputs."""
        found: list[list[tuple[int, int]]] = [[] for _ in self.order]
        for k, sources in enumerate(self.sources):
            for place, source in enumerate(sources):
                found[source].append((k, place))
        return tuple(map(tuple, found))

    @functools.cached_property
    def ends(self) -> frozenset[Node]:
        """The outputs, to look a node up in: == between nodes builds a comparison."""
        return frozenset(self.outputs)

    @functools.cached_property
    def differentiable(self) -> tuple[bool, ...]:
        """By position in ``order``: which nodes can have a gradient: not constants, sizes, whole numbers, booleans."""
        return tuple(node.has_gradient and node.dtype.kind == "f" for node in self.order)

    @functools.cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """The nodes whose values are given, constants too, in topological order."""
        return tuple(node for node in self.order if isinstance(node, Leaf))

    @functools.cached_property
    def gradient_order(self) -> int:
        """0 for values, 1 for a graph of their gradients, and so on."""
        return min(node.gradient_order for node in self.outputs)

    @functools.cached_property
    def gradient_names(self) -> tuple[str, ...]:
        """By position in ``order``: what the gradient of a node is called, dW1 for that of W1.

        In a graph of gradients that is d2W1, and ddW1 is the gradient of the node dW1; in one of these d3W1, and so on.
        """
        taken = set(self.names)
        orders = [1 if node.gradient_order else 1 + self.gradient_order for node in self.order]
        return tuple(_of_order(k, name, taken) for k, name in zip(orders, self.names, strict=True))

    @functools.cached_property
    def _of_gradients(self) -> dict[str, int]:
        return {name: k for k, name in enumerate(self.gradient_names)}

    def gradient_name(self, key: str | Node) -> str:
        """What the gradient of a node is called."""
        return self.gradient_names[self.position(key)]

    def of_gradient(self, name: object) -> str | None:
        """The name of the node whose gradient has a name; None where that is a value, or nothing in this graph."""
        k = None if name in self or not isinstance(name, str) else self._of_gradients.get(name)
        return None if k is None else self.names[k]

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The Input nodes, in topological order."""
        return tuple(node for node in self.order if isinstance(node, Input))

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The Parameter nodes, in topological order."""
        return tuple(node for node in self.order if isinstance(node, Parameter))

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The Constant nodes, in topological order: numbers, and arrays that are part of the computation."""
        return tuple(node for node in self.order if isinstance(node, Constant))

    def __getitem__(self, key: str | Node) -> Node:
        return self.order[self.position(key)]

    def __contains__(self, key: object) -> bool:
        return key in self._position if isinstance(key, Node) else isinstance(key, str) and key in self._by_name

    def __iter__(self) -> Iterator[Node]:
        return iter(self.order)

    def __len__(self) -> int:
        return len(self.order)

    def name(self, node: Node) -> str:
        """The name of a node: its own, or the one that this graph gives to a node without a name."""
        return self.names[self.position(node)]

    def position(self, key: str | Node) -> int:
        """Where a node stands in the order; raises UnknownNameError for one that is not in the graph."""
        try:  # a run asks for each of its feeds, and to ask whether a key is a Node takes longer than to find it
            return self._by_name[key] if isinstance(key, str) else self._position[key]
        except (KeyError, TypeError):
            shown = repr(key) if isinstance(key, Node) else did_you_mean(key, self.names)
            names = f"{', '.join(self.names[:_NAMED])}{', ...' * (len(self.names) > _NAMED)}"
            raise UnknownNameError(f"this graph has no node {shown}", remedy=f"its nodes are {names}") from None

    def positions(self, keys: str | Node | Iterable[str | Node]) -> list[int]:
        """Where nodes stand that are asked for, one alone or several; raises ArgumentError for what is neither."""
        if isinstance(keys, (str, Node)):
            return [self.position(keys)]
        remedy = f"one of them, or [{', '.join(map(repr, self.names[-2:]))}]"
        expect(keys, Iterable, "nodes are asked for by name", remedy)
        return [self.position(key) for key in keys]

    def consumers(self, key: str | Node) -> tuple[Node, ...]:
        """The nodes that read a node, once for every use."""
        return tuple(self.order[k] for k, _ in self.uses[self.position(key)])

    @functools.cached_property
    def held(self) -> Held:
        """What rooms above have found out about this graph, and would find again."""
        return Held(_ROOM)

    @functools.cached_property
    def labels(self) -> dict[Leaf, Node]:
        """The leaves that losses read as labels in a certain range, each with such a loss."""
        losses = [node for node in self.order if node.label_range is not None]
        return {node.inputs[1]: node for node in losses if isinstance(node.inputs[1], Leaf)}

    if not TYPE_CHECKING:  # for type checkers nothing is there but what is declared

        def __getattr__(self, name: str) -> NoReturn:
            raise no_such_attribute(self, name)

    def __copy__(self) -> Self:
        return self  # a graph never changes, so a copy is the graph itself

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        ends = (*self.outputs, *self.watch)
        positions = tuple(self._position[node] for node in ends)
        return _rebuilt, (type(self), flatten(self.order), positions, len(self.outputs))

    def __repr__(self) -> str:
        names = ", ".join(map(self.name, self.outputs))
        return f"<Graph of {len(self.order)} nodes: {names}>"

    def __str__(self) -> str:
        rows = [_row(node, self.names[k], [self.names[s] for s in self.sources[k]]) for k, node in _shown(self.order)]
        if len(rows) < len(self.order):
            rows.insert(len(rows) // 2, ("…", f"{len(self.order) - len(rows)} more", "", "", ""))
        table = [("node", "operation", "shape", "inputs", "layer"), *rows]
        cells = [[clipped(visible(cell), _WIDEST) for cell in row] for row in table]
        return "\n".join(map(str.rstrip, in_columns(cells)))


def _rebuilt(kind: type[BaseGraph], records: Any, positions: Sequence[int], outputs: int) -> BaseGraph:
    nodes = unflatten(records)
    ends = [nodes[k] for k in positions]
    return kind(*ends[:outputs], watch=ends[outputs:])


def _names(order: Sequence[Node]) -> tuple[str, ...]:
    """The given names, and for nodes without one their operation with a number."""
    owner: dict[str, Node] = {}
    for node in order:
        if node.name is not None and owner.setdefault(node.name, node) is not node:
            raise NameConflictError(
                f"two nodes are called {node.name!r}",
                where=f"{owner[node.name].where}; {node.where}",
                remedy="give each node a name of its own",
            )
    _check_meanings(owner)
    counts: Counter[str] = Counter()
    return tuple(node.name if node.name is not None else _fresh(node, counts, owner) for node in order)


def _of_order(order: int, name: str, taken: set[str]) -> str:
    """A name for a gradient of this order, or of a higher one where it is taken; it is taken from then on."""
    orders = itertools.count(order)
    found = next(said for k in orders if (said := f"d{k if k > 1 else ''}{name}") not in taken)
    taken.add(found)
    return found


def _check_meanings(owner: Mapping[str, Node]) -> None:
    """Raise NameConflictError where formulas could not tell what a name means: a value, a gradient or a size.

    What a graph of gradients calls dW1 is that: it has the names of its gradients for itself.
    """
    sized = {size: leaf for leaf in owner.values() if isinstance(leaf, Leaf) for size in names_in(leaf.shape or ())}
    for name, node in owner.items():
        if name in sized:
            raise NameConflictError(
                f"{name!r} is a node, and the size of an axis of {sized[name].name!r}",
                where=f"{node.where}; {sized[name].where}",
                remedy="another name for the node, or for the size",
            )
        if name.startswith("d") and name[1:] in owner and not node.gradient_order:
            raise NameConflictError(
                f"{name!r} is a node, and the gradient of {name[1:]!r} has that name",
                where=f"{node.where}; {owner[name[1:]].where}",
                remedy="another name for one of them",
            )


def _fresh(node: Node, counts: Counter[str], taken: Mapping[str, Node]) -> str:
    """A name that nobody has, and with which no name of a user's reads as a gradient."""
    kind = type(node).__name__.lower()
    while True:
        counts[kind] += 1
        name = f"{kind}_{counts[kind]}"
        if not (taken.keys() & {name, f"d{name}", name.removeprefix("d")}):
            return name


# --- printing ------------------------------------------------------------------------------------------------------

_NAMED = 20  # names listed where one is unknown
_WIDEST = 40  # characters of a cell
_ROOM = 1 << 23  # bytes that are held with a graph
_HEAD = 30  # rows shown at each end of a long table


def _shown(order: Sequence[Node]) -> list[tuple[int, Node]]:
    numbered = list(enumerate(order))
    return numbered if len(order) <= 2 * _HEAD + 20 else numbered[:_HEAD] + numbered[-_HEAD:]


def _row(node: Node, name: str, sources: Sequence[str]) -> tuple[str, ...]:
    facts = unusual_facts(node)
    value = [str(node.value)] if isinstance(node, Constant) and node.value.ndim == 0 else []
    operation = f"{type(node).__name__}({', '.join(facts + value)})" if facts or value else type(node).__name__
    return name, operation, shape_text(node.shape), ", ".join(sources), " / ".join(node.layer)
