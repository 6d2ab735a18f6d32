"""Recomputing: a program that keeps a few of its values for the way back, and computes the others there once more.

Of n layers about √n segments are made. What a segment hands to the next is kept, and so is all of the last one. The
rest is let go of, and its steps stand a second time in front of the first step of the way back that reads what they
give. A step is a pure function of its operands, so the second time it gives the same bits.

Chen, Xu, Zhang and Guestrin: Training deep nets with sublinear memory cost, arXiv:1604.06174 (2016).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import sqrt
from typing import Final, TypeAlias, final

from chainrule.plan.lifetimes import alive, last_uses, owners, room, size_in_bytes
from chainrule.program.builder import Builder
from chainrule.program.calls import Call, pick
from chainrule.program.program import Program, rewrite
from chainrule.program.step import Ref, Step, map_refs
from chainrule.shown.text import in_bytes, visible

Recompute: TypeAlias = bool | tuple[str, ...]
"""Whether values are computed again; or the names of those that are kept."""
_TRIED: Final = (0.5, 0.75, 1.0, 1.5)  # times √(bytes kept ÷ bytes handed from one layer to the next)
_WORTH: Final = 0.9  # of the bytes without it, or computing again is work for nothing
_SHOWN: Final = 6  # names of values that are kept


@final
@dataclass(frozen=True)
class Recomputed:
    """A program that computes values again, and what that spares."""

    program: Program
    kept: tuple[str, ...]
    """What it keeps where a segment ends."""
    again: int
    """How many steps stand a second time."""
    before: int
    """The bytes that are taken between feeds and results, without it."""
    after: int
    """The bytes that are taken, with it."""

    def __str__(self) -> str:
        if not self.again:
            return f"recompute: nothing is computed again, {in_bytes(self.before)} between feeds and results"
        shown = ", ".join([*self.kept[:_SHOWN], *(["…"] if len(self.kept) > _SHOWN else [])])
        return (
            f"recompute: {self.again} steps are computed again, {in_bytes(self.after)} between feeds and results in "
            f"place of {in_bytes(self.before)}\nkept: {visible(shown)}, and all behind the last of them"
        )


def recomputed(program: Program, recompute: Recompute) -> Recomputed:
    """The program for known sizes that computes again what is not kept; as it is where that spares little."""
    before = room(program)
    plain = Recomputed(program, (), 0, before, before)
    if not recompute:
        return plain
    turn = _turn(program)
    if not isinstance(recompute, bool):
        names = {step.name: k for k, step in enumerate(program.steps[:turn])}
        kept = {names[name] for name in recompute if name in names}
        cuts = [max(kept) + 1] if kept else []
        return _of(program, turn, cuts, kept, plain) if kept else plain
    found = [plain, *(_of(program, turn, cuts, set(), plain) for cuts in _divisions(program, turn))]
    best = min(found, key=lambda made: made.after)
    return best if best.after <= _WORTH * before else plain


def _of(program: Program, turn: int, cuts: Sequence[int], named: set[int], plain: Recomputed) -> Recomputed:
    """The program with these segments; with names there is one, in which nothing else is kept, and what follows."""
    marks = _marks(program, turn, cuts, named)
    made = rewrite(program, _Again(program, turn, marks.again).change)
    again = sum(marks.again)
    kept = tuple(str(name) for k in sorted(marks.kept) if (name := program.steps[k].name))
    return Recomputed(made, kept, again, plain.before, room(made)) if again else plain


def _turn(program: Program) -> int:
    """The first step of the way back: behind the loss, or behind the result at which the most bytes are in use."""
    losses = list(program.losses.values())
    if len(losses) == 1:
        return losses[0] + 1
    used = alive(program)
    ends = [k for k in program.ends if program.steps[k].operation is not None]
    return max(ends, key=lambda k: (used[k], -k), default=-1) + 1


# --- where segments end ------------------------------------------------------------------------------------------


def _divisions(program: Program, turn: int) -> Iterable[list[int]]:
    """Some numbers of segments, about the root of what is kept: for each the steps at which a new one begins."""
    handed, idle, kept = _bytes(program, turn)
    least_at = list(zip(handed, idle, strict=True))
    total = kept[-1] if kept else 0
    inner = [handed[k] for k in range(turn) if total / 8 <= kept[k] <= 7 * total / 8 and handed[k]]
    if not total or not inner:
        return
    least = min(inner)
    for count in dict.fromkeys(round(factor * sqrt(total / least)) for factor in _TRIED):
        cuts = list(dict.fromkeys(_cut(least_at, kept, k, count) for k in range(1, count)))
        if cuts := [cut for cut in cuts if 0 < cut < turn]:
            yield cuts


def _cut(handed: Sequence[tuple[int, int]], kept: Sequence[int], number: int, count: int) -> int:
    """The step before which the fewest bytes are handed on, near where a segment of so many would end.

    Where equally many are, it is where the way back reads them, too, so that what leads to them is not needed again.
    """
    start, end = (bisect_left(kept, kept[-1] * (number + side) / count) for side in (-0.5, 0.5))
    middle = kept[-1] * number / count
    return min(range(start, max(end, start + 1)), key=lambda k: (*handed[k], abs(kept[k] - middle)))


def _bytes(program: Program, turn: int) -> tuple[list[int], list[int], list[int]]:
    """By step of the way forward, three numbers of bytes.

    What stands before it and is read by it or a later one; of that what the way back does not read; and all that the
    way back reads of what stands up to there.
    """
    owner, ends = owners(program), set(program.ends)
    forward = replace(program, steps=program.steps[:turn], values={}, gradients={}, updates={})
    reads, all_reads = last_uses(forward, owner), last_uses(program, owner)
    handed, idle, kept = [0] * (turn + 1), [0] * (turn + 1), [0] * turn
    for k, step in enumerate(forward.steps):
        if owner[k] != k or step.operation is None or k in ends:
            continue
        size, late = size_in_bytes(step), all_reads.get(k, 0) >= turn
        kept[k] = size if late else 0
        for change in (handed, *([] if late else [idle])):
            if reads.get(k, k) > k:
                change[k + 1] += size
                change[min(reads[k], turn - 1) + 1] -= size
    return list(accumulate(handed[:turn])), list(accumulate(idle[:turn])), list(accumulate(kept))


# --- what is kept, and what is computed again --------------------------------------------------------------------


@final
@dataclass(frozen=True)
class _Marks:
    """By step of the way forward, whether it is computed again; and the steps that are kept where a segment ends."""

    again: list[bool]
    kept: set[int]


def _marks(program: Program, turn: int, cuts: Sequence[int], named: set[int]) -> _Marks:
    """Found from the last step to the first: whoever reads a value has been looked at before it."""
    steps, ends, last, owner = program.steps, set(program.ends), len(cuts), owners(program)
    segment = [bisect_right(cuts, k) for k in range(turn)]
    late = [False] * turn
    """Whether the way back reads it, or a step of its segment that is computed again."""
    for step in steps[turn:]:
        for source in step.refs:
            if source < turn:
                late[source] = True
    again, handed = [False] * turn, set(named)
    for k in range(turn - 1, -1, -1):
        step = steps[k]
        if step.operation is None or not (late[k] or k in handed):
            continue
        takes_none = steps[owner[k]].operation is None or step.operation is pick
        stays = k in handed or k in ends or segment[k] == last or isinstance(step.operation, Call) or takes_none
        again[k] = not stays
        for source in step.refs if again[k] else ():
            late[source] = True
            if segment[source] != segment[k] and not named:
                handed.add(source)
        if k in handed and owner[k] != k:  # its memory stays
            handed.add(step.refs[0])
    return _Marks(again, {k for k in handed if steps[k].operation is not None})


@final
class _Again:
    """One program being rewritten: which steps stand a second time, and where."""

    def __init__(self, program: Program, turn: int, again: Sequence[bool]) -> None:
        self.steps, self.turn, self.again = program.steps, turn, again
        self.first: list[Ref] = []
        self.second: dict[int, Ref] = {}

    def change(self, builder: Builder, step: Step, k: int) -> Ref:
        """The step; on the way back it reads what has been computed again, which stands in front of it."""
        if k >= self.turn:
            for source in self.steps[k].refs:
                self._compute(builder, source)
            step = self._renewed(k)
        self.first.append(builder.append(step))
        return self.first[k]

    def _compute(self, builder: Builder, wanted: int) -> None:
        """Append the steps that lead to a value from what is kept, in their order."""
        waiting, found = [wanted], set[int]()
        while waiting:
            k = waiting.pop()
            if k < self.turn and self.again[k] and k not in self.second and k not in found:
                found.add(k)
                waiting += self.steps[k].refs
        for k in sorted(found):
            name = self.steps[k].name
            self.second[k] = builder.append(replace(self._renewed(k), name=name and f"{name} again"))

    def _renewed(self, k: int) -> Step:
        """A step of the way back, or one that stands a second time, with its operands as they are there."""
        step = self.steps[k]
        return step.reading(map_refs(step.operands, lambda ref: self.second.get(ref.step, self.first[ref.step])))
