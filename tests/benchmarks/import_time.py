"""How long `import chainrule` takes against `import numpy`, in fresh processes that take turns; the aim is 1.3 times.

Run it with `python tests/benchmarks/import_time.py`. The time of an interpreter that imports nothing is taken off both.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

# An installed NumPy has its bytecode; without this the engine would be compiled anew in every process.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
STATEMENTS = ("pass", "import numpy", "import chainrule")
AIM = 1.3


def seconds(statement: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, env=ENVIRONMENT)
    return time.perf_counter() - start


def medians(rounds: int) -> dict[str, float]:
    """By statement; the first round, which fills the caches of the file system, is not counted."""
    taken = [{statement: seconds(statement) for statement in STATEMENTS} for _ in range(rounds + 1)][1:]
    return {statement: statistics.median(row[statement] for row in taken) for statement in STATEMENTS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=21)
    found = medians(parser.parse_args().rounds)
    bare, numpy, chainrule = (found[statement] for statement in STATEMENTS)
    print(f"interpreter {bare * 1e3:.1f} ms, with numpy {numpy * 1e3:.1f} ms, with chainrule {chainrule * 1e3:.1f} ms")
    print(f"import chainrule / import numpy: {(chainrule - bare) / (numpy - bare):.2f} (aim {AIM})")
    print(f"whole processes: {chainrule / numpy:.2f}")


if __name__ == "__main__":
    main()
