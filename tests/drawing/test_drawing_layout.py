"""Pictures: what each engine makes of a drawing, what is done when there is none, and how files are written."""

import errno
import html
import importlib.util
import os
import re
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import chainrule as cr
import nets
from chainrule.drawing import layout
from chainrule.errors import ArgumentError, DrawingError

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"
ENGINES = {"dot": layout.DotProgram(), "pygraphviz": layout.Pygraphviz()}
PRESENT = [name for name, engine in ENGINES.items() if engine.command("svg")]

needs_engine = pytest.mark.skipif(not PRESENT, reason="no layout engine is installed")


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
    monkeypatch.setattr(layout, "ENGINES", (ENGINES[request.param],))
    return request.param


@pytest.fixture
def no_engine(monkeypatch, tmp_path):
    """A machine without dot and without pygraphviz."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


def texts(root):
    return [text.text for text in root.iter(f"{SVG}text")]


def test_every_engine_makes_every_format(engine, drawing, tmp_path):
    starts = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph"}
    for kind, start in starts.items():
        assert drawing.save(tmp_path / f"net.{kind}").read_bytes().startswith(start)


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
def test_every_text_of_the_labels_is_in_the_svg(engine, drawing, kind):
    # Graphviz drops a label that it cannot parse and says nothing, and expands what looks like an escape.
    drawing = drawing if kind == "usual" else hostile(formulas="formulas" in kind)
    written = re.findall(r"<FONT[^>]*>(?:<[BI]>)*([^<]+)", drawing.dot)
    labels = [html.unescape(text).replace("\\\\", "\\") for text in written]
    shown = [text.replace("\u00a0", " ").strip() for text in texts(ET.fromstring(drawing.svg()))]
    assert sorted(filter(None, shown)) == sorted(filter(None, (text.replace("\u00a0", " ").strip() for text in labels)))


def test_hostile_names_leave_no_element_but_those_of_a_drawing(engine):
    root = ET.fromstring(hostile().svg())
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "style", "g", "title", "polygon", "polyline", "path", "ellipse", "text"}
    assert any("<script>alert(1)</script>" in (text or "") for text in texts(root))
    assert not [name for element in root.iter() for name in element.attrib if "href" in name or name.startswith("on")]


@needs_engine
def test_every_box_and_arrow_has_a_title_and_a_label_for_screen_readers(drawing):
    root = ET.fromstring(drawing.svg())
    assert root.get("role") == "graphics-document document"
    assert root.get("aria-label").startswith("Computational graph of g")
    groups = [
        group for group in root.iter(f"{SVG}g") if group.get("class", "").split()[0] in ("node", "edge", "cluster")
    ]
    assert len(groups) == drawing.dot.count(" [id=")
    for group in groups:
        assert group.get("role") == "graphics-symbol img"
        assert group.find(f"{SVG}title").text == group.get("aria-label")
        assert not re.fullmatch(r"n\d+(->n\d+)?|cluster_\d+", group.get("aria-label"))
    said = {group.get("aria-label") for group in groups}
    assert "input b; shape (); value 2; gradient 646" in said


@needs_engine
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


@needs_engine
def test_pictures_are_the_same_each_time(drawing):
    assert drawing.svg() == drawing.svg()


# --- without an engine -----------------------------------------------------------------------------------------------


def test_without_an_engine_the_error_says_what_to_install_and_the_dot_text_is_there(no_engine, drawing, tmp_path):
    with pytest.raises(DrawingError, match="pip install pygraphviz") as caught:
        drawing.svg()
    assert len(str(caught.value).splitlines()) == 2
    assert drawing.save(tmp_path / "net.dot").read_text("utf-8") == drawing.dot
    bundle = drawing._repr_mimebundle_()
    assert bundle.keys() == {"text/plain"}
    assert "pip install pygraphviz" in bundle["text/plain"]


def test_without_an_engine_the_demo_says_in_a_sentence_what_to_install(no_engine, tmp_path):
    from nets import demo

    lines = list(demo.pictures(demo.Tour(folder=tmp_path / "pictures")))
    assert "pip install pygraphviz" in " ".join(lines)
    assert all(len(line) <= 80 for line in lines)


@needs_engine
def test_the_demo_writes_its_pictures_and_names_them(tmp_path):
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

    class Program(layout.Engine):
        def command(self, format):  # noqa: A002 — what Graphviz calls it
            return [sys.executable, "-c", text]

    return Program()


def test_an_engine_that_fails_gives_way_to_the_next(monkeypatch, drawing):
    broken = program("import sys; sys.exit('broken')")
    works = program("print('<svg></svg>')")
    monkeypatch.setattr(layout, "ENGINES", (broken, works))
    assert "<svg" in drawing.svg()
    monkeypatch.setattr(layout, "ENGINES", (broken,))
    with pytest.raises(DrawingError, match="broken"):
        drawing.svg()


def test_an_engine_that_hangs_is_stopped(monkeypatch, drawing):
    monkeypatch.setattr(layout, "ENGINES", (program("import time; time.sleep(100)"),))
    monkeypatch.setattr(layout, "PATIENCE", 0.2)
    with pytest.raises(DrawingError, match=r"longer than 0\.2 s"):
        drawing.svg()


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


# --- the pictures of the documentation -------------------------------------------------------------------------------


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def documented():
    return script("make_pictures").pictures()


def contents(svg):
    """Elements, titles, classes and texts: all of a picture but the positions, which depend on engine and fonts."""
    kept = ("id", "class", "role", "aria-label", "fill", "stroke")
    return [
        (element.tag, *(element.get(name) for name in kept), (element.text or "").strip())
        for element in ET.fromstring(svg).iter()
        if element.tag in (f"{SVG}g", f"{SVG}title", f"{SVG}text", f"{SVG}style")
    ]


@needs_engine
def test_the_pictures_of_the_documentation_are_what_the_code_draws(documented):
    folder = ROOT / "docs" / "pictures"
    assert {path.stem for path in folder.iterdir()} == set(documented) | {"house"}
    for name, drawing in documented.items():
        kept = (folder / f"{name}.svg").read_text("utf-8")
        assert sorted(contents(kept)) == sorted(contents(drawing.svg())), f"run docs/make_pictures.py: {name}"


@needs_engine
def test_the_picture_of_the_house_is_what_its_imports_give():
    house = script("make_house")
    drawn = house.picture(house.sources()).svg()
    assert sorted(contents(house.PICTURE.read_text("utf-8"))) == sorted(contents(drawn)), "run docs/make_house.py"


def test_the_documentation_shows_every_picture(documented):
    text = (ROOT / "docs" / "drawing.md").read_text("utf-8")
    assert set(re.findall(r"\(pictures/(.*?)\.svg\)", text)) == set(documented)


def test_the_engine_that_the_readme_installs_is_the_wheel():
    assert "'.[draw]'" in (ROOT / "README.md").read_text("utf-8")
    assert shutil.which("dot") or layout.Pygraphviz().command("svg") or not PRESENT
