"""The file of a page put together: a template filled once, a content security policy, data that no parser mistakes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any, Final

from chainrule.drawing.theme import Palette
from chainrule.shown.text import visible

_PLACE: Final = re.compile(r"\{\{(\w+)\}\}")


def document(template: str, script: str, texts: Mapping[str, str], data: Any, palette: Palette) -> str:
    """The HTML of a page from files of this folder; ``texts`` is markup for the places of the template."""
    style, code = _style(palette, _read("page.css"), texts.get("style", "")), _script(script)
    return _filled(_read(template), {**texts, "data": as_data(data)}, style, code)


def put_together(package: str, name: str, texts: Mapping[str, str], palette: Palette) -> str:
    """The HTML of a page whose template, script and further rules are files of another folder, all of one name."""
    style = _style(palette, _read("page.css"), "\n".join(_lines(_read(f"{name}.css", package))))
    code = f"'use strict';{{\n{chr(10).join(_lines(_read(f'{name}.js', package)))}\n}}"
    return _filled(_read(f"{name}.html", package), texts, style, code)


def _filled(template: str, texts: Mapping[str, str], style: str, code: str) -> str:
    """A template behind the head that all pages share, with its policy."""
    given = {"meta": "", **texts, "style": style, "script": code, "policy": _policy(style, code)}
    given["head"] = _placed(_read("head.html"), given)
    return _placed(template, given)


def _placed(template: str, given: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda place: given[place[1]], template)


def as_data(data: Any) -> str:
    r"""JSON to stand in a script element: no text in it can end the element or begin a comment.

    >>> as_data({"name": "</script><!--"})
    '{"name":"\\u003c/script>\\u003c!--"}'
    """
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def as_text(text: str) -> str:
    """Any text as HTML shows it."""
    return escape(visible(text))


def _read(name: str, package: str = "chainrule.page") -> str:
    return files(package).joinpath(name).read_text("utf-8")


def _style(palette: Palette, rules: str, further: str) -> str:
    """The rules of the page behind the colors of the palette, light and dark."""
    light, dark = (
        "".join(f"--{name.replace('_', '-')}:{color[way]};" for name, color in palette.colors.items()) for way in (0, 1)
    )
    scheme = f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    return "\n".join([scheme, palette.css, further, *(line.strip() for line in rules.splitlines() if line)])


def _script(name: str) -> str:
    """What all pages share, and what this kind of page does, without indents and lines that are comments."""
    body = "\n".join(line for part in ("shared.js", name) for line in _lines(_read(part)))
    return f"'use strict';{{\n{body}\n}}"


def _lines(text: str) -> list[str]:
    """The lines of a file without indents, empty ones and comments."""
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("//")]


def _policy(style: str, script: str) -> str:
    """Nothing may be loaded, sent or run but what stands in this file."""
    allowed = f"script-src {_hash(script)}; style-src {_hash(style)}; img-src data:"  # its icon, which is empty
    return escape(f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
