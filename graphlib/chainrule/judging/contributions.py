"""What a gradient is missing of what its node's consumers send: a forgotten branch, step, or path."""

from __future__ import annotations

import ast
import functools
import itertools
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple, TypeAlias, final

import numpy as np

from chainrule.core.graph import BaseGraph
from chainrule.core.passes import in_reverse
from chainrule.core.rules import call_backward
from chainrule.derivation.formulas import Derivation
from chainrule.errors import ChainruleError
from chainrule.judging.closeness import Array, same
from chainrule.judging.ground import MEAN, Draw, Ground
from chainrule.judging.own_terms import in_terms_of
from chainrule.judging.reach import reachable
from chainrule.judging.reading.parsing import parse
from chainrule.notation import TextPrinter
from chainrule.symbols.symbol import Symbol

Edge: TypeAlias = "tuple[int, int, int]"
"""A use: the node, the position of its consumer, and which of the consumer's inputs it is."""

_MOST_SUBSETS = 8  # contributions of which every subset is tried
_MOST_EDGES = 24  # uses on the way to a node, of which one is forgotten
_MOST_IN_PAIRS = 8  # of which two are
_LARGEST_TIMES = 24  # how often something is counted is a small number, or one over a small one
_NEAR = 1e-6  # such a number
_LONGEST = 200  # characters of the contributions that are written out


_BROADCAST = re.compile(r"np\.broadcast_to\((\w+), shape=\([^()]*\)\)")  # a sum does it by itself


@final
class Forgotten(NamedTuple):
    """What was forgotten, as a sentence, and formulas for it, the one to write first; none where there is none."""

    text: str
    formulas: tuple[str, ...] = ()


