"""A module of PyTorch, exported as a program of ATen operations, gone through step by step to build nodes."""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from chainrule.core.leaves import Constant, Input, Parameter
from chainrule.core.node import Node
from chainrule.core.ordering import topological_order
from chainrule.core.placing import Place, standing_at
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.interop.aten import LEFT_OUT, builder
from chainrule.interop.neighbour import torch
from chainrule.shown.text import line_in
from chainrule.symbols.dimensions import Shape

_FACTS_OF_MEMORY: Final = ("device", "layout", "pin_memory", "memory_format", "non_blocking", "requires_grad")


@final
class Exported:
    """One module in the making as a graph."""

    def __init__(
        self, module: Any, examples: Sequence[Any], batch: str | None, operations: Mapping[str, Callable[..., Any]]
    ) -> None:
        self.module, self.batch, self.operations = module, batch, operations
        self.length = _length(examples) if batch else None
        self.program = self._exported(tuple(examples))
        self.steps = list(self.program.graph.nodes)
        self.frames = _called(self.steps)
        self.values: dict[str, npt.NDArray[Any]] = {}
        self.inputs: list[Input] = []
        self.known: dict[Any, Any] = {}
        self._shared: dict[int, Parameter] = {}
        self._constants: dict[int, tuple[Constant, Any]] = {}  # with the tensor, whose id is nobody else's as long
        self._names: dict[int, str] = {}

    # --- what PyTorch says of it -----------------------------------------------------------------------------------

    def _exported(self, examples: tuple[Any, ...]) -> Any:
        """The program without operations that write to what is there, and with those that have nodes where it can."""
        with _in_silence():
            program = self._as_told(examples)
            targets = [step.target for step in program.graph.nodes if step.op == "call_function"]
            if any(_writes(target) or not self._is_known(target) for target in targets):
                table = torch.export.default_decompositions()
                kept = {op: form for op, form in table.items() if builder(str(op), self.operations) is None}
                program = program.run_decompositions(kept)
        return program

    def _as_told(self, examples: tuple[Any, ...]) -> Any:
        sizes = torch.utils._pytree.tree_map(self._sizes_of, examples)
        try:
            return torch.export.export(
                self.module, examples, dynamic_shapes=sizes if self.batch else None, strict=False
            )
        except Exception as error:  # whatever the module or PyTorch raises
            raise ArgumentError(
                f"torch.export cannot follow {type(self.module).__name__}: {_first_lines(error)}",
                given=", ".join(f"{type(x).__name__} {tuple(getattr(x, 'shape', ()))}" for x in examples),
                remedy="a forward whose steps do not depend on the data; batch=None where it needs one size of a batch",
            ) from error

    def _sizes_of(self, example: Any) -> Any:
        if not isinstance(example, torch.Tensor):
            return None
        return {0: torch.export.Dim(self.batch)} if self._is_batch(example) else {}

    def _is_batch(self, example: Any) -> bool:
        return bool(example.ndim) and example.shape[0] == self.length

    def _is_known(self, target: Any) -> bool:
        return (
            not hasattr(target, "_schema") or builder(str(target), self.operations) is not None or _is_left_out(target)
        )

    # --- what becomes of it ----------------------------------------------------------------------------------------

    def translated(self) -> tuple[list[Node], dict[str, Node]]:
        """The nodes that the module returns, and what PyTorch calls those on the way."""
        needed = self._needed()
        self._refuse_unknown(needed)
        specs = {spec.arg.name: spec for spec in self.program.graph_signature.input_specs}
        placeholders = [step for step in self.steps if step.op == "placeholder"]
        for step in sorted(placeholders, key=lambda step: specs[step.name].kind.name != "USER_INPUT"):
            self.known[step] = self._leaf(step, specs[step.name])
        for step in needed:
            self.known[step] = self._computed(step)
        names = {step.name: node for step in needed if isinstance(node := self.known[step], Node) and node.inputs}
        return [self._returned(step) for step in self._ends()], names

    def unread(self, outputs: Sequence[Node]) -> list[Input]:
        """The arguments that nothing is computed from."""
        read = set(topological_order(outputs))
        return [leaf for leaf in self.inputs if leaf not in read]

    def _ends(self) -> list[Any]:
        """The steps that are the module's own outputs, and not new values of its buffers."""
        returned = self.steps[-1].args[0]
        kinds = [spec.kind.name for spec in self.program.graph_signature.output_specs]
        ends = [step for step, kind in zip(returned, kinds, strict=True) if kind == "USER_OUTPUT" and step is not None]
        if not ends:
            raise ArgumentError(f"{type(self.module).__name__} returns no tensor", remedy="a forward that returns one")
        return ends

    def _returned(self, step: Any) -> Node:
        value = self.known[step] if isinstance(step, torch.fx.Node) else torch.as_tensor(step)
        return value if isinstance(value, Node) else self._node(value)

    def _needed(self) -> list[Any]:
        """The calls that lead to what the module returns."""
        waiting, found = [step for step in self._ends() if isinstance(step, torch.fx.Node)], set[Any]()
        while waiting:
            step = waiting.pop()
            if step not in found:
                found.add(step)
                waiting.extend(step.all_input_nodes)
        return [step for step in self.steps if step in found and step.op == "call_function"]

    def _refuse_unknown(self, steps: Sequence[Any]) -> None:
        """Raise ArgumentError for what has no node, all of it, with the lines of the module."""
        unknown = {str(step.target): step for step in reversed(steps) if self._lacks_node(step)}
        if not unknown:
            return
        random = {name: step for name, step in unknown.items() if _is_random(step.target)}
        names, told = list(random or unknown)[::-1], random or unknown
        lines = "; ".join(f"{name} in {self._told(told[name])}" for name in names)
        if random:
            raise ArgumentError(
                f"{', '.join(names)} draws other numbers at every call, so the module is no function of its arguments",
                where=lines,
                remedy="a module that takes what it draws as an argument",
            )
        raise ArgumentError(
            f"there is no node for {', '.join(names)}",
            where=lines,
            remedy=f"a node of your own, with that forward: from_module(..., operations={{{names[0]!r}: MyNode}})",
        )

    def _lacks_node(self, step: Any) -> bool:
        if self._is_known(step.target):
            return False
        leads_from_arguments = any(self._moves(source) for source in step.all_input_nodes)
        return leads_from_arguments or _is_random(step.target)

    def _moves(self, step: Any) -> bool:
        """Whether a value depends on arguments, parameters or a size with a name, and not on buffers alone."""
        waiting, met = [step], set[Any]()
        kinds = {spec.arg.name: spec.kind.name for spec in self.program.graph_signature.input_specs}
        while waiting:
            one = waiting.pop()
            if one.op == "placeholder" and kinds[one.name] in ("USER_INPUT", "PARAMETER"):
                return True
            if one not in met:
                met.add(one)
                waiting.extend(one.all_input_nodes)
        return False

    # --- leaves ----------------------------------------------------------------------------------------------------

    def _leaf(self, step: Any, spec: Any) -> Any:
        kind, path = spec.kind.name, spec.target
        if kind == "USER_INPUT":
            return self._argument(step)
        if kind == "PARAMETER":
            return self._parameter(path, step)
        held = self.program.state_dict if path in self.program.state_dict else self.program.constants
        self._names[id(held[path])] = path
        return held[path]

    def _argument(self, step: Any) -> Any:
        example = step.meta.get("val")
        if not isinstance(example, torch.Tensor):
            return example
        shape: Shape = tuple(size if isinstance(size, int) else self.batch for size in example.shape)  # type: ignore[misc]  # a name becomes a size
        with standing_at(((), self._line(step))):
            leaf = Input(step.name, shape, dtype=_dtype(example.dtype))
        self.inputs.append(leaf)
        return leaf

    def _parameter(self, path: str, step: Any) -> Parameter:
        """A leaf by its path; two modules that share it read one leaf."""
        tensor = self.program.state_dict[path]
        if tensor.data_ptr() and (shared := self._shared.get(tensor.data_ptr())) is not None:
            return shared
        with standing_at((self._frames_around(path), self._line(next(iter(step.users), step)))):
            leaf = Parameter(path, tuple(tensor.shape))
        self._shared[tensor.data_ptr()] = leaf
        self.values[path] = as_array(tensor)
        return leaf

    def _node(self, value: Any) -> Any:
        """What a step reads, as nodes take it: arrays that stand still are constants."""
        if not isinstance(value, torch.Tensor):
            return value
        if id(value) not in self._constants:
            array, name = as_array(value), self._names.get(id(value))
            with standing_at((self._frames_around(name or ""), ("", 0))):
                self._constants[id(value)] = Constant(array, name=name, dtype=_dtype(value.dtype)), value
        return self._constants[id(value)][0]

    # --- steps -----------------------------------------------------------------------------------------------------

    def _computed(self, step: Any) -> Any:
        arguments = torch.fx.node.map_arg(list(step.args), lambda source: self.known[source])
        options = torch.fx.node.map_arg(dict(step.kwargs), lambda source: self.known[source])
        name = str(step.target)
        if not hasattr(step.target, "_schema"):  # Python's own, of sizes and of tuples
            return step.target(*arguments)
        if name == "aten.sym_size.int":
            return arguments[0].shape[arguments[1]]
        if not any(_flows(value) for value in (*arguments, *options.values())):
            return step.target(*arguments, **options)
        with standing_at(self._place(step)):
            return self._built(step, self._read(arguments), self._read(_told(options)))

    def _read(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._read(part) for key, part in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._read(part) for part in value]
        return _dtype_of(value) if isinstance(value, torch.dtype) else self._node(value)

    def _built(self, step: Any, arguments: Any, options: Any) -> Any:
        build = builder(str(step.target), self.operations)
        assert build is not None
        try:
            return build(*arguments, **options)
        except ChainruleError as error:
            if error.where and error.node is not None:
                raise
            where = f"{step.target} in {self._told(step)}"
            raise type(error)(error.what, where=where, given=error.given, remedy=error.remedy) from error
        except (TypeError, ValueError, AttributeError, IndexError) as error:
            raise ArgumentError(
                f"{step.target} has no node for these arguments: {error}",
                where=self._told(step),
                given=", ".join([*map(_short, arguments), *(f"{k}={_short(v)}" for k, v in options.items())]),
                remedy=f"a node of your own: from_module(..., operations={{{str(step.target)!r}: MyNode}})",
            ) from error

    # --- where it stands -------------------------------------------------------------------------------------------

    def _place(self, step: Any) -> Place:
        path = _path(step)
        return (self._frames(path) if path else ()), self._line(step)

    def _frames(self, path: str) -> tuple[str, ...]:
        """The modules around a call, the outermost first, each by its path within the one before."""
        labels, before = [], ""
        for around in (one for one in self.frames if path == one or path.startswith(f"{one}.")):
            labels.append(f"{around.removeprefix(before)} ({self.frames[around]})")
            before = f"{around}."
        return tuple(labels)

    def _frames_around(self, path: str) -> tuple[str, ...]:
        return self._frames(path.rpartition(".")[0]) if "." in path else ()

    def _line(self, step: Any) -> tuple[str, int]:
        """The line of the module that a step comes from; that of PyTorch where the module is one of its own."""
        lines = re.findall(r'File "(.+)", line (\d+)', step.meta.get("stack_trace") or "")
        own = [line for line in lines if not Path(line[0]).is_relative_to(Path(torch.__file__).parent)]
        file, number = (own or lines or [("", 0)])[-1]
        return file, int(number)

    def _told(self, step: Any) -> str:
        path, (file, number) = _path(step), self._line(step)
        module = f"module {path!r}" if path else type(self.module).__name__
        return f"{module}, {line_in(file, number)}" if file else module


