"""What `exercise` and `grade` do: their arguments, and the sheets and files that they are about."""

from __future__ import annotations

import argparse
from pathlib import Path

from chainrule.commands.loading import load_graph
from chainrule.core.saving import replaced
from chainrule.errors import ArgumentError
from chainrule.practice import exercise, grade, traps
from chainrule.practice.grader import SECONDS
from chainrule.practice.sheet_forms import FORMS

_ALL_RIGHT, _WRONG, _UNREAD = 0, 1, 2


def exercise_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `exercise`, behind NET."""
    parser.add_argument(
        "lines", metavar="LINE", nargs="*", help="lines to ask for, such as dZ3 (default: all gradients)"
    )
    parser.add_argument(
        "--level",
        type=int,
        choices=(1, 2, 3, 4),
        default=3,
        help="choose the shape, choose the formula, write the formula, write the function (default: %(default)s)",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="sheet.md", help=f"{', '.join(FORMS)} (default: %(default)s)"
    )
    parser.add_argument("--key", metavar="FILE", help="the teacher's file (default: sheet.key.json for sheet.md)")
    parser.add_argument("--tests", action="store_true", help="an assert behind each answer of a notebook, for nbgrader")
    parser.add_argument("--title", default="", help="what stands above it")
    parser.add_argument("--points", type=_points, default=1.0, help="what a line is worth (default: %(default)g)")
    _hints_argument(parser, default=2)
    parser.add_argument(
        "--convention",
        choices=("auto", "mean", "per-example"),
        default="mean",
        help="where 1/m stands: in the first gradient, or in those of the parameters; auto leaves it to the learner "
        "(default: %(default)s)",
    )


def write_exercise(given: argparse.Namespace) -> int:
    """Write a sheet, and the teacher's file."""
    name = given.net.removeprefix("trap:") if given.net.startswith("trap:") else ""
    known = traps()
    if name and name not in known:
        raise ArgumentError(f"there is no trap {name[:80]!r}", given=", ".join(f"trap:{one}" for one in known))
    graph = known[name].graph if name else load_graph(given.net)
    lines = given.lines or (known[name].lines if name else None)
    told = {"convention": given.convention, "title": given.title, "points": given.points, "hints": given.hints}
    sheet = exercise(graph, lines, given.level, **told)
    try:
        path = sheet.save(given.output, key=given.key, tests=given.tests)
    except OSError as error:
        raise ArgumentError(f"{given.output} cannot be written: {error.strerror or error}") from None
    print(f"written: {path}, {len(sheet.tasks)} lines; the teacher's file: {given.key or path.stem + '.key.json'}")
    return _ALL_RIGHT


def grade_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `grade`."""
    parser.add_argument(
        "files",
        metavar="FILE|FOLDER",
        nargs="+",
        help="sheets that came back, .ipynb, .md, .py, or folders of them; answers are read and never run, but for the "
        "function that level 4 asks for, which runs in a process of its own",
    )
    parser.add_argument(
        "--key",
        metavar="FILE",
        help="the teacher's file (default: those of this folder; for one file the one beside it)",
    )
    parser.add_argument("--net", metavar="NET", help="the graph, where the teacher's file does not hold it")
    _hints_argument(parser, default=None)
    parser.add_argument("--json", action="store_true", help="the results as JSON")
    parser.add_argument("--junit", metavar="FILE", help="write the results as JUnit XML, too; - prints them instead")
    parser.add_argument(
        "--seconds", type=_points, default=SECONDS, help="how long each function may run (default: %(default)g)"
    )


def grade_files(given: argparse.Namespace) -> int:
    """Grade files; 0 when all lines are right, 1 when one is not, 2 when a file or a line cannot be read."""
    graph = None if given.net is None else load_graph(given.net)
    results = grade(given.files, given.key, hints=given.hints, graph=graph, seconds=given.seconds)
    if given.junit == "-":
        print(results.to_junit(), end="")
    elif given.junit is not None:
        try:
            replaced(Path(given.junit), results.to_junit().encode())
        except OSError as error:
            raise ArgumentError(f"{given.junit} cannot be written: {error.strerror or error}") from None
    if given.junit != "-":
        print(results.to_json() if given.json else results)
    return _UNREAD if results.unread else _ALL_RIGHT if results.ok else _WRONG


def _hints_argument(parser: argparse.ArgumentParser, default: int | None) -> None:
    shown = "(default: %(default)s)" if default is not None else "(default: as the teacher's file says)"
    parser.add_argument(
        "--hints",
        type=int,
        choices=(0, 1, 2, 3),
        default=default,
        help=f"how many stages of hints are open: the shape, the kind of mistake, the repair {shown}",
    )


def _points(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"a number above 0 is needed, not {text[:40]!r}")
    return number
