"""Random graphs whose gradients are graphs, against JAX: `python tests/judges/jax_orders.py --graphs 500 --order 2`.

It prints the seed of every graph that differs by more than 1e-12 of its largest derivative; it ends with 1 if any does.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

import jax

sys.path[:0] = [str(Path(__file__).parents[1] / "oracles"), str(Path(__file__).parent)]

from random_graphs import random_graph  # noqa: E402 — it stands in one of these folders
from test_jax import judge, without_a_slope  # noqa: E402 — and this one in the other


def main() -> int:
    """Try the seeds, and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graphs", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--order", type=int, default=2, help="of the derivatives: 1, 2 or 3")
    given = parser.parse_args()
    said = {seed: _agree(seed, given.order) for seed in range(given.first, given.first + given.graphs)}
    differ, skipped = ([seed for seed, agrees in said.items() if agrees is kind] for kind in (False, None))
    print(f"{given.graphs} random graphs up to order {given.order}: {len(differ)} differ from JAX {differ or ''}")
    print(f"{len(skipped)} of them stand where a root is 0 and JAX has NaN {skipped or ''}")
    return 1 if differ else 0


def _agree(seed: int, order: int) -> bool | None:
    """Whether JAX has the same derivatives; None where it has none."""
    random = random_graph(seed)
    if without_a_slope(random.graph, random.feeds):
        return None
    names = [name for name in random.moving if name in random.graph]
    with contextlib.suppress(AssertionError):
        judge(random.graph, random.feeds, names, order, seed)
        return True
    try:  # XLA rounds what it compiles in other places, and takes the other side where equal values meet in a maximum
        with jax.disable_jit():
            judge(random.graph, random.feeds, names, order, seed)
    except AssertionError as error:
        print(f"random_graph({seed}): {str(error).splitlines()[0] if str(error) else error!r}", flush=True)
        return False
    return True


if __name__ == "__main__":
    raise SystemExit(main())
