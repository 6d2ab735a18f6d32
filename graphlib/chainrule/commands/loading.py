"""The graph that NET names on the command line, from a module or a Python file."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from chainrule.core.node import Node
from chainrule.errors import ArgumentError, ChainruleError, did_you_mean
from chainrule.graph import Graph
from chainrule.shown.shortening import beginning

_LISTED = 20  # names of a module, where the one asked for is missing
_FORM = "module:attribute or path/to/file.py[:attribute]"


def load_graph(net: str) -> Graph:
    """The graph that ``net`` names, as ``module:attribute`` or ``path/to/file.py[:attribute]``.

    >>> load_graph("nets.circuits:product_of_sum")
    <Graph of 5 nodes: f>

    The attribute is a Graph, something with a ``graph``, or a function or class that returns one of these without
    being given anything. Without an attribute the module must hold one graph under a public name: a Graph, something
    with a ``graph``, or a function annotated to return a Graph. Nothing else is called.

    The module is imported, so it runs: name only files that may run. Its folder, for a module the current one, is put
    on the import path. Raises ArgumentError when the module is missing or does not import, and when it holds no graph
    or several.
    """
    place, attribute = _split(net)
    module = _from_file(Path(place)) if _is_path(place) else _from_name(place)
    if attribute:
        return _graph_in(_attribute(module, place, attribute), net)
    return _only_graph(module, place)


def _split(net: str) -> tuple[str, str]:
    """The module or file, and the attribute, "" when there is none; the colon after a drive letter starts none."""
    place, colon, attribute = net.rpartition(":")
    if colon and place and all(part.isidentifier() for part in attribute.split(".")):
        return place, attribute
    if not net or (colon and not _is_path(net)):
        raise ArgumentError(f"{beginning(net)!r} names no graph", remedy=_FORM)
    return net, ""


def _is_path(place: str) -> bool:
    return place.endswith(".py") or "/" in place or "\\" in place or _holds(Path(place).is_file)


def _holds(asked: Callable[[], bool]) -> bool:
    """Whether a path exists or is a file; one that is too long for this system, or has a NUL in it, is nowhere."""
    try:
        return asked()
    except (OSError, ValueError):
        return False


# --- importing -----------------------------------------------------------------------------------------------------


def _from_file(path: Path) -> ModuleType:
    if not _holds(path.exists):
        raise ArgumentError(f"{beginning(str(path))} does not exist")
    name = f"net_{path.stem}"  # a name of its own: a file called numpy.py must not become NumPy
    spec = importlib.util.spec_from_file_location(name, path) if _holds(path.is_file) else None
    if spec is None or spec.loader is None:
        raise ArgumentError(f"{path} is no Python file", remedy=_FORM)
    module = importlib.util.module_from_spec(spec)
    _put_on_path(path.resolve().parent)
    sys.modules[name] = module  # dataclasses and pickle look their module up there
    _running(spec.loader.exec_module, module, place=str(path))
    return module


def _from_name(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise ArgumentError(f"{beginning(name)!r} is neither a module nor a file", remedy=_FORM)
    _put_on_path(Path.cwd())
    name = _installed(name)
    try:
        module: ModuleType = _running(importlib.import_module, name, place=name)
    except ArgumentError as error:
        missing = error.__cause__.name if isinstance(error.__cause__, ModuleNotFoundError) else None
        if missing and f"{name}.".startswith(f"{missing}."):  # and not some module that this one imports
            raise ArgumentError(f"there is no module {beginning(missing)!r}", remedy=_FORM) from None
        raise
    return module


def _installed(name: str) -> str:
    """The module of that name; an installed package has the networks inside, as ``chainrule.nets``."""
    top = name.partition(".")[0]
    found = top != "nets" or importlib.util.find_spec("nets") or not importlib.util.find_spec("chainrule.nets")
    return name if found else f"chainrule.{name}"


def _put_on_path(folder: Path) -> None:
    """What Python does for a script: modules beside it can be imported."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _running(call: Callable[..., Any], *arguments: Any, place: str) -> Any:
    """The result of code that is not ours, with what it raises told in one message."""
    try:
        return call(*arguments)
    except ChainruleError:
        raise  # it says more about a wrong graph than we could
    except (Exception, SystemExit) as error:
        said = error.msg if isinstance(error, SyntaxError) else error
        reason = f"{type(error).__name__}: {beginning(str(said))}".removesuffix(": ")
        raise ArgumentError(f"{beginning(place)} does not run: {reason}", where=_last_line(error)) from error


