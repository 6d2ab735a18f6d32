"""Holds the imports of chainrule and nets to one direction, and the standard library's graphlib to its name."""

import ast
import graphlib
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = {"chainrule": ROOT / "graphlib" / "chainrule", "nets": ROOT / "nets"}

# Lowest first: a module imports from lines above its own. Modules of one line may use each other, never in a circle.
# "nodes.*" stands for the package and for everything in it. Graph imports Run, not the other way round.
LAYERS = (
    ("errors",),
    ("symbols.dimensions", "core.ordering"),
    ("symbols.shapes",),
    ("symbols.operations",),
    ("symbols.symbol_array",),
    ("symbols.symbol",),
    ("symbols.elementary", "symbols.broadcasting"),
    ("symbols",),
    ("core.node",),
    ("core.feeds", "core.finite", "core.array_file"),
    ("nodes.*",),
    ("run",),
    ("graph",),
    ("core.rewriting", "samples.initialization", "core"),
    ("samples.sampling", "samples"),
    ("checking.*",),
    ("derivation.algebra",),
    ("notation.*",),
    ("derivation.entries",),
    ("derivation.deriving", "derivation"),
    ("judging.reading.vocabulary",),
    ("judging.reading.latex",),
    ("judging.reading.language",),
    ("judging.reading",),
    ("judging.repairs", "judging.verdicts"),
    ("judging.diagnosis",),
    ("judging.judge",),
    ("judging",),
    ("drawing.*",),
    ("program.*",),
    ("plan.*",),
    ("__init__",),
    ("commands.loading", "commands"),
    ("commands.cli",),
    ("__main__",),
)
RANKS = {name: rank for rank, names in enumerate(LAYERS) for name in names}

# The methods by which Graph and Run reach the layers above them (graph.draw(), graph.compile()) say one thing each.
LONGEST_FACADE = 4


class Import(NamedTuple):
    """One import: who imports what, in which line, and in how long a function (None: when the module is loaded)."""

    importer: str
    target: str
    line: int
    statements: int | None

    def __str__(self) -> str:
        return f"{self.importer} imports {self.target} in line {self.line}"


def dotted(path: Path) -> str:
    """The name of the module in a file: graphlib/chainrule/nodes/losses.py is chainrule.nodes.losses."""
    package = next(name for name, folder in SOURCES.items() if path.is_relative_to(folder))
    parts = path.relative_to(SOURCES[package]).with_suffix("").parts
    return ".".join((package, *(part for part in parts if part != "__init__")))


FILES = {dotted(path): path for folder in SOURCES.values() for path in sorted(folder.rglob("*.py"))}


def rank(module: str) -> int | None:
    """The line of LAYERS on which a module of chainrule stands, None if nobody has given it a place."""
    _, _, rest = module.partition(".")
    family, _, _ = rest.partition(".")
    return RANKS.get(rest or "__init__", RANKS.get(f"{family}.*"))


