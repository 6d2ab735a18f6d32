"""ONNX's backend tests by name, with what goes in and what has to come out, and each as one of our graphs."""

from __future__ import annotations

import functools
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx.backend.test.loader import load_model_tests

import chainrule as cr
from chainrule.interop.onnx_reading import EVERY_RULE
from chainrule.interop.onnx_translation import NOTHING, Translation, UnsupportedError, Value, numbers


class Case(NamedTuple):
    """One of ONNX's tests; the tolerances are ONNX's own."""

    model: onnx.ModelProto
    arrays: list[Any]
    expected: list[Any]
    rtol: float
    atol: float


class Judged(NamedTuple):
    """A case as a graph: its feeds, and the number that each output has to have."""

    graph: cr.Graph
    feeds: dict[cr.Node, np.ndarray]
    expected: list[tuple[cr.Node, np.ndarray]]


def _generated() -> dict[str, Case]:
    """The tests of single operators, which the package makes when it is asked for them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ONNX's own references overflow and divide by 0 to make some of the cases
        tests = load_model_tests(kind="node")
    return {test.name: Case(test.model, *test.data_sets[0], test.rtol, test.atol) for test in tests}


def _stored() -> dict[str, Case]:
    """The tests of small models, which the package carries as files."""
    return {test.name: _read(Path(test.model_dir), test) for test in load_model_tests(kind="simple")}


def _read(folder: Path, test: Any) -> Case:
    model = onnx.load(folder / "model.onnx")
    data = folder / "test_data_set_0"
    arrays = [_tensor(data / f"input_{k}.pb", value) for k, value in enumerate(model.graph.input)]
    expected = [_tensor(data / f"output_{k}.pb", value) for k, value in enumerate(model.graph.output)]
    return Case(model, arrays, expected, test.rtol, test.atol)


def _tensor(path: Path, description: onnx.ValueInfoProto) -> np.ndarray | None:
    """The array of a file, None for a sequence and for an input without a file, which the model itself gives."""
    known = path.exists() and description.type.HasField("tensor_type")
    return onnx.numpy_helper.to_array(onnx.load_tensor(path)) if known else None


CASES = {**_generated(), **_stored()}


def translated(model: onnx.ModelProto, arrays: list[Any]) -> Translation:
    """A model on its way to a graph, fed with arrays: floating numbers as parameters, so that gradients reach them."""
    known = {tensor.name for tensor in model.graph.initializer}
    fed = [(one.name, array) for one, array in zip(model.graph.input, arrays, strict=True)]
    given = {name: Value(numbers(array), fed=name) for name, array in fed if array is not None or name not in known}
    return Translation(model, EVERY_RULE, given)


@functools.cache
def judged(name: str) -> Judged | UnsupportedError:
    """A case as one of our graphs, or why it cannot be judged."""
    case = CASES[name]
    try:
        return _judged(translated(case.model, case.arrays), case)
    except UnsupportedError as reason:
        return reason


def _judged(made: Translation, case: Case) -> Judged:
    computed = [
        (value.node, numbers(array))
        for value, array in zip(made.outputs, case.expected, strict=True)
        if value.node is not None and not isinstance(value.node, cr.Leaf)
    ]
    if not computed:
        raise UnsupportedError(made.reasons[0] if made.reasons else NOTHING)
    graph = cr.Graph(*dict.fromkeys(node for node, _ in computed))
    return Judged(graph, {leaf: array for leaf, array in made.feeds.items() if leaf in graph}, computed)
