"""What each command does: its arguments, and the functions of chainrule that it calls with them."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, final

from chainrule.commands.loading import load_graph
from chainrule.commands.practising import exercise_arguments, grade_arguments, grade_files, write_exercise
from chainrule.errors import ArgumentError
from chainrule.graph import Graph
from chainrule.interop.npz import load_feeds
from chainrule.samples.sampling import generic_sizes, sample_feeds

DONE, WRONG, UNUSABLE = 0, 1, 2  # exit codes


@final
class Command(NamedTuple):
    """A subcommand: its name, its line of help, what adds its arguments, and what runs it and returns the exit code."""

    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], object]
    run: Callable[[argparse.Namespace], int]


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=_whole(0), default=0, help="where the parameters start (default: %(default)s)")
    parser.add_argument(
        "--steps", type=_whole(1), help="how many steps of gradient descent (default: as many as it needs)"
    )
    parser.add_argument(
        "--pictures", type=Path, metavar="FOLDER", default=Path("chainrule-demo"), help="(default: %(default)s)"
    )
    parser.add_argument("--all", action="store_true", help="everything, in place of two screens of it")


def _demo(given: argparse.Namespace) -> int:
    inside = importlib.util.find_spec("chainrule.nets") is not None  # as a wheel has it, where the name is no other's
    # nets is built on chainrule, so it is met only here, and by name
    demo = importlib.import_module(".nets.demo", "chainrule") if inside else importlib.import_module("nets.demo")
    options = {} if given.steps is None else {"steps": given.steps}
    return DONE if demo.show(seed=given.seed, folder=given.pictures, everything=given.all, **options) else WRONG


def _gradcheck_arguments(parser: argparse.ArgumentParser) -> None:
    _net_argument(parser)
    _data_arguments(parser)


def _data_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--feeds", metavar="DATA.npz", help="arrays by name; what is missing of the parameters is drawn"
    )
    parser.add_argument("--seed", type=_whole(0), default=0, help="of the data drawn at random (default: %(default)s)")


def _gradcheck(given: argparse.Namespace) -> int:
    graph = load_graph(given.net)
    feeds = _feeds(graph, given)
    report = graph.check_gradients(feeds)
    print(report)
    return DONE if report.ok else WRONG


def _derive_arguments(parser: argparse.ArgumentParser) -> None:
    _net_argument(parser)
    notations = parser.add_mutually_exclusive_group()
    for shown in ("Unicode", "LaTeX", "MathML"):
        name = shown.lower()
        notations.add_argument(f"--{name}", dest="notation", action="store_const", const=name, help=f"in {shown}")
    parser.set_defaults(notation="text")
    parser.add_argument("--shapes", action="store_true", help="the shapes behind every line")
    parser.add_argument(
        "--convention",
        choices=("mean", "per-example"),
        default="mean",
        help="where 1/m stands: in every gradient, or only in those of the parameters (default: %(default)s)",
    )


def _derive(given: argparse.Namespace) -> int:
    derivation = load_graph(given.net).derivation(given.convention)
    print(getattr(derivation, given.notation)(shapes=given.shapes))
    return DONE


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    _net_argument(parser)
    parser.add_argument(
        "formulas",
        metavar="FORMULAS.txt|FILE.py[:FUNCTION]",
        help="lines of the form dW3 = dZ3 @ A2.T / m, which are read and never run; a file that ends with .py is Python"
        " and is run, in a process of its own, and its function of gradients is judged",
    )
    parser.add_argument("--json", action="store_true", help="the verdicts as JSON")
    parser.add_argument("--feeds", metavar="DATA.npz", help="arrays by name, to judge on besides random data")
    parser.add_argument("--seed", type=_whole(0), default=0, help="of the data drawn at random (default: %(default)s)")
    parser.add_argument(
        "--require",
        metavar="NAME",
        action="append",
        default=[],
        help="a name that has to be among the lines",
    )
    parser.add_argument(
        "--convention",
        choices=("auto", "mean", "per-example"),
        default="auto",
        help="where 1/m stands: in every gradient, or only in those of the parameters (default: either)",
    )


_NOT_READ = ("unreadable", "unknown name")


def _check(given: argparse.Namespace) -> int:
    graph = load_graph(given.net)
    feeds = None if given.feeds is None else load_feeds(given.feeds)
    path, function = _handed_in(given.formulas)
    told = {"convention": given.convention, "seed": given.seed, "require": given.require}
    report = graph.check(path, feeds, function=function, **told)
    print(report.to_json() if given.json else report)
    return UNUSABLE if any(verdict.verdict in _NOT_READ for verdict in report) else DONE if report.ok else WRONG


def _handed_in(text: str) -> tuple[Path, str | None]:
    """A file, and the function of it that is named behind a colon."""
    place, colon, function = text.rpartition(":")
    if colon and place.endswith(".py") and function.isidentifier():
        return Path(place), function
    return Path(text), None


def _draw_arguments(parser: argparse.ArgumentParser) -> None:
    _net_argument(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        default="graph.svg",
        help="an .svg, .png, .pdf, .dot, .mermaid, .mmd, .tikz or .tex (default: %(default)s)",
    )
    parser.add_argument(
        "--show",
        choices=("graph", "values", "gradients", "formulas"),
        help="what stands in the boxes (default: graph; gradients with --feeds)",
    )
    parser.add_argument("--layer", metavar="NAME", help="this layer alone, with what enters and leaves it")
    parser.add_argument("--collapse", action="store_true", default=None, help="one box for each layer")
    parser.add_argument("--expand", metavar="NODE", nargs="+", default=(), help="open these nodes into simpler ones")
    parser.add_argument("--highlight", metavar="NODE", nargs="+", default=(), help="let these nodes stand out")
    parser.add_argument("--palette", choices=("default", "document"), default="default", help="document: green and red")
    parser.add_argument("--direction", choices=("right", "down"), default="right", help="where the computation goes")
    parser.add_argument("--no-wrap", dest="wrap", action="store_false", help="no rows, however wide the drawing is")
    _data_arguments(parser)


def _draw(given: argparse.Namespace) -> int:
    graph = load_graph(given.net)
    graph = graph.expand(*given.expand) if given.expand else graph
    show: Any = given.show or ("gradients" if given.feeds else "graph")
    options = {
        name: getattr(given, name) for name in ("layer", "collapse", "highlight", "palette", "direction", "wrap")
    }
    if show in ("values", "gradients"):
        run = graph.forward(_feeds(graph, given))
        if show == "gradients":
            run.backward()
        drawing = run.draw(show, **options)
    else:
        drawing = graph.draw(show, **options)
    try:
        path = drawing.save(given.output)
    except OSError as error:
        raise ArgumentError(f"{given.output} cannot be written: {error.strerror or error}") from None
    print("written:", path)
    if drawing.note:
        print(drawing.note)
    return DONE


def _page_arguments(parser: argparse.ArgumentParser) -> None:
    _net_argument(parser)
    parser.add_argument("-o", "--output", metavar="FILE", default="steps.html", help="(default: %(default)s)")
    parser.add_argument("--title", default="", help="what stands above it")
    parser.add_argument("--palette", choices=("default", "document"), default="default", help="document: green and red")
    parser.add_argument("--direction", choices=("right", "down"), default="right", help="where the computation goes")
    _data_arguments(parser)


def _page(given: argparse.Namespace) -> int:
    graph = load_graph(given.net)
    run = graph.forward(_feeds(graph, given))
    run.backward()
    page = run.page(title=given.title, palette=given.palette, direction=given.direction)
    try:
        path = page.save(given.output)
    except OSError as error:
        raise ArgumentError(f"{given.output} cannot be written: {error.strerror or error}") from None
    print(f"written: {path}, {page.count:,} steps")
    return DONE


def _exercise_arguments(parser: argparse.ArgumentParser) -> None:
    _net_argument(parser, ", or trap:NAME, square, diamond, broadcast, 1/m")
    exercise_arguments(parser)


def _net_argument(parser: argparse.ArgumentParser, others: str = "") -> None:
    told = f"the graph, as module:attribute or path/to/file.py[:attribute]{others}"
    parser.add_argument("net", metavar="NET", help=told)


def _feeds(graph: Graph, given: argparse.Namespace) -> dict[str, Any]:
    """The file's arrays, or data drawn at random; parameters that the file lacks are always drawn."""
    if given.feeds is None:
        sizes = generic_sizes(graph)[0]
        print("data drawn at random:", ", ".join([f"seed {given.seed}", *(f"{n} = {k}" for n, k in sizes.items())]))
        return sample_feeds(graph, given.seed, sizes)
    feeds: dict[str, Any] = load_feeds(given.feeds)
    absent = [graph.name(node) for node in graph.parameters if graph.name(node) not in feeds]
    if absent:
        drawn = sample_feeds(graph, given.seed)
        feeds |= {name: drawn[name] for name in absent}
        print(f"parameters drawn at random: seed {given.seed}")
    return feeds


def _whole(least: int) -> Callable[[str], int]:
    """A type for argparse: whole numbers from ``least`` on."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"a whole number, {least} or more, is needed, not {text[:40]!r}")
        return number

    return read


COMMANDS = (
    Command("demo", "train a small network on real data and compare its gradients", _demo_arguments, _demo),
    Command("draw", "draw a graph, its formulas, or a run of it", _draw_arguments, _draw),
    Command("page", "write a page that steps through a run, forward and backward", _page_arguments, _page),
    Command("gradcheck", "hold a graph's gradients to numerical differentiation", _gradcheck_arguments, _gradcheck),
    Command("check", "judge formulas or a function, and repair wrong ones", _check_arguments, _check),
    Command("exercise", "write a sheet of exercises, and the teacher's file", _exercise_arguments, write_exercise),
    Command("grade", "grade sheets that came back, with points and hints", grade_arguments, grade_files),
    Command("derive", "write down the formulas, forward and backward", _derive_arguments, _derive),
)
