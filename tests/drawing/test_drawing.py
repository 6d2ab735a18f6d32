"""What drawings show: the items and arrows of every view, and that the DOT text is safe and always the same."""

import html
import os
import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import graphviz
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
import nets
from nets import circuits

ITEM = re.compile(r"^\t+(n\d+) \[(.*?)\]$", re.MULTILINE)
ARROW = re.compile(r"^\t+(n\d+) -> (n\d+) \[(.*?)\]$", re.MULTILINE)


class Picture:
    """What stands in a DOT text: items as (class, texts) and arrows as (class, from, to, texts)."""

    def __init__(self, drawing):
        self.dot = drawing.dot
        self.items = {name: (self.kind(found), self.texts(found)) for name, found in ITEM.findall(self.dot)}
        self.arrows = [
            (self.kind(found), self.items[tail][1][0], self.items[head][1][0], self.texts(found))
            for tail, head, found in ARROW.findall(self.dot)
        ]

    @staticmethod
    def kind(attributes):
        return re.search(r'class="(.*?)"', attributes)[1]

    @staticmethod
    def texts(attributes):
        label = re.search(r"label=<(<TABLE.*</TABLE>)>", attributes)
        return [] if label is None else [html.unescape(text).strip() for text in re.findall(r">([^<>]+)<", label[1])]

    def item(self, name):
        """The class and texts of the only item that starts with this text."""
        [found] = [item for item in self.items.values() if item[1][0] == name]
        return found


def dnn_run(columns=7):
    net = nets.DNN()
    run = net.graph.forward(
        {**net.params, "A0": np.linspace(-1, 1, 2 * columns).reshape(2, columns), "Y": [[1] * columns]}
    )
    run.backward()
    return run


# --- the views -------------------------------------------------------------------------------------------------------


def test_a_graph_shows_operations_values_and_leaves_as_different_things():
    picture = Picture(nets.DNN().graph.draw())
    kinds = [kind for kind, _ in picture.items.values()]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"input": 2, "parameter": 6, "operation": 10, "value": 7}
    assert picture.item("Z₁") == ("value", ["Z₁", "3 × m"])
    assert picture.item("W₁") == ("parameter", ["W₁", "3 × 2"])
    assert picture.item("A₀")[0] == "input"
    assert picture.item("L") == ("value", ["L"])


def test_a_step_without_a_name_is_only_its_operation_which_then_shows_the_shape():
    x = cr.Input("x", (4, "m"))
    picture = Picture(cr.Graph(cr.Sum(cr.Exp(x), axis=1, name="s")).draw())
    assert [texts for _, texts in picture.items.values()] == [
        ["x", "4 × m"],
        ["exp", "4 × m"],
        ["Σ", "axis=1"],
        ["s", "4"],
    ]


def test_arrows_run_forward_one_for_every_use():
    x = cr.Input("x")
    picture = Picture(cr.Graph(cr.Multiply(x, x, name="y")).draw())
    assert [arrow[:3] for arrow in picture.arrows] == [
        ("forward", "∗", "y"),
        ("forward", "x", "∗"),
        ("forward", "x", "∗"),
    ]


def test_a_run_before_backward_shows_values_in_green_and_nothing_backward():
    run = circuits.product_of_sum().forward({"x": -2, "y": 5, "z": -4})
    picture = Picture(run.draw())
    assert picture.item("f") == ("value", ["f", "−12"])
    assert 'COLOR="#117733"' in picture.dot
    assert "#aa3377" not in picture.dot
    assert "dashed" not in picture.dot


def test_a_run_after_backward_shows_gradients_in_italics_with_their_sign():
    run = circuits.product_of_sum().forward({"x": -2, "y": 5, "z": -4})
    run.backward()
    picture = Picture(run.draw())
    assert picture.item("x") == ("input", ["x", "−2", "∂f/∂x = −4"])
    assert picture.item("q") == ("value", ["q", "3", "∂f/∂q = −4"])
    assert picture.item("z") == ("input", ["z", "−4", "∂f/∂z = 3"])
    gradients = re.findall(r"<FONT COLOR=\"#aa3377\"[^>]*>(.*?)</FONT>", picture.dot)
    assert gradients
    assert all(text.startswith("<I>") for text in gradients)
    assert Picture(run.draw("values")).item("x") == ("input", ["x", "−2"])


