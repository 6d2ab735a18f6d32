"""Every node class over shapes, facts, data types and memory layouts; the suite fails when a class has no row."""

import inspect
import itertools
import sys
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest

import chainrule as cr

# --- what the examples are -------------------------------------------------------------------------------------------


def normal(rng, shape):
    return rng.normal(size=shape)


def positive(rng, shape):
    return rng.uniform(0.5, 2, size=shape)


def probability(rng, shape):
    return rng.uniform(0.1, 0.9, size=shape)


def apart(rng, shape):
    """Numbers in steps of 0.2 that are never 0: no two tie, and every kink at a multiple of 0.2 is 0.1 away."""
    size = int(np.prod(shape))
    return (0.2 * (rng.permutation(size) - size // 2) + 0.1).reshape(shape)


def between(rng, shape):
    """Numbers that tie with none of ``apart``: 0.1 away from all of them."""
    return apart(rng, shape) + 0.1


def signs(rng, shape):
    return rng.choice([-1.0, 1.0], size=shape)


def one_hot(rng, shape):
    labels = np.zeros(shape)
    labels[rng.integers(shape[0]), ...] = 1
    return labels


def condition(rng, shape):
    return rng.random(shape) < 0.5


def indices(rng, shape):
    """Whole numbers from 0 to 1, fit for any axis of at least two; some repeat."""
    return rng.integers(2, size=shape)


# --- over which shapes and with which facts --------------------------------------------------------------------------

Shape = tuple[int, ...]
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


class Case(NamedTuple):
    """Shapes of the inputs, and facts."""

    shapes: tuple[Shape, ...]
    facts: Mapping[str, Any] = MappingProxyType({})

    def __str__(self) -> str:
        facts = (f"{name}={value}" for name, value in self.facts.items())
        return "-".join([*(str(shape).replace(" ", "") for shape in self.shapes), *facts])


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


def with_facts(name: str, table: dict[Shape, list[Any]]) -> list[Case]:
    return [Case((shape,), {name: value}) for shape, values in table.items() for value in values]


# --- one row for each class ------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """How the inputs of a class are drawn, and the cases it is checked in."""

    kind: type[cr.Node]
    samplers: tuple[Callable[..., Any], ...]
    cases: list[Case]


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
]

GRID = [pytest.param(row, case, id=f"{row.kind.__name__}-{case}") for row in ROWS for case in row.cases]
DATA = {"labels", "indices", "condition"}  # inputs that have no gradient, by the name that the rule gives them


def examples(row: Row, case: Case) -> list[Any]:
    rng = np.random.default_rng(0)
    return [np.asarray(draw(rng, shape)) for draw, shape in zip(row.samplers, case.shapes, strict=False)]


# --- memory layouts --------------------------------------------------------------------------------------------------


def fortran(array):
    return np.array(array, order="F")  # np.asfortranarray gives an array of no axes one


def strided(array):
    """Every second entry along every axis of something larger, whose other entries are NaN (or the largest number)."""
    junk = np.nan if array.dtype.kind == "f" else np.iinfo(array.dtype).max if array.dtype.kind == "i" else True
    wide = np.full([2 * size for size in array.shape], junk, dtype=array.dtype)
    view = wide[(..., *(slice(None, None, 2),) * array.ndim)]  # the ... keeps an array of no axes an array
    view[...] = array
    return view


def backwards(array):
    """The same entries laid out from last to first: all strides negative."""
    flip = (..., *(slice(None, None, -1),) * array.ndim)
    return array[flip].copy()[flip]


def read_only(array):
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def big_endian(array):
    return array.astype(array.dtype.newbyteorder(">"))


LAYOUTS = {
    "Fortran": fortran,
    "strided": strided,
    "backwards": backwards,
    "read-only": read_only,
    "big-endian": big_endian,
}


# --- the tests -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("row", "case"), GRID)
def test_gradient_check(row, case):
    """In float64 and float32; all elements of all inputs are compared, but for data and what leads to empty outputs."""
    report = cr.check_node(row.kind, *examples(row, case), **case.facts)
    assert report.ok
    assert len(report.rows) == len(case.shapes)
    for entry in report.rows:
        assert entry.compared == (0 if entry.name in DATA else entry.size) or 0 in sum(case.shapes, ()), str(report)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("row", "case"), GRID)
