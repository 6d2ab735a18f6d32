"""What `chainrule demo` shows: a network learns two kinds of iris, each gradient beside the one derived by hand."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

import chainrule as cr

from .by_hand import gradients_by_hand
from .dnn import DNN
from .iris import SPECIES, load_iris_petals
from .training import SGD, History, train

Array = NDArray[Any]
RATE, STEPS = 3.0, 1500  # 0.3 s; at least 94 of the 100 flowers with every seed from 0 to 39
TOLERANCE = 1e-12  # of the largest entry: engine and formulas round differently, about 1e-16 an operation


@final
@dataclass(frozen=True)
class Tour:
    """What the sections show, computed when the first of them asks for it."""

    seed: int = 0
    steps: int = STEPS
    progress: TextIO | None = None
    folder: Path | None = None

    @cached_property
    def petals(self) -> tuple[Array, Array]:
        """Return the petals, each row standardized to mean 0 and deviation 1, and the labels."""
        X, Y = load_iris_petals()
        return (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True), Y

    @cached_property
    def net(self) -> DNN:
        """Return the network with the parameters it starts with."""
        return DNN(sizes=(2, 3, 3, 1), seed=self.seed)

    @cached_property
    def feeds(self) -> dict[str, Array]:
        """Return the petals and the parameters of the start, by name."""
        X, Y = self.petals
        return {**self.net.params, "A0": X, "Y": Y}

    @cached_property
    def gradients(self) -> dict[str, tuple[Array, Array]]:
        """Return, from Z3 down to B1, the engine's gradient and the one by hand, both in the convention of the latter.

        The engine differentiates the mean over the m columns, so its dZ and dA are m times smaller than per column.
        """
        X, Y = self.petals
        engine = self.net.graph.forward(self.feeds).backward()
        by_hand = gradients_by_hand(self.net.params, X, Y)
        m = X.shape[1]
        return {name: (np.asarray(engine[name] * (m if name[0] in "ZA" else 1)), by_hand[name]) for name in by_hand}

    @cached_property
    def check(self) -> Any:
        """Return the report on the same gradients and the rules behind them against numerical differentiation."""
        return self.net.graph.check_gradients(self.feeds, nodes=list(self.gradients))

    @cached_property
    def history(self) -> History:
        """Return the training; KeyboardInterrupt if Ctrl-C cut it short."""
        X, Y = self.petals
        data, progress = {"A0": X, "Y": Y}, self.progress or False
        history = train(
            self.net.fused, self.net.params, data, optimizer=SGD(RATE), epochs=self.steps, progress=progress
        )
        if history.interrupted:
            raise KeyboardInterrupt
        return history

    @cached_property
    def trained(self) -> DNN:
        """Return the network with the parameters that training left."""
        net = DNN(self.net.sizes)
        net.params = self.history.params
        return net

    @property
    def agrees(self) -> bool:
        """Tell whether every gradient is the one derived by hand, but for rounding."""
        return all(difference(*pair) <= TOLERANCE * largest(pair[1]) for pair in self.gradients.values())


def difference(engine: Array, by_hand: Array) -> float:
    """Return the largest difference between two entries."""
    return largest(engine - by_hand)


def largest(array: Array) -> float:
    """Return the largest absolute value of an array."""
    return float(np.abs(array).max())


# --- the sections ----------------------------------------------------------------------------------------------------


def data(tour: Tour) -> Iterator[str]:
    """Say what is learned from what."""
    X, Y = tour.petals
    kinds = [f"{np.count_nonzero(label == Y)} {name} (Y = {label})" for label, name in enumerate(SPECIES)]
    yield f"{X.shape[1]} irises, {' and '.join(kinds)}. Each is a column"
    yield "of A0: the length and the width of its petals, both rows standardized. Three"
    yield "flowers of the two species have the same petals, so nobody can get all right."


def graph(tour: Tour) -> Iterator[str]:
    """Show the nodes in the order in which they are computed."""
    yield str(tour.net.graph)
    yield ""
    yield f"m is the number of columns, here {tour.petals[0].shape[1]}. The loss L is the mean over the columns."


def formulas(tour: Tour) -> Iterator[str]:
    """Show the derivation as the graph writes it down, and what the judge says of formulas written by hand."""
    yield "Nobody typed these lines: symbols passed through the rules that compute the"
    yield "numbers, forward and in reverse. 1/m stands where courses put it."
    yield ""
    yield from tour.net.graph.derivation("per-example").unicode().splitlines()
    yield ""
    yield 'And a formula with a mistake in it, graph.check({"dW3": "dZ3 @ A2 / m"}):'
    yield ""
    yield from str(tour.net.graph.check({"dW3": "dZ3 @ A2 / m"})).splitlines()


def gradients(tour: Tour) -> Iterator[str]:
    """Put each of the engine's gradients beside the formula's."""
    yield "From the last layer to the first, at the parameters of the start. The left"
    yield "column is what the graph gives, the right one nets.gradients_by_hand, which"
    yield "was derived on paper and does not use the engine: dZ3 = A3 - Y, and so on."
    yield ""
    yield f"{'':<5}{'shape':<9}{'entry [0, 0]: engine':>24}{'by hand':>20}   largest difference"
    for name, (engine, by_hand) in tour.gradients.items():
        sample = f"{engine[0, 0]:>24.14f}{by_hand[0, 0]:>20.14f}"
        yield f"d{name:<4}{engine.shape!s:<9}{sample}   {difference(engine, by_hand):.1e}"
    worst = max(difference(*pair) for pair in tour.gradients.values())
    yield ""
    yield f"Largest difference of all {len(tour.gradients)}: {worst:.1e}. " + (
        "They are the same, but for rounding." if tour.agrees else "THEY ARE NOT THE SAME."
    )
    yield ""
    yield "Where 1/m stands: dZ and dA are shown per column, as on paper, and the mean is"
    yield "taken in dW and dB. The engine differentiates the mean itself and has the 1/m"
    yield "in dZ and dA as well; they are multiplied by m here. Both ways are right."


def check(tour: Tour) -> Iterator[str]:
    """Show the engine's gradients held against numerical differentiation."""
    yield str(tour.check)


