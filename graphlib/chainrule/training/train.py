"""Training: one compiled step after another, until the epochs are over or Ctrl-C ends them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TextIO

import numpy as np
from numpy.typing import ArrayLike

from chainrule.core.accepting import check_counts, expect
from chainrule.core.graph import BaseGraph
from chainrule.core.node import Node
from chainrule.errors import ArgumentError, FeedError
from chainrule.nodes.batch_of_graph import batch_name
from chainrule.plan.refusing import Recomputing
from chainrule.plan.training_plan import State, TrainingPlan
from chainrule.symbols.dimensions import names_in, shape_text
from chainrule.training.batches import Batches
from chainrule.training.history import History, Trained
from chainrule.training.kept_steps import kept_step
from chainrule.training.optimizers import SGD, Optimizer
from chainrule.training.progress import Meter
from chainrule.training.snapshots import Snapshots

MANY_STEPS: Final = 100_000  # 4 s to compile 2-3-3-1, 0.6 to load Numba, and 32 µs less for each step at the least
Steps = tuple[Sequence[float], State]  # the losses of some steps, and the state after them


def train(
    graph: BaseGraph,
    params: Mapping[str, ArrayLike],
    feeds: Mapping[str, ArrayLike],
    *,
    optimizer: Optimizer = SGD(),  # noqa: B008 — it is frozen
    epochs: int = 1000,
    batch_size: int | None = None,
    seed: int = 0,
    columns: str | None = None,
    progress: bool | TextIO = True,
    backend: Literal["numpy", "numba", "auto"] | None = None,
    recompute: Recomputing = False,
    snapshots: int = 51,
    plot: Any = False,
) -> History:
    """Move ``params`` against the gradient of the graph's only output, and return a ``History``.

    An epoch goes through all examples once: in one step, or in steps of ``batch_size`` examples in an order that
    ``seed`` decides (the last step of an epoch takes what is left). ``columns`` is the name of the number of examples,
    "m" for instance; without it, it is the size over which the loss is taken. A feed is cut along the dimension that
    its Input calls so, columns or rows; Inputs without it are fed whole. Parameters that should not move can stand
    among the feeds.

    Feeds may lie on disk: memory-mapped arrays, ``chainrule.ArrayFile``, datasets of h5py or zarr. Mini-batches are
    then taken from pages of 64 MB: pages come in a random order, and so do the examples of each, so that at most one
    page is in memory; the smaller batch is then the last of its page.

    The step is compiled: ``backend`` is that of ``Graph.compile``. With "numba", small networks go through whole epochs
    in one call, which takes some seconds to compile once and pays from about a hundred thousand steps on. Without a
    backend so many steps get "auto", and fewer "numpy": the same call gives the same numbers, whenever it is made.
    ``recompute=True`` is for nets so deep that what their way back reads does not fit into memory, as in
    ``Graph.compile``.

    ``progress`` is where the progress is written (True: standard output; False: nowhere): a bar that redraws itself on
    a terminal, ten lines anywhere else (fewer if there are fewer steps). Ctrl-C ends the training; the step it broke
    into is dropped whole.

    ``snapshots`` is how many states of the parameters the history keeps, for ``history.page()``: from the first to the
    last, as far as 32 MB go.

    ``plot=True`` draws the losses with matplotlib (extra: plot) and, of a network that reads two numbers of each
    example, what it predicts in their plane; Axes in place of True get the losses. ``history.plot()`` draws them later.

    Nothing that is handed in is changed. ArgumentError if the graph has several outputs and for counts below 1,
    FeedError if the feeds differ in their number of examples or none has any, MissingExtraError for a plot without
    matplotlib; the graph's own errors for everything else.

    >>> from chainrule import Graph, Parameter, Square
    >>> w = Parameter("w")
    >>> graph = Graph(Square(w - 3, name="L"))
    >>> history = train(graph, {"w": 0.0}, {}, epochs=30, optimizer=SGD(rate=0.25), progress=False)
    >>> round(float(history.params["w"]), 6), history.losses[:3]
    (3.0, (9.0, 2.25, 0.5625))
    """
    params, feeds = _by_name(graph, params, "params"), _by_name(graph, feeds, "feeds")
    check_counts(0, snapshots=snapshots)
    stream = sys.stdout if progress is True else progress or None
    if stream is not None and not callable(getattr(stream, "write", None)):
        raise ArgumentError("progress is True, False or a stream", given=repr(progress)[:80], remedy="progress=False")
    if plot is not False:
        from chainrule.page.plots import plot_training, require_matplotlib

        require_matplotlib()
    if len(graph.outputs) != 1:
        raise ArgumentError(
            f"a graph with one output, the loss, can be trained; this one has {len(graph.outputs)}",
            given=", ".join(map(graph.name, graph.outputs)),
            remedy="Graph(loss, watch=[...]), or one loss that adds up several",
        )
    axes = _column_axes(graph, feeds, columns)
    if batch_size is not None and not axes:
        raise _without_examples(graph, feeds, columns)
    steps = len(Batches(feeds, axes, epochs, batch_size, seed))  # what it refuses is refused before all compiling
    chosen = backend if backend is not None else "auto" if steps >= MANY_STEPS else "numpy"
    step = kept_step(graph, params, chosen, optimizer, recompute)
    start = step.start(params)
    fed = step.prepare({**start, **feeds})
    state = {name: fed.pop(name) for name in start}
    batches = Batches(fed, axes, epochs, batch_size, seed)
    at_once = axes == step.column_axes and step.is_one_call({**state, **fed}, batch_size)
    size = sum(np.asarray(state[name]).nbytes for name in params)
    kept = Snapshots(params, epochs=epochs, steps=len(batches) // epochs, most=snapshots, size=size)
    kept.take(0, state)
    meter = Meter(stream, len(batches))
    losses: list[float] = []
    done = (state, 0)  # steps count once this name is bound again: Ctrl-C comes before that or after it
    interrupted = False
    try:
        every = kept.every or len(batches)
        for found, moved in _epochs(step, state, batches, every) if at_once else _steps(step, state, batches):
            losses.extend(found)
            before, done = done[1], (moved, len(losses))
            for k in range(before, len(losses)):
                meter.show(k + 1, losses[k])
            kept.take(done[1], moved)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        meter.close()
        step.release()
    final_params = {name: np.array(done[0][name], dtype=start[name].dtype) for name in params}
    taken = kept.last(done[1], done[0])
    trained = Trained(graph, feeds, len(batches) // epochs)
    history = History(final_params, tuple(losses[: done[1]]), interrupted, taken, trained)
    if plot is not False:
        plot_training(history, None if plot is True else plot)
    return history


def _steps(step: TrainingPlan, state: State, batches: Batches) -> Iterator[Steps]:
    """Yield the loss of one step after another, and the state after it."""
    for batch in batches:
        loss, state = step({**batch, **state})
        yield [float(loss)], state


_PATIENCE = 0.1  # seconds that a call may take, since Ctrl-C waits for its end


def _epochs(step: TrainingPlan, state: State, batches: Batches, most: int) -> Iterator[Steps]:
    """Yield the losses of as many epochs as one short call computes, ``most`` at most, and the state after them."""
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
        count = min(max(left, 1), most, max(1, int(count * min(10.0, _PATIENCE / max(taken, 1e-9)))))


def _by_name(graph: BaseGraph, given: Any, what: str) -> dict[str, Any]:
    """Return what is given by name or node, all by name."""
    expect(graph, BaseGraph, "a graph is trained", "train(Graph(loss), params, feeds)")
    expect(given, Mapping, f"{what} is a dict of names and arrays", "graph.initialize() for the parameters")
    return {graph.name(key) if isinstance(key, Node) and key in graph else key: value for key, value in given.items()}


def _column_axes(graph: BaseGraph, feeds: Mapping[str, ArrayLike], columns: str | None) -> dict[str, int]:
    """Return, for each feed whose Input has the dimension ``columns``, the axis along which it is cut."""
    columns = columns or batch_name(graph) or ""
    axes = {}
    for node in graph.inputs:
        names = [str(size) for size in node.shape or ()]
        if columns in names and graph.name(node) in feeds:
            axes[graph.name(node)] = names.index(columns)
    return axes


def _without_examples(graph: BaseGraph, feeds: Mapping[str, ArrayLike], columns: str | None) -> FeedError:
    """Return the error where no feed can be cut into mini-batches, and what would work."""
    fed = [node for node in graph.inputs if graph.name(node) in feeds]
    shapes = ", ".join(f"{graph.name(node)} {shape_text(node.shape)}" for node in fed) or "none has any"
    names = sorted(names_in(size for node in fed for size in node.shape or ()))
    choices = " or ".join(f'columns="{name}"' for name in names) or 'a named size, as in shape=(2, "m")'
    missing = f"none is called {columns!r}" if columns else "none has a name"
    said = f"mini-batches need feeds with one common number of columns, and {missing}"
    return FeedError(said, given=shapes, remedy=choices)
