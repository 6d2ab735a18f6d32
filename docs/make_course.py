"""Runs the chapters of the course: `python docs/make_course.py` writes their pictures and notebooks anew."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from chainrule.drawing import Drawing

FOLDER = Path(__file__).parent / "course"
PICTURE = re.compile(r"!\[[^]]*\]\(((?:\.\./)?pictures/[\w-]+\.svg)\)")  # those of docs/drawing.md are shown again


class Part(NamedTuple):
    """A piece of a page: text, or a block of code with or without prompts."""

    kind: str  # "text", "prompts" or "plain"
    source: str


def chapters() -> list[Path]:
    """The pages with a number, in order."""
    return sorted(FOLDER.glob("[0-9][0-9]-*.md"))


def parts(page: str) -> Iterator[Part]:
    """Cut a page where a block of Python begins and ends."""
    for k, piece in enumerate(re.split(r"^```python\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE)):
        if k % 2:
            yield Part("prompts" if ">>>" in piece else "plain", piece)
        elif piece.strip():
            yield Part("text", piece.strip("\n"))


def statements(part: Part) -> list[doctest.Example]:
    """What a block says at the prompt, one statement after the other."""
    return doctest.DocTestParser().get_examples(part.source)


# --- pictures --------------------------------------------------------------------------------------------------------


def pictures(path: Path) -> dict[str, Drawing]:
    """What each picture of a page shows, by its path from there: the value of the last statement before it."""
    names: dict[str, Any] = {}
    drawn: dict[str, Drawing] = {}
    page = path.read_text("utf-8")
    if not PICTURE.search(page):
        return drawn
    shown: list[Any] = []
    with contextlib.redirect_stdout(io.StringIO()):
        for part in parts(page):
            drawn |= {name: shown[-1] for name in PICTURE.findall(part.source) if part.kind == "text"}
            run(part, names, shown)
    return drawn


def run(part: Part, names: dict[str, Any], shown: list[Any]) -> None:
    """Run a block of a page with prompts; what its statements would show is added to what was shown."""
    before, sys.displayhook = sys.displayhook, shown.append
    try:
        for example in statements(part) if part.kind == "prompts" else ():
            with contextlib.suppress(Exception) if example.exc_msg else contextlib.nullcontext():
                exec(compile(example.source, "<page>", "single"), names)
    finally:
        sys.displayhook = before


# --- notebooks -------------------------------------------------------------------------------------------------------


def notebook(path: Path) -> str:
    """A page as the text of a notebook: no outputs, a cell wherever the page shows one; pictures show themselves."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    cells = []
    for part in parts(path.read_text("utf-8")):
        if part.kind == "text":
            text = PICTURE.sub("", elsewhere(part.source)).strip("\n")
            cells += [new_markdown_cell(text)] if text else []
        else:
            cells += [new_code_cell(source) for source in sources(part)]
    joined = answers_joined(cells, new_markdown_cell)
    for k, cell in enumerate(joined):
        cell.id = f"{path.stem}-{k}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = new_notebook(cells=joined, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})
    nbformat.validate(made)
    return nbformat.writes(made) + "\n"


def sources(part: Part) -> list[str]:
    """The cells of a block: one ends behind each statement that shows something."""
    if part.kind == "plain":
        return [part.source.strip("\n")]
    cells = [""]
    for example in statements(part):
        cells[-1] += example.source
        if example.want:
            cells.append("")
    return [cell.strip("\n") for cell in cells if cell]


def answers_joined(cells: list[Any], new_markdown_cell: Any) -> list[Any]:
    """An answer that is folded away is one cell of text, with its code as text."""
    joined: list[Any] = []
    open_answer = False
    for cell in cells:
        if open_answer:
            code = cell.cell_type == "code"
            joined[-1].source += f"\n\n```python\n{cell.source}\n```" if code else f"\n\n{cell.source}"
        else:
            joined.append(cell)
        last = joined[-1].source
        open_answer = last.count("<details>") > last.count("</details>")
    return joined


def elsewhere(text: str) -> str:
    """The links of a page as they are from the folder of the notebooks: to other notebooks, and to other pages."""
    text = re.sub(r"\]\((\d\d-[\w-]+)\.md", r"](\1.ipynb", text)
    return re.sub(r"\]\((?!\w+:|#|\d\d-|pictures/)", "](../", text)


def main() -> None:
    """Write all of them."""
    for folder in ("pictures", "notebooks"):
        (FOLDER / folder).mkdir(exist_ok=True)
    for path in chapters():
        for name, drawing in pictures(path).items():
            print(drawing.save(FOLDER / name))
        target = FOLDER / "notebooks" / f"{path.stem}.ipynb"
        target.write_text(notebook(path), "utf-8")
        print(target)


if __name__ == "__main__":
    main()