def test_backward_arrows_are_dashed_and_point_against_the_computation():
    run = circuits.product_of_sum().forward({"x": -2, "y": 5, "z": -4})
    run.backward()
    picture = Picture(run.draw())
    forward = [arrow[1:3] for arrow in picture.arrows if arrow[0] == "forward"]
    backward = [arrow[1:3] for arrow in picture.arrows if arrow[0] == "backward"]
    assert sorted(forward) == sorted(backward)
    for attributes in (found[2] for found in ARROW.findall(picture.dot)):
        assert ('style="dashed"' in attributes) == ('dir="back"' in attributes) == ('class="backward"' in attributes)


def test_at_a_fork_every_arrow_shows_its_contribution_and_the_box_their_sum():
    run = circuits.micrograd_example().forward({"a": -4, "b": 2})
    run.backward()
    picture = Picture(run.draw())
    sent = [texts[0] for kind, tail, _, texts in picture.arrows if kind == "backward" and tail == "b"]
    assert sent == [cr.drawing.arrays.number(float(use.gradient)) for use in _by_place(run, "b")]
    assert picture.item("b")[1] == ["b", "2", "∂g/∂b = 646", "sum of 5 contributions"]
    assert sum(float(use.gradient) for use in run.contributions("b")) == pytest.approx(float(run["db"]))  # rounding


def _by_place(run, name):
    return sorted(run.contributions(name), key=lambda use: (run.graph.position(use.consumer), use.position))


def test_where_a_value_is_used_once_the_arrow_says_nothing_more():
    run = circuits.product_of_sum().forward({"x": -2, "y": 5, "z": -4})
    run.backward()
    assert {tuple(texts) for *_, texts in Picture(run.draw()).arrows} == {()}


def test_a_value_without_a_gradient_says_so_and_does_not_show_0():
    picture = Picture(dnn_run().draw())
    assert picture.item("Y")[1] == ["Y", "1 × m", "all 1", "no gradient"]
    w = cr.Input("w")
    run = cr.Graph(cr.Multiply(cr.Maximum(w, 2), 1, name="f")).forward({"w": 1})
    run.backward()
    assert Picture(run.draw()).item("w")[1] == ["w", "1", "∂f/∂w = 0"]


def test_small_arrays_are_printed_and_large_ones_shown_by_shape_and_range():
    picture = Picture(dnn_run(columns=7).draw())
    assert len([text for text in picture.item("W₁")[1] if re.fullmatch(r"−?[\d.]+(×10.*)?", text)]) == 12
    assert picture.item("A₀")[1][:3] == ["A₀", "2 × m", "−1 … 1"]
    assert "m = 7" in html.unescape(picture.dot)


def test_formulas_stand_in_the_boxes_and_operations_disappear_in_them():
    picture = Picture(nets.DNN().graph.draw("formulas"))
    assert {kind for kind, _ in picture.items.values()} == {"input", "parameter", "value"}
    assert picture.item("Z₃")[1] == ["Z₃", "1 × m", "Z₃ = W₃A₂ + B₃", "∂L/∂Z₃ = (A₃ − Y) / m"]
    assert picture.item("W₃")[1] == ["W₃", "1 × 3", "∂L/∂W₃ = dZ₃A₂ᵀ"]
    assert ("forward", "A₂", "Z₃", []) in picture.arrows
    assert ("backward", "W₃", "Z₃", []) in picture.arrows


def test_formulas_of_contributions_stand_at_the_arrows_of_a_fork():
    x, w = cr.Input("x"), cr.Parameter("w")
    y = cr.Multiply(w, x, name="y")
    graph = cr.Graph(cr.Add(cr.Square(y, name="a"), cr.Sin(y, name="b"), name="L"))
    picture = Picture(graph.draw("formulas"))
    sent = {head: texts for kind, tail, head, texts in picture.arrows if kind == "backward" and tail == "y"}
    assert sent.keys() == {"a", "b"}
    assert "cos(y)" in sent["b"][0]
    assert "sum of 2 contributions" in picture.item("y")[1]


