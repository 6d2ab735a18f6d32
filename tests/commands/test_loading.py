"""From NET on the command line to a graph, and from an .npz file to feeds: what is found, and what is said if not."""

import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule.commands.loading import load_graph
from chainrule.errors import ArgumentError, ShapeError
from chainrule.interop.npz import load_feeds

ONE = """
import chainrule as cr
x = cr.Input("x")
loss = cr.Square(x, name="L")
graph = cr.Graph(loss)
same = graph
number = 3
"""


@pytest.fixture(autouse=True)
def clean_imports(monkeypatch):
    """Leave the import path and the loaded modules as they were."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a file in the current folder, and return its path."""
    monkeypatch.chdir(tmp_path)

    def write(text, name="mine.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def refusal(net):
    """What is said about a NET that gives no graph."""
    with pytest.raises(ArgumentError) as caught:
        load_graph(net)
    return str(caught.value)


# --- what gives a graph ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("net", "output"),
    [
        ("nets.dnn:DNN", "L"),  # a class; its instance has a graph
        ("nets:DNN", "L"),
        ("nets.circuits:product_of_sum", "f"),  # a function that returns a graph
        ("nets:circuits.sigmoid_neuron", "f"),  # an attribute of an attribute
    ],
)
def test_a_module_and_an_attribute(net, output):
    graph = load_graph(net)
    assert [node.name for node in graph.outputs] == [output]


def test_a_file_with_one_graph_under_several_names(write):
    assert load_graph(write(ONE)).outputs[0].name == "L"


def test_a_path_relative_to_the_current_folder(write):
    write(ONE)
    assert load_graph("mine.py").outputs[0].name == "L"
    assert load_graph("./mine.py:graph").outputs[0].name == "L"


def test_a_module_in_the_current_folder(write):
    write(ONE, "module_of_mine.py")
    assert load_graph("module_of_mine:graph").outputs[0].name == "L"
    assert load_graph("module_of_mine").outputs[0].name == "L"


def test_a_file_in_a_folder_whose_name_has_a_colon(write):
    assert load_graph(write(ONE, "a:b/mine.py")).outputs[0].name == "L"


def test_a_file_may_have_the_name_of_a_module_that_it_imports(write):
    assert load_graph(write("import numpy as np\n" + ONE + "three = np.float64(3)", "numpy.py")).outputs[0].name == "L"
    assert sys.modules["numpy"] is np


def test_a_file_imports_the_modules_beside_it(write):
    write(ONE, "beside.py")
    assert load_graph(write("from beside import graph")).outputs[0].name == "L"


def test_a_file_may_hold_dataclasses(write):
    # They look up the module they are defined in.
    text = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass A:\n    x: int = 0\n"
    )
    assert load_graph(write(text + ONE)).outputs[0].name == "L"


@pytest.mark.parametrize(
    "text",
    [
        "class Net:\n    def __init__(self):\n        self.graph = graph\nhere = Net()",
        "class Net:\n    def __init__(self, size=2):\n        self.graph = graph\nhere = Net",
        "class Net:\n    @property\n    def graph(self):\n        return graph\nhere = Net()",
        "class Net:\n    def __call__(self):\n        return graph\nhere = Net()",
        "def here(size=2, *rest, **options):\n    return graph",
        "here = lambda: graph",
        "class Net:\n    pass\ndef here():\n    net = Net()\n    net.graph = graph\n    return net",
    ],
)
def test_what_an_attribute_may_be(write, text):
    assert load_graph(write(f"{ONE}\n{text}") + ":here").outputs[0].name == "L"


def test_an_object_with_a_graph_is_found_without_its_name(write):
    text = ONE.replace("graph = ", "_graph = ").replace("same = graph", "class Net:\n    graph = _graph\nnet = Net()")
    assert load_graph(write(text)).outputs[0].name == "L"


@pytest.mark.parametrize("annotation", ["cr.Graph", "'cr.Graph'", "'Graph'"])
def test_a_function_that_promises_a_graph_is_called_when_there_is_no_other(write, annotation):
    text = f"import chainrule as cr\ndef build() -> {annotation}:\n    return cr.Graph(cr.Input('x') * 2)"
    assert len(load_graph(write(text))) == 3


def test_no_other_function_is_called_unless_it_is_named(write):
    text = "def wipe():\n    raise SystemExit('called')\n"
    assert "holds no graph" in refusal(write(text))
    assert load_graph(write(text + ONE)).outputs[0].name == "L"


# --- what is said otherwise ------------------------------------------------------------------------------------------


def test_a_file_that_does_not_exist(write):
    assert refusal("nowhere.py") == "nowhere.py does not exist"
    assert refusal("no/folder/nowhere.py:graph").endswith("nowhere.py does not exist")


def test_a_module_that_does_not_exist():
    assert "there is no module 'no_such_module'" in refusal("no_such_module:graph")
    assert "there is no module 'nets.none'" in refusal("nets.none:graph")
    assert "there is no module 'no_such_module'" in refusal("no_such_module.inside:graph")


@pytest.mark.parametrize("net", ["", ":", ":graph", "nets:", "a b", "nets:1", "nets..dnn:DNN", "..:x", "a:b:c"])
def test_what_names_nothing(net):
    assert "module:attribute or path/to/file.py" in refusal(net)


def test_a_folder_and_a_file_of_another_kind(write, tmp_path):
    assert "is no Python file" in refusal(write("hello", "notes.txt"))
    assert "is no Python file" in refusal("notes.txt")
    assert "is no Python file" in refusal(f"{tmp_path}/")


