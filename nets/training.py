"""Gradient descent: run forward, run backward, take a step against the gradient, and begin again."""

from __future__ import annotations

import math
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TextIO, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

import chainrule as cr
from chainrule.core.feeds import is_stored

Array = NDArray[Any]
Memory = tuple[Array, ...]  # what an optimizer remembers of one parameter from step to step
State = dict[str, Array]  # every parameter, and what the optimizer remembers of it
Steps = tuple[Sequence[float], State]  # the losses of some steps, and the state after them

_PAGE: Final = 64 << 20  # bytes of feeds on disk that mini-batches are drawn from


class Optimizer(ABC):
    """How one parameter moves, given its gradient; what it remembers is handed in and handed back, never kept.

    `update` is plain NumPy, like the rule of a node: the symbols of a plan pass through it, so that it is compiled with
    the gradients. An update that loops or looks at numbers is called as it is.
    """

    def start(self, parameter: Array) -> Memory:
        """Return the memory of `parameter` before the first step."""
        return ()

    @abstractmethod
    def update(self, parameter: Array, gradient: Array, memory: Memory) -> tuple[Array, Memory]:
        """Return the parameter after one step, and its new memory, as new arrays."""


@final
@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent: W ← W - rate · dW.

    >>> SGD(rate=0.5).update(np.array([1.0, 2.0]), np.array([2.0, -2.0]), ())
    (array([0., 3.]), ())
    """

    rate: float = 0.1

    def update(self, parameter: Array, gradient: Array, memory: Memory) -> tuple[Array, Memory]:
        """Take one step straight against the gradient."""
        return parameter - self.rate * gradient, memory


@final
@dataclass(frozen=True)
class Momentum(Optimizer):
    """A heavy ball: V ← decay · V + dW, W ← W - rate · V, from V = 0 (Polyak 1964).

    A constant gradient ends up counting 1 / (1 - decay) times, so take a smaller rate than for SGD.
    """

    rate: float = 0.1
    decay: float = 0.9

    def start(self, parameter: Array) -> Memory:
        """Return V = 0."""
        return (np.zeros_like(parameter),)

    def update(self, parameter: Array, gradient: Array, memory: Memory) -> tuple[Array, Memory]:
        """Take one step along the velocity."""
        velocity = self.decay * memory[0] + gradient
        return parameter - self.rate * velocity, (velocity,)


@final
@dataclass(frozen=True)
class Adam(Optimizer):
    """A step of about `rate` in every entry, whatever the gradient's scale (Kingma & Ba 2015, algorithm 1).

    M and S are running means of the gradient and of its square; dividing by 1 - decay^t makes up for their start at 0.
    """

    rate: float = 0.001
    mean_decay: float = 0.9
    square_decay: float = 0.999
    epsilon: float = 1e-8

    def start(self, parameter: Array) -> Memory:
        """Return M = 0, S = 0 and t = 0."""
        return np.zeros_like(parameter), np.zeros_like(parameter), np.zeros(())

    def update(self, parameter: Array, gradient: Array, memory: Memory) -> tuple[Array, Memory]:
        """Take one step along M / √S, both corrected for their start."""
        t = memory[2] + 1
        mean = self.mean_decay * memory[0] + (1 - self.mean_decay) * gradient
        square = self.square_decay * memory[1] + (1 - self.square_decay) * gradient * gradient
        root = np.sqrt(square / _lost(self.square_decay, t))
        step = mean / _lost(self.mean_decay, t) / (root + self.epsilon)
        return parameter - self.rate * step, (mean, square, t)


def _lost(decay: float, t: Any) -> Any:
    """Return 1 - decay^t, which in single precision would lose its digits for a decay near 1."""
    return -np.expm1(math.log(decay) * t) if decay else 1.0


@final
@dataclass(frozen=True, eq=False)
class History:
    """What a training left behind: the parameters after the last complete step, and the losses on the way.

    `losses[i]` is the loss of the columns that step i used, before the step moved the parameters. `interrupted` tells
    whether Ctrl-C ended the training early.
    """

    params: dict[str, Array]
    losses: tuple[float, ...]
    interrupted: bool = False

    def __repr__(self) -> str:
        """Return one line: how many steps, and where the loss began and ended."""
        fall = f", loss {self.losses[0]:.6g} → {self.losses[-1]:.6g}" if self.losses else ""
        return f"<History: {len(self.losses)} steps{fall}{', interrupted' if self.interrupted else ''}>"


def train(
    graph: cr.Graph,
    params: Mapping[str, ArrayLike],
    feeds: Mapping[str, ArrayLike],
    *,
    optimizer: Optimizer = SGD(),
    epochs: int = 1000,
    batch_size: int | None = None,
    seed: int = 0,
    columns: str = "m",
    progress: bool | TextIO = True,
    backend: Literal["numpy", "numba", "auto"] = "numpy",
) -> History:
    """Move `params` against the gradient of the graph's only output, and return a `History`.

    An epoch goes through all columns once: in one step, or in steps of `batch_size` columns in an order that `seed`
    decides (the last step of an epoch takes what is left). A feed is cut along the dimension that its Input calls
    `columns`; Inputs without it are fed whole. Parameters that should not move can stand among the feeds.

    Feeds may lie on disk: memory-mapped arrays, `chainrule.ArrayFile`, datasets of h5py or zarr. Mini-batches are then
    taken from pages of 64 MB: pages come in a random order, and so do the columns of each, so that at most one page is
    in memory; the smaller batch is then the last of its page.

    The step is compiled: `backend` is that of `Graph.compile`. With "numba", small networks go through whole epochs in
    one call, which takes some seconds to compile once and pays from about a hundred thousand steps on.

    `progress` is where the progress is written (True: standard output; False: nowhere): a bar that redraws itself on a
    terminal, ten lines anywhere else (fewer if there are fewer steps). Ctrl-C ends the training; the step it broke into
    is dropped whole.

    Nothing that is handed in is changed. ValueError if the graph has several outputs, the feeds differ in their number
    of columns, or `epochs` or `batch_size` are not positive; the graph's own errors for everything else.

    >>> w = cr.Parameter("w")
    >>> graph = cr.Graph(cr.Square(w - 3, name="L"))
    >>> history = train(graph, {"w": 0.0}, {}, epochs=30, optimizer=SGD(rate=0.25), progress=False)
    >>> round(float(history.params["w"]), 6), history.losses[:3]
    (3.0, (9.0, 2.25, 0.5625))
    """
    if len(graph.outputs) != 1:
        raise ValueError(f"a graph with one output, the loss, can be trained; this one has {len(graph.outputs)}")
    axes = _column_axes(graph, feeds, columns)
    _Batches(feeds, axes, epochs, batch_size, seed)  # whatever it refuses is refused before anything is compiled
    step = graph.compile(list(params), update=optimizer, backend=backend)
    start = step.start(params)
    fed = step.prepare({**start, **feeds})
    state = {name: fed.pop(name) for name in start}
    batches = _Batches(fed, axes, epochs, batch_size, seed)
    at_once = axes == step.column_axes and step.is_one_call({**state, **fed}, batch_size)
    meter = _Meter(sys.stdout if progress is True else progress or None, len(batches))
    losses: list[float] = []
    done = (state, 0)  # steps count once this name is bound again: Ctrl-C comes before that or after it
    interrupted = False
    try:
        for found, moved in (_epochs if at_once else _steps)(step, state, batches):
            losses.extend(found)
            before, done = done[1], (moved, len(losses))
            for k in range(before, len(losses)):
                meter.show(k + 1, losses[k])
    except KeyboardInterrupt:
        interrupted = True
    finally:
        meter.close()
    final_params = {name: np.array(done[0][name], dtype=start[name].dtype) for name in params}
    return History(final_params, tuple(losses[: done[1]]), interrupted)


def _steps(step: cr.TrainingPlan, state: State, batches: _Batches) -> Iterator[Steps]:
    """Yield the loss of one step after another, and the state after it."""
    for batch in batches:
        loss, state = step({**batch, **state})
        yield [float(loss)], state


_PATIENCE = 0.1  # seconds that a call may take, since Ctrl-C waits for its end


def _epochs(step: cr.TrainingPlan, state: State, batches: _Batches) -> Iterator[Steps]:
    """Yield the losses of as many epochs as one short call computes, and the state after them."""
    if batches.given_size is not None:  # every epoch has another order
        for data in batches.ordered():
            found, state = step.epochs(state, data, batch_size=batches.given_size)
            yield found.tolist(), state
        return
    left, count = batches.epochs, 1
    while left > 0:
        began = time.perf_counter()
        found, state = step.epochs(state, batches.feeds, epochs=count)
        left -= count
        yield found.tolist(), state
        taken = time.perf_counter() - began
        count = min(max(left, 1), max(1, int(count * min(10.0, _PATIENCE / max(taken, 1e-9)))))


def _column_axes(graph: cr.Graph, feeds: Mapping[str, ArrayLike], columns: str) -> dict[str, int]:
    """Return, for each feed whose Input has the dimension `columns`, the axis along which it is cut."""
    axes = {}
    for node in graph.inputs:
        names = [str(size) for size in node.shape or ()]
        if columns in names and graph.name(node) in feeds:
            axes[graph.name(node)] = names.index(columns)
    return axes


class _Batches:
    """The feeds of every step; without a batch size they are one batch, and nothing is cut."""

    def __init__(
        self, feeds: Mapping[str, ArrayLike], axes: Mapping[str, int], epochs: int, batch_size: int | None, seed: int
    ) -> None:
        _check_positive(epochs=epochs, batch_size=batch_size)
        self.feeds, self.epochs, self.seed = dict(feeds), epochs, seed
        self.axes = {} if batch_size is None else axes
        self.whole: dict[str, Any] = {name: feeds[name] for name in self.axes}
        self.whole |= {name: np.asarray(feed) for name, feed in self.whole.items() if not is_stored(feed)}
        self.size = 1 if batch_size is None else _common_size(self.whole, self.axes)
        self.given_size, self.batch_size = batch_size, batch_size or 1

    def __len__(self) -> int:
        """Return the number of steps in all epochs."""
        return self.epochs * math.ceil(self.size / self.batch_size)

    def __iter__(self) -> Iterator[dict[str, ArrayLike]]:
        """Yield the feeds of one step after another, the columns in a new order in each epoch."""
        for columns, order in self._pages():
            for first in range(0, len(order), self.batch_size):
                yield {**self.feeds, **self._cut(columns, order[first : first + self.batch_size])}

    def ordered(self) -> Iterator[dict[str, ArrayLike]]:
        """Yield the feeds of one page after another, their columns in the order of its steps."""
        for columns, order in self._pages():
            yield {**self.feeds, **self._cut(columns, order)}

    def _pages(self) -> Iterator[tuple[dict[str, Array], Array]]:
        """Yield what is shuffled at a time, and in which order: an epoch is one page, unless feeds lie on disk."""
        rng, page = np.random.default_rng(self.seed), self._page_size()
        for _ in range(self.epochs):
            for place in rng.permutation(math.ceil(self.size / page)):
                last = min((place + 1) * page, self.size)
                yield self._columns(place * page, last), rng.permutation(last - place * page)

    def _page_size(self) -> int:
        """Return how many columns are in a page, a multiple of the batch size."""
        on_disk = [array for array in self.whole.values() if is_stored(array)]
        size = sum(math.prod(array.shape) * array.dtype.itemsize for array in on_disk)
        batches = _PAGE * self.size // max(size, 1) // self.batch_size
        return self.batch_size * max(1, batches) if on_disk else max(1, self.size)

    def _columns(self, first: int, last: int) -> dict[str, Array]:
        """Return some columns, one after another, of every feed that has columns."""
        keys = {name: (*[slice(None)] * axis, slice(first, last)) for name, axis in self.axes.items()}
        return {name: np.asarray(array[keys[name]]) for name, array in self.whole.items()}

    def _cut(self, columns: Mapping[str, Array], chosen: Array) -> dict[str, Array]:
        """Return the chosen ones of these columns."""
        return {name: array.take(chosen, axis=self.axes[name]) for name, array in columns.items()}


def _check_positive(**counts: int | None) -> None:
    """Refuse a count below 1."""
    for name, count in counts.items():
        if count is not None and count < 1:
            raise ValueError(f"{name} should be at least 1, not {count}")


def _common_size(feeds: Mapping[str, Any], axes: Mapping[str, int]) -> int:
    """Return the number of columns, in which all feeds that have columns must agree."""
    shapes = ", ".join(f"{name} {array.shape}" for name, array in feeds.items()) or "none has any"
    if any(len(array.shape) <= axes[name] for name, array in feeds.items()):
        raise ValueError(f"a feed lacks the dimension along which mini-batches are cut: {shapes}")
    sizes = {array.shape[axes[name]] for name, array in feeds.items()}
    if len(sizes) != 1 or sizes == {0}:
        raise ValueError(f"mini-batches need feeds with one common number of columns: {shapes}")
    return int(sizes.pop())


class _Meter:
    """Progress on a stream: a bar that redraws itself on a terminal, ten lines anywhere else, nothing without one."""

    def __init__(self, stream: TextIO | None, total: int) -> None:
        self.stream, self.total = stream, total
        self.terminal = stream is not None and stream.isatty()
        self.parts = 100 if self.terminal else 10

    def show(self, step: int, loss: float) -> None:
        """Write, if this step completes another part of the whole; on a terminal, after the first step too."""
        part, before = (number * self.parts // self.total for number in (step, step - 1))
        if self.stream is None or (part == before and not (self.terminal and step == 1)):
            return
        text = f"step {step:>{len(str(self.total))}}/{self.total}   loss {loss:<11.6g}"
        line = f"\r[{'#' * (part // 4):<25}] {text}" if self.terminal else f"{text.rstrip()}\n"
        print(line, end="", file=self.stream, flush=True)

    def close(self) -> None:
        """Leave the line of the bar."""
        if self.stream is not None and self.terminal:
            print(file=self.stream, flush=True)
