"""What a page holds: steps, formulas from the derivation, numbers from the run, names as text, a policy, a size."""

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import chainrule as cr
import nets
from chainrule.checking.numerical import Slopes, numerical_gradients
from chainrule.derivation.deriving import stepwise
from chainrule.errors import ArgumentError
from chainrule.notation import UnicodePrinter
from chainrule.page import packed
from chainrule.page.marked import Formulas
from chainrule.page.steps import steps


def network(sizes=(2, 3, 3, 1), examples=5, dtype=float):
    net = nets.DNN(sizes=sizes, seed=0)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((sizes[0], examples)).astype(dtype)
    feeds = {**{name: value.astype(dtype) for name, value in net.params.items()}, "A0": x, "Y": x[:1] > 0}
    run = net.graph.forward(feeds)
    run.backward()
    return run


def fork():
    x = cr.Parameter("x", (2, 3))
    y = cr.Exp(x, name="y")
    run = cr.Graph(cr.Sum(y * x + y, name="L")).forward({"x": np.arange(6.0).reshape(2, 3) / 4})
    run.backward()
    return run


def of_gradients():
    """The backward pass of a graph, with a way back of its own: its gradients are called d2A3, ddW1."""
    run = network()
    graph = run.graph.backward("W1", "B1")
    found = graph.forward({graph.name(leaf): run[leaf] for leaf in graph.leaves if graph.name(leaf) in run.values})
    found.backward({"dW1": np.ones((3, 2)), "dB1": np.arange(3.0)[:, None]})
    return found


def data_in(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page.html, re.DOTALL)[1])


def numbers(packed_array):
    kind = "<f4" if packed_array["type"] == "f4" else "<f8"
    return np.frombuffer(base64.b64decode(packed_array["data"]), kind).reshape(packed_array["shape"])


def every_step(run):
    slopes = numerical_gradients(run) if run.has_gradients else Slopes({}, {})
    return list(steps(run, Formulas(run), slopes))


# --- steps -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [network, fork, of_gradients])
def test_there_is_a_step_for_every_value_every_contribution_and_every_gradient(make):
    run = make()
    graph, found = run.graph, every_step(run)
    sent = {(graph.position(use.consumer), use.position) for node in graph for use in run.contributions(node)}
    assert [step.node for step in found if step.kind == "forward"] == list(range(len(graph)))
    assert {(step.consumer, step.place) for step in found if step.kind == "contribution"} == sent
    assert {graph.names[step.node] for step in found if step.kind == "total"} == set(run.gradients)
    assert len(found) == len(graph) + len(sent) + len(run.gradients)
    assert len(data_in(run.page())["steps"]) == len(found)


def test_steps_come_in_the_order_of_the_sweep():
    at = {}
    for number, step in enumerate(every_step(fork())):
        at.setdefault((step.kind, step.node, step.consumer, step.place), number)
    for (kind, node, consumer, _), number in at.items():
        if kind == "contribution":  # behind the gradient that it is made of, before the one that it goes into
            assert at["total", consumer, -1, -1] < number < at["total", node, -1, -1]


def test_the_results_of_steps_are_the_arrays_of_the_run():
    run = fork()
    for step in every_step(run):
        node = run.graph.order[step.node]
        if step.kind == "contribution":
            consumer = run.graph.names[step.consumer]
            [use] = [use for use in run.contributions(node) if (use.consumer, use.position) == (consumer, step.place)]
            assert step.result is use.gradient
        else:
            assert step.result is (run.values if step.kind == "forward" else run.gradients)[node]


def test_what_is_added_at_a_fork_is_shown_with_the_sum_so_far():
    run = fork()
    k = run.graph.position("y")
    first, second = [step for step in every_step(run) if step.kind == "contribution" and step.node == k]
    assert first.so_far is None
    np.testing.assert_array_equal(second.so_far, run.gradients["y"])
    assert (first.title[-6:], second.title[-6:]) == ("1 of 2", "2 of 2")


def test_a_run_before_backward_has_the_way_forward_only():
    x = cr.Input("x", (2, "m"))
    page = cr.Graph(cr.Sum(cr.Square(x))).forward({"x": [[1.0], [2.0]]}).page()
    assert {step["kind"] for step in data_in(page)["steps"]} == {"forward"}
    assert "run.backward() adds the way back" in page.html
    explained = ">its gradient "  # the legend explains what is there, and nothing else
    assert (explained in page.html, explained in fork().page().html) == (False, True)


