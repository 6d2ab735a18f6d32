"""Every node class with the shapes, facts and values it is tried on: what the tests over all nodes run through."""

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from large_rows import LARGE_ROWS
from node_values import (
    Case,
    Row,
    Shape,
    apart,
    between,
    beyond_one,
    condition,
    indices,
    normal,
    one_hot,
    positive,
    probability,
    share,
    signs,
)

import chainrule as cr
from chainrule.nodes import running, slopes, sorting
from chainrule.nodes.rearranging import FED

# --- over which shapes and with which facts --------------------------------------------------------------------------

SHAPES: list[Shape] = [(), (1,), (0,), (3, 0), (2, 3), (2, 3, 4)]
STRETCHED: list[tuple[Shape, Shape]] = [
    ((), (3,)),
    ((), (2, 3, 4)),
    ((1,), (2, 3)),
    ((3,), (2, 3)),
    ((2, 1), (2, 3)),
    ((2, 1), (3,)),
    ((2, 1, 4), (3, 1)),
    ((1, 3, 1), (2, 1, 4)),
    ((1, 1), (2,)),
    ((1,), (0,)),
    ((3, 1), (3, 0)),
    ((3, 0), (1, 1)),
]


def single(**facts: list[Any]) -> list[Case]:
    choices = [dict(zip(facts, values, strict=True)) for values in itertools.product(*facts.values())]
    return [Case((shape,), choice) for shape in SHAPES for choice in choices]


def pairs() -> list[Case]:
    both = [*STRETCHED, *((y, x) for x, y in STRETCHED)]
    return [Case((shape, shape)) for shape in SHAPES] + [Case(shapes) for shapes in both]


def axes_of(shape: Shape) -> Iterable[Any]:
    """None, every axis from the front and from the back, pairs of axes, all of them."""
    ndim = len(shape)
    several = [*itertools.permutations(range(ndim), 2), tuple(range(ndim))]
    return (None, *range(-ndim, ndim), *dict.fromkeys(several))


def _thinned(shape: Shape, axis: int) -> Shape:
    """The shape with one entry along an axis."""
    return tuple(1 if k == axis % len(shape) else size for k, size in enumerate(shape))


def reductions(of_nothing: bool) -> list[Case]:
    """All axes with and without ``keepdims``; unless ``of_nothing``, only what reduces at least one entry."""
    keeps = (False, True)
    cases = [Case((s,), {"axis": axis, "keepdims": keep}) for s in SHAPES for axis in axes_of(s) for keep in keeps]
    return [case for case in cases if of_nothing or reduced_count(case)]


def reduced_count(case: Case) -> int:
    (shape,), axis = case.shapes, case.facts["axis"]
    chosen = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return int(np.prod([shape[k] for k in chosen]))


def along() -> list[Case]:
    cases = [Case((shape,), {"axis": axis}) for shape in SHAPES for axis in axes_of(shape)]
    return [case for case in cases if reduced_count(case)]


def along_any() -> list[Case]:
    return [Case((shape,), {"axis": axis}) for shape in SHAPES for axis in axes_of(shape)]


def losses(shapes: list[Shape]) -> list[Case]:
    """A mean over no columns is undefined; everything else is. Then the same with every other batch axis."""
    kinds = ("mean", "sum", "none")
    cases = [Case((shape, shape), {"reduction": reduction}) for shape in shapes for reduction in kinds]
    cases += [
        Case((shape, shape), {"reduction": reduction, "examples": axis})
        for shape in shapes
        for axis in (*range(len(shape) - 1), -len(shape))
        for reduction in kinds
        if len(shape) == 2 and 0 not in shape
    ]
    return [case for case in cases if 0 not in case.shapes[0][-1:] or case.facts["reduction"] != "mean"]


def of_classes() -> list[Case]:
    """Losses of softmax whose classes are on another axis than the first."""
    shape, kinds = (2, 3, 4), ("mean", "sum", "none")
    places = [(0, 1), (0, -1), (1, 0), (1, 2), (-1, 1)]
    return [
        Case((shape, shape), {"reduction": reduction, "examples": examples, "classes": classes})
        for examples, classes in places
        for reduction in kinds
    ]


