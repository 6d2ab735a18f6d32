"""Every public call with a value of a wrong kind in the place of each of its arguments, and what comes of it."""

import functools
import inspect
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from node_rows import ROWS

import chainrule as cr
import nets
from chainrule.errors import ChainruleError
from chainrule.practice import Grader, grade, traps

WRONG: tuple[Any, ...] = (3, None, "x", [])
"""What stands in for an argument: a number, nothing, a text, an empty list."""


@dataclass
class Good:
    """A call that works: what is called, with what by position and by name."""

    call: Callable[..., Any]
    places: tuple[Any, ...] = ()
    names: dict[str, Any] = field(default_factory=dict)

    def wrongs(self) -> Iterator[tuple[str, tuple[Any, ...], dict[str, Any]]]:
        """The call with one argument exchanged, in every way: what was exchanged, places, names."""
        for k in range(len(self.places)):
            for wrong in WRONG:
                yield f"{k} = {wrong!r}", (*self.places[:k], wrong, *self.places[k + 1 :]), dict(self.names)
        for name in dict.fromkeys([*self.names, *self._others()]):
            for wrong in WRONG:
                yield f"{name} = {wrong!r}", self.places, {**self.names, name: wrong}

    def _others(self) -> list[str]:
        """The arguments with a name that the good call leaves out."""
        try:
            parameters = list(inspect.signature(self.call).parameters.values())
        except (TypeError, ValueError):
            return []
        several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        parameters = [p for p in parameters if p.kind not in several]
        by_place = sum(p.kind is not p.KEYWORD_ONLY for p in parameters)
        rest = parameters[min(len(self.places), by_place) :]
        return [p.name for p in rest if p.kind is not p.POSITIONAL_ONLY]


def is_told(error: BaseException) -> bool:
    """Whether an error is the project's, Python's for a wrong signature, or the system's for a file.

    The project's are its own classes, and in a few places one of Python's that it raises by itself, with its own words.
    """
    if isinstance(error, (ChainruleError, OSError)):
        return True
    *_, last = traceback.extract_tb(error.__traceback__)
    if Path(last.filename) == Path(__file__):
        return isinstance(error, TypeError)
    own = not isinstance(error, (AttributeError, KeyError)) and (last.line or "").startswith("raise ")
    return own and any(Path(last.filename).is_relative_to(place) for place in _OURS)


_OURS = [Path(package.__file__).parent for package in (cr, nets)]


def outcome(call: Callable[..., Any], places: tuple[Any, ...], names: dict[str, Any]) -> BaseException | None:
    """The error of a call that is no answer to its user; None where there is none."""
    try:
        found = call(*places, **names)
        if inspect.isgenerator(found):
            list(found)
    except Exception as error:
        return None if is_told(error) else error
    return None


# --- the calls -------------------------------------------------------------------------------------------------------


def _net() -> cr.Graph:
    x, labels = cr.Input("X", (2, "m")), cr.Input("Y", (1, "m"))
    z = cr.Add(cr.Parameter("W", (1, 2)) @ x, cr.Parameter("b", (1, 1)), name="Z")
    return cr.Graph(cr.BCELoss(cr.Sigmoid(z, name="A"), labels, name="L"))


PARAMS = {"W": np.array([[0.3, -0.2]]), "b": np.array([[0.1]])}
DATA = {"X": np.arange(10.0).reshape(2, 5) / 7, "Y": np.array([[0.0, 1, 1, 0, 1]])}


def of_nodes() -> Iterator[tuple[str, Good]]:
    """Every node class, with the first of its cases of two axes or more where it has one."""
    for row in ROWS:
        case = next((c for c in row.cases if all(len(s) > 1 and np.prod(s) for s in c.shapes[:1])), row.cases[0])
        leaves = [cr.Input(f"x{k}", shape) for k, shape in enumerate(case.shapes)]
        yield row.kind.__name__, Good(row.kind, tuple(leaves), {"name": "y", **case.facts})
    yield "Input", Good(cr.Input, (), {"name": "x", "shape": (2, "m"), "dtype": float})
    yield "Parameter", Good(cr.Parameter, (), {"name": "W", "shape": (2, 3), "dtype": float, "init": None})
    yield "Constant", Good(cr.Constant, (1.5,), {"name": "c"})
    yield "layer", Good(lambda *names: cr.layer(*names).__enter__() and None, ("one",))
    yield "split", Good(cr.split, (cr.Input("x", (4, 6)), 2), {"axis": 0})
    yield "running_statistics", Good(cr.running_statistics, (np.ones((2, 3)),))


