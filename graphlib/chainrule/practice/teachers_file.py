"""The teacher's file: what is right on sheets that were handed out, as JSON that holds data and runs nothing."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from chainrule.core.saving import replaced
from chainrule.errors import ArgumentError
from chainrule.graph import Graph
from chainrule.practice.graph_data import graph_of_data
from chainrule.practice.tasks import Choice, Task

SUFFIX: Final = ".key.json"
_LARGEST: Final = 64 << 20  # bytes of a teacher's file
_FORMAT: Final = "chainrule key 1"
_IDENTITY: Final = re.compile(r"[0-9a-f]{16}")


@final
@dataclass(frozen=True)
class Key:
    """What is right on one sheet: its tasks with the answers, the graph, and where the judge's data start.

    ``graph`` is data, None for a graph with rules of somebody's own, which has to be named when it is graded. ``data``
    are the leaves that the sheet shows.
    """

    identity: str
    title: str
    level: int
    convention: str
    hints: int
    seed: int
    tasks: tuple[Task, ...]
    graph: Mapping[str, Any] | None
    data: Mapping[str, Any]

    def built_graph(self) -> Graph:
        """The graph that the sheet is on; raises ArgumentError where it has to be named."""
        if self.graph is None:
            raise ArgumentError(
                f"the graph of {self.title!r} has rules or facts of its own, which a teacher's file does not hold",
                remedy="chainrule grade ... --net net.py, or Grader(key, graph=graph)",
            )
        return graph_of_data(self.graph)

    def arrays(self) -> dict[str, Any]:
        """The data that the sheet shows."""
        return {name: np.array(one["array"], dtype=one["dtype"]) for name, one in self.data.items()}


def plain_arrays(data: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays by name, as JSON holds them."""
    arrays = {name: np.asarray(value) for name, value in data.items()}
    return {name: {"array": array.tolist(), "dtype": array.dtype.str} for name, array in arrays.items()}


def key_path(sheet: Path) -> Path:
    """Where the teacher's file of a sheet stands: sheet.key.json beside sheet.md."""
    return sheet.with_name(sheet.stem + SUFFIX)


def add_key(path: Path, key: Key) -> None:
    """Write a key into a teacher's file, beside those that it has; only its owner may read it."""
    keys = read_keys(path) if path.exists() else {}
    told = [_told(one) for one in {**keys, key.identity: key}.values()]
    replaced(path, (json.dumps({"format": _FORMAT, "sheets": told}, indent=1) + "\n").encode())
    if os.name == "posix":
        path.chmod(0o600)


def read_keys(path: Path) -> dict[str, Key]:
    """The keys of a teacher's file by the identity of their sheet; raises ArgumentError where it is none."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ArgumentError(f"{path} holds more than {_LARGEST >> 20} MB")
        told = json.JSONDecoder().decode(content.decode("utf-8"))
        if told["format"] != _FORMAT:
            raise ValueError(f"format {told['format']!r}")
        keys = [_key(one) for one in told["sheets"]]
    except OSError as error:
        raise ArgumentError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(
            f"{path} is no teacher's file", given=str(error)[:200], remedy="the .key.json beside the sheet"
        ) from None
    return {key.identity: key for key in keys}


def _told(key: Key) -> dict[str, Any]:
    told = asdict(key)
    told["tasks"] = [{**task._asdict(), "choices": [list(choice) for choice in task.choices]} for task in key.tasks]
    return told


def _key(told: Mapping[str, Any]) -> Key:
    tasks = tuple(_task(one) for one in told["tasks"])
    if not _IDENTITY.fullmatch(told["identity"]) or not tasks:
        raise ValueError("a sheet without an identity, or without tasks")
    return Key(
        identity=told["identity"],
        title=str(told["title"]),
        level=int(told["level"]),
        convention=str(told["convention"]),
        hints=int(told["hints"]),
        seed=int(told["seed"]),
        tasks=tasks,
        graph=told["graph"],
        data=dict(told["data"]),
    )


def _task(told: Mapping[str, Any]) -> Task:
    choices = tuple(Choice(*map(str, one)) for one in told["choices"])
    return Task(str(told["name"]), float(told["points"]), str(told["shape"]), str(told["answer"]), choices)
