"""Every page that the project makes, as axe-core judges it: light and dark, at the start, at the end, unfolded."""

import numpy as np
import pytest
from test_page import network, of_gradients
from test_page_of_a_training import trained

import chainrule as cr


def large():
    """Matrices larger than 6 × 6, with examples in rows."""
    rng = np.random.default_rng(0)
    P = cr.Softmax(cr.Input("X", ("m", 9)) @ cr.Parameter("W", (9, 4)), axis=1, name="P")
    graph = cr.Graph(cr.CrossEntropyLoss(P, cr.Input("Y", ("m", 4)), name="L"))
    labels = np.eye(4)[rng.integers(0, 4, 30)]
    run = graph.forward({"X": rng.standard_normal((30, 9)), "Y": labels, "W": rng.standard_normal((9, 4))})
    run.backward()
    return run


def folded():
    """More nodes than are drawn at once: a box for each layer."""
    z = cr.Parameter("z", (1, 3))
    for k in range(301):
        with cr.layer(f"Layer {k // 100}"):
            z = cr.Tanh(z)
    return cr.Graph(cr.Sum(z, name="L")).forward({"z": [[1.0, 2.0, 3.0]]})


PAGES = {
    "of a run": (network, [1, 24]),
    "of the gradients of a gradient": (of_gradients, [1, 121]),
    "of large arrays": (large, [4, 8]),
    "of folded layers": (folded, [1]),
    "of a training": (lambda: trained()[2], [1, 20]),
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_violations(opened, violations, name, scheme):
    make, steps = PAGES[name]
    page = make().page()
    for step in steps:
        tab = opened(page, step, color_scheme=scheme, reduced_motion="reduce")  # nothing has to fade in before
        assert violations(tab, dark=scheme == "dark") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_opens_has_none_either(opened, violations, scheme):
    tab = opened(large().page(), 4, color_scheme=scheme)
    tab.locator("#result .strip").click()
    assert tab.locator("dialog[open]").count() == 1
    assert violations(tab, dark=scheme == "dark") == []
    tab = opened(folded().page(), 1, color_scheme=scheme)
    tab.locator("details.layer summary").first.click()
    assert violations(tab, "details.layer", dark=scheme == "dark") == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_a_notebook_shows_has_none_in_an_export(chromium, violations, tmp_path, theme):
    """Of the page around it, which nbconvert writes, its own authors answer."""
    for package in ("nbconvert", "nbformat"):
        pytest.importorskip(package, reason=f"notebooks are exported with the package {package}")
    import nbformat
    from nbconvert import HTMLExporter

    run, (*_, history) = network(), trained()
    report = run.graph.check({"dZ3": "A3 - Y", "dW3": "dZ3 @ A2 / m", "dB3": "dZ3.sum("})
    checked = run.graph.check_gradients({name: run[name] for name in map(run.graph.name, run.graph.leaves)})
    shown = [run, run.gradients, run.contributions("A2"), run.graph["Z2"], report, report["dW3"], checked]
    shown += [run.graph, run.draw(), history, run.graph.derivation(), run.graph.compile(), run.page()]
    cells = [nbformat.v4.new_code_cell("", outputs=[_output(value)]) for value in shown]
    path = tmp_path / "notebook.html"
    notebook = nbformat.v4.new_notebook(cells=cells)
    path.write_text(HTMLExporter(theme=theme).from_notebook_node(notebook)[0], "utf-8")
    tab = chromium.new_page(viewport={"width": 1400, "height": 900}, color_scheme=theme)
    tab.route("http*://**", lambda route: route.abort())  # MathJax, which an export loads from elsewhere
    tab.goto(path.as_uri())
    assert tab.locator(".jp-OutputArea-output").count() == len(shown)
    assert violations(tab, ".jp-OutputArea-output", dark=theme == "dark") == []
    tab.close()


def _output(value):
    """An output as IPython writes it down."""
    from IPython.core.formatters import DisplayFormatter

    data, metadata = DisplayFormatter().format(value)
    return {"output_type": "display_data", "data": data, "metadata": metadata}
