"""A derivation as a LaTeX file, as Markdown and as a cell: any name stands in it, and pdflatex compiles it."""

import shutil
import subprocess

import pytest

import chainrule as cr
import nets
from chainrule.errors import ArgumentError
from chainrule.notation import LatexPrinter

NAMES = [
    "\\input{/etc/passwd}",
    "$x_1^2$ % & # {} ~",
    "^^41\\undefined",
    "λ",
    "≤",
    "Ação",
    "שלום",
    "🙂",
    "\x00",
    "a\nb",
]


def hostile():
    total = cr.Parameter(NAMES[0], (2,))
    for name in NAMES[1:]:
        total = total * cr.Parameter(name, (2,))
    return cr.Graph(cr.Sum(total, name="\\end{document}")).derivation()


def deep():
    x = w = cr.Parameter("w", (3, 2))
    for k in range(40):
        x = cr.Tanh(x * w, name=f"A{k + 1}")
    return cr.Graph(cr.Sum(x, name="L")).derivation(shapes=True)


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
@pytest.mark.parametrize("make", [lambda: nets.DNN().graph.derivation(), hostile, deep])
def test_pdflatex_compiles_the_document_as_it_is(tmp_path, make):
    make().save(tmp_path / "d.tex", "100 % of $L$, \\ and λ")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "d.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    log = (tmp_path / "d.log").read_text("latin-1")
    assert "Missing character" not in log
    assert "Overfull \\hbox" not in log


def test_every_line_stands_in_every_form(tmp_path):
    derivation = nets.DNN().graph.derivation()
    shown = [formula for formula in derivation.values() if formula.listed and len(formula.steps) == 1]
    lines = [formula.line(LatexPrinter()).steps[0] for formula in shown]
    assert len(lines) > 5
    cell = derivation.cell("By hand")
    for text in (derivation.document(), derivation.markdown(), "".join(cell["source"])):
        assert all(line in text for line in lines)
    assert cell["source"][0] == "## By hand\n"
    derivation.save(tmp_path / "d.txt")
    assert (tmp_path / "d.txt").read_text("utf-8") == f"{derivation}\n"
    with pytest.raises(ArgumentError, match=r"\.tex, \.md, \.txt"):
        derivation.save(tmp_path / "d.pdf")
