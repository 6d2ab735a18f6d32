"""Writes the tables of docs/interop.md from what goes in and out: `python docs/make_interop.py`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "interop.md"
MODULES, NEIGHBOURS, END = "<!-- modules -->\n", "<!-- neighbours -->\n", "<!-- end -->"


def modules() -> Iterator[str]:
    """One row for each module of tests/judges/torch_modules.py."""
    from torch_modules import MODULES, difference

    yield "| module | nodes | values | gradients |"
    yield "|---|---:|---:|---:|"
    for name in MODULES:
        nodes, values, gradients = difference(name)
        yield f"| {name} | {nodes} | {values:.1e} | {gradients:.1e} |"


def replaced(text: str, start: str, rows: Iterable[str]) -> str:
    """The page with other rows between two marks."""
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(END)
    lines = "".join(f"{row}\n" for row in rows)
    return f"{before}{start}\n{lines}\n{END}{after}"


def main() -> None:
    """Put the rows between the marks of the page."""
    sys.path[:0] = [str(ROOT / "tests" / "judges"), str(ROOT / "tests" / "oracles")]
    from neighbours import table

    text = replaced(PAGE.read_text("utf-8"), NEIGHBOURS, table())
    PAGE.write_text(replaced(text, MODULES, modules()), "utf-8")


if __name__ == "__main__":
    main()
