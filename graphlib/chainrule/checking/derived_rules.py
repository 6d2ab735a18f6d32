"""What a check says of a backward that is derived: that it is, and where it keeps fewer digits than it could."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from chainrule.checking.agreement import bracketed
from chainrule.checking.differences import Array
from chainrule.checking.report import Comparison
from chainrule.core.derived import derived_backward, is_entrywise
from chainrule.core.node import Node

_KEPT: Final = 1e-10  # a relative error above this is no rounding: digits have been canceled


def noted(node: Node, rows: Sequence[Comparison], values: Sequence[Array], grad: Array) -> list[Comparison]:
    """The rows, each with a note that its gradient is derived, and with what it has lost at these values."""
    exact = _gradients(node, [_longer(value) for value in values], _longer(grad))
    found = _gradients(node, values, grad)
    alone = is_entrywise(node, values)
    said = [_said(row.name, f, e, alone) for row, f, e in zip(rows, found, exact, strict=True)]
    return [
        row._replace(note=", ".join(filter(None, (row.note, "derived", loss)))) if row.compared else row
        for row, loss in zip(rows, said, strict=True)
    ]


def _longer(value: Array) -> Array:
    """A floating value with the digits that the processor has beyond float64, if it has any."""
    return value.astype(np.longdouble) if value.dtype.kind == "f" else value


def _gradients(node: Node, values: Sequence[Array], grad: Array) -> Sequence[Array | None]:
    with np.errstate(all="ignore"):
        return derived_backward(node, grad, node.forward(*values), *values)


def _said(name: str, found: Array | None, exact: Array | None, alone: bool) -> str:
    """Where a gradient has lost digits: entry by entry for a function of entries, else beside the largest entry."""
    if found is None or exact is None or not exact.size or not np.isfinite(exact).all():
        return ""
    with np.errstate(all="ignore"):
        size = np.abs(exact) if alone else np.max(np.abs(exact))
        lost = np.abs(found - exact) / np.maximum(size, np.finfo(float).tiny)
    worst = np.unravel_index(int(np.argmax(lost)), lost.shape)
    if not lost[worst] > _KEPT:
        return ""
    kept = max(0, int(-np.log10(float(min(lost[worst], 1)))))
    place = bracketed(worst) if worst else ""
    return f"{kept} of 16 digits left at {name}{place}, the others cancel: write the backward by hand"
