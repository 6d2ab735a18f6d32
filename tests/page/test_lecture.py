"""The notebook docs/lecture.ipynb, executed as a lecture would be, and exported: everything in it shows itself."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "lecture.ipynb"

# What JupyterLab's sanitizer leaves of a notebook that is not trusted, as far as it occurs here: an oracle of its own.
TAGS = set("table thead tbody tr th td p pre code progress details summary br".split())
ATTRIBUTES = {"style", "scope", "value", "max"}
STYLES = {"text-align", "vertical-align", "white-space", "margin", "background-color"}


@pytest.fixture(scope="module")
def lecture():
    for package in ("nbclient", "ipykernel", "nbconvert", "matplotlib"):
        pytest.importorskip(package, reason=f"the lecture is executed with the package {package}")
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    resources = {"metadata": {"path": str(NOTEBOOK.parent)}}
    return NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()


def bundles(notebook, kind="text/plain"):
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    return [output.data[kind] for output in outputs if kind in output.get("data", {})]


def result(notebook, source):
    """What the cell that ends with a line shows."""
    [cell] = [cell for cell in notebook.cells if cell.source.splitlines()[-1:] == [source]]
    return cell.outputs[-1].data


def test_the_notebook_is_kept_without_outputs():
    nbformat = pytest.importorskip("nbformat", reason="notebooks are read with the package nbformat")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) >= 23
    assert not any(cell.outputs or cell.execution_count for cell in code)


def test_everything_shows_itself_and_nothing_its_address(lecture):
    assert not [text for text in bundles(lecture) if re.search(r"\bat 0x[0-9a-f]+", text)]
    for source in ("graph", "run.draw()", "history"):
        assert "image/svg+xml" in result(lecture, source)
    for source in ("derivation", 'derivation["dW3"]', 'derivation.entries("dW3", m=2)'):
        shown = result(lecture, source)
        assert "text/latex" in shown
        assert "text/html" not in shown
    for source in ("run", "gradients", 'run.contributions("A2")', 'graph["Z2"]', "report", 'report["dA2"]'):
        assert "<table>" in result(lecture, source)["text/html"]
    for source in ("graph.compile()", "run.page()", "history.page()"):
        assert "text/html" in result(lecture, source)
    assert len(bundles(lecture, "image/png")) == 2
    shaped = result(lecture, 'graph.derivation("per-example", shapes=True)')
    assert r"(1 \times 3) = (1 \times m) (m \times 3)" in shaped["text/latex"]
    assert "(1×3) = (1×m)(m×3)" in shaped["text/plain"]


def test_an_error_begins_with_its_message_and_is_drawn(lecture):
    [cell] = [cell for cell in lecture.cells if "raises-exception" in cell.metadata.get("tags", ())]
    drawn, error = cell.outputs
    assert drawn.data["image/svg+xml"].startswith("<svg")
    first, *rest = error.traceback
    assert first.startswith("ShapeError: MatMul: (3, 2) @ (3, m)")
    assert re.search(r"where: built at In\[\d+\]:1\n", first)
    assert "\n  try:   transpose the first" in first
    assert [re.sub(r"\d+", "N", line) for line in rest] == [
        f"In[N]:N, in <module>\n    {re.sub(r'[0-9]+', 'N', cell.source)}"
    ]


def test_progress_is_a_bar_that_replaces_itself(lecture):
    [shown] = [html for html in bundles(lecture, "text/html") if "<progress" in html]
    assert 'value="100"' in shown
    assert "step 3000/3000" in shown
    [plain] = [text for text in bundles(lecture) if text.startswith("[")]
    assert plain.startswith(f"[{'#' * 25}] step 3000/3000")


def test_tables_survive_the_sanitizer_of_a_notebook_that_is_not_trusted(lecture):
    class Parts(HTMLParser):
        def handle_starttag(self, tag, attributes):
            assert tag in TAGS
            assert {name for name, _ in attributes} <= ATTRIBUTES
            style = dict(attributes).get("style") or ""
            assert {part.split(":")[0] for part in style.split(";") if part} <= STYLES

    pages = [html for html in bundles(lecture, "text/html") if not html.startswith("<iframe")]
    assert len(pages) >= 9
    for html in pages:
        Parts().feed(html)


def test_the_export_holds_whole_pictures_and_scrolls_what_is_wide(lecture, chromium, tmp_path):
    from nbconvert import HTMLExporter

    path = tmp_path / "lecture.html"
    path.write_text(HTMLExporter().from_notebook_node(lecture)[0], "utf-8")
    for width in (1400, 390):
        tab = chromium.new_page(viewport={"width": width, "height": 900})
        tab.route("http*://**", lambda route: route.abort())  # MathJax, which an export loads from elsewhere
        tab.goto(path.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        pictures = "all => all.map(x => [x.clientWidth, x.closest('.jp-OutputArea-output').clientWidth])"
        sizes = tab.eval_on_selector_all(".jp-OutputArea-output img", pictures)
        assert len(sizes) == 6
        assert all(0 < own <= cell for own, cell in sizes)
        frame = tab.frame_locator("iframe >> nth=0")
        frame.locator("#next").click()
        assert frame.locator("#count").inner_text() == "2 of 51"
        tab.close()
