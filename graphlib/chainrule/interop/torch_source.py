"""A rule written out as a function of PyTorch, from what its two methods record."""

from __future__ import annotations

import inspect
import operator
import textwrap
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from chainrule.core.leaves import Input
from chainrule.core.node import Node
from chainrule.core.rules import check_traced
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.interop import torch_forms, torch_windows
from chainrule.interop.torch_forms import form
from chainrule.program.builder import Builder
from chainrule.program.calculus.derived_rule import shapes_of_inputs
from chainrule.program.step import Ref, Step
from chainrule.symbols.dimensions import Dimension, shape_text
from chainrule.symbols.operations import number
from chainrule.symbols.symbol import as_number

_SIGNS: Final = {
    operator.add: "+", operator.mul: "*", operator.truediv: "/", operator.pow: "**", operator.eq: "==",
    operator.ne: "!=", operator.lt: "<", operator.le: "<=", operator.gt: ">", operator.ge: ">=",
    operator.and_: "&", operator.or_: "|", operator.xor: "^", torch_forms.subtract: "-",
}  # fmt: skip
_SIGNS_BEFORE: Final = {operator.neg: "-", operator.pos: "+", operator.invert: "~"}
_LONGEST: Final = 60  # characters of what is written inside of something else


def source_of(kind: type[Node], *examples: npt.ArrayLike, **facts: Any) -> str:
    """The class as source for PyTorch, for all sizes where its methods let these open, else for those of examples."""
    names = _names(kind, len(examples))
    arrays = [np.asarray(example) for example in examples]
    kinds = [array.dtype if array.dtype.kind in "iub" else float for array in arrays] or [float] * len(names)
    shapes = shapes_of_inputs(names, [array.shape for array in arrays] if examples else None)
    try:
        return _written(kind, [Input(*leaf) for leaf in zip(names, shapes, kinds, strict=True)], facts)
    except (ChainruleError, ValueError):
        if not examples:
            raise
    leaves = [Input(name, x.shape, dtype) for name, x, dtype in zip(names, arrays, kinds, strict=True)]
    return _written(kind, leaves, facts)


def _names(kind: type[Node], count: int) -> list[str]:
    """What the inputs are called, as many as there are examples; without these, all that have to be there."""
    parameters = list(inspect.signature(kind.forward).parameters.values())[1:]
    placed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
    needed = [p.name for p in placed if p.default is p.empty]
    most = len(placed) if rest is None else count
    if not (count or needed) or (count and not len(needed) <= count <= max(most, len(placed))):
        raise ArgumentError(
            f"{kind.__name__} takes {', '.join(p.name for p in parameters)}",
            given=f"{count} examples",
            remedy=f"to_source({kind.__name__}, ...) with an example for each input",
        )
    more = [f"{rest}_{k}" for k in range(count - len(placed))]
    return [*(p.name for p in placed), *more][:count] if count else needed


def _written(kind: type[Node], leaves: Sequence[Input], facts: Mapping[str, Any]) -> str:
    names = [str(leaf.name) for leaf in leaves]
    y, grad = _fresh("y", names), _fresh("grad", names)
    node = kind(*leaves, **facts)
    steps = Builder()
    read = [steps.append(Step(None, shape=leaf.shape, dtype=leaf.dtype, name=leaf.name)) for leaf in leaves]
    output = _recorded(steps, kind, node.forward, read)
    given = [steps.append(Step(None, shape=node.shape, name=name)) for name in (grad, y)]
    parts = _recorded(steps, kind, lambda *values: _checked(node, values), [*given, *read])
    forward = _Text(steps.steps, {*range(len(read))})
    backward = _Text(steps.steps, {*range(len(read)), *(ref.step for ref in given)})
    (result,), gradients = forward.of([output]), backward.of(["None" if part is None else part for part in parts])
    inputs = ", ".join(names)
    lines = [
        *_told(node, leaves),
        f"class {kind.__name__}(torch.autograd.Function):",
        f'    """{(kind.__doc__ or kind.__name__).splitlines()[0]}"""',
        "",
        "    @staticmethod",
        f"    def forward(ctx, {inputs}):",
        *(f"        {line}" for line in [*forward.lines, f"{y} = {result}"]),
        f"        ctx.save_for_backward({y}, {inputs})",
        f"        return {y}",
        "",
        "    @staticmethod",
        f"    def backward(ctx, {grad}):",
        f"        {y}, {inputs} = ctx.saved_tensors",
        *(f"        {line}" for line in [*backward.lines, f"return {', '.join(gradients)}"]),
    ]
    helpers = _with_what_they_call({**forward.used, **backward.used})
    return "\n".join([*_imports(helpers), *helpers.values(), *lines]) + "\n"


def _fresh(name: str, names: Sequence[str]) -> str:
    while name in names:
        name += "_"
    return name


def _told(node: Node, leaves: Sequence[Input]) -> list[str]:
    """For which facts and sizes this is the rule, where it is not for all."""
    fixed = [f"{fact}={value!r}" for fact, value in node.facts.items()]
    sizes = {size for leaf in leaves for size in leaf.shape or () if isinstance(size, int)} - {0, 1}
    fixed += [f"{leaf.name} {shape_text(leaf.shape)}" for leaf in leaves] if sizes else []
    return [f"# for {', '.join(fixed)}"] if fixed else []


_USED: Final = {
    "functools.": "import functools",
    "Callable": "from collections.abc import Callable",
    "Any": "from typing import Any",
}


