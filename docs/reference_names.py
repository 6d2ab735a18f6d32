"""What other libraries call what a node computes, read in the tables that translate and judge it."""

from __future__ import annotations

import ast
import functools
import inspect
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.symbols import elementary, operations

ROOT = Path(__file__).parents[1]
JUDGES = ("torch_graph.py", "torch_more.py", "torch_large.py")
JAX_FORMS = ROOT / "graphlib" / "chainrule" / "interop" / "jax_forms.py"

# Where a judge computes by definition, and where a table has a composition, no function of theirs can be read off.
TORCH = {
    "AsType": "torch.Tensor.to",
    "Attention": "torch.nn.functional.scaled_dot_product_attention",
    "AveragePool": "torch.nn.functional.avg_pool2d",
    "BCELoss": "torch.nn.functional.binary_cross_entropy",
    "BatchNorm": "torch.nn.functional.batch_norm",
    "BroadcastTo": "torch.broadcast_to",
    "CrossEntropyLoss": "torch.nn.functional.cross_entropy",
    "Dropout": "torch.nn.functional.dropout",
    "ExpandDims": "torch.unsqueeze",
    "FullLike": "torch.full_like",
    "Gather": "torch.nn.functional.embedding",
    "GroupNorm": "torch.nn.functional.group_norm",
    "HingeLoss": "",  # composed there
    "Index": "torch.Tensor.__getitem__",
    "LayerNorm": "torch.nn.functional.layer_norm",
    "MaxPool": "torch.nn.functional.max_pool2d",
    "NLLLoss": "torch.nn.functional.nll_loss",
    "Norm": "torch.linalg.vector_norm",
    "Pad": "torch.nn.functional.pad",
    "Prod": "torch.prod",
    "RMSNorm": "torch.nn.functional.rms_norm",
    "Repeat": "torch.repeat_interleave",
    "Reshape": "torch.reshape",
    "ScatterAdd": "torch.index_add",
    "Size": "torch.numel",
    "SoftmaxCrossEntropyLoss": "torch.nn.functional.cross_entropy",
    "Softplus": "torch.nn.functional.softplus",
    "Sort": "torch.sort",
    "Squeeze": "torch.squeeze",
    "Std": "torch.std",
    "TakeAlong": "torch.take_along_dim",
    "TopK": "torch.topk",
    "Transpose": "torch.permute",
    "Triangle": "torch.tril",
    "Var": "torch.var",
    "Where": "torch.where",
}
JAX = {
    "Attention": "jax.nn.dot_product_attention",
    "ELU": "jax.nn.elu",
    "GELU": "jax.nn.gelu",
    "LeakyReLU": "jax.nn.leaky_relu",
    "LogSoftmax": "jax.nn.log_softmax",
    "LogSumExp": "jax.nn.logsumexp",
    "ReLU": "jax.nn.relu",
    "SiLU": "jax.nn.silu",
    "Softsign": "jax.nn.soft_sign",
    "StopGradient": "jax.lax.stop_gradient",
    "TopK": "jax.lax.top_k",
    "Conv2d": "jax.lax.conv_general_dilated",
}


def elsewhere(kind: type[cr.Node]) -> tuple[list[str], list[str], list[str]]:
    """The names of a class's function in NumPy, PyTorch and JAX."""
    return numpy_names(kind), torch_names().get(kind.__name__, []), jax_names(kind)


def joined(names: list[str]) -> str:
    """Names in a row."""
    return ", ".join(f"`{name}`" for name in names)


def functions(kind: type[cr.Node]) -> list[Any]:
    """The functions that a class computes, as the table of operations has them."""
    return [function for function, build in operations.NODES.items() if _class_of(build) is kind]


def _class_of(build: Any) -> Any:
    called = getattr(build, "func", build)
    return getattr(called, "__self__", called)


def numpy_names(kind: type[cr.Node]) -> list[str]:
    """NumPy's functions that build the class."""
    return [_numpy_name(function) for function in functions(kind) if _is_numpys(function)]


def _is_numpys(function: Any) -> bool:
    return isinstance(function, np.ufunc) or str(function.__module__).partition(".")[0] == "numpy"


def _numpy_name(function: Any) -> str:
    home = "np.linalg" if getattr(np, function.__name__, None) is None else "np"
    return f"{home}.{function.__name__}"


@functools.cache
def torch_names() -> dict[str, list[str]]:
    """PyTorch's functions that judge each class, as the judges write them."""
    found: dict[str, list[str]] = {}
    for file in JUDGES:
        tree = ast.parse((ROOT / "tests" / "judges" / file).read_text("utf-8"))
        for table in (node for node in ast.walk(tree) if isinstance(node, ast.Dict)):
            for key, value in zip(table.keys, table.values, strict=True):
                if isinstance(key, ast.Attribute) and getattr(key.value, "id", "") == "cr":
                    found[key.attr] = [name] if (name := _torch_in(value)) else []
    return {**found, **{kind: [name] if name else [] for kind, name in TORCH.items()}}


def _torch_in(value: ast.AST) -> str:
    """The function of PyTorch that an expression is, or that it calls last of all, or that a helper is handed."""
    if isinstance(value, ast.Lambda):
        return _torch_in(value.body)
    if isinstance(value, ast.Call):
        return next(filter(None, map(_torch_in, [value.func, *value.args])), "")
    home, _, name = ast.unparse(value).rpartition(".")
    found = {"torch": "torch", "functional": "torch.nn.functional", "torch.special": "torch.special"}.get(home)
    return f"{found}.{name}" if found else ""


def jax_names(kind: type[cr.Node]) -> list[str]:
    """JAX's functions: NumPy's under their name, and those that JAX's forms of the operations call."""
    names = [_numpy_name(f).replace("np.", "jax.numpy.", 1) for f in functions(kind) if _is_numpys(f)]
    own = [_jax_forms().get(f.__name__, "") for f in functions(kind) if inspect.getmodule(f) is elementary]
    known = JAX.get(kind.__name__)
    return [*names, *filter(None, own), *([known] if known else [])]


@functools.cache
def _jax_forms() -> dict[str, str]:
    """JAX's own functions in the table of forms, by the name of the operation."""
    tree = ast.parse(JAX_FORMS.read_text("utf-8"))
    (table,) = [node for node in ast.walk(tree) if isinstance(node, ast.Dict) and len(node.keys) > 9]
    rows = zip(table.keys, table.values, strict=True)
    return {key.attr: name for key, value in rows if isinstance(key, ast.Attribute) and (name := _jax_in(value))}


def _jax_in(value: ast.AST) -> str:
    texts = [ast.unparse(node) for node in ast.walk(value) if isinstance(node, ast.Attribute)]
    return next((text for text in texts if text.startswith(("jax.nn.", "jax.scipy."))), "")
