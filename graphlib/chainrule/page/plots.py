"""Losses, predictions and gradients as matplotlib figures: each function returns the Axes that it drew into."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Parameter
from chainrule.core.run import BaseRun
from chainrule.errors import ArgumentError, MissingExtraError
from chainrule.page.plane import SIDE, Field, Plane, field_of, fit, plane_of
from chainrule.shown.text import visible

Array = npt.NDArray[Any]
# Okabe and Ito, Color Universal Design (2008): told apart by people with any kind of color vision. Markers differ, too.
_COLORS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
_MARKERS: Final = "osD^vP*X"
_TWO_DECADES: Final = 100.0
_BINS: Final = 40


class Trained(Protocol):
    """What a training left behind, as far as it is drawn."""

    @property
    def losses(self) -> Sequence[float]: ...
    @property
    def params(self) -> Mapping[str, Array]: ...
    @property
    def trained(self) -> Any: ...


def require_matplotlib() -> None:
    """Raise MissingExtraError unless matplotlib is installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("matplotlib is not installed", remedy="pip install 'chainrule[plot]'")


def as_axes(given: Any) -> Any:
    """Axes of matplotlib; raises ArgumentError for what is none."""
    if not callable(getattr(given, "plot", None)):
        raise ArgumentError(f"a figure is drawn into Axes of matplotlib, not into {given!r}"[:200], remedy="plt.gca()")
    return given


def plot_training(history: Trained, ax: Any = None) -> Any:
    """The losses and, beside them where no Axes are given, what is predicted in the plane of two inputs."""
    graph, feeds, _ = history.trained
    found = None if ax is not None else _in_plane(graph, feeds, history.params)
    if found is None:
        return plot_losses(history.losses, ax)
    left, right = _subplots(1, 2, figsize=(10, 4))
    return np.array([plot_losses(history.losses, left), _boundary(right, *found)])


def plot_losses(losses: Sequence[float], ax: Any = None) -> Any:
    """The losses over the steps; over more than two decades their logarithm."""
    ax = _subplots() if ax is None else as_axes(ax)
    ax.plot(np.arange(len(losses)), losses, color=_COLORS[0])
    ax.set(xlabel="step", ylabel="loss")
    found = np.asarray(losses)[np.isfinite(losses)]
    if found.size and found.min() > 0 and found.max() > _TWO_DECADES * found.min():
        ax.set_yscale("log")
    return ax


def plot_boundary(graph: BaseGraph, feeds: Mapping[Any, Any], params: Mapping[str, Array], ax: Any = None) -> Any:
    """What a network predicts in the plane of its two inputs, the boundary between classes, and the examples."""
    found = _in_plane(graph, feeds, params)
    if found is None:
        raise ArgumentError(
            "there is no plane to draw: a loss has to compare labels with what is predicted from two numbers of each "
            "example, and there have to be examples, in memory",
            given=", ".join(f"{graph.name(node)} {node.shape}" for node in graph.inputs) or "no inputs",
            remedy='Input("X", (2, "m"))',
        )
    return _boundary(_subplots() if ax is None else ax, *found)


def _boundary(ax: Any, plane: Plane, field: Field) -> Any:
    (_several if field.kinds > 1 else _two)(ax, field)
    for kind in range(max(2, field.kinds)):
        x, y = field.points[:, field.classes == kind]
        ax.scatter(x, y, s=18, c=_COLORS[kind], marker=_MARKERS[kind], edgecolors="white", linewidths=0.5, label=kind)
    name = visible(plane.graph.name(plane.points))
    ax.set(xlabel=_literal(f"first of {name}"), ylabel=_literal(f"second of {name}"))
    ax.legend(title="class")
    return ax