def test_gradient_check_in_every_layout(row, case, layout):
    assert cr.check_node(row.kind, *map(LAYOUTS[layout], examples(row, case)), **case.facts).ok


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("row", "case"), GRID)
def test_no_layout_changes_a_number(row, case, dtype):
    """Values and gradients of a run, upstream gradient included, are those of contiguous arrays."""
    arrays = [array.astype(dtype) if array.dtype.kind == "f" else array for array in examples(row, case)]
    graph = graph_of_one(row, case, arrays)
    output = graph.outputs[0]
    value = graph.forward(feeds_of(graph, arrays))[output]
    seed = np.asarray(np.random.default_rng(0).normal(size=value.shape), dtype=dtype)
    expected = results(graph, arrays, seed)
    # another order of entries is another order of summation: a few roundings of at most 30 terms of size 1
    tolerance = 30 * np.finfo(dtype).eps
    for layout in LAYOUTS.values():
        laid_out = [layout(array) for array in arrays]
        untouched = [array.copy() for array in laid_out]
        found = results(graph, laid_out, layout(seed))
        assert found.keys() == expected.keys()
        for name, array in found.items():
            assert array.dtype == expected[name].dtype == dtype
            np.testing.assert_allclose(array, expected[name], rtol=tolerance, atol=tolerance, err_msg=name)
        for before, after in zip(untouched, laid_out, strict=True):
            np.testing.assert_array_equal(after, before)


def graph_of_one(row, case, arrays):
    leaves = [cr.Input(f"x{k}", array.shape, array.dtype) for k, array in enumerate(arrays)]
    return cr.Graph(row.kind(*leaves, name="y", **case.facts))


def feeds_of(graph, arrays):
    return {f"x{k}": array for k, array in enumerate(arrays)}


def results(graph, arrays, seed):
    """The output and every gradient; where the output is empty the gradients are 0."""
    run = graph.forward(feeds_of(graph, arrays))
    gradients = run.backward(seed=seed)
    if run["y"].size == 0:
        assert not any(gradient.any() for gradient in gradients.values())
    return {"y": run["y"], **{f"d{name}": gradient for name, gradient in gradients.items()}}


@pytest.mark.parametrize(("row", "case"), GRID)
def test_shape_is_known_before_there_is_data(row, case):
    arrays = examples(row, case)
    graph = graph_of_one(row, case, arrays)
    assert graph["y"].shape == graph.forward(feeds_of(graph, arrays))["y"].shape


def descendants(kind):
    below = kind.__subclasses__()
    return {*below, *(deeper for each in below for deeper in descendants(each))}


def in_package(kind):
    """Whether a module of the package holds the class: a class in a docstring's example only says so."""
    module = kind.__module__
    return module.partition(".")[0] == "chainrule" and vars(sys.modules[module]).get(kind.__name__) is kind


def test_every_public_node_class_has_a_row():
    """Found twice, so that none can hide: among the public names, and among all subclasses the package defines."""
    named = {value for value in vars(cr).values() if isinstance(value, type) and issubclass(value, cr.Node)}
    defined = {kind for kind in descendants(cr.Node) if in_package(kind)}
    public = {kind for kind in named | defined if not kind.__name__.startswith("_")}
    without_rule = {kind for kind in public if inspect.isabstract(kind) or kind is cr.Node or issubclass(kind, cr.Leaf)}
    moving = {kind for kind in public - without_rule if kind.has_gradient}
    missing = {kind.__name__ for kind in moving - {row.kind for row in ROWS}}
    assert not missing, f"no row in this file checks {', '.join(sorted(missing))}"
    families = {"Loss", "AlongClasses"}
    assert {kind.__name__ for kind in without_rule} == {"Node", "Leaf", "Input", "Parameter", "Constant", *families}


def facts_of(kind):
    """The facts that a class itself declares."""
    return inspect.get_annotations(kind) if issubclass(kind, cr.Node) and kind is not cr.Node else ()


def test_every_fact_of_every_class_is_varied():
    varied = {(row.kind, fact) for row in ROWS for case in row.cases for fact in case.facts}
    declared = {(row.kind, fact) for row in ROWS for base in row.kind.__mro__[:-1] for fact in facts_of(base)}
    assert {f"{kind.__name__}.{fact}" for kind, fact in declared - varied} == set()
