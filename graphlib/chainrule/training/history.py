"""What a training left behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, final

from numpy.typing import NDArray

from chainrule.errors import ArgumentError
from chainrule.training.snapshots import Snapshot

if TYPE_CHECKING:
    from chainrule.core.graph import BaseGraph
    from chainrule.page import Page


@final
class Trained(NamedTuple):
    """What was trained, on what, and how many steps an epoch had."""

    graph: BaseGraph
    feeds: Mapping[str, Any]
    steps: int


@final
@dataclass(frozen=True, eq=False)
class History:
    """What a training left behind: the parameters after the last complete step, and the losses on the way.

    ``losses[i]`` is the loss of the columns that step i used, before the step moved the parameters. ``interrupted``
    tells whether Ctrl-C ended the training early. ``snapshots`` are the parameters at some steps, from the first to the
    last, up to 32 MB of them.
    """

    params: dict[str, NDArray[Any]]
    losses: tuple[float, ...]
    interrupted: bool = False
    snapshots: tuple[Snapshot, ...] = ()
    trained: Trained | None = field(default=None, repr=False)

    def page(self, **options: Any) -> Page:
        """A page that steps through the training, a moment for every snapshot: the loss and the parameters.

        Of a network that reads two numbers of each example it shows what is predicted in their plane, with the
        boundary between classes. ``title`` and ``palette`` are the options.

        >>> from chainrule import Graph, Parameter, SGD, Square, train
        >>> graph = Graph(Square(Parameter("w") - 3, name="L"))
        >>> train(graph, {"w": 0.0}, {}, epochs=30, optimizer=SGD(rate=0.25), progress=False).page()
        <Page of 31 moments>

        Raises ArgumentError for an unknown option, and where there are no snapshots: with ``snapshots=0``, parameters
        of more than 16 MB, and in a history from a pickle, which leaves out what was trained on.
        """
        from chainrule.page import page_of_training

        if self.trained is None or not self.snapshots:
            raise ArgumentError(
                "this history has no snapshots to step through",
                given=f"{len(self.snapshots)} snapshots" + ("" if self.trained else ", and not what was trained"),
                remedy="train(graph, params, feeds, snapshots=50)",
            )
        return page_of_training(*self.trained, self.snapshots, self.losses, **options)

    def plot(self, ax: Any = None) -> Any:
        """The losses as a matplotlib figure (extra: plot); returns its Axes, or those that it was given.

        Raises MissingExtraError where matplotlib is not installed.
        """
        from chainrule.page.plots import plot_losses

        return plot_losses(self.losses, ax)

    def plot_boundary(self, ax: Any = None) -> Any:
        """What the trained network predicts in the plane of its two inputs, and the examples (extra: plot).

        Returns the Axes. Raises ArgumentError for a graph that does not predict from two numbers of each example, and
        for a history from a pickle; MissingExtraError where matplotlib is not installed.
        """
        from chainrule.page.plots import plot_boundary

        if self.trained is None:
            raise ArgumentError("this history has forgotten what was trained on", remedy="train(graph, params, feeds)")
        return plot_boundary(self.trained.graph, self.trained.feeds, self.params, ax)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from chainrule.page.curve import curve_of_losses

        curve = curve_of_losses(self.losses)
        return {"text/plain": repr(self)} | ({"image/svg+xml": curve} if curve else {})

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "trained": None}  # feeds may be files, and larger than memory

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __repr__(self) -> str:
        """Return one line: how many steps, and where the loss began and ended."""
        fall = f", loss {self.losses[0]:.6g} → {self.losses[-1]:.6g}" if self.losses else ""
        return f"<History: {len(self.losses)} steps{fall}{', interrupted' if self.interrupted else ''}>"
