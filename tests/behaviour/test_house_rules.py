"""Holds the files of the project to the rules of the house that can be read off them."""

import ast
import functools
import importlib
import inspect
import io
import pkgutil
import re
import tokenize
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

import chainrule as cr
import nets
from chainrule import errors

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "graphlib" / "chainrule"
SOURCES = sorted([*ENGINE.rglob("*.py"), *(ROOT / "nets").rglob("*.py")])
EVERYTHING = sorted([*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "docs").rglob("*.py")])
LONGEST = 500  # lines of a file

# Folders in which the same name says that the files do the same for another purpose.
ALIKE = (
    {"notation", "judging/reading"},  # a notation is printed, and is read
    {".", "core"},  # the base, and the face that users hold
)


@functools.cache
def trees():
    """What the sources say, parsed."""
    return [ast.parse(path.read_text("utf-8")) for path in SOURCES]


@functools.cache
def built():
    """The names that are called anywhere."""
    calls = [node.func for tree in trees() for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {called.id for called in calls if isinstance(called, ast.Name)}


# --- the tree of errors ----------------------------------------------------------------------------------------------


def drawn_errors():
    """Every error in the drawing: its name, the one above it, and the built-in error that it is as well."""
    above = []
    for line in errors.__doc__.splitlines():
        if found := re.match(r"([├└│─ ]*)(\w+)(?: \((\w+)\))?(?:  |$)", line):
            depth = len(found[1]) // 4
            above[depth:] = [found[2]]
            yield found[2], above[depth - 1] if depth else "Exception", found[3]


def existing_errors():
    kinds = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, Exception)]
    for kind in kinds:
        built_in = [base.__name__ for base in kind.__bases__[1:] if base.__module__ == "builtins"]
        yield kind.__name__, kind.__bases__[0].__name__, built_in[0] if built_in else None


def test_the_tree_of_errors_is_drawn_as_it_is():
    assert sorted(drawn_errors(), key=str) == sorted(existing_errors(), key=str)


# --- classes ---------------------------------------------------------------------------------------------------------


