"""Node, the description of one step of a computation.

A node says what is computed from which inputs; it holds no result. Nodes are immutable, so one node can stand in
many graphs and threads can share it. A rule is a subclass with ``forward`` and, right under it, a local
``backward``: two pure functions of the values they are handed, in plain NumPy.
"""

from __future__ import annotations

import functools
import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from chainrule.core.ordering import topological_order
from chainrule.core.read_only import read_only
from chainrule.errors import ArgumentError, ChainruleError, Untraceable, did_you_mean
from chainrule.symbols.dimensions import Shape, as_shape, shape_text
from chainrule.symbols.literals import literal
from chainrule.symbols.symbol import Symbol, Value

if TYPE_CHECKING:
    import numpy.typing as npt

Operand: TypeAlias = "Node | npt.ArrayLike"
"""What stands for an input of a node: a node, or a number or array that becomes a Constant."""

_PACKAGE = __file__[: -len("core/node.py")]  # pathlib would take a tenth of the time of the import
_layers: ContextVar[tuple[str, ...]] = ContextVar("chainrule_layers", default=())


@contextmanager
def layer(name: str) -> Iterator[None]:
    """Put the nodes built inside into a layer; layers nest.

    >>> from chainrule import Parameter
    >>> with layer("Layer 1"):
    ...     W = Parameter("W", (3, 2))
    >>> W.layer
    ('Layer 1',)
    """
    token = _layers.set((*_layers.get(), str(name)))
    try:
        yield
    finally:
        _layers.reset(token)