def test_the_two_uses_of_a_value_by_one_node_are_told_apart():
    x = cr.Parameter("x")
    y = cr.Multiply(x, 1, name="y")
    picture = Picture(cr.Graph(cr.Divide(y, y, name="L")).draw("formulas"))
    sent = [texts[0] for kind, tail, _, texts in picture.arrows if kind == "backward" and tail == "y"]
    assert sent == ["1 / y", "−L / y"]


@pytest.mark.parametrize("show", ["graph", "gradients", "formulas"])
def test_the_legend_stands_in_the_picture(show):
    label = next(line for line in dnn_run().draw(show).dot.splitlines() if "parameter  " in line)
    assert ("backward  " in label) == (show != "graph")
    assert ("operation  " in label) == (show != "formulas")
    assert "constant  " not in label  # there is none


def test_layers_are_nested_frames():
    with cr.layer("outer"):
        x = cr.Sin(cr.Input("x"), name="a")
        with cr.layer("inner"):
            y = cr.Cos(x, name="b")
    dot = cr.Graph(y).draw().dot
    assert re.findall(r"subgraph (cluster_\d)", dot) == ["cluster_0", "cluster_1"]
    outer, inner = dot.index("cluster_0"), dot.index("cluster_1")
    assert dot[outer:inner].count("}") == 0  # not closed before the inner one opens
    assert outer < dot.index(">outer<") < inner < dot.index(">inner<")


def test_expanded_and_fused_graphs_are_drawn():
    graph = nets.DNN().graph
    assert [*Picture(graph.expand("A1").draw()).items.values()].count(("operation", ["exp", "3 × m"])) == 1
    fused = Picture(graph.fuse().draw())
    assert ("operation", ["σ, BCE"]) in fused.items.values()
    assert fused.item("A₃")[0] == "value"  # watched


# --- a part of a graph -----------------------------------------------------------------------------------------------


def test_a_layer_alone_shows_what_enters_and_what_leaves():
    picture = Picture(dnn_run().draw(layer="Layer 2"))
    assert {texts[0]: kind for kind, texts in picture.items.values() if "outside" in kind} == {
        "A₁": "value outside",
        "@": "operation outside",
    }
    assert ("forward", "A₁", "@", []) in picture.arrows
    assert ("backward", "A₂", "@", []) in picture.arrows
    assert {"Z₁", "W₁", "L", "W₃"}.isdisjoint(texts[0] for _, texts in picture.items.values())


def test_an_inner_layer_is_found_by_its_name_or_its_path():
    with cr.layer("outer"), cr.layer("inner"):
        y = cr.Cos(cr.Input("x"), name="b")
    graph = cr.Graph(y)
    assert graph.draw(layer="inner").dot == graph.draw(layer="outer / inner").dot
    with pytest.raises(cr.errors.ArgumentError, match=r"no layer 'iner' .did you mean 'inner'"):
        graph.draw(layer="iner")


def test_collapsed_layers_are_one_box_with_arrows_for_what_passes():
    picture = Picture(nets.DNN().graph.draw(collapse=True))
    assert picture.item("Layer 2") == ("layer", ["Layer 2", "5 nodes", "W₂ 3 × 3", "B₂ 3 × 1"])
    passing = [arrow for arrow in picture.arrows if arrow[2] == "Layer 2"]
    assert passing == [("forward", "Layer 1", "Layer 2", ["A₁", "3 × m"])]
    assert "cluster" not in picture.dot


def test_a_value_that_a_closed_layer_uses_often_has_one_arrow_to_it():
    x = cr.Input("x")
    with cr.layer("one"):
        y = cr.Add(cr.Sin(x), cr.Cos(x), name="y")
    arrows = Picture(cr.Graph(y).draw(collapse=True)).arrows
    assert [arrow[:3] for arrow in arrows] == [("forward", "x", "one")]


