"""What authors call their values: variables, keys of dicts and attributes, the places in lists; names made of these."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, final

import numpy as np

from chainrule.core.leaves import Constant
from chainrule.core.node import Node
from chainrule.core.output import made
from chainrule.symbols.dimensions import names_in

Labels: TypeAlias = Mapping[Node, tuple[str | None, tuple[str, ...]]]
"""The name and the layers that a node is to have."""


@final
class Path(NamedTuple):
    """How a value is reached from a variable: ``cache["Z1"]`` is called Z1, ``layers[0]["W"]`` W1, ``hs[2]`` hs3.

    >>> Path.of("cache").to("Z1").name, Path.of("layers").at(1).to("W").name, Path.of("hs").at(3).name
    ('Z1', 'W1', 'hs3')
    >>> Path.of("parameters").to("encoder").to("W").name, Path.of("W").to(0).name, Path.of("W1").at(2).name
    ('encoder_W', 'W0', 'W1_2')
    """

    words: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    has_key: bool = False
    """Whether keys or attributes have named it, in the place of the variable."""

    @classmethod
    def of(cls, variable: str) -> Path:
        """Where a variable begins."""
        return cls((variable,))

    def at(self, position: int) -> Path:
        """The value at a position in a list, counted from 1."""
        return self._replace(numbers=(*self.numbers, str(position)))

    def to(self, key: Any) -> Path:
        """The value under a key of a dict: a text names it, a number numbers it."""
        if isinstance(key, str):
            return self._replace(words=(*self.words * self.has_key, key), has_key=True)
        return self._replace(numbers=(*self.numbers, *map(str, key if isinstance(key, tuple) else (key,))))

    def attribute(self, name: str) -> Path:
        """The value of an attribute of an object."""
        return self._replace(words=(name,), has_key=True)

    @property
    def name(self) -> str:
        """What the value is called."""
        name = "_".join(self.words)
        return f"{name}{'_' * (bool(self.numbers) and name[-1:].isdigit())}{'_'.join(self.numbers)}"


@final
class Claim(NamedTuple):
    """Somebody's name for a node."""

    name: str
    node: Node
    depth: int = 0
    """How many calls away from the outermost it was: outer names win."""
    kind: int = 0
    """0 for a variable, 1 for a key or an attribute, 2 for a place in a list."""


def claims(variable: str, value: Any, depth: int = 0, known: Mapping[int, Node] | None = None) -> Iterator[Claim]:
    """What a variable, and what it holds, call nodes; ``known`` are arrays that have become nodes, by identity."""
    for path, part in reached(variable, value):
        node = part if isinstance(part, Node) else (known or {}).get(id(part))
        if node is not None:
            kind = 1 if path.has_key else 2 if path.numbers else 0
            yield Claim(path.name, node, depth, kind)


def reached(variable: str, value: Any) -> Iterator[tuple[Path, Any]]:
    """All that a variable holds that is no container itself, in its order, each once."""
    waiting: list[tuple[Path, int, Any]] = [(Path.of(variable), 0, value)]
    seen: set[int] = set()
    while waiting:
        path, depth, part = waiting.pop()
        inside = contents(path, part) if depth < _DEEPEST else None
        if inside is None:
            yield path, part
        elif id(part) not in seen:
            seen.add(id(part))
            waiting.extend((way, depth + 1, inner) for way, inner in inside[::-1])


def contents(path: Path, value: Any) -> list[tuple[Path, Any]] | None:
    """What a container holds, with the way to it; None for what is no container."""
    if isinstance(value, Mapping):
        return [(path.to(key), part) for key, part in value.items()]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return [(path.attribute(name), part) for name, part in zip(value._fields, value, strict=True)]
    if isinstance(value, (list, tuple)):
        return [(path.at(k), part) for k, part in enumerate((x for x in value if x is not None), 1)]
    if not isinstance(value, (type, Node)) and type(value).__module__.partition(".")[0] not in _CLOSED:
        attributes = getattr(value, "__dict__", None)
        return None if attributes is None else [(path.attribute(str(name)), x) for name, x in attributes.items()]
    return None


_DEEPEST: Final = 6  # containers in containers: what hangs on an object may be the whole of another library
_CLOSED: Final = frozenset(("builtins", "numpy", "chainrule", "functools", "typing", "collections", "_io"))


# --- names -----------------------------------------------------------------------------------------------------------


def names(order: Sequence[Node], claimed: Iterable[Claim]) -> dict[Node, str]:
    """Names for the nodes that have none, numbers and sizes aside: what they are called outermost, made unique.

    A name for one node is better than one for several, which are numbered in the order in which they were built. What
    clashes with another name, with a size or with the name of a gradient gets a number; a size's own name is given to
    no node.
    """
    sizes = names_in(size for node in order for size in node.shape or ())
    nameless = {node for node in order if node.name is None and not _is_number(node)}
    fitting = [claim for claim in claimed if claim.node in nameless and claim.name not in sizes and _says(claim.name)]
    groups: dict[str, list[Node]] = defaultdict(list)
    for node, name in sorted(_best(fitting).items(), key=lambda item: item[0].built):
        groups[name].append(node)
    taken = {node.name for node in order if node.name is not None} | sizes
    found: dict[Node, str] = {}
    for name, group in sorted(groups.items(), key=lambda item: len(item[1]) > 1):
        chosen = _free(name, len(group), taken)
        taken.update(chosen)
        found.update(zip(group, chosen, strict=True))
    return found