def training(tour: Tour) -> Iterator[str]:
    """Show how the loss falls."""
    yield f"Gradient descent, W ← W - {RATE:g} dW, on all columns at once. Number of steps: {tour.steps}."
    losses = tour.history.losses
    width = len(str(len(losses)))
    yield ""
    for step in milestones(len(losses)):
        loss = losses[step - 1]
        yield f"step {step:>{width}}   loss {loss:.6f}   {bar(loss / max(losses))}"


def milestones(count: int, lines: int = 10) -> list[int]:
    """Return up to ten steps from the first to the last, each as many times the one before: the loss falls early.

    >>> milestones(1000, lines=4), milestones(2)
    ([1, 10, 100, 1000], [1, 2])
    """
    return sorted({round(count ** (k / (lines - 1))) for k in range(lines)})


def bar(share: float, width: int = 40) -> str:
    """Return a bar that fills its width for a share of 1.

    >>> bar(0.5, width=8)
    '####'
    """
    return "#" * round(share * width)


def result(tour: Tour) -> Iterator[str]:
    """Count the flowers that the trained network takes for what they are."""
    X, Y = tour.petals
    guess = tour.trained.predict(X)
    right = int((guess == Y).sum())
    yield f"{right} of {Y.size} flowers right: accuracy {right / Y.size:.0%}."
    for label, name in enumerate(SPECIES):
        wrong = int(((guess != Y) & (label == Y)).sum())
        yield f"{wrong} {name} taken for {SPECIES[1 - label]}."


def pictures(tour: Tour) -> Iterator[str]:
    """Draw the network, and say where the drawings are; without anything to draw with, say what to install."""
    if tour.folder is None:
        yield "None are written: give a folder with --pictures."
        return
    run = tour.net.graph.forward(tour.feeds)
    run.backward()
    drawings = {
        "network.svg": (tour.net.graph.draw(), "the network"),
        "formulas.svg": (tour.net.graph.draw("formulas"), "with the formula of every value and gradient"),
        "gradients.svg": (run.draw(), "with the values and gradients of the start"),
        "output-layer.svg": (run.draw(layer="Layer 3"), "its last layer alone"),
    }
    try:
        tour.folder.mkdir(parents=True, exist_ok=True)
        for name, (drawing, what) in drawings.items():
            yield f"{drawing.save(tour.folder / name)!s:<34} {what}"
    except (cr.errors.DrawingError, OSError) as error:
        yield from not_drawn(error)


def not_drawn(error: Exception) -> list[str]:
    """Why there is no picture, and what would give one."""
    said = f"{error.what}. Try: {error.remedy}" if isinstance(error, cr.errors.DrawingError) else str(error)
    return textwrap.wrap(f"Not drawn: {said}", width=80)