class Node(ABC):
    """One step of a computation. Subclass it, write ``forward`` and ``backward``, and the rest follows.

    Values are positional and facts are keywords: a rule's facts, such as ``axis``, are annotated attributes of the
    class, given by keyword when a node is built and read as ``self.axis``.

    >>> from chainrule import Input
    >>> class Scale(Node):
    ...     factor: float = 2.0
    ...
    ...     def forward(self, x):
    ...         return self.factor * x
    ...
    ...     def backward(self, grad, y, x):
    ...         return (self.factor * grad,)
    >>> Scale(Input("x", (3, "m")), factor=5.0, name="y").shape
    (3, m)

    ``backward`` is handed ``grad``, the gradient of the loss with respect to the output, then the output, then the
    inputs. It returns one gradient per input, of that input's shape, or None where there is none.

    Building a node raises ShapeError when shapes do not fit and ArgumentError for a wrong number of inputs or an
    unknown fact. A rule that a Symbol cannot pass through leaves ``shape`` None and runs all the same.
    """

    inputs: tuple[Node, ...]
    name: str | None
    layer: tuple[str, ...]
    shape: Shape | None
    facts: dict[str, Any]
    dtype: Any = np.dtype(float)

    operators: ClassVar[dict[str, type[Node]]] = {}
    label_range: ClassVar[tuple[int, int] | None] = None
    """For a loss whose second input is labels: between which numbers they are."""
    __array_ufunc__ = None  # so that ``array * node`` builds a node

    def __init_subclass__(cls, operator: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if operator is not None:
            Node.operators[operator] = cls

    def __init__(self, *inputs: Operand, name: str | None = None, **facts: Any) -> None:
        _check_arity(type(self), inputs)
        nodes = tuple(as_node(value, self) for value in inputs)
        self.__dict__.update(_facts(type(self), facts))
        self._describe(nodes, name)
        self.__dict__["facts"] = {fact: self.__dict__[fact] for fact in _known_facts(type(self))}
        self.__dict__["shape"] = _traced_shape(self)

    def _describe(self, inputs: tuple[Node, ...], name: str | None) -> None:
        """Everything that all nodes have: what they read, what they are called, where they were built."""
        self.__dict__.update(
            inputs=inputs, name=_checked_name(name), layer=_layers.get(), _line=_line_outside(), facts={}
        )

    @abstractmethod
    def forward(self, *values: Any, **_: Any) -> Value:
        """The output, from the inputs' values."""

    @abstractmethod
    def backward(self, *values: Any, **_: Any) -> Sequence[Value | None]:
        """The gradient of the loss for each input, from ``grad``, the output and the inputs' values."""

    def expand(self, *inputs: Node) -> Node | None:
        """The same computation built from simpler nodes; None for a rule that is not made of others."""
        return None

    def fuse(self, *inputs: Node) -> Node | None:
        """One node that computes the same, more exactly, from what an input is computed from; None where none does.

        A loss can so take the place of itself and the activation that it reads. What is no longer read is still
        computed.

        >>> from chainrule import BCELoss, Input, Sigmoid
        >>> z, y = Input("z", (1, "m")), Input("y", (1, "m"))
        >>> BCELoss(Sigmoid(z), y).fuse(Sigmoid(z), y)
        <SigmoidBCELoss () of 'z', 'y'>
        """
        return None

    @property
    def line(self) -> str:
        """The line that built the node, as ``file.py:12``."""
        path, number = self.__dict__["_line"]
        return f"{path}:{number}"

    @property
    def where(self) -> str:
        """The node, its layer and the line that built it, for messages."""
        label = type(self).__name__ + (f" {self.name!r}" if self.name is not None else "")
        inside = f" in {' / '.join(self.layer)}" if self.layer else ""
        return f"{label}{inside}, built at {self.line}"

    def replace(self, *inputs: Node) -> Node:
        """The same node reading other inputs: facts, name, layer and line stay."""
        twin = _made(type(self), {**self.__dict__, "inputs": inputs})
        twin.__dict__["shape"] = _traced_shape(twin)
        return twin

    def relabel(self, name: str | None, like: Node) -> Node:
        """The same node under another name, with the layer and line of ``like``."""
        described = {"name": name, "layer": like.layer, "_line": like.__dict__["_line"]}
        return _made(type(self), {**self.__dict__, **described})

    def __setattr__(self, name: str, value: Any) -> None:
        raise ArgumentError(
            f"a node never changes, so {name!r} cannot be set",
            where=self.where if "_line" in self.__dict__ else type(self).__name__,
            remedy=f"build another node; a fact is annotated on the class ('{name}: float = 1.0') and given by keyword",
        )

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    def __copy__(self) -> Node:
        return self  # nodes never change, so a copy is the node itself

    def __deepcopy__(self, memo: dict[int, Any]) -> Node:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _last_of, (flatten(topological_order([self])),)  # a flat list: pickling a chain must not recurse

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name is not None else ""
        sources = ", ".join(repr(node.name) if node.name else type(node).__name__ for node in self.inputs)
        return f"<{type(self).__name__}{name} {shape_text(self.shape)}{' of ' * bool(sources)}{sources}>"

    def __add__(self, other: Operand) -> Node:
        return _apply("+", self, other)

    def __radd__(self, other: Operand) -> Node:
        return _apply("+", other, self)

    def __sub__(self, other: Operand) -> Node:
        return _apply("-", self, other)

    def __rsub__(self, other: Operand) -> Node:
        return _apply("-", other, self)

    def __mul__(self, other: Operand) -> Node:
        return _apply("*", self, other)

    def __rmul__(self, other: Operand) -> Node:
        return _apply("*", other, self)

    def __truediv__(self, other: Operand) -> Node:
        return _apply("/", self, other)

    def __rtruediv__(self, other: Operand) -> Node:
        return _apply("/", other, self)

    def __matmul__(self, other: Operand) -> Node:
        return _apply("@", self, other)

    def __rmatmul__(self, other: Operand) -> Node:
        return _apply("@", other, self)

    def __pow__(self, other: Operand) -> Node:
        return _apply("**", self, other)

    def __rpow__(self, other: Operand) -> Node:
        return _apply("**", other, self)

    def __neg__(self) -> Node:
        return _apply("negative", self)

    def __getitem__(self, key: Any) -> Node:
        return Node.operators["[]"](self, key=key)

    @property
    def T(self) -> Node:
        """The transpose."""
        return _apply("T", self)

    __iter__ = None  # indexing alone would make Python loop over a node without end


def _made(kind: type[Node], description: dict[str, Any]) -> Node:
    """A node of this description, all of which has been checked before: the way around ``__init__``."""
    node = object.__new__(kind)
    node.__dict__.update(description)
    return node


def _apply(operator: str, *operands: Operand) -> Node:
    """The node that an operator stands for; the rules register themselves under their operator."""
    return Node.operators[operator](*operands)


def as_node(value: Operand, consumer: Node) -> Node:
    """The node itself, or the Constant for a number or an array."""
    if isinstance(value, Node):
        return value
    if isinstance(value, (str, bytes)) or value is None:
        raise ArgumentError(
            f"{type(consumer).__name__} takes nodes, numbers and arrays, not {value!r}",
            where=_here(),
            remedy=f"Input({value!r}, shape=...)" if isinstance(value, str) else "a node, a number or an array",
        )
    return Node.operators["constant"](value)


# --- what is checked when a node is built ----------------------------------------------------------------------------


@functools.cache
def _forward_parameters(kind: type[Node]) -> tuple[tuple[str, ...], bool]:
    """The names of a rule's inputs, and whether it takes any number of them."""
    parameters = list(inspect.signature(kind.forward).parameters.values())[1:]
    names = tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))
    return names, any(p.kind is p.VAR_POSITIONAL for p in parameters)