# --- what is asked of PyTorch's objects ------------------------------------------------------------------------------


@contextmanager
def _in_silence() -> Iterator[None]:
    """Without what PyTorch warns of, logs and prints while it exports: an error says what matters."""
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.partition(".")[0] == "torch"]
    handlers = [handler for logger in loggers for handler in logger.handlers]
    for handler in handlers:
        handler.addFilter(_nothing)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for handler in handlers:
            handler.removeFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    return False


def as_array(tensor: Any) -> npt.NDArray[Any]:
    """A copy of a tensor's numbers; those of a dtype that NumPy has not, in float32."""
    still = tensor.detach().cpu()
    return np.array((still.float() if still.dtype == torch.bfloat16 else still).numpy())


def _length(examples: Sequence[Any]) -> int:
    """How many examples the first tensor with an axis holds."""
    leaves = torch.utils._pytree.tree_leaves(examples)
    length = next((x.shape[0] for x in leaves if isinstance(x, torch.Tensor) and x.ndim), None)
    if length is None or length < 2:
        raise ArgumentError(
            "a batch of one cannot show which sizes are those of the batch" if length else "no example has a batch",
            given=f"{length} examples along the first axis" if length is not None else "no tensor with an axis",
            remedy="arguments for two examples or more; batch=None where no axis counts examples",
        )
    return int(length)


