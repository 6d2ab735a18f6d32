"""The text of a call whose feeds look as they did the last time: comparisons, and then the computation at once."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from chainrule.plan.numpy_plan import Whole


def quick_whole(computation: Whole) -> tuple[str, dict[str, Any]]:
    """The lines of a call that computes all columns at once, and what they read."""
    arguments = ", ".join(f"x{k}" for k in range(len(computation.feeds)))
    free = computation.free()
    lines = [
        "if free:",
        "    run = take()",
        "    try:",
        f"        return run({arguments})",
        "    finally:",
        "        put(run)",
    ]
    return "\n".join(lines), {"free": free, "take": free.pop, "put": free.append}


@functools.cache
def quick_code(body: str, count: int, compared: bool) -> Any:
    """The code of a call for this number of feeds: a few comparisons for each, no loop."""
    reads = "; ".join(f"x{k} = feeds[n{k}]" for k in range(count)) or "pass"
    checks = [f"type(x{k}) is ndarray" for k in range(count)]
    if compared:
        checks += [f"x{k}.shape == s{k} and x{k}.dtype is d{k}" for k in range(count)]
    lines = [
        "def call(feeds):",
        "    try:",
        f"        {reads}",
        f"        same = {' and '.join([f'len(feeds) == {count}', *checks])}",
        "    except (KeyError, TypeError):",
        "        same = False",
        "    if same:",
        *_quick_body(body.splitlines(), compared),
        "    return other(feeds)",
    ]
    return compile("\n".join(lines), "<plan call>", "exec")


def _quick_body(lines: Sequence[str], compared: bool) -> list[str]:
    if compared:
        return [f"        {line}" for line in lines]
    # The loop refuses what it was not compiled for before it computes anything; the long way says what is wrong.
    return [
        "        try:",
        *(f"            {line}" for line in lines),
        "        except (TypeError, ValueError):",
        "            pass",
    ]