def _is_number(node: Node) -> bool:
    """Whether it is a number or a size, which stand in formulas as they are."""
    return not node.has_gradient and node.shape == ()


def _says(name: str) -> bool:
    """Whether it is a name that an author has thought of: ``_`` and ``_1`` are none."""
    return bool(name) and not name.startswith(("_", "."))


def _best(claimed: Sequence[Claim]) -> dict[Node, str]:
    """For every node the best of its names."""
    of: defaultdict[tuple[str, int], set[Node]] = defaultdict(set)
    for claim in claimed:
        of[claim.name, claim.depth].add(claim.node)
    best: dict[Node, tuple[tuple[bool, bool, int, bool, int], str]] = {}
    for claim in claimed:
        several = len(of[claim.name, claim.depth]) > 1
        rank = (claim.kind == _PLACED, _is_past(claim.name), claim.depth, several, claim.kind)
        if claim.node not in best or rank < best[claim.node][0]:
            best[claim.node] = rank, claim.name
    return {node: name for node, (_, name) in best.items()}


_PLACED: Final = 2


def _is_past(name: str) -> bool:
    """Whether it says that a value was another's before: A_prev is A of the layer below."""
    return any(word in name.lower() for word in ("prev", "old", "last"))


def _free(name: str, count: int, taken: Collection[str]) -> list[str]:
    """The name, or the name with numbers, such that none is taken or reads as the gradient of another."""
    if count == 1:
        return [next(said for said in itertools.chain([name], _from(name, 2)) if _is_free(said, taken))]
    for form in (_numbered, _with_line):
        chosen = [form(name, k) for k in range(1, count + 1)]
        if all(_is_free(said, taken) for said in chosen):
            return chosen
    free = (said for said in _from(f"{name}_", 1) if _is_free(said, taken))
    return [next(free) for _ in range(count)]


def _from(name: str, first: int) -> Iterator[str]:
    return (_numbered(name, k) for k in itertools.count(first))


def _numbered(name: str, number: int) -> str:
    return f"{name}{'_' * name[-1].isdigit()}{number}"


def _with_line(name: str, number: int) -> str:
    return f"{name}_{number}"


def _is_free(name: str, taken: Collection[str]) -> bool:
    return name not in taken and f"d{name}" not in taken and not (name.startswith("d") and name[1:] in taken)


# --- nodes with other names ------------------------------------------------------------------------------------------


def relabeled(order: Sequence[Node], labels: Labels) -> dict[Node, Node]:
    """For every node the same one with its new name and layers; those of which nothing changes stay themselves."""
    new: dict[Node, Node] = {}
    for node in order:
        name, layer = labels.get(node, (node.name, node.layer))
        inputs = tuple([new[source] for source in node.inputs])
        same = (name, layer) == (node.name, node.layer) and all(map(_is, inputs, node.inputs))
        described = {**node.__dict__, "name": name, "layer": layer, "inputs": inputs}
        new[node] = node if same else made(type(node), described)
    return new


def _is(one: Node, other: Node) -> bool:
    return one is other


def named_by(order: Sequence[Node], variables: Mapping[str, Any]) -> dict[Node, Node]:
    """For every node the same one under the name that one of these variables has for it, if it has none of its own."""
    arrays = _equal_constants(order, variables)
    known = {name: value for name, value in variables.items() if _says(name) and name not in _OF_NOTEBOOKS}
    claimed = [claim for name, value in known.items() for claim in claims(name, value, known=arrays)]
    return relabeled(order, {node: (name, node.layer) for node, name in names(order, claimed).items()})


_OF_NOTEBOOKS: Final = ("In", "Out", "exit", "quit", "get_ipython")


def _equal_constants(order: Sequence[Node], variables: Mapping[str, Any]) -> dict[int, Node]:
    """By the identity of an array among the variables: the first constant with its numbers that no other one has."""
    unnamed = [node for node in order if isinstance(node, Constant) and node.name is None]
    found: dict[int, Node] = {}
    for name, value in variables.items() if unnamed else ():
        for _, part in reached(name, value):
            equal = (node for node in unnamed if isinstance(part, np.ndarray) and np.array_equal(node.value, part))
            if id(part) not in found and (node := next(equal, None)) is not None:
                found[id(part)] = node
                unnamed.remove(node)
    return found


def numbered(labels: Iterable[tuple[Any, str]]) -> dict[Any, str]:
    """Each key with its text, which gets a number where several keys have it.

    >>> numbered([(1, "relu"), (2, "sigmoid"), (3, "relu")])
    {1: 'relu 1', 2: 'sigmoid', 3: 'relu 2'}
    """
    listed = list(labels)
    total, so_far = Counter(text for _, text in listed), Counter[str]()
    found = {}
    for key, text in listed:
        so_far[text] += 1
        found[key] = f"{text} {so_far[text]}" if total[text] > 1 else text
    return found
