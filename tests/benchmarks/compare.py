"""Plans against NumPy by hand, PyTorch, JAX, HIPS autograd and MyGrad: time, memory, start, compiling, training.

Run it with `python tests/benchmarks/compare.py`; `--write docs/benchmarks.md` writes the page. All that is compared is
measured in one run and in turns, with the same number of threads, after it has been checked that all compute the same.
What is not installed is left out with a line that says so; `pip install --group bench` installs it.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
from pathlib import Path

from comparison.machine import description, limit_threads, processors

HEAD = """# Benchmarks

What a [plan](plans.md) takes, against the same computation by hand in NumPy, in other libraries, and as a `Run`. This
page is written by one command, in one run on one machine. Another machine gives other figures: trust the ratios.

{machine}
* {date}; the run took {minutes:.0f} minutes, and {load:.1f} processors were busy with other things when it began

To repeat it, in a clone of this repository:

```sh
.venv/bin/python -m pip install -e ".[jit]" --group bench
.venv/bin/python tests/benchmarks/compare.py --write docs/benchmarks.md
```

How it is measured: all take turns, in a new order each round, and the median counts. Before a sample each is called
once without being timed; what is shorter than 2 ms is called many times in a sample. Everybody has the same number of
threads, and feeds in arrays of its own that were converted beforehand. Results are compared before anything is timed.
PyTorch and JAX are given the loss of the logits; by hand is what a course writes."""


def main() -> None:
    arguments = parsed()
    limit_threads(arguments.threads)
    # Only now: libraries read the number of threads when they are imported.
    from comparison.page import page
    from comparison.sections import SECTIONS, Options

    unknown = [name for name in arguments.only or () if name not in SECTIONS]
    if unknown:
        sys.exit(f"--only: no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    options = Options(arguments.columns or Options.columns, arguments.rounds, tuple(arguments.peers or Options.peers))
    begun = dt.datetime.now()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    if load > 0.3:
        print(f"{load:.1f} processors are busy with other things: threads that wait for each other will look slow")
    sections = []
    for name in arguments.only or SECTIONS:
        print(f"{name} ...", flush=True)
        sections.append(SECTIONS[name](options))
        print(f"{sections[-1]}\n", flush=True)
    minutes = (dt.datetime.now() - begun).total_seconds() / 60
    head = HEAD.format(machine=description(arguments.threads), date=begun.date(), minutes=minutes, load=load)
    text = page(head, sections)
    if arguments.write:
        arguments.write.write_text(text, encoding="utf-8")
    print("\n".join(["Aims missed:", *(line for section in sections for line in section.missed)]))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", nargs="+", metavar="SECTION", help="these sections, such as gradients or memory")
    parser.add_argument("--columns", type=int, nargs="+", help="numbers of columns for the section gradients")
    parser.add_argument("--peers", nargs="+", metavar="PEER", help="these beside by hand, such as 'JAX jit'")
    parser.add_argument("--rounds", type=int, help="rounds of every section; without it each has its own number")
    parser.add_argument("--threads", type=int, default=processors(), help="for everybody (default: all processors)")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the page, such as docs/benchmarks.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
