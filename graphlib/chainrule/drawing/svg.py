"""Graphviz's SVG made whole: colors for light and dark, and titles and roles for people who do not see it."""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree as ET

from chainrule.drawing.dot import cluster_paths
from chainrule.drawing.scene import Scene
from chainrule.drawing.theme import Palette

_SVG: Final = "http://www.w3.org/2000/svg"


def finished(svg: bytes, scene: Scene, palette: Palette) -> str:
    """The SVG with style rules, a title for every box, arrow and layer, and ARIA roles and labels.

    Comments and the document type go; links cannot be in it, because the DOT text has none.
    """
    ET.register_namespace("", _SVG)
    root = ET.fromstring(svg)
    titles = _titles(scene)
    for group in root.iter(f"{{{_SVG}}}g"):
        title = group.find(f"{{{_SVG}}}title")
        said = titles.get(group.get("id", ""), scene.title if group.get("class", "").startswith("graph") else "")
        if title is not None:
            title.text = said
        if group.get("id") in titles:
            group.attrib |= {"role": "graphics-symbol img", "aria-label": said}
    _finish_root(root, scene, palette)
    return ET.tostring(root, encoding="unicode") + "\n"


def _titles(scene: Scene) -> dict[str, str]:
    """What each element says, by its id."""
    titles = {item.id: item.title for item in scene.items}
    titles |= {f"e{number}": arrow.title for number, arrow in enumerate(scene.arrows)}
    layers = {f"c{number}": f"layer {' / '.join(path)}" for number, path in enumerate(cluster_paths(scene))}
    return titles | layers


def _finish_root(root: ET.Element, scene: Scene, palette: Palette) -> None:
    root.attrib |= {
        "class": palette.css_class,
        "role": "graphics-document document",
        "aria-label": scene.title,
        "style": "max-width:100%;height:auto",
    }
    style = ET.Element(f"{{{_SVG}}}style")
    style.text = palette.css
    root.insert(0, style)
