"""One rule, held by itself against its promises and against numerical differentiation.

float32 is useless for differences, so a rule is judged in float32 by its own float64.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from chainrule.checking.agreement import HIDDEN, Question, answer, bracketed, upstream
from chainrule.checking.derived_rules import noted
from chainrule.checking.differences import Array, probes_of
from chainrule.checking.promises import SINGLE, PromisedRule
from chainrule.checking.report import Comparison, GradientReport
from chainrule.core.accepting import expect, generator
from chainrule.core.leaves import Input
from chainrule.core.node import Node
from chainrule.errors import ArgumentError, GradientCheckError

_ELEMENTS_OF_NODE = 1000


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
    what = "check_node takes a class of nodes, then examples for its inputs"
    expect(kind, type, what, f"check_node({type(kind).__name__}, ...), or another class")
    arrays = [_example(value, kind) for value in examples]
    if not any(array.dtype.kind == "f" for array in arrays):
        raise ArgumentError(
            f"check_node({kind.__name__}) has no floating example, so nothing to compare", remedy="2.0, not 2"
        )
    names = _input_names(kind, len(arrays))
    leaves = [Input(name, array.shape, array.dtype) for name, array in zip(names, arrays, strict=True)]
    node = kind(*leaves, **facts)
    rows = check_rule(LocalRule(node, kind.__name__, names, arrays, _ELEMENTS_OF_NODE, seed, single=True))
    report = GradientReport(f"gradient check of {kind.__name__}", rows)
    report.assert_ok()
    if not report.compared and any(row.note == HIDDEN for row in rows):
        raise GradientCheckError(
            f"{kind.__name__}: nothing was compared, every slope is {HIDDEN}",
            where=node.where,
            remedy="examples at which the output changes",
            node=node,
        )
    return report


def _example(value: npt.ArrayLike, kind: type[Node]) -> Array:
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise ArgumentError(
            f"check_node({kind.__name__}) takes arrays of real numbers, not {array.dtype}", remedy="[[0.5, -1.0]]"
        )
    return array.astype(float) if array.dtype.kind == "f" else array


def _input_names(kind: type[Node], count: int) -> list[str]:
    """The names of ``forward``'s parameters; those of a rule that takes any number of inputs are numbered."""
    parameters = list(inspect.signature(kind.forward).parameters.values())[1:]
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "input")
    return [*names, *(f"{rest}_{k}" for k in range(count - len(names)))][:count]


@final
class LocalRule(NamedTuple):
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
        return generator(self.seed, *more)


def check_rule(local: LocalRule) -> list[Comparison]:
    """A row for every input of a rule; raises GradientCheckError for a promise that is broken."""
    rule = PromisedRule(local.node, local.values, local.names, local.label)
    _require_finite(rule)
    output = rule.keep_promises(local.places, local.rng())
    if not np.isfinite(output).all():
        rule.fail("forward is not finite at these values", "values at which it is finite")
    if not local.node.has_gradient:
        return [_row(local, place, "nothing that is fed moves it") for place in range(len(local.values))]
    if output.dtype.kind != "f":
        return [_row(local, place, "whole numbers have no gradient") for place in range(len(local.values))]
    if local.single:
        _check_single(local)
    grads = upstream(output.size, local.rng())
    sent = [rule.backward(grad.reshape(output.shape), output) for grad in grads]
    rows = [_check_input(rule, local, place, grads, sent) for place in range(len(local.values))]
    if not local.node.is_derived:
        return rows
    return noted(local.node, rows, rule.values, local.rng(1).standard_normal(output.shape).astype(output.dtype))


def _require_finite(rule: PromisedRule) -> None:
    for name, value in zip(rule.names, rule.values, strict=True):
        if not np.isfinite(value).all():
            place = bracketed(np.argwhere(~np.isfinite(value))[0])
            rule.fail(f"{name} is not finite at {place}, where no difference can be formed", "finite values")


def _row(local: LocalRule, place: int, note: str = "") -> Comparison:
    return Comparison(local.names[place], "input", size=local.values[place].size, note=note)


def _check_input(
    rule: PromisedRule, local: LocalRule, place: int, grads: Array, sent: Sequence[tuple[Array | None, ...]]
) -> Comparison:
    if place not in local.places:
        return _row(local, place, "not differentiated")
    gradients = [gradient for every in sent if (gradient := every[place]) is not None]
    if sent and not gradients:
        return _row(local, place, "backward returns None")
    x = rule.values[place]

    def outputs(moved: Array) -> Array:
        return np.ravel(local.node.forward(*rule.values[:place], moved, *rule.values[place + 1 :]))

    asked = Question(
        row=_row(local, place),
        node=local.node,
        label=f"{local.label}: the gradient of {local.names[place]}",
        given=rule.given,
        function=outputs,
        x=x,
        gradients=np.array(gradients).reshape(len(grads), *x.shape),
        grads=grads,
        probes=probes_of(x, local.limit, local.rng(place)),
    )
    return answer(asked)


def _check_single(local: LocalRule) -> None:
    """The rule in float32, judged by the same rule in float64 at the same, rounded, values."""
    with np.errstate(all="ignore"):
        single = _single_values(local)
        double = as_float(single, np.float64)
        if not all(np.isfinite(x).all() for x in double):
            return  # too large for float32
        narrow = PromisedRule(local.node, single, local.names, f"{local.label} in float32")
        wide = PromisedRule(local.node, double, local.names, local.label)
        output, exact = narrow.keep_promises(local.places, local.rng()), wide.forward()
        size = max(float(np.max(np.abs(x), initial=1)) for x in double)
        _agree_in_single(narrow, "the output", output, exact, size)
        grad = local.rng().standard_normal(output.shape).astype(output.dtype)
        sent, right = narrow.backward(grad, output), wide.backward(grad.astype(exact.dtype), exact)
        for place in local.places:
            _agree_in_single(narrow, f"the gradient of {local.names[place]}", sent[place], right[place])


def _single_values(local: LocalRule) -> list[Array]:
    """The values in float32; whole numbers that turn the output into float64 are labels, which are fed as floats."""
    single = as_float(local.values, np.float32)
    whole = any(x.dtype.kind != "f" for x in single)
    if whole and np.asarray(local.node.forward(*single)).dtype == np.float64:
        return [x.astype(np.float32) for x in single]
    return single


def as_float(values: Sequence[Array], dtype: Any) -> list[Array]:
    """The floating ones in another precision; whole numbers and booleans stay what they are."""
    return [x.astype(dtype) if x.dtype.kind == "f" else x for x in values]


def _agree_in_single(
    rule: PromisedRule, what: str, found: Array | None, exact: Array | None, size: float = 1.0
) -> None:
    """Hold a result of float32 to the one of float64; ``size`` is that of the numbers that were rounded on the way."""
    if found is None or exact is None or not (np.isfinite(found).all() and np.isfinite(exact).all()):
        return  # float32 overflows sooner, which is no fault of the rule
    apart, largest = (float(np.max(np.abs(array), initial=0)) for array in (found - exact, exact))
    if apart > SINGLE * largest + 16 * float(np.finfo(np.float32).eps) * size:
        rule.fail(
            f"{what} is off by {apart:.3g}, where the largest entry is {largest:.3g}",
            "the same rule is right in float64",
        )