def _called(steps: Sequence[Any]) -> dict[str, str]:
    """The paths of all modules that are called, outer ones first, each with the name of its class."""
    found = {path: kind for step in steps for path, kind in _stack(step)}
    return {path: found[path] for path in sorted(found, key=lambda path: path.count("."))}


def _stack(step: Any) -> Iterator[tuple[str, str]]:
    for path, kind in (value[:2] for value in step.meta.get("nn_module_stack", {}).values()):
        if path and not path.startswith("_"):
            name = kind if isinstance(kind, str) else kind.__name__
            yield path, name.rpartition(".")[2]


def _path(step: Any) -> str:
    return next(reversed([path for path, _ in _stack(step)]), "")


def _writes(target: Any) -> bool:
    return hasattr(target, "_schema") and bool(target._schema.is_mutable)


def _is_left_out(target: Any) -> bool:
    name = str(target).removeprefix("aten.")
    return name.rpartition(".")[0] in LEFT_OUT or name == "sym_size.int"


def _is_random(target: Any) -> bool:
    return torch.Tag.nondeterministic_seeded in getattr(target, "tags", ())


def _dtype(dtype: Any) -> type:
    """The kind of number that a dtype of PyTorch holds."""
    if dtype.is_complex:
        raise ArgumentError("nodes hold real numbers, and the module has complex ones", given=str(dtype))
    return float if dtype.is_floating_point else bool if dtype == torch.bool else int


_dtype_of = _dtype


def _flows(value: Any) -> bool:
    """Whether a value is computed in the graph: a node, or a size with a name, alone or in a list."""
    parts = value if isinstance(value, (list, tuple)) else [value]
    return any(isinstance(part, Node) or not _stands(part) for part in parts)


def _stands(part: Any) -> bool:
    kinds = (torch.Tensor, torch.dtype, torch.device, torch.layout, torch.memory_format, int, float, str, list, tuple)
    return part is None or isinstance(part, kinds)


def _told(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key not in _FACTS_OF_MEMORY and value is not None}


def _first_lines(error: Exception) -> str:
    return " ".join(str(error).split("\n\n")[0].split())[:300]


def _short(value: Any) -> str:
    return f"{type(value).__name__} {value.shape}" if isinstance(value, Node) else repr(value)