def _imports(helpers: Mapping[str, str]) -> list[str]:
    text = "\n".join(helpers.values())
    uses = [line for word, line in _USED.items() if word in text]
    return [*uses, *([""] if uses else []), "import torch", "", ""]


def _checked(node: Node, values: Sequence[Any]) -> Any:
    parts = node.backward(*values)
    check_traced(node, parts)
    return parts


def _recorded(steps: Builder, kind: type[Node], function: Callable[..., Any], operands: Sequence[Ref]) -> Any:
    symbols, known = steps.symbols(operands)
    try:
        found = function(*symbols)
    except Exception as error:  # whatever a rule raises on a Symbol
        raise ArgumentError(
            f"{kind.__name__} cannot be recorded, so it cannot be written out: {error}",
            remedy="a rule of NumPy's functions alone; examples, as check_node takes them, for its shapes",
        ) from error
    if isinstance(found, tuple):
        return [None if part is None else steps.write(as_number(part), known) for part in found]
    return steps.write(as_number(found), known)


@final
class _Text:
    """Steps as lines of PyTorch: what is used more than once, or is long, has a line and a name."""

    def __init__(self, steps: Sequence[Step], given: Collection[int]) -> None:
        self.steps, self.lines = steps, list[str]()
        self.texts = {k: str(steps[k].name) for k in given}
        self.used: dict[str, Callable[..., Any]] = {}

    def of(self, ends: Sequence[Any]) -> list[str]:
        """The text of each of these."""
        needed = self._needed(ends)
        uses = [source for k in needed for source in self.steps[k].refs] + [e.step for e in ends if isinstance(e, Ref)]
        for k in needed:
            text = self._call(self.steps[k])
            if uses.count(k) > 1 or len(text) > _LONGEST:
                self.lines.append(f"v{len(self.lines) + 1} = {_bare(text)}")
                text = f"v{len(self.lines)}"
            self.texts[k] = text
        return [end if isinstance(end, str) else _bare(self._operand(end)) for end in ends]

    def _needed(self, ends: Sequence[Any]) -> list[int]:
        waiting, found = [end.step for end in ends if isinstance(end, Ref)], set[int]()
        while waiting:
            k = waiting.pop()
            if k not in found and k not in self.texts:
                found.add(k)
                waiting.extend(self.steps[k].refs)
        return sorted(found)

    def _call(self, step: Step) -> str:
        if step.is_constant:
            return self._operand(step.operands[0])
        if step.operation is number:
            return self._operand(step.operands[0])
        function: Any = form(step.operation)
        operands = [self._operand(operand) for operand in step.operands]
        if function in _SIGNS:
            return f"({operands[0]} {_SIGNS[function]} {operands[1]})"
        if function in _SIGNS_BEFORE:
            return f"({_SIGNS_BEFORE[function]}{operands[0]})"
        options = [f"{key}={self._option(key, value)}" for key, value in step.options.items()]
        return f"{self._named(function)}({', '.join([*operands, *options])})"

    def _named(self, function: Any) -> str:
        if getattr(function, "__module__", None) in (torch_forms.__name__, torch_windows.__name__):
            if hasattr(function, "__wrapped__"):
                self.used["back_through"] = torch_windows.back_through
                self.used[function.__name__] = function.__wrapped__
                return f"back_through({function.__name__})"
            self.used[function.__name__] = function
            return str(function.__name__)
        return f"torch.{function.__name__}"

    def _option(self, key: str, value: Any) -> str:
        if key == "dtype":
            return f"{self.texts[0]}.dtype" if np.dtype(value).kind == "f" else f"torch.{np.dtype(value).name}"
        return self._operand(value)

    def _operand(self, value: Any) -> str:
        if isinstance(value, Ref):
            return self.texts[value.step]
        if isinstance(value, (np.ndarray, np.generic)):
            array = np.asarray(value)
            like = f", dtype={self.texts[0]}.dtype" if array.dtype.kind == "f" else ""
            return self._operand(array.item()) if not array.ndim else f"torch.tensor({array.tolist()}{like})"
        if isinstance(value, slice):
            return f"slice({', '.join(self._operand(part) for part in (value.start, value.stop, value.step))})"
        if isinstance(value, (tuple, list)):
            return f"({', '.join(self._operand(part) for part in value)}{',' * (len(value) == 1)})"
        if isinstance(value, float) and not np.isfinite(value):
            return f'float("{value}")'
        return f"({value})" if isinstance(value, Dimension) else repr(value)


def _bare(text: str) -> str:
    """An expression without parentheses around all of it."""
    depth = 0
    for k, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0 and k < len(text) - 1:
            return text
    return text[1:-1] if text.startswith("(") and not text.endswith(",)") else text


def _with_what_they_call(used: Mapping[str, Callable[..., Any]]) -> dict[str, str]:
    """The source of functions, and of those of these files that they call, each behind what it calls."""
    found: dict[str, str] = {}
    waiting = list(used.items())
    while waiting:
        name, function = waiting.pop()
        found.pop(name, None)
        found = {name: f"{textwrap.dedent(inspect.getsource(function))}\n", **found}
        waiting.extend(_called_by(function))
    return found


def _called_by(function: Callable[..., Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name in function.__code__.co_names:
        found = getattr(torch_forms, name, None) or getattr(torch_windows, name, None)
        if (
            inspect.isfunction(found)
            and found is not function
            and found.__module__.startswith("chainrule.interop.torch")
        ):
            yield name, found
