"""What a learner hands in, formulas, a function, a file or arrays, sent to what judges it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from chainrule.core.graph import BaseGraph
from chainrule.core.run import BaseRun
from chainrule.errors import ArgumentError
from chainrule.judging import judge
from chainrule.judging.closeness import same
from chainrule.judging.functions.chain import causes, follows
from chainrule.judging.functions.judged import check_function
from chainrule.judging.functions.keys_of_gradients import gradient_of, names_of_keys
from chainrule.judging.functions.script import check_script
from chainrule.judging.given import AnyFormula, Unread, numbers
from chainrule.judging.ground import Ground, drawn_from, random_draws
from chainrule.judging.reading.user_formula import UserFormula
from chainrule.judging.scoping import scope_of
from chainrule.judging.unreadable import lines_of
from chainrule.judging.verdicts import Report, Verdict

Submission: TypeAlias = "Mapping[str, AnyFormula] | Callable[..., Any] | Path"

_LARGEST_TEXT: Final = 1 << 20  # bytes: more than a thousand formulas of the largest size that is read by hand


def check(graph: BaseGraph, given: Submission, feeds: Mapping[Any, Any] | None = None, **options: Any) -> Report:
    """Judge formulas by name, a function of gradients, or a file of either; ``judge.check`` and ``check_function``.

    A file that ends with .py is Python: its function of gradients is run, in a process of its own with limits of time
    and memory. Any other file is text, which is parsed and never run.
    """
    if isinstance(given, Path) and given.suffix == ".py":
        return check_script(graph, given, feeds, **options)
    if options.pop("function", None) is not None:
        raise ArgumentError("function= names a function of a Python file", remedy='graph.check(Path("student.py"))')
    if isinstance(given, Path):
        return check(graph, formulas_in(graph, given, seed=options.get("seed", 0)), feeds, **options)
    if callable(given) and not isinstance(given, Mapping | UserFormula):
        return check_function(graph, given, feeds, **options)
    return judge.check(graph, given, feeds, **options)


def formulas_in(graph: BaseGraph, path: Path, *, seed: int = 0) -> dict[str, UserFormula | Unread]:
    """The formulas of a file of text, read with what the graph tells of its names, and what of it cannot be read.

    Raises ArgumentError for a file that cannot be read, is too large, or holds none; FormulaError for its lines.
    """
    formulas = lines_of(text_of(path), scope_of(Ground(graph, random_draws(graph, seed, given=False))))
    if not formulas:
        raise ArgumentError(f"{path} holds no formula", remedy="dW3 = dZ3 @ A2.T / m")
    return formulas


def text_of(path: Path) -> str:
    """The text of a file of formulas; raises ArgumentError for one that cannot be read, or holds too much."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_TEXT + 1)
        if len(content) > _LARGEST_TEXT:
            raise ArgumentError(
                f"{path} holds more than {_LARGEST_TEXT >> 20} MB", remedy="a file of formulas: lines such as dB3 = dZ3"
            )
        return content.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise ArgumentError(f"{path} is no text in UTF-8") from None
        reason = error.strerror or error if isinstance(error, OSError) else error
        raise ArgumentError(f"{path} cannot be read: {reason}") from None


# --- held against a run ----------------------------------------------------------------------------------------------


def compare(run: BaseRun, given: Mapping[Any, AnyFormula], **options: Any) -> Report:
    """Judge arrays or formulas on the data of a run; ``judge.compare`` says how.

    The gradients may have the names of their parameters, as ``run.backward()`` and ``nets.gradients_by_hand`` give
    them. An array is judged in the chain, too: wrong only because another one is.
    """
    if not isinstance(given, Mapping):
        raise ArgumentError(
            f"run.compare takes a dict of names and arrays, not {type(given).__name__}", remedy='{"dW": array}'
        )
    ground = Ground(run.graph, [drawn_from(run)])
    named = {str(key): value for key, value in given.items()}
    renamed = _as_gradients(named, ground)
    report = judge.compare(run, renamed, **options)
    arrays = {name: numbers(name, value) for name, value in renamed.items() if _is_array(value)}
    convention = report.convention if report.convention in ground.conventions else ground.conventions[0]
    verdicts = [_in_chain(verdict, arrays, ground, str(convention)) for verdict in report]
    first = next((verdict.name for verdict in verdicts if not verdict.own), None)
    changed = any(a is not b for a, b in zip(verdicts, report, strict=True))
    if not changed:
        return report
    first = first or report.first_wrong
    return Report(verdicts, report.convention, first, batch=ground.batch, examples=ground.examples)


def _as_gradients(given: Mapping[str, AnyFormula], ground: Ground) -> dict[str, AnyFormula]:
    """Arrays under the names of values are gradients where one of them is a parameter's: nobody compares these."""
    graph, gradients = ground.graph, ground.draws[0].gradients
    parameters = {graph.name(node) for node in graph.parameters}
    values = ground.draws[0].values
    arrays = {key: numbers(key, value) for key, value in given.items() if key in parameters and _is_array(value)}
    numeric = {key: array for key, array in arrays.items() if array.dtype.kind in "fiub"}
    if all(array.shape == values[key].shape and same(array, values[key]) for key, array in numeric.items()):
        return dict(given)
    losses = {graph.name(node) for node in graph.outputs}
    keys = [key for key, value in given.items() if _is_array(value)]
    keys = [key for key in keys if not (key in losses and _is_loss(key, given[key], ground))]
    names = names_of_keys([key for key in keys if gradient_of(key, gradients)], gradients, graph.names)
    return {names.get(key, key): value for key, value in given.items()}


def _is_loss(name: str, value: Any, ground: Ground) -> bool:
    """Whether a number under the name of a loss is the loss, and not its gradient, which is 1."""
    gradient = ground.draws[0].gradients.get(ground.graph.gradient_name(name))
    return gradient is None or not np.array_equal(np.asarray(value), gradient)


def _is_array(value: Any) -> bool:
    return value is not None and not isinstance(value, str | UserFormula) and not callable(value)


def _in_chain(verdict: Verdict, arrays: Mapping[str, Any], ground: Ground, convention: str) -> Verdict:
    """The verdict on a wrong array that is what the engine makes of the other arrays."""
    gradients = {name: array for name, array in arrays.items() if name in ground.draws[0].gradients}
    if verdict.own or verdict.name not in gradients or len(gradients) == 1:
        return verdict
    if not follows(ground, 0, convention, verdict.name, gradients):
        return verdict
    because = causes(ground, 0, convention, verdict.name, gradients)
    if not because:
        return verdict
    told = f"wrong only because {', '.join(because)} {'is' if len(because) == 1 else 'are'}"
    return Verdict(verdict.name, verdict.formula, False, True, told, because=because)
