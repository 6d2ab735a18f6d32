"""What of the package's description depends on where it is built: its addresses, and where README's links lead."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(\]\()(?!\w+:|#)([^)\s]+)(\))")


class Addresses(MetadataHookInterface):
    """Fills in readme and urls: with addresses where a workflow of a repository builds, without them elsewhere."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the two fields."""
        at = repository(os.environ)
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": readme(at, os.environ.get("GITHUB_REF_NAME", "")),
        }
        metadata["urls"] = urls(at)


def repository(environment: Any) -> str:
    """The address of the repository whose workflow this is, "" elsewhere."""
    server, name = environment.get("GITHUB_SERVER_URL", ""), environment.get("GITHUB_REPOSITORY", "")
    return f"{server}/{name}" if server and name else ""


def urls(at: str) -> dict[str, str]:
    """Where things are."""
    if not at:
        return {}
    return {
        "Homepage": at,
        "Documentation": f"{at}/blob/main/docs/index.md",
        "Changelog": f"{at}/blob/main/CHANGELOG.md",
        "Issues": f"{at}/issues",
    }


def readme(at: str, tag: str) -> str:
    """README.md, whose links and pictures lead to the repository: an index of packages has no files beside it."""
    text = (ROOT / "README.md").read_text("utf-8")
    if not at:
        return text
    text = re.sub(r"(!\[[^]]*\]\()(?!\w+:)([^)\s]+)(\))", rf"\1{at}/raw/{tag or 'main'}/\2\3", text)
    return LINK.sub(rf"\1{at}/blob/{tag or 'main'}/\2\3", text)
