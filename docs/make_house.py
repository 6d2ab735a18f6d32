"""The house as its imports make it, counted in print, drawn as a picture: `python docs/make_house.py`."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from chainrule.drawing.drawing import Drawing
from chainrule.drawing.labels import Cell, Table, Text, lines
from chainrule.drawing.scene import Arrow, Item, Scene
from chainrule.drawing.theme import PALETTES

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "pictures" / "house.svg"
FOLDERS = {"chainrule": ROOT / "graphlib" / "chainrule", "nets": ROOT / "nets"}
LONGEST = 500  # lines of a file

# The rooms, lowest first: the folders and files at the top of chainrule, and nets, which only the command line stands
# above. What stands in a room imports from its own and from lower ones, wherever the import stands.
ORDER = (
    "shown errors symbols core nodes notation program derivation checking plan samples drawing judging "
    "page training graph practice interop __init__ nets commands __main__"
).split()


class Import(NamedTuple):
    """One import: who imports what in which line, in a statement or by a name that is handed to importlib."""

    importer: str
    target: str
    line: int
    by_name: bool = False

    def __str__(self) -> str:
        return f"{self.importer} imports {self.target} in line {self.line}"


# --- what is read ----------------------------------------------------------------------------------------------------


def sources() -> dict[str, str]:
    """The text of every file of chainrule and nets, by its path: chainrule/core/node.py."""
    return {
        f"{package}/{path.relative_to(folder).as_posix()}": path.read_text("utf-8")
        for package, folder in FOLDERS.items()
        for path in sorted(folder.rglob("*.py"))
    }


def module(path: str) -> str:
    """The module in a file: chainrule/core/node.py is chainrule.core.node."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def room(module: str) -> str:
    """The room that a module stands in: chainrule.core.node in core."""
    package, *inside = module.split(".")
    return package if package != "chainrule" else inside[0] if inside else "__init__"


def place(room: str) -> int:
    """How high a room stands; one without a place in ORDER stands above all others."""
    return ORDER.index(room) if room in ORDER else len(ORDER)


