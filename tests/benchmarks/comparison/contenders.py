"""Who computes what: a case is a computation of a net at a size, and every contender prepares it in its own way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from comparison.deep_nets import DEEP, gradient
from comparison.peers import PARAMETERS, PEERS, data
from comparison.products import bare_products
from comparison.trained_by import RECOMPUTED, TRAINED_BY, Step
from comparison.trained_nets import begun
from comparison.trainers import TRAINERS, batches_of

SMALL: Final = (2, 3, 3, 1)
LARGE: Final = (784, 512, 256, 1)
PRODUCTS: Final = "the eight products"
Results = dict[str, Any]


class Case(NamedTuple):
    """What is computed: ``kind`` is "gradients" of 2-3-3-1 or a larger net, or "deep", "epoch" or "step" of it."""

    kind: str
    net: str
    m: int
    dtype: str = "float64"

    def __str__(self) -> str:
        return f"{self.kind}, {self.net}, {self.m}, {self.dtype}"


class Prepared(NamedTuple):
    """What is measured, and what it has computed, to be compared before anything is timed."""

    call: Callable[[], Any]
    results: Callable[[], Results]
    release: Callable[[], Any] = dict
    """Let go of what the next call would compute in."""
    new: Callable[[], int] = int
    """The bytes of the results that a call hands back in new arrays."""


def names_for(case: Case) -> tuple[str, ...]:
    """All who can take part."""
    if case.kind == "step":
        return tuple(name for name in TRAINED_BY if name != "torch.compile" or case.dtype == "float32")
    if case.kind in ("epoch", "deep"):
        return tuple(TRAINERS if case.kind == "epoch" else DEEP)
    return (PRODUCTS, *PEERS) if case.net == "784-512-256-1" else tuple(PEERS)


def prepare(case: Case, name: str) -> Prepared:
    """What this contender is asked to do. Raises Absent, saying why, where it cannot."""
    return {"step": _step, "epoch": _epoch, "gradients": _gradients, "deep": _deep}[case.kind](case, name)


def _gradients(case: Case, name: str) -> Prepared:
    feeds = data(LARGE if case.net == "784-512-256-1" else SMALL, case.m, case.dtype)
    if name == PRODUCTS:
        return Prepared(bare_products(feeds), dict)
    call = PEERS[name](feeds)

    def results() -> Results:
        loss, gradients = call()
        return {"loss": float(loss), **{key: np.array(gradients[key]) for key in PARAMETERS}}

    return Prepared(call, results, _release(call), lambda: _bytes(call()[1]))


def _bytes(arrays: Mapping[str, Any]) -> int:
    return sum(int(array.nbytes) for array in arrays.values())


def _release(call: Any) -> Callable[[], Any]:
    """The ``release`` of a plan that is called, or nothing."""
    return getattr(getattr(call, "func", call), "release", dict)


def _deep(case: Case, name: str) -> Prepared:
    """The loss and the gradients, of which a few are compared."""
    layers = int(case.net.split()[0])
    call = DEEP[name](layers, case.m)

    def results() -> Results:
        loss, gradients = call()
        return {"loss": float(loss), **{f"W{k}": gradient(gradients, k) for k in range(1, layers, layers // 4)}}

    return Prepared(call, results, _release(call), lambda: _bytes(call()[1]))


def _epoch(case: Case, name: str) -> Prepared:
    """An epoch of batches of 100 columns, or of one batch where there are few; compared after two."""
    feeds = data(SMALL, case.m, case.dtype)
    batches = batches_of(feeds, 100 if case.m > 1_000 else case.m)
    epoch = TRAINERS[name]({key: feeds[key] for key in PARAMETERS}, batches)

    def results() -> Results:
        epoch()
        return {key: np.array(value) for key, value in epoch().items()}

    return Prepared(epoch, results)


def _step(case: Case, name: str) -> Prepared:
    """Steps of Adam; compared after three, by how far the parameters have moved from where they started."""
    step: Step = {**TRAINED_BY, **RECOMPUTED}[name](case.net, case.m, case.dtype)
    start: Mapping[str, Any] = begun(case.net, 1, case.dtype)[1]

    def results() -> Results:
        losses = [float(step()) for _ in range(3)]
        return {"loss": np.array(losses), **{key: np.array(x) - start[key] for key, x in step.state().items()}}

    return Prepared(step, results, step.release, step.new)


# --- the same results ------------------------------------------------------------------------------------------------


def differs(case: Case, name: str, expected: Results, found: Results) -> str | None:
    """Where the results of a contender are not those of the first; each array as a whole, since single entries round.

    Steps of Adam go by the sign of a gradient that is nearly nothing, so few entries move the other way in float32.
    """
    if case.kind == "epoch" and name == "nets.train" and case.m > 1_000:
        return None  # its batches come in another order
    double = case.dtype == "float64"
    tolerance = (1e-9 if double else 3e-4) if case.kind in ("gradients", "deep") else 1e-8 if double else 3e-2
    for key, value in expected.items():
        apart, size = np.linalg.norm(np.subtract(found[key], value)), np.linalg.norm(value)
        if not apart <= tolerance * size:
            return f"{name}, {case}: {key} is {apart / max(size, 1e-300):.1e} of itself apart"
    return None
