"""A graph as plain data for a teacher's file: the classes of this package by name, and nothing that could run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np

from chainrule.core.leaves import Constant, Input, Parameter
from chainrule.core.node import Node
from chainrule.core.placing import layer
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.graph import Graph
from chainrule.symbols.dimensions import Dimension

_OWN: Final = "chainrule."


def data_of_graph(graph: Graph) -> dict[str, Any] | None:
    """The graph as data from which the same graph is built, None where it has rules or facts of somebody's own."""
    try:
        data = {
            "nodes": [_data_of_node(graph, k) for k in range(len(graph))],
            "outputs": [graph.position(node) for node in graph.outputs],
        }
        same = str(graph_of_data(data)) == str(graph)
    except (ChainruleError, TypeError, ValueError, KeyError):
        return None
    return data if same else None


def graph_of_data(data: Mapping[str, Any]) -> Graph:
    """The graph that data describes; raises ArgumentError for data that describes none."""
    nodes: list[Node] = []
    try:
        classes = _classes()
        for one in data["nodes"]:
            nodes.append(_node_of_data(one, classes, nodes))
        return Graph(*(nodes[int(k)] for k in data["outputs"]))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ArgumentError(
            "this describes no graph", given=f"{type(error).__name__}: {str(error)[:200]}", remedy="--net NET"
        ) from None


# --- written ---------------------------------------------------------------------------------------------------------


def _data_of_node(graph: Graph, k: int) -> dict[str, Any]:
    node = graph.order[k]
    if not type(node).__module__.startswith(_OWN):
        raise TypeError(f"{type(node).__name__} is a class of its own")
    told: dict[str, Any] = {"class": type(node).__name__}
    if node.name is not None:
        told["name"] = node.name
    if node.layer:
        told["layer"] = list(node.layer)
    if isinstance(node, Constant):
        return told | {"value": node.value.tolist(), "dtype": node.dtype.str}
    if isinstance(node, Input | Parameter):
        return told | {"shape": [_data_of_fact(size) for size in node.shape or ()], "dtype": node.dtype.str}
    facts = {fact: _data_of_fact(value) for fact, value in node.given_facts.items()}
    return told | {"inputs": list(graph.sources[k])} | ({"facts": facts} if facts else {})


def _data_of_fact(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, tuple | list):
        return [_data_of_fact(part) for part in value]
    if isinstance(value, np.integer | np.bool_):
        return value.item()
    return _tagged(value)


def _tagged(value: Any) -> dict[str, Any]:
    """A fact that JSON has no form for, under the name of its kind."""
    if isinstance(value, float | np.floating):
        return {"float": repr(float(value))}
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        return {"array": value.tolist(), "dtype": value.dtype.str}
    if isinstance(value, slice):
        return {"slice": [_data_of_fact(part) for part in (value.start, value.stop, value.step)]}
    if isinstance(value, Dimension) and value == Dimension.named(str(value)):
        return {"size": str(value)}
    if value is Ellipsis or isinstance(value, np.dtype):
        return {"ellipsis": True} if value is Ellipsis else {"type": value.str}
    raise TypeError(f"a fact of type {type(value).__name__}")


# --- read ------------------------------------------------------------------------------------------------------------


def _classes() -> dict[str, type[Node]]:
    """The classes of nodes of this package that are loaded, which are all, by name."""
    found: dict[str, type[Node]] = {}
    waiting: list[type[Node]] = [Node]  # type: ignore[type-abstract]  # it is asked for its subclasses only
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            if kind.__module__.startswith(_OWN):
                found[kind.__name__] = kind
    return found


def _node_of_data(data: Mapping[str, Any], classes: Mapping[str, type[Node]], nodes: list[Node]) -> Node:
    kind, name = classes[data["class"]], data.get("name")
    with _inside(data.get("layer", ())):
        if kind is Constant:
            return Constant(np.array(data["value"], dtype=data["dtype"]), name=name, dtype=np.dtype(data["dtype"]))
        if kind is Input:
            return Input(str(name), shape=_fact_of_data(data["shape"]), dtype=np.dtype(data["dtype"]))
        if kind is Parameter:
            return Parameter(str(name), shape=_fact_of_data(data["shape"]))
        facts = {fact: _fact_of_data(value) for fact, value in data.get("facts", {}).items()}
        return kind(*(nodes[int(k)] for k in data["inputs"]), name=name, **facts)


@contextlib.contextmanager
def _inside(layers: Any) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for one in layers:
            stack.enter_context(layer(str(one)))
        yield


def _fact_of_data(data: Any) -> Any:
    if isinstance(data, list):
        return tuple(_fact_of_data(part) for part in data)
    return _untagged(data) if isinstance(data, dict) else data


def _untagged(data: Mapping[str, Any]) -> Any:
    (kind,) = data.keys() - {"dtype"}
    given = data[kind]
    if kind == "array":
        return np.array(given, dtype=data["dtype"])
    if kind == "slice":
        return slice(*(_fact_of_data(part) for part in given))
    kinds: dict[str, Callable[[Any], Any]] = {
        "ellipsis": lambda _: Ellipsis,
        "float": float,
        "size": Dimension.named,
        "type": np.dtype,
    }
    return kinds[kind](given)