def test_a_file_that_imports_a_missing_module_is_not_said_to_be_missing_itself(write):
    said = refusal(write("import chainrule\nimport no_such_module"))
    assert "mine.py does not run: ModuleNotFoundError: No module named 'no_such_module'" in said
    assert "mine.py:2" in said
    write("import no_such_module", "importer.py")
    assert "importer does not run: ModuleNotFoundError" in refusal("importer:graph")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\ny = (", "SyntaxError: '(' was never closed"),
        ("x = 1\n1 / 0", "ZeroDivisionError: division by zero"),
        ("x = 1\nraise SystemExit", "SystemExit"),
        ("x = 1\nimport sys; sys.exit(3)", "SystemExit: 3"),
        ("x = 1\nassert False", "AssertionError"),
    ],
)
def test_a_file_that_does_not_run(write, text, said):
    found = refusal(write(text)).splitlines()
    assert found[0].endswith(f"mine.py does not run: {said}")
    assert found[1].endswith("mine.py:2")


def test_a_graph_that_cannot_be_built_speaks_for_itself(write):
    text = "import chainrule as cr\ncr.MatMul(cr.Parameter('W', (3, 2)), cr.Input('A', (3, 'm')))"
    with pytest.raises(ShapeError, match="MatMul"):
        load_graph(write(text))


def test_a_missing_attribute_is_answered_with_a_close_one(write):
    assert "has no 'grahp' (did you mean 'graph'?)" in refusal(write(ONE) + ":grahp")
    assert "nets.dnn has no 'DNM' (did you mean 'DNN'?)" in refusal("nets.dnn:DNM")


def test_an_attribute_that_is_no_graph(write):
    path = write(ONE)
    assert "is no graph and has none: it is of type int" in refusal(f"{path}:number")
    assert "try:   graph = chainrule.Graph(loss)" in refusal(f"{path}:loss")
    assert "it is None" in refusal(write(f"{ONE}\ndef none(): pass") + ":none")


def test_a_function_that_needs_arguments_or_fails(write):
    assert "cannot be called without words" in refusal("nets:WordEmbedding")
    assert "cannot be called without arguments" in refusal(write("import builtins") + ":builtins.min")
    assert "ZeroDivisionError" in refusal(write("def f():\n    return 1 / 0") + ":f")
    assert "ValueError: never" in refusal(
        write("class A:\n    @property\n    def graph(self):\n        raise ValueError('never')\na = A()") + ":a"
    )


def test_several_graphs_are_listed(write):
    assert refusal(write(f"{ONE}\nother = cr.Graph(x)")).endswith("mine.py:other")
    said = refusal(write(f"{ONE}\nother = cr.Graph(x)"))
    assert "mine.py holds several graphs" in said
    assert "mine.py:graph or " in said
    assert ":same" not in said  # another name of the first
    builder = "def build() -> cr.Graph:\n    return graph"
    assert "several" in refusal(write(f"{ONE}\nother = cr.Graph(x)\n{builder}"))
    assert "nets.circuits:product_of_sum or nets.circuits:sigmoid_neuron" in refusal("nets.circuits")


def test_a_module_without_a_graph_names_what_may_make_one(write):
    assert refusal("nets.dnn").endswith("try:   nets.dnn:DNN")
    advice = "mine.py holds no graph\n  try:   graph = chainrule.Graph(loss)"
    assert refusal(write("x = 1")).endswith(advice)
    write(ONE, "beside.py")
    assert refusal(write("import beside")).endswith(advice)


# --- feeds -----------------------------------------------------------------------------------------------------------


def test_feeds_come_back_as_they_were_saved(tmp_path):
    saved = {"A0": np.arange(6.0).reshape(2, 3), "ids": np.array([1, 2]), "a name/with ♥": np.float32(2)}
    np.savez(tmp_path / "data.npz", **saved)
    loaded = load_feeds(tmp_path / "data.npz")
    assert list(loaded) == list(saved)
    for name, array in saved.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype


def test_a_pickle_in_the_feeds_is_never_loaded(tmp_path):
    np.savez(tmp_path / "data.npz", A0=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ArgumentError, match="holds something that is no plain array"):
        load_feeds(tmp_path / "data.npz")


def test_feeds_that_are_missing_or_a_folder(tmp_path):
    with pytest.raises(ArgumentError, match="cannot be read: No such file"):
        load_feeds(tmp_path / "none.npz")
    with pytest.raises(ArgumentError, match="cannot be read: Is a directory"):
        load_feeds(tmp_path)


def test_feeds_that_are_no_npz(tmp_path):
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "empty.npz").write_text("")
    for name in ("one.npy", "text.npz", "empty.npz"):
        with pytest.raises(ArgumentError, match=r"is no \.npz file"):
            load_feeds(tmp_path / name)


def test_feeds_that_are_damaged(tmp_path):
    path = tmp_path / "data.npz"
    np.savez_compressed(path, A0=np.random.default_rng(0).standard_normal(1000))
    content = path.read_bytes()
    for place in range(100, 7000, 300):
        path.write_bytes(content[:place] + b"\xff" * 100 + content[place + 100 :])
        with pytest.raises(ArgumentError, match="holds something that is no plain array"):
            load_feeds(path)


def test_a_loaded_graph_runs():
    run = load_graph("nets.circuits:product_of_sum").forward({"x": -2, "y": 5, "z": -4})
    assert isinstance(run, cr.Run)
    assert run["f"] == -12
