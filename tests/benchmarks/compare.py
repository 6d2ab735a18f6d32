"""Plans against NumPy by hand, PyTorch, JAX, HIPS autograd and MyGrad: time, load, memory, start, the tools.

Run it with `python tests/benchmarks/compare.py`; `--write docs/benchmarks.md` writes the page and its chart. Every
contender has a process of its own, which is kept alive and asked in turns, after all have computed the same. What has
been measured is kept in a file: a run that was broken off, or whose `--minutes` were over, goes on where it stopped.
`--quick` compares results, in a minute, and measures nothing. What is not installed is left out with a line that says
so; `pip install --group bench` installs it.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
from pathlib import Path
from typing import Any

from comparison.machine import ALLOCATOR, description, load, processors

KEPT = Path(__file__).parents[2] / "build" / "benchmarks.json"
HEAD = """# Benchmarks

What a [plan](plans.md) takes, against the same computation by hand in NumPy, in other libraries, and as a `Run`. This
page is written by one command, in one run on one machine. Another machine gives other figures: trust the ratios.

{chart}{machine}
* {threads} threads for everybody, where nothing else is said; {date}
* measuring took {minutes:.0f} minutes, and {load:.1f} processors (median) were busy, those of the contender included
{left}{busy}
To repeat it, in a clone of this repository:

```sh
.venv/bin/python -m pip install -e '.[jit]' --group bench
.venv/bin/python tests/benchmarks/compare.py --write docs/benchmarks.md
```

How it is measured: every contender has a process of its own, which stays. All take turns, in a new order each round,
with a pause of {pause} ms between them, in which threads that still spin go to sleep; the median counts. Before a
sample each is called once without being timed; what is shorter than 4 ms is called many times in a sample. Everybody
has the same number of threads, feeds in arrays of its own that were converted beforehand, and the same allocator:
memory that is freed is kept by the process ({allocator}), as it is wherever PyTorch or JAX are loaded. Results are
compared before anything is timed. PyTorch and JAX are given the loss of the logits; by hand is what a course writes."""

BUSY = """
> All processors had other work meanwhile, several times over. These figures show that the command runs, and not how
> fast anything is.
"""


def main() -> None:
    arguments = parsed()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # of this process, which measures the tools in seconds of a processor
    # Only now: NumPy reads it when it is imported.
    from comparison.kept import Kept
    from comparison.page import page
    from comparison.quick import compare_results
    from comparison.sections import SECTIONS, measured

    if unknown := [name for name in arguments.only or () if name not in SECTIONS]:
        sys.exit(f"--only: no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    if arguments.quick:
        sys.exit("\n".join(compare_results()) or None)
    if load() > 0.5:
        print(f"{load():.1f} processors are busy with other things: threads that wait for each other will look slow")
    kept = Kept(arguments.kept, arguments.minutes)
    chosen = {"columns": arguments.columns, "batches": arguments.batches, "dtypes": arguments.dtypes}
    sections = measured(kept, arguments.only or list(SECTIONS), arguments.seconds, arguments.without, **chosen)
    if arguments.write:
        _write(arguments.write, kept, sections, page)
    print("\n".join(["Aims missed:", *(line for section in sections for line in section.missed)]))
    if kept.left:
        sys.exit(f"The minutes are over, and {len(kept.left)} cases are left. The same command goes on with them.")
    if arguments.write:
        kept.forget()


def _write(path: Path, kept: Any, sections: Any, page: Any) -> None:
    """Write the page, and the chart beside it where matplotlib is installed and what it shows has been measured."""
    from comparison.chart import drawn
    from comparison.turns import PAUSE

    head = HEAD.format(
        chart=drawn(path.parent / "pictures" / "benchmarks.svg", sections),
        machine="\n".join(description()),
        threads=processors(),
        date=dt.date.today(),
        minutes=kept.seconds / 60,
        load=kept.load,
        pause=round(PAUSE * 1e3),
        busy=BUSY if kept.load > 2 * processors() else "",
        left=f"* not measured, since the time was over: {'; '.join(kept.left)}\n" if kept.left else "",
        allocator=", ".join(f"`{name}={value}`" for name, value in ALLOCATOR.items()),
    )
    path.write_text(page(head, sections), encoding="utf-8")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", nargs="+", metavar="SECTION", help="these sections, such as gradients or trained")
    parser.add_argument("--columns", type=int, nargs="+", help="numbers of columns for the section gradients")
    parser.add_argument("--batches", type=int, nargs="+", help="numbers of examples for the section trained")
    parser.add_argument("--dtypes", nargs="+", choices=("float64", "float32"), help="for both of these sections")
    parser.add_argument("--without", nargs="+", default=[], metavar="NAME", help="who takes no part, as torch.compile")
    parser.add_argument("--seconds", type=float, default=4.0, help="for the turns of a case (default: 4)")
    parser.add_argument(
        "--minutes",
        type=float,
        help="begin nothing new after so many; the same command goes on",
    )
    parser.add_argument("--kept", type=Path, default=KEPT, help="what is measured already")
    parser.add_argument("--quick", action="store_true", help="compare results in a minute, and measure nothing")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the page, such as docs/benchmarks.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
