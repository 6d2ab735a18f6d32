"""Text made safe to show: names and formulas may hold any character, and a terminal obeys some of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def visible(text: str) -> str:
    r"""The text with every character that cannot be shown replaced: control characters, lone surrogates.

    >>> visible("a\x00b")
    'a�b'
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else "�" for c in text)


def on_one_line(text: str) -> str:
    r"""The same, with blanks for line breaks and tabs.

    >>> on_one_line("a\tb\x1bc")
    'a b�c'
    """
    return visible("".join(" " if c.isspace() else c for c in text))


def clipped(text: str, width: int) -> str:
    """The text, in at most ``width`` characters.

    >>> clipped("back propagation", 8)
    'back pr…'
    """
    return text if len(text) <= width else text[: width - 1] + "…"


def in_bytes(count: int) -> str:
    """A number of bytes, for people.

    >>> in_bytes(800), in_bytes(51_200), in_bytes(13_107_200)
    ('800 B', '51.2 kB', '13.1 MB')
    """
    return f"{count:,} B" if count < 1e3 else f"{count / 1e3:,.1f} kB" if count < 1e6 else f"{count / 1e6:,.1f} MB"


def in_columns(rows: Sequence[Sequence[str]], between: str = "  ") -> list[str]:
    """Rows of cells as lines of one width, each column as wide as its widest cell.

    >>> in_columns([["W1", "(3, 2)"], ["Z", "()"]])
    ['W1  (3, 2)', 'Z   ()    ']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [between.join(map(str.ljust, row, widths)) for row in rows]


def line_in(path: str, number: int) -> str:
    """A line of source as messages name it; a cell of a notebook has a file whose name says nothing.

    >>> line_in("net.py", 12), line_in("/tmp/ipykernel_4711/123456.py", 3)
    ('net.py:12', 'this notebook:3')
    """
    if "ipykernel_" not in path and not path.startswith("<ipython"):
        return f"{path}:{number}"
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    called = shell.compile.format_code_name(path) if shell is not None else None  # ("Cell", "In[3]")
    return f"{called[1] if called else 'this notebook'}:{number}"
