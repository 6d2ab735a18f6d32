"""Gradients held against numerical differentiation, and rules against the promises that every rule makes.

Central differences in float64 judge everything; where a rule also takes complex numbers and the two agree, the
complex step judges to nearly all digits (Squire and Trapp 1998). float32 is useless for differences, so a rule is
judged in float32 by its own float64. Errors are relative to the largest entry of the gradient in question.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, final

import numpy as np
import numpy.typing as npt

from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Constant, Input, Leaf, Parameter
from chainrule.core.node import Node
from chainrule.core.passes import forward, sweep
from chainrule.errors import ArgumentError, GradientCheckError, RuleError, UnknownNameError, did_you_mean

Array = npt.NDArray[Any]
Function = Callable[[Array], Array]
"""The outputs, joined into one vector, as a function of the one value that is varied."""

_EPS = 2.0**-52
_STEPS = tuple(2.0**-k for k in range(17, 39, 3))  # the first, 7.6e-6, suits most; smaller ones serve sharp bends
_CLOSE = 1e-6  # differences: a hundred times their rounding error of 1e-10 to 1e-8, a thousandth of a factor 1.001
_EXACT = 1e-11  # complex step: it rounds like the rule itself, 1e-16 for each of up to some ten thousand operations
_BENT = 1e-5  # two steps whose differences disagree by more judge nothing
_TOLD_APART = 1e-4  # a gradient that is less than ten thousand roundings of the output is not counted as compared
_SINGLE = 1e-4  # float32 against float64: a thousand roundings of 1.2e-7
_LINEAR = 1e-10  # both sides of the linearity round differently, by 1e-16 for each term of a sum
_WHOLE = 32  # outputs with at most so many entries are judged entry by entry, others by random projections
_PROJECTIONS = 3
_DIRECTIONS = 2
_ELEMENTS_OF_NODE, _ELEMENTS_OF_GRAPH = 1000, 24
_NOT_FINITE = "is not finite close to this point"
_HIDDEN = "too small beside the output to be told from 0"
_TINY = float(np.finfo(float).tiny)
_TOO_SHARP = "bends too sharply, or jumps, close to this point"


# --- the report ------------------------------------------------------------------------------------------------------


class Comparison(NamedTuple):
    """One gradient, or one rule, against numerical differentiation: how much was compared, and what came of it.

    ``compared`` elements of ``size`` were differentiated, ``kinks`` of them at a kink, where the gradient only has to
    lie between the slopes on either side. ``error`` is the largest, relative to the largest entry of the gradient.
    ``problem`` is the error to raise, None when all is well.
    """

    name: str
    what: str
    compared: int = 0
    size: int = 0
    kinks: int = 0
    error: float = 0.0
    note: str = ""
    problem: GradientCheckError | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing was found wrong."""
        return self.problem is None


