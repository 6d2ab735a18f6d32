"""What a repair looks at, what it proposes, and the change that comes of it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias, final

Shape: TypeAlias = tuple[int, ...]
Path: TypeAlias = tuple[tuple[str, int | None], ...]
"""The way from an expression down to a part: which field, and which entry where the field is a list."""


@final
@dataclass(frozen=True)
class Surroundings:
    """What a formula can be written with: the names near it, their shapes, and the name of the number of examples.

    ``values`` and ``gradients`` are candidates, nearest first; ``shapes`` knows every name, and ``whole`` are those
    whose values are whole numbers, such as labels. ``shape_of`` gives the shape of an expression, or None.
    ``examples`` is what they are called, columns or rows. ``target`` is the value whose gradient the formula is for,
    ``numbers`` are those that the graph's own rules are written with, and what each is called; ``made_by`` tells the
    function that gave a value: tanh for ``A1 = np.tanh(Z1)``. Where one ``function`` alone is taken of the target,
    ``rule`` is its gradient, from the ``upstream`` one.
    """

    values: tuple[str, ...]
    gradients: tuple[str, ...]
    shapes: Mapping[str, Shape]
    batch: str | None
    shape_of: Callable[[ast.expr], Shape | None]
    whole: frozenset[str] = frozenset()
    examples: str = "columns"
    target: str = ""
    numbers: Mapping[float, str] = field(default_factory=dict)
    made_by: Mapping[str, str] = field(default_factory=dict)
    function: str = ""
    rule: ast.expr | None = None
    upstream: str = ""


@final
class Site(NamedTuple):
    """A part of an expression, the way to it, and the expression that it is directly a part of."""

    node: ast.expr
    path: Path
    parent: ast.expr | None


@final
class Proposal(NamedTuple):
    """What could stand in the place of a part, and what was wrong then: a sentence with {} for each expression."""

    node: ast.expr
    sentence: str
    about: tuple[ast.expr, ...] = ()
    cost: float = 0.0


Proposals: TypeAlias = Iterator[Proposal]


@final
@dataclass(frozen=True)
class Repair:
    """One kind of change: its name, how unlikely it is against others (1 is the commonest), and its proposals.

    With ``whole`` it looks at the expression as a whole only, not at its parts. ``said`` describes it where the
    function that proposes does not.
    """

    name: str
    cost: float
    propose: Callable[[Site, Surroundings], Proposals]
    whole: bool = False
    said: str = ""

    @property
    def description(self) -> str:
        """What the repair does, in one sentence."""
        return self.said or (self.propose.__doc__ or "").strip()


@final
@dataclass(frozen=True)
class Change:
    """An expression with one change made to it, and which repair made it."""

    tree: ast.expr
    repair: str
    cost: float
    path: Path
    sentence: str
    about: tuple[ast.expr, ...]

    @property
    def text(self) -> str:
        """What was wrong, as a sentence.

        >>> tree = ast.parse("dZ3 @ A2.T", mode="eval").body
        >>> Change(tree, "transpose missing", 1.0, (), "{} has to be transposed", (ast.Name("A2"),)).text
        'A2 has to be transposed'
        """
        return self.sentence.format(*map(ast.unparse, self.about))