def plot_gradients(run: BaseRun, axes: Any = None) -> Any:
    """For each layer a histogram of log₁₀ of the size of the entries of its parameters' gradients."""
    layers = _by_layer(run)
    if not layers:
        raise ArgumentError("no parameter of this run has a gradient", remedy='cr.Parameter("W", (3, 2))')
    axes = _subplots(len(layers), 1, figsize=(6, 1 + 1.2 * len(layers))) if axes is None else axes
    axes = np.atleast_1d(axes)
    if axes.size != len(layers):
        raise ArgumentError(f"{axes.size} Axes for {len(layers)} layers", remedy="one for each layer, or none")
    sizes = {layer: np.log10(found[found > 0]) for layer, found in layers.items()}
    every = np.concatenate(list(sizes.values()))
    low, high = (every.min(), every.max()) if every.size else (-1.0, 0.0)
    bins = np.linspace(low - 0.1, high + 0.1, _BINS)
    for ax, (layer, found) in zip(axes.flat, sizes.items(), strict=True):
        left = layers[layer].size - found.size
        ax.hist(found, bins=bins, color=_COLORS[0])
        ax.set_ylabel(_literal(layer), rotation=0, ha="right", va="center")
        if left:
            said = f"{left:,} of {layers[layer].size:,} entries are 0 or not finite"
            ax.set_title(said, fontsize="small", loc="right")
    axes.flat[-1].set_xlabel("log₁₀ of the size of a gradient's entries")
    return axes


def _by_layer(run: BaseRun) -> dict[str, Array]:
    """The sizes of all entries of the gradients, by layer, the last layer first; what is not finite counts as 0."""
    found: dict[str, list[Array]] = {}
    for node, name in zip(reversed(run.graph.order), reversed(run.graph.names), strict=True):
        if isinstance(node, Parameter) and node in run.gradients:
            entries = np.abs(np.asarray(run.gradients[node], dtype=float)).ravel()
            called = visible(" / ".join(node.layer) or name)
            found.setdefault(called, []).append(np.where(np.isfinite(entries), entries, 0.0))
    return {layer: np.concatenate(arrays) for layer, arrays in found.items()}


def _in_plane(graph: BaseGraph, feeds: Mapping[Any, Any], params: Mapping[str, Array]) -> tuple[Plane, Field] | None:
    named = {graph.name(graph[key]): feed for key, feed in feeds.items()}
    plane = plane_of(graph) if fit(named) else None
    field = field_of(plane, named, [params]) if plane is not None else None
    return None if plane is None or field is None else (plane, field)


def _two(ax: Any, field: Field) -> None:
    """Between two classes: their colors, the paler the closer, and the line where one ends."""
    from matplotlib.colors import LinearSegmentedColormap

    cells = field.grids[0][0].reshape(SIDE, SIDE)
    spread = float(np.nanmax(np.abs(cells - field.middle), initial=0)) or 1.0
    colors = LinearSegmentedColormap.from_list("classes", [_COLORS[0], "#ffffff", _COLORS[1]])
    limits = {"vmin": field.middle - spread, "vmax": field.middle + spread}
    ax.imshow(cells, cmap=colors, extent=_extent(field), aspect="auto", alpha=0.6, **limits)
    if np.nanmin(cells) < field.middle < np.nanmax(cells):
        ax.contour(cells[::-1], levels=[field.middle], colors="black", linewidths=1, extent=_extent(field))


def _several(ax: Any, field: Field) -> None:
    """Between several: the color of the largest."""
    from matplotlib.colors import ListedColormap

    cells = field.grids[0].argmax(axis=0).reshape(SIDE, SIDE)
    limits = {"vmin": -0.5, "vmax": field.kinds - 0.5}
    colors = ListedColormap(_COLORS[: field.kinds])
    ax.imshow(cells, cmap=colors, extent=_extent(field), aspect="auto", alpha=0.35, **limits)


def _extent(field: Field) -> tuple[float, float, float, float]:
    (left, bottom), (right, top) = field.low, field.high
    return float(left), float(right), float(bottom), float(top)


def _literal(text: str) -> str:
    """Text that matplotlib does not read as mathematics: a name may hold dollar signs."""
    return text.replace("$", r"\$")


def _subplots(rows: int = 1, columns: int = 1, **options: Any) -> Any:
    """New Axes of pyplot, which a notebook shows by itself."""
    require_matplotlib()
    from matplotlib import pyplot as plt

    return plt.subplots(rows, columns, layout="constrained", sharex=rows > 1, **options)[1]
