"""The chart of the page: plans over the columns of 2-3-3-1, and over the nets that people train, against the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from comparison.computing_sections import GRADIENTS, TRAINED, Found, best_ratio
from comparison.page import Section
from comparison.peers import PLANS
from comparison.trained_nets import NETS

_COLOURS: Final = {"by hand": "#777777", "PyTorch eager": "#AA3377", "torch.compile": "#EE7733", "JAX jit": "#0077BB"}
_MARKS: Final = {"by hand": "o", "PyTorch eager": "s", "torch.compile": "D", "JAX jit": "^"}
_TICKS: Final = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_BATCHES: Final = {32: "#44AA99", 256: "#117733"}


def drawn(path: Path, sections: Sequence[Section]) -> str:
    """The Markdown of the chart, which is written as SVG; nothing where it cannot be drawn.

    Its text is text, and the same figures give the same file.
    """
    gradients, trained = (_found(sections, title) for title in (GRADIENTS, TRAINED))
    if not (gradients or trained) or not find_spec("matplotlib"):
        return ""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "chainrule", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        _over_columns(left, {case.m: one["times"] for case, one in gradients.items() if case.dtype == "float64"})
        _over_nets(right, trained)
        for axes in (left, right):
            axes.axhline(1, color="black", linewidth=0.8)
            axes.set_yscale("log")
            axes.set_yticks(_TICKS, labels=[f"{tick:g}" for tick in _TICKS])
            axes.minorticks_off()
            axes.legend(frameon=False)
            axes.spines[["top", "right"]].set_visible(False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    return f"![The plans against the others]({path.parent.name}/{path.name})\n\n"


def _found(sections: Sequence[Section], title: str) -> Found:
    return next((section.found for section in sections if section.title == title), {})


def _over_columns(axes: Any, times: Mapping[int, Mapping[str, float]]) -> None:
    axes.set_title("2-3-3-1, float64: the fastest plan ÷ the other", loc="left", fontsize=9)
    for name, colour in _COLOURS.items():
        ratios = {m: min(one[p] for p in PLANS if p in one) / one[name] for m, one in times.items() if name in one}
        if ratios:
            axes.plot(list(ratios), list(ratios.values()), color=colour, marker=_MARKS[name], label=name)
    axes.set_xscale("log")
    axes.set_xlabel("columns (below 1 the plan is faster)")


def _over_nets(axes: Any, trained: Found) -> None:
    axes.set_title("a step with Adam, float32: the best ÷ PyTorch or JAX", loc="left", fontsize=9)
    for k, (batch, colour) in enumerate(_BATCHES.items()):
        measured = {case.net: one for case, one in trained.items() if (case.m, case.dtype) == (batch, "float32")}
        chosen = {net: best_ratio(one["times"]) for net, one in measured.items()}
        known = {net: ratio for net, ratio in chosen.items() if ratio is not None}
        places = [list(NETS).index(net) + 0.35 * (k - 0.5) for net in known]
        axes.bar(places, [ratio - 1 for ratio in known.values()], 0.33, bottom=1, color=colour, label=f"batch {batch}")
    axes.set_xticks(range(len(NETS)), labels=[net.replace("784-512-", "784-512-\n") for net in NETS])
