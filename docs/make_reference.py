"""Writes docs/reference/made/, the reference, from the classes themselves: `python docs/make_reference.py`.

The pages are made for the site and are not kept: what they say is what the code says when they are made.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import os
import re
import shlex
import sys
import tempfile
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np

DOCS = Path(__file__).parent
sys.path.append(str(DOCS))

import make_nodes  # noqa: E402 — the folder has just been named
import make_stub  # noqa: E402 — as above
from reference_errors import RAISING, message  # noqa: E402 — as above
from reference_names import elsewhere, joined  # noqa: E402 — as above

import chainrule as cr  # noqa: E402 — as above
from chainrule import errors, nodes  # noqa: E402 — as above
from chainrule.commands.cli import main as command_line  # noqa: E402 — as above
from chainrule.samples.domains import ANY, asked_of_inputs  # noqa: E402 — as above

FOLDER = DOCS / "reference" / "made"
MADE = "<!-- made by docs/make_reference.py -->"
AT = (-np.inf, -2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.0, np.inf, np.nan)
BAR = "\N{DIVIDES}"  # as wide as |, so that the columns of tables stay, and no sign of reStructuredText
ROOMS = {
    "chainrule.drawing": "",
    "chainrule.judging": "",
    "chainrule.page": "",
    "chainrule.practice": "",
    "chainrule.interop.torch": "torch",
    "chainrule.interop.jax": "jax",
    "chainrule.interop.onnx": "onnx",
    "chainrule.interop.sklearn": "sklearn",
    "nets": "",
}
"""The packages and modules with public names of their own, and the extra that each needs."""


def write(folder: Path = FOLDER) -> list[Path]:
    """Write every page and picture; what has not changed is left as it is, so that the site need not read it again."""
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    return [written(folder / name, text) for name, text in pages().items()]


def written(path: Path, text: str) -> Path:
    """A file with this text."""
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, encoding="utf-8")
    return path


def pages() -> dict[str, str]:
    """Every page and picture, by the name of its file."""
    made = {"names.md": names_page(), "chainrule.md": engine_page(), "errors.md": errors_page()}
    made |= {"rooms.md": rooms_page(), "commands.md": commands_page(), "nodes.md": nodes_page()}
    for family in families():
        made[f"{file_of(family)}.md"] = family_page(family)
        made |= {f"pictures/{kind.__name__}.svg": picture(kind) for kind in public(family)}
    return made


def page(title: str, *parts: str) -> str:
    """A page with its title."""
    return "\n\n".join([MADE, f"# {title}", *filter(None, parts)]) + "\n"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    head = list(head)
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def console(text: str) -> str:
    """A block of Python as it is typed, with its output."""
    return f"```pycon\n{text}\n```"


def directive(kind: str, target: str, *options: str, signature: str = "") -> str:
    """What Sphinx reads a docstring by."""
    lines = [f".. {kind}:: {target}{signature}", *(f"   {option}" for option in options)]
    return "```{eval-rst}\n" + "\n".join(lines) + "\n```"


def read_as_written(lines: list[str]) -> list[str]:
    """Lines of a docstring whose |x| and dW1_ mean what they say, and nothing to be replaced or linked."""
    found, is_code = [], False
    for line in lines:
        is_code = bool(line.strip()) and (is_code or line.lstrip().startswith(">>>"))
        parts = line.split("``")
        parts[::2] = [re.sub(r"(?<=\w)_(?!\w)", r"\_", part).replace("|", BAR) for part in parts[::2]]
        found.append(line if is_code else "``".join(parts))
    return found


# --- nodes -----------------------------------------------------------------------------------------------------------


def families() -> list[Any]:
    """The modules of rules that have public classes, in the order in which the package names them."""
    every = [getattr(nodes, name) for name in nodes.__all__]
    return [family for family in every if public(family)]


def public(family: Any) -> list[type[cr.Node]]:
    """The public node classes of a module."""
    return [kind for kind in make_nodes.classes(family) if kind.__name__ in cr.__all__]


def file_of(family: Any) -> str:
    """The name of a family's page, without its ending."""
    return "nodes-" + family.__name__.rpartition(".")[2].replace("_", "-")


