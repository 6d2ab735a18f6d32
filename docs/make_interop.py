"""Writes the table of docs/interop.md from the modules that it takes in: `python docs/make_interop.py`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "interop.md"
START, END = "<!-- modules -->\n", "<!-- end -->"


def table() -> Iterator[str]:
    """One row for each module of tests/judges/torch_modules.py."""
    sys.path.insert(0, str(ROOT / "tests" / "judges"))
    from torch_modules import MODULES, difference

    yield "| module | nodes | values | gradients |"
    yield "|---|---:|---:|---:|"
    for name in MODULES:
        nodes, values, gradients = difference(name)
        yield f"| {name} | {nodes} | {values:.1e} | {gradients:.1e} |"


def main() -> None:
    """Put the rows between the marks of the page."""
    before, _, rest = PAGE.read_text("utf-8").partition(START)
    _, _, after = rest.partition(END)
    rows = "".join(f"{row}\n" for row in table())
    PAGE.write_text(f"{before}{START}\n{rows}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