@final
class Contributions:
    """What the consumers of one node send to it, on every draw that a formula is judged on."""

    def __init__(
        self, ground: Ground, name: str, draws: Sequence[int], convention: str, *, own: Collection[str] = ()
    ) -> None:
        self._ground, self._name, self._convention, self._own = ground, name, convention, own
        self._graph, self._target = ground.graph, ground.graph.position(name[1:])
        self._draws = draws
        self._received = [self._at_target(ground.draws[k]) for k in draws]
        self._uses = [(consumer, place) for consumer, place, _ in self._received[0]]

    def forgotten(
        self, outcomes: Sequence[Array], reads: frozenset[str], derive: Callable[[], Derivation]
    ) -> Forgotten | None:
        """Which contributions a result lacks on all draws, None where it does not come out without some of them."""
        for kept in self._subsets(reads):
            if all(same(out, self._sum(k, kept)) for k, out in enumerate(outcomes)):
                return self._told(kept, derive)
        for ranges in self._ranges():
            if all(same(out, self._sum_of_ranges(k, ranges)) for k, out in enumerate(outcomes)):
                return self._told([j for one in ranges for j in one], derive)
        edges = self._forgotten_edges(outcomes)
        if edges:
            return self._edges_told(edges, derive)
        return None

    # contributions to the node itself

    def _at_target(self, draw: Draw) -> list[tuple[int, int, Array]]:
        return received(self._graph, draw)[self._target]

    def _sum(self, k: int, kept: Sequence[int]) -> Array:
        total = sum((self._received[k][j][2] for j in kept[1:]), start=self._received[k][kept[0]][2])
        return total * self._factor(k)

    def _factor(self, k: int) -> int:
        scaled = self._convention != MEAN and self._name in self._ground.scaled
        return self._ground.draws[self._draws[k]].sizes[self._ground.batch] if scaled else 1

    def _subsets(self, reads: frozenset[str]) -> Iterator[tuple[int, ...]]:
        """Proper subsets: first what comes from the gradients that a formula reads, then the largest, of a few."""
        count = len(self._uses)
        read = tuple(j for j, (consumer, _) in enumerate(self._uses) if self._graph.gradient_names[consumer] in reads)
        if 0 < len(read) < count:
            yield read
        if count <= _MOST_SUBSETS:
            for size in range(count - 1, 0, -1):
                yield from itertools.combinations(range(count), size)

    def _ranges(self) -> Iterator[tuple[range, ...]]:
        """Of many the first or the last ones, all but one, or a single one."""
        count = len(self._uses)
        if count <= _MOST_SUBSETS:
            return
        for size in range(count - 1, 0, -1):
            yield (range(size),)
            yield (range(count - size, count),)
        for j in range(count):
            yield range(j), range(j + 1, count)
            yield (range(j, j + 1),)

    def _sum_of_ranges(self, k: int, ranges: Sequence[range]) -> Array:
        """Their sum, from sums that are known: a sum for each of 5,000 consumers takes as long as one for all."""
        first, last = self._running[k]
        parts = [
            self._received[k][one[0]][2]
            if len(one) == 1
            else first[len(one) - 1]
            if one[0] == 0
            else last[len(one) - 1]
            for one in ranges
            if one
        ]
        return np.asarray(sum(parts[1:], start=parts[0]) * self._factor(k))

    @functools.cached_property
    def _running(self) -> list[tuple[list[Array], list[Array]]]:
        """On every draw the sums of the first contributions, and of the last."""
        sent = [[array for _, _, array in received] for received in self._received]
        return [(list(itertools.accumulate(parts)), list(itertools.accumulate(parts[::-1]))) for parts in sent]

    def _told(self, kept: Sequence[int], derive: Callable[[], Derivation]) -> Forgotten:
        labels, sent = self._labels_and_sent(derive)
        counted = set(kept)
        missing = [j for j in range(len(self._uses)) if j not in counted]
        formula, formulas = self._written([sent[j] for j in missing] if sent else [], derive)
        senders = listed_in_ranges([labels[j] for j in missing])
        send = f"what {senders} {'sends' if len(missing) == 1 else 'send'} is missing"
        if len(kept) == 1 and len(missing) > 1:
            send = f"only {labels[kept[0]]} is counted: {send}"
        return Forgotten(f"{send}: {formula}" if formula and len(formula) <= _LONGEST else send, formulas)

    def _written(self, sent: Sequence[Symbol], derive: Callable[[], Derivation]) -> tuple[str, tuple[str, ...]]:
        """A sum as it is told, and as it may be added: in the terms of the lines that a person wrote, and as sent."""
        if not sent:
            return "", ()
        plain = _sum_text([_text(symbol) for symbol in sent])
        own = _sum_text([_text(in_terms_of(symbol, self._own, derive())) for symbol in sent])
        return (plain, (plain,)) if own == plain else (f"{plain}, which is {own}", (own, plain))

    def _labels_and_sent(self, derive: Callable[[], Derivation]) -> tuple[list[str], list[Symbol]]:
        """What the consumers are called, and what each sends; nothing where the line is not derivable."""
        names = [self._graph.names[consumer] for consumer, _ in self._uses]
        layers = [self._graph.order[consumer].layer for consumer, _ in self._uses]
        alone = [layer[-1] if layer else "" for layer in layers]
        if all(alone) and len(set(alone)) == len(alone):
            names = alone
        try:
            line = derive()[self._name]
        except ChainruleError:
            return names, []
        if [name for name, _ in line.contributions] != [self._graph.names[consumer] for consumer, _ in self._uses]:
            return names, []
        return names, [symbol for _, symbol in line.contributions]

    def scaled(self, outcomes: Sequence[Array], derive: Callable[[], Derivation]) -> str:
        """Which contributions a result counts otherwise than once; "" where that does not tell all."""
        if not 1 < len(self._uses) <= _MOST_SUBSETS:
            return ""
        with np.errstate(all="ignore"):
            rows = [_columns(found) * self._factor(k) for k, found in enumerate(self._received)]
            sizes = [np.abs(row).max(initial=0.0) or 1.0 for row in rows]
            left = np.concatenate([row / size for row, size in zip(rows, sizes, strict=True)])
            right = np.concatenate([out.ravel() / size for out, size in zip(outcomes, sizes, strict=True)])
        if not (np.isfinite(left).all() and np.isfinite(right).all()):
            return ""
        found, _, rank, _ = np.linalg.lstsq(left, right, rcond=1e-10)
        times = [Fraction(float(c)).limit_denominator(_LARGEST_TIMES) for c in found]
        plain = np.abs(found - np.array(times, float)).max() <= _NEAR and len(set(times)) > 1
        results = [(row @ found).reshape(out.shape) for row, out in zip(rows, outcomes, strict=True)]
        if rank < len(self._uses) or not plain or not all(map(same, results, outcomes)):
            return ""
        labels, sent = self._labels_and_sent(derive)
        return "; ".join(
            _times_text(labels[j], c, _text(sent[j]) if sent else "") for j, c in enumerate(times) if c != 1
        )

    # contributions further up

    def _forgotten_edges(self, outcomes: Sequence[Array]) -> tuple[Edge, ...]:
        """The one or two uses without which a gradient comes out as a result does, of nodes on the way back to it."""
        edges = self._edges()
        few = edges if len(edges) <= _MOST_IN_PAIRS else []
        for dropped in (*((edge,) for edge in edges), *itertools.combinations(few, 2)):
            if all(self._comes_out(k, out, dropped) for k, out in enumerate(outcomes)):
                return dropped
        return ()

    def _comes_out(self, k: int, outcome: Array, dropped: tuple[Edge, ...]) -> bool:
        found = _received(self._graph, self._ground.draws[self._draws[k]], dropped)[0][self._target]
        return found is not None and same(outcome, found * self._factor(k))

    def _edges(self) -> list[Edge]:
        """The uses of nodes that are used several times, behind the target and nearest first."""
        behind = sorted(reachable(self._graph, self._target, forward=True))
        nodes = [k for k in (self._target, *behind) if len(self._graph.uses[k]) > 1]
        return [(k, consumer, place) for k in nodes for consumer, place in self._graph.uses[k]][:_MOST_EDGES]

    def _edges_told(self, edges: Sequence[Edge], derive: Callable[[], Derivation]) -> Forgotten:
        parts = [
            f"what {self._graph.names[consumer]} sends to {self._graph.names[node]}" for node, consumer, _ in edges
        ]
        told = f"{' and '.join(parts)} {'is' if len(parts) == 1 else 'are'} missing on the way back"
        try:
            sent = [self._sent_on(node, consumer, derive()) for node, consumer, _ in edges]
        except ChainruleError:
            return Forgotten(told)
        found = [symbol for symbol in sent if symbol is not None]
        return Forgotten(told, self._written(found, derive)[1] if len(found) == len(sent) else ())

    def _sent_on(self, node: int, consumer: int, derived: Derivation) -> Symbol | None:
        """What comes of a use at the target: what is sent, where the target gets that as it is."""
        names = self._graph.gradient_names
        passed = [symbol.name for _, symbol in derived[self._name].contributions]
        sent = dict(derived[names[node]].contributions)
        return sent.get(self._graph.names[consumer]) if node == self._target or names[node] in passed else None