def short(family: Any) -> str:
    """The title of a family: its module's name as words."""
    return family.__name__.rpartition(".")[2].replace("_", " ").capitalize()


def nodes_page() -> str:
    """The families, each with its classes."""
    rows = [
        (
            f"[{short(family)}]({file_of(family)}.md)",
            make_nodes.title(family),
            ", ".join(f"[{kind.__name__}]({file_of(family)}.md#{anchor(kind)})" for kind in public(family)),
        )
        for family in families()
    ]
    toc = "\n".join(["```{toctree}", ":hidden:", "", *(file_of(family) for family in families()), "```"])
    return page("The nodes, family by family", table(("family", "what it is", "nodes"), rows), toc)


def anchor(kind: type[cr.Node]) -> str:
    """Where a class stands on its page."""
    return kind.__name__.lower()


def names_page() -> str:
    """Every public node class by the names that others have for what it computes."""
    rows = []
    for family in families():
        for kind in public(family):
            name = f"[`{kind.__name__}`]({file_of(family)}.md#{anchor(kind)})"
            rows.append((name, *(joined(found) for found in elsewhere(kind))))
    rows.sort(key=lambda row: row[0].casefold().partition("`]")[0])
    said = (
        "What a name of another library is here. NumPy's functions build these nodes when they are called with nodes "
        "(`np.exp(x)`); PyTorch's are those that judge the class in the tests, JAX's those that compute it in "
        "`chainrule.interop.jax`. Conventions may differ (where a mean is taken, which axis counts the examples): the "
        "page of the node says so."
    )
    return page("Nodes by their names elsewhere", said, table(("here", "NumPy", "PyTorch", "JAX"), rows))


def family_page(family: Any) -> str:
    """A family: what its module says, then its classes."""
    said = inspect.cleandoc(family.__doc__ or "").partition("\n")[2].strip()
    intro = "```{eval-rst}\n" + "\n".join(read_as_written(said.splitlines())) + "\n```" if said else ""
    first = make_nodes.title(family) + "."
    return page(short(family), first, intro, *(class_part(kind) for kind in public(family)))


def class_part(kind: type[cr.Node]) -> str:
    """One class: rule, formula, picture, shapes, slopes and domain, names elsewhere, an example, its source."""
    example = make_nodes.example_of(kind)
    if example is None:
        raise LookupError(f"{kind.__name__} has no example in tests/oracles/every_rule.py")
    parts = [
        f"## {kind.__name__}",
        directive("autoclass", f"chainrule.{kind.__name__}", ":no-members:", signature=signature(kind)),
        f"![What {kind.__name__} computes, with its formulas](pictures/{kind.__name__}.svg)",
        "**An example, its shapes and its formulas**\n\n" + console(example_text(example)),
        formula_text(kind, example),
        domain_text(kind, example),
        slopes_text(kind, example),
        names_text(kind),
        rule_text(kind),
    ]
    return "\n\n".join(filter(None, parts))


def signature(kind: type[cr.Node]) -> str:
    """How a class is built, without types."""
    return bare(make_stub.parameters(kind))


def bare(parameters: Iterable[inspect.Parameter]) -> str:
    """Parameters without their types."""
    text = str(inspect.Signature([p.replace(annotation=inspect.Parameter.empty) for p in parameters]))
    return re.sub(r"<class '([\w.]+)'>", r"\1", text)


def picture(kind: type[cr.Node]) -> str:
    """The example with the formulas of its values and gradients."""
    example = make_nodes.example_of(kind)
    assert example is not None
    return str(example.graph.draw("formulas").svg())


