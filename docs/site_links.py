"""Links that lead from docs/ to the rest of the tree, as a site has them: pages beside the folder come along."""

from __future__ import annotations

import re
from collections.abc import Iterator
from os.path import relpath
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
MADE = DOCS / "reference" / "made"
ALONG = {ROOT / f"{name}.md": MADE / f"{name.lower()}.md" for name in ("SECURITY", "CONTRIBUTING", "CHANGELOG")}
LINK = re.compile(r"\[([^]]*)\]\((?!\w+:|#)([^)#\s]+)((?:#[^)\s]*)?)\)")


def moved(text: str, page: Path, to: Path | None = None) -> str:
    """The text of a page with links as they are on the site, where it may stand in another place.

    Pages of the project that come along are led to where they stand; README.md is the first page of the site; any other
    file outside of docs/, and a chapter as a notebook, is one to download.
    """
    to = to or page

    def link(found: re.Match[str]) -> str:
        words, path, place = found.groups()
        target = (page.parent / path).resolve()
        if target.is_dir():
            return words
        if target == ROOT / "README.md":
            target, place = DOCS / "index.md", ""
        target = ALONG.get(target, target)
        outside = (not target.is_relative_to(DOCS) or target.parent.name == "notebooks") and target.is_file()
        path = Path(relpath(target, to.parent)).as_posix()
        return f"[{words}](<path:{path}>)" if outside else f"[{words}]({path}{place})"

    return LINK.sub(link, text)


def pages() -> Iterator[tuple[str, str]]:
    """The pages that come along: the name of the file, and the text with its links moved."""
    for source, target in ALONG.items():
        yield target.name, "---\norphan: true\n---\n\n" + moved(source.read_text("utf-8"), source, target)
