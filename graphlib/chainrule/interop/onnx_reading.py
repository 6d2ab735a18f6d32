"""A model of ONNX from a file: bounded, checked, and as a graph with the numbers of its parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from chainrule.core.leaves import Constant, Input, Parameter
from chainrule.core.node import Node
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.graph import Graph
from chainrule.interop.onnx_further_rules import FURTHER_RULES
from chainrule.interop.onnx_large_rules import LARGE_RULES
from chainrule.interop.onnx_rules import RULES
from chainrule.interop.onnx_translation import Rule, Translation, UnsupportedError, Value, numbers
from chainrule.interop.onnx_values import onnx
from chainrule.nodes.rearranging import Reshape
from chainrule.shown.shortening import beginning

EVERY_RULE: Final[dict[str, Rule]] = {**RULES, **FURTHER_RULES, **LARGE_RULES}
_LARGEST: Final = 1 << 31  # bytes of one protocol buffer
_MOST_NODES: Final = 100_000


def read(path: Path, largest: int = _LARGEST) -> Any:
    """The model in a file; raises ArgumentError for one that is too large, damaged, or in several files."""
    library = onnx.module()
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise ArgumentError(f"{path} is no file: a device or a pipe has no end", remedy="an .onnx file")
        if path.is_file() and path.stat().st_size > largest:
            raise ArgumentError(f"{path} has more than {largest:,} bytes", given=f"{path.stat().st_size:,}")
        model = library.ModelProto.FromString(path.read_bytes())
        _check_inside(model, path)
        library.checker.check_model(model)
        return library.shape_inference.infer_shapes(model)
    except ChainruleError:
        raise
    except OSError as error:
        raise ArgumentError(f"{path} cannot be read: {error.strerror or error}") from None
    except Exception as error:  # of protocol buffers, and of ONNX's checker
        raise _no_model(path, error) from None


def _no_model(path: Path, error: Exception) -> ArgumentError:
    said = beginning(f"{type(error).__name__}: {error}".partition("\n")[0])
    return ArgumentError(f"{path} is no model of ONNX", given=said, remedy="onnx.checker says more")


def _check_inside(model: Any, path: Path) -> None:
    outside = [tensor.name for tensor in model.graph.initializer if tensor.data_location == onnx.TensorProto.EXTERNAL]
    nested = [a.t for node in model.graph.node for a in node.attribute if a.HasField("t")]
    if outside or any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in nested):
        raise ArgumentError(
            f"{path} keeps numbers in other files, which are not read",
            given=beginning(", ".join(outside)),
            remedy="onnx.save_model(onnx.load(path), new, save_as_external_data=False), for a model that you trust",
        )
    if len(model.graph.node) > _MOST_NODES:
        given = f"{len(model.graph.node):,}"
        raise ArgumentError(f"{path} has more than {_MOST_NODES:,} nodes", given=given, remedy="a part of the model")
    for tensor in [*model.graph.initializer, *nested]:
        if min(tensor.dims, default=0) < 0:
            raise ArgumentError(f"{path} has a tensor of a negative size", given=tensor.name)


def graph_of(model: Any, path: Path) -> tuple[Graph, dict[str, npt.NDArray[Any]]]:
    """The graph of a model, and the values of its parameters."""
    given = {}
    try:
        for tensor in model.graph.initializer:
            array = numbers(tensor)
            given[tensor.name] = Value(array, fed=tensor.name if array.dtype.kind == "f" else None)
        for one in model.graph.input:
            if one.name not in given:
                given[one.name] = Value(node=_input(one))
        made = Translation(model, EVERY_RULE, given)
        taken = {f"d{name}" for name in given}  # gradients have these names
        names = [f"{one.name}_" if one.name in taken else one.name for one in model.graph.output]
        ends = [_end(made, value, name) for value, name in zip(made.outputs, names, strict=True)]
    except UnsupportedError as reason:
        raise ArgumentError(
            f"{path} does what no node does: {reason}", remedy="a model of the operators that docs/saving.md lists"
        ) from None
    except ChainruleError:
        raise
    except Exception as error:  # of ONNX's evaluator, of NumPy and of rules, whatever a model has them compute
        raise _no_model(path, error) from None
    graph = Graph(*ends)
    return graph, {leaf.name: array for leaf, array in made.feeds.items() if leaf in graph and leaf.name is not None}


def _input(one: Any) -> Node:
    kind = one.type.tensor_type
    if not one.type.HasField("tensor_type") or not kind.HasField("shape"):
        raise UnsupportedError(f"the input {one.name}, which is no tensor or whose number of axes is not told")
    sizes = [
        size.dim_value if size.HasField("dim_value") else size.dim_param or f"{one.name}_{k}"
        for k, size in enumerate(kind.shape.dim)
    ]
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
    numbers(np.zeros((), dtype))
    return Input(one.name, sizes, float if dtype.kind == "f" else bool if dtype.kind == "b" else int)


def _end(made: Translation, value: Any, name: str) -> Any:
    """The node of an output, under the output's name; a leaf that is one is passed on."""
    node: Any = made.leaf(value) if value.node is None else value.node
    if not isinstance(node, Node):
        raise UnsupportedError(f"the output {name}, which is a size alone")
    if isinstance(node, (Constant, Input, Parameter)) or node.name is not None:
        node = Reshape(node, to=node.shape)
    return node.relabel(name, like=node)