def deep(count, layers):
    node = cr.Input("x")
    for k in range(layers):
        with cr.layer(f"Layer {k}"):
            for _ in range(count // layers):
                node = cr.Sin(node)
    return cr.Graph(node)


def test_above_a_few_hundred_nodes_layers_collapse_by_themselves_with_a_word_about_it():
    drawing = deep(400, 4).draw()
    assert len(Picture(drawing).items) == 5
    assert drawing.note == "401 nodes: one box for each layer. collapse=False draws all."
    assert drawing.note in drawing.dot
    assert len(Picture(deep(400, 4).draw(collapse=False)).items) > 400
    assert deep(200, 4).draw().note == ""


def test_what_no_layout_would_end_for_is_refused_with_advice_and_still_has_its_dot_text():
    node = cr.Input("x")
    for _ in range(5000):
        node = cr.Sin(node)
    drawing = cr.Graph(node).draw()
    with pytest.raises(cr.errors.DrawingError, match=r"would take too long(.|\n)*collapse=True"):
        drawing.svg()
    assert drawing.dot.count("->") == 5001
    assert "too long" in drawing._repr_mimebundle_()["text/plain"]


# --- what stands out -------------------------------------------------------------------------------------------------


def test_highlighted_nodes_stand_out_by_name_or_node():
    graph = nets.DNN().graph
    picture = Picture(graph.draw(highlight="Z2"))
    assert picture.item("Z₂")[0] == "value emphasized"
    assert [kind for kind, _ in picture.items.values()].count("operation emphasized") == 1
    assert graph.draw(highlight=[graph["Z2"]]).dot == graph.draw(highlight=["Z2"]).dot == picture.dot
    with pytest.raises(cr.errors.UnknownNameError):
        graph.draw(highlight="Z9")


def test_an_error_draws_what_the_failing_node_is_computed_from():
    with pytest.raises(cr.errors.ShapeError) as caught, cr.layer("Layer 1"):
        cr.MatMul(cr.Parameter("W", (3, 4)), cr.Exp(cr.Input("x", (2, "m")), name="e"))
    picture = Picture(caught.value.draw())
    assert [texts[0] for kind, texts in picture.items.values() if "emphasized" in kind] == ["@"]
    assert {"W", "x", "exp", "e"} <= {texts[0] for _, texts in picture.items.values()}
    assert "the inner sizes 4 and 2 differ" in picture.dot


def test_a_rule_that_fails_in_a_run_is_drawn_without_what_comes_after_it():
    class Picky(cr.Node):
        def forward(self, x):
            if isinstance(x, np.ndarray):
                raise ValueError("not today")
            return x

        def backward(self, grad, y, x):
            return (grad,)

    graph = cr.Graph(cr.Sin(Picky(cr.Cos(cr.Input("x"), name="c"), name="p"), name="s"))
    with pytest.raises(cr.errors.RuleError) as caught:
        graph.forward({"x": 1})
    picture = Picture(caught.value.draw())
    assert [texts[0] for _, texts in picture.items.values()] == ["x", "cos", "c", "Picky"]
    assert "not today" in picture.dot


def test_an_error_deep_inside_shows_the_nearest_nodes():
    node = cr.Input("x", (3, "m"))
    for _ in range(1000):
        node = cr.Sin(node)
    with pytest.raises(cr.errors.ShapeError) as caught:
        cr.MatMul(cr.Parameter("W", (4, 2)), node)
    drawing = caught.value.draw()
    assert len(Picture(drawing).items) < 60
    assert "963 nodes further back are left out" in drawing.note


def test_an_error_about_no_node_has_no_drawing():
    with pytest.raises(cr.errors.ArgumentError, match="about no node"):
        cr.errors.FeedError("no").draw()


# --- wrong arguments -------------------------------------------------------------------------------------------------


def test_a_graph_has_no_values_and_a_run_before_backward_no_gradients():
    graph = circuits.product_of_sum()
    with pytest.raises(cr.errors.ArgumentError, match=r"a graph has no values(.|\n)*graph.forward"):
        graph.draw("values")
    with pytest.raises(cr.errors.ArgumentError, match=r"no gradients yet(.|\n)*run.backward"):
        graph.forward({"x": 1, "y": 2, "z": 3}).draw("gradients")
    with pytest.raises(cr.errors.ArgumentError, match="did you mean 'formulas'"):
        graph.draw("formula")
    with pytest.raises(cr.errors.ArgumentError, match="'right' or 'down'"):
        graph.draw(direction="up")
    with pytest.raises(cr.errors.ArgumentError, match=r"'pallette' .did you mean 'palette'"):
        graph.draw(pallette="document")
    with pytest.raises(cr.errors.ArgumentError, match="no option 'layer'"):
        cr.errors.RuleError("no", node=graph["q"]).draw(layer="one")


# --- the same, and safe ----------------------------------------------------------------------------------------------

HOSTILE = [
    '"',
    "<b>bold</b>",
    "<<TABLE></TABLE>>",
    "a&b &amp; &lt;",
    "\\N \\G \\",
    "two\nlines",
    "שלום",
    "\u202ereversed",
    "x" * 10_000,
    "<script>alert(1)</script>",
    '"]; n0 -> n0 [URL="https://example.com"',
    "]]><x>",
    "\x00\x1b[31m",
    "\ud800",
    "-->",
    "</title>",
    "&#60;b&#62;",
    "%s {} ${x}",
    "https://example.com",
    " ",
]


def hostile_graph(names):
    nodes = [cr.Parameter(name, (2,)) for name in dict.fromkeys(names)]
    with cr.layer(names[0]), cr.layer(names[-1]):
        total = nodes[0]
        for node in nodes[1:]:
            total = total + node
        return cr.Graph(cr.Sum(total * 1.5, name="hostile " + names[0]))


def labels(dot):
    return re.findall(r"label=<(<TABLE.*?</TABLE>)>(?=[\s\]])", dot)


def assert_safe(drawing):
    """Every line is one of ours, every label is well formed, and nothing is a link."""
    ours = re.compile(
        r"(?s)\t*(n\d+ \[.*\]|n\d+ -> n\d+ \[.*\]|subgraph cluster_\d+ \{|\}|(graph|node|edge) \[.*|.*=.*)"
    )
    lines = drawing.dot.split("\n")
    assert lines[0] == "digraph drawing {"
    assert all(ours.fullmatch(line) for line in lines[1:] if line)
    found = labels(drawing.dot)
    assert len(found) == drawing.dot.count("label=<")
    tags = {element.tag for label in found for element in ET.fromstring(label).iter()}
    assert tags <= {"TABLE", "TR", "TD", "FONT", "B", "I"}
    outside = re.sub(r"label=<<TABLE.*?</TABLE>>(?=[\s\]])", "", drawing.dot)
    assert not re.search("url|href|target|image|tooltip", outside, re.IGNORECASE)
    assert outside.isascii()


@pytest.mark.parametrize("show", ["graph", "formulas"])
def test_hostile_names_are_text_and_nothing_else(show):
    assert_safe(hostile_graph(HOSTILE).draw(show))
    for name in HOSTILE:
        assert_safe(hostile_graph([name, "x"]).draw(show))


@given(st.lists(st.text(st.characters(), min_size=1, max_size=30), min_size=1, max_size=4, unique=True))
def test_any_name_is_text_and_nothing_else(names):
    assert_safe(hostile_graph(names).draw())


def test_a_step_of_a_run_has_a_box_if_it_has_a_name_or_is_a_number():
    x = cr.Input("x", (2,))
    run = cr.Graph(cr.Exp(cr.Sum(cr.Sin(x)), name="y")).forward({"x": [1, 2]})
    assert [texts[0] for _, texts in Picture(run.draw()).items.values()] == ["x", "sin", "Σ", "sum₁", "exp", "y"]


def test_a_name_in_angle_brackets_is_shown_with_them():
    picture = Picture(cr.Graph(cr.Sin(cr.Input("<b>x</b>"), name="y")).draw())
    assert picture.item("“<b>x</b>”")[0] == "input"


PROGRAM = """
import numpy as np, nets
net = nets.DNN()
run = net.graph.forward({**net.params, "A0": np.ones((2, 5)), "Y": np.ones((1, 5))})
run.backward()
print(run.draw().dot, net.graph.draw("formulas").dot, net.graph.draw(collapse=True).dot, run.draw(layer="Layer 2").dot)
"""


def test_the_dot_text_is_the_same_in_every_process():
    shown = set()
    for seed in ("0", "1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONUTF8": "1"}
        shown.add(
            subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, check=True).stdout
        )
    assert len(shown) == 1


def test_the_dot_text_has_no_trace_of_the_process():
    dot = nets.DNN().graph.draw().dot
    assert "0x" not in dot
    assert not re.search(r"\bdpi=|\bsize=", dot)  # both crop SVG


def test_the_dot_text_is_written_with_the_graphviz_package():
    assert isinstance(graphviz.Source(nets.DNN().graph.draw().dot).source, str)
