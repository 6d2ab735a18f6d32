"""Program: the forward and backward of a graph as one list of steps, each defined once and from earlier steps only.

Nothing here knows a rule: Symbols pass through the same ``forward`` and ``backward`` that compute the numbers, and
what they record is written down step by step. Plans are made from a program, and other backends can be.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, final

import numpy as np

from chainrule.core.node import Constant, Leaf, Node
from chainrule.errors import ArgumentError, ChainruleError, GraphError, RuleError
from chainrule.notation import TextPrinter
from chainrule.notation.names import visible
from chainrule.symbols.dimensions import Dimension, Shape, shape_text
from chainrule.symbols.operations import OPERATIONS
from chainrule.symbols.symbol import Symbol, known_shape

if TYPE_CHECKING:
    from chainrule.graph import Graph

Operation: TypeAlias = Callable[..., Any]
_FLOAT: Final = np.dtype(float)


@final
@dataclass(frozen=True, slots=True)
class Ref:
    """The value of an earlier step, by its number."""

    step: int

    def __repr__(self) -> str:
        return f"%{self.step}"


@final
@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One operation, as a Symbol records it, with Refs in the place of Symbols.

    Without an operation it is a leaf: a feed when it has no operands, else the constant that is its one operand.
    """

    operation: Operation | None
    operands: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    shape: Shape | None = None
    dtype: np.dtype[Any] = _FLOAT
    name: str | None = None
    """What people call the value: Z1, dW3; None for a value in between."""
    formula: str | None = None
    """The formula that the step completes, as the rule gives it."""
    named: Shape | None = None
    """The shape with named dimensions, where ``shape`` has their numbers."""
    refs: tuple[int, ...] = field(init=False, repr=False)
    """The numbers of the steps that it reads, once for every use."""

    def __post_init__(self) -> None:  # every pass asks for the refs, so they are found once
        found: list[int] = []
        map_refs(self.operands, lambda ref: found.append(ref.step))
        object.__setattr__(self, "refs", tuple(found))

    def reading(self, operands: tuple[Any, ...]) -> Step:
        """The same step of other operands; a fifth of the time of ``dataclasses.replace``."""
        rest = self.options, self.shape, self.dtype, self.name, self.formula, self.named
        return Step(self.operation, operands, *rest)

    @property
    def is_feed(self) -> bool:
        """Whether the value is given at every call."""
        return self.operation is None and not self.operands

    @property
    def is_constant(self) -> bool:
        """Whether the value is known from the start."""
        return self.operation is None and bool(self.operands)


class Call(ABC):
    """Something that a Symbol cannot pass through, called as it is; what it returns may be what it is given."""

    @property
    @abstractmethod
    def __name__(self) -> str:
        """What it is called when it is printed, as NumPy's functions have it."""

    @abstractmethod
    def __call__(self, *values: Any) -> Any:
        """What it returns for arrays."""


@final
@dataclass(frozen=True, slots=True)
class RuleCall(Call):
    """A rule that a Symbol cannot pass through, called as it is: its ``forward``, or its ``backward`` as a tuple."""

    node: Node
    way: Literal["forward", "backward"]

    @property
    def __name__(self) -> str:
        return f"{type(self.node).__name__}.{self.way}"

    def __call__(self, *values: Any) -> Any:
        """What the rule returns for arrays, which it cannot write to.

        Raises RuleError when the rule raises, or returns something that is no gradient.
        """
        arrays = [read_only(value) for value in values]
        try:
            returned = getattr(self.node, self.way)(*arrays)
            return _gradients(returned, arrays[2:]) if self.way == "backward" else np.asarray(returned)
        except Exception as error:
            what = f"{self.__name__}: {type(error).__name__}: {getattr(error, 'what', error)}"
            raise RuleError(what, where=self.node.where, node=self.node) from error


def pick(values: Any, place: int = 0) -> Any:
    """One of the gradients that a called rule returned."""
    return values[place]