def _check_arity(kind: type[Node], inputs: Sequence[Any]) -> None:
    names, variadic = _forward_parameters(kind)
    if inputs and (variadic or len(inputs) == len(names)):
        return
    count = "at least 1 input" if variadic else f"{len(names)} input{'s' * (len(names) != 1)} ({', '.join(names)})"
    raise ArgumentError(
        f"{kind.__name__} takes {count}, not {len(inputs)}",
        where=_here(),
        remedy="values are positional, facts such as axis= are keywords",
    )


@functools.cache
def _known_facts(kind: type[Node]) -> tuple[str, ...]:
    """The annotated attributes of a rule, base classes first, without those that every node has."""
    kinds = [base for base in reversed(kind.__mro__) if issubclass(base, Node) and base is not Node]
    annotated = {n: note for base in kinds for n, note in inspect.get_annotations(base).items()}
    return tuple(name for name, note in annotated.items() if "ClassVar" not in str(note))


def _facts(kind: type[Node], given: dict[str, Any]) -> dict[str, Any]:
    known = _known_facts(kind)
    unknown = [did_you_mean(fact, known) for fact in given if fact not in known]
    missing = [fact for fact in known if fact not in given and not hasattr(kind, fact)]
    if unknown or missing:
        problems = [f"has no fact {', '.join(unknown)}"] if unknown else []
        problems += [f"needs {', '.join(missing)}"] if missing else []
        remedy = f"facts of {kind.__name__}: {', '.join(known) or 'none'}"
        raise ArgumentError(f"{kind.__name__} {' and '.join(problems)}", where=_here(), remedy=remedy)
    return {fact: _frozen(given.get(fact, getattr(kind, fact, None))) for fact in known}


def _frozen(fact: Any) -> Any:
    """A fact that nobody can change from outside: lists become tuples, arrays read-only copies."""
    if isinstance(fact, list):
        return tuple(map(_frozen, fact))
    return read_only(fact.copy()) if isinstance(fact, np.ndarray) else fact


def unusual_facts(node: Node) -> list[str]:
    """The facts of a node that differ from the class's own, as they are written: a fact may be an array."""
    written = {fact: repr(literal(value)) for fact, value in node.facts.items()}
    return [f"{fact}={text}" for fact, text in written.items() if text != repr(getattr(type(node), fact, None))]


def _checked_name(name: Any) -> str | None:
    if name is not None and (not isinstance(name, str) or not name):
        raise ArgumentError(
            f"a name is a text that is not empty, not {name!r}", where=_here(), remedy="any text, such as 'W1'"
        )
    return name


