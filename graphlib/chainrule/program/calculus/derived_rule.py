"""A class with a forward alone, written out with the backward that is derived from it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import numpy as np
import numpy.typing as npt

from chainrule.core.derived import Recorded, back_through, result_of, steps_of
from chainrule.core.leaves import Input
from chainrule.core.node import Node
from chainrule.core.output import made
from chainrule.errors import ArgumentError, ChainruleError, Untraceable
from chainrule.program.calculus.rule_text import RuleText, body, imports
from chainrule.symbols.broadcasting import unbroadcast
from chainrule.symbols.dimensions import Dimension, Shape, shape_text
from chainrule.symbols.symbol import Symbol, record


def derived_rule(kind: type[Node], *examples: npt.ArrayLike, **facts: Any) -> str:
    """A class with a forward alone as source, with its backward in NumPy: to be read, and pasted.

    >>> from chainrule import Node
    >>> class Swish(Node):
    ...     beta: float = 1.0
    ...
    ...     def forward(self, x):
    ...         return x / (1 + np.exp(-self.beta * x))
    >>> print(derived_rule(Swish))
    import numpy as np
    import chainrule as cr
    <BLANKLINE>
    <BLANKLINE>
    class Swish(cr.Node):
        beta: float = 1.0
    <BLANKLINE>
        def forward(self, x):
            return x / (1 + np.exp(-self.beta * x))
    <BLANKLINE>
        def backward(self, grad, y, x):
            ...

    Both methods are written from what the forward records, so it need not stand in a file. ``examples`` are arrays such
    as ``check_node`` takes, with a different size on every axis: they say how many axes inputs have, and which sizes
    are equal; without them a single input, or several of one shape, are taken to have two axes. Facts that are numbers
    stay facts; what others are is written in.

    Raises Untraceable, saying which call is in the way, where the forward cannot be recorded; ArgumentError for a class
    with a backward of its own, and where the forward needs examples.
    """
    _require_class(kind)
    if kind.backward is not Node.backward:
        raise ArgumentError(
            f"{kind.__name__} has a backward of its own, so none is derived",
            remedy=f"inspect.getsource({kind.__name__})",
        )
    names = _names(kind, len(examples))
    shapes = shapes_of_inputs(names, [np.shape(example) for example in examples] if examples else None)
    try:
        return _Written(kind, names, shapes, facts, broadcast=not examples and len(names) > 1).text()
    except Untraceable:
        if not examples:
            raise
        return _Written(kind, names, [np.shape(example) for example in examples], facts).text()
    except ChainruleError as error:
        if examples:
            raise
        raise ArgumentError(
            f"{kind.__name__}.forward does not take inputs of one shape with two axes: {error.what}",
            remedy=f"examples, as check_node takes them: derived_rule({kind.__name__}, {', '.join(names)})",
        ) from error


def _names(kind: type[Node], count: int) -> list[str]:
    """What the inputs are called: as in the forward; those of a rule that takes any number are numbered."""
    parameters = list(inspect.signature(kind.forward).parameters.values())[1:]
    placed = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
    if rest is not None and count <= len(placed):
        raise ArgumentError(
            f"{kind.__name__} takes any number of inputs", remedy=f"derived_rule({kind.__name__}, a, b) with examples"
        )
    return placed if rest is None else [*placed, *(f"{rest}_{k}" for k in range(count - len(placed)))]


def shapes_of_inputs(names: Sequence[str], given: Sequence[tuple[int, ...]] | None) -> list[Shape]:
    """The shapes of the inputs, whose sizes are written as ``x.shape[0]``; 1 is 1, since it may be broadcast."""
    if given is None:
        return [tuple(Dimension.named(f"{names[0]}.shape[{k}]") for k in range(2))] * len(names)
    if len(given) != len(names):
        raise ArgumentError(f"{len(names)} inputs ({', '.join(names)}) need as many examples, not {len(given)}")
    known: dict[int, Any] = {0: 0, 1: 1}
    for name, shape in zip(names, given, strict=True):
        for k, size in enumerate(shape):
            known.setdefault(size, Dimension.named(f"{name}.shape[{k}]"))
    return [tuple(known[size] for size in shape) for shape in given]


def _require_class(given: Any) -> None:
    if isinstance(given, type) and issubclass(given, Node):
        return
    own = type(given).__name__ if isinstance(given, Node) else "Mine"
    raise ArgumentError(
        "derived_rule takes a class of nodes, and arrays to try it with",
        given=repr(given),
        remedy=f"derived_rule({own})" + ", with class Mine(cr.Node) around the forward" * (own == "Mine"),
    )


@final
class _Written:
    """One class written out."""

    def __init__(
        self,
        kind: type[Node],
        names: Sequence[str],
        shapes: Sequence[Shape],
        facts: Mapping[str, Any],
        broadcast: bool = False,
    ) -> None:
        self.kind, self.names, self.broadcast = kind, list(names), broadcast
        self.shapes = dict(zip(names, shapes, strict=True))
        probe = kind(*(Input(name, shape) for name, shape in self.shapes.items()), **facts)
        self.facts = dict(probe.facts)
        notes = inspect.get_annotations(kind)
        numbers = [fact for fact, x in self.facts.items() if type(x) is float or notes.get(fact) in (float, "float")]
        self.open, self.steps = self._recorded(numbers)

    def _recorded(self, numbers: Sequence[str]) -> tuple[Sequence[str], Recorded]:
        """The steps with facts that are numbers left open, if the forward does not ask what they are."""
        for open_facts in (numbers, ()) if numbers else ((),):
            try:
                return open_facts, steps_of(self.kind, self._forward(open_facts), self._leaves(open_facts))
            except Untraceable:
                if not open_facts:
                    raise
        raise AssertionError

    def _leaves(self, open_facts: Sequence[str]) -> list[Node]:
        return [*(Input(n, s) for n, s in self.shapes.items()), *(Input(f"self.{fact}") for fact in open_facts)]

    def _forward(self, open_facts: Sequence[str]) -> Callable[..., Any]:
        """The forward of values and of the facts that are open."""
        count = len(self.names)

        def forward(*values: Any) -> Any:
            facts = {**self.facts, **dict(zip(open_facts, values[count:], strict=True))}
            nowhere = {"inputs": (), "name": None, "layer": (), "facts": facts, "_line": ("", 0), "built": ()}
            return made(self.kind, {**facts, **nowhere}).forward(*values[:count])

        return forward

    def text(self) -> str:
        """The source of the class."""
        symbols = [Symbol.leaf(leaf.name, leaf.shape) for leaf in self.steps.leaves]
        end = self._end(symbols)
        output = Symbol.leaf(self._fresh("y"), end.known_shape)
        sent = back_through(self.steps, Symbol.leaf(self._fresh("grad"), end.known_shape), output, symbols)
        gradients = [self._of_input(*pair) for pair in zip(sent, symbols[: len(self.names)], strict=False)]
        printer = RuleText({**self.shapes, output.name or "": end.known_shape}, f"{self.names[0]}.dtype")
        head = ["import numpy as np", "import chainrule as cr", *imports([end, *gradients]), "", ""]
        return "\n".join([*head, *self._told(), *self._class([end], gradients, printer)]) + "\n"

    def _end(self, symbols: Sequence[Symbol]) -> Any:
        """What the forward records, or, where it calls what only nodes know, what they record."""
        try:
            return self._forward(self.open)(*symbols)
        except Untraceable:
            return result_of(self.steps, symbols)

    def _told(self) -> list[str]:
        """For which facts and sizes this is the rule, where it is not for all."""
        fixed = [f"{fact}={value!r}" for fact, value in self.facts.items() if fact not in self.open]
        sizes = {size for shape in self.shapes.values() for size in shape if isinstance(size, int)} - {0, 1}
        fixed += [f"{name} {shape_text(shape)}" for name, shape in self.shapes.items()] if sizes else []
        return [f"# for {', '.join(fixed)}"] if fixed else []

    def _of_input(self, gradient: Any, x: Symbol) -> Any:
        """A gradient in the shape of its input, which other inputs may have broadcast."""
        if gradient is None or not self.broadcast:
            return gradient
        return record(unbroadcast, (gradient, x), {})

    def _fresh(self, name: str) -> str:
        while name in self.names:
            name += "_"
        return name

    def _class(self, forward: Sequence[Any], backward: Sequence[Any], printer: RuleText) -> list[str]:
        inputs = ", ".join(self.names)
        lines, (result,) = body(forward, printer)
        steps, gradients = body(backward, printer)
        grad, y = self._fresh("grad"), self._fresh("y")
        return [
            f"class {self.kind.__name__}(cr.Node):",
            *self._facts(),
            f"    def forward(self, {inputs}):",
            *(f"        {line}" for line in [*lines, f"return {result}"]),
            "",
            f"    def backward(self, {grad}, {y}, {inputs}):",
            *(f"        {line}" for line in [*steps, *_returned(gradients)]),
        ]

    def _facts(self) -> list[str]:
        """The documentation and the facts of the class, an empty line behind them."""
        notes = inspect.get_annotations(self.kind)
        lines = [f'    """{self.kind.__doc__}"""', ""] if self.kind.__doc__ else []
        own = [f"    {fact}: {_type_text(notes.get(fact, float))} = {self.facts[fact]!r}" for fact in self.open]
        return [*lines, *own, ""] if own else lines


def _returned(gradients: Sequence[str]) -> list[str]:
    """The lines that return one gradient for each input."""
    alone = f"({gradients[0]},)" if len(gradients) == 1 else ", ".join(gradients)
    if len(alone) <= _LONGEST:
        return [f"return {alone}"]
    return ["return (", *(f"    {gradient}," for gradient in gradients), ")"]


_LONGEST = 100


def _type_text(note: Any) -> str:
    return note if isinstance(note, str) else getattr(note, "__name__", str(note))
