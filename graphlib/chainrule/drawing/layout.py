"""Engines that lay out DOT text and render it: a ``dot`` program, or the libraries in pygraphviz's wheel."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import final

from chainrule.errors import DrawingError

PATIENCE = 120.0  # seconds: far more than the largest drawing takes that is laid out at all
_PNG_RESOLUTION = 192  # sharp on a projector; SVG and PDF have none


class Engine(ABC):
    """Something that can turn DOT text into a picture."""

    @abstractmethod
    def command(self, format: str) -> list[str] | None:  # noqa: A002 — what Graphviz calls it
        """The command that reads DOT and writes the picture; None where the engine is not installed."""


@final
class DotProgram(Engine):
    """The program ``dot`` of an installed Graphviz."""

    def command(self, format: str) -> list[str] | None:  # noqa: A002 — what Graphviz calls it
        found = shutil.which("dot")
        options = [f"-Gdpi={_PNG_RESOLUTION}"] if format == "png" else []
        return [found, f"-T{format}", *options] if found else None


@final
class Pygraphviz(Engine):
    """Graphviz's libraries in pygraphviz's wheel, in a process of their own.

    They write to standard error on their own, serve one thread only, and cannot be stopped: a process can.
    """

    def command(self, format: str) -> list[str] | None:  # noqa: A002 — what Graphviz calls it
        spec = importlib.util.find_spec("pygraphviz")
        if spec is None or spec.origin is None or not sys.executable:
            return None
        resolution = str(_PNG_RESOLUTION if format == "png" else 0)
        return [sys.executable, "-I", "-c", _PROGRAM, str(Path(spec.origin).parents[1]), format, resolution]


_PROGRAM = """
import sys
folder, format, dpi = sys.argv[1:]
sys.path.append(folder)
import pygraphviz
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
if dpi != "0":
    graph.graph_attr["dpi"] = dpi
sys.stdout.buffer.write(graph.draw(format=format, prog="dot"))
"""

ENGINES: tuple[Engine, ...] = (DotProgram(), Pygraphviz())


def render(dot: str, format: str) -> bytes:  # noqa: A002 — what Graphviz calls it
    """The picture that the first working engine makes of DOT text, as "svg", "png" or "pdf".

    Raises DrawingError, saying what to install, when there is no engine, and when none of them copes.
    """
    commands = [command for engine in ENGINES if (command := engine.command(format))]
    if not commands:
        raise DrawingError(
            "there is nothing to lay out a drawing with",
            remedy="pip install pygraphviz (or install Graphviz, so that 'dot' is on the PATH); .dot works without",
        )
    failures: list[str] = []
    for command in commands:
        picture, complaint = _piped(command, dot)
        if picture:
            return picture
        failures.append(complaint)
    raise DrawingError("the drawing could not be laid out", given="; ".join(failures))


def _piped(command: list[str], dot: str) -> tuple[bytes, str]:
    """What the command writes, or nothing and its complaint."""
    program = Path(command[0]).name
    try:
        done = subprocess.run(command, input=dot.encode(), capture_output=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return b"", f"{program} took longer than {PATIENCE:g} s"
    except OSError as error:
        return b"", f"{program}: {error.strerror or error}"
    if done.returncode == 0 and done.stdout:
        return done.stdout, ""
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return b"", f"{program}: {said[-1] if said else f'exit code {done.returncode}'}"