def _text(symbol: Symbol) -> str:
    return _BROADCAST.sub(r"\1", TextPrinter().print(symbol))


def _columns(received: Sequence[tuple[int, int, Array]]) -> Array:
    return np.stack([part.ravel() for _, _, part in received]).T


def _times_text(label: str, times: Fraction, text: str) -> str:
    """How often something is counted that belongs in once."""
    counted = {Fraction(0): "is missing", Fraction(-1): "has the wrong sign"}.get(times, f"is counted {times} times")
    told = f"what {label} sends {counted}"
    return f"{told}: {'it should be ' if times else ''}{text}" if text else told


def received(graph: BaseGraph, draw: Draw) -> list[list[tuple[int, int, Array]]]:
    """By position of a node: what its consumers send to it on a draw, as consumer, place among its inputs, array."""
    return _received(graph, draw, ())[1]


def _received(
    graph: BaseGraph, draw: Draw, dropped: tuple[Edge, ...]
) -> tuple[list[Array | None], list[list[tuple[int, int, Array]]]]:
    """The gradients of a draw, and what each node received, without some uses."""
    values = [draw.values[name] for name in graph.names]
    without = {(consumer, place) for _, consumer, place in dropped}

    def total(k: int, uses: list[tuple[int, int, Array]]) -> Array | None:
        parts = [*([draw.starts[k]] if k in draw.starts else []), *(part for _, _, part in uses)]
        return sum(parts[1:], start=parts[0]) if parts else None

    def local(k: int, grad: Array) -> Sequence[Array | None]:
        parts = call_backward(graph.order[k], grad, values[k], [values[source] for source in graph.sources[k]])
        return [None if (k, place) in without else part for place, part in enumerate(parts)]

    with np.errstate(all="ignore"):
        return in_reverse(graph, total, local)


def listed_in_ranges(names: Sequence[str]) -> str:
    """Names with commas and an and; numbered ones that follow each other as a range.

    >>> listed_in_ranges(["step 1", "step 3", "step 2"]), listed_in_ranges(["q", "e"])
    ('steps 1 to 3', 'q and e')
    """
    numbered = [re.fullmatch(r"(.*\D)(\d+)", name) for name in names]
    if len(names) > 2 and all(numbered):
        stems = {found[1] for found in numbered if found}
        numbers = sorted(int(found[2]) for found in numbered if found)
        if len(stems) == 1 and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
            stem = stems.pop()
            plural = f"{stem.rstrip()}s " if stem.endswith(" ") else stem
            return f"{plural}{numbers[0]} to {'' if plural.endswith(' ') else stem}{numbers[-1]}"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _sum_text(terms: Sequence[str]) -> str:
    """Terms with signs between them."""
    whole = terms[0]
    for term in terms[1:]:
        whole += f" - {term[1:]}" if term.startswith("-") and not re.search(r"[+]| - ", term[1:]) else f" + {term}"
    return whole


def with_term(tree: ast.expr, term: str, names: Collection[str]) -> ast.expr | None:
    """An expression with a term added to it, None where the term is no formula."""
    try:
        added = parse(term, names).tree
    except ChainruleError:
        return None
    for sign, part in _terms(added):
        tree = ast.BinOp(tree, sign, part)
    return tree


def _terms(tree: ast.expr) -> list[tuple[ast.operator, ast.expr]]:
    """The terms of a sum with the sign of each, the first one first."""
    found: list[tuple[ast.operator, ast.expr]] = []
    while isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add | ast.Sub):
        found.append((tree.op, tree.right))
        tree = tree.left
    negative = isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub)
    first = (ast.Sub(), tree.operand) if negative else (ast.Add(), tree)  # type: ignore[attr-defined]  # a sign
    return [first, *reversed(found)]