def example_text(example: Any) -> str:
    """The example as it is typed, run, and printed."""
    graph = example.graph
    lines, known = ["import numpy as np", "import chainrule as cr"], {}
    for node in graph.order:
        known[node] = word(graph.name(node))
        lines.append(f"{known[node]} = {call(node, graph.name(node), known)}")
    lines += [f"graph = cr.Graph({known[graph.outputs[0]]})", f"{known[graph.outputs[0]]}.shape"]
    lines += ["print(graph.derivation())"]
    return run(lines)


def word(name: str) -> str:
    """A name as a variable."""
    return name if name.isidentifier() else "n" + "".join(c if c.isalnum() else "_" for c in name)


def call(node: cr.Node, name: str, known: dict[cr.Node, str]) -> str:
    """The call that builds a node."""
    if isinstance(node, cr.Constant):
        return f"cr.Constant({plain(node.value)})"
    if isinstance(node, cr.Leaf):
        dtype = f", dtype={node.dtype.name}" if node.dtype.kind in "ib" else ""
        dtype = dtype.replace("int64", "int")
        return f'cr.{type(node).__name__}("{name}", {plain(node.shape)}{dtype})'
    kind = type(node)
    path = f"cr.{kind.__name__}" if kind.__name__ in cr.__all__ else f"cr.nodes.{kind.__name__}"
    inputs = [known[source] for source in node.inputs]
    facts = [f"{fact}={plain(value)}" for fact, value in node.given_facts.items()]
    return f"{path}({', '.join([*inputs, *facts, f'name={name!r}'])})".replace("'", '"')


def plain(value: Any) -> str:
    """A fact, shape or number as it is typed."""
    if isinstance(value, tuple):
        inside = ", ".join(map(plain, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, np.ndarray):
        return repr(value.tolist())
    if isinstance(value, (type, np.dtype)):
        return {"f": "float", "i": "int", "b": "bool"}[np.dtype(value).kind]
    if isinstance(value, slice):
        return f"slice({plain(value.start)}, {plain(value.stop)}, {plain(value.step)})"
    if type(value).__name__ == "Dimension":
        return f'"{value}"'
    return repr(value.item() if isinstance(value, np.generic) else value)


def run(lines: Iterable[str]) -> str:
    """Lines with what Python answers, as in a console."""
    scope: dict[str, Any] = {}
    said = []
    for line in lines:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(line, "<reference>", "single"), scope)
        said.append(f">>> {line}\n{out.getvalue()}".rstrip("\n"))
    return "\n".join(said)


def formula_text(kind: type[cr.Node], example: Any) -> str:
    """The formulas of the example as mathematics."""
    derivation = example.graph.derivation()
    lines = [derivation[name].mathml for name in derivation]
    wanted = [text for text in lines if len(text) < 6000]
    return "\n\n".join(wanted) if wanted else ""


def domain_text(kind: type[cr.Node], example: Any) -> str:
    """What the class asks of the values that it reads, where it asks something."""
    (node,) = [node for node in example.graph.order if type(node) is kind][-1:]
    sizes = {"m": 5}
    asked = asked_of_inputs(node, ANY, sizes)
    told = [
        f"{example.graph.name(source)} {admitted(domain)}"
        for source, domain in zip(node.inputs, asked, strict=False)
        if domain != ANY
    ]
    return f"**Domain**: {'; '.join(told)}." if told else ""


def admitted(domain: Any) -> str:
    """A domain in words."""
    low, high = f"{domain.low:g}", f"{domain.high:g}"
    kinds = {
        "nonzero": "is not 0",
        "either": f"is {low} or {high}",
        "one-hot": "has a single one in each example",
        "index": f"is a whole number from 0 to {domain.high - 1:g}" if np.isfinite(domain.high) else "is an index",
    }
    if domain.kind:
        return kinds[domain.kind]
    return f"> {low}" if domain.high == np.inf else f"< {high}" if domain.low == -np.inf else f"from {low} to {high}"