def of_operators() -> Iterator[tuple[str, Good]]:
    """Methods and operators of a node, and NumPy functions of one."""
    x = cr.Input("x", (3, 4))
    for name in ("sum", "mean", "max", "min", "std", "var", "prod", "cumsum", "argmax", "argsort", "squeeze"):
        axis = {"axis": None if name == "squeeze" else 0}
        yield f"x.{name}", Good(getattr(x, name), (), axis)
        yield f"np.{name}", Good(functools.partial(getattr(np, name), x), (), axis)
    for name, places in {
        "reshape": (4, 3),
        "transpose": (1, 0),
        "astype": (float,),
        "swapaxes": (0, 1),
        "clip": (0, 1),
        "repeat": (2,),
        "take": ([0, 1],),
        "__getitem__": (0,),
        "__add__": (1.0,),
        "__pow__": (2,),
        "__matmul__": (np.ones((4, 2)),),
        "__lt__": (1.0,),
        "__and__": (cr.Input("c", (3, 4), dtype=bool),),
    }.items():
        yield f"x.{name}", Good(getattr(x, name), places)
    for function, places in (
        (np.dot, (np.ones((4, 2)),)),
        (np.where, (1.0, 2.0)),
        (np.maximum, (0.0,)),
        (np.reshape, ((4, 3),)),
        (np.transpose, ()),
        (np.pad, (1,)),
        (np.tile, (2,)),
        (np.roll, (1,)),
        (np.clip, (0, 1)),
        (np.take, ([0, 1],)),
        (np.broadcast_to, ((2, 3, 4),)),
        (np.linalg.norm, ()),
        (np.expand_dims, (0,)),
        (np.moveaxis, (0, 1)),
        (np.append, (np.ones(2),)),
        (np.flip, ()),
        (np.rot90, ()),
        (np.diff, ()),
    ):
        yield f"np.{function.__name__}", Good(functools.partial(function, x), places)
    yield "np.concatenate", Good(lambda other, **axis: np.concatenate([x, other], **axis), (x,), {"axis": 0})
    yield "np.stack", Good(lambda other, **axis: np.stack([x, other], **axis), (x,), {"axis": 0})
    yield "np.einsum", Good(lambda said: np.einsum(said, x), ("ij->ji",))


def of_graphs() -> dict[str, Good]:
    """What graphs and runs, derivations, plans, reports and drawings can be asked for."""
    graph = _net()
    feeds = {**PARAMS, **DATA}
    run = graph.forward(feeds)
    run.backward()
    derivation, plan, report = graph.derivation(), graph.compile(), graph.check({"dZ": "(A - Y) / m"})
    step, drawing = graph.compile(update=cr.SGD(0.1)), graph.draw()
    return {
        "Graph": Good(cr.Graph, (graph["L"],), {"watch": [], "names": None}),
        "Graph.__getitem__": Good(graph.__getitem__, ("W",)),
        "Graph.name": Good(graph.name, (graph["W"],)),
        "Graph.position": Good(graph.position, ("W",)),
        "Graph.positions": Good(graph.positions, (["W"],)),
        "Graph.gradient_name": Good(graph.gradient_name, ("W",)),
        "Graph.of_gradient": Good(graph.of_gradient, ("dW",)),
        "Graph.consumers": Good(graph.consumers, ("W",)),
        "Graph.__contains__": Good(graph.__contains__, ("W",)),
        "Graph.forward": Good(graph.forward, (feeds,), {"check_finite": False}),
        "Graph.initialize": Good(graph.initialize, (), {"seed": 0, "dtype": float}),
        "Graph.fuse": Good(graph.fuse),
        "Graph.expand": Good(graph.expand, ("A",)),
        "Graph.backward": Good(graph.backward, ("W",)),
        "Graph.hvp": Good(graph.hvp, ("W",), {"along": "v"}),
        "Graph.jvp": Good(graph.jvp, ({"W": "v"}, "L")),
        "Graph.hessian": Good(graph.hessian, ("W",)),
        "Graph.jacobian": Good(graph.jacobian, ("L", "W")),
        "Graph.check_gradients": Good(graph.check_gradients, (feeds,), {"seed": 0}),
        "Graph.check": Good(graph.check, ({"dZ": "(A - Y) / m"},), {"feeds": None, "require": ()}),
        "Graph.check of a text": Good(lambda formula: graph.check({"dZ": formula}), ("(A - Y) / m",)),
        "Graph.derivation": Good(graph.derivation, ("mean",), {"shapes": False}),
        "Graph.draw": Good(graph.draw, ("graph",)),
        "options of a drawing": Good(graph.draw, (), {"layer": None, "collapse": [], "highlight": [], "wrap": False}),
        "looks of a drawing": Good(graph.draw, (), {"palette": "default", "direction": "right"}),
        "options of a page": Good(run.page, (), {"title": "", "palette": "default", "numerical": False}),
        "Graph.compile": Good(graph.compile, (), {"gradients": ["W"], "backend": "numpy", "recompute": ["A"]}),
        "Graph.compile of outputs": Good(graph.compile, (), {"outputs": "A"}),
        "Graph.compile with an update": Good(graph.compile, (), {"update": cr.SGD(0.1)}),
        "Run.__getitem__": Good(run.__getitem__, ("dW",)),
        "Run.values": Good(run.values.__getitem__, ("W",)),
        "Run.gradients": Good(run.gradients.__getitem__, ("W",)),
        "Run.backward": Good(graph.forward(feeds).backward, (), {"seed": 1.0}),
        "Run.contributions": Good(run.contributions, ("A",)),
        "Run.compare": Good(run.compare, ({"dZ": "(A - Y) / m"},), {"require": ()}),
        "Run.draw": Good(run.draw, ("values",)),
        "Run.page": Good(run.page),
        "Derivation.__getitem__": Good(derivation.__getitem__, ("dW",)),
        "Derivation.entries": Good(derivation.entries, ("dW",), {"m": 2}),
        "Derivation.document": Good(derivation.document, ("title",)),
        "Derivation.markdown": Good(derivation.markdown, ("title",)),
        "Derivation.text": Good(derivation.text, (), {"shapes": True}),
        "Plan": Good(plan, (feeds,), {"executor": None}),
        "Plan.save": Good(lambda *a, **k: plan.save(*a, **k), ("plan.py", {"m": 5}), {"dtype": float}),
        "TrainingPlan": Good(step, ({**step.start(PARAMS), **DATA},)),
        "TrainingPlan.start": Good(step.start, (PARAMS,)),
        "TrainingPlan.prepare": Good(step.prepare, ({**step.start(PARAMS), **DATA},)),
        "TrainingPlan.epochs": Good(step.epochs, (step.prepare({**step.start(PARAMS), **DATA}), 2), {}),
        "Report.__getitem__": Good(report.__getitem__, ("dZ",)),
        "Drawing.save": Good(drawing.save, ("net.dot",)),
        "Drawing.png": Good(drawing.png, (), {"dpi": 20}),
    }