# --- two screens of it -----------------------------------------------------------------------------------------------


def few_formulas(tour: Tour) -> Iterator[str]:
    """Show the lines of the output layer, and what the judge says of one written by hand."""
    X, _ = tour.petals
    derivation = tour.net.graph.derivation("per-example")
    yield f"{X.shape[1]} flowers of two kinds, each a column of A0. Nobody typed these formulas:"
    yield "symbols passed through the rules that compute the numbers. The output layer's:"
    yield ""
    for name in ("Z3", "A3", "L", "dZ3", "dW3", "dB3"):
        yield f"  {derivation[name].unicode}"
    yield ""
    yield 'And a formula with a mistake in it, graph.check({"dW3": "dZ3 @ A2 / m"}):'
    yield ""
    yield from str(tour.net.graph.check({"dW3": "dZ3 @ A2 / m"})).splitlines()[-5:-2]


def few_gradients(tour: Tour) -> Iterator[str]:
    """Say how far the gradients are from those by hand, and from numerical differentiation."""
    worst = max(difference(*pair) for pair in tour.gradients.values())
    agreed = "they are the same, but for rounding" if tour.agrees else "THEY ARE NOT THE SAME"
    yield f"{len(tour.gradients)} gradients beside those derived on paper, largest difference {worst:.1e}:"
    yield f"{agreed}."
    yield f"Against numerical differentiation: {str(tour.check).splitlines()[-1]}."


def few_steps(tour: Tour) -> Iterator[str]:
    """Show how the loss falls in four lines, and what has been learned."""
    losses = tour.history.losses
    width = len(str(len(losses)))
    for step in milestones(len(losses), lines=4):
        yield f"step {step:>{width}}   loss {losses[step - 1]:.6f}   {bar(losses[step - 1] / max(losses))}"
    yield next(result(tour))


def next_steps(tour: Tour) -> Iterator[str]:
    """Draw the network, and say where the picture is and what to do now."""
    if tour.folder is not None:
        try:
            tour.folder.mkdir(parents=True, exist_ok=True)
            yield f"The picture: {tour.net.graph.draw('formulas').save(tour.folder / 'formulas.svg').resolve()}"
        except (cr.errors.DrawingError, OSError) as error:
            yield from not_drawn(error)
    yield "Everything, with all formulas, gradients and pictures: chainrule demo --all"
    yield "Your turn, in five minutes: docs/start.md"


Section: TypeAlias = Callable[[Tour], Iterator[str]]
"""What yields the lines of one part of the tour, none wider than 80 characters."""

SECTIONS: tuple[tuple[str, Section], ...] = (
    ("The data", data),
    ("The graph, in the order of computation", graph),
    ("The formulas, read off the graph", formulas),
    ("Every gradient, by the engine and by hand", gradients),
    ("The same gradients against numerical differentiation", check),
    ("Training", training),
    ("The flowers again", result),
    ("Pictures", pictures),
)

TWO_SCREENS: tuple[tuple[str, Section], ...] = (
    ("The formulas, read off the graph", few_formulas),
    ("The gradients", few_gradients),
    ("Training", few_steps),
    ("What to do next", next_steps),
)


def show(
    seed: int = 0,
    steps: int = STEPS,
    out: TextIO | None = None,
    folder: str | Path | None = None,
    everything: bool = False,
) -> bool:
    """Write two screens, or everything, to `out` (standard output); tell whether every gradient was found right.

    `seed` decides the parameters of the start, `steps` is the number of steps of gradient descent. While the network
    trains, a bar moves on standard error, if that is a terminal. Pictures go into `folder`, if one is given. Raises
    KeyboardInterrupt on Ctrl-C.
    """
    out, folder = out or sys.stdout, None if folder is None else Path(folder)
    tour = Tour(seed, steps, sys.stderr if sys.stderr is not None and sys.stderr.isatty() else None, folder)
    print(INTRODUCTION, file=out)
    for number, (title, section) in enumerate(SECTIONS if everything else TWO_SCREENS, start=1):
        print(f"\n{number}. {title}\n{'-' * (len(title) + 3)}", file=out)
        for line in section(tour):
            print(line, file=out)
    return tour.agrees and bool(tour.check.ok)


INTRODUCTION = f"""\
chainrule {cr.__version__}: a network of 2-3-3-1 sigmoids learns to tell two kinds of iris
apart, and each of its gradients is compared with the formula derived by hand."""