def read_only(value: Any) -> Any:
    """A view that cannot be written to."""
    view = np.asarray(value).view()
    view.flags.writeable = False
    return view


def _gradients(returned: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:
    """One gradient per input, held to its shape; zeros where the rule returned None."""
    if type(returned) is not tuple or len(returned) != len(inputs):
        raise TypeError(f"it returns a tuple of {len(inputs)}, one gradient per input")
    gradients = tuple(np.zeros_like(x) if g is None else np.asarray(g) for g, x in zip(returned, inputs, strict=True))
    for k, (gradient, x) in enumerate(zip(gradients, inputs, strict=True)):
        if gradient.shape != x.shape:
            raise ValueError(f"the gradient of input {k} has shape {gradient.shape}, the input has {x.shape}")
    return gradients


@final
@dataclass(frozen=True, eq=False)
class Program:
    """Steps in an order in which they can be computed, and which of them are values and gradients of nodes.

    >>> from chainrule import Graph, Input, Mean, Parameter, Square
    >>> w, x = Parameter("w", (1, 2)), Input("x", (2, "m"))
    >>> print(record(Graph(Mean(Square(w @ x, name="s"), name="L"))).only(gradients=["w"]))
    %0  w = feed                            (1, 2)
    %1  x = feed                            (2, m)
    %2  matmul_1 = matmul(%0, %1)           (1, m)
    %3  s = square(%2)                      (1, m)
    %4  sum(%3)                             ()
    %5  L = divide(%4, m)                   ()
    %6  dL = 1.0                            ()
    %7  divide(%6, m)                       ()
    %8  ds = broadcast_to(%7, shape=(1, m)) (1, m)
    %9  multiply(2, %8)                     (1, m)
    %10 dmatmul_1 = multiply(%9, %2)        (1, m)
    %11 transpose(%1)                       (m, 2)
    %12 dw = matmul(%10, %11)               (1, 2)
    return L, dw
    """

    steps: tuple[Step, ...]
    values: Mapping[str, int]
    """The number of the step that is a node's value, by the node's name."""
    gradients: Mapping[str, int]
    """The number of the step that is a node's gradient, by the node's name."""
    outputs: tuple[str, ...]
    """The names of the nodes at which gradients start."""
    updates: Mapping[str, int] = field(default_factory=dict)
    """The number of the step that is the new value of a feed, by the name of the feed."""

    @property
    def handed(self) -> Mapping[str, int]:
        """What is handed back beside the values: the new values where feeds are updated, else the gradients."""
        return self.updates or self.gradients

    def handed_name(self, name: str) -> str:
        """What a result is called where it is written down: dW1, or new W1."""
        return f"new {name}" if self.updates else f"d{name}"

    @property
    def feeds(self) -> dict[str, int]:
        """The numbers of the feeds, by name."""
        return {str(step.name): k for k, step in enumerate(self.steps) if step.is_feed}

    @property
    def ends(self) -> tuple[int, ...]:
        """The numbers of all steps that are asked for."""
        return (*self.values.values(), *self.gradients.values(), *self.updates.values())

    def uses(self) -> list[int]:
        """How often each step is read, by steps and as a result."""
        counts = [0] * len(self.steps)
        for k in (*(k for step in self.steps for k in step.refs), *self.ends):
            counts[k] += 1
        return counts

    def only(self, values: Iterable[str] | None = None, gradients: Iterable[str] = ()) -> Program:
        """The program for these results alone (the outputs' values by default); what does not lead there is gone."""
        kept_values = {name: self.values[name] for name in (self.outputs if values is None else values)}
        kept = replace(self, values=kept_values, gradients={name: self.gradients[name] for name in gradients})
        return kept.without_dead_steps()

    def without_dead_steps(self) -> Program:
        """The same results without the steps that none of them needs; feeds stay, so that a call stays the same."""
        alive = [step.is_feed for step in self.steps]
        for k in self.ends:
            alive[k] = True
        for k in range(len(self.steps) - 1, -1, -1):
            for source in self.steps[k].refs if alive[k] else ():
                alive[source] = True
        return rewrite(self, lambda builder, step, k: builder.append(step) if alive[k] else None)

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __repr__(self) -> str:
        return f"<Program of {len(self.steps)} steps: {self._results()}>"

    def _results(self) -> str:
        return visible(", ".join([*self.values, *map(self.handed_name, self.handed)]))

    def __str__(self) -> str:
        shown = list(enumerate(self.steps))
        if len(shown) > 2 * _HEAD:
            shown = shown[:_HEAD] + shown[-_HEAD:]
        rows = [(f"%{k}", step_text(step), shape_text(step.shape)) for k, step in shown]
        first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
        lines = [f"{a.ljust(first)} {b.ljust(second)} {c}" for a, b, c in rows]
        if len(shown) < len(self.steps):
            lines.insert(_HEAD, f"… {len(self.steps) - len(shown)} more")
        return "\n".join([*lines, f"return {self._results()}"])


_HEAD: Final = 100  # steps shown at each end of a long program
_WIDEST: Final = 60


def step_text(step: Step) -> str:
    """A step as a call: ``Z1 = add(%2, %3)``."""
    return (f"{visible(step.name)} = " if step.name else "") + _call_text(step)


def _call_text(step: Step) -> str:
    if step.is_feed:
        return "feed"
    if step.is_constant:
        return _operand_text(step.operands[0])
    arguments = [_operand_text(operand) for operand in step.operands]
    arguments += [f"{key}={value}" for key, value in step.options.items()]
    return f"{step.operation.__name__}({', '.join(arguments)})"  # type: ignore[union-attr]  # it has an operation


def _operand_text(operand: Any) -> str:
    if isinstance(operand, np.ndarray):
        operand = operand.item() if operand.ndim == 0 else f"array{operand.shape}"
    text = str(operand) if not isinstance(operand, tuple) else f"({', '.join(map(_operand_text, operand))})"
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def map_refs(operand: Any, change: Callable[[Ref], Any]) -> Any:
    """An operand with its Refs replaced, also inside the tuples and slices of an index."""
    kind = type(operand)  # an exact type is asked for faster than a kind of it
    if kind is Ref:
        return change(operand)
    if kind is tuple or kind is list:
        return tuple(map_refs(part, change) for part in operand)
    if kind is slice:
        return slice(*(map_refs(part, change) for part in (operand.start, operand.stop, operand.step)))
    return operand


# --- building --------------------------------------------------------------------------------------------------------


@final
class Builder:
    """A program in the making. ``trace`` appends what a function of NumPy does to earlier steps."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def append(self, step: Step) -> Ref:
        """Add a step and return the Ref to it."""
        self.steps.append(step)
        return Ref(len(self.steps) - 1)

    def constant(self, value: Any, name: str | None = None) -> Ref:
        """Add a constant."""
        array = np.asarray(value)
        return self.append(Step(None, (array,), shape=array.shape, dtype=array.dtype, name=name))

    def symbols(self, operands: Iterable[Any]) -> tuple[list[Any], dict[int, Any]]:
        """A Symbol for every Ref, numbers as they are; and by identity what each Symbol stands for."""
        known: dict[int, Any] = {}

        def symbol(ref: Ref) -> Symbol:
            step = self.steps[ref.step]
            made = Symbol.leaf(step.name or f"v{ref.step}", step.shape, step.dtype)
            known[id(made)] = ref
            return made

        return [map_refs(operand, symbol) for operand in operands], known

    def trace(self, function: Operation, *operands: Any) -> Any:
        """What the function returns for these operands, with a Ref for every Symbol in it."""
        symbols, known = self.symbols(operands)
        return self.write(function(*symbols), known)

    def write(self, result: Any, known: dict[int, Any]) -> Any:
        """Append what Symbols recorded, operands first, without recursion; ``known`` are those that exist already."""
        ends: list[Symbol] = []
        _visit(result, ends.append)
        waiting = ends[::-1]
        while waiting:
            symbol = waiting[-1]
            missing: list[Symbol] = []
            if id(symbol) not in known:
                _visit(symbol.operands, lambda s: missing.append(s) if id(s) not in known else None)  # noqa: B023 — used at once
            if missing:
                waiting.extend(reversed(missing))
                continue
            waiting.pop()
            if id(symbol) not in known:
                known[id(symbol)] = self._append_symbol(symbol, known)
        return _exchange(result, known)

    def _append_symbol(self, symbol: Symbol, known: Mapping[int, Any]) -> Ref:
        operands = _exchange(symbol.operands, known)
        return self.append(Step(symbol.operation, operands, symbol.options, symbol.known_shape, symbol.dtype))

    def label(self, ref: Ref, name: str, formula: str | None = None) -> None:
        """Give the value of a step its name, unless it has one."""
        step = self.steps[ref.step]
        if step.name is None:
            self.steps[ref.step] = replace(step, name=name, formula=formula)


def _visit(value: Any, see: Callable[[Symbol], Any]) -> None:
    """Show every Symbol in a value, also inside tuples and slices."""
    if isinstance(value, Symbol):
        see(value)
    elif isinstance(value, (tuple, list)):
        for part in value:
            _visit(part, see)
    elif isinstance(value, slice):
        _visit((value.start, value.stop, value.step), see)


def _exchange(value: Any, known: Mapping[int, Any]) -> Any:
    if isinstance(value, Symbol):
        return known[id(value)]
    if isinstance(value, (tuple, list)):
        return tuple(_exchange(part, known) for part in value)
    if isinstance(value, slice):
        return slice(*(_exchange(part, known) for part in (value.start, value.stop, value.step)))
    return value


Change: TypeAlias = Callable[[Builder, Step, int], Any]


def rewrite(program: Program, change: Change) -> Program:
    """The program that ``change`` makes step by step: it is handed each step, its operands renewed, and its number.

    It returns the Ref that stands for the step from there on, a number, or None for a step that nobody reads.
    """
    builder = Builder()
    new: list[Any] = []
    for k, step in enumerate(program.steps):
        same = all(type(new[ref]) is Ref and new[ref].step == ref for ref in step.refs)
        renewed = step if same else step.reading(map_refs(step.operands, lambda ref: new[ref.step]))
        new.append(change(builder, renewed, k))
    ends = {k: _as_ref(builder, new[k], program.steps[k]) for k in dict.fromkeys(program.ends)}
    values = {name: ends[k] for name, k in program.values.items()}
    gradients = {name: ends[k] for name, k in program.gradients.items()}
    updates = {name: ends[k] for name, k in program.updates.items()}
    return replace(program, steps=tuple(builder.steps), values=values, gradients=gradients, updates=updates)


def _as_ref(builder: Builder, value: Any, step: Step) -> int:
    """The number of the step for a result; a result that has become a number becomes a constant again."""
    return value.step if isinstance(value, Ref) else builder.constant(np.asarray(value, dtype=step.dtype)).step


# --- recording -------------------------------------------------------------------------------------------------------


def record(graph: Graph) -> Program:
    """The forward and backward of a graph, with the value and the gradient of every node.

    Gradients start with 1 at every output, so outputs are scalars: raises ArgumentError for others. A rule that a
    Symbol cannot pass through becomes a step that calls it. Raises RuleError when a rule returns what is no gradient.
    """
    for node in graph.outputs:
        if node.shape:
            raise ArgumentError(
                f"gradients start at a scalar loss, and {graph.name(node)} has shape {shape_text(node.shape)}",
                where=node.where,
                remedy="Sum or Mean of it; a Run starts from any gradient: run.backward(seed=...)",
            )
    recording = _Recording(graph)
    for node in graph.order:
        recording.forward(node)
    for node in reversed(graph.order):
        recording.backward(node)
    return recording.program()


@final
class _Recording:
    """One recording in the making: the steps so far, and what every node has received from its consumers."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.builder = Builder()
        self.values: dict[Node, Ref] = {}
        self.gradients: dict[Node, Ref] = {}
        self.received: dict[Node, list[tuple[Ref, str]]] = {node: [] for node in graph.order}
        self.differentiable = {n for n in graph.order if not isinstance(n, Constant) and n.dtype.kind == "f"}

    def program(self) -> Program:
        values = {self.graph.name(node): self.values[node].step for node in self.graph.order}
        gradients = {
            self.graph.name(node): self.gradients[node].step for node in self.graph.order if node in self.gradients
        }
        return Program(tuple(self.builder.steps), values, gradients, tuple(map(self.graph.name, self.graph.outputs)))

    def forward(self, node: Node) -> None:
        name = self.graph.name(node)
        if isinstance(node, Constant):
            self.values[node] = self.builder.constant(node.value, name=name)
        elif isinstance(node, Leaf):
            self.values[node] = self.builder.append(Step(None, shape=node.shape, dtype=node.dtype, name=name))
        else:
            value, formula = self._value(node, [self.values[source] for source in node.inputs])
            self.builder.label(value, name, formula)
            self.values[node] = value

    def _value(self, node: Node, sources: list[Ref]) -> tuple[Ref, str]:
        symbols, known = self.builder.symbols(sources)
        try:
            traced = node.forward(*symbols)
            return self._written(traced, known), formula_text(traced)
        except Exception:  # whatever an untraceable rule raises on a Symbol: it is called on arrays
            call = RuleCall(node, "forward")
            return self.builder.append(Step(call, tuple(sources), {}, node.shape, node.dtype)), f"{call.__name__}(…)"

    def _written(self, traced: Any, known: dict[int, Any]) -> Ref:
        ref = self.builder.write(traced, known)
        return ref if isinstance(ref, Ref) else self.builder.constant(ref)

    def backward(self, node: Node) -> None:
        name, parts = "d" + self.graph.name(node), self.received.pop(node)
        if node in self.graph.outputs:
            parts.insert(0, (self.builder.constant(np.ones(())), "1"))
        if not parts or node not in self.differentiable:
            return
        total = parts[0][0]
        for part, _ in parts[1:]:
            total = self.builder.trace(np.add, total, part)
        self.builder.label(total, name, " + ".join(text for _, text in parts))
        self.gradients[node] = total
        if not isinstance(node, Leaf):
            self._send_back(node, total)

    def _send_back(self, node: Node, grad: Ref) -> None:
        operands = [grad, self.values[node], *(self.values[source] for source in node.inputs)]
        for source, gradient in zip(node.inputs, self._local_gradients(node, operands), strict=True):
            if gradient is not None and source in self.differentiable:
                self.received[source].append(gradient)

    def _local_gradients(self, node: Node, operands: list[Ref]) -> list[tuple[Ref, str] | None]:
        symbols, known = self.builder.symbols(operands)
        try:
            traced = node.backward(*symbols)
        except Exception:  # as for forward
            return self._called_gradients(node, operands)
        _check_gradients(node, traced)
        return [None if g is None else (self._written(g, known), formula_text(g)) for g in traced]

    def _called_gradients(self, node: Node, operands: list[Ref]) -> list[tuple[Ref, str] | None]:
        call = RuleCall(node, "backward")
        every = self.builder.append(Step(call, tuple(operands)))
        picked = [Step(pick, (every,), {"place": k}, x.shape, x.dtype) for k, x in enumerate(node.inputs)]
        return [
            (self.builder.append(step), f"{call.__name__}(…)[{k}]") if node.inputs[k] in self.differentiable else None
            for k, step in enumerate(picked)
        ]


def formula_text(traced: Any) -> str:
    """What a Symbol has recorded, in one line."""
    if not isinstance(traced, Symbol):
        return "…"
    return visible(TextPrinter().print(traced))


def _check_gradients(node: Node, traced: Any) -> None:
    if type(traced) is not tuple or len(traced) != len(node.inputs):
        what = f"{type(node).__name__}.backward: it returns a tuple of {len(node.inputs)}, one gradient per input"
        raise RuleError(what, where=node.where, node=node)
    for k, (gradient, x) in enumerate(zip(traced, node.inputs, strict=True)):
        shape = None if gradient is None else known_shape(gradient)
        if shape is not None and x.shape is not None and shape != x.shape:
            what = f"the gradient of input {k} has shape {shape_text(shape)}, the input has {shape_text(x.shape)}"
            raise RuleError(f"{type(node).__name__}.backward: {what}", where=node.where, node=node)


# --- verifying -------------------------------------------------------------------------------------------------------


def verify(program: Program, known: dict[Any, Shape | None] | None = None) -> None:
    """Hold a program to its rules; raises GraphError, naming the step, when one is broken.

    Every operand is an earlier step; every name is defined once; the shape of every step is the one that its
    operation gives for the shapes of its operands; every result is a step. ``known`` keeps the shapes that have been
    found, for the next program of the same kind.
    """
    known = {} if known is None else known
    names: set[str] = set()
    for k, step in enumerate(program.steps):
        if step.name in names:
            raise GraphError(f"step %{k}: {step.name!r} is defined twice")
        names |= {step.name} if step.name else set()
        if any(not 0 <= source < k for source in step.refs):
            raise GraphError(f"step %{k} reads a step that is not before it", given=step_text(step))
        shape = _remembered_shape(program.steps, step, known)
        if shape is not None and step.shape is not None and shape != step.shape:
            raise GraphError(
                f"step %{k} has shape {shape_text(step.shape)} and computes {shape_text(shape)}", given=step_text(step)
            )
    if any(not 0 <= k < len(program.steps) for k in program.ends):
        raise GraphError("a result of the program is no step")


def _remembered_shape(steps: Sequence[Step], step: Step, known: dict[Any, Shape | None]) -> Shape | None:
    """What ``inferred_shape`` says, asked once for the same operation on the same shapes."""
    if step.operation is None or isinstance(step.operation, Call) or step.operation is pick:
        return inferred_shape(steps, step)
    operands = map_refs(step.operands, lambda ref: ("of shape", steps[ref.step].shape))
    key = (step.operation, operands, tuple(step.options.items()))
    try:
        return known[key]
    except TypeError:  # an index with slices, or an array, cannot be looked up
        return inferred_shape(steps, step)
    except KeyError:
        found = known[key] = inferred_shape(steps, step)
        return found


def inferred_shape(steps: Sequence[Step], step: Step) -> Shape | None:
    """The shape that an operation gives for its operands; None where it cannot be said without data."""
    if step.is_constant:
        return tuple(np.shape(step.operands[0]))
    if step.operation is None or isinstance(step.operation, Call) or step.operation is pick:
        return step.shape
    if step.operation is np.astype:
        return steps[step.refs[0]].shape
    if not step.operands:  # there is no Symbol to ask for zeros
        return OPERATIONS[step.operation].shape(**step.options)
    operands = map_refs(step.operands, lambda ref: Symbol.leaf(None, steps[ref.step].shape, steps[ref.step].dtype))
    if isinstance(step.operation, np.ufunc):  # a size such as m is a number there
        operands = tuple(Symbol.leaf(None, ()) if isinstance(operand, Dimension) else operand for operand in operands)
    try:
        return known_shape(step.operation(*operands, **step.options))
    except ChainruleError as error:
        raise GraphError(f"{step_text(step)}: {error.what}") from error
