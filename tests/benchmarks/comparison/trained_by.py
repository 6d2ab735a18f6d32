"""Who trains a network: a step of Adam by each contender, from the same parameters on the same examples.

A contender takes the name of a net, a number of examples and a dtype, and returns what is measured: a function that
takes one step and returns the loss before it. Its attribute ``state`` gives the parameters by name, as NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from comparison import trained_in_jax, trained_in_torch
from comparison.peers import Absent, compile_with_torch, compiles, threads
from comparison.trained_nets import Arrays, begun

import chainrule as cr

ADAM: Final = cr.Adam(rate=0.001)


@dataclass
class Step:
    """One step of training, and what the parameters are by now.

    Of a plan also what lets go of the arrays that it computes in, and the bytes of the new state that it hands back.
    """

    take: Callable[[], Any]
    state: Callable[[], Mapping[str, Any]]
    release: Callable[[], Any] = dict
    new: Callable[[], int] = int

    def __call__(self) -> Any:
        return self.take()


# --- this project ----------------------------------------------------------------------------------------------------


def run(name: str, m: int, dtype: str) -> Step:
    """A Run for each step, and the update of each parameter by NumPy."""
    graph, params, data = begun(name, m, dtype)
    memory = {key: ADAM.start(value) for key, value in params.items()}

    def step() -> Any:
        found = graph.forward({**params, **data})
        gradients = found.backward()
        for key, remembered in memory.items():
            params[key], memory[key] = ADAM.update(params[key], gradients[key], remembered)
        return found["L"]

    return Step(step, lambda: params)


def plan(name: str, m: int, dtype: str, **options: Any) -> Step:
    """A compiled step, with these options of ``graph.compile``."""
    graph, params, data = begun(name, m, dtype)
    compiled = graph.compile(update=ADAM, **options)
    state = compiled.start(params)
    fed = compiled.prepare({**state, **data})
    batch = {key: value for key, value in fed.items() if key not in state}

    def step() -> Any:
        nonlocal state
        loss, state = compiled({**state, **batch})
        return loss

    new = sum(array.nbytes for array in state.values())
    return Step(step, lambda: {key: state[key] for key in params}, compiled.release, lambda: new)


def numpy_plan(name: str, m: int, dtype: str) -> Step:
    return plan(name, m, dtype, backend="numpy")


def auto_plan(name: str, m: int, dtype: str) -> Step:
    return plan(name, m, dtype, backend="auto")


# --- other libraries -------------------------------------------------------------------------------------------------


def _natural(data: Arrays) -> Arrays:
    """The data as other libraries want it: an example to a row, and labels that are whole numbers."""
    rows = {"A0": data["A0"].T} if "A0" in data and data["A0"].ndim == 2 else {}
    labels = data["Y"].argmax(axis=0 if rows else 1)
    return {**data, **{key: np.ascontiguousarray(x) for key, x in rows.items()}, "Y": labels}


def torch_eager(name: str, m: int, dtype: str, compiled: bool = False) -> Step:
    """PyTorch's own Adam, in the form that updates a parameter in one loop."""
    try:
        import torch
    except ImportError as error:
        raise Absent("not installed") from error
    torch.set_num_threads(threads())
    _, params, data = begun(name, m, dtype)
    p = {key: torch.tensor(x, requires_grad=True) for key, x in params.items()}
    given = {key: torch.tensor(x) for key, x in _natural(data).items()}
    optimizer = torch.optim.Adam(p.values(), lr=ADAM.rate, fused=True)
    loss_of = trained_in_torch.LOSSES[name]
    if compiled:
        loss_of = compile_with_torch(loss_of)
        compiles(lambda: loss_of(p, given).backward())  # an LSTM has operations that it cannot take apart

    def step() -> Any:
        optimizer.zero_grad()
        loss = loss_of(p, given)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return Step(step, lambda: {key: x.detach().numpy() for key, x in p.items()})


def torch_compile(name: str, m: int, dtype: str) -> Step:
    return torch_eager(name, m, dtype, compiled=True)


def jax_jit(name: str, m: int, dtype: str) -> Step:
    """Forward, backward and Adam in one compiled function, which may write over the state that it is given."""
    try:
        import jax
    except ImportError as error:
        raise Absent("not installed") from error
    jax.config.update("jax_enable_x64", True)
    _, params, data = begun(name, m, dtype)
    given = {key: jax.numpy.asarray(x) for key, x in _natural(data).items()}
    loss_and_gradients = jax.value_and_grad(trained_in_jax.LOSSES[name])

    def moved(state: Any, given: Any) -> Any:
        p, M, S, t = state
        loss, g = loss_and_gradients(p, given)
        t = t + 1
        M = jax.tree.map(lambda a, b: ADAM.mean_decay * a + (1 - ADAM.mean_decay) * b, M, g)
        S = jax.tree.map(lambda a, b: ADAM.square_decay * a + (1 - ADAM.square_decay) * b * b, S, g)
        first, second = 1 - ADAM.mean_decay**t, 1 - ADAM.square_decay**t

        def one(x: Any, a: Any, b: Any) -> Any:
            change = ADAM.rate * (a / first) / (jax.numpy.sqrt(b / second) + ADAM.epsilon)
            return x - change.astype(x.dtype)

        return loss, (jax.tree.map(one, p, M, S), M, S, t)

    compiled = jax.jit(moved, donate_argnums=0)
    p = {key: jax.numpy.array(x) for key, x in params.items()}
    zeros = [jax.tree.map(jax.numpy.zeros_like, p) for _ in range(2)]
    state: Any = (p, *zeros, jax.numpy.zeros((), "float64"))

    def step() -> Any:
        nonlocal state
        loss, state = jax.block_until_ready(compiled(state, given))
        return loss

    return Step(step, lambda: {key: np.asarray(x) for key, x in state[0].items()})


TRAINED_BY: Final[dict[str, Callable[[str, int, str], Step]]] = {
    "PyTorch eager": torch_eager,
    "torch.compile": torch_compile,
    "JAX jit": jax_jit,
    "Run": run,
    "NumPy plan": numpy_plan,
    "auto plan": auto_plan,
}
RECOMPUTED: Final = {"NumPy plan, recompute": partial(plan, backend="numpy", recompute=True)}
"""Who takes part where memory counts."""
RIVALS: Final = ("PyTorch eager", "torch.compile", "JAX jit")
