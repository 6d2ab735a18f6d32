"""The trainers: ways to go through the batches of an epoch with gradient descent.

A trainer takes the parameters and the batches, converts them beforehand, and returns what is measured: a function that
goes through all batches once, from where the last call has ended, and returns the parameters by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from comparison.peers import (
    PARAMETERS,
    Absent,
    Feeds,
    compile_with_torch,
    compiled,
    compiles,
    formulas_by_hand,
    graph_for,
    jax_arrays,
    jax_loss,
    torch_loss,
    torch_tensors,
)

RATE: Final = 0.1
Batches = Sequence[Feeds]  # A0 and Y of each
Epoch = Callable[[], Mapping[str, Any]]


def batches_of(feeds: Feeds, size: int) -> list[Feeds]:
    """The columns in batches, one after another, each in one piece."""
    starts = range(0, feeds["A0"].shape[1], size)
    return [{n: np.ascontiguousarray(feeds[n][:, start : start + size]) for n in ("A0", "Y")} for start in starts]


def _with_gradients(params: Feeds, batches: Batches, gradients_of: Callable[[Feeds], Any]) -> Epoch:
    """Descent written in NumPy around whatever gives gradients."""
    state = {name: array.copy() for name, array in params.items()}
    feeds = [{**state, **batch} for batch in batches]  # the parameters move in place

    def epoch() -> Mapping[str, Any]:
        for batch in feeds:
            _, gradients = gradients_of(batch)
            for name in state:
                state[name] -= RATE * gradients[name]
        return state

    return epoch


def by_hand(params: Feeds, batches: Batches) -> Epoch:
    return _with_gradients(params, batches, formulas_by_hand)


def numpy_plan(params: Feeds, batches: Batches) -> Epoch:
    return _with_gradients(params, batches, compiled(params))


def plan_with_update(params: Feeds, batches: Batches, **options: Any) -> Epoch:
    """A training plan, called for each step."""
    from nets.training import SGD

    step = compiled(params, update=SGD(RATE), **options)
    state = step.start(params)

    def epoch() -> Mapping[str, Any]:
        nonlocal state
        for batch in batches:
            _, state = step({**state, **batch})
        return state

    return epoch


def numba_plan_with_update(params: Feeds, batches: Batches) -> Epoch:
    return plan_with_update(params, batches, backend="numba")


def numba_plan_of_epochs(params: Feeds, batches: Batches) -> Epoch:
    """The whole epoch in one call of the compiled loop."""
    from nets.training import SGD

    step = compiled(params, update=SGD(RATE), backend="numba")
    state = step.start(params)
    data = {name: np.concatenate([batch[name] for batch in batches], axis=1) for name in ("A0", "Y")}

    def epoch() -> Mapping[str, Any]:
        nonlocal state
        _, state = step.epochs(state, data, batch_size=batches[0]["A0"].shape[1])
        return state

    return epoch


def nets_train(params: Feeds, batches: Batches) -> Epoch:
    """``nets.train`` for an epoch; it makes batches of its own, in a random order."""
    from nets.training import SGD, train

    size = batches[0]["A0"].shape[1] if len(batches) > 1 else None
    feeds = {name: np.concatenate([batch[name] for batch in batches], axis=1) for name in ("A0", "Y")}
    graph, state = graph_for(params).fuse(), dict(params)

    def epoch() -> Mapping[str, Any]:
        history = train(graph, state, feeds, optimizer=SGD(RATE), epochs=1, batch_size=size, progress=False)
        state.update(history.params)
        return state

    return epoch


def torch_eager(params: Feeds, batches: Batches, loss_of: Callable[..., Any] = torch_loss) -> Epoch:
    tensors = torch_tensors(params)
    import torch

    state = [tensors[name] for name in PARAMETERS]
    given = [torch_tensors(batch) for batch in batches]
    optimizer = torch.optim.SGD(state, lr=RATE)

    def epoch() -> Mapping[str, Any]:
        for batch in given:
            optimizer.zero_grad()
            loss_of(state, batch["A0"], batch["Y"]).backward()
            optimizer.step()
        return {name: tensor.detach() for name, tensor in zip(PARAMETERS, state, strict=True)}

    return epoch


def torch_compile(params: Feeds, batches: Batches) -> Epoch:
    tensors = torch_tensors({**params, **batches[0]})
    loss_of = compile_with_torch(torch_loss)
    compiles(lambda: loss_of([tensors[name] for name in PARAMETERS], tensors["A0"], tensors["Y"]).backward())
    return torch_eager(params, batches, loss_of)


def _jax_step(params: Any, A0: Any, Y: Any) -> Any:
    import jax

    return jax.tree.map(lambda array, g: array - RATE * g, params, jax.grad(jax_loss)(params, A0, Y))


def jax_jit(params: Feeds, batches: Batches) -> Epoch:
    state = jax_arrays({name: params[name] for name in PARAMETERS})
    import jax

    given, step = [jax_arrays(batch) for batch in batches], jax.jit(_jax_step)

    def epoch() -> Mapping[str, Any]:
        nonlocal state
        for batch in given:
            state = step(state, batch["A0"], batch["Y"])
        return jax.block_until_ready(state)  # type: ignore[no-any-return]  # jax says Any

    return epoch


def jax_scan(params: Feeds, batches: Batches) -> Epoch:
    """The whole epoch in one call."""
    if len(batches) == 1:
        raise Absent("is for epochs of several batches")
    state = jax_arrays({name: params[name] for name in PARAMETERS})
    import jax

    stacked = {name: jax.numpy.stack([jax_arrays(batch)[name] for batch in batches]) for name in ("A0", "Y")}

    def scanned(params: Any, stacked: Any) -> Any:
        return jax.lax.scan(lambda p, batch: (_jax_step(p, batch["A0"], batch["Y"]), None), params, stacked)[0]

    whole = jax.jit(scanned)

    def epoch() -> Mapping[str, Any]:
        nonlocal state
        state = jax.block_until_ready(whole(state, stacked))
        return state

    return epoch


TRAINERS: Final[dict[str, Callable[[Feeds, Batches], Epoch]]] = {
    "by hand": by_hand,
    "PyTorch eager, torch.optim.SGD": torch_eager,
    "torch.compile, torch.optim.SGD": torch_compile,
    "JAX jit, a call for each step": jax_jit,
    "JAX jit, lax.scan over the epoch": jax_scan,
    "NumPy plan, update by hand": numpy_plan,
    "NumPy plan with update": plan_with_update,
    "Numba plan with update": numba_plan_with_update,
    "Numba plan with update, an epoch in one call": numba_plan_of_epochs,
    "nets.train": nets_train,
}