@final
class GradientReport:
    """What a gradient check compared and found, one row for each gradient and each rule; true when all is well.

    >>> from chainrule import Sigmoid, check_node
    >>> report = check_node(Sigmoid, [-1.0, 0.0, 2.0])
    >>> report.ok, report.compared
    (True, 3)
    """

    def __init__(self, title: str, rows: Iterable[Comparison]) -> None:
        self.title, self.rows = title, tuple(rows)

    @property
    def ok(self) -> bool:
        """Whether every row is."""
        return all(row.ok for row in self.rows)

    @property
    def compared(self) -> int:
        """How many elements were compared in all."""
        return sum(row.compared for row in self.rows)

    @property
    def problems(self) -> tuple[GradientCheckError, ...]:
        """What is wrong: rules first, because a wrong rule makes gradients wrong all the way down."""
        wrong = sorted((row for row in self.rows if not row.ok), key=lambda row: row.what == "gradient")
        return tuple(row.problem for row in wrong if row.problem is not None)

    def assert_ok(self) -> None:
        """Raise GradientCheckError with the first problem, unless all is well."""
        if self.problems:
            raise self.problems[0]

    def __bool__(self) -> bool:
        return self.ok

    def __getitem__(self, name: str) -> Comparison:
        found = sorted((row for row in self.rows if row.name == name), key=lambda row: row.ok)
        if not found:
            raise UnknownNameError(f"no row is called {did_you_mean(name, [row.name for row in self.rows])}")
        return found[0]

    def __repr__(self) -> str:
        return f"<GradientReport {self.title}: {self.compared} elements compared, {self._verdict}>"

    @property
    def _verdict(self) -> str:
        return "all agree" if self.ok else f"{_counted(len(self.problems), 'row')} of {len(self.rows)} wrong"

    def __str__(self) -> str:
        table = [("name", "what", "compared", "largest error", "verdict"), *map(_cells, self.rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table]
        found = [str(problem) for problem in self.problems[:3]]
        return "\n".join([self.title, *lines, f"{self.compared} elements compared: {self._verdict}", *found])


def _cells(row: Comparison) -> tuple[str, ...]:
    error = f"{row.error:.1e}" if row.compared else ""
    notes = [row.note] * bool(row.note) + [f"{row.kinks} at kinks"] * bool(row.kinks)
    word = ["ok"] * bool(row.compared) if row.ok else ["WRONG"]
    verdict = ", ".join([*word, *notes])
    return _printable(row.name), row.what, f"{row.compared} of {row.size}", error, verdict


def _printable(name: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)


# --- numerical differentiation ---------------------------------------------------------------------------------------


class _Probe(NamedTuple):
    """A way to go from a value: which entries of it, flat, move by how much for a step of 1."""

    where: Any
    amount: Array

    def moved(self, x: Array, step: complex) -> Array:
        """The value after a step."""
        new = x.astype(np.result_type(x, type(step))).ravel()
        new[self.where] += step * self.amount
        return new.reshape(x.shape)

    def along(self, gradient: Array) -> Any:
        """The slope that a gradient says this way has."""
        return gradient.ravel()[self.where] @ self.amount


class _Slope(NamedTuple):
    """What numerical differentiation finds one way: for each output the slope and how far it can be trusted.

    At a kink the slopes on either side are ``slope - half`` and ``slope + half``; elsewhere ``half`` is 0.
    """

    slope: Array
    half: Array
    slack: Array
    trouble: str = ""
    exact: bool = False


def _probes(x: Array, limit: int, rng: np.random.Generator) -> list[_Probe]:
    """One for each element; when there are more than ``limit``, for some of them, and for all in random directions."""
    scale = np.maximum(1, np.abs(x.ravel()))
    if x.size <= limit:
        chosen = np.arange(x.size)
    else:
        chosen = np.sort(rng.choice(x.size, limit, replace=False))
    elements = [_Probe(np.array([k]), scale[[k]]) for k in chosen]
    directions = _DIRECTIONS * (x.size > limit)
    return elements + [_Probe(slice(None), scale * d) for d in rng.standard_normal((directions, x.size)) / x.size**0.5]


class _Line(NamedTuple):
    """The outputs as a function of how far one goes along a probe; ``largest`` is the size of slopes to expect."""

    function: Function
    x: Array
    start: Array
    probe: _Probe
    largest: float

    def at(self, step: complex) -> Array:
        """The outputs after a step."""
        return self.function(self.probe.moved(self.x, step))

    def one_sided(self, step: float) -> tuple[Array, Array]:
        """The slopes to the right and to the left."""
        with np.errstate(all="ignore"):
            return (self.at(step) - self.start) / step, (self.start - self.at(-step)) / step


def _differentiate(line: _Line) -> _Slope:
    """Central differences, at smaller and smaller steps until two agree, and the complex step where they confirm it."""
    best, disagreement = _Slope(line.start, line.start, line.start, _NOT_FINITE), np.inf
    for step in _STEPS:
        found, apart = _at_step(line, step)
        if apart < disagreement or (best.trouble and not found.trouble):
            best, disagreement = found, apart
        if disagreement <= 0.1 * _CLOSE:
            return _by_complex_step(line, best)
    return best if best.trouble or disagreement <= _BENT else best._replace(trouble=_TOO_SHARP)


def _at_step(line: _Line, step: float) -> tuple[_Slope, float]:
    """The slope from two steps, one a quarter of the other, and how far these are apart beyond rounding.

    Where a function is smooth its one-sided slopes differ in proportion to the step, at a kink by the same at every
    step, and at a jump by the more the smaller the step.
    """
    (right, left), (right_near, left_near) = line.one_sided(step), line.one_sided(step / 4)
    slopes = np.stack([right, left, right_near, left_near])
    if not np.isfinite(slopes).all():
        return _Slope(line.start, line.start, line.start, _NOT_FINITE), np.inf
    noise = 4 * _EPS * np.abs(line.start) / step
    scale = max(line.largest, np.max(np.abs(slopes), initial=0), _TINY)
    jump, jump_near = np.abs(right - left), np.abs(right_near - left_near)
    visible = jump > _CLOSE * scale + 8 * noise
    kink = visible & (jump_near > 0.55 * jump) & (jump_near < 1.5 * jump)
    slope = (right + left) / 2
    apart = np.abs(slope - (right_near + left_near) / 2)
    excess = np.where(visible & (jump_near >= 1.5 * jump), np.inf, np.maximum(apart - 8 * noise, 0) / scale)
    return _Slope(slope, np.where(kink, jump / 2, 0), 2 * apart + noise), float(np.max(excess, initial=0))


def _by_complex_step(line: _Line, found: _Slope) -> _Slope:
    """Im f(x + ih) / h, in which nothing cancels, where the function takes complex numbers and differences agree."""
    step = 2.0**-100
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error")  # a function that drops the imaginary part warns
            value = line.at(1j * step)
    except Exception:  # whatever a rule raises on complex numbers, differences have judged it
        return found
    slope = np.imag(value) / step
    same = np.allclose(np.real(value), line.start, rtol=1e-12, atol=0)
    close = _CLOSE * max(line.largest, np.max(np.abs(slope), initial=0))
    clear = not found.half.any() and bool(np.all(np.abs(slope - found.slope) + found.slack <= close))
    return _Slope(slope, found.half, np.zeros_like(slope), exact=True) if same and clear else found


# --- the verdict on one gradient -------------------------------------------------------------------------------------


class _Question(NamedTuple):
    """Whether ``gradients``, one per row of ``grads``, are those of ``function`` at ``x``, and what to say if not."""

    row: Comparison
    node: Node
    label: str
    given: str
    function: Function
    x: Array
    gradients: Array
    grads: Array
    probes: list[_Probe]
    says: str = "backward gives"
    hint: str = ""

    def wrong(self, said: str, remedy: str, **changes: Any) -> Comparison:
        """The row with a problem."""
        what = f"{self.label} {said}"
        problem = GradientCheckError(what, where=self.node.where, given=self.given, remedy=remedy, node=self.node)
        return self.row._replace(problem=problem, **changes)

    def place(self, k: int) -> str:
        """Where probe ``k`` goes, for messages."""
        where = self.probes[k].where
        if isinstance(where, slice):
            return "along a random direction through all entries"
        return f"at {_at(np.unravel_index(int(where[0]), self.x.shape))}"


def _upstream(size: int, rng: np.random.Generator) -> Array:
    """Gradients to start from, as rows: one for each output entry, or random ones when there are many."""
    return np.eye(size) if size <= _WHOLE else rng.standard_normal((_PROJECTIONS, size))


def _judge(asked: _Question) -> Comparison:
    """Hold the gradients against numerical differentiation along every probe."""
    if not np.isfinite(asked.gradients).all():
        place = _at(np.argwhere(~np.isfinite(asked.gradients))[0][1:])
        return asked.wrong(f"is not finite at {place}", "values at which it is finite")
    if not asked.probes or not len(asked.grads):
        return asked.row._replace(note="nothing to compare")
    analytic = np.array([[probe.along(gradient) for probe in asked.probes] for gradient in asked.gradients])
    start, largest = asked.function(asked.x), float(np.max(np.abs(analytic)))
    slopes = [_differentiate(_Line(asked.function, asked.x, start, probe, largest)) for probe in asked.probes]
    for k, slope in enumerate(slopes):
        if slope.trouble:
            said = f"cannot be judged {asked.place(k)}: the output {slope.trouble}"
            return asked.wrong(said, "move the values away from there")
    return _compare(asked, analytic, slopes)


def _compare(asked: _Question, analytic: Array, slopes: list[_Slope]) -> Comparison:
    """The verdict, from what backward says and what was found; all arrays are (grads, probes)."""
    grads = asked.grads
    numeric = np.stack([grads @ slope.slope for slope in slopes], axis=1)
    half = np.stack([np.abs(grads) @ slope.half for slope in slopes], axis=1)
    slack = np.stack([np.abs(grads) @ slope.slack for slope in slopes], axis=1)
    exact = np.array([slope.exact for slope in slopes])
    scale = max(np.max(np.abs(analytic)), np.max(np.abs(numeric)), _TINY)
    outside = np.maximum(np.abs(analytic - numeric) - half, 0)
    excess = outside - np.where(exact, _EXACT, _CLOSE) * scale - slack
    error = float(outside.max() / scale)
    if np.any(excess > 0):
        worst = np.unravel_index(np.argmax(excess), excess.shape)
        return _disagreement(asked, analytic, numeric, (int(worst[0]), int(worst[1])), error)
    elements = np.array([not isinstance(probe.where, slice) for probe in asked.probes])
    told_apart = (slack.max(axis=0) <= _TOLD_APART * scale) | (not analytic.any() and not numeric.any())
    seen = elements & told_apart
    kinks = int(np.sum(half.any(axis=0) & seen))
    seen_error = float(np.max(outside[:, seen], initial=0) / scale)
    method = "complex step" if exact.all() else "differences" if not exact.any() else "complex step and differences"
    note = method if seen.sum() == elements.sum() else _HIDDEN
    return asked.row._replace(compared=int(seen.sum()), kinks=kinks, error=seen_error, note=note)


def _disagreement(
    asked: _Question, analytic: Array, numeric: Array, worst: tuple[int, int], error: float
) -> Comparison:
    sizes = np.array([1.0 if isinstance(probe.where, slice) else float(probe.amount[0]) for probe in asked.probes])
    found, expected = analytic / sizes, numeric / sizes
    numbers = f"{asked.says} {found[worst]:.12g}, numerical differentiation {expected[worst]:.12g}"
    said = f"is wrong {asked.place(worst[1])}: {numbers} (error {error:.2g} of the largest entry)"
    elements = [k for k, probe in enumerate(asked.probes) if not isinstance(probe.where, slice)]
    diagnosis = asked.hint or _diagnosis(found[:, elements], expected[:, elements], asked.x)
    return asked.wrong(said, diagnosis, compared=len(elements), error=error)


def _diagnosis(analytic: Array, numeric: Array, x: Array) -> str:
    """What the disagreement looks like, which is often what to mend."""
    if not analytic.any():
        return "a gradient that is not 0 everywhere"
    factor = float(np.vdot(numeric, analytic) / (np.vdot(numeric, numeric) or 1))
    near = 1e-4 * float(np.max(np.abs(analytic)))
    if factor and np.allclose(analytic, factor * numeric, rtol=0, atol=near) and abs(factor - 1) > 1e-6:
        return (
            "turn its sign"
            if np.isclose(factor, -1)
            else f"divide by {factor:.6g}: every entry is so many times what it should be"
        )
    if x.ndim == 2 and x.shape[0] == x.shape[1] and analytic.shape[1] == x.size:
        turned = analytic.reshape(-1, *x.shape).transpose(0, 2, 1).reshape(analytic.shape)
        if np.allclose(turned, numeric, rtol=0, atol=near):
            return "transpose it"
    return "derive this entry again by hand"


def _at(place: Iterable[Any]) -> str:
    return f"[{', '.join(str(int(k)) for k in place)}]"


# --- the promises of a rule ------------------------------------------------------------------------------------------


class _Rule:
    """One node at one point: calls its rule with read-only arrays and holds every call to what a rule promises."""

    def __init__(self, node: Node, values: Sequence[Array], names: Sequence[str], label: str) -> None:
        self.node, self.names, self.label = node, names, label
        self.values = [_sealed(value) for value in values]
        self.given = ", ".join(f"{n} {v.shape} {v.dtype}" for n, v in zip(names, values, strict=True))
        self.floating = [value.dtype for value in values if value.dtype.kind == "f"]
        self.nones: tuple[bool, ...] = ()

    def fail(self, said: str, remedy: str, cause: Exception | None = None) -> NoReturn:
        """Raise GradientCheckError about this rule."""
        what = f"{self.label}: {said}"
        raise GradientCheckError(
            what, where=self.node.where, given=self.given, remedy=remedy, node=self.node
        ) from cause

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
        output = np.asarray(self._call("forward", self.values if values is None else values))
        if output.dtype.kind not in "fiub":
            self.fail(f"forward returns {output.dtype}, not real numbers", "return an array of real numbers")
        if output.dtype.kind == "f" and self.floating and output.dtype != self.floating[0]:
            said = f"forward returns {output.dtype} for inputs of {self.floating[0]}"
            self.fail(said, "Python numbers keep the dtype of the inputs, arrays of float64 do not")
        return _sealed(output)

    def backward(self, grad: Array, output: Array) -> tuple[Array | None, ...]:
        """The gradients, held to be one for each input, of its shape and dtype."""
        returned = self._call("backward", [_sealed(grad), output, *self.values])
        count = len(self.values)
        if type(returned) is not tuple:
            said = f"backward returns {type(returned).__name__}, not a tuple of {count}"
            self.fail(said, "return one gradient per input, as in (grad * y,)")
        if len(returned) != count:
            said = f"backward returns {len(returned)} gradients for {count} inputs"
            self.fail(said, "one gradient per input, in input order; None where there is none")
        gradients = tuple(map(self._of_input, returned, range(count)))
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
        if array.shape != x.shape:
            remedy = "undo a broadcast: unbroadcast(gradient, x) sums over the axes that were stretched"
            self.fail(f"the gradient of {name} has shape {array.shape}, the input has {x.shape}", remedy)
        if array.dtype != x.dtype:
            remedy = "Python numbers keep the dtype of the inputs, arrays of float64 do not"
            self.fail(f"the gradient of {name} is {array.dtype}, the input is {x.dtype}", remedy)
        return array

    def keep_promises(self, places: Sequence[int], rng: np.random.Generator) -> Array:
        """Check repeatability, linearity in the upstream gradient and zero in, zero out; the output."""
        output = self.forward()
        first, second = (rng.standard_normal(output.shape).astype(output.dtype) for _ in range(2))
        sent = self.backward(first, output)
        self._new_memory("forward", self.values)
        self._new_memory("backward", [_sealed(first), output, *self.values])
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
        other = [_sealed(x * x.dtype.type(rng.uniform(0.9, 1))) if x.dtype.kind == "f" else x for x in self.values]
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
        tolerance = _LINEAR if output.dtype.itemsize >= 8 else _SINGLE
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


def _sealed(array: Array) -> Array:
    """A read-only copy in the same memory layout."""
    copy = np.array(array, order="K")
    copy.flags.writeable = False
    return copy


def _identical(one: Array | None, other: Array | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


# --- one rule --------------------------------------------------------------------------------------------------------


def check_node(kind: type[Node], *examples: npt.ArrayLike, seed: int = 0, **facts: Any) -> GradientReport:
    """Check a rule at example values, by direct tests of its promises and against numerical differentiation.

    >>> from chainrule import MatMul
    >>> print(check_node(MatMul, [[1.0, -2.0, 0.5]], [[0.3], [1.1], [-0.7]]))
    gradient check of MatMul
    name  what   compared  largest error  verdict
    x     input  3 of 3    ...            ok, complex step
    y     input  3 of 3    ...            ok, complex step
    6 elements compared: all agree

    Floating examples are taken in float64 and in float32; whole numbers and booleans stay what they are and are not
    differentiated, nor are inputs for which the rule returns None. Inputs with more than 1000 elements are sampled.

    Raises GradientCheckError, naming what is wrong and where: a number, shape or dtype of gradients; an array that
    was written into; state; a gradient that is not linear in grad, or disagrees with the differences; an example at
    which the rule is not finite. Raises ArgumentError for examples that are no real numbers, or have none floating.
    """
    arrays = [_example(value, kind) for value in examples]
    if not any(array.dtype.kind == "f" for array in arrays):
        raise ArgumentError(
            f"check_node({kind.__name__}) has no floating example, so nothing to compare", remedy="2.0, not 2"
        )
    names = _input_names(kind, len(arrays))
    leaves = [Input(name, array.shape, array.dtype) for name, array in zip(names, arrays, strict=True)]
    node = kind(*leaves, **facts)
    rows = _check_rule(_Local(node, kind.__name__, names, arrays, _ELEMENTS_OF_NODE, seed, single=True))
    report = GradientReport(f"gradient check of {kind.__name__}", rows)
    report.assert_ok()
    if not report.compared and any(row.note == _HIDDEN for row in rows):
        raise GradientCheckError(
            f"{kind.__name__}: nothing was compared, every slope is {_HIDDEN}",
            where=node.where,
            remedy="examples at which the output changes",
            node=node,
        )
    return report


def _example(value: npt.ArrayLike, kind: type[Node]) -> Array:
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise ArgumentError(f"check_node({kind.__name__}) takes arrays of real numbers, not {array.dtype}")
    return array.astype(float) if array.dtype.kind == "f" else array


def _input_names(kind: type[Node], count: int) -> list[str]:
    """The names of ``forward``'s parameters; those of a rule that takes any number of inputs are numbered."""
    parameters = list(inspect.signature(kind.forward).parameters.values())[1:]
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "input")
    return [*names, *(f"{rest}_{k}" for k in range(count - len(names)))][:count]


class _Local(NamedTuple):
    """A node with the float64 values it reads, names for them, and which of them to differentiate (None: all)."""

    node: Node
    label: str
    names: Sequence[str]
    values: Sequence[Array]
    limit: int
    seed: int
    single: bool
    wanted: Sequence[int] | None = None

    @property
    def places(self) -> list[int]:
        """Which inputs are differentiated."""
        floating = [place for place, x in enumerate(self.values) if x.dtype.kind == "f"]
        return [place for place in floating if self.wanted is None or place in self.wanted]

    def rng(self, *more: int) -> np.random.Generator:
        """A generator of its own for every purpose, so that one check does not change what another draws."""
        return np.random.default_rng((self.seed, *more))


def _check_rule(local: _Local) -> list[Comparison]:
    """A row for every input of a rule; raises GradientCheckError for a promise that is broken."""
    rule = _Rule(local.node, local.values, local.names, local.label)
    _require_finite(rule)
    output = rule.keep_promises(local.places, local.rng())
    if not np.isfinite(output).all():
        rule.fail("forward is not finite at these values", "values at which it is finite")
    if output.dtype.kind != "f":
        return [_row(local, place, "whole numbers have no gradient") for place in range(len(local.values))]
    if local.single:
        _check_single(local)
    grads = _upstream(output.size, local.rng())
    sent = [rule.backward(grad.reshape(output.shape), output) for grad in grads]
    return [_check_input(rule, local, place, grads, sent) for place in range(len(local.values))]


def _require_finite(rule: _Rule) -> None:
    for name, value in zip(rule.names, rule.values, strict=True):
        if not np.isfinite(value).all():
            place = _at(np.argwhere(~np.isfinite(value))[0])
            rule.fail(f"{name} is not finite at {place}, where no difference can be formed", "finite values")


def _row(local: _Local, place: int, note: str = "") -> Comparison:
    return Comparison(local.names[place], "input", size=local.values[place].size, note=note)


def _check_input(
    rule: _Rule, local: _Local, place: int, grads: Array, sent: Sequence[tuple[Array | None, ...]]
) -> Comparison:
    if place not in local.places:
        return _row(local, place, "not differentiated")
    gradients = [gradient for every in sent if (gradient := every[place]) is not None]
    if sent and not gradients:
        return _row(local, place, "backward returns None")
    x = rule.values[place]

    def outputs(moved: Array) -> Array:
        return np.ravel(local.node.forward(*rule.values[:place], moved, *rule.values[place + 1 :]))

    asked = _Question(
        row=_row(local, place),
        node=local.node,
        label=f"{local.label}: the gradient of {local.names[place]}",
        given=rule.given,
        function=outputs,
        x=x,
        gradients=np.array(gradients).reshape(len(grads), *x.shape),
        grads=grads,
        probes=_probes(x, local.limit, local.rng(place)),
    )
    return _judge(asked)


def _check_single(local: _Local) -> None:
    """The rule in float32, judged by the same rule in float64 at the same, rounded, values."""
    with np.errstate(all="ignore"):
        single = _single_values(local)
        double = _as_float(single, np.float64)
        if not all(np.isfinite(x).all() for x in double):
            return  # too large for float32
        narrow = _Rule(local.node, single, local.names, f"{local.label} in float32")
        wide = _Rule(local.node, double, local.names, local.label)
        output, exact = narrow.keep_promises(local.places, local.rng()), wide.forward()
        size = max(float(np.max(np.abs(x), initial=1)) for x in double)
        _agree_in_single(narrow, "the output", output, exact, size)
        grad = local.rng().standard_normal(output.shape).astype(output.dtype)
        sent, right = narrow.backward(grad, output), wide.backward(grad.astype(exact.dtype), exact)
        for place in local.places:
            _agree_in_single(narrow, f"the gradient of {local.names[place]}", sent[place], right[place])


def _single_values(local: _Local) -> list[Array]:
    """The values in float32; whole numbers that turn the output into float64 are labels, which are fed as floats."""
    single = _as_float(local.values, np.float32)
    whole = any(x.dtype.kind != "f" for x in single)
    if whole and np.asarray(local.node.forward(*single)).dtype == np.float64:
        return [x.astype(np.float32) for x in single]
    return single


def _as_float(values: Sequence[Array], dtype: Any) -> list[Array]:
    return [x.astype(dtype) if x.dtype.kind == "f" else x for x in values]


def _agree_in_single(rule: _Rule, what: str, found: Array | None, exact: Array | None, size: float = 1.0) -> None:
    """Hold a result of float32 to the one of float64; ``size`` is that of the numbers that were rounded on the way."""
    if found is None or exact is None or not (np.isfinite(found).all() and np.isfinite(exact).all()):
        return  # float32 overflows sooner, which is no fault of the rule
    apart, largest = (float(np.max(np.abs(array), initial=0)) for array in (found - exact, exact))
    if apart > _SINGLE * largest + 16 * float(np.finfo(np.float32).eps) * size:
        rule.fail(
            f"{what} is off by {apart:.3g}, where the largest entry is {largest:.3g}",
            "the same rule is right in float64",
        )


# --- a whole graph ---------------------------------------------------------------------------------------------------


def check_gradients(
    graph: BaseGraph,
    feeds: Mapping[Any, Any],
    nodes: str | Node | Iterable[str | Node] | None = None,
    *,
    seed: int = 0,
    limit: int = _ELEMENTS_OF_GRAPH,
) -> GradientReport:
    """Hold the gradients of a graph's leaves, and the rule of every node, against numerical differentiation.

    >>> from chainrule import Input, Parameter, MSELoss
    >>> w, x, y = Parameter("w", (1, 2)), Input("x", (2, "m")), Input("y", (1, "m"))
    >>> graph = Graph(MSELoss(w @ x, y, name="L"))
    >>> print(check_gradients(graph, {"w": [[0.5, -1]], "x": [[1, 2, 3], [0, 1, 5]], "y": [[1, 0, 1]]}))
    gradient check of 3 gradients and 2 rules
    name      what             compared  largest error  verdict
    w         gradient         2 of 2    ...            ok, complex step
    x         gradient         6 of 6    ...            ok, complex step
    y         gradient         0 of 3                   no gradient: labels, or not read
    matmul_1  rule of MatMul   8 of 8    ...            ok, complex step
    L         rule of MSELoss  3 of 6    ...            ok, complex step
    19 elements compared: all agree

    A gradient is differentiated through all that follows its node; a rule by itself, at the values of the run, which
    finds the node at fault. ``nodes`` chooses what is checked, intermediate gradients too; by default that is every
    floating Input and Parameter, and every rule. At most ``limit`` elements of a value are compared one by one, then
    all of them along random directions. Feeds of any dtype are taken in float64.

    An Input that is read as labels is held fixed there. A Parameter is not: what reaches the loss through labels has
    no gradient, and the report says that it should have one.

    Returns the report, and raises nothing for a wrong gradient: see ``GradientReport.assert_ok``. Raises
    GradientCheckError where a value is not finite, FeedError and RuleError as ``Graph.forward`` does.
    """
    values, single = _values_in_double(graph, feeds)
    whole = _Whole(graph, values, seed, limit)
    if nodes is None:
        chosen = tuple(node for node in graph.order if node.inputs or graph.position(node) in whole.varying)
    else:
        chosen = tuple(graph[key] for key in ([nodes] if isinstance(nodes, str | Node) else nodes))
    rules = [_check_at_node(whole, node, single) for node in chosen if not isinstance(node, Leaf)]
    ends = [node for node in chosen if nodes is not None or isinstance(node, Leaf)]
    gradients = _check_ends(whole, ends, rules)
    title = f"gradient check of {_counted(len(gradients), 'gradient')} and {_counted(len(rules), 'rule')}"
    return GradientReport(title, (*gradients, *rules))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _values_in_double(graph: BaseGraph, feeds: Mapping[Any, Any]) -> tuple[list[Array], bool]:
    """Every value of the graph in float64, and whether the feeds were of float32."""
    values = forward(graph, feeds)
    fed = {node: values[graph.position(node)] for node in (*graph.inputs, *graph.parameters)}
    single = any(value.dtype == np.float32 for value in fed.values())
    if any(value.dtype.kind == "f" and value.dtype != np.float64 for value in fed.values()):
        values = forward(graph, dict(zip(fed, _as_float(list(fed.values()), np.float64), strict=True)))
    for node, value in zip(graph.order, values, strict=True):
        if not np.isfinite(value).all():
            raise GradientCheckError(
                f"{graph.name(node)} is not finite at {_at(np.argwhere(~np.isfinite(value))[0])}",
                where=node.where,
                remedy="gradients are checked at feeds for which every value is finite",
                node=node,
            )
    return values, single


class _Whole:
    """A graph with its values: which of them can vary, and what the outputs are when one of them does."""

    def __init__(self, graph: BaseGraph, values: list[Array], seed: int, limit: int) -> None:
        self.graph, self.values, self.seed, self.limit = graph, values, seed, limit
        self.sources = graph.sources
        self.varying: set[int] = set()
        for k, node in enumerate(graph.order):
            given = isinstance(node, Input | Parameter) or not self.varying.isdisjoint(self.sources[k])
            if given and not isinstance(node, Constant) and values[k].dtype.kind == "f":
                self.varying.add(k)
        self.outputs = [k for k in dict.fromkeys(map(graph.position, graph.outputs)) if values[k].dtype.kind == "f"]

    def after(self, k: int) -> list[int]:
        """The positions of all that is computed from node ``k``, in topological order."""
        found = {k}
        for later in range(k + 1, len(self.values)):
            if not found.isdisjoint(self.sources[later]):
                found.add(later)
        return sorted(found - {k})

    def function(self, k: int, held: frozenset[tuple[int, int]]) -> Function:
        """The outputs as a function of node ``k``; the uses in ``held`` keep reading what they read in the run."""
        later = self.after(k)

        def outputs(moved: Array) -> Array:
            new = {k: moved}
            for at in later:
                read = [
                    self.values[s] if (at, place) in held else new.get(s, self.values[s])
                    for place, s in enumerate(self.sources[at])
                ]
                new[at] = np.asarray(self.graph.order[at].forward(*read))
            return np.concatenate([np.ravel(new.get(end, self.values[end])) for end in self.outputs])

        return outputs

    def seeds(self, grad: Array) -> dict[str, Array]:
        """A gradient of all outputs joined, taken apart by output."""
        ends = np.cumsum([self.values[k].size for k in self.outputs])
        parts = np.split(grad, ends[:-1])
        return {
            self.graph.names[k]: part.reshape(self.values[k].shape) for k, part in zip(self.outputs, parts, strict=True)
        }


def _check_at_node(whole: _Whole, node: Node, single: bool) -> Comparison:
    """One row for a node's rule at the values of the run."""
    name, sources = whole.graph.name(node), whole.sources[whole.graph.position(node)]
    row = Comparison(name, f"rule of {type(node).__name__}")
    wanted = [place for place, source in enumerate(sources) if source in whole.varying]
    read, names = [whole.values[s] for s in sources], [whole.graph.names[s] for s in sources]
    label = f"{type(node).__name__} {name!r}"
    try:
        return _merged(row, _check_rule(_Local(node, label, names, read, whole.limit, whole.seed, single, wanted)))
    except GradientCheckError as problem:
        return row._replace(problem=problem)


def _merged(row: Comparison, parts: Sequence[Comparison]) -> Comparison:
    """One row for all inputs of a rule; the first problem stands for all."""
    judged = [part.note for part in parts if part.compared or part.problem]
    return row._replace(
        compared=sum(part.compared for part in parts),
        size=sum(part.size for part in parts),
        kinks=sum(part.kinks for part in parts),
        error=max((part.error for part in parts), default=0.0),
        note="; ".join(dict.fromkeys(filter(None, judged or [part.note for part in parts]))),
        problem=next((part.problem for part in parts if part.problem), None),
    )


class _Swept(NamedTuple):
    """The gradients of all nodes from each upstream gradient, and the uses to which a rule sends none."""

    grads: Array
    gradients: list[list[Array | None]]
    blocked: frozenset[tuple[int, int]]


def _sweep(whole: _Whole) -> _Swept:
    size = sum(whole.values[k].size for k in whole.outputs)
    grads = _upstream(size, np.random.default_rng(whole.seed))
    sweeps = [sweep(whole.graph, whole.values, whole.seeds(grad)) for grad in grads]
    blocked = (use for gradients, received in sweeps for use in _blocked(whole, gradients, received))
    return _Swept(grads, [gradients for gradients, _ in sweeps], frozenset(blocked))


def _blocked(whole: _Whole, gradients: list[Array | None], received: list[Any]) -> Iterable[tuple[int, int]]:
    """The uses, as consumer and which of its inputs, to which a rule sends no gradient although it could have one."""
    sent = {use[:2] for uses in received for use in uses}
    for k, sources in enumerate(whole.sources):
        for place, source in enumerate(sources):
            if gradients[k] is not None and source in whole.varying and (k, place) not in sent:
                yield k, place


def _check_ends(whole: _Whole, nodes: Sequence[Node], rules: Sequence[Comparison]) -> list[Comparison]:
    """A row for the gradient of each node, differentiated through the graph."""
    if not whole.outputs:
        raise ArgumentError("no output of this graph is floating, so there is no gradient to check")
    try:
        swept = _sweep(whole)
    except RuleError as error:
        return [_not_computed(whole, node, error) for node in nodes]
    wrong = [row.name for row in rules if not row.ok]
    return [_check_end(whole, node, swept, wrong) for node in nodes]


def _not_computed(whole: _Whole, node: Node, error: RuleError) -> Comparison:
    name = whole.graph.name(node)
    said = f"the gradient of {name} could not be computed: {error.what}"
    problem = GradientCheckError(said, where=error.where, given=error.given, remedy=error.remedy, node=error.node)
    return Comparison(name, "gradient", size=whole.values[whole.graph.position(node)].size, problem=problem)


def _check_end(whole: _Whole, node: Node, swept: _Swept, wrong: Sequence[str]) -> Comparison:
    k, name = whole.graph.position(node), whole.graph.name(node)
    x, sent = whole.values[k], [gradients[k] for gradients in swept.gradients]
    row = Comparison(name, "gradient", size=x.size)
    if k not in whole.varying:
        return row._replace(note="no gradient: it does not vary")
    if isinstance(node, Input) and all(gradient is None for gradient in sent):
        return row._replace(note="no gradient: labels, or not read")
    reached = {k, *whole.after(k)}
    labels = [use for use in sorted(swept.blocked) if whole.sources[use[0]][use[1]] in reached]
    held = swept.blocked if isinstance(node, Input) else frozenset()
    asked = _Question(
        row=row,
        node=node,
        label=f"the gradient of {name}",
        given=f"{name} {x.shape}",
        function=whole.function(k, held),
        x=x,
        gradients=np.array([np.zeros_like(x) if gradient is None else gradient for gradient in sent]),
        grads=swept.grads,
        probes=_probes(x, whole.limit, np.random.default_rng((whole.seed, k))),
        says="the run gives",
        hint=_hint(whole, name, labels, wrong),
    )
    judged = _judge(asked)
    if held and labels:
        return judged._replace(note=f"{judged.note}, held fixed as labels of {whole.graph.names[labels[0][0]]}")
    return judged


def _hint(whole: _Whole, name: str, labels: Sequence[tuple[int, int]], wrong: Sequence[str]) -> str:
    """Why the gradient of a whole graph is wrong, as far as that is known."""
    if wrong:
        return f"mend the rule of {', '.join(wrong[:3])} first: it is wrong by itself"
    if labels:
        consumer = whole.graph.names[labels[0][0]]
        return (
            f"keep what is learned away from labels: {name} reaches {consumer} through an input for which the rule "
            "returns None, as losses do for their labels"
        )
    return ""
