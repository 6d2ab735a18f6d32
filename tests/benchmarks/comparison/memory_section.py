"""The section of the page on memory: the peak of one call, of nets that people train and of deep ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from comparison import aims
from comparison.computing_sections import Options
from comparison.contenders import Case
from comparison.deep_nets import DEEP
from comparison.kept import Kept
from comparison.machine import GIVEN_BACK
from comparison.page import Section
from comparison.trained_by import RECOMPUTED
from comparison.trained_nets import NETS
from comparison.turns import Turns

_MB: Final = 1 << 20
_GRADIENTS: Final = ("NumPy plan", "auto plan", "PyTorch eager", "JAX jit")
_STEPS: Final = ("NumPy plan", *RECOMPUTED, "auto plan", "PyTorch eager", "JAX jit")
_BATCHES: Final = (32, 256)
_LAYERS: Final = (100, 400)


def memory(kept: Kept, options: Options) -> Section:
    section = Section("Peak memory beyond feeds and results")
    section.say(
        "MB of resident memory at the peak of a call (`VmHWM`, begun anew), less what the process held before it "
        "(`VmRSS`) and the results in new arrays. Each contender has a process of its own, in which freed memory goes "
        "back to the system at once, and has made the call before; a plan has let go of what it computes in. New are "
        "the gradients, and the state that a step of a plan hands back, three times the parameters; PyTorch and JAX "
        "write over theirs. First the gradients of 2-3-3-1 in float64, and steps of Adam in float32."
    )
    with Turns(options.turns.threads, options.turns.without, GIVEN_BACK) as turns:
        _nets(section, kept, turns)
        _deep(section, kept, turns)
    return section


def _nets(section: Section, kept: Kept, turns: Turns) -> None:
    gradients = Case("gradients", "2-3-3-1", 1_000_000)
    found = {gradients: _found(kept, turns, gradients, _GRADIENTS)}
    steps = [Case("step", net, m, "float32") for net in NETS for m in _BATCHES]
    found |= {case: _found(kept, turns, case, _STEPS) for case in steps}
    for name in ("NumPy plan", "auto plan"):
        if name in found[gradients]:
            taken, what = found[gradients][name] / _MB, f"peak memory of the {name} at m = 1,000,000"
            section.say(f"For 2-3-3-1 the {name} needs {section.judged(taken, aims.MEMORY / _MB, what, 'MB')}.")
    section.table(["MB", *_STEPS], [_row(f"{case.net}, {case.m:,}", one, _STEPS) for case, one in found.items()])


def _deep(section: Section, kept: Kept, turns: Turns) -> None:
    section.say(
        "Deep nets: layers of tanh, 64 wide, on 1,000 columns in float64. `recompute=True` keeps the ends of about √n "
        "segments of n layers and computes the rest again; so do `torch.utils.checkpoint` and `jax.checkpoint`, which "
        "are told to make √n segments."
    )
    deep = [Case("deep", f"{layers} layers", 1_000) for layers in _LAYERS]
    found = {case: _found(kept, turns, case, tuple(DEEP)) for case in deep}
    section.table(["MB", *DEEP], [_row(case.net, one, DEEP) for case, one in found.items()])
    few, many = found.values()
    grown = [f"{many[name] / few[name]:.1f}" if name in few and name in many else "–" for name in DEEP]
    section.table(["400 layers ÷ 100 layers", *DEEP], [["", *grown]])


def _found(kept: Kept, turns: Turns, case: Case, names: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = kept(f"{case}, memory", lambda: turns.memory(case, names))
    return found


def _row(title: str, found: Mapping[str, int], names: Any) -> list[str]:
    return [title, *(f"{found[name] / _MB:,.1f}" if name in found else "–" for name in names)]
