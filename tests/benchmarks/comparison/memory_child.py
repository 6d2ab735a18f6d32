"""One process whose peak memory is measured: `memory_child.py PEER COLUMNS feeds|step` prints it in bytes.

It converts the feeds and warms up on ten columns; only with `step` does it compute with all of them. The difference of
the two is what the peer needs beyond its library, the feeds and the results, which are a few hundred bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from comparison.peers import PEERS, data


def feeds_of(m: int) -> dict[str, Any]:
    """Feeds made in place, so that making them leaves no higher peak behind than they have."""
    feeds = data((2, 3, 3, 1), 1, np.float64)
    return {**feeds, "A0": np.random.default_rng(0).random((2, m)), "Y": np.ones((1, m))}


def peak() -> int:
    """The largest resident memory in bytes; on Linux ru_maxrss is handed down by the process that starts this one."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) * 1024
    import resource

    found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found if sys.platform == "darwin" else found * 1024


def main() -> None:
    name, m, what = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    small = PEERS[name](feeds_of(10))
    small(), small()
    step = PEERS[name](feeds_of(m))
    if what == "step":
        step()
    print(peak())


if __name__ == "__main__":
    main()