def slopes_text(kind: type[cr.Node], example: Any) -> str:
    """The value and the slope of a function of one number: inside its domain, at kinks, at infinity and at NaN."""
    (node,) = [node for node in example.graph.order if type(node) is kind][-1:]
    if len(node.inputs) != 1 or node.shape != node.inputs[0].shape or np.dtype(node.inputs[0].dtype).kind != "f":
        return ""
    x = cr.Parameter("x")
    try:
        graph = cr.Graph(kind(x, name="y", **node.given_facts))
        rows = [[f"`{at:g}`", *values_at(graph, at)] for at in AT]
    except errors.ChainruleError:
        return ""  # it needs an axis
    words = ("x", "value", "slope") if graph.outputs[0].has_gradient and len(rows[0]) == 3 else ("x", "value")
    return f"**At single numbers, at kinks and at infinity**\n\n{table(words, rows)}"


def values_at(graph: cr.Graph, at: float) -> list[str]:
    """The value there, and the slope where there is one."""
    with np.errstate(all="ignore"):
        done = graph.forward({"x": at})
        value = [f"{done['y'].item()!r}" if done["y"].dtype == bool else f"{done['y']:.6g}"]
        if not graph.outputs[0].has_gradient or done["y"].dtype.kind != "f":
            return value
        return [*value, f"{done.backward().get('x', np.array(0.0)):.6g}"]


def names_text(kind: type[cr.Node]) -> str:
    """What others call it."""
    found = zip(("NumPy", "PyTorch", "JAX"), elsewhere(kind), strict=True)
    said = [f"{library} {joined(names)}" for library, names in found if names]
    return f"**Elsewhere**: {'; '.join(said)}." if said else ""


def rule_text(kind: type[cr.Node]) -> str:
    """The source of the class: the rule itself."""
    source = textwrap.dedent(inspect.getsource(kind))
    return f"<details><summary>The rule</summary>\n\n```python\n{source.rstrip()}\n```\n\n</details>"


# --- everything else -------------------------------------------------------------------------------------------------


def engine_page() -> str:
    """Every public name that is no rule."""
    others = {name: value for name in cr.__all__ if not make_stub.is_rule(value := getattr(cr, name))}
    parts = [entry("chainrule", name, value) for name, value in others.items() if not inspect.ismodule(value)]
    said = "What `chainrule` has beside the nodes, in the order of the names."
    return page("Graphs, runs and everything else", said, *parts)


def entry(module: str, name: str, value: Any) -> str:
    """The entry of one public name."""
    head = f"## {name}"
    if inspect.isclass(value):
        built = (
            bare(list(inspect.signature(value.__init__).parameters.values())[1:]) if issubclass(value, cr.Node) else ""
        )
        return f"{head}\n\n{directive('autoclass', f'{module}.{name}', *members(value), signature=built)}"
    if inspect.ismodule(value):
        return f"{head}\n\n{directive('automodule', value.__name__, ':members:')}"
    if callable(value) and hasattr(value, "__code__"):
        return f"{head}\n\n{directive('autofunction', f'{module}.{name}')}"
    what = f"One of {', '.join(map(repr, get_args(value)))}." if get_args(value) else f"`{type(value).__name__}`"
    return f"{head}\n\n`{module}.{name}`: {what}"


def members(kind: type) -> list[str]:
    """The option that names the public members of a class, those of its bases here too; none of other packages'."""
    own = [base for base in reversed(kind.__mro__) if base.__module__.partition(".")[0] in ("chainrule", "nets")]
    if issubclass(kind, cr.Node) and kind is not cr.Node:
        own = [kind]
    found = [name for base in own for name, value in vars(base).items() if name[0] != "_" and told(value)]
    return [f":members: {', '.join(dict.fromkeys(found))}"] if found else [":no-members:"]


def told(value: Any) -> bool:
    """Whether a member says something of itself."""
    bare = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
    return bool(getattr(bare, "__doc__", None)) and (callable(bare) or isinstance(bare, property))


