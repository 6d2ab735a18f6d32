"""The peers: ways to compute the loss and the gradients of a sigmoid network of three layers with BCE.

A peer is a function that takes the feeds (W1, B1, W2, B2, W3, B3, A0, Y) as NumPy arrays, converts them to its own
arrays beforehand, and returns what is measured: a function without arguments that returns the loss and the gradients
by name. It raises `Absent`, saying why, when it cannot take part. PyTorch and JAX get the loss of the logits, which is
what they recommend, and which spares them a sigmoid.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

Feeds = dict[str, Any]
Step = Callable[[], tuple[Any, Mapping[str, Any]]]
PARAMETERS: Final = ("W1", "B1", "W2", "B2", "W3", "B3")


class Absent(Exception):  # noqa: N818 — it says why a peer takes no part
    """Why a peer takes no part."""


def data(sizes: tuple[int, ...], m: int, dtype: Any) -> Feeds:
    """Normal weights and inputs, and labels of both kinds."""
    rng, feeds = np.random.default_rng(0), {}
    for layer in (1, 2, 3):
        rows, inner = sizes[layer], sizes[layer - 1]
        feeds[f"W{layer}"] = rng.normal(size=(rows, inner)) / max(1.0, np.sqrt(inner / 4))
        feeds[f"B{layer}"] = rng.normal(size=(rows, 1))
    feeds |= {"A0": rng.normal(size=(sizes[0], m)), "Y": rng.integers(0, 2, size=(sizes[-1], m))}
    return {name: array.astype(dtype) for name, array in feeds.items()}


# --- without a library -----------------------------------------------------------------------------------------------


def by_hand(feeds: Feeds) -> Step:
    return partial(formulas_by_hand, feeds)


def formulas_by_hand(feeds: Feeds) -> tuple[Any, dict[str, Any]]:
    """What a course writes: the loss, and the gradients by the canceled formulas."""
    W1, B1, W2, B2, W3, B3, A0, Y = (feeds[name] for name in (*PARAMETERS, "A0", "Y"))
    m = A0.shape[1]
    A1 = 1 / (1 + np.exp(-(W1 @ A0 + B1)))
    A2 = 1 / (1 + np.exp(-(W2 @ A1 + B2)))
    A3 = 1 / (1 + np.exp(-(W3 @ A2 + B3)))
    loss = -np.sum(Y * np.log(A3) + (1 - Y) * np.log(1 - A3)) / m
    dZ3 = A3 - Y
    dW3 = dZ3 @ A2.T / m
    dB3 = np.sum(dZ3, axis=1, keepdims=True) / m
    dZ2 = (W3.T @ dZ3) * A2 * (1 - A2)
    dW2 = dZ2 @ A1.T / m
    dB2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = (W2.T @ dZ2) * A1 * (1 - A1)
    dW1 = dZ1 @ A0.T / m
    dB1 = np.sum(dZ1, axis=1, keepdims=True) / m
    return loss, {"W1": dW1, "B1": dB1, "W2": dW2, "B2": dB2, "W3": dW3, "B3": dB3}


# --- this project ----------------------------------------------------------------------------------------------------


def graph_for(feeds: Feeds) -> Any:
    """The graph of the network whose parameters are fed."""
    from nets.dnn import build

    return build((feeds["W1"].shape[1], *(feeds[f"W{layer}"].shape[0] for layer in (1, 2, 3))))


def run(feeds: Feeds) -> Step:
    graph = graph_for(feeds).fuse()

    def step() -> tuple[Any, Mapping[str, Any]]:
        found = graph.forward(feeds)
        return found["L"], found.backward()

    return step


def compiled(feeds: Feeds, **options: Any) -> Any:
    """A plan with these options of ``graph.compile``; Absent while it has none of that name."""
    try:
        return graph_for(feeds).compile(**options)
    except TypeError as error:
        raise Absent(f"graph.compile has no {', '.join(options)} yet ({error})") from error
    except ImportError as error:
        raise Absent(f"not installed ({error})") from error


def numpy_plan(feeds: Feeds) -> Step:
    try:
        return partial(compiled(feeds, backend="numpy"), feeds)
    except Absent:
        return partial(compiled(feeds), feeds)


def numba_plan(feeds: Feeds) -> Step:
    return partial(compiled(feeds, backend="numba"), feeds)


def auto_plan(feeds: Feeds) -> Step:
    return partial(compiled(feeds, backend="auto"), feeds)


# --- other libraries -------------------------------------------------------------------------------------------------


def torch_tensors(feeds: Feeds) -> dict[str, Any]:
    try:
        import torch
    except ImportError as error:
        raise Absent("not installed") from error
    torch.set_num_threads(threads())
    return {name: torch.tensor(array, requires_grad=name in PARAMETERS) for name, array in feeds.items()}


def threads() -> int:
    """The number of threads that everybody gets; the command has set it."""
    return int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))


def torch_loss(params: Sequence[Any], A0: Any, Y: Any) -> Any:
    """The loss in PyTorch, of the logits."""
    import torch

    W1, B1, W2, B2, W3, B3 = params

    A1 = torch.sigmoid(W1 @ A0 + B1)
    A2 = torch.sigmoid(W2 @ A1 + B2)
    return torch.nn.functional.binary_cross_entropy_with_logits(W3 @ A2 + B3, Y)


def torch_eager(feeds: Feeds, compiled_by: Callable[[Any], Any] | None = None) -> Step:
    tensors = torch_tensors(feeds)
    import torch

    loss_of = compiled_by(torch_loss) if compiled_by else torch_loss
    params, A0, Y = tuple(tensors[name] for name in PARAMETERS), tensors["A0"], tensors["Y"]

    def step() -> tuple[Any, Mapping[str, Any]]:
        loss = loss_of(params, A0, Y)
        return loss.detach(), dict(zip(PARAMETERS, torch.autograd.grad(loss, params), strict=True))

    return step


def torch_compile(feeds: Feeds) -> Step:
    step = torch_eager(feeds, compile_with_torch)
    compiles(step)
    return step


def compile_with_torch(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function compiled for the sizes it will meet, as if they were the only ones."""
    import torch

    if not any(map(shutil.which, ("g++", "c++", "clang++"))):
        raise Absent("needs a C++ compiler")
    torch._dynamo.reset()
    compiled_function: Callable[..., Any] = torch.compile(function, dynamic=False)
    return compiled_function


