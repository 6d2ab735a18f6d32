"""What every rule promises, and one rule at one point held to it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NoReturn, final

import numpy as np
import numpy.typing as npt

from chainrule.core.node import Node
from chainrule.core.read_only import read_only
from chainrule.core.rules import Breach, count_breach, dtype_breach, kept_dtype, shape_breach
from chainrule.errors import GradientCheckError

Array = npt.NDArray[Any]
SINGLE = 1e-4  # float32 against float64: a thousand roundings of 1.2e-7
_LINEAR = 1e-10  # both sides of the linearity round differently, by 1e-16 for each term of a sum


@final
class PromisedRule:
    """One node at one point: calls its rule with read-only arrays and holds every call to what a rule promises."""

    def __init__(self, node: Node, values: Sequence[Array], names: Sequence[str], label: str) -> None:
        self.node, self.names, self.label = node, names, label
        self.values = [read_only(np.array(value, order="K")) for value in values]
        self.given = ", ".join(f"{n} {v.shape} {v.dtype}" for n, v in zip(names, values, strict=True))
        self.floating = [value.dtype for value in values if value.dtype.kind == "f"]
        self.nones: tuple[bool, ...] = ()

    def fail(self, said: str, remedy: str, cause: Exception | None = None) -> NoReturn:
        """Raise GradientCheckError about this rule."""
        what = f"{self.label}: {said}"
        raise GradientCheckError(
            what, where=self.node.where, given=self.given, remedy=remedy, node=self.node
        ) from cause

    def _require(self, breach: Breach | None) -> None:
        if breach is not None:
            self.fail(f"backward: {breach.said}", breach.remedy)

    def _call(self, way: str, arrays: Sequence[Array]) -> Any:
        before = [array.tobytes() for array in arrays]
        try:
            result = getattr(self.node, way)(*arrays)
        except Exception as error:
            if isinstance(error, ValueError) and "read-only" in str(error):
                self.fail(f"{way} writes into an array it was handed", "compute a new array: x * 2, not x *= 2", error)
            said = f"{way} raised {type(error).__name__}: {getattr(error, 'what', error)}"
            self.fail(said, getattr(error, "remedy", "") or "examples that the rule can take", error)
        if [array.tobytes() for array in arrays] != before:
            self.fail(f"{way} writes into an array it was handed", "compute a new array: x * 2, not x *= 2")
        return result

    def forward(self, values: Sequence[Array] | None = None) -> Array:
        """The output, held to be real, finite and of the inputs' dtype."""
        returned = self._call("forward", self.values if values is None else values)
        output = np.asarray(kept_dtype(self.node, returned, next(iter(self.floating), None)))
        if output.dtype.kind not in "fiub":
            self.fail(f"forward returns {output.dtype}, not real numbers", "return an array of real numbers")
        if output.dtype.kind == "f" and self.floating and output.dtype != self.floating[0]:
            said = f"forward returns {output.dtype} for inputs of {self.floating[0]}"
            self.fail(said, "Python numbers keep the dtype of the inputs, arrays of float64 do not")
        return read_only(np.array(output, order="K"))

    def backward(self, grad: Array, output: Array) -> tuple[Array | None, ...]:
        """The gradients, held to be one for each input, of its shape and dtype."""
        returned = self._call("backward", [read_only(grad), output, *self.values])
        self._require(count_breach(returned, len(self.values)))
        gradients = tuple(map(self._of_input, returned, range(len(self.values))))
        self._same_nones(tuple(gradient is None for gradient in gradients))
        return gradients

    def _same_nones(self, nones: tuple[bool, ...]) -> None:
        self.nones = self.nones or nones
        for name, now, before in zip(self.names, nones, self.nones, strict=True):
            if now != before:
                self.fail(f"backward gives None for {name} at some calls only", "None always, or an array always")

    def _of_input(self, gradient: Any, place: int) -> Array | None:
        x, name = self.values[place], self.names[place]
        if gradient is None or x.dtype.kind != "f":
            return None
        array = np.asarray(gradient)
        self._require(shape_breach(name, array.shape, x.shape) or dtype_breach(name, array.dtype, x.dtype))
        return array

    def keep_promises(self, places: Sequence[int], rng: np.random.Generator) -> Array:
        """Check repeatability, linearity in the upstream gradient and zero in, zero out; the output."""
        output = self.forward()
        first, second = (rng.standard_normal(output.shape).astype(output.dtype) for _ in range(2))
        sent = self.backward(first, output)
        self._new_memory("forward", self.values)
        self._new_memory("backward", [read_only(first), output, *self.values])
        self._disturb(rng)
        self._same_again(output, sent, first)
        if output.dtype.kind == "f":
            self._linear(places, output, sent, first, second)
            self._zero(places, output)
        return output

    def _new_memory(self, way: str, handed: Sequence[Array]) -> None:
        """What a rule returned belongs to a run, so the next call must not write over it."""
        calls = [self._call(way, handed) for _ in range(2)]
        for before, now in zip(*(_parts(returned) for returned in calls), strict=False):
            # Of its inputs and of constants it may return views: those are read-only.
            if now.flags.writeable and np.may_share_memory(before, now):
                self.fail(
                    f"{way} returns the same memory at every call", "return a new array: a run holds the last one"
                )

    def _disturb(self, rng: np.random.Generator) -> None:
        """Run the rule at another point, so that anything it keeps from its last call is out of date."""
        other = [read_only(x * x.dtype.type(rng.uniform(0.9, 1))) if x.dtype.kind == "f" else x for x in self.values]
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.node.forward(*other)
        except Exception:  # the other point may lie outside of what the rule takes
            return

    def _same_again(self, output: Array, sent: Sequence[Array | None], grad: Array) -> None:
        """Backward before forward: what a forward keeps would be right again after it."""
        remedy = "a rule is a function of what it is handed: no state, no random numbers, nothing from outside"
        if not all(map(_identical, self.backward(grad, output), sent)):
            self.fail("backward gives other gradients when it is called again with the same arrays", remedy)
        if not _identical(self.forward(), output):
            self.fail("forward gives another output when it is called again with the same inputs", remedy)

    def _linear(
        self, places: Sequence[int], output: Array, sent: Sequence[Array | None], first: Array, second: Array
    ) -> None:
        """backward(a g + b h) = a backward(g) + b backward(h), with a and b exact in binary."""
        other = self.backward(second, output)
        mixed = self.backward(0.75 * first - 1.25 * second, output)
        tolerance = _LINEAR if output.dtype.itemsize >= 8 else SINGLE
        rounding = 16 * np.finfo(output.dtype).eps  # of grad itself, all that is left where a softmax is saturated
        for place in places:
            g, h, both = sent[place], other[place], mixed[place]
            if g is None or h is None or both is None:
                continue
            with np.errstate(all="ignore"):
                bound = tolerance * np.max(np.abs(g) + np.abs(h), initial=0) + rounding
                apart = np.max(np.abs(both - (0.75 * g - 1.25 * h)), initial=0)
            if apart > bound:
                said = (
                    f"the gradient of {self.names[place]} is not linear in grad: 0.75 g - 1.25 h is off by {apart:.3g}"
                )
                self.fail(said, "multiply by grad once; add nothing to it")

    def _zero(self, places: Sequence[int], output: Array) -> None:
        sent = self.backward(np.zeros_like(output), output)
        for place in places:
            gradient = sent[place]
            if gradient is not None and np.isfinite(gradient).all() and gradient.any():
                self.fail(f"the gradient of {self.names[place]} is not 0 when grad is 0", "multiply by grad")


def _parts(returned: Any) -> list[Array]:
    """The arrays in what a rule returned."""
    return [part for part in (returned if isinstance(returned, tuple) else (returned,)) if isinstance(part, np.ndarray)]


def _identical(one: Array | None, other: Array | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
