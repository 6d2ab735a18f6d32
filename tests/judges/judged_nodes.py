"""What others make of a graph: PyTorch of its nodes, JAX and onnxruntime of what the exporters hand them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import jax
import numpy as np
import onnxruntime
from torch_graph import FORMS, InTorch

import chainrule as cr
from chainrule.interop import onnx
from chainrule.interop.jax import to_function

Found: TypeAlias = tuple[Any, Mapping[str, Any]]
"""The value of a loss, and gradients by name."""

TOLERANCE: Final = 1e-12  # of the largest entry
jax.config.update("jax_enable_x64", True)
onnxruntime.set_default_logger_severity(4)


def by_torch(graph: cr.Graph, feeds: Mapping[str, Any], names: list[str]) -> Found | None:
    """The nodes as PyTorch's functions, and autograd; None where it has no function for a node."""
    if any(type(node) not in FORMS for node in graph if node.inputs):
        return None
    computed = InTorch(graph, feeds)
    value = computed.values[graph.name(graph.outputs[0])].detach().numpy()
    return value, computed.gradients() if names else {}


def by_jax(graph: cr.Graph, feeds: Mapping[str, Any], names: list[str]) -> Found:
    """The graph as a function of JAX, with the graph's own rules for gradients."""
    if not names:
        return np.asarray(to_function(graph, gradients=False)(dict(feeds))), {}
    value, gradients = to_function(graph)(dict(feeds))
    return np.asarray(value), {name: np.asarray(gradients[name]) for name in names}


def by_onnx(graph: cr.Graph, feeds: Mapping[str, Any], names: list[str]) -> Found:
    """The graph saved as a model, which onnxruntime runs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.onnx")
        onnx.save(graph, path, gradients=names)
        session = onnxruntime.InferenceSession(str(path))
    kinds = {"tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(bool)": np.bool_}
    given = {one.name: np.asarray(feeds[one.name], kinds[one.type]) for one in session.get_inputs()}
    value, *gradients = session.run(None, given)
    return value, dict(zip(names, gradients, strict=True))


JUDGES: Final[dict[str, Callable[..., Found | None]]] = {"PyTorch": by_torch, "JAX": by_jax, "ONNX": by_onnx}


def agreeing(graph: cr.Graph, feeds: Mapping[str, Any]) -> list[str]:
    """For each judge how far it agrees with a run: "gradients" and the value, "value" alone, or "" for none."""
    run = graph.forward(feeds)
    gradients = run.backward() if graph.outputs[0].has_gradient else {}
    names = [leaf.name for leaf in graph.parameters if leaf.name in gradients]
    expected = run[graph.outputs[0]], {name: gradients[name] for name in names}
    return [_word(judge(graph, feeds, names), expected) for judge in JUDGES.values()]


def _word(found: Found | None, expected: Found) -> str:
    if found is None or not _same(found[0], expected[0]):
        return ""
    same = all(_same(found[1][name], gradient) for name, gradient in expected[1].items())
    return "gradients" if expected[1] and same else "value"


def _same(found: Any, expected: Any) -> bool:
    size = max(1.0, np.max(np.abs(expected), initial=0))
    return found.shape == expected.shape and bool(np.max(np.abs(found - expected), initial=0) <= TOLERANCE * size)
