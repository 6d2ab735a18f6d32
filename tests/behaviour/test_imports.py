"""Holds the imports of chainrule and nets to one direction, and the standard library's graphlib to its name."""

import ast
import functools
import graphlib
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from scripts import script

ROOT = Path(__file__).parents[2]


house = script("docs/make_house.py")

# By these a lower room calls what a higher one has handed to it when it was loaded: ways upward without an import.
REGISTRATIONS = {"chainrule.core.node.Node(computes=)", "chainrule.errors.drawn_by()"}


@functools.cache
def files():
    """The sources of the house by their paths."""
    return house.sources()


@functools.cache
def found_imports():
    """Every import of one file of the house from another."""
    return house.imports(files())


def said(found):
    return [str(one) for one in found]


# --- graphlib --------------------------------------------------------------------------------------------------------


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


# --- the house as it stands ------------------------------------------------------------------------------------------


def test_every_room_has_its_place_in_the_order_and_every_place_its_room():
    assert set(house.rooms(files())) == set(house.ORDER), "ORDER in docs/make_house.py has the rooms, lowest first"
    assert len(house.ORDER) == len(set(house.ORDER))


def test_imports_point_down_wherever_they_stand():
    assert said(house.upward(found_imports())) == []


def test_no_files_import_each_other_in_a_circle():
    assert house.circles(found_imports()) == []


def test_chainrule_imports_nothing_of_nets_but_the_command_that_shows_it_by_name():
    upward = [one for one in found_imports() if one.importer.startswith("chainrule") and one.target.startswith("nets")]
    assert {(one.importer, one.target, one.by_name) for one in upward} == {
        ("chainrule.commands.subcommands", "nets.demo", True)
    }


def test_no_other_module_is_imported_by_a_name():
    assert [str(one) for one in found_imports() if one.by_name and one.target != "nets.demo"] == []


def test_what_is_registered_from_above_is_known():
    assert {what for _, what in registrations(files())} == REGISTRATIONS


# --- planted imports -------------------------------------------------------------------------------------------------

PLANTED = {
    "chainrule/__init__.py": "from chainrule.graph import Graph",
    "chainrule/errors.py": "",
    "chainrule/graph.py": "Graph = 1",
    "chainrule/core/__init__.py": "",
    "chainrule/core/node.py": "",
    "chainrule/nodes/__init__.py": "from chainrule.nodes.losses import Loss as L\nfrom .linear import Linear",
    "chainrule/nodes/losses.py": "",
    "chainrule/nodes/linear.py": "",
    "nets/__init__.py": "",
    "nets/dnn.py": "",
}


def planted(module, source):
    """The imports of one module with this text, in a house that is otherwise in order."""
    path = next(path for path in PLANTED if house.module(path) == module)
    return [one for one in house.imports(PLANTED | {path: source}) if one.importer == module]


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
        ("chainrule.errors", "def draw(self):\n    import chainrule.core.node"),
        ("chainrule.errors", "def draw(self):\n    from chainrule.core.node import Node\n    return Node"),
        ("chainrule.errors", "if TYPE_CHECKING:\n    from chainrule.core.node import Node"),
        ("chainrule.errors", "importlib.import_module('chainrule.core.node')"),
        ("chainrule.errors", "def late():\n    return import_module('chainrule.core.node')"),
        ("chainrule.errors", "__import__('chainrule.core.node')"),
        ("chainrule.core.node", "import chainrule as cr"),
        ("chainrule.core.node", "from chainrule import Graph"),
        ("chainrule.core.node", "from chainrule.nodes import losses"),
        ("chainrule.core.node", "from chainrule.nodes import L"),
        ("chainrule.core.node", "if TYPE_CHECKING:\n    pass\nelse:\n    import chainrule.graph"),
        ("chainrule.core.node", "import nets"),
        ("chainrule.graph", "from nets.dnn import DNN"),
        ("chainrule.nodes.losses", "from ..graph import Graph"),
    ],
)
def test_an_import_that_points_up_is_noticed_wherever_it_stands(module, source):
    [found] = planted(module, source)
    assert house.upward([found]) == [found]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("chainrule.graph", "from chainrule.core.node import Node\nfrom chainrule import errors"),
        ("chainrule.nodes.losses", "from ..errors import ShapeError\nfrom chainrule.nodes import linear"),
        ("chainrule.graph", "def draw(self):\n    from chainrule.nodes import Linear"),
        ("chainrule.core.node", "import graphlib\nimport numpy as np\nfrom . import errors"),
        ("nets.dnn", "import chainrule as cr\nfrom chainrule.graph import Graph"),
    ],
)
def test_an_import_that_points_down_or_stays_in_its_room_is_fine(module, source):
    assert house.upward(planted(module, source)) == []


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("from chainrule import Graph", "chainrule.graph"),
        ("import chainrule", "chainrule"),
        ("from chainrule import *", "chainrule"),
        ("from chainrule.nodes import L", "chainrule.nodes.losses"),
        ("from chainrule.nodes import Linear", "chainrule.nodes.linear"),
        ("from chainrule.nodes import linear", "chainrule.nodes.linear"),
        ("from chainrule.nodes import something", "chainrule.nodes"),
        ("import chainrule.nodes.linear as rules", "chainrule.nodes.linear"),
    ],
)
def test_a_name_that_a_package_hands_on_is_imported_from_the_file_that_defines_it(source, target):
    assert [one.target for one in planted("nets.dnn", source)] == [target]


