"""What a notebook shows of the things that a lecture touches, and of its errors."""

import html
import pickle
import re
import sys
import types
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pytest

import chainrule as cr
import nets
from chainrule.errors import ChainruleError


@pytest.fixture(scope="module")
def run():
    net = nets.DNN(sizes=(2, 3, 3, 1), seed=0)
    found = net.graph.forward({**net.params, "A0": [[0.5, -1, 0, 2], [1, 2, -0.5, 3]], "Y": [[1, 0, 1, 1]]})
    found.backward()
    return found


def closed(markup):
    """Whether every element is closed in its order."""

    class Tags(HTMLParser):
        def __init__(self):
            super().__init__()
            self.open, self.wrong = [], []

        def handle_starttag(self, tag, attrs):
            self.open += [] if tag == "br" else [tag]

        def handle_endtag(self, tag):
            if not self.open or self.open.pop() != tag:
                self.wrong.append(tag)

    tags = Tags()
    tags.feed(markup)
    return tags.open == [] == tags.wrong


def test_a_drawing_is_as_wide_as_its_cell_and_a_file_keeps_its_size(run):
    drawing = run.draw()
    shown, saved = drawing._repr_mimebundle_()["image/svg+xml"], drawing.svg()
    _, _, width, _ = ET.fromstring(saved).get("viewBox").split()
    head = shown[: shown.index(">")]
    assert 'width="100%"' in head
    assert f'style="max-width:{float(width):g}pt;height:auto"' in head
    assert " height=" not in head
    shown, saved = (list(map(float, ET.fromstring(text).get("viewBox").split())) for text in (shown, saved))
    assert shown == saved


def test_a_small_drawing_gets_room_beside_it_and_is_not_enlarged():
    drawing = cr.Graph(cr.Square(cr.Input("x"), name="y")).draw()
    *_, width, height = map(float, ET.fromstring(drawing._repr_mimebundle_()["image/svg+xml"]).get("viewBox").split())
    assert width == 750
    assert height == float(ET.fromstring(drawing.svg()).get("viewBox").split()[3])


def test_a_graph_draws_itself(run):
    bundle = run.graph._repr_mimebundle_()
    assert ET.fromstring(bundle["image/svg+xml"]).tag.endswith("svg")
    assert bundle["text/plain"] == "<Graph of 18 nodes: L>"


def test_a_run_is_a_table_of_values_and_gradients_over_their_heat(run):
    shown = run._repr_mimebundle_()["text/html"]
    assert closed(shown)
    text = html.unescape(re.sub(r"<[^>]*>", " ", shown))
    assert "W3" in text
    assert "(3, m) = (3, 4)" in text
    [largest] = {f"{np.abs(run['dW3']).max():.3g}".replace("-", "−")}
    assert largest in text
    assert "rgba(33,102,172,0.45)" in shown
    forward = run.graph.forward({name: run[name] for name in ("A0", "Y", *nets.DNN().params)})
    assert "gradient" not in forward._repr_mimebundle_()["text/html"]


def test_a_large_run_shows_its_ends():
    x = cr.Input("x", ("m",))
    for _ in range(100):
        x = cr.Sin(x)
    shown = cr.Graph(x).forward({"x": np.arange(9.0)})._repr_mimebundle_()["text/html"]
    assert shown.count('scope="row"') == 60
    assert "41 more in between" in shown


@pytest.mark.parametrize("array", [np.nan, [[np.inf, -1.0]], np.zeros((0, 2)), [[True, False]], np.zeros((2, 2, 2))])
def test_any_array_has_its_place_in_the_table(array):
    x = cr.Input("x", np.shape(array), dtype=np.asarray(array).dtype)
    shown = cr.Graph(cr.Add(x, x) if np.asarray(array).dtype.kind == "f" else x).forward({"x": array})
    assert closed(shown._repr_mimebundle_()["text/html"])


def test_hostile_names_are_text_in_tables_too():
    name = "<img src=x onerror=alert(1)>"
    with cr.layer(f"{name}\x00"):
        x = cr.Parameter(name, (2,))
        run = cr.Graph(cr.Sum(x, name="</table>L")).forward({x: [1.0, 2.0]})
    run.backward()
    feeds = {x: [1.0, 2.0]}
    things = [run, run.values, run.gradients, run.contributions(x), x, run.graph.order[-1], run.graph.compile()]
    things += [run.graph.check_gradients(feeds), run.graph.compile(outputs="</table>L")]
    for shown in (thing._repr_html_() for thing in things):
        assert closed(shown)
        assert "<img" not in shown
        assert "\x00" not in shown


