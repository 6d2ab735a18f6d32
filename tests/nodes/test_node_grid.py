"""Every node class over shapes, facts, data types and memory layouts; the suite fails when a class has no row."""

import inspect
import sys

import numpy as np
import pytest
from in_turn import every_case
from node_rows import ROWS, examples, feeds_of, gives_numbers, graph_of_one, is_data

import chainrule as cr

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


@every_case(ROWS)
def test_gradient_check(row, case):
    """In float64 and float32; all elements of all inputs are compared, but for data and what leads to empty outputs."""
    report = cr.check_node(row.kind, *examples(row, case), **case.facts)
    assert report.ok
    assert len(report.rows) == len(case.shapes)
    for entry in report.rows:
        without = is_data(row, entry.name) or not gives_numbers(row, case)
        assert entry.compared == (0 if without else entry.size) or 0 in sum(case.shapes, ()), str(report)


@every_case(ROWS)
def test_gradient_check_in_every_layout(row, case):
    """The first case of a class in all of them, the others in turn; the test below has every case in all of them."""
    place, names = [other is case for other in row.cases].index(True), list(LAYOUTS)
    for name, layout in LAYOUTS.items():
        if place and name != names[place % len(names)]:
            continue
        assert cr.check_node(row.kind, *map(layout, examples(row, case)), **case.facts).ok, name


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@every_case(ROWS)
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
            assert array.dtype == expected[name].dtype == (dtype if value.dtype.kind == "f" else value.dtype)
            np.testing.assert_allclose(array, expected[name], rtol=tolerance, atol=tolerance, err_msg=name)
        for before, after in zip(untouched, laid_out, strict=True):
            np.testing.assert_array_equal(after, before)


def results(graph, arrays, seed):
    """The output and every gradient, where it has one; where the output is empty the gradients are 0."""
    run = graph.forward(feeds_of(graph, arrays))
    if run["y"].dtype.kind != "f":
        return {"y": run["y"]}
    gradients = run.backward(seed=seed)
    if run["y"].size == 0:
        assert not any(gradient.any() for gradient in gradients.values())
    return {"y": run["y"], **{f"d{name}": gradient for name, gradient in gradients.items()}}


@every_case(ROWS)
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
    families = {"Loss", "ClassLoss", "AlongClasses", "Condition", "Normalization", "OverFeatures", "Pooling"}
    assert {kind.__name__ for kind in without_rule} == {"Node", "Leaf", "Input", "Parameter", "Constant", *families}


def facts_of(kind):
    """The facts that a class itself declares; what is said of a class is none."""
    declared = inspect.get_annotations(kind) if issubclass(kind, cr.Node) and kind is not cr.Node else {}
    return [name for name, annotation in declared.items() if "ClassVar" not in str(annotation)]


def test_every_fact_of_every_class_is_varied():
    varied = {(row.kind, fact) for row in ROWS for case in row.cases for fact in case.facts}
    declared = {(row.kind, fact) for row in ROWS for base in row.kind.__mro__[:-1] for fact in facts_of(base)}
    assert {f"{kind.__name__}.{fact}" for kind, fact in declared - varied} == set()
