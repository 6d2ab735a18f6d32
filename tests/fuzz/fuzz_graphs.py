"""Random graphs, everything made of each held against its run: `python tests/fuzz/fuzz_graphs.py --graphs 20000`.

It prints every difference with the seed that shows it again (`--first SEED --graphs 1`) and how many graphs, plans and
compiled loops there were, and ends with 1 where anything differed. `--numba 40` compiles a loop for every 40th graph.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "oracles"))

from differential import problems


def main() -> int:
    """Try the seeds, and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graphs", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--numba", type=int, default=40, metavar="N", help="compile a loop for every Nth; 0: none")
    given = parser.parse_args()
    began, found, loops = time.monotonic(), 0, 0
    for seed in range(given.first, given.first + given.graphs):
        numba = given.numba > 0 and seed % given.numba == 0
        loops += numba
        for said in problems(seed, numba=numba):
            found += 1
            print(said, flush=True)
    minutes = (time.monotonic() - began) / 60
    print(f"{given.graphs:,} seeds, {loops:,} of them compiled by Numba: {found} differences in {minutes:.1f} minutes")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