def _last_line(error: BaseException) -> str:
    """Where it happened, as ``file.py:12``: the innermost line that is not the import system's."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    ours = (__file__, importlib.__file__)
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename not in ours and not frame.filename.startswith("<frozen")
    ]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


# --- finding the graph ---------------------------------------------------------------------------------------------


def _attribute(module: ModuleType, place: str, path: str) -> Any:
    value: Any = module
    for name in path.split("."):
        if not _running(hasattr, value, name, place=f"{place}:{path}"):
            names = _public(value)
            raise ArgumentError(f"{place} has no {did_you_mean(name, names)}", given=f"it has {_listed(names)}")
        value = getattr(value, name)
    return value


def _listed(names: list[str]) -> str:
    rest = ["..."] if len(names) > _LISTED else []
    return ", ".join([*names[:_LISTED], *rest]) or "nothing"


def _public(value: Any) -> list[str]:
    return [name for name in vars(value) if not name.startswith("_")] if hasattr(value, "__dict__") else []


def _graph_in(value: Any, net: str) -> Graph:
    """The graph that a value is, has, or returns when it is called."""
    if _held(value) is None and callable(value):
        if (needed := _required(value)) is None or needed:
            raise ArgumentError(
                f"{net} cannot be called without {', '.join(needed or ['arguments'])}",
                remedy="name a graph, or a function that needs no arguments and returns one",
            )
        value = _running(value, place=net)
    graph = _held(value)
    if graph is None:
        hint = f"graph = chainrule.Graph({net.rpartition(':')[2]})" if isinstance(value, Node) else ""
        raise ArgumentError(f"{net} is no graph and has none: it is {_kind(value)}", remedy=hint)
    return graph


def _kind(value: Any) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"


def _held(value: Any) -> Graph | None:
    """The graph that a value is or has."""
    if isinstance(value, ModuleType):  # imported by the file, not held by it
        return None
    found = value if isinstance(value, Graph) else _running(getattr, value, "graph", None, place=type(value).__name__)
    return found if isinstance(found, Graph) else None


def _required(function: Callable[..., Any]) -> list[str] | None:
    """The arguments that must be given; None for something built in that does not say."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    given_by_itself = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in given_by_itself]


def _only_graph(module: ModuleType, place: str) -> Graph:
    """The one graph under a public name; one graph may have several names."""
    found: dict[int, tuple[str, Graph]] = {}
    for name in _public(module):
        graph = _held(getattr(module, name))
        if graph is not None:
            found.setdefault(id(graph), (name, graph))
    if len(found) == 1:
        return next(graph for _, graph in found.values())
    builders = [name for name in _own(module) if _returns_graph(getattr(module, name))]
    if not found and len(builders) == 1:
        return _graph_in(getattr(module, builders[0]), f"{place}:{builders[0]}")
    names = [name for name, _ in found.values()] or builders
    if names:
        raise ArgumentError(f"{place} holds several graphs", remedy=_choices(place, names))
    remedy = _choices(place, _own(module)) or "graph = chainrule.Graph(loss)"
    raise ArgumentError(f"{place} holds no graph", remedy=remedy)


def _own(module: ModuleType) -> list[str]:
    """The functions and classes of the module itself that can be called without arguments."""
    members = ((name, getattr(module, name)) for name in _public(module))
    return [name for name, value in members if _is_own(value, module) and _required(value) == []]


def _is_own(value: Any, module: ModuleType) -> bool:
    return isinstance(value, type | FunctionType) and value.__module__ == module.__name__


def _returns_graph(function: Any) -> bool:
    annotation = inspect.get_annotations(function).get("return")
    return annotation is Graph or str(annotation).rpartition(".")[2] == "Graph"


def _choices(place: str, names: list[str]) -> str:
    return " or ".join(f"{place}:{name}" for name in names)
