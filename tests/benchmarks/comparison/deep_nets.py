"""Deep nets, whose memory counts: layers of tanh, 64 wide, all of them kept for the way back or computed again.

A contender takes the number of layers and of columns, and returns what is measured: a function that returns the loss
and the gradients of all parameters by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import isqrt
from typing import Any, Final

import numpy as np
from comparison.peers import Absent, threads

import chainrule as cr

WIDTH: Final = 64
Step = Callable[[], tuple[Any, Mapping[str, Any]]]


def built(layers: int, m: int) -> tuple[cr.Graph, dict[str, Any], dict[str, Any]]:
    """The graph, its parameters, and data for m columns."""
    A: cr.Node = cr.Input("A0", (WIDTH, "m"))
    for k in range(1, layers + 1):
        W, b = cr.Parameter(f"W{k}", (WIDTH, WIDTH)), cr.Parameter(f"b{k}", (WIDTH, 1))
        A = cr.Tanh(cr.Add(W @ A, b, name=f"Z{k}"), name=f"A{k}")
    graph = cr.Graph(cr.Mean(cr.Square(A - cr.Input("Y", (WIDTH, "m"))), name="L"))
    rng = np.random.default_rng(0)
    params = {leaf.name: rng.normal(size=leaf.shape) / np.sqrt(WIDTH) for leaf in graph.parameters}
    return graph, params, {name: rng.normal(size=(WIDTH, m)) for name in ("A0", "Y")}


def plan(layers: int, m: int, recompute: bool = False) -> Step:
    graph, params, data = built(layers, m)
    return partial(graph.compile(recompute=recompute), {**params, **data})


def torch_eager(layers: int, m: int, segments: int = 0) -> Step:
    """Linear and tanh; with segments, by ``torch.utils.checkpoint``."""
    try:
        import torch
        from torch.utils.checkpoint import checkpoint_sequential
    except ImportError as error:
        raise Absent("not installed") from error
    torch.set_num_threads(threads())
    _, params, data = built(layers, m)
    p = {key: torch.tensor(x if key[0] == "W" else x[:, 0], requires_grad=True) for key, x in params.items()}
    X, Y = (torch.tensor(np.ascontiguousarray(data[key].T)) for key in ("A0", "Y"))

    def layer(k: int, X: Any) -> Any:
        return torch.tanh(torch.nn.functional.linear(X, p[f"W{k}"], p[f"b{k}"]))

    functions = [partial(layer, k) for k in range(1, layers + 1)]

    def step() -> tuple[Any, Mapping[str, Any]]:
        A = X
        if segments:
            A = checkpoint_sequential(functions, segments, A, use_reentrant=False)
        else:
            for function in functions:
                A = function(A)
        loss = torch.nn.functional.mse_loss(A, Y)
        return loss.detach(), dict(zip(p, torch.autograd.grad(loss, list(p.values())), strict=True))

    return step


def torch_checkpoint(layers: int, m: int) -> Step:
    return torch_eager(layers, m, isqrt(layers))


def jax_jit(layers: int, m: int, segments: int = 1) -> Step:
    """A scan over the layers, whose parameters are laid upon each other; with segments, ``jax.checkpoint`` of each."""
    try:
        import jax
    except ImportError as error:
        raise Absent("not installed") from error
    jax.config.update("jax_enable_x64", True)
    _, params, data = built(layers, m)
    stacks = {key: np.stack([params[f"{key}{k}"] for k in range(1, layers + 1)]) for key in "Wb"}
    p = {key: jax.numpy.asarray(x.reshape(segments, -1, *x.shape[1:])) for key, x in stacks.items()}
    given = [jax.numpy.asarray(data[key]) for key in ("A0", "Y")]

    def layer(A: Any, one: Any) -> Any:
        return jax.numpy.tanh(one["W"] @ A + one["b"]), None

    def segment(A: Any, some: Any) -> Any:
        return jax.lax.scan(layer, A, some)

    def loss(p: Any, A: Any, Y: Any) -> Any:
        A, _ = jax.lax.scan(jax.checkpoint(segment) if segments > 1 else segment, A, p)
        return ((A - Y) ** 2).mean()

    compiled = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(compiled(p, *given))


def gradient(gradients: Mapping[str, Any], k: int) -> Any:
    """That of the weights of a layer, also where they are laid upon each other."""
    stacked = gradients.get("W")
    return np.array(gradients[f"W{k}"] if stacked is None else stacked.reshape(-1, WIDTH, WIDTH)[k - 1])


def jax_checkpoint(layers: int, m: int) -> Step:
    return jax_jit(layers, m, isqrt(layers))


DEEP: Final[dict[str, Callable[[int, int], Step]]] = {
    "NumPy plan": plan,
    "NumPy plan, recompute": partial(plan, recompute=True),
    "PyTorch eager": torch_eager,
    "PyTorch, checkpoint": torch_checkpoint,
    "JAX jit": jax_jit,
    "JAX, checkpoint": jax_checkpoint,
}