def test_text_is_what_print_writes_and_has_a_line_for_every_array(run):
    for thing in (run, run.values, run.gradients, run.contributions("A2"), run.graph.compile()):
        assert thing._repr_mimebundle_()["text/plain"] == str(thing)
    head, *lines = str(run.gradients).splitlines()
    assert head.split() == ["name", "shape", "gradient"]
    assert [line.split()[0] for line in lines] == list(run.gradients)
    assert "W3 " in str(run.values)


def test_contributions_are_a_tuple_that_shows_itself_as_a_table(run):
    uses = run.contributions("A2")
    assert (len(uses), uses[0].consumer, uses[0].position) == (1, "matmul_3", 1)
    low, high = (f"{x:.3g}".replace("-", "−") for x in (run["dA2"].min(), run["dA2"].max()))
    assert repr(uses).splitlines()[1].split() == ["matmul_3", "1", "(3,", "4)", low, "…", high]
    assert uses._repr_html_().count("<td") > 3 * 4
    assert pickle.loads(pickle.dumps(uses))[0].consumer == "matmul_3"


def test_a_node_says_what_it_computes_and_where_it_was_built():
    x = cr.Input("x", (3, "m"))
    with cr.layer("outer"), cr.layer("inner"):
        total = cr.Sum(x, axis=0, name="s")
    text = html.unescape(re.sub("<[^>]*>", " ", total._repr_html_()))
    for said in ("s", "Sum", "(m,)", "'x'", "axis=0", "outer / inner", "test_in_a_notebook.py:"):
        assert said in text


def test_a_gradient_check_is_a_table(run):
    report = run.graph.check_gradients({name: run[name] for name in ("A0", "Y", *nets.DNN().params)})
    shown = report._repr_html_()
    assert closed(shown)
    assert shown.count("<tr>") == 1 + len(report.rows)


def test_a_history_is_the_curve_of_its_losses():
    w = cr.Parameter("w")
    graph = cr.Graph(cr.Square(w - 3, name="L"))
    history = cr.train(graph, {"w": 0.0}, {}, epochs=30, optimizer=cr.SGD(rate=0.25), progress=False)
    bundle = history._repr_mimebundle_()
    picture = ET.fromstring(bundle["image/svg+xml"])
    [line] = [part for part in picture if part.tag.endswith("polyline")]
    heights = [float(point.split(",")[1]) for point in line.get("points").split()]
    assert len(heights) == 30
    assert heights == sorted(heights)  # down the picture, as the loss falls
    assert bundle["text/plain"] == repr(history)
    assert nets.History({}, (), interrupted=True)._repr_mimebundle_().keys() == {"text/plain"}


# --- errors ----------------------------------------------------------------------------------------------------------


def failing():
    graph = nets.DNN(sizes=(2, 3, 3, 1)).graph
    with pytest.raises(ChainruleError) as caught:
        graph.forward({"A0": [[1.0], [2.0]]})
    return caught.value


def test_an_error_begins_with_its_message_and_leaves_out_what_is_inside_of_chainrule():
    first, *rest = failing()._render_traceback_()
    assert first.startswith("FeedError: ")
    assert "\n  try:" in first
    assert rest
    assert all("/graphlib/chainrule/" not in line for line in rest)
    assert any("graph.forward(" in line for line in rest)


def test_a_notebook_shows_the_picture_of_the_failing_node(monkeypatch):
    shown = []
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    display = types.ModuleType("IPython.display")
    display.display = shown.append
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    with pytest.raises(ChainruleError) as caught:
        cr.MatMul(cr.Input("A", (2, 3)), cr.Input("B", (2, 3)))
    for _ in range(2):  # a kernel asks for it twice
        caught.value._render_traceback_()
    assert [type(one).__name__ for one in shown] == ["Drawing"]
    failing()._render_traceback_()  # which is about no node
    assert len(shown) == 1