def test_the_gradients_of_several_outputs_start_from_their_seeds():
    x = cr.Parameter("x", (3,))
    y = cr.Square(x, name="y")
    run = cr.Graph(cr.Sum(y, name="L"), y).forward({"x": [1.0, 2.0, 3.0]})
    run.backward({"L": 2.0, "y": [1.0, 0.0, 5.0]})
    found = {(step.kind, run.graph.names[step.node]): step for step in every_step(run)}
    np.testing.assert_array_equal(found["total", "y"].result, [3.0, 2.0, 7.0])
    assert found["total", "y"].compared.agrees
    assert found["contribution", "y"].compared.agrees
    assert "where it starts" in found["total", "L"].title


# --- texts from the derivation, numbers from the run -----------------------------------------------------------------


def shown_text(markup):
    """MathML without its tags and invisible signs."""
    return re.sub(r"[\u2061\u2062\s]", "", html.unescape(re.sub(r"<[^>]*>", "", markup)))


@pytest.mark.parametrize("make", [network, fork, of_gradients])
def test_every_formula_is_the_one_of_the_derivation(make):
    run = make()
    lines, graph = stepwise(run.graph), run.graph
    printer = UnicodePrinter()
    for step in every_step(run):
        name, gradient = graph.names[step.node], graph.gradient_names[step.node]
        if step.kind == "forward":
            assert (step.formula.words if step.formula else None) == (lines[name].unicode if name in lines else None)
        elif step.kind == "total":
            assert (step.formula.words if step.formula else None) == (
                lines[gradient].unicode if gradient in lines else None
            )
        else:
            parts = [
                printer.print(part)
                for consumer, part in lines[gradient].contributions
                if consumer == graph.names[step.consumer]
            ]
            assert step.formula.words.split(" += ")[1] in parts


def test_a_marked_formula_reads_as_one_that_is_not_marked():
    run = network()
    for line in (*stepwise(run.graph).forward, *stepwise(run.graph).backward):
        whole = shown_text(line.mathml)
        k = run.graph.position(line.name.removeprefix("d"))
        formulas = Formulas(run)
        written = formulas.gradient(k) if line.name.startswith("d") else formulas.value(k)
        assert shown_text("=".join([written.name, *written.steps])) == whole


def test_marks_say_which_array_a_name_stands_for():
    run = network()
    written = Formulas(run).gradient(run.graph.position("W3"))
    graph = run.graph
    assert written.reads == (f"g{graph.position('Z3')}", f"v{graph.position('A2')}")


def test_the_numbers_of_a_page_are_those_of_the_run():
    run = network()
    found = data_in(run.page())
    for k, node in enumerate(run.graph.order):
        np.testing.assert_array_equal(numbers(found["arrays"][found["nodes"][k]["value"]]), run.values[node])
        if node in run.gradients:
            np.testing.assert_array_equal(numbers(found["arrays"][found["nodes"][k]["gradient"]]), run.gradients[node])


def test_every_gradient_and_contribution_has_numerical_differentiation_beside_it():
    for run in (network(), fork()):
        backward = [step for step in every_step(run) if step.kind != "forward"]
        assert all(step.compared and step.compared.agrees for step in backward)


def test_a_wrong_rule_is_shown_as_wrong():
    class Doubled(cr.Node):
        """y = x², and a gradient of twice the size."""

        def forward(self, x):
            return x * x

        def backward(self, grad, y, x):
            return (4 * grad * x,)

    run = cr.Graph(cr.Sum(Doubled(cr.Parameter("x", (2,)), name="y"))).forward({"x": [1.0, -2.0]})
    run.backward()
    wrong = [step for step in every_step(run) if step.compared and not step.compared.agrees]
    assert {run.graph.names[step.node] for step in wrong} == {"x"}
    assert "differs by 4" in wrong[0].compared.said


def test_single_precision_is_not_taken_for_a_mistake():
    backward = [step for step in every_step(network(dtype=np.float32)) if step.kind != "forward"]
    assert all(step.compared.agrees for step in backward)


