"""Mermaid and TikZ: what stands in them, that any name is only text, and that their own programs read them."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
import nets
from chainrule.drawing import mermaid, tikz
from chainrule.errors import DrawingError

ROOT = Path(__file__).parents[2]
HOSTILE = [
    '"',
    "]]",
    '")] --> n0',
    "end",
    "<b>bold</b>",
    "a&b &lt; #quot; #35;",
    "`**bold**`",
    "1. a list",
    "- a list",
    "%% comment",
    "click n0 href",
    "two\nlines",
    "\\input{/etc/passwd}",
    "$x_1^2$ % & # {} ~",
    "^^41\\undefined",
    "\\N \\G",
    "שלום",
    "Ação naïve Ελληνικά",
    "\x00\x1b[31m",
    "\ud800",
    "[]`'-,?!*@=|",
    " ",
]


def hostile(show="graph"):
    nodes = [cr.Parameter(name, (2,)) for name in HOSTILE]
    with cr.layer(HOSTILE[0] + HOSTILE[12]), cr.layer(HOSTILE[4] + "end"):
        total = nodes[0]
        for node in nodes[1:]:
            total = total + node
        return cr.Graph(cr.Sum(total, name="all of \\them% <b>")).draw(show)


def gradients():
    net = nets.DNN(sizes=(2, 3, 3, 1), seed=0)
    run = net.graph.forward({**net.params, "A0": np.array([[1.0, 2, 3], [4, 5, 6]]), "Y": [[1, 0, 1]]})
    run.backward()
    return run


DRAWINGS = {
    "net": lambda: nets.DNN().graph.draw(),
    "gradients": lambda: gradients().draw(),
    "formulas": lambda: nets.DNN().graph.draw("formulas"),
    "one layer": lambda: gradients().draw(layer="Layer 2", highlight="Z2"),
    "closed": lambda: nets.DNN().graph.draw(collapse=True, direction="down"),
    "nested": lambda: nets.DNN().graph.backward().draw(palette="document"),
    "hostile": hostile,
    "hostile formulas": lambda: hostile("formulas"),
}


# --- Mermaid ---------------------------------------------------------------------------------------------------------


def test_a_flowchart_has_every_item_every_arrow_and_the_layers_around_them():
    drawing = gradients().draw()
    lines = drawing.mermaid.splitlines()
    assert lines[0] == "flowchart LR"
    assert len([line for line in lines if re.fullmatch(r"\s+n\d+[\[(].*", line)]) == 25
    assert len([line for line in lines if " --> " in line]) == 24
    assert len([line for line in lines if " -.-> " in line]) == 23
    assert [line.strip() for line in lines if "subgraph" in line] == [
        f'subgraph c{k} ["Layer {k + 1}"]' for k in range(3)
    ]
    assert "    n8 -.-> n7" in lines or "    n7 -.-> n8" in lines
    assert mermaid.plain_lines(drawing.rows.items[0].label)[:3] == ["A₀ 2 × m", "A₀ = 1 2 3", "4 5 6"]


def test_layers_within_layers_are_subgraphs_within_subgraphs():
    with cr.layer("outer"), cr.layer("inner"):
        y = cr.Sin(cr.Input("x"), name="y")
    with cr.layer("outer"):
        z = cr.Cos(y, name="z")
    found = [line for line in cr.Graph(z).draw().mermaid.splitlines() if re.search("subgraph|end$", line)]
    assert found == [
        '    subgraph c0 ["outer"]',
        '        subgraph c1 ["inner"]',
        "        end",
        "    end",
    ]


def test_text_of_a_flowchart_has_nothing_that_could_be_markup():
    for drawing in (hostile(), hostile("formulas")):
        for label in re.findall(r'"([^"]*)"', drawing.mermaid):
            assert re.fullmatch(r"(?:[\w =,∂×−∗…∞₀-₉ᵀ]|#\d+;|<br>)*", label)
        assert drawing.mermaid.count('"') % 2 == 0


def modules():
    """The folder of packages for Node, in which there is more than Node itself has."""
    folders = [ROOT / "node_modules", *map(Path, filter(None, os.environ.get("NODE_PATH", "").split(os.pathsep)))]
    return next((folder for folder in folders if (folder / "mermaid").is_dir() and (folder / "jsdom").is_dir()), None)


PARSER = """
const { createRequire } = await import('module');
const { pathToFileURL } = await import('url');
const folder = process.argv[1];
const { JSDOM } = createRequire(folder + '/x.js')('jsdom');
globalThis.window = new JSDOM('<body></body>').window;
globalThis.document = window.document;
const { default: mermaid } = await import(pathToFileURL(folder + '/mermaid/dist/mermaid.core.mjs'));
let text = '';
for await (const part of process.stdin) text += part;
for (const [name, chart] of Object.entries(JSON.parse(text))) {
  await mermaid.parse(chart).catch((error) => { console.log(name + ': ' + error.message); });
  const { db } = await mermaid.mermaidAPI.getDiagramFromText(chart);
  console.log(JSON.stringify([name, [...db.getVertices().keys()].length, db.getEdges().length]));
}
"""


@pytest.mark.skipif(not shutil.which("node"), reason="Node is not installed")
def test_mermaid_itself_reads_every_flowchart():
    folder = modules()
    if folder is None:
        pytest.skip("npm install mermaid jsdom has not been run here")
    drawings = {name: make() for name, make in DRAWINGS.items()}
    given = json.dumps({name: drawing.mermaid for name, drawing in drawings.items()})
    command = ["node", "--input-type=module", "-e", PARSER, str(folder)]
    done = subprocess.run(command, input=given.encode(), capture_output=True, check=True, timeout=120)
    found = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert found == [[name, len(d._scene.items), len(d._scene.arrows)] for name, d in drawings.items()]


# --- TikZ ------------------------------------------------------------------------------------------------------------


def test_every_box_stands_where_the_layout_says():
    drawing = nets.DNN().graph.draw()
    boxes = re.findall(r"\\path\[fill=chainruleE4EFFC,.*?\] \((.*?),(.*?)\) rectangle \((.*?),(.*?)\)", drawing.tikz)
    placed = re.findall(r'class="node input".*?M([\d.]+),([\d.]+)H', drawing.svg(), re.DOTALL)
    assert [float(box[0]) for box in boxes[1:]] == pytest.approx([float(x) - 8 for x, _ in placed], abs=0.02)
    assert [float(box[1]) for box in boxes[1:]] == pytest.approx([float(y) for _, y in placed], abs=0.02)


def test_a_command_in_a_name_is_text():
    text = hostile().tikz
    assert "\\input" not in text
    assert "\\textbackslash{}input\\{/etc/passwd\\}" in text
    assert text.isascii()
    assert r"\c{c}\~{a}o" in text
    assert r"\texttt{U+05E9}" in text


def test_what_tex_cannot_count_is_refused_with_advice():
    sheet = nets.DNN().graph.draw()._sheet
    with pytest.raises(DrawingError, match=r"too large for TeX(.|\n)*collapse=True"):
        tikz.tikz_text(sheet._replace(height=17_000.0))


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_pdflatex_compiles_every_drawing(tmp_path):
    width = {}
    for number, (name, make) in enumerate(DRAWINGS.items()):
        make().save(tmp_path / f"d{number}.tex")
        make().save(tmp_path / f"d{number}.tikz")
        width[name] = make()._sheet.width
    inputs = "\n".join(rf"\resizebox{{\linewidth}}{{!}}{{\input{{d{k}.tikz}}}}" for k in range(len(DRAWINGS)))
    paper = rf"\documentclass{{article}}\usepackage{{tikz}}\begin{{document}}{inputs}\end{{document}}"
    (tmp_path / "paper.tex").write_text(paper, "utf-8")
    for file in ("paper", "d1", "d6"):
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", f"{file}.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=False)
        said = done.stdout.decode(errors="replace")
        assert done.returncode == 0, said[-2000:]
        assert "Missing character" not in (tmp_path / f"{file}.log").read_text("latin-1")
    page = re.search(rb"/MediaBox \[0 0 ([\d.]+)", (tmp_path / "d1.pdf").read_bytes())
    if page:  # else the page stands in a compressed stream
        assert float(page[1]) == pytest.approx((width["gradients"] + 2) * 72 / 72.27, abs=2)