def test_a_package_that_hands_on_a_name_of_its_own_ends_somewhere():
    files = {"chainrule/__init__.py": "from chainrule import Graph", "chainrule/run.py": "from chainrule import Graph"}
    assert [one.target for one in house.imports(files)] == ["chainrule"]


def test_a_circle_is_noticed_also_inside_of_a_room_and_in_functions():
    there = {"chainrule/core/node.py": "from chainrule.core.leaves import Leaf"}
    back = {"chainrule/core/leaves.py": "def node():\n    from chainrule.core import node"}
    between = {
        "chainrule/core/leaves.py": "import chainrule.core.order",
        "chainrule/core/order.py": "from . import node",
    }
    packages = {"chainrule/__init__.py": "", "chainrule/core/__init__.py": ""}
    assert house.circles(house.imports(packages | there | back)) == [["chainrule.core.leaves", "chainrule.core.node"]]
    [longer] = house.circles(house.imports(packages | there | between))
    assert longer == ["chainrule.core.leaves", "chainrule.core.node", "chainrule.core.order"]
    assert house.circles(house.imports(packages | there | {"chainrule/core/leaves.py": ""})) == []


def test_two_circles_are_two():
    arrows = [house.Import(a, b, 1) for a, b in ("ab", "ba", "bc", "cd", "dc")]
    assert house.circles(arrows) == [["a", "b"], ["c", "d"]]


def test_a_room_without_a_place_stands_above_all_others():
    found = house.imports(PLANTED | {"chainrule/stranger.py": "", "chainrule/graph.py": "import chainrule.stranger"})
    assert "chainrule.graph imports chainrule.stranger in line 1" in said(house.upward(found))


def test_an_arrow_that_a_longer_way_makes_known_is_not_drawn():
    places = ["graph", "core", "errors"]
    arrows = [("graph", "core"), ("graph", "errors"), ("core", "errors"), ("errors", "graph")]
    found = [house.Import(f"chainrule.{one}", f"chainrule.{other}", 1) for one, other in arrows]
    assert house.shown(found, places) == [("graph", "core"), ("core", "errors"), ("errors", "graph")]


# --- registrations ---------------------------------------------------------------------------------------------------


def registrations(files):
    """What modules hand to other rooms when they are loaded, as pairs: the module, and what it registers with.

    Three forms are known: a keyword of a class whose base stands in another room, a call or a decorator of such a
    function that stands outside of all functions, and an assignment to such an object.
    """
    for path, text in files.items():
        module, tree = house.module(path), ast.parse(text)
        brought = {
            alias.asname or alias.name: f"{house.origin(node, path)}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        } | {
            alias.asname or alias.name: alias.name
            for node in tree.body
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        for expression, form in handed(tree):
            name, dot, rest = ast.unparse(expression).partition(".")
            whole = brought.get(name, "") + dot + rest
            if whole.split(".")[0] in house.FOLDERS and house.room(whole) != house.room(module):
                yield module, whole + form


def handed(tree):
    """The expressions that something is registered with, each with how."""
    for node in tree.body:
        match node:
            case ast.ClassDef(keywords=[*keywords]):
                yield from ((base, f"({word.arg}=)") for base in node.bases for word in keywords)
                yield from called(node.decorator_list)
            case ast.FunctionDef():
                yield from called(node.decorator_list)
            case ast.Expr(value=ast.Call() as call):
                yield from called([call])
            case ast.Assign(targets=[ast.Attribute() | ast.Subscript() as target]):
                yield target.value, " ="


def called(expressions):
    return [(one.func if isinstance(one, ast.Call) else one, "()") for one in expressions]


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("from chainrule.core.node import Node\nclass Add(Node, computes=np.add): pass", "core.node.Node(computes=)"),
        ("from chainrule import errors\nerrors.drawn_by(draw)", "errors.drawn_by()"),
        ("from chainrule.errors import drawn_by\n@drawn_by\ndef draw(): pass", "errors.drawn_by()"),
        ("from chainrule.errors import drawn_by\n@drawn_by('svg')\nclass Drawing: pass", "errors.drawn_by()"),
        ("from chainrule import errors\nerrors.drawn_by = draw", "errors ="),
        ("from chainrule.errors import DRAWN\nDRAWN['svg'] = draw", "errors.DRAWN ="),
        ("import chainrule.errors as e\ne.drawn_by(draw)", "errors.drawn_by()"),
    ],
)
def test_a_registration_is_noticed(source, what):
    assert list(registrations({"chainrule/drawing.py": source})) == [("chainrule.drawing", f"chainrule.{what}")]


def test_what_is_handed_around_inside_of_a_room_or_in_a_function_is_no_registration():
    inside = "from chainrule.core.rules import rule\n@rule\ndef f(): pass"
    later = "from chainrule import errors\ndef f():\n    errors.drawn_by(f)"
    assert list(registrations({"chainrule/core/node.py": inside, "chainrule/drawing.py": later})) == []


# --- what is written, printed and drawn -------------------------------------------------------------------------------


def test_circles_and_arrows_that_point_up_are_printed():
    shown = list(house.counted(files()))
    assert f"circles: {len(house.circles(found_imports()))}" in shown
    assert f"arrows that point up: {len(house.upward(found_imports()))}" in shown


def test_a_room_says_what_it_is():
    assert house.sentence("nodes", files()) == "The rules, one file for each family."
    assert house.sentence("errors", files()).startswith("Every error that chainrule raises")
    assert all(house.sentence(room, files()).endswith(".") for room in house.rooms(files()))


def test_the_architecture_lists_the_rooms_in_their_order():
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8").partition("## Imports point one way")[2]
    assert re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE) == house.ORDER[:-1]
