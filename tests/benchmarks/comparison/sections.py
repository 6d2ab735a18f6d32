"""The sections of the page, in their order, and the processes that they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from comparison import computing_sections as computing
from comparison import starting_sections as starting
from comparison.computing_sections import Options
from comparison.kept import Kept, TimeIsUp
from comparison.machine import processors
from comparison.memory_section import memory
from comparison.page import Section
from comparison.turns import Turns

SECTIONS: Final[dict[str, Callable[[Kept, Options], Section]]] = {
    "gradients": computing.gradients,
    "trained": computing.trained,
    "load": computing.loaded,
    "large": computing.large_net,
    "epochs": computing.epochs,
    "alone": computing.one_thread,
    "trained-alone": computing.trained_alone,
    "memory": memory,
    "start": starting.start,
    "compile": starting.compiling,
    "tools": starting.tools,
}


def measured(kept: Kept, names: Sequence[str], seconds: float, without: Sequence[str], **chosen: Any) -> list[Section]:
    """These sections, of what was kept and of what is measured now; one that there is no time for is left out."""
    sections = []
    with Turns(processors(), without) as turns, Turns(1, without) as alone:
        options = Options(seconds, turns, alone, **{name: tuple(given) for name, given in chosen.items() if given})
        for name in names:
            print(f"{name} ...", flush=True)
            with suppress(TimeIsUp):
                sections.append(SECTIONS[name](kept, options))
                print(f"{sections[-1]}\n", flush=True)
    return sections