def classes():
    """Every class of chainrule and nets, private ones too."""
    for package in (cr, nets):
        found = [
            package.__name__,
            *(one.name for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")),
        ]
        for module in (importlib.import_module(name) for name in found if not name.endswith("__main__")):
            yield from (kind for kind in vars(module).values() if is_of(kind, module))


def is_of(kind, module):
    return inspect.isclass(kind) and kind.__module__ == module.__name__


def is_abstract(kind):
    """Whether it has abstract methods, is a protocol, or is an error that only its kinds are raised of."""
    only_a_family = issubclass(kind, Exception) and kind.__subclasses__() and kind.__name__ not in built()
    return inspect.isabstract(kind) or vars(kind).get("_is_protocol", False) or bool(only_a_family)


def test_every_class_is_abstract_or_final():
    neither = [kind for kind in classes() if not is_abstract(kind) and not vars(kind).get("__final__", False)]
    assert [f"{kind.__module__}.{kind.__qualname__}" for kind in neither] == []


def test_every_class_stands_outside_of_functions_and_classes_where_the_test_above_finds_it():
    top = {id(node) for tree in trees() for node in tree.body}
    every = [node for tree in trees() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert [node.name for node in every if id(node) not in top] == []


def test_what_has_abstract_methods_is_not_final():
    assert [kind for kind in classes() if inspect.isabstract(kind) and getattr(kind, "__final__", False)] == []


# --- reasons ---------------------------------------------------------------------------------------------------------

SWITCHED_OFF = re.compile(r"noqa(?::\s*[A-Z]+[0-9]+(?:,\s*[A-Z]+[0-9]+)*)?|type:\s*ignore(?:\[[^]]*\])?")


def unexplained(text):
    """The comments that switch a rule off without a word on why."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        off = token.type == tokenize.COMMENT and SWITCHED_OFF.match(token.string.lstrip("# "))
        if off and not re.search(r"[^\W\d_]{2}", SWITCHED_OFF.sub("", token.string)):
            yield token.start[0]


@pytest.mark.parametrize(
    ("comment", "explained"),
    [
        ("# noqa: A002 — what Graphviz calls it", True),
        ("# type: ignore[no-any-return]  # a value has a shape", True),
        ("# noqa: E501, A002 — the line is a formula", True),
        ("# noqa: A002", False),
        ("# noqa", False),
        ("# type: ignore[arg-type, no-any-return]  # noqa: E731", False),
        ("# type: ignore[arg-type]  #", False),
    ],
)
def test_a_rule_that_is_switched_off_without_a_reason_is_noticed(comment, explained):
    assert list(unexplained(f"x = 1\ny = f(x)  {comment}\n")) == ([] if explained else [2])


@pytest.mark.parametrize("path", EVERYTHING, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_rule_that_is_switched_off_has_its_reason_on_the_line(path):
    assert list(unexplained(path.read_text("utf-8"))) == []


# --- files -----------------------------------------------------------------------------------------------------------


def folders_by_name(folder):
    """The folders in which each name of a file stands."""
    folders = defaultdict(set)
    for path in folder.rglob("*.py"):
        if path.name not in ("__init__.py", "conftest.py"):
            folders[path.name].add(path.relative_to(folder).parent.as_posix())
    return folders


def test_no_name_of_a_file_stands_twice_unless_its_folders_are_alike():
    twice = {name: found for name, found in folders_by_name(ENGINE).items() if len(found) > 1}
    assert {name: found for name, found in twice.items() if not any(found <= group for group in ALIKE)} == {}


def test_no_name_of_a_file_stands_twice_in_the_tests():
    # pytest imports a file of tests by its name alone, and so do tests their helpers.
    found = folders_by_name(ROOT / "tests")
    assert {name: folders for name, folders in found.items() if len(folders) > 1} == {}


def test_the_tests_stand_in_the_folders_of_what_they_test():
    folders = {path.name for path in ENGINE.iterdir() if (path / "__init__.py").exists()} | {"nets", "behaviour"}
    others = {"benchmarks", "fuzz", "judges", "oracles", "site", "types", "website"}
    assert {path.parent.name for path in (ROOT / "tests").glob("*/*.py")} - others <= folders
    assert [path.name for path in (ROOT / "tests").glob("*.py")] == ["conftest.py"]


def test_no_file_of_tests_has_the_name_of_a_package():
    # The folders of the tests stand first on the path: a file nets.py there would be imported in place of nets.
    assert {"nets.py", "chainrule.py", "graphlib.py", "numpy.py"}.isdisjoint(folders_by_name(ROOT / "tests"))


def test_what_is_listed_as_slow_exists(request):
    conftest = request.config.pluginmanager.get_plugin(str(ROOT / "tests" / "conftest.py"))
    files = {path.name: ast.parse(path.read_text("utf-8")) for path in (ROOT / "tests").rglob("test_*.py")}
    known = {f"{name}::{node.name}" for name, tree in files.items() for node in tree.body if hasattr(node, "name")}
    pages = {path.name for path in (ROOT / "docs").rglob("*.md")}
    assert set(conftest.SLOW) - set(files) - known - pages == set()


def test_the_table_of_mutation_testing_names_files_and_tests_that_exist():
    table = tomllib.loads((ROOT / "tests" / "benchmarks" / "mutation.toml").read_text("utf-8"))
    groups, unfit = table["group"], table["unfit"]
    files = {name for group in groups for name in group["files"]}
    files |= {entry["file"] for entry in table["equivalent"] if "file" in entry}
    tests = {
        test.partition("::")[0] for group in groups for test in [*group["tests"], *group.get("slower", ()), *unfit]
    }
    assert sorted(name for name in files if not (ENGINE / f"{name}.py").exists()) == []
    assert sorted(name for name in tests if not (ROOT / name).exists()) == []


def test_a_file_above_500_lines_has_its_reason_in_the_decision_on_the_house():
    long = {path for path in SOURCES if len(path.read_text("utf-8").splitlines()) > LONGEST}
    decision = (ROOT / "docs" / "decisions" / "0006-the-house.md").read_text("utf-8")
    reasons = re.findall(r"^\* `([\w/]+\.py)`", decision.partition("## Files above 500 lines")[2], flags=re.MULTILINE)
    assert {path.relative_to(ENGINE).as_posix() for path in long} == set(reasons)


# --- pages -----------------------------------------------------------------------------------------------------------

MADE = ROOT / "docs" / "reference" / "made"  # the reference, which is written for the site and not kept
PAGES = [
    path
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")])
    if not path.is_relative_to(MADE)
]
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)#?([^)\s]*)\)")


def places(page):
    """The anchors of the headings of a page, as GitHub and the site have them."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        yield re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_page_links_to_exists(page):
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    dead = []
    for link, place in LINK.findall(text):
        target = (page.parent / link).resolve() if link else page
        if not target.is_relative_to(MADE) and not target.exists():
            dead.append(link)
        elif place and target.suffix == ".md" and place not in set(places(target)):
            dead.append(f"{link}#{place}")
    assert dead == []


def listed(page):
    """The pages that a page of an index leads to: by its links, and by the lists that the site's order is made of."""
    text = page.read_text("utf-8")
    for link, _ in LINK.findall(text):
        yield (page.parent / link).resolve()
    for entries in re.findall(r"^```\{toctree\}\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for entry in filter(None, (line for line in entries.splitlines() if not line.startswith(":"))):
            yield from (path.resolve() for path in page.parent.glob(f"{entry}.*") if path.suffix in (".md", ".ipynb"))


def test_the_index_of_the_pages_has_all_of_them():
    """A page stands in the index of all pages, or in that of its folder, which stands there."""
    docs = ROOT / "docs"
    indexes = [docs / "index.md", *docs.glob("*/index.md")]
    found = {path for page in indexes for path in listed(page)}
    pages = {page for page in PAGES if page.is_relative_to(docs)} - {docs / "index.md"}
    assert {page.relative_to(docs).as_posix() for page in pages - found} == set()


def test_a_link_to_a_heading_that_is_not_there_is_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A `heading`, of two\n\n```sh\n# no heading\n```\n\n[x](#a-heading-of-two) [y](#no-heading)\n", "utf-8"
    )
    assert list(places(page)) == ["a-heading-of-two"]
    with pytest.raises(AssertionError, match="no-heading"):
        test_what_a_page_links_to_exists(page)