def of_functions(folder: Path) -> dict[str, Good]:
    """The functions of the package, and the classes that are no nodes; files stand in a folder of the caller's."""
    graph = _net()
    np.save(folder / "x.npy", np.ones((2, 3)))
    stored = cr.ArrayFile(folder / "x.npy")
    sheet = cr.exercise(graph, ["dZ"])
    saved = sheet.save(folder / "sheet.md")
    trained = {"epochs": 1, "progress": False}
    history = cr.train(graph, PARAMS, DATA, **trained)
    net = nets.DNN(sizes=(2, 3, 1))
    out, cache = net.forward(DATA["X"])
    return {
        "train": Good(cr.train, (graph, PARAMS, DATA), {**trained, "optimizer": cr.SGD(0.1)}),
        "SGD": Good(cr.SGD, (0.1,)),
        "Momentum": Good(cr.Momentum, (0.1,)),
        "Adam": Good(cr.Adam, (0.1,)),
        "History.page": Good(history.page),
        "History.plot": Good(history.plot),
        "ArrayFile": Good(cr.ArrayFile, (folder / "x.npy",)),
        "ArrayFile.__getitem__": Good(stored.__getitem__, (0,)),
        "save": Good(cr.save, (folder / "w.npz", PARAMS)),
        "load": Good(cr.load, (folder / "w.npz",), {"graph": graph}),
        "trace": Good(cr.trace, (lambda w, x: np.sum(w * x),), {"w": (3,), "x": (3,)}),
        "check_node": Good(cr.check_node, (cr.Sigmoid, np.linspace(-3, 3, 6)), {"seed": 0}),
        "derived_rule": Good(cr.derived_rule, (cr.Sigmoid,)),
        "exercise": Good(cr.exercise, (graph, ["dZ"]), {"level": 3}),
        "Sheet.save": Good(sheet.save, (folder / "sheet.py",), {"key": folder / "sheet.key.json"}),
        "grade": Good(grade, (saved,), {"key": folder / "sheet.key.json"}),
        "Grader": Good(Grader, (sheet,)),
        "Grader.check": Good(Grader(sheet).check, ("dZ", "(A - Y) / m")),
        "traps": Good(traps),
        "nets.DNN": Good(nets.DNN, (), {"sizes": (2, 3, 1), "seed": 0, "hidden": cr.Tanh}),
        "nets.DNN.forward": Good(net.forward, (DATA["X"],)),
        "nets.DNN.compute_gradients": Good(net.compute_gradients, (out, cache, DATA["Y"])),
        "nets.DNN.predict": Good(net.predict, (DATA["X"],)),
        "nets.Copier": Good(nets.Copier, (), {"symbols": 3, "length": 2, "width": 4, "seed": 0}),
        "nets.WordEmbedding": Good(nets.WordEmbedding, (5,), {"dimensions": 2, "seed": 0}),
        "nets.SoftmaxClassifier": Good(nets.SoftmaxClassifier, (), {"sizes": (2, 3, 3), "seed": 0}),
        "nets.DigitReader": Good(nets.DigitReader, (), {"channels": (2, 3), "seed": 0}),
        "nets.one_hot": Good(nets.one_hot, ([0, 1], 2)),
        "errors.ChainruleError.draw": Good(ChainruleError("x").draw),
    }
