"""What is known of a rule's output before there is data: declared, traced by Symbols, or learned from numbers."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar, final

import numpy as np

from chainrule.core.learning import learned
from chainrule.errors import ArgumentError, ChainruleError, Untraceable
from chainrule.symbols.dimensions import Shape, as_shape, seen_by, shape_text
from chainrule.symbols.symbol import Symbol

Kind: TypeAlias = Any
"""A class of nodes, which stand above this file."""
K = TypeVar("K")


@final
class Output(NamedTuple):
    """What is known of a rule's output before there is data, and how."""

    shape: Shape | None
    dtype: np.dtype[Any]
    source: Literal["traced", "learned", "declared", "unknown"] = "traced"


def output_of(kind: Kind, facts: tuple[Any, ...], inputs: tuple[Any, ...]) -> Output:
    """What is known of a rule's output: a pure function, so what was found before is remembered if it can be."""
    try:
        return _remembered(kind, facts, inputs)
    except TypeError:  # a fact that cannot be hashed, such as a slice; ArgumentError is one, too, and comes again
        return _remembered_by_text(kind, Facts(facts), inputs)


@functools.lru_cache(maxsize=4096)  # 3 µs a node in place of 8; a large network has far fewer kinds of steps
def _remembered(kind: Kind, facts: tuple[Any, ...], inputs: tuple[Any, ...]) -> Output:
    return _found(kind, facts, inputs)


@functools.lru_cache(maxsize=1024)
def _remembered_by_text(kind: Kind, facts: Facts, inputs: tuple[Any, ...]) -> Output:
    return _found(kind, facts.facts, inputs)


@final
class Facts:
    """Facts that cannot be hashed, known again by what they are: slices, and arrays by their bytes."""

    __slots__ = ("facts", "key")

    def __init__(self, facts: tuple[Any, ...]) -> None:
        self.facts, self.key = facts, _key(facts)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Facts) and self.key == other.key


def _key(fact: Any) -> Any:
    if isinstance(fact, tuple):
        return tuple(map(_key, fact))
    if isinstance(fact, slice):
        return slice, fact.start, fact.stop, fact.step
    if isinstance(fact, np.ndarray):
        return fact.shape, fact.dtype.str, fact.tobytes()
    return fact if _can_be_hashed(fact) else (type(fact), id(fact))


def facts_key(facts: Iterable[tuple[str, Any]]) -> Any:
    """What facts are known again by, also arrays and slices among them."""
    return _key(tuple(facts))


def _can_be_hashed(fact: Any) -> bool:
    try:
        hash(fact)
    except TypeError:
        return False
    return True


def _found(kind: Kind, facts: tuple[Any, ...], inputs: tuple[Any, ...]) -> Output:
    nowhere = {"inputs": (), "name": None, "layer": (), "facts": dict(facts), "_line": ("", 0), "built": ()}
    probe = made(kind, {**dict(facts), **nowhere})
    traced = _traced(probe, inputs)
    said = probe.shape_of(*(seen_by(kind, shape) for shape, _ in inputs))
    if said is not NotImplemented:
        return _declared(kind, said, traced)
    if traced is not None:
        return traced
    known = learned(probe.forward, inputs)
    return Output(None, kind.dtype, "unknown") if known is None else Output(*known, "learned")


def _traced(probe: Any, inputs: tuple[Any, ...]) -> Output | None:
    """What Symbols that pass through ``forward`` have; None where they cannot."""
    try:
        traced = probe.forward(*(Symbol(None, shape=shape, dtype=dtype) for shape, dtype in inputs))
        if type(traced) is tuple:
            raise several_values(traced)
        shape = traced.known_shape if isinstance(traced, Symbol) else as_shape(np.shape(traced))
        return Output(shape, np.dtype(getattr(traced, "dtype", float)))
    except Untraceable:
        return None
    except ChainruleError:
        raise
    except Exception:  # whatever a user's rule raises on a Symbol, it may still run on arrays
        return None


def several_values(returned: tuple[Any, ...]) -> ArgumentError:
    """The error of a forward that returns a tuple: arrays of one shape would become one array in silence."""
    return ArgumentError(
        f"forward returns {len(returned)} values, and a node has one",
        remedy="a node for each of them; np.stack or np.concatenate makes one value of several",
    )


def _declared(kind: Kind, said: Any, traced: Output | None) -> Output:
    """The shape that a rule says itself; raises ArgumentError where it is none, or not the one of its formula."""
    try:
        shape = None if said is None else as_shape(said)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{kind.__name__}.shape_of: {error}", given=repr(said), remedy="a tuple of sizes") from None
    if traced is None:
        return Output(shape, kind.dtype, "unknown" if shape is None else "declared")
    if shape is not None and traced.shape not in (None, shape):
        said = f"{kind.__name__}.shape_of says {shape_text(shape)}, and forward gives {shape_text(traced.shape)}"
        raise ArgumentError(said, remedy="without shape_of, the shape is read off forward")
    return Output(shape, traced.dtype) if traced.shape == shape else Output(shape, traced.dtype, "declared")


def made(kind: type[K], description: dict[str, Any]) -> K:
    """A node of this description, all of which has been checked before: the way around ``__init__``."""
    node = object.__new__(kind)
    node.__dict__.update(description)
    return node