def imports(files: Mapping[str, str]) -> list[Import]:
    """Every import of one file of the house from another: at the top, inside a function, for type checkers alike.

    A name that a package only hands on is imported from the file that defines it. Loading a module loads the packages
    around it too; that is no import of theirs.
    """
    trees = {path: ast.parse(text) for path, text in files.items()}
    known = {module(path) for path in files}
    handed_on = {
        f"{module(path)}.{alias.asname or alias.name}": f"{origin(statement, path)}.{alias.name}"
        for path, tree in trees.items()
        if path.endswith("__init__.py")
        for statement in tree.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    found = [
        Import(module(path), target, line, by_name)
        for path, tree in trees.items()
        for name, line, by_name in names(tree, path)
        if (target := defining(name, known, handed_on)) not in ("", module(path))
    ]
    return sorted(set(found))


def names(tree: ast.Module, path: str) -> Iterator[tuple[str, int, bool]]:
    """Every dotted name that a file imports, its line, and whether importlib is handed it."""
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from ((alias.name, node.lineno, False) for alias in node.names)
            case ast.ImportFrom():
                yield from ((f"{origin(node, path)}.{alias.name}", node.lineno, False) for alias in node.names)
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name, node.lineno, True


def origin(statement: ast.ImportFrom, path: str) -> str:
    """What stands behind `from`, with its dots resolved."""
    folders = path.split("/")[: -statement.level] if statement.level else []
    return ".".join([*folders, *([statement.module] if statement.module else [])])


def defining(name: str, known: Iterable[str], handed_on: Mapping[str, str]) -> str:
    """The module of the house that a dotted name comes from; "" for a name from elsewhere."""
    seen: set[str] = set()
    while name not in known and name in handed_on and name not in seen:
        seen.add(name)
        name = handed_on[name]
    while name and name not in known:
        name, _, _ = name.rpartition(".")
    return name


# --- what is counted -------------------------------------------------------------------------------------------------


def circles(found: Iterable[Import]) -> list[list[str]]:
    """Modules that reach each other, circle by circle."""
    needs: dict[str, set[str]] = {}
    for one in found:
        needs.setdefault(one.importer, set()).add(one.target)
    reached = {name: reachable(name, needs) for name in needs}
    together = {tuple(sorted(b for b in reached[a] if a in reached.get(b, ()))) for a in needs}
    return [list(circle) for circle in sorted(together) if len(circle) > 1]


def reachable(start: str, needs: Mapping[str, Iterable[str]]) -> set[str]:
    """Everything that is reached from here over one arrow or more."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        new = set(needs.get(waiting.pop(), ())) - seen
        seen |= new
        waiting += new
    return seen


def upward(found: Iterable[Import]) -> list[Import]:
    """The imports whose target stands in a higher room than the importer."""
    return [one for one in found if place(room(one.target)) > place(room(one.importer))]


def top() -> list[str]:
    """The folders and files at the top of chainrule, with __main__.py and what only type checkers read."""
    return sorted(
        path.name for path in FOLDERS["chainrule"].iterdir() if path.name[0] != "." and path.stem != "__pycache__"
    )


def lengths(files: Mapping[str, str]) -> dict[str, int]:
    """The lines of every file."""
    return {path: len(text.splitlines()) for path, text in files.items()}


def sentence(room: str, files: Mapping[str, str]) -> str:
    """What a room says of itself: the first line of its docstring."""
    inside = room if room == "nets" else "chainrule" if room == "__init__" else f"chainrule/{room}"
    text = next(files[path] for path in (f"{inside}/__init__.py", f"{inside}.py") if path in files)
    return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0].replace("``", "")


def rooms(files: Mapping[str, str]) -> list[str]:
    """The rooms that are there, lowest first."""
    return sorted({room(module(path)) for path in files}, key=lambda name: (place(name), name))


def counted(files: Mapping[str, str]) -> Iterator[str]:
    """The lines that are printed."""
    found = imports(files)
    yield f"circles: {len(circles(found))}"
    yield from (f"  {len(circle)} modules: {', '.join(circle)}" for circle in circles(found))
    yield f"arrows that point up: {len(upward(found))}"
    yield from (f"  {one}" for one in upward(found))
    rest = [name for name in top() if name not in ("__main__.py", "py.typed", "__init__.pyi")]
    yield f"folders and files at the top of chainrule: {len(rest)}, with __main__.py and files of types {len(top())}"
    long = {path: count for path, count in lengths(files).items() if count > LONGEST}
    yield f"files above {LONGEST} lines: {len(long)}"
    yield from (f"  {count} {path}" for path, count in long.items())
    for package in FOLDERS:
        own = [count for path, count in lengths(files).items() if path.startswith(f"{package}/")]
        yield f"lines of {package}: {sum(own):,} in {len(own)} files"


# --- what is drawn ---------------------------------------------------------------------------------------------------


def picture(files: Mapping[str, str]) -> Drawing:
    """The rooms from the ground up, with an arrow from each to those that it imports from."""
    colors = PALETTES["default"]
    numbers = {name: f"n{k}" for k, name in enumerate(reversed(rooms(files)))}
    scene = Scene("The house: every room of chainrule above those that it imports from", direction="down")
    for name, number in numbers.items():
        said = sentence(name, files)
        scene.items.append(Item(number, "value", _label(name, said, colors), f"{name}: {said}"))
    scene.arrows += [_arrow(*pair, numbers) for pair in shown(imports(files), list(numbers))]
    words = "⟶ imports from; what is reached over other rooms has no arrow of its own"
    words += "; ⇠ points up" if any(arrow.backward for arrow in scene.arrows) else ""
    scene.caption = lines([[Text(words, colors.light("muted"), 12, longest=len(words))]])
    return Drawing(scene, colors)


def shown(found: Iterable[Import], places: list[str]) -> list[tuple[str, str]]:
    """The arrows between rooms: all that point up, and downward those that no longer way makes known."""
    pairs = {(room(one.importer), room(one.target)) for one in found}
    down = {(high, low) for high, low in pairs if places.index(high) < places.index(low)}
    needs = {high: {low for above, low in down if above == high} for high in places}
    known = {(high, low) for high in places for way in needs[high] for low in reachable(way, needs)}
    up = {(low, high) for low, high in pairs if places.index(low) > places.index(high)}
    return sorted((down - known) | up, key=lambda pair: [places.index(name) for name in pair])


def _arrow(source: str, target: str, numbers: Mapping[str, str]) -> Arrow:
    said = f"{source} imports from {target}"
    if list(numbers).index(source) > list(numbers).index(target):  # upward: a dashed arrow points at where it starts
        return Arrow(numbers[target], numbers[source], said, backward=True)
    return Arrow(numbers[source], numbers[target], said)


def _label(name: str, said: str, colors: Any) -> Table:
    head = Cell((Text(name, colors.light("ink"), 16, bold=True),))
    rows = [Cell((Text(line, colors.light("muted"), 13),)) for line in textwrap.wrap(said, 34)]
    return Table([(cell,) for cell in (head, *rows)])


def main() -> None:
    """Print what is counted, and draw the picture."""
    files = sources()
    print("\n".join(counted(files)))
    print(picture(files).save(PICTURE))


if __name__ == "__main__":
    main()