def compiles(call: Callable[[], Any]) -> None:
    """Call it once. Raises Absent where it cannot be compiled: no net of every kind, nor from every folder, can."""
    try:
        call()
    except Exception as error:
        said = " ".join(str(error).split())[:120]  # a compiler says a few thousand lines
        raise Absent(f"cannot compile this net ({type(error).__name__}: {said})") from error


def jax_loss(params: Mapping[str, Any], A0: Any, Y: Any) -> Any:
    """The loss in JAX, of the logits."""
    import jax

    A1 = jax.nn.sigmoid(params["W1"] @ A0 + params["B1"])
    A2 = jax.nn.sigmoid(params["W2"] @ A1 + params["B2"])
    Z3 = params["W3"] @ A2 + params["B3"]
    return (jax.nn.softplus(Z3) - Y * Z3).mean()


def jax_arrays(feeds: Feeds) -> dict[str, Any]:
    try:
        import jax
    except ImportError as error:
        raise Absent("not installed") from error
    jax.config.update("jax_enable_x64", True)
    return {name: jax.numpy.asarray(array) for name, array in feeds.items()}


def jax_jit(feeds: Feeds) -> Step:
    arrays = jax_arrays(feeds)
    import jax

    params = {name: arrays[name] for name in PARAMETERS}
    compiled_loss = jax.jit(jax.value_and_grad(jax_loss))

    def step() -> tuple[Any, Mapping[str, Any]]:
        result: tuple[Any, Mapping[str, Any]] = jax.block_until_ready(compiled_loss(params, arrays["A0"], arrays["Y"]))
        return result

    return step


def hips_autograd(feeds: Feeds) -> Step:
    try:
        import autograd
        import autograd.numpy as anp
    except ImportError as error:
        raise Absent("not installed") from error

    def loss(params: Mapping[str, Any], A0: Any, Y: Any) -> Any:
        A1 = 1 / (1 + anp.exp(-(anp.dot(params["W1"], A0) + params["B1"])))
        A2 = 1 / (1 + anp.exp(-(anp.dot(params["W2"], A1) + params["B2"])))
        Z3 = anp.dot(params["W3"], A2) + params["B3"]
        return anp.mean(anp.logaddexp(0, Z3) - Y * Z3)

    return partial(autograd.value_and_grad(loss), {name: feeds[name] for name in PARAMETERS}, feeds["A0"], feeds["Y"])


def mygrad(feeds: Feeds) -> Step:
    try:
        import mygrad as mg
    except ImportError as error:
        raise Absent("not installed") from error
    tensors = {name: mg.tensor(array, constant=name not in PARAMETERS) for name, array in feeds.items()}

    def step() -> tuple[Any, Mapping[str, Any]]:
        A1 = 1 / (1 + mg.exp(-(tensors["W1"] @ tensors["A0"] + tensors["B1"])))
        A2 = 1 / (1 + mg.exp(-(tensors["W2"] @ A1 + tensors["B2"])))
        Z3 = tensors["W3"] @ A2 + tensors["B3"]
        loss = mg.mean(mg.logaddexp(0, Z3) - tensors["Y"] * Z3)
        loss.backward()
        return loss.data, {name: tensors[name].grad for name in PARAMETERS}

    return step


PEERS: Final[dict[str, Callable[[Feeds], Step]]] = {
    "by hand": by_hand,
    "PyTorch eager": torch_eager,
    "torch.compile": torch_compile,
    "JAX jit": jax_jit,
    "HIPS autograd": hips_autograd,
    "MyGrad": mygrad,
    "Run": run,
    "NumPy plan": numpy_plan,
    "Numba plan": numba_plan,
    "auto plan": auto_plan,
}
PLANS: Final = ("NumPy plan", "Numba plan", "auto plan")
