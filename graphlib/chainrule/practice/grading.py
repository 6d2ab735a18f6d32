"""Files that came back, graded: which teacher's file belongs to each, and the marks of all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from chainrule.core.accepting import as_path, expect
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.graph import Graph
from chainrule.judging.functions.confinement import has_landlock
from chainrule.practice.grader import SECONDS, Grader
from chainrule.practice.handed_in import READ, read_sheet
from chainrule.practice.handout import FUNCTION
from chainrule.practice.results import Graded, Results
from chainrule.practice.teachers_file import SUFFIX, Key, key_path, read_keys

_MOST_FILES: Final = 10_000
_NOT_WALLED: Final = (
    "Functions were kept from files by the interpreter alone: this system has no Landlock, which does it in the kernel."
)


def grade(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    key: str | os.PathLike[str] | None = None,
    *,
    hints: int | None = None,
    graph: Graph | None = None,
    seconds: float = SECONDS,
) -> Results:
    """Grade sheets that came back: files, or folders of them, ``.ipynb``, ``.md`` and ``.py``.

    ``key`` is the teacher's file. Without it those of the current folder are taken and, for a single file, the one
    beside it; of a folder of files from others none is. ``hints`` opens as many stages in place of what the teacher's
    file says, ``graph`` is needed for a graph with rules of one's own. Answers are parsed; what is run is the function
    that level 4 asks for, each in a process of its own, for at most ``seconds``.

    Raises ArgumentError where there is no teacher's file, or no file to grade. A file that cannot be graded is among
    the results, with no points.
    """
    if not isinstance(paths, str | os.PathLike):
        expect(paths, Iterable, "sheets to grade are files and folders", 'grade("sheet.ipynb")')
    given = [as_path(one) for one in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
    files = list(_files(given))
    if not files:
        raise ArgumentError("there is no file to grade", given=", ".join(map(str, given)), remedy=f"{', '.join(READ)}")
    keys = _keys(None if key is None else as_path(key), given)
    options = {"hints": hints, "graph": graph, "seconds": seconds}
    graders = {identity: Grader(one, **options) for identity, one in keys.items()}  # type: ignore[arg-type]  # by name
    graded = tuple(_graded(path, graders) for path in files)
    runs = any(one.level == FUNCTION for one in keys.values())
    return Results(graded, note=_NOT_WALLED if runs and not has_landlock() else "")


def _files(paths: Iterable[Path]) -> Iterable[Path]:
    """The files themselves, and those of folders that are sheets; hidden ones, links and teachers' files are none."""
    count = 0
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
            for name in sorted(names):
                found = Path(folder, name)
                if found.suffix.lower() in READ and not name.startswith(".") and not found.is_symlink():
                    count += 1
                    if count > _MOST_FILES:
                        raise ArgumentError(f"{path} holds more than {_MOST_FILES:,} files")
                    yield found


def _keys(key: Path | None, given: Sequence[Path]) -> Mapping[str, Key]:
    """The keys that may be used, by identity; whatever files others handed in lie beside each other is not trusted."""
    if key is not None:
        return read_keys(key)
    places = [path for path in given if path.is_dir()]
    here = sorted(
        path for folder in (Path.cwd(), *(one.resolve().parent for one in places)) for path in folder.glob(f"*{SUFFIX}")
    )
    if len(given) == 1 and not places:
        here = [key_path(given[0]), *here]  # one of the current folder goes before it
    found: dict[str, Key] = {}
    for path in here:
        if path.is_file():
            found |= read_keys(path)
    if not found:
        raise ArgumentError(
            "there is no teacher's file", given=f"looked for *{SUFFIX} in the current folder", remedy="--key FILE"
        )
    return found


def _graded(path: Path, graders: Mapping[str, Grader]) -> Graded:
    """One file with its marks, or with what kept it from being graded."""
    try:
        sheet = read_sheet(path)
        grader = graders.get(sheet.identity or "")
        if sheet.identity is None and len(graders) == 1:
            grader = next(iter(graders.values()))
        if grader is None:
            raise ArgumentError(
                "no teacher's file knows this sheet", given=sheet.identity or "it has no mark", remedy="--key FILE"
            )
        marks = tuple(grader.grade(sheet))
    except ChainruleError as error:
        told = "; ".join(str(error).splitlines())
        most = (
            next((sum(t.points for t in one.key.tasks) for one in graders.values()), 0.0) if len(graders) == 1 else 0.0
        )
        return Graded(path, "", "", (), most, told)
    most = sum(mark.most for mark in marks)
    return Graded(path, grader.key.identity, grader.key.title, marks, most)