def _traced_shape(node: Node) -> Shape | None:
    """The shape of the output, by passing Symbols through ``forward``; None when the rule cannot be traced."""
    arguments = type(node), tuple(node.facts.items()), tuple((source.shape, source.dtype) for source in node.inputs)
    try:
        shape, node.__dict__["dtype"] = _trace(*arguments)
        return shape
    except Untraceable:
        return None
    except ChainruleError as error:
        raise type(error)(
            f"{node.where.partition(', built')[0]}: {error.what}",
            where=f"built at {node.line}" + (f", in {' / '.join(node.layer)}" if node.layer else ""),
            given=error.given or _inputs_text(node),
            remedy=error.remedy,
            node=node,
        ) from None
    except Exception:  # whatever a user's rule raises on a Symbol, it may still run on arrays
        return None


def _trace(kind: type[Node], facts: tuple[Any, ...], inputs: tuple[Any, ...]) -> tuple[Shape | None, np.dtype[Any]]:
    """Shape and dtype of a rule's output: a pure function, so what was traced before is remembered if it can be."""
    try:
        return _remembered_trace(kind, facts, inputs)
    except TypeError:  # a fact that cannot be hashed, such as an array; Untraceable is one, too, and comes again
        return _remembered_trace.__wrapped__(kind, facts, inputs)


@functools.lru_cache(maxsize=4096)  # 3 µs a node in place of 8; a large network has far fewer kinds of steps
def _remembered_trace(
    kind: type[Node], facts: tuple[Any, ...], inputs: tuple[Any, ...]
) -> tuple[Shape | None, np.dtype[Any]]:
    nowhere = {"inputs": (), "name": None, "layer": (), "facts": dict(facts), "_line": ("", 0)}
    probe = _made(kind, {**dict(facts), **nowhere})
    traced = probe.forward(*(Symbol(None, shape=shape, dtype=dtype) for shape, dtype in inputs))
    shape = traced.known_shape if isinstance(traced, Symbol) else as_shape(np.shape(traced))
    return shape, np.dtype(getattr(traced, "dtype", float))


def _inputs_text(node: Node) -> str:
    names = input_names(node)
    return ", ".join(f"{name} {shape_text(source.shape)}" for name, source in zip(names, node.inputs, strict=True))


def input_names(node: Node) -> list[str]:
    """What to call the inputs in a message: their own names, else the rule's names for them."""
    names, _ = _forward_parameters(type(node))
    places = [*names, *(f"input {k}" for k in range(len(names), len(node.inputs)))]
    return [
        source.name or f"{type(source).__name__}" if source.name or source.inputs else place
        for source, place in zip(node.inputs, places, strict=False)
    ]


def _line_outside() -> tuple[str, int]:
    """File and line of the nearest caller outside this package: the line of the user's that built the node."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _here() -> str:
    path, number = _line_outside()
    return f"{path}:{number}"


# --- pickling ------------------------------------------------------------------------------------------------------

Record: TypeAlias = tuple[type[Node], dict[str, Any], tuple[int, ...]]


def flatten(order: Iterable[Node]) -> list[Record]:
    """Nodes in topological order as a flat list: class, description, positions of the inputs."""
    order = tuple(order)
    position = {node: k for k, node in enumerate(order)}
    return [(type(n), _description(n), tuple(position[source] for source in n.inputs)) for n in order]


def _description(node: Node) -> dict[str, Any]:
    return {key: value for key, value in node.__dict__.items() if key != "inputs"}


def unflatten(records: Sequence[Record]) -> list[Node]:
    """The nodes that ``flatten`` wrote down."""
    nodes: list[Node] = []
    for kind, description, positions in records:
        nodes.append(_made(kind, {**description, "inputs": tuple(nodes[k] for k in positions)}))
    return nodes


def _last_of(records: Sequence[Record]) -> Node:
    return unflatten(records)[-1]