def rooms_page() -> str:
    """The public names of the packages below, which have a list of their own."""
    parts = []
    for module, needs in ROOMS.items():
        room = importlib.import_module(module)
        told = inspect.cleandoc(room.__doc__ or "").partition("\n")[0]
        extra = f" Needs the extra `{needs}`." if needs else ""
        names = [f"#{elsewhere_or_here(module, name, getattr(room, name))}" for name in room.__all__]
        parts.append("\n\n".join([f"## {module}", told + extra, *names]))
    return page("Rooms with public names of their own", *parts)


def elsewhere_or_here(module: str, name: str, value: Any) -> str:
    """The entry of a name; one that chainrule has, too, is told there."""
    if getattr(cr, name, None) is value and name in cr.__all__:
        return f"## {name}\n\n`{module}.{name}` is [`chainrule.{name}`](chainrule.md#{name.lower()})."
    return entry(module, name, value)


def errors_page() -> str:
    """The tree, and each error: its cause, and the cure, which every message says itself."""
    tree = "```text\n" + inspect.cleandoc(errors.__doc__ or "").partition("\n\n")[2] + "\n```"
    said = (
        "Each has four parts, as attributes and in its message: `what` failed, `where` (the node, its layer, the line "
        "that built it), what was `given`, and a `remedy`."
    )
    kinds = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, Exception)]
    return page("Errors", said, tree, *(error_part(kind.__name__) for kind in kinds))


def error_part(name: str) -> str:
    """One error: its cause, code that raises it, and what it says then, the cure among it."""
    entry = f"## {name}\n\n{directive('autoclass', f'chainrule.errors.{name}', ':no-members:')}"
    if name not in RAISING:
        return entry
    return f"{entry}\n\n```python\n{RAISING[name].strip()}\n```\n\n```text\n{message(name)}\n```"


# --- the command line ------------------------------------------------------------------------------------------------

RUN = (
    "chainrule --help",
    "chainrule derive nets.circuits:sigmoid_neuron",
    "chainrule derive nets.dnn:DNN --unicode --convention per-example",
    "chainrule gradcheck nets.dnn:DNN",
    "chainrule check nets.dnn:DNN formulas.txt",
    "chainrule draw nets.dnn:DNN -o net.svg --show formulas",
    "chainrule page nets.dnn:DNN -o steps.html",
    "chainrule exercise nets.dnn:DNN dZ3 dW3 -o sheet.md",
    "chainrule grade sheet.md",
)
FORMULAS = "dZ3 = A3 - Y\ndW3 = dZ3 @ A2 / m\ndB3 = dZ3.sum(axis=1, keepdims=True) / m\n"


def commands_page() -> str:
    """What the commands print, run in a folder of their own, and what each takes."""
    from chainrule.commands.subcommands import COMMANDS

    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            Path("formulas.txt").write_text(FORMULAS, "utf-8")
            lines = [*RUN, *(f"chainrule {one.name} --help" for one in COMMANDS)]
            shown = [f"## `{line}`\n\n{printed(line)}" for line in lines]
        finally:
            os.chdir(before)
    said = "What follows has been run. `formulas.txt` holds:\n\n```text\n" + FORMULAS + "```"
    codes = "The exit code is 0 where all is right, 1 where something is wrong, 2 where a command cannot use its input."
    return page("The command line", said, codes, *shown)


def printed(line: str) -> str:
    """What a command prints, and its exit code where that is not 0."""
    out = io.StringIO()
    width = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "80"
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = command_line(shlex.split(line)[1:])
    finally:
        os.environ.pop("COLUMNS") if width is None else os.environ.update(COLUMNS=width)
    end = f"\n(exit code {code})" if code else ""
    return f"```text\n$ {line}\n{out.getvalue().rstrip()}{end}\n```"


def entries() -> Iterator[str]:
    """Every name that has an entry, as `module.name`."""
    for text in pages().values():
        for line in text.splitlines():
            if line.startswith(".. auto"):
                yield line.partition(":: ")[2].partition("(")[0]


if __name__ == "__main__":
    write()
