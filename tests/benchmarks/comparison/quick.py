"""Quick: whether all contenders compute the same, in this process and without looking at a clock."""

from __future__ import annotations

from comparison.contenders import Case, differs, names_for, prepare
from comparison.peers import Absent
from comparison.trained_nets import NETS

CASES = [
    *(Case("gradients", "2-3-3-1", m, dtype) for m in (1, 1_001) for dtype in ("float64", "float32")),
    *(Case("step", net, 5) for net in NETS),
    *(Case("step", net, 5, "float32") for net in ("CNN", "embedding")),  # the quickest to compile
    Case("epoch", "2-3-3-1", 7),
    Case("deep", "4 layers", 5),
]
_LEFT_OUT = ("torch.compile", "torch.compile, torch.optim.SGD")  # they compile for minutes


def compare_results() -> list[str]:
    """Who computes otherwise than the first, and where; prints who has computed each case."""
    wrong = []
    for case in CASES:
        expected, same = None, []
        for name in names_for(case):
            if name in _LEFT_OUT:
                continue
            try:
                found = prepare(case, name).results()
            except Absent:
                continue
            expected = expected or found
            said = differs(case, name, expected, found)
            wrong += [said] if said else []
            same += [] if said else [name]
        print(f"{case}: {', '.join(same)}", flush=True)
    return wrong
