"""Names that have to be among what is judged, and the verdict of each that is not."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from chainrule.errors import ArgumentError, did_you_mean
from chainrule.judging.ground import Ground
from chainrule.judging.keys import canonical
from chainrule.judging.verdicts import Verdict


def required(names: Sequence[str], ground: Ground) -> list[str]:
    """The names that have to be given, as the graph has them; raises ArgumentError for one that it has not."""
    if not isinstance(names, Sequence):
        raise ArgumentError(f"require is a list of names, not {names!r}", remedy='require=["dW1", "db1"]')
    found = canonical([names] if isinstance(names, str) else map(str, names), ground.names).values()
    unknown = [did_you_mean(name, ground.judged) for name in found if name not in ground.judged]
    if unknown:
        raise ArgumentError(f"no line can be required for {', '.join(unknown)}", remedy="names of values or gradients")
    return list(found)


def missing(names: Sequence[str], given: Collection[str]) -> list[Verdict]:
    """The verdicts of required names that are not given."""
    return [
        Verdict(name, "", False, False, "missing", f"there is no line for {name}")
        for name in names
        if name not in given
    ]
