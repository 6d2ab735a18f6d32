"""Graphviz's SVG made whole: colors for light and dark, and titles and roles for people who do not see it."""

from __future__ import annotations

import html
import re
from typing import Final

from chainrule.drawing.dot import cluster_paths
from chainrule.drawing.scene import Scene
from chainrule.drawing.theme import Palette
from chainrule.drawing.wording import sentence

# Graphviz writes every element as a group with its id, and right under it a title: the name in the DOT text.
_GROUP: Final = re.compile(r'<g id="([^"]*)" (class="[^"]*"[^>]*)>\s*<title>[^<]*</title>')
_CELL: Final = 750.0  # points across a cell of a notebook on most screens
_COMMENT: Final = re.compile(r"<!--.*?-->\n?", re.DOTALL)


def finished(svg: bytes, scene: Scene, palette: Palette) -> str:
    """The SVG with style rules, a title for every box, arrow and layer, and ARIA roles and labels.

    Comments and the document type go, so that the picture can stand inside of a page; there are no links in it,
    because the DOT text has none.
    """
    text = svg.decode()
    titles = _titles(scene)

    def described(group: re.Match[str]) -> str:
        name, attributes = group.groups()
        if name not in titles:
            return f'<g id="{name}" {attributes}>\n<title>{html.escape(scene.title)}</title>'
        said = html.escape(titles[name])
        role = f'role="graphics-symbol img" aria-label="{said}"'
        return f'<g id="{name}" {attributes} {role}>\n<title>{said}</title>'

    body = _GROUP.sub(described, _COMMENT.sub("", text[text.index("<svg") :]))
    return body.replace("<svg ", f"<svg {_root_attributes(scene, palette)} ", 1).replace(
        "<g ", f"<style>{html.escape(palette.css, quote=False)}</style>\n<g ", 1
    )


def scaling(svg: str) -> str:
    """The SVG as wide as what it stands in, up to its own width.

    A notebook shows it as an image, which no style rule for SVG reaches, and would cut off what is wider than a cell.
    An image without a width of its own fills its cell, so a small picture gets room on its right: it is not enlarged.
    """
    head, rest = svg.split(">", 1)
    left, top, width, height = (float(part) for part in re.findall(r'viewBox="([^"]*)"', head)[0].split())
    wide = max(width, _CELL)
    head = re.sub(r'\s(?:width|height|style|viewBox)="[^"]*"', "", head)
    room = f'viewBox="{left:g} {top:g} {wide:g} {height:g}"'
    return f'{head} {room} width="100%" style="max-width:{wide:g}pt;height:auto">{rest}'


def _root_attributes(scene: Scene, palette: Palette) -> str:
    said = html.escape(scene.title)
    return (
        f'class="{palette.css_class}" role="graphics-document document" aria-label="{said}" '
        'style="max-width:100%;height:auto"'
    )


def _titles(scene: Scene) -> dict[str, str]:
    """What each element says, by its id."""
    titles = {item.id: item.title for item in scene.items}
    titles |= {f"e{number}": arrow.title for number, arrow in enumerate(scene.arrows)}
    layers = {f"c{number}": f"layer {' / '.join(path)}" for number, path in enumerate(cluster_paths(scene))}
    return titles | {name: sentence(text) for name, text in layers.items()}