def is_type_only(statement: ast.AST) -> bool:
    """Whether a statement is `if TYPE_CHECKING:`, whose imports serve annotations and never run."""
    return isinstance(statement, ast.If) and ast.unparse(statement.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def statements_in(function: ast.AST) -> int:
    """How many statements a function has, without its docstring."""
    inner = [node for node in ast.walk(function) if isinstance(node, ast.stmt) and node is not function]
    return len(inner) - (ast.get_docstring(function) is not None)  # type: ignore[arg-type]


def import_statements(tree: ast.Module) -> Iterator[tuple[ast.Import | ast.ImportFrom, int | None]]:
    """Every import of a module that can run, each with the length of the outermost function around it."""
    waiting: list[tuple[ast.AST, int | None]] = [(tree, None)]
    while waiting:
        node, length = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, length
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and length is None:
            length = statements_in(node)
        body = node.orelse if is_type_only(node) else ast.iter_child_nodes(node)  # type: ignore[attr-defined]
        waiting.extend((child, length) for child in body)


def targets(module: str, is_package: bool, known: Iterable[str], node: ast.Import | ast.ImportFrom) -> set[str]:
    """The modules that an import statement names; `from chainrule import shapes` names a module, not the package."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    parents = module.split(".")[: len(module.split(".")) + is_package - node.level]
    base = ".".join([*(parents if node.level else []), *([node.module] if node.module else [])])
    inside = {f"{base}.{alias.name}" for alias in node.names}
    return {name if name in known else base for name in inside}


def imports_of(module: str, source: str, is_package: bool = False, known: Iterable[str] = FILES) -> list[Import]:
    """The imports of chainrule and nets in one module's text."""
    return [
        Import(module, target, statement.lineno, length)
        for statement, length in import_statements(ast.parse(source))
        for target in sorted(targets(module, is_package, known, statement))
        if target.split(".")[0] in SOURCES
    ]


def complaint(found: Import) -> str | None:
    """What is wrong with one import, None if it points the right way."""
    importer, target = found.importer.split(".")[0], found.target.split(".")[0]
    if importer == "nets":
        return None
    if target == "nets":
        # The command line shows the networks, and is the only one that may, inside the command that does.
        allowed = found.importer == "chainrule.commands.cli" and found.statements is not None
        return None if allowed else f"{found}: nets imports chainrule, never the reverse"
    unplaced = next((name for name in (found.importer, found.target) if rank(name) is None), None)
    if unplaced:
        return f"{unplaced} has no place: add it to LAYERS in tests/test_imports.py, above all that it is used by"
    if found.statements is None:
        upward = rank(found.target) > rank(found.importer)  # type: ignore[operator]
        return f"{found}, which stands above it in LAYERS" if upward else None
    if found.importer in {"chainrule.graph", "chainrule.run"} and found.statements > LONGEST_FACADE:
        return (
            f"{found}, in a function of {found.statements} statements: at most {LONGEST_FACADE}, the rest moves there"
        )
    return None


def all_imports() -> list[Import]:
    """The imports of every file of chainrule and nets."""
    return [
        found
        for module, path in FILES.items()
        for found in imports_of(module, path.read_text("utf-8"), path.name == "__init__.py")
    ]


def circle(found: Iterable[Import]) -> list[str] | None:
    """Modules that import each other in a circle while they are loaded, None if there is none."""
    # A module that takes a name out of a package needs nothing more than the package's own imports.
    needs: dict[str, set[str]] = {}
    for one in found:
        if one.statements is None and one.target != one.importer:
            needs.setdefault(one.importer, set()).add(one.target)
    try:
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return None


def test_graphlib_is_a_folder_of_sources_and_not_a_package():
    assert not (ROOT / "graphlib" / "__init__.py").exists()


def test_the_standard_library_keeps_the_name_graphlib():
    assert Path(graphlib.__file__).parent.samefile(sysconfig.get_path("stdlib"))


def test_a_program_started_in_the_repository_root_finds_the_standard_graphlib():
    program = "import graphlib; print(graphlib.TopologicalSorter.__module__, graphlib.__file__)"
    shown = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    module, _, file = shown.strip().partition(" ")
    assert module == "graphlib"
    assert Path(file).parent.samefile(sysconfig.get_path("stdlib"))


def test_no_folder_of_tests_is_a_package():
    # With an __init__.py, a folder tests/graphlib or tests/nets would be imported in place of the real one.
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_every_module_of_chainrule_has_a_place_in_the_layers():
    unplaced = [name for name in FILES if name.startswith("chainrule") and rank(name) is None]
    assert unplaced == [], f"add {unplaced} to LAYERS in tests/test_imports.py, above all that they are used by"


def test_imports_point_from_higher_layers_to_lower_ones():
    assert [text for found in all_imports() if (text := complaint(found))] == []


def test_no_modules_import_each_other_in_a_circle():
    assert circle(all_imports()) is None


KNOWN = (
    "chainrule",
    "chainrule.errors",
    "chainrule.graph",
    "chainrule.core.node",
    "chainrule.nodes.losses",
    "nets.dnn",
)


def complaints(module: str, source: str) -> list[str]:
    found = imports_of(module, source, is_package=False, known=KNOWN)
    return [text for one in found if (text := complaint(one))]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("chainrule.errors", "from chainrule.core.node import Node"),
        ("chainrule.errors", "from chainrule.core import node"),
        ("chainrule.errors", "from .core import node"),
        ("chainrule.errors", "from .core.node import Node"),
        ("chainrule.errors", "import chainrule.core.node"),
        ("chainrule.errors", "class Late:\n    import chainrule.core.node"),
        ("chainrule.errors", "try:\n    import chainrule.core.node\nexcept ImportError:\n    pass"),
        ("chainrule.core.node", "import chainrule as cr"),
        ("chainrule.core.node", "from chainrule.nodes import losses"),
        ("chainrule.nodes.losses", "from ..graph import Graph"),
        ("chainrule.run", "from chainrule.graph import Graph"),
        ("chainrule.core.node", "if TYPE_CHECKING:\n    pass\nelse:\n    import chainrule.graph"),
    ],
)
def test_an_import_that_points_upward_is_noticed(module, source):
    assert len(complaints(module, source)) == 1
    assert "stands above it" in complaints(module, source)[0]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("chainrule.graph", "from chainrule.run import Run\nfrom chainrule import errors"),
        ("chainrule.nodes.losses", "from ..errors import ShapeError\nfrom chainrule.nodes import elementwise"),
        ("chainrule.run", "if TYPE_CHECKING:\n    from chainrule.graph import Graph"),
        ("chainrule.core.ordering", "import graphlib\nimport numpy as np"),
        ("chainrule.commands.cli", "import chainrule as cr\ndef demo():\n    from nets import dnn"),
        ("nets.dnn", "import chainrule as cr\nfrom chainrule.graph import Graph"),
        ("chainrule.graph", "def draw(self):\n    '''Draws.'''\n    import chainrule.drawing\n    return 1"),
    ],
)
def test_an_import_that_points_downward_or_never_runs_is_fine(module, source):
    assert complaints(module, source) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("chainrule.commands.cli", "import nets"),
        ("chainrule.commands.cli", "from nets import dnn"),
        ("chainrule.graph", "def draw(self):\n    import nets.dnn"),
    ],
)
def test_chainrule_does_not_import_nets(module, source):
    assert "never the reverse" in complaints(module, source)[0]


def test_a_facade_that_grows_is_noticed():
    body = "".join(f"    x = {number}\n" for number in range(LONGEST_FACADE))
    source = f"def draw(self):\n    import chainrule.drawing\n{body}"
    assert "in a function of 5 statements" in complaints("chainrule.graph", source)[0]
    assert complaints("chainrule.derivation.deriving", source) == []


def test_a_module_without_a_place_is_told_where_to_get_one():
    assert "add it to LAYERS" in complaints("chainrule.stranger", "import chainrule.errors")[0]
    assert rank("chainrule.stranger") is None
    assert rank("chainrule.nodes.stranger") == rank("chainrule.nodes") is not None


def test_a_circle_is_noticed():
    there = Import("chainrule.symbols.elementary", "chainrule.symbols.broadcasting", 1, None)
    back = Import("chainrule.symbols.broadcasting", "chainrule.symbols.elementary", 1, None)
    assert set(circle([there, back])) == {"chainrule.symbols.elementary", "chainrule.symbols.broadcasting"}
    assert circle([there, back._replace(statements=2)]) is None