def test_a_rule_that_no_symbol_passes_through_stands_by_its_name():
    class Sorted(cr.Node):
        """y = x, sorted."""

        def forward(self, x):
            return np.array(sorted(np.asarray(x).tolist()))

        def backward(self, grad, y, x):
            back = np.empty_like(x)
            back[np.argsort(x)] = grad
            return (back,)

    run = cr.Graph(cr.Sum(Sorted(cr.Parameter("x", (3,)), name="s") * 2)).forward({"x": [3.0, 1.0, 2.0]})
    run.backward()
    words = [step.formula.words for step in every_step(run) if step.formula]
    assert any("Sorted(x)" in text for text in words)
    assert any("Sorted.backward" in text for text in words)


# --- packed arrays ---------------------------------------------------------------------------------------------------


def test_large_arrays_keep_single_precision_where_it_holds_them():
    arrays = packed.Packing()
    many, tiny = np.linspace(-1, 1, 5000), np.full(5000, 1e-300)
    places = [arrays.place(many), arrays.place(tiny), arrays.place(many)]
    first, second = arrays.packed()
    assert places == [0, 1, 0]
    assert (first["type"], second["type"]) == ("f4", "f8")
    np.testing.assert_allclose(numbers(first), many, rtol=1e-6)
    np.testing.assert_array_equal(numbers(second), tiny)
    assert (first["low"], first["high"]) == (-1, 1)
    assert first["norm"] == pytest.approx(np.linalg.norm(many))


def test_what_a_page_has_no_room_for_is_a_thumbnail_and_a_corner():
    arrays = packed.Packing(room=100)
    big, small = np.arange(200.0 * 300).reshape(200, 300), np.ones((2, 3))
    arrays.place(big)
    arrays.place(small)
    large, whole = arrays.packed()
    assert "data" not in large
    assert numbers(large["corner"]).tolist() == big[:12, :12].tolist()
    blocks = numbers(large["thumbnail"])
    assert blocks.shape == (32, 64)
    assert blocks[0, 0] == pytest.approx(big[:7, :5].mean())
    np.testing.assert_array_equal(numbers(whole), small)


def test_infinities_and_nan_arrive_and_are_counted():
    arrays = packed.Packing()
    arrays.place(np.array([np.nan, np.inf, -np.inf, *range(40)]))
    [found] = arrays.packed()
    np.testing.assert_array_equal(numbers(found)[:3], [np.nan, np.inf, -np.inf])
    assert (found["broken"], found["high"]) == (3, 39)


# --- one file, and nothing else --------------------------------------------------------------------------------------

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</title></style>",
    "<!--",
    "{{data}}",
    "a\"b'c&d",
    "\\N",
    "$x$",
    "\u202eevil\x00\x1b",
]


def hostile():
    parameters = [cr.Parameter(name, (2,)) for name in HOSTILE]
    with cr.layer("</svg><b>layer</b>"):
        total = parameters[0]
        for more in parameters[1:]:
            total = total * more
    run = cr.Graph(cr.Sum(total, name="</h1>L")).forward({name: [1.0, 2.0] for name in HOSTILE})
    run.backward()
    return run


class Elements(HTMLParser):
    """The names of all elements, and the attributes that could load or run something."""

    def __init__(self):
        super().__init__()
        self.names, self.suspicious = set(), []

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.suspicious += [(tag, key, value) for key, value in attrs if key in ("src", "action") or key[:2] == "on"]


def test_hostile_names_are_text():
    page = hostile().page(title="</title><script>alert(2)</script>")
    found = Elements()
    found.feed(page.html)
    plain = Elements()
    plain.feed(fork().page().html)
    assert found.suspicious == []
    assert found.names <= plain.names
    assert page.html.count("</script>") == 2  # of the data and of the script
    assert "<" not in re.search(r'id="data">(.*?)</script>', page.html, re.DOTALL)[1]


def test_a_title_replaces_nothing_of_the_template():
    page = fork().page(title="{{script}} and {{data}}")
    assert "<title>{{script}} and {{data}}</title>" in page.html