PRODUCTS: list[tuple[Shape, Shape]] = [
    ((3,), (3,)),
    ((1,), (1,)),
    ((0,), (0,)),
    ((2, 3), (3, 4)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((1, 3), (3, 1)),
    ((3, 3), (3, 4)),  # square: a missing transpose has the right shape, and only the numbers show it
    ((2, 3), (3, 3)),
    ((2, 0), (0, 3)),
    ((3, 0), (0,)),
    ((0, 3), (3, 2)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((1, 2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (6, 3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 4)),
    ((3,), (6, 5, 3, 4)),
    ((0, 2, 3), (3, 4)),
]
ORDERS: dict[Shape, list[Any]] = {
    **{shape: [None, tuple(range(len(shape)))[::-1]] for shape in SHAPES},
    (2, 3, 4): [None, *itertools.permutations(range(3)), (-1, 0, 1)],
}
NEW_SHAPES: dict[Shape, list[Shape]] = {
    (): [(), (1,), (1, 1), (-1,)],
    (1,): [(), (1, 1), (-1,)],
    (0,): [(0,), (3, 0), (2, -1)],
    (3, 0): [(0,), (0, 3), (2, 0, 5)],
    (2, 3): [(3, 2), (6,), (-1,), (1, 2, 3), (3, -1)],
    (2, 3, 4): [(4, 3, 2), (6, 4), (2, -1), (24,), (-1, 6)],
}
KEYS: dict[Shape, list[Any]] = {
    (): [(), ..., None],
    (1,): [0, slice(None), np.array([0, 0, 0])],
    (0,): [slice(None), np.array([], dtype=int)],
    (3, 0): [0, slice(1, None), (slice(None), slice(None)), (np.array([0, 0]), slice(None))],
    (2, 3): [
        1,
        (1, 2),
        (-1, -3),
        slice(None, None, -1),
        (slice(None), slice(0, 3, 2)),
        (..., None, 1),
        np.array([0, 1, 1]),
        np.array([True, False]),
    ],
    (2, 3, 4): [
        1,
        (..., 2),
        (np.array([1, 1]), np.array([2, 2])),
        (slice(None), np.array([0, 2, 0])),
        (0, None, slice(1, 3)),
    ],
}
JOINED: list[tuple[int, tuple[Shape, ...]]] = [
    (0, ((1,),)),
    (0, ((1,), (0,), (3,))),
    (-1, ((3,), (2,))),
    (0, ((2, 3), (4, 3), (1, 3))),
    (1, ((2, 3), (2, 1), (2, 5))),
    (-1, ((3, 0), (3, 2), (3, 0))),
    (-2, ((2, 3, 4), (2, 1, 4))),
]
LOOKUPS: list[tuple[Shape, Shape, int]] = [
    ((2,), (), 0),
    ((3,), (5,), -1),
    ((2, 3), (), -1),
    ((2, 3), (0,), -1),
    ((2, 3), (5,), 0),
    ((2, 3), (5,), -1),
    ((2, 3), (4, 5), -1),
    ((2, 3, 4), (5,), 1),
    ((2, 3, 4), (1,), -3),
]
ELEMENTS_OF_THREE: list[tuple[Shape, Shape, Shape]] = [
    *((shape, shape, shape) for shape in SHAPES),
    ((), (2, 3), (3,)),
    ((2, 1), (1, 3), ()),
    ((2, 3, 4), (4,), (3, 1)),
    ((1,), (1, 3), (2, 1)),
    ((3, 0), (), (3, 1)),
]


STRETCHED_TO: dict[Shape, list[Shape]] = {
    (): [(), (3,), (2, 3, 4)],
    (1,): [(1,), (3,), (2, 3)],
    (3, 0): [(3, 0), (2, 3, 0)],
    (2, 3): [(2, 3), (4, 2, 3)],
    (2, 1, 4): [(2, 3, 4), (5, 2, 3, 4)],
}
LENT: list[Case] = [Case((x, like)) for x, likes in STRETCHED_TO.items() for like in likes]
PUT_IN: dict[Shape, list[Any]] = {
    **{shape: [0, -1, (0, -1)] for shape in SHAPES},
    (2, 3): [0, 1, -1, (0, 2), (-1, 0), (0, 1)],
}
ONES: list[Case] = [
    *(Case((shape,)) for shape in [*SHAPES, (1, 3), (2, 1, 4), (1, 1)]),
    *(Case((shape,), {"axis": axis}) for shape, axis in [((1, 3), 0), ((2, 1, 4), -2), ((1, 0, 1), (0, -1))]),
]
SWAPPED = [
    Case((shape,), {"axis1": a, "axis2": b})
    for shape in SHAPES
    for a in range(-len(shape), len(shape))
    for b in range(-1, len(shape))
    if len(shape) > 1
]
FED_KEYS: list[Case] = [
    Case(((5,), (4,)), {"key": FED}),
    Case(((2, 3), (2,), (2,)), {"key": (FED, FED)}),
    Case(((2, 3, 4), (5,)), {"key": (slice(1, None), FED)}),
    Case(((2, 3), ()), {"key": (..., FED)}),
]
ADDED: list[Case] = [
    Case(((2,), (4, 2)), {"key": 1}),
    Case(((3, 2), (4, 2)), {"key": np.array([1, 3, 1])}),
    Case(((4,), (5,), (4,)), {"key": FED}),
    Case(((2, 4), (2, 3), (4,)), {"key": (slice(None), FED)}),
]


DEVIATIONS: list[Case] = [
    *(case for case in reductions(of_nothing=False) if reduced_count(case) > 1),
    Case(((2, 3),), {"axis": 1, "ddof": 1}),
    Case(((2, 3, 4),), {"axis": (0, 2), "ddof": 1}),
]
PLACES: list[Case] = [
    Case((shape,), {"axis": axis, "keepdims": keep})
    for shape in [(1,), (2, 3), (2, 3, 4)]
    for axis in (None, *range(-len(shape), len(shape)))
    for keep in (False, True)
]
STACKED: list[Case] = [
    Case((shape,) * 3, {"axis": axis})
    for shape in [(), (1,), (0,), (2, 3), (2, 3, 4)]
    for axis in range(-len(shape) - 1, len(shape) + 1)
]
RUNNING: list[Case] = [
    Case((shape,), {"axis": axis}) for shape in SHAPES for axis in (None, *range(-len(shape), len(shape)))
]
PRODUCTS_ALONG: list[Case] = [case for case in reductions(of_nothing=True) if case.facts["axis"] != ()]
SIDEWAYS: list[Case] = [case for case in RUNNING if case.facts["axis"] is not None]
ROLLED: list[Case] = [
    *(Case(case.shapes, {**case.facts, "shift": shift}) for case in RUNNING for shift in (-1, 2)),
    *(Case((shape,), {"shift": (1, -2), "axis": (0, -1)}) for shape in [(3, 0), (2, 3), (2, 3, 4)]),
]
WIDTHS: list[Case] = [Case((shape,), {"width": width}) for shape in SHAPES for width in (0, 2, (1, 0))]
WIDTHS += [Case(((2, 3),), {"width": width, "value": -0.5}) for width in (1, ((0, 2), (1, 0)))]
LARGEST: list[Case] = [
    Case((shape,), {"k": k, "axis": axis})
    for shape in [(1,), (2, 3), (2, 3, 4)]
    for axis in range(-len(shape), len(shape))
    for k in (1, shape[axis])
]
PICKED_ALONG: list[Case] = [
    Case((shape, (*shape[: axis % len(shape)], 5, *shape[axis % len(shape) + 1 :])), {"axis": axis})
    for shape in [(2,), (2, 3), (3, 2, 4)]
    for axis in range(-len(shape), len(shape))
]
PICKED_ALONG += [Case(((2, 3), (1, 5)), {"axis": 1}), Case(((2, 1), (2, 3)), {"axis": 0})]
PUT_ALONG: list[Case] = [
    Case((np.broadcast_shapes(at, _thinned(shape, case.facts["axis"])), at, shape), case.facts)
    for case in PICKED_ALONG
    for shape, at in [case.shapes]
]
REPEATED: list[Case] = [Case((*case.shapes,), {**case.facts, "repeats": n}) for case in RUNNING for n in (1, 3)]
LAID: list[Case] = [Case((shape,), {"reps": reps}) for shape in SHAPES for reps in (1, 3, (2, 3), (2, 1, 3))]
TRIANGLES: list[Case] = [
    Case((shape,), {"k": k, "lower": lower})
    for shape in [(1, 1), (3, 0), (2, 3), (4, 3), (2, 3, 4)]
    for k in (-1, 0, 1, 2)
    for lower in (False, True)
]
SUMS_OF_PRODUCTS: list[Case] = [
    Case(((2, 3), (3, 4)), {"subscripts": "ij,jk->ik"}),
    Case(((2, 3), (3, 4)), {"subscripts": "ij,jk"}),
    Case(((2, 3), (3,)), {"subscripts": "ij,j->"}),
    Case(((2, 3),), {"subscripts": "ij->ji"}),
    Case(((2, 3),), {"subscripts": "ij->j"}),
    Case(((2, 3, 4),), {"subscripts": "ijk->"}),
    Case(((2, 3), (4,), (3,)), {"subscripts": "ij,k,j->ik"}),
    Case(((5, 2, 3), (5, 3, 4)), {"subscripts": "bij,bjk->bik"}),
    Case(((2, 3), (4,)), {"subscripts": "ij,k -> i"}),
    Case(((2, 0), (0, 3)), {"subscripts": "ij,jk->ik"}),
]
SCATTERED: list[Case] = [
    Case((table, at, (*table[: axis % len(table)], *at, *table[axis % len(table) + 1 :])), {"axis": axis})
    for table, at, axis in LOOKUPS
]


def with_facts(name: str, table: dict[Shape, list[Any]]) -> list[Case]:
    return [Case((shape,), {name: value}) for shape, values in table.items() for value in values]


COUNTED = [Case((shape,), {"axis": axis}) for shape in SHAPES for axis in (None, *range(-len(shape), len(shape)))]


# --- one row for each class ------------------------------------------------------------------------------------------


def compared(kind: type[cr.Node], *, of: Callable[..., Any] = apart, other: Callable[..., Any] = between) -> Row:
    """What gives truth values of two inputs."""
    return Row(kind, (of, other), pairs())


ROWS = [
    Row(cr.Abs, (apart,), single()),
    Row(cr.Add, (normal, normal), pairs()),
    Row(cr.BCELoss, (probability, probability), losses(SHAPES)),
    Row(cr.Clip, (apart,), single() + single(low=[-0.4], high=[0.8]) + single(high=[0.2])),
    Row(cr.Concatenate, (normal, normal, normal), [Case(shapes, {"axis": axis}) for axis, shapes in JOINED]),
    Row(cr.Cos, (normal,), single()),
    Row(cr.CrossEntropyLoss, (probability, probability), losses(SHAPES)),
    Row(cr.Divide, (normal, positive), pairs()),
    Row(cr.Exp, (normal,), single()),
    Row(cr.GELU, (normal,), single()),
    Row(cr.Gather, (normal, indices), [Case((table, at), {"axis": axis}) for table, at, axis in LOOKUPS]),
    Row(cr.HingeLoss, (apart, signs), losses(SHAPES)),
    Row(cr.Index, (normal,), with_facts("key", KEYS)),
    Row(cr.LeakyReLU, (apart,), single() + single(slope=[0.3])),
    Row(cr.Log, (positive,), single()),
    Row(cr.LogSoftmax, (normal,), along()),
    Row(cr.LogSumExp, (normal,), reductions(of_nothing=False)),
    Row(cr.MSELoss, (normal, normal), losses(SHAPES)),
    Row(cr.MatMul, (normal, normal), [Case(shapes) for shapes in PRODUCTS]),
    Row(cr.Max, (apart,), reductions(of_nothing=False)),
    Row(cr.Maximum, (apart, between), pairs()),
    Row(cr.Mean, (normal,), reductions(of_nothing=False)),
    Row(cr.Minimum, (apart, between), pairs()),
    Row(cr.Multiply, (normal, normal), pairs()),
    Row(cr.Negate, (normal,), single()),
    Row(cr.Power, (positive, normal), pairs()),
    Row(cr.ReLU, (apart,), single()),
    Row(cr.Reshape, (normal,), with_facts("to", NEW_SHAPES)),
    Row(cr.Sigmoid, (normal,), single()),
    Row(cr.SigmoidBCELoss, (normal, probability), losses(SHAPES)),
    Row(cr.Sin, (normal,), single()),
    Row(cr.Softmax, (normal,), along()),
    Row(cr.SoftmaxCrossEntropyLoss, (normal, one_hot), losses([(1, 1), (3, 0), (2, 3), (2, 3, 4)])),
    Row(cr.SoftmaxCrossEntropyLoss, (normal, probability), losses([(2, 3)]) + of_classes()),
    Row(cr.Softplus, (normal,), single()),
    Row(cr.Sqrt, (positive,), single()),
    Row(cr.Square, (normal,), single()),
    Row(cr.Subtract, (normal, normal), pairs()),
    Row(cr.Sum, (normal,), reductions(of_nothing=True)),
    Row(cr.Tanh, (normal,), single()),
    Row(cr.Transpose, (normal,), with_facts("axes", ORDERS)),
    Row(cr.Where, (condition, normal, normal), [Case(shapes) for shapes in ELEMENTS_OF_THREE]),
    compared(cr.And, other=condition),
    compared(cr.Equal),
    compared(cr.Greater),
    compared(cr.GreaterEqual),
    compared(cr.Less),
    compared(cr.LessEqual),
    compared(cr.NotEqual),
    compared(cr.Or, other=condition),
    compared(cr.Xor, other=condition),
    Row(cr.AsType, (apart,), single() + single(to=[float, int, bool])),
    Row(cr.BroadcastTo, (normal,), with_facts("to", STRETCHED_TO)),
    Row(cr.BroadcastTo, (normal, normal), LENT),
    Row(cr.ExpandDims, (normal,), [Case((shape,)) for shape in SHAPES] + with_facts("axis", PUT_IN)),
    Row(cr.FullLike, (normal, normal), [Case((shape, ())) for shape in SHAPES] + [Case(((2, 3), (3,)))]),
    Row(cr.Index, (normal, indices, indices), FED_KEYS),
    Row(cr.IsFinite, (normal,), single()),
    Row(cr.IsInfinite, (normal,), single()),
    Row(cr.IsNaN, (normal,), single()),
    Row(cr.NormalCDF, (normal,), single()),
    Row(cr.Not, (apart,), single()),
    Row(cr.Reshape, (normal,), single()),
    Row(cr.Reshape, (normal, normal), [Case(((2, 3), (3, 2))), Case(((2, 3, 4), (4, 6))), Case(((1,), ()))]),
    Row(cr.Sign, (apart,), single()),
    Row(cr.Squeeze, (normal,), ONES),
    Row(cr.SwapAxes, (normal,), SWAPPED),
    Row(cr.ArcCos, (share,), single()),
    Row(cr.ArcCosh, (beyond_one,), single()),
    Row(cr.ArcSin, (share,), single()),
    Row(cr.ArcSinh, (normal,), single()),
    Row(cr.ArcTan, (normal,), single()),
    Row(cr.ArcTanh, (share,), single()),
    Row(cr.ArgMax, (apart,), PLACES),
    Row(cr.ArgMin, (apart,), PLACES),
    Row(cr.ArgSort, (apart,), SIDEWAYS),
    Row(cr.Ceil, (apart,), single()),
    Row(cr.Cosh, (normal,), single()),
    Row(cr.CumProd, (normal,), RUNNING),
    Row(cr.CumSum, (normal,), RUNNING),
    Row(cr.Diagonal, (normal,), [Case((shape,)) for shape in [(3,), (1,), (3, 3), (2, 4), (4, 2)]]),
    Row(cr.ELU, (apart,), single() + single(alpha=[0.3])),
    Row(cr.Einsum, (normal, normal, normal), SUMS_OF_PRODUCTS),
    Row(cr.Erf, (normal,), single()),
    Row(cr.Expm1, (normal,), single()),
    Row(cr.Flip, (normal,), along_any()),
    Row(cr.Floor, (apart,), single()),
    Row(cr.HuberLoss, (apart, between), [*losses(SHAPES), Case(((2, 3), (2, 3)), {"delta": 0.7})]),
    Row(cr.KLLoss, (probability, probability), losses([(1, 1), (3, 0), (2, 3), (2, 3, 4)])),
    Row(cr.L1Loss, (apart, between), losses(SHAPES)),
    Row(cr.Log1p, (positive,), single()),
    Row(cr.Min, (apart,), reductions(of_nothing=False)),
    Row(cr.Mod, (apart, beyond_one), pairs()),
    Row(cr.NLLLoss, (normal, probability), losses([(1, 1), (3, 0), (2, 3), (2, 3, 4)])),
    Row(cr.Norm, (normal,), [case for case in reductions(of_nothing=False) if reduced_count(case)]),
    Row(cr.Pad, (normal,), WIDTHS),
    Row(cr.Prod, (normal,), PRODUCTS_ALONG),
    Row(cr.Repeat, (normal,), REPEATED),
    Row(cr.Roll, (normal,), ROLLED),
    Row(cr.Round, (between,), single()),
    Row(cr.ScatterAdd, (normal, indices, normal), SCATTERED),
    Row(cr.SiLU, (normal,), single()),
    Row(cr.Sinh, (normal,), single()),
    Row(cr.Size, (normal,), COUNTED),
    Row(cr.Softsign, (normal,), single()),
    Row(cr.Sort, (apart,), SIDEWAYS),
    Row(cr.Stack, (normal, normal, normal), STACKED),
    Row(cr.Std, (normal,), DEVIATIONS),
    Row(cr.StopGradient, (normal,), single()),
    Row(cr.TakeAlong, (normal, indices), PICKED_ALONG),
    Row(cr.Tan, (share,), single()),
    Row(cr.Tile, (normal,), LAID),
    Row(cr.TopK, (apart,), LARGEST),
    Row(cr.Triangle, (normal,), TRIANGLES),
    Row(cr.Var, (normal,), DEVIATIONS),
    Row(running.Carried, (normal, normal), [Case(case.shapes * 2, case.facts) for case in SIDEWAYS]),
    Row(running.CumProdSlope, (normal, normal), [Case(case.shapes * 2, case.facts) for case in SIDEWAYS]),
    Row(running.ProductOfOthers, (normal,), along_any()),
    Row(sorting.PutAlong, (normal, indices, normal), PUT_ALONG),
    Row(slopes.Centered, (normal,), along()),
    Row(slopes.PowerSlope, (positive, normal), pairs()),
    Row(slopes.Put, (normal, normal, indices), ADDED),
    Row(slopes.Ratio, (normal, positive), pairs()),
    Row(slopes.SigmoidSlope, (normal,), single()),
    Row(slopes.SoftmaxRest, (normal,), along()),
    Row(slopes.TanhSlope, (normal,), single()),
    Row(slopes.Unbroadcast, (normal, normal), [Case((wide, x)) for x, ys in STRETCHED_TO.items() for wide in ys]),
    Row(slopes.Weighted, (normal, normal), pairs()),
    Row(slopes.XLog1m, (normal, probability), pairs()),
    Row(slopes.XLogY, (normal, positive), pairs()),
    *LARGE_ROWS,
]

WITHOUT_GRADIENT = {(cr.FullLike, "x"), (cr.Size, "x"), (cr.StopGradient, "x")}
DATA = {"labels", "indices", "condition", "like", "mask", "weights"}
"""Inputs that have no gradient, by the name that the rule gives them."""


def is_data(row: Row, name: str) -> bool:
    """Whether an input of that name has no gradient."""
    if row.kind is cr.Attention and row.samplers[-1] is normal:  # a mask that is added to the scores
        return False
    return name.rstrip("_0123456789") in DATA or (row.kind, name) in WITHOUT_GRADIENT


def gives_numbers(row: Row, case: Case) -> bool:
    """Whether the output is floating; truth values and whole numbers have no gradient."""
    arrays = examples(row, case)
    return bool(graph_of_one(row, case, arrays).outputs[0].dtype.kind == "f")


def examples(row: Row, case: Case) -> list[Any]:
    rng = np.random.default_rng(0)
    return [np.asarray(draw(rng, shape)) for draw, shape in zip(row.samplers, case.shapes, strict=False)]


def graph_of_one(row, case, arrays):
    leaves = [cr.Input(f"x{k}", array.shape, array.dtype) for k, array in enumerate(arrays)]
    return cr.Graph(row.kind(*leaves, name="y", **case.facts))


def feeds_of(graph, arrays):
    return {f"x{k}": array for k, array in enumerate(arrays)}
