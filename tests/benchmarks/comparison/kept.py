"""Kept: what has been measured so far, in a file, so that a run that was broken off goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, final

from comparison.machine import description, load

_PACKAGES: Final = Path(__file__).parents[3]


class TimeIsUp(Exception):  # noqa: N818 — nothing is wrong
    """There is no time left to measure what was asked for."""


@final
class Kept:
    """What was found by key, in a JSON file; what another machine or other source has left there does not count."""

    def __init__(self, path: Path | None, minutes: float | None = None) -> None:
        self.path = path
        self._until = None if minutes is None else time.monotonic() + 60 * minutes
        self._found: dict[str, Any] = {}
        self.left: list[str] = []
        """What there was no time for."""
        self._who = f"{description()} {_source()}"
        if path is not None and path.exists():
            kept = json.loads(path.read_text())
            self._found = kept["found"] if kept["who"] == self._who else {}

    def __call__(self, key: str, measure: Callable[[], Any]) -> Any:
        """What was found under this key, measured unless it is there. Raises TimeIsUp where no time is left for it."""
        if key not in self._found:
            if self._until is not None and time.monotonic() > self._until:
                self.left.append(key)
                raise TimeIsUp
            began = time.monotonic()
            found = measure()
            self._found[key] = {"found": found, "seconds": time.monotonic() - began}
            print(f"  {key}: {self._found[key]['seconds']:.1f} s", flush=True)
            self._write()
        return self._found[key]["found"]

    @property
    def seconds(self) -> float:
        """What all of it took."""
        return sum(one["seconds"] for one in self._found.values())

    @property
    def load(self) -> float:
        """How many processors were busy, the median over what was measured."""
        loads = [one["found"]["load"] for one in self._found.values() if "load" in one["found"]]
        return statistics.median(loads) if loads else load()

    def forget(self) -> None:
        """The page is written: the next run begins anew."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _write(self) -> None:
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps({"who": self._who, "found": self._found}, indent=1))


def _source() -> str:
    """A digest of the engine and the networks."""
    files = [path for folder in ("graphlib", "nets") for path in sorted((_PACKAGES / folder).rglob("*.py"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