def test_the_policy_allows_the_styles_and_the_script_of_the_file_alone():
    text = fork().page().html
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1])
    assert policy.startswith("default-src 'none'; ")
    for kind, pattern in (("script", r"<script>(.*?)</script>"), ("style", r"<style>(.*?)</style>")):
        [content] = re.findall(pattern, text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert " style=" not in text.replace(" style=&", "")  # which the policy would refuse
    assert re.findall(r'(?:href|src)="([^"]*)"', text) == ["data:,"]


def test_a_page_of_the_small_network_takes_less_than_150_kb():
    assert len(network().page().html.encode()) <= 150_000


def test_the_same_run_gives_the_same_page():
    assert fork().page().html == fork().page().html


# --- the face --------------------------------------------------------------------------------------------------------


def test_a_page_is_saved_whole(tmp_path):
    page = fork().page()
    assert page.save(tmp_path / "steps.html").read_text("utf-8") == page.html
    with pytest.raises(ArgumentError, match="no extension of a page"):
        page.save(tmp_path / "steps.svg")


def test_a_folder_that_is_not_there_is_told_with_the_name_of_the_file(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        fork().page().save(tmp_path / "none" / "steps.html")
    assert error.value.filename == str(tmp_path.resolve() / "none" / "steps.html")


def test_in_a_notebook_a_page_stands_in_a_frame_that_may_only_run_its_script():
    page = fork().page()
    shown = page._repr_mimebundle_()["text/html"]
    [(sandbox, inside)] = re.findall(r'<iframe sandbox="([^"]*)".*? srcdoc="([^"]*)"></iframe>', shown, re.DOTALL)
    assert sandbox == "allow-scripts"
    assert html.unescape(inside) == page.html
    assert repr(page) == "<Page of 16 steps>"


def test_options_are_known_by_name():
    with pytest.raises(ArgumentError, match=r"'tilte' \(did you mean 'title'\?\)"):
        fork().page(tilte="x")
    with pytest.raises(ArgumentError, match="no palette"):
        fork().page(palette="purple")
    with pytest.raises(ArgumentError, match="direction='up'"):
        fork().page(direction="up")
    assert not any(step.get("compared") for step in data_in(fork().page(numerical=False))["steps"])


def test_more_steps_than_anybody_takes_are_refused():
    x = cr.Input("x")
    for _ in range(5001):
        x = -x
    run = cr.Graph(x).forward({"x": 1.0})
    with pytest.raises(ArgumentError, match=r"5,002 nodes .*\n.*at most 5,000"):
        run.page()


def test_a_large_graph_is_drawn_with_a_box_for_each_layer():
    z = cr.Parameter("z", (1, 3))
    for k in range(310):
        with cr.layer(f"Layer {k // 100}"):
            z = cr.Tanh(z)
    run = cr.Graph(cr.Sum(z, name="L")).forward({"z": [[1.0, 2.0, 3.0]]})
    page = run.page()
    found = data_in(page)
    assert page.html.count('class="node layer"') == 4
    assert re.findall("<summary>(.*?)</summary>", page.html) == [
        "Layer 0: 100 nodes", "Layer 1: 100 nodes", "Layer 2: 100 nodes", "Layer 3: 10 nodes"
    ]  # fmt: skip
    ids = re.findall(r'<g id="(.*?)"', page.html)
    assert len(ids) == len(set(ids))
    inner = {name for name in ids if re.fullmatch(r"l\d-n\d+", name)}
    lit = {name for step in found["steps"] for name in (*step["reads"], *step["writes"]) if name.startswith("l")}
    assert lit <= inner
    assert len(lit) == 310
    assert all(node["at"] for node in found["nodes"])


def test_what_is_read_often_and_far_away_has_a_picture_in_rows_all_the_same():
    z, w = cr.Parameter("z", (1, 2)), cr.Parameter("w", (1, 2))
    for k in range(90):
        with cr.layer(f"Layer {k // 30}"):
            z = cr.Tanh(z * w)
    run = cr.Graph(cr.Sum(z, name="L")).forward({"z": [[1.0, 2.0]], "w": [[1.0, 2.0]]})
    run.backward()
    page = run.page(numerical=False)
    assert page.html.count('class="node operation"') == 181
    again = set(re.findall(r'<g id="(n\d+)" class="node parameter continued"', page.html))
    assert len(again) > 5
    steps = [step for step in data_in(page)["steps"] if step["kind"] != "total"]
    lit = [{*step["reads"], *step["writes"]} & again for step in steps]
    assert all(len(found) <= 1 for found in lit)
    assert set().union(*lit) == again  # what stands for w in a row lights up with w


@pytest.mark.parametrize("m", [0, 1])
def test_batches_of_none_and_of_one_have_a_page(m):
    x = cr.Input("X", (2, "m"))
    run = cr.Graph(cr.Sum(cr.Square(x, name="s"), name="L")).forward({"X": np.zeros((2, m))})
    run.backward()
    assert len(data_in(run.page())["steps"]) == 8
