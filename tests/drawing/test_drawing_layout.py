"""Pictures: the SVG, what each engine renders, what is done when there is none, and how files are written."""

import errno
import html
import importlib.util
import os
import re
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from scripts import script

import chainrule as cr
import nets
from chainrule.drawing import Drawing, rendering
from chainrule.errors import ArgumentError, DrawingError

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"
ENGINES = {"dot": rendering.DotProgram(), "pygraphviz": rendering.Pygraphviz()}
PRESENT = [name for name, engine in ENGINES.items() if engine.command("png", 96)]


@pytest.fixture
def drawing():
    graph = nets.circuits.micrograd_example()
    run = graph.forward({"a": -4, "b": 2})
    run.backward()
    return run.draw()


@pytest.fixture(params=ENGINES)
def engine(request, monkeypatch):
    """Each engine alone."""
    if request.param not in PRESENT:
        pytest.skip(f"{request.param} is not installed")
    monkeypatch.setattr(rendering, "ENGINES", (ENGINES[request.param],))
    return request.param


@pytest.fixture
def no_engine(monkeypatch, tmp_path):
    """A machine without dot and without pygraphviz."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


def texts(root):
    """Every text, part by part."""
    return [part.text for text in root.iter(f"{SVG}text") for part in (list(text) or [text])]


STARTS = {
    "svg": b"<svg",
    "dot": b"digraph",
    "mermaid": b"flowchart LR\n",
    "mmd": b"flowchart LR\n",
    "tikz": b"\\begin{tikzpicture}",
    "tex": b"\\documentclass{article}",
}


def test_every_engine_renders_png_and_pdf(engine, drawing, tmp_path):
    for kind, start in {"png": b"\x89PNG", "pdf": b"%PDF"}.items():
        assert drawing.save(tmp_path / f"net.{kind}").read_bytes().startswith(start)


def test_a_png_is_as_large_as_its_resolution_says(engine, drawing):
    width, height = (float(side) for side in ET.fromstring(drawing.svg()).get("viewBox").split()[2:])
    for dpi in (36, 144):
        found = [int.from_bytes(drawing.png(dpi=dpi)[start : start + 4], "big") for start in (16, 20)]
        assert found == pytest.approx([width * dpi / 72, height * dpi / 72], abs=0.03 * width)  # fonts differ a little


@pytest.mark.parametrize("dpi", [0, 9, 1201, 96.0, "96", True, None])
def test_a_resolution_that_is_none_is_refused(drawing, dpi):
    with pytest.raises(ArgumentError, match="is no resolution"):
        drawing.png(dpi=dpi)


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x>',
    "a&b",
    "&amp;lt;",
    "]]>",
    "-->",
    "</title><script>",
    "\x00",
    "\\N \\G \\E \\n \\L",
    "x" * 9999,
    "שלום",
]


def hostile(formulas=False):
    with cr.layer("<style>*{display:none}</style> \\G \\N"):
        total = cr.Parameter("start", (3,))
        for name in HOSTILE:
            total = total + cr.Parameter(name, (3,))
    twice = cr.Sum(total, name="twice \\E \\T")
    return cr.Graph(cr.Multiply(twice, cr.Exp(twice), name="https://example.com")).draw(
        "formulas" if formulas else "graph"
    )


@pytest.mark.parametrize("kind", ["usual", "hostile", "hostile formulas"])
def test_every_text_of_the_labels_is_in_the_svg(drawing, kind):
    drawing = drawing if kind == "usual" else hostile(formulas="formulas" in kind)
    written = re.findall(r"<FONT[^>]*>(?:<[BI]>)*([^<]+)", drawing.dot)
    labels = [html.unescape(text).replace("\\\\", "\\").replace("\u00a0", " ").strip() for text in written]
    drawing = Drawing(drawing._scene, drawing._palette)  # in one row, so that nothing is named again
    shown = [text.replace("\u00a0", " ").strip() for text in texts(ET.fromstring(drawing.svg()))]
    assert sorted(filter(None, shown)) == sorted(filter(None, labels))


def test_hostile_names_leave_no_element_but_those_of_a_drawing():
    root = ET.fromstring(hostile().svg())
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "style", "g", "title", "polygon", "polyline", "path", "ellipse", "text", "tspan"}
    assert any("<script>alert(1)</script>" in (text or "") for text in texts(root))
    assert not [name for element in root.iter() for name in element.attrib if "href" in name or name.startswith("on")]


def test_every_box_and_arrow_has_a_title_and_a_label_for_screen_readers(drawing):
    root = ET.fromstring(drawing.svg())
    assert root.get("role") == "graphics-document document"
    assert root.get("aria-label").startswith("Computational graph of g")
    groups = [
        group for group in root.iter(f"{SVG}g") if group.get("class", "").split()[0] in ("node", "edge", "cluster")
    ]
    assert len(groups) == len(drawing.rows.items) + len(drawing.rows.arrows)  # it has no layers
    for group in groups:
        assert group.get("role") == "graphics-symbol img"
        assert group.find(f"{SVG}title").text == group.get("aria-label")
        assert not re.fullmatch(r"n\d+(->n\d+)?|cluster_\d+", group.get("aria-label"))
    said = {group.get("aria-label") for group in groups}
    assert "input b; shape (); value 2; gradient 646" in said


def test_the_svg_stands_alone_in_a_page_and_switches_to_dark_colors_by_itself(drawing):
    svg = drawing.svg()
    assert svg.startswith("<svg ")
    assert "<!" not in svg
    assert "prefers-color-scheme:dark" in svg
    style = ET.fromstring(svg).find(f"{SVG}style").text
    rules = style.replace("@media (prefers-color-scheme:dark){", "").split("}")
    assert all(rule.startswith("svg.chainrule-default ") for rule in rules if rule)  # never the page around it
    used = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"', svg))
    assert used
    assert used <= set(re.findall(r'\[fill="(#[0-9a-f]{6})"\]', style))


def test_pictures_are_the_same_each_time(drawing):
    assert drawing.svg() == drawing.svg()


# --- without an engine -----------------------------------------------------------------------------------------------


def test_without_an_engine_all_but_png_and_pdf_is_there(no_engine, drawing, tmp_path):
    for kind, start in STARTS.items():
        assert drawing.save(tmp_path / f"net.{kind}").read_bytes().startswith(start)
    assert drawing._repr_mimebundle_().keys() == {"image/svg+xml", "text/plain"}
    for kind in ("png", "pdf"):
        with pytest.raises(
            DrawingError, match=rf"renders {kind.upper()}\n.*pip install 'chainrule\[draw\]'(.|\n)*svg needs"
        ):
            drawing.save(tmp_path / f"other.{kind}")
    assert not list(tmp_path.glob("other*"))


def test_the_demo_writes_its_pictures_and_names_them(no_engine, tmp_path):
    from nets import demo

    lines = list(demo.pictures(demo.Tour(folder=tmp_path / "pictures")))
    assert [Path(line.split()[0]).name for line in lines] == sorted(
        (path.name for path in (tmp_path / "pictures").iterdir()),
        key=[Path(line.split()[0]).name for line in lines].index,
    )
    assert len(lines) == 4


def test_a_folder_that_cannot_be_written_is_told_and_fails_nothing(tmp_path):
    from nets import demo

    (tmp_path / "file").write_text("")
    assert next(demo.pictures(demo.Tour(folder=tmp_path / "file" / "pictures"))).startswith("Not drawn: ")


def program(text):
    """An engine that is a Python program."""

    class Program(rendering.Engine):
        def command(self, format, dpi):  # noqa: A002 — what Graphviz calls it
            return [sys.executable, "-c", text]

    return Program()


def test_an_engine_that_fails_gives_way_to_the_next(monkeypatch, drawing):
    broken = program("import sys; sys.exit('broken')")
    works = program("print('picture')")
    monkeypatch.setattr(rendering, "ENGINES", (broken, works))
    assert drawing.png().split() == [b"picture"]
    monkeypatch.setattr(rendering, "ENGINES", (broken,))
    with pytest.raises(DrawingError, match="broken"):
        drawing.png()


def test_an_engine_that_hangs_is_stopped(monkeypatch, drawing):
    monkeypatch.setattr(rendering, "ENGINES", (program("import time; time.sleep(100)"),))
    monkeypatch.setattr(rendering, "PATIENCE", 0.2)
    with pytest.raises(DrawingError, match=r"longer than 0\.2 s"):
        drawing.png()


def test_a_notebook_never_fails_because_of_a_picture(monkeypatch, drawing):
    def broken(*_):
        raise RuntimeError("anything")

    monkeypatch.setattr(type(drawing), "svg", broken)
    assert "anything" in drawing._repr_mimebundle_(include=None, exclude=None)["text/plain"]


# --- files -----------------------------------------------------------------------------------------------------------


def test_an_unknown_extension_is_refused(drawing, tmp_path):
    for name in ("net.gif", "net", ".svg", "net.svg.zip"):
        with pytest.raises(ArgumentError, match="no extension of a drawing"):
            drawing.save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_keeps_the_old_file(drawing, tmp_path, monkeypatch):
    path = tmp_path / "net.dot"
    path.write_text("old")
    real = os.fdopen

    def full(*arguments, **options):
        file = real(*arguments, **options)

        class Full:
            def __enter__(self):
                return self

            def __exit__(self, *_):
                file.close()

            def write(self, content):
                file.write(content[:10])
                raise OSError(errno.ENOSPC, "No space left on device")

        return Full()

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(OSError, match="No space left"):
        drawing.save(path)
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["net.dot"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_a_new_file_has_the_usual_permissions(drawing, tmp_path):
    (tmp_path / "usual").touch()
    drawing.save(tmp_path / "net.dot")
    assert (tmp_path / "net.dot").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions and links")
def test_a_file_keeps_its_permissions_and_a_link_stays_one(drawing, tmp_path):
    target, link = tmp_path / "target.dot", tmp_path / "link.dot"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to("target.dot")
    drawing.save(link)
    assert link.is_symlink()
    assert target.read_text("utf-8") == drawing.dot
    assert target.stat().st_mode & 0o777 == 0o640
    (tmp_path / "new.dot").symlink_to("not there yet.dot")
    drawing.save(tmp_path / "new.dot")
    assert (tmp_path / "not there yet.dot").read_text("utf-8") == drawing.dot


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_device_is_written_to_and_says_that_it_is_full(drawing, tmp_path):
    (tmp_path / "full.svg").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        drawing.save(tmp_path / "full.svg")
    assert Path("/dev/full").is_char_device()


# --- the pictures of the documentation -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def documented():
    return script("docs/make_pictures.py").pictures()


def test_the_pictures_of_the_documentation_are_what_the_code_draws(documented):
    folder = ROOT / "docs" / "pictures"
    assert {path.stem for path in folder.iterdir()} == set(documented) | {"benchmarks", "house"}
    for name, drawing in documented.items():
        assert (folder / f"{name}.svg").read_text("utf-8") == drawing.svg(), f"run docs/make_pictures.py: {name}"


def test_the_picture_of_the_house_is_what_its_imports_give():
    house = script("docs/make_house.py")
    assert house.PICTURE.read_text("utf-8") == house.picture(house.sources()).svg(), "run docs/make_house.py"


def test_the_documentation_shows_every_picture(documented):
    pages = "".join((ROOT / "docs" / f"{name}.md").read_text("utf-8") for name in ("drawing", "start"))
    assert set(re.findall(r"\(pictures/(.*?)\.svg\)", pages)) == set(documented)
