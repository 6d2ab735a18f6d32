"""Graph: nodes in topological order; the forward pass, and the sweep that pushes gradients in reverse."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, final, overload

import numpy as np

from chainrule.core.feeds import check_labels, values_of_leaves
from chainrule.core.finite import check_fed, check_local, check_output, check_seed, check_total, quietly
from chainrule.core.node import Constant, Input, Leaf, Node, Parameter, flatten, unflatten, unusual_facts
from chainrule.core.ordering import topological_order
from chainrule.errors import (
    ArgumentError,
    FeedError,
    NameConflictError,
    RuleError,
    UnknownNameError,
    did_you_mean,
)
from chainrule.run import Run
from chainrule.symbols.dimensions import shape_text

if TYPE_CHECKING:
    import numpy.typing as npt

    from chainrule.checking.report import GradientReport
    from chainrule.derivation.deriving import Convention, Derivation
    from chainrule.drawing import Drawing
    from chainrule.drawing.drawing import Show
    from chainrule.judging import AnyFormula
    from chainrule.judging import Convention as CheckedConvention
    from chainrule.judging.verdicts import Report
    from chainrule.plan.plan import Backend, Plan
    from chainrule.plan.training_plan import TrainingPlan
    from chainrule.plan.updating import Update

Array: TypeAlias = "npt.NDArray[Any]"
Uses = list[tuple[int, int, Array]]
"""What a node received: position of the consumer, which of its inputs, the gradient."""


@final
class Graph:
    """What some outputs are computed from, sorted once; it holds no data, so runs and threads can share it.

    >>> x, w = Input("x", (2, "m")), Parameter("w", (1, 2))
    >>> from chainrule import Mean, Square
    >>> graph = Graph(Mean(Square(w @ x), name="L"))
    >>> [graph.name(node) for node in graph.order]
    ['w', 'x', 'matmul_1', 'square_1', 'L']
    >>> run = graph.forward({"w": [[1, 2]], "x": [[1, 0], [0, 1]]})
    >>> run["L"], run.backward()["w"]
    (array(2.5), array([[1., 2.]]))

    Gradients start at ``outputs``. What is named in ``watch`` is computed too and can be read, but no gradient
    starts there: predictions, for instance. Raises NameConflictError when two nodes share a name, CycleError when a
    node feeds itself.
    """

    def __init__(self, *outputs: Node, watch: Iterable[Node] = ()) -> None:
        self.outputs, self.watch = outputs, tuple(watch)
        for node in (*self.outputs, *self.watch):
            if not isinstance(node, Node):
                raise ArgumentError(
                    f"a graph is built from nodes, not {type(node).__name__}", remedy="Graph(loss, watch=[...])"
                )
        if not outputs:
            raise ArgumentError("a graph needs an output", remedy="Graph(loss)")
        self.order: tuple[Node, ...] = topological_order((*self.outputs, *self.watch))
        self._position = {node: k for k, node in enumerate(self.order)}
        self.names: tuple[str, ...] = _names(self.order)
        self._by_name = {name: k for k, name in enumerate(self.names)}
        self._sources = [tuple(self._position[source] for source in node.inputs) for node in self.order]

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The Input nodes, in topological order."""
        return tuple(node for node in self.order if isinstance(node, Input))

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The Parameter nodes, in topological order."""
        return tuple(node for node in self.order if isinstance(node, Parameter))

    def __getitem__(self, key: str | Node) -> Node:
        return self.order[self.position(key)]

    def __contains__(self, key: object) -> bool:
        return key in self._position if isinstance(key, Node) else key in self._by_name

    def __iter__(self) -> Any:
        return iter(self.order)

    def __len__(self) -> int:
        return len(self.order)

    def name(self, node: Node) -> str:
        """The name of a node: its own, or the one that this graph gives to a node without a name."""
        return self.names[self.position(node)]

    def position(self, key: str | Node) -> int:
        """Where a node stands in the order; raises UnknownNameError for one that is not in the graph."""
        if key not in self:
            shown = repr(key) if isinstance(key, Node) else did_you_mean(str(key), self.names)
            names = f"{', '.join(self.names[:_NAMED])}{', ...' * (len(self.names) > _NAMED)}"
            raise UnknownNameError(f"this graph has no node {shown}", remedy=f"its nodes are {names}")
        return self._position[key] if isinstance(key, Node) else self._by_name[key]

    def consumers(self, key: str | Node) -> tuple[Node, ...]:
        """The nodes that read a node, once for every use."""
        found = self._position[self[key]]
        return tuple(self.order[k] for k, sources in enumerate(self._sources) for source in sources if source == found)

    # --- running ---------------------------------------------------------------------------------------------------

    def forward(self, feeds: Mapping[Any, Any], *, check_finite: bool = False) -> Run:
        """Compute every node from the feeds, by name or node.

        ``check_finite=True`` stops at the first node that makes an infinity or NaN out of finite numbers, and names it
        with the place and what it was given there; ``run.backward()`` then does the same. NumPy's own warnings about
        such numbers are not shown.

        >>> from chainrule import Log
        >>> graph = Graph(Log(Input("x", (3,)), name="y"))
        >>> graph.forward({"x": [1.0, 0.0, 2.0]}, check_finite=True)
        Traceback (most recent call last):
          ...
        chainrule.errors.NonFiniteError: Log 'y': the output is -inf at (1,), from finite inputs
          where: Log 'y', built at ...
          given: x[1] = 0.0
          try:   ...

        Raises FeedError, before anything is computed, when feeds are missing, unknown or unfit, or not finite where
        that is checked; RuleError when a rule raises, naming the node and the line that built it; NonFiniteError.
        """
        given = values_of_leaves(self._leaves, feeds, self.name, own=True)
        check_labels(self.labels, given, self.name)
        if not check_finite:
            return Run(self, self._values(given))
        check_fed(given, self.name)
        with quietly():
            return Run(self, self._values(given, check_finite=True), check_finite=True)

    def _values(self, given: Mapping[Node, Array], check_finite: bool = False) -> list[Array]:
        """The value of every node, from those of the leaves."""
        dtype = next((value.dtype for value in given.values() if value.dtype.kind == "f"), np.dtype(float))
        values: list[Array] = []
        for node, sources in zip(self.order, self._sources, strict=True):
            if not sources:
                values.append(given[node])
                continue
            read = [values[k] for k in sources]
            value = _value(node, read, dtype)
            if check_finite:
                check_output(self, len(values), value, read)
            values.append(value)
        return values

    def sweep(
        self, values: Sequence[Array], seed: Any = None, *, check_finite: bool = False
    ) -> tuple[list[Array | None], list[Uses]]:
        """Push gradients from the outputs to the leaves: every gradient, and what every use contributed to it."""
        gradients: list[Array | None] = [None] * len(values)
        received: list[Uses] = [[] for _ in values]
        for k, start in self._seeds(values, seed).items():
            gradients[k] = start
            if check_finite:
                check_seed(self.names[k], self.order[k], start)
        for k in range(len(values) - 1, -1, -1):  # a node stands behind its inputs, so its gradient is complete here
            grad = gradients[k] = _total(gradients[k], received[k])
            sources = self._sources[k]
            if check_finite and grad is not None:
                check_total(self, k, grad, received[k])
            if grad is None or not sources:
                continue
            read = [values[source] for source in sources]
            for place, local in enumerate(_local_gradients(self.order[k], grad, values[k], read)):
                if local is not None and self._differentiable[sources[place]]:
                    if check_finite:
                        check_local(self, k, place, local, (grad, values[k], *read))
                    received[sources[place]].append((k, place, local))
        return gradients, received

    @functools.cached_property
    def _leaves(self) -> tuple[Leaf, ...]:
        return tuple(node for node in self.order if isinstance(node, Leaf))

    @functools.cached_property
    def labels(self) -> dict[Leaf, Node]:
        """The leaves that losses read as labels in a certain range, each with such a loss."""
        losses = [node for node in self.order if node.label_range is not None]
        return {node.inputs[1]: node for node in losses if isinstance(node.inputs[1], Leaf)}

    @functools.cached_property
    def _differentiable(self) -> list[bool]:
        """Which nodes can have a gradient: not constants, not whole numbers or booleans."""
        return [not isinstance(node, Constant) and node.dtype.kind == "f" for node in self.order]

    def _seeds(self, values: Sequence[Array], seed: Any) -> dict[int, Array]:
        given = self._named_seeds(values, seed)
        starts = {}
        for name, start in given.items():
            k = self.position(name)
            array = np.asarray(start, dtype=values[k].dtype)
            if array.shape != values[k].shape or self.order[k] not in self.outputs:
                raise FeedError(
                    f"a seed for {self.names[k]} has its shape {values[k].shape}, not {array.shape}"
                    if self.order[k] in self.outputs
                    else f"{self.names[k]} is no output of this graph, so no gradient starts there"
                )
            starts[k] = _sealed(array)
        return starts

    def _named_seeds(self, values: Sequence[Array], seed: Any) -> Mapping[Any, Any]:
        if isinstance(seed, Mapping):
            return seed
        if seed is not None and len(self.outputs) == 1:
            return {self.outputs[0]: seed}
        open_ended = [node for node in self.outputs if values[self._position[node]].shape != ()]
        if seed is not None or open_ended:
            names = ", ".join(f"{self.name(node)} {values[self._position[node]].shape}" for node in self.outputs)
            raise FeedError("say which gradient to start from", given=names, remedy="run.backward(seed={name: array})")
        return dict.fromkeys(self.outputs, 1.0)

    def initialize(self, seed: int = 0, dtype: Any = float) -> dict[str, Array]:
        """Starting values for every parameter, by name: the same for the same seed.

        Weights start uniformly within ±√(6 / (fan_in + fan_out)) (Glorot and Bengio 2010) or, before a ReLU,
        normally with variance 2 / fan_in (He et al. 2015); everything else starts at 0. ``Parameter(init=...)``
        overrides this.
        """
        from chainrule.samples.initialization import initial_values

        return initial_values(self, seed, dtype)

    # --- views of the graph that other modules make ------------------------------------------------------------------

    def fuse(self) -> Graph:
        """A new graph with Sigmoid → BCELoss and Softmax → CrossEntropyLoss replaced by one exact node each."""
        from chainrule.core.rewriting import fuse

        return fuse(self)

    def expand(self, *nodes: str | Node) -> Graph:
        """A new graph with these nodes opened into simpler ones; without arguments, all that can be opened."""
        from chainrule.core.rewriting import expand

        return expand(self, nodes)

    def check_gradients(self, feeds: Mapping[Any, Any], **options: Any) -> GradientReport:
        """Every gradient against numerical differentiation; a report that says how much was compared."""
        from chainrule.checking.gradients import check_gradients

        return check_gradients(self, feeds, **options)

    def check(
        self,
        formulas: Mapping[str, AnyFormula],
        feeds: Mapping[Any, Any] | None = None,
        *,
        convention: CheckedConvention = "auto",
        seed: int = 0,
    ) -> Report:
        """Judge formulas derived by hand, and say what is wrong with those that are; ``comparison.check`` says more.

        A formula for a gradient ``dX`` or a value is text, a callable of values, or an array. Data is drawn at random
        from ``seed``; ``feeds`` are judged on, too. ``convention`` says where 1/m stands: "mean" in the first gradient,
        "per-example" in those of the parameters, "auto" for whichever the formulas follow.

        >>> from chainrule import BCELoss, Parameter, Sigmoid
        >>> A0, Y = Input("A0", (2, "m")), Input("Y", (1, "m"))
        >>> A1 = Sigmoid(Parameter("W1", (1, 2)) @ A0, name="A1")
        >>> report = Graph(BCELoss(A1, Y)).check({"dW1": "(A1 - Y) @ A0 / m"})
        >>> report.ok, report["dW1"].diagnosis, report["dW1"].repair
        (False, 'A0 has to be transposed', '(A1 - Y) @ A0.T / m')

        Raises FormulaError for text that cannot be read, ArgumentError for an array without feeds, FeedError.
        """
        from chainrule.judging import check

        return check(self, formulas, feeds, convention=convention, seed=seed)

    def derivation(self, convention: Convention = "mean") -> Derivation:
        """The formulas, forward and backward, read off the rules; see ``chainrule.derivation.deriving``."""
        from chainrule.derivation.deriving import derivation

        return derivation(self, convention)

    def draw(self, show: Show = "graph", **options: Any) -> Drawing:
        """A picture of the graph: boxes are values, circles operations, frames layers.

        ``show="formulas"`` puts the formula of every value and gradient in its box. ``layer="Layer 3"`` draws one layer
        with what enters and leaves; ``collapse=True`` one box for each layer, as happens by itself above 300 nodes;
        ``highlight`` marks nodes; ``palette="document"`` is plain green and red; ``direction`` is "right" or "down".

        >>> from chainrule import Sigmoid
        >>> graph = Graph(Sigmoid(Input("z"), name="a"))
        >>> "σ" in graph.draw().dot
        True

        Raises ArgumentError for an unknown option, layer or view, UnknownNameError for an unknown node.
        """
        from chainrule.drawing import draw_graph

        return draw_graph(self, show, **options)

    @overload
    def compile(
        self, gradients: Iterable[str | Node] | None = None, *, backend: Backend = "numpy", update: None = None
    ) -> Plan: ...

    @overload
    def compile(
        self, gradients: Iterable[str | Node] | None = None, *, backend: Backend = "numpy", update: Update
    ) -> TrainingPlan: ...

    def compile(
        self,
        gradients: Iterable[str | Node] | None = None,
        *,
        backend: Backend = "numpy",
        update: Update | None = None,
    ) -> Plan | TrainingPlan:
        """A plan that computes the loss and these gradients (the parameters' when None) faster than a Run.

        With an ``update`` such as ``chainrule.SGD(0.1)``, a plan that takes a step: it hands back the parameters
        after it in place of their gradients. ``backend="numba"`` (extra: jit) makes one compiled loop over the columns
        where the layers are small enough for that, which takes seconds the first time and is kept on disk; ``"auto"``
        does so where Numba is installed.

        >>> from chainrule import Mean, Square
        >>> w, x = Parameter("w", (1, 2)), Input("x", (2, "m"))
        >>> step = Graph(Mean(Square(w @ x), name="L")).compile()
        >>> loss, gradients = step({"w": [[1, 2]], "x": [[1, 0], [0, 1]]})
        >>> float(loss), gradients["w"]
        (2.5, array([[1., 2.]]))

        Raises ArgumentError for several outputs or one that is no scalar, UnknownNameError for what has no gradient,
        MissingExtraError for Numba where it is not installed.
        """
        from chainrule.plan.training_plan import compile_plan

        return compile_plan(self, gradients, backend, update)

    def __copy__(self) -> Graph:
        return self  # a graph never changes, so a copy is the graph itself

    def __deepcopy__(self, memo: dict[int, Any]) -> Graph:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        ends = (*self.outputs, *self.watch)
        positions = tuple(self._position[node] for node in ends)
        return _rebuilt, (flatten(self.order), positions, len(self.outputs))

    def __repr__(self) -> str:
        names = ", ".join(map(self.name, self.outputs))
        return f"<Graph of {len(self.order)} nodes: {names}>"

    def __str__(self) -> str:
        rows = [_row(node, self.names[k], [self.names[s] for s in self._sources[k]]) for k, node in _shown(self.order)]
        if len(rows) < len(self.order):
            rows.insert(len(rows) // 2, ("…", f"{len(self.order) - len(rows)} more", "", "", ""))
        return _table([("node", "operation", "shape", "inputs", "layer"), *rows])


def _rebuilt(records: Any, positions: Sequence[int], outputs: int) -> Graph:
    nodes = unflatten(records)
    ends = [nodes[k] for k in positions]
    return Graph(*ends[:outputs], watch=ends[outputs:])


def _names(order: Sequence[Node]) -> tuple[str, ...]:
    """The given names, and for nodes without one their operation with a number."""
    owner: dict[str, Node] = {}
    for node in order:
        if node.name is not None and owner.setdefault(node.name, node) is not node:
            raise NameConflictError(
                f"two nodes are called {node.name!r}",
                where=f"{owner[node.name].where}; {node.where}",
                remedy="give each node a name of its own",
            )
    counts: Counter[str] = Counter()
    return tuple(node.name if node.name is not None else _fresh(node, counts, owner) for node in order)


def _fresh(node: Node, counts: Counter[str], taken: Mapping[str, Node]) -> str:
    kind = type(node).__name__.lower()
    while True:
        counts[kind] += 1
        if (name := f"{kind}_{counts[kind]}") not in taken:
            return name


def _total(start: Array | None, uses: Uses) -> Array | None:
    """The sum of what arrived, added out of place: a rule may have sent the same array to two inputs."""
    if start is None and len(uses) == 1:
        return uses[0][2]
    total = start
    for _, _, gradient in uses:
        total = gradient if total is None else _sealed(np.asarray(total + gradient))
    return total


def _sealed(array: Array) -> Array:
    array.flags.writeable = False
    return array


def _value(node: Node, read: Sequence[Array], dtype: np.dtype[Any]) -> Array:
    """What the rule gives, checked and read-only."""
    try:
        value = np.asarray(node.forward(*read)).view()
        value.setflags(write=False)
        if value.dtype != dtype and value.dtype.kind not in "iub":
            raise TypeError(f"it returned {value.dtype} where this run computes in {dtype}{_hint(read)}")
    except Exception as error:
        raise _rule_error("forward", node, read, error) from error
    return value


def _local_gradients(node: Node, grad: Array, output: Array, inputs: Sequence[Array]) -> list[Array | None]:
    """What the rule sends to each input, checked: one gradient per input, of its shape and dtype, or None."""
    try:
        returned = node.backward(grad, output, *inputs)
        if type(returned) is not tuple or len(returned) != len(inputs):
            raise TypeError(_wrong_count(returned, len(inputs)))
        return list(map(_checked, returned, inputs, range(len(inputs))))
    except Exception as error:
        raise _rule_error("backward", node, inputs, error) from error


def _hint(read: Sequence[Array]) -> str:
    return (
        "; an input with dtype=int is for indices, not for arithmetic"
        if any(x.dtype.kind in "iu" for x in read)
        else ""
    )


def _wrong_count(returned: Any, expected: int) -> str:
    if isinstance(returned, tuple):
        return f"it returned {len(returned)} gradients for {expected} inputs"
    return f"it returns a tuple of {expected}, one gradient per input, not {type(returned).__name__} (a comma missing?)"


def _checked(gradient: Any, x: Array, place: int) -> Array | None:
    if gradient is None:
        return None
    array = gradient.view() if type(gradient) is np.ndarray else np.asarray(gradient)
    array.setflags(write=False)
    if array.shape != x.shape:
        raise ValueError(f"the gradient of input {place} has shape {array.shape}, the input has {x.shape}")
    if array.dtype != x.dtype and x.dtype.kind == "f":
        raise TypeError(f"the gradient of input {place} is {array.dtype}, the input is {x.dtype}")
    return array


def _rule_error(way: str, node: Node, read: Sequence[Array], error: Exception) -> RuleError:
    names = [source.name or type(source).__name__ for source in node.inputs]
    given = ", ".join(f"{name} {value.shape} {value.dtype}" for name, value in zip(names, read, strict=True))
    label = f"{type(node).__name__}{f' {node.name!r}' if node.name else ''}"
    what = f"{label}.{way}: {type(error).__name__}: {getattr(error, 'what', error)}"
    return RuleError(what, where=node.where, given=given, remedy=getattr(error, "remedy", ""), node=node)


# --- printing ------------------------------------------------------------------------------------------------------

_NAMED = 20  # names listed where one is unknown
_HEAD = 30  # rows shown at each end of a long table


def _shown(order: Sequence[Node]) -> list[tuple[int, Node]]:
    numbered = list(enumerate(order))
    return numbered if len(order) <= 2 * _HEAD + 20 else numbered[:_HEAD] + numbered[-_HEAD:]


def _row(node: Node, name: str, sources: Sequence[str]) -> tuple[str, ...]:
    facts = unusual_facts(node)
    value = [str(node.value)] if isinstance(node, Constant) and node.value.ndim == 0 else []
    operation = f"{type(node).__name__}({', '.join(facts + value)})" if facts or value else type(node).__name__
    return name, operation, shape_text(node.shape), ", ".join(sources), " / ".join(node.layer)


def _table(rows: Sequence[Sequence[str]]) -> str:
    clipped = [[cell if len(cell) <= 40 else cell[:39] + "…" for cell in map(_one_line, row)] for row in rows]
    widths = [max(map(len, column)) for column in zip(*clipped, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in clipped]
    return "\n".join(lines)


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in text)
