"""Passes: small functions from a program to a program that computes the same with less work."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any, Final, TypeAlias, final

import numpy as np

from chainrule.program.builder import Builder
from chainrule.program.calls import is_call, pick
from chainrule.program.program import Program, rewrite
from chainrule.program.step import Ref, Step, map_refs
from chainrule.program.verifying import verify
from chainrule.symbols import elementary
from chainrule.symbols.dimensions import Dimension, Shape
from chainrule.symbols.operations import operation
from chainrule.symbols.symbol import Value

Pass: TypeAlias = Callable[[Program], Program]

# --- what NumPy would make of it ---------------------------------------------------------------------------------


def inferred_dtype(steps: Sequence[Step], step: Step) -> np.dtype[Any]:
    """The dtype that NumPy gives the result of a step for the dtypes of its operands."""
    if step.operation is None or is_call(step.operation) or step.operation is pick:
        return step.dtype
    rule = _dtype_rule(step)
    if rule == "given":
        dtype: np.dtype[Any] = np.dtype(step.options.get("dtype", step.dtype))
        return dtype
    if rule == "joint" or (rule == "first" and isinstance(step.operands[0], Ref)):
        read = [steps[source].dtype for source in (step.refs if rule == "joint" else step.refs[:1])]
        return np.result_type(*[d for d in read if d.kind == "f"] or [np.dtype(float)]) if rule == "joint" else read[0]
    if any(steps[source].shape is None for source in step.refs):  # how many axes there would be cannot be guessed
        return step.dtype
    return _resolved(steps, step, step.operation) if isinstance(step.operation, np.ufunc) else _asked(steps, step)


def _resolved(steps: Sequence[Step], step: Step, ufunc: np.ufunc) -> np.dtype[Any]:
    """What the rules of NumPy say, which takes a tenth of asking it."""
    operands = [steps[x.step].dtype if type(x) is Ref else _kind_of_literal(x) for x in step.operands]
    dtype: np.dtype[Any] = ufunc.resolve_dtypes((*operands, None))[-1]
    return dtype


def _asked(steps: Sequence[Step], step: Step) -> np.dtype[Any]:
    samples = map_refs(step.operands, lambda ref: _Sample(steps[ref.step].dtype, len(steps[ref.step].shape or ())))
    asked = (step.operation, samples, tuple(step.options.items()), _kinds(samples))
    try:
        return _dtype_of(*asked)
    except TypeError:  # an option or a literal that cannot be hashed
        return _dtype_of.__wrapped__(*asked)


def _dtype_rule(step: Step) -> str | None:
    row = operation(step.operation)
    return None if row is None else row.dtype


def _kind_of_literal(operand: Any) -> Any:
    """What a literal is to the rules of NumPy: a number of Python follows the arrays that it meets, as a size does."""
    if isinstance(operand, Dimension):
        return int
    return type(operand) if type(operand) in (int, float) else np.asarray(operand).dtype


@final
class _Sample(tuple[np.dtype[Any], int]):
    """The dtype and number of axes of an operand, in place of its value."""

    __slots__ = ()

    def __new__(cls, dtype: np.dtype[Any], ndim: int) -> _Sample:
        return super().__new__(cls, (dtype, ndim))


def _kinds(sample: Any) -> Any:
    """The types of literals, in the tuples they stand in."""
    return tuple(map(_kinds, sample)) if type(sample) is tuple else type(sample)


@functools.lru_cache(maxsize=4096)
def _dtype_of(operation: Callable[..., Any], samples: tuple[Any, ...], options: Any, _: Any) -> np.dtype[Any]:
    """Found by asking NumPy: the operation on ones, with one entry along every axis.

    The last argument is there for the cache, to which 1, 1.0 and True are one.
    """
    with np.errstate(all="ignore"):
        return np.asarray(operation(*map(_ones, samples), **dict(options))).dtype


def _ones(sample: Any) -> Any:
    if isinstance(sample, _Sample):
        return np.ones((1,) * sample[1], sample[0])
    if isinstance(sample, Dimension):
        return 1
    return tuple(map(_ones, sample)) if isinstance(sample, tuple) else sample


def typed(program: Program, dtype: Any) -> Program:
    """The program for one floating dtype, as a Run has it: leaves and constants follow it, and all else from them."""
    dtype = np.dtype(dtype)

    def change(builder: Builder, step: Step, _: int) -> Ref:
        follows = step.dtype.kind == "f"
        if step.dtype == float and _dtype_rule(step) == "given":
            step = replace(step, options={**step.options, "dtype": dtype})
        if step.is_constant and follows:
            step = replace(step, operands=(step.operands[0].astype(dtype),))
        return builder.append(_of_dtype(builder, _with_dtype(step, dtype) if follows else step))

    return rewrite(program, change)


def bound(program: Program, sizes: Mapping[str, int], totals: Mapping[str, int] | None = None) -> Program:
    """The program for these sizes: every named dimension becomes its number.

    ``totals`` are the numbers that a formula counts with (the m of 1/m) where a block has fewer columns.
    """
    counts = sizes if totals is None else totals

    def change(builder: Builder, step: Step, _: int) -> Ref:
        operands = tuple([evaluated(operand, counts) for operand in step.operands])
        options = {key: evaluated(value, sizes) for key, value in step.options.items()}
        shape = evaluated(step.shape, sizes)
        known = step.dtype, step.name, step.formula, step.shape  # the shape that was, with its names, stays beside it
        return builder.append(Step(step.operation, operands, options, shape, *known))

    return rewrite(program, change)


def evaluated(value: Any, sizes: Mapping[str, int]) -> Any:
    """A shape, an index or an option with a number for every named dimension."""
    if isinstance(value, Dimension):
        return _number(value, sizes)
    if type(value) in (tuple, list):
        return tuple(evaluated(part, sizes) for part in value)
    if isinstance(value, slice):
        return slice(*(evaluated(part, sizes) for part in (value.start, value.stop, value.step)))
    return value


def _number(value: Dimension, sizes: Mapping[str, int]) -> int | float:
    """The number of a size; a count such as 1/m that is no whole number is a fraction."""
    try:
        return value.evaluate(sizes)
    except ValueError:
        return float(value.evaluate_exactly(sizes))


def traced(builder: Builder, function: Callable[..., Any], *operands: Any) -> Any:
    """Append what a function of NumPy does, every new step with the dtype that NumPy gives it."""
    start = len(builder.steps)
    result = builder.trace(function, *operands)
    for k in range(start, len(builder.steps)):
        builder.steps[k] = _of_dtype(builder, builder.steps[k])
    return result


def _of_dtype(builder: Builder, step: Step) -> Step:
    """The step with the dtype that NumPy gives it."""
    return _with_dtype(step, inferred_dtype(builder.steps, step))


def _with_dtype(step: Step, dtype: np.dtype[Any]) -> Step:
    return step if step.dtype == dtype else replace(step, dtype=dtype)


# --- the passes --------------------------------------------------------------------------------------------------


def without_dead_steps(program: Program) -> Program:
    """Without what no result needs."""
    return program.without_dead_steps()


def common_subexpressions(program: Program) -> Program:
    """What is computed twice from the same operands is computed once."""
    seen: dict[Any, Ref] = {}

    def change(builder: Builder, step: Step, _: int) -> Ref:
        if step.operation is None or is_call(step.operation):
            return builder.append(step)
        key = (step.operation, _key(step.operands), _key(tuple(step.options.items())))
        if key not in seen:
            seen[key] = builder.append(step)
        elif step.name:
            builder.label(seen[key], step.name, step.formula)
        return seen[key]

    return rewrite(program, change)


def _key(operand: Any) -> Any:
    """Something that is equal for equal operands and can be hashed: 1, 1.0 and True are told apart, 0.0 and -0.0."""
    kind = type(operand)
    if kind is Ref:
        return (Ref, operand.step)
    if kind is tuple or kind is list:
        return tuple([_key(part) for part in operand])
    if kind is slice:
        return (slice, *map(_key, (operand.start, operand.stop, operand.step)))
    if isinstance(operand, np.ndarray):
        return (np.ndarray, id(operand))
    return (kind, repr(operand))


_LARGEST_FOLDED: Final = 64  # elements; a larger constant is computed at every call rather than stored


def constants(program: Program) -> Program:
    """What depends on no feed is computed now; a constant number stands where it is used."""

    def change(builder: Builder, step: Step, _: int) -> Any:
        if step.is_constant and step.shape == ():
            return step.operands[0][()]
        if not isinstance(step.operation, np.ufunc):  # other functions need an array
            arrays = [builder.constant(o) if isinstance(o, np.generic) else o for o in step.operands]
            step = replace(step, operands=tuple(arrays))
        if step.operation is None or is_call(step.operation) or step.refs or step.shape is None:
            return builder.append(step)
        if any(not isinstance(size, int) for size in step.shape) or _has_names(step.operands) or _large(step.shape):
            return builder.append(step)
        try:
            with np.errstate(all="ignore"):
                value = np.asarray(step.operation(*step.operands, **step.options))
        except Exception:  # a maximum of nothing: the call that needs it says so
            return builder.append(step)
        return value[()] if value.ndim == 0 else builder.constant(value, name=step.name)

    return rewrite(program, change)


def _large(shape: Shape) -> bool:
    return int(np.prod(shape)) > _LARGEST_FOLDED  # type: ignore[arg-type]  # all sizes are numbers


def _has_names(operand: Any) -> bool:
    if isinstance(operand, tuple):
        return any(map(_has_names, operand))
    return isinstance(operand, Dimension)


def simplifications(program: Program) -> Program:
    """Steps that change nothing are left out: x * 1, --x, |-x|, a transpose of a transpose, a sum of one entry."""

    def change(builder: Builder, step: Step, _: int) -> Any:
        for simpler in (_unit, _twice, _unstretched, _sum_of_one):
            if (found := simpler(builder, step)) is not None:
                if step.name:
                    builder.label(found, step.name, step.formula)
                return found
        return builder.append(step)

    return rewrite(program, change)


def _is_number(operand: Any, number: int) -> bool:
    known = isinstance(operand, (int, float, np.generic)) and not isinstance(operand, (bool, np.bool_))
    return known and bool(operand == number)


_MAY_CHANGE_NOTHING: Final = frozenset((np.astype, np.broadcast_to, np.reshape))


def _unit(builder: Builder, step: Step) -> Any:
    """x * 1, 1 * x, x / 1, and a value that already has the dtype or the shape."""
    ref: Any = None
    if step.operation is np.multiply and len(step.refs) == 1:
        x, y = step.operands
        ref = x if _is_number(y, 1) else y if _is_number(x, 1) else None
    elif step.operation in _MAY_CHANGE_NOTHING or (step.operation is np.divide and _is_number(step.operands[1], 1)):
        ref = step.operands[0]
    if not isinstance(ref, Ref):
        return None
    source = builder.steps[ref.step]
    same = source.dtype == step.dtype and source.shape == step.shape and step.shape is not None
    return ref if same else None


_UNDO: Final = {np.negative: np.negative, np.transpose: np.transpose}


def _twice(builder: Builder, step: Step) -> Any:
    """-(-x), x.T.T and |-x|."""
    if step.options or len(step.operands) != 1 or not isinstance(step.operands[0], Ref):
        return None
    inner = builder.steps[step.operands[0].step]
    if inner.options or len(inner.operands) != 1 or not isinstance(inner.operands[0], Ref):
        return None
    if step.operation in _UNDO and inner.operation is step.operation:
        return inner.operands[0]
    if step.operation is np.absolute and inner.operation is np.negative:
        return builder.append(replace(step, operands=inner.operands))
    return None


def _unstretched(builder: Builder, step: Step) -> Any:
    """A product with a value stretched to the shape that the product has anyway is one with the value itself."""
    if not isinstance(step.operation, np.ufunc) or len(step.operands) != 2 or step.operation is np.matmul:
        return None
    sources = [builder.steps[o.step] if isinstance(o, Ref) else None for o in step.operands]
    for k, source in enumerate(sources):
        other = sources[1 - k]
        if source is None or source.operation is not np.broadcast_to or (other and other.operation is np.broadcast_to):
            continue
        inner = source.operands[0]
        if other is not None and other.shape == step.shape and step.shape is not None:
            operands = (inner, step.operands[1]) if k == 0 else (step.operands[0], inner)
            return builder.append(replace(step, operands=operands))
    return None


def _sum_of_one(builder: Builder, step: Step) -> Any:
    """A sum over axes of size 1 is the value itself, in another shape."""
    if step.operation is not np.sum or not isinstance(step.operands[0], Ref):
        return None
    x = builder.steps[step.operands[0].step]
    if x.shape is None or step.shape is None or x.dtype != step.dtype or prod(x.shape) != prod(step.shape):
        return None
    if x.shape == step.shape:
        return step.operands[0]
    return builder.append(replace(step, operation=np.reshape, options={"shape": step.shape}))


def products_of_vectors(program: Program) -> Program:
    """A matrix product with an inner dimension of 1 is the product of a column and a row: ten times faster so."""

    def change(builder: Builder, step: Step, _: int) -> Ref:
        if step.operation is not np.matmul:
            return builder.append(step)
        shapes = [builder.steps[o.step].shape if isinstance(o, Ref) else np.shape(o) for o in step.operands]
        if any(shape is None or len(shape) < 2 for shape in shapes):
            return builder.append(step)
        if shapes[0][-1] != 1:  # type: ignore[index]  # it has axes
            return builder.append(step)
        return builder.append(replace(step, operation=np.multiply))

    return rewrite(program, change)


def signs_of_maxima(program: Program) -> Program:
    """Where max(x, 0) is, and nothing but its slope reads x, the slope looks at the maximum: x need not be kept.

    max(x, 0) > 0 is x > 0, for NaN and both zeros, too. Two convolutions with ReLU keep a third less so.
    """
    uses, maxima = program.uses(), dict[int, Ref]()

    def change(builder: Builder, step: Step, k: int) -> Ref:
        x, least = step.operands if step.operation in (np.maximum, np.greater) else (None, None)
        if not isinstance(x, Ref) or not _is_number(least, 0):
            return builder.append(step)
        if step.operation is np.maximum:
            made = builder.append(step)
            if uses[program.steps[k].refs[0]] == 2 and builder.steps[x.step].dtype == step.dtype:
                maxima[x.step] = made
            return made
        return builder.append(step.reading((maxima.get(x.step, x), least)))

    return rewrite(program, change)


# --- elementary functions opened ---------------------------------------------------------------------------------

# Up to here, -log of the smallest normal number, σ(-z) has all its digits; above, it is held, and σ(z) is 1.
_HIGHEST: Final = {np.dtype(np.float64): 708.3965, np.dtype(np.float32): 87.3366}


def _growth_of(z: Value, highest: float) -> Value:
    """G = exp(min(z, highest)): σ(-z) = 1 / (1 + G), and σ(z) = G σ(-z) without the loss of a digit."""
    return np.exp(np.minimum(z, highest))


def _sigmoid_of_negative(z: Value, highest: float) -> Value:
    return 1 / (1 + _growth_of(z, highest))


def _sigmoid(z: Value, highest: float) -> Value:
    return _growth_of(z, highest) * _sigmoid_of_negative(z, highest)


def _sigmoid_slope(z: Value, highest: float) -> Value:
    return _sigmoid(z, highest) * _sigmoid_of_negative(z, highest)


def _tanh_slope(z: Value, highest: float) -> Value:
    e = np.exp(-2 * np.minimum(np.abs(z), highest))
    s = 2 / (1 + e)  # to the bit what 4 e / (1 + e)² is, with a product less
    return e * s * s


def _softplus(z: Value, highest: float) -> Value:
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def _softplus_of_negative(z: Value, highest: float) -> Value:
    return np.log1p(np.exp(-np.abs(z))) - np.minimum(z, 0)  # -min(z, 0) is max(-z, 0), at infinities too


def _weighted(x: Value, y: Value) -> Value:
    """Where x is 0 it is x times 0, so that no infinity meets it: 2.7 µs for a small array, the function takes 7.4."""
    return x * np.where(x == 0, 0, y)


_OPENED: Final[dict[Any, tuple[Callable[..., Any], Callable[..., Any]]]] = {
    elementary.sigmoid: (_sigmoid, _sigmoid_of_negative),
    elementary.sigmoid_slope: (_sigmoid_slope, _sigmoid_slope),
    elementary.tanh_slope: (_tanh_slope, _tanh_slope),
    elementary.softplus: (_softplus, _softplus_of_negative),
}
"""How each function is opened, for z and for -z."""


def opened(program: Program) -> Program:
    """Sigmoid, softplus and slopes in their parts, which they then share; as exact as the functions."""

    def change(builder: Builder, step: Step, _: int) -> Ref:
        if step.operation is elementary.weighted and all(isinstance(x, Ref) for x in step.operands):
            return _labeled(builder, traced(builder, _weighted, *step.operands), step)
        if step.operation not in _OPENED or step.dtype not in _HIGHEST or step.shape is None:
            return builder.append(step)
        of_z, of_negative = _OPENED[step.operation]
        z, highest = step.operands[0], _HIGHEST[step.dtype]
        if not isinstance(z, Ref) or builder.steps[z.step].dtype != step.dtype:
            return builder.append(step)
        source = builder.steps[z.step]
        if source.operation is np.negative and isinstance(source.operands[0], Ref):
            z, of_z = source.operands[0], of_negative
        return _labeled(builder, _copied(builder, _form(of_z, highest, step.dtype), z), step)

    return rewrite(program, change)


@functools.lru_cache(maxsize=64)
def _form(function: Callable[..., Any], highest: float, dtype: np.dtype[Any]) -> tuple[Step, ...]:
    """The steps of an opened function of numbers, the first of which is what it is a function of."""
    builder = Builder()
    z = builder.append(Step(None, shape=(), dtype=dtype))
    traced(builder, lambda x: function(x, highest), z)
    return tuple(builder.steps)


def _copied(builder: Builder, form: Sequence[Step], z: Ref) -> Ref:
    """Append what is done to numbers for the entries of a step, and return the Ref to the last of it."""
    new, shape = [z], builder.steps[z.step].shape
    for step in form[1:]:
        operands = tuple([new[x.step] if type(x) is Ref else x for x in step.operands])
        new.append(builder.append(Step(step.operation, operands, step.options, shape, step.dtype)))
    return new[-1]


def _labeled(builder: Builder, ref: Ref, step: Step) -> Ref:
    if step.name:
        builder.label(ref, step.name, step.formula)
    return ref


PASSES: Final[tuple[Pass, ...]] = (
    without_dead_steps,
    opened,
    constants,
    simplifications,
    common_subexpressions,
    signs_of_maxima,
    products_of_vectors,
    without_dead_steps,
)


PASSES_OF_KNOWN_SIZES: Final[tuple[Pass, ...]] = (
    constants,
    simplifications,
    common_subexpressions,
    products_of_vectors,
    without_dead_steps,
)
"""What numbers in the place of names can change in a program that has been through all passes."""


def optimized(program: Program, passes: Sequence[Pass] = PASSES) -> Program:
    """The program after these passes, held to ``verify``; after each of them it takes a quarter of all compiling."""
    for change in passes:
        program = change(program)
    verify(program)
    return program
