"""Node, the description of one step of a computation.

A node says what is computed from which inputs; it holds no result. Nodes are immutable, so one node can stand in
many graphs and threads can share it. A rule is a subclass with ``forward`` and, right under it, a local
``backward``: two pure functions of the values they are handed, in plain NumPy. Without a ``backward`` it is derived.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeAlias

import numpy as np

from chainrule.core.accepting import check_arguments, checked_name, is_masked
from chainrule.core.computed_sizes import frozen, node_of_size
from chainrule.core.facts import check_facts
from chainrule.core.no_backward import derived_backward, refuse_near_miss, without_forward
from chainrule.core.operable import Misfit, Operable
from chainrule.core.ordering import topological_order
from chainrule.core.output import made, output_of
from chainrule.core.placing import constant_for, here, place
from chainrule.errors import ArgumentError, ChainruleError, did_you_mean
from chainrule.shown.tables import html_table, html_text
from chainrule.shown.text import clipped, line_in, visible
from chainrule.symbols import operations
from chainrule.symbols.dimensions import Dimension, Shape, seen_by, shape_text
from chainrule.symbols.literals import literal
from chainrule.symbols.symbol import Symbol, Value

if TYPE_CHECKING:
    import numpy.typing as npt

Operand: TypeAlias = "Node | npt.ArrayLike"
"""What stands for an input of a node: a node, or a number or array that becomes a Constant."""

Computes: TypeAlias = "operations.Function | tuple[operations.Function, ...] | Mapping[operations.Function, Any]"
"""What a class computes: a function, or several; for each the facts that make the class compute it."""

_built = itertools.count()  # next() is one step of the interpreter: two threads never get the same number


class Node(Operable["Node"]):
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
    inputs. It returns one gradient per input, of that input's shape, or None where there is none. An input that
    ``forward`` gives the default None may be left out, the last first.

    Building a node raises ShapeError when shapes do not fit and ArgumentError for a wrong number of inputs or an
    unknown fact. The shape of a rule that a Symbol cannot pass through is learned: ``forward`` is tried on small random
    arrays. Where it cannot be told so, and ``shape_of`` does not say it, ``shape`` is None; the rule runs all the same.
    """

    inputs: tuple[Node, ...]
    name: str | None
    layer: tuple[str, ...]
    facts: dict[str, Any]
    built: tuple[int, ...]
    """When the node was built, counted in this process: graphs keep that order."""
    dtype: Any = np.dtype(float)
    gradient_order: int = 0
    """1 for a node of a backward pass, which may be called dW1 beside W1; 2 for one of the pass back through these."""
    _shape_from: Literal["traced", "learned", "declared", "unknown"] = "traced"

    has_gradient: ClassVar[bool] = True
    """Whether a gradient can arrive at a node whose value is floating; not where nothing that is fed moves it."""

    label_range: ClassVar[tuple[int, int] | None] = None
    """For a loss whose second input is labels: between which numbers they are."""

    def __init_subclass__(cls, computes: Computes | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if callable(cls.__dict__.get("shape")):
            raise ArgumentError(f"{cls.__name__}.shape is a node's own shape", remedy="def shape_of(self, x): ...")
        if cls.backward is Node.backward and cls.forward is not Node.forward:
            refuse_near_miss(cls, here())
        for function, facts in _computed(computes).items():
            operations.NODES[function] = functools.partial(cls.of_call, **facts) if facts else cls.of_call

    def __new__(cls, *inputs: Any, **facts: Any) -> Self:
        """Refuse a class without a rule, and what the ``__init__`` of the class does not take, with what it takes."""
        if getattr(cls.forward, "__isabstractmethod__", False):
            raise without_forward(cls, here())
        if cls.__init__ is not Node.__init__:
            check_arguments(cls, inputs, facts)
        return super().__new__(cls)

    def __init__(self, *inputs: Operand, name: str | None = None, **facts: Any) -> None:
        _check_arity(type(self), inputs)
        nodes = tuple(as_node(value, self) for value in inputs)
        self.__dict__.update(_facts(type(self), facts))
        self._describe(nodes, name)
        self.__dict__["facts"] = {fact: self.__dict__[fact] for fact in _known_facts(type(self))}
        self._complete(tuple(facts))

    def _describe(self, inputs: tuple[Node, ...], name: str | None) -> None:
        """Everything that all nodes have: what they read, what they are called, where they were built."""
        layer, line = place(self)
        self.__dict__.update(inputs=inputs, name=checked_name(name), layer=layer, _line=line, facts={}, _given=())
        self.__dict__["built"] = (next(_built),)

    def _complete(self, given: tuple[str, ...]) -> None:
        """What follows from the inputs: the facts that nobody has given, then the shape."""
        self.__dict__["_given"] = self._settle(given) if _settles(type(self)) else given
        self.__dict__["shape"] = _traced_shape(self)

    def _settle(self, given: tuple[str, ...]) -> tuple[str, ...]:
        """Let the class settle facts; what remains of those that were given."""
        told = {fact: self.facts[fact] for fact in given}
        try:
            settled = self.settled(told, *[seen_by(type(self), source.__dict__["shape"]) for source in self.inputs])
        except ChainruleError as error:
            raise _told_of(self, error) from None
        settled = {fact: frozen(value) for fact, value in settled.items()}
        self.__dict__.update(settled)
        self.facts.update(settled)  # the dict is this node's own, and nobody has seen it yet
        return tuple([fact for fact in given if fact not in settled])

    @abstractmethod
    def forward(self, *values: Any, **_: Any) -> Value:
        """The output, from the inputs' values."""

    def backward(self, *values: Any, **_: Any) -> Sequence[Value | None]:
        """The gradient of the loss for each input, from ``grad``, the output and the inputs' values.

        A class with a ``forward`` alone has this one: it goes through what the forward records in reverse, by the rules
        of the nodes that compute its steps. ``chainrule.derived_rule`` writes it down. Raises Untraceable, saying which
        call is in the way, where the forward cannot be recorded.
        """
        return derived_backward(self, *values)

    @property
    def is_derived(self) -> bool:
        """Whether the class has a forward alone, so that its backward is derived."""
        return type(self).backward is Node.backward

    @classmethod
    def of_call(cls, *operands: Any, **options: Any) -> Node:
        """The node for a call of the function that the class computes; operands and options as a Symbol records them.

        A class whose facts have other names than the options of the function says here which is which.
        """
        return cls(*operands, **options)

    @classmethod
    def settled(cls, given: Mapping[str, Any], *shapes: Shape | None) -> Mapping[str, Any]:
        """The facts that follow from the shapes of the inputs where nobody has given them; ``given`` is what has been.

        Rules see arrays, which have no names; so what depends on a named size is settled when a node is built, and
        again when it is rebuilt to read other inputs.

        >>> from chainrule import Input
        >>> class Feature(Node):
        ...     axis: int | None = None
        ...
        ...     @classmethod
        ...     def settled(cls, given, shape):
        ...         return {} if "axis" in given else {"axis": 1 - [str(size) for size in shape].index("m")}
        ...
        ...     def forward(self, x):
        ...         return x.sum(axis=self.axis)
        ...
        ...     def backward(self, grad, y, x):
        ...         return (np.broadcast_to(np.expand_dims(grad, self.axis), x.shape),)
        >>> Feature(Input("x", (3, "m"))).axis, Feature(Input("x", ("m", 3))).axis
        (0, 1)
        """
        return {}

    def remark(self) -> str:
        """What a derivation says of this node below its lines, generated from its shapes; "" for nothing."""
        return ""

    def shape_of(self, *shapes: Any) -> Any:
        """The shape of the output for the shapes of the inputs: what a rule may say itself where it cannot be found.

        An unknown shape is None, and so is what depends on the numbers. Sizes may have names, and can be computed with.

        >>> from chainrule import Input
        >>> class Largest(Node):
        ...     def forward(self, x):
        ...         return np.unique(x)[-100:]
        ...
        ...     def backward(self, grad, y, x):
        ...         return (np.where(x >= y[0], 1.0, 0.0) * grad.sum(),)
        ...
        ...     def shape_of(self, x):
        ...         return None if x is None or "m" in str(x) else (min(x[0], 100),)
        >>> Largest(Input("x", (3,))).shape, Largest(Input("x", "m")).shape
        ((3,), None)
        """
        return NotImplemented

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
    def shape(self) -> Shape | None:
        """The shape of the value, None where it is unknown before there is data; named sizes can be computed with."""
        return seen_by(self, self._plain_shape)

    @property
    def _plain_shape(self) -> Shape | None:
        """The same shape, whose sizes do not know of the node: every run holds its feeds to it."""
        try:
            shape: Shape | None = self.__dict__["shape"]
        except KeyError:  # while the node is being built
            raise AttributeError(f"{type(self).__name__} has no shape yet") from None
        return shape

    @property
    def given_facts(self) -> dict[str, Any]:
        """The facts that were given when the node was built, without defaults and without what was settled."""
        return {fact: self.facts[fact] for fact in self.__dict__["_given"]}

    @property
    def line(self) -> str:
        """The line that built the node, as ``file.py:12``."""
        return line_in(*self.__dict__["_line"])

    @property
    def where(self) -> str:
        """The node, its layer and the line that built it, for messages."""
        label = type(self).__name__ + (f" {self.name!r}" if self.name is not None else "")
        inside = f" in {' / '.join(self.layer)}" if self.layer else ""
        return f"{label}{inside}, built at {self.line}"

    def replace(self, *inputs: Node) -> Node:
        """The same node reading other inputs: the facts that were given, name, layer and line stay."""
        facts = _facts(type(self), self.given_facts)
        twin = made(type(self), {**self.__dict__, **facts, "facts": facts, "inputs": inputs})
        twin._complete(self.__dict__["_given"])
        return twin

    def relabel(self, name: str | None, like: Node) -> Node:
        """The same node under another name, with the layer, line and place in the order of ``like``."""
        built = self.built if self.built == like.built else (*like.built, *self.built)
        described = {"name": name, "layer": like.layer, "_line": like.__dict__["_line"], "built": built}
        if like.gradient_order:
            described["gradient_order"] = like.gradient_order
        return made(type(self), {**self.__dict__, **described})

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
        sources = self._sources()
        return visible(f"<{type(self).__name__}{name} {shape_text(self.shape)}{' of ' * bool(sources)}{sources}>")

    def _repr_html_(self) -> str:
        """A table for notebooks: what is computed, of what, in which shape and where."""
        about = {
            "name": self.name or "",
            "operation": type(self).__name__,
            "shape": shape_text(self.shape),
            "inputs": self._sources(),
            "facts": ", ".join(unusual_facts(self)),
            "layer": " / ".join(self.layer),
            "built at": self.line,
        }
        return html_table((), ((said, html_text(clipped(text, 200))) for said, text in about.items() if text))

    def _sources(self) -> str:
        return ", ".join(repr(node.name) if node.name else type(node).__name__ for node in self.inputs)


def as_node(value: Operand, consumer: Node) -> Node:
    """The node itself, or the Constant for a number or an array."""
    if isinstance(value, Node):
        return value
    if isinstance(value, Misfit):
        value.raised()
    if isinstance(value, (Dimension, Symbol)):
        sized: Node = node_of_size(value)
        return sized
    if isinstance(value, (str, bytes)) or value is None:
        raise ArgumentError(
            f"{type(consumer).__name__} takes nodes, numbers and arrays, not {value!r}",
            where=here(),
            remedy=f"Input({value!r}, shape=...)" if isinstance(value, str) else "a node, a number or an array",
        )
    if isinstance(value, (list, tuple)) and any(isinstance(part, Node) for part in value):
        kind = type(consumer).__name__
        raise ArgumentError(f"{kind} takes nodes one by one, not in a {type(value).__name__}", remedy=f"{kind}(a, b)")
    if isinstance(value, np.matrix) or is_masked(value):
        kind = type(value).__name__
        raise ArgumentError(
            f"{type(consumer).__name__} takes plain arrays: a {kind} has arithmetic of its own",
            where=here(),
            remedy="np.asarray(M) @ x, or * for entries" if kind == "matrix" else "np.where(mask, 0.0, x)",
        )
    constant: Node = constant_for(value, operations.NODES[operations.constant](value))
    return constant


def _computed(computes: Computes | None) -> Mapping[operations.Function, Mapping[str, Any]]:
    """The functions that a class computes, each with the facts that it means."""
    if isinstance(computes, Mapping):
        return computes
    functions = computes if isinstance(computes, tuple) else (computes,)
    return {function: {} for function in functions if function is not None}


# --- what is checked when a node is built ----------------------------------------------------------------------------


@functools.cache
def _forward_parameters(kind: type[Node]) -> tuple[tuple[str, ...], int, bool]:
    """The names of a rule's inputs, how many of them may be left out, and whether it takes any number more."""
    parameters = list(inspect.signature(kind.forward).parameters.values())[1:]
    placed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    spare = sum(p.default is None for p in placed)
    return tuple(p.name for p in placed), spare, any(p.kind is p.VAR_POSITIONAL for p in parameters)


def _check_arity(kind: type[Node], inputs: Sequence[Any]) -> None:
    names, spare, variadic = _forward_parameters(kind)
    least = max(1, len(names) - spare)
    fits = len(inputs) >= least and (variadic or len(inputs) <= len(names))
    if fits and (not spare or all(isinstance(x, Node) for x in inputs[least:])):  # what may be left out is a node
        return
    count = f"{len(names)} input{'s' * (len(names) != 1)} ({', '.join(names)})"
    if variadic or spare:
        most = "" if variadic else f" and at most {len(names)}"
        count = f"at least {least} input{'s' * (least != 1)}{most}" + f" ({', '.join(names)})" * bool(names)
    given = f"not {len(inputs)}" if not fits else "which are nodes where they may be left out"
    raise ArgumentError(
        f"{kind.__name__} takes {count}, {given}",
        where=here(),
        remedy=_as_keywords(kind, names[:least], inputs) or "values are positional, facts such as axis= are keywords",
    )


def _as_keywords(kind: type[Node], names: Sequence[str], inputs: Sequence[Any]) -> str:
    """The call with what is too much in it as facts, such as Sum(x, axis=1); "" where that cannot be meant."""
    surplus, facts = inputs[len(names) :], _known_facts(kind)
    if not surplus or len(surplus) > len(facts) or any(isinstance(value, Node) for value in surplus):
        return ""
    keywords = [f"{fact}={value!r}" for fact, value in zip(facts, surplus, strict=False)]
    return f"{kind.__name__}({', '.join([*names, *keywords])}): values are positional, facts are keywords"


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
        raise ArgumentError(f"{kind.__name__} {' and '.join(problems)}", where=here(), remedy=remedy)
    check_facts(kind, given)
    return {fact: frozen(given.get(fact, getattr(kind, fact, None))) for fact in known}


def unusual_facts(node: Node) -> list[str]:
    """The facts given to a node that differ from the class's own, as they are written: a fact may be an array."""
    written = {fact: repr(literal(value)) for fact, value in node.given_facts.items()}
    return [f"{fact}={text}" for fact, text in written.items() if text != repr(getattr(type(node), fact, None))]


def _traced_shape(node: Node) -> Shape | None:
    """The shape of the output: declared, or what Symbols that pass through ``forward`` have, or learned; else None."""
    arguments = (
        type(node),
        tuple(node.facts.items()),
        tuple((source.__dict__["shape"], source.dtype) for source in node.inputs),
    )
    try:
        found = output_of(*arguments)
    except ChainruleError as error:
        raise _told_of(node, error) from None
    node.__dict__["dtype"] = found.dtype
    if found.source != node._shape_from:
        node.__dict__["_shape_from"] = found.source
    return found.shape


def _told_of(node: Node, error: ChainruleError) -> ChainruleError:
    """The error as one of the node: where it was built, what it reads."""
    return type(error)(
        f"{node.where.partition(', built')[0]}: {error.what}",
        where=f"built at {node.line}" + (f", in {' / '.join(node.layer)}" if node.layer else ""),
        given=error.given or _inputs_text(node),
        remedy=error.remedy,
        node=node,
    )


@functools.cache
def _settles(kind: type[Node]) -> bool:
    """Whether a class settles facts of its own."""
    return any("settled" in vars(base) for base in kind.__mro__ if issubclass(base, Node) and base is not Node)


def _inputs_text(node: Node) -> str:
    names = input_names(node)
    return ", ".join(f"{name} {shape_text(source.shape)}" for name, source in zip(names, node.inputs, strict=True))


def input_names(node: Node) -> list[str]:
    """What to call the inputs in a message: their own names, else the rule's names for them."""
    names, _, _ = _forward_parameters(type(node))
    places = [*names, *(f"input {k}" for k in range(len(names), len(node.inputs)))]
    return [
        source.name or f"{type(source).__name__}" if source.name or source.inputs else place
        for source, place in zip(node.inputs, places, strict=False)
    ]


# --- pickling ------------------------------------------------------------------------------------------------------

Record: TypeAlias = tuple[type[Node], dict[str, Any], tuple[int, ...]]


def flatten(order: Iterable[Node]) -> list[Record]:
    """Nodes in topological order as a flat list: class, description, positions of the inputs."""
    order = tuple(order)
    position = {node: k for k, node in enumerate(order)}
    return [(type(n), _description(n), tuple(position[source] for source in n.inputs)) for n in order]


def _description(node: Node) -> dict[str, Any]:
    return {key: value for key, value in node.__dict__.items() if key not in ("inputs", "built")}


def unflatten(records: Sequence[Record]) -> list[Node]:
    """The nodes that ``flatten`` wrote down."""
    nodes: list[Node] = []
    for kind, description, positions in records:
        inputs = tuple(nodes[k] for k in positions)
        nodes.append(made(kind, {**description, "inputs": inputs, "built": (next(_built),)}))
    return nodes


def _last_of(records: Sequence[Record]) -> Node:
    return unflatten(records)[-1]
