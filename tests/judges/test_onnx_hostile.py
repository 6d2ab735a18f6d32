"""Files of ONNX that are damaged, or small and ask for much: refused by errors of ours, before memory is taken."""

import contextlib
import tracemalloc

import numpy as np
import onnx
import pytest
from every_rule import EXAMPLES

import chainrule as cr
import nets
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.interop import onnx as interop
from chainrule.interop import onnx_translation

JUDGE = "damaged and hostile models of ONNX"
INT, DOUBLE = onnx.TensorProto.INT64, onnx.TensorProto.DOUBLE
LARGE = 1 << 40


def constant(name, value, dtype=np.int64):
    return onnx.helper.make_node("Constant", [], [name], value=onnx.numpy_helper.from_array(np.array(value, dtype)))


def saved(path, *nodes, x=(2, 3)):
    """A model of some nodes; what the last one computes is added to x, and is the output."""
    known = {name for node in nodes for name in node.input}
    end = nodes[-1].output[0]
    kind = [
        onnx.helper.make_node("Cast", [end], ["cast"], to=DOUBLE),
        onnx.helper.make_node("Add", ["x", "cast"], ["y"]),
    ]
    inputs = [onnx.helper.make_tensor_value_info("x", DOUBLE, x)]
    assert "x" in known or not known - {one for node in nodes for one in node.output}
    output = onnx.helper.make_tensor_value_info("y", DOUBLE, ["p", "q"])
    model = onnx.helper.make_model(
        onnx.helper.make_graph([*nodes, *kind], "g", inputs, [output]), opset_imports=[onnx.helper.make_opsetid("", 18)]
    )
    onnx.save(model, path)


def node(kind, *inputs, **attributes):
    return onnx.helper.make_node(kind, inputs, ["end"], **attributes)


FULL = [constant("one", [1.0], float), constant("shape", [LARGE])]
EXPANSIONS = {
    "ConstantOfShape": [constant("shape", [LARGE]), node("ConstantOfShape", "shape")],
    "ConstantOfShape of two axes": [constant("shape", [1 << 20, 1 << 20]), node("ConstantOfShape", "shape")],
    "Expand": [*FULL, node("Expand", "one", "shape")],
    "Expand of what is fed": [constant("shape", [LARGE, 2, 3]), node("Expand", "x", "shape")],
    "Tile": [*FULL, node("Tile", "one", "shape")],
    "Tile of what is fed": [constant("shape", [LARGE, 1]), node("Tile", "x", "shape")],
    "Range": [constant("a", 0), constant("b", LARGE), constant("c", 1), node("Range", "a", "b", "c")],
    "Range of floating numbers": [
        constant("a", 0.0, float), constant("b", LARGE, float), constant("c", 1.0, float), node("Range", "a", "b", "c"),
    ],
    "Pad": [constant("a", [1, 2]), constant("b", [0, LARGE]), node("Pad", "a", "b")],
    "Pad of what is fed": [constant("b", [0, 0, LARGE, 0]), node("Pad", "x", "b")],
    "Pad by reflection": [constant("b", [0, 0, LARGE, 0]), node("Pad", "x", "b", mode="reflect")],
    "OneHot": [
        constant("a", [0, 1]), constant("b", LARGE), constant("c", [0.0, 1.0], float), node("OneHot", "a", "b", "c"),
    ],
    "an outer product": [
        constant("a", np.ones((1 << 20, 1)), float), constant("b", np.ones((1, 1 << 20)), float),
        node("MatMul", "a", "b"),
    ],
    "a sum over each other": [
        constant("a", np.ones((1 << 20, 1)), float), constant("b", np.ones((1, 1 << 20)), float), node("Add", "a", "b"),
    ],
    "Gather": [
        constant("a", np.ones((1, 1 << 20)), float), constant("b", np.zeros(1 << 20)), node("Gather", "a", "b"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", EXPANSIONS)
def test_a_small_file_that_asks_for_much_is_refused_before_memory_is_taken(name, tmp_path):
    saved(tmp_path / "net.onnx", *EXPANSIONS[name])
    tracemalloc.start()
    with pytest.raises(ArgumentError, match=r"entries made of a small file, above 134,217,728|Expand of whole numbers"):
        interop.load(tmp_path / "net.onnx")
    assert tracemalloc.get_traced_memory()[1] < 200 << 20
    tracemalloc.stop()


def test_many_arrays_of_a_size_that_is_allowed_are_counted_together(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_translation, "MOST_ENTRIES", 1_000)
    several = [onnx.helper.make_node("ConstantOfShape", ["shape"], [f"end{k}"]) for k in range(9)]
    saved(tmp_path / "net.onnx", constant("shape", [300]), *several, node("Sum", *(f"end{k}" for k in range(9))))
    with pytest.raises(ArgumentError, match="1,200 entries made of a small file, above 1,000"):
        interop.load(tmp_path / "net.onnx")


def test_a_triangle_of_what_is_fed_is_bounded_by_its_size(tmp_path):
    saved(tmp_path / "net.onnx", onnx.helper.make_node("Trilu", ["x"], ["end"]), x=(1 << 20, 1 << 20))
    with pytest.raises(ArgumentError, match="entries made of a small file"):
        interop.load(tmp_path / "net.onnx")


def test_what_is_large_and_held_by_the_file_is_not_counted(tmp_path):
    w, x = cr.Parameter("w", (1, 1 << 20)), cr.Input("x", (1 << 20, "m"))
    values = {"w": np.ones((1, 1 << 20))}
    interop.save(cr.Graph(cr.Sum(w @ x, name="y")), tmp_path / "net.onnx", values)
    assert interop.load(tmp_path / "net.onnx")[1]["w"].shape == (1, 1 << 20)


def damaged(content, rng):
    """Some bytes of a file flipped, cut out, doubled, or taken from elsewhere in it."""
    found = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        place, length = int(rng.integers(len(found))), int(rng.integers(1, 9))
        match rng.integers(5):
            case 0:
                found[place] ^= 1 << int(rng.integers(8))
            case 1:
                found[place] = int(rng.integers(256))
            case 2:
                del found[place : place + length]
            case 3:
                found[place:place] = found[place : place + length]
            case _:
                other = int(rng.integers(len(found)))
                found[place : place + length] = found[other : other + length]
    return bytes(found)


def test_a_damaged_file_is_a_graph_or_an_error_of_this_project(tmp_path, record_property):
    path, rng, tries, loaded = tmp_path / "net.onnx", np.random.default_rng(0), 500, 0
    net = nets.DNN(sizes=(2, 3, 1))
    interop.save(net.graph, path, net.params, gradients=["W1"])
    contents = [path.read_bytes()]
    for name in ("Conv2d", "LayerNorm", "Index", "Attention"):
        graph = next(EXAMPLES[key].graph for key in EXAMPLES if key.partition(",")[0] == name)
        interop.save(graph, path)
        contents.append(path.read_bytes())
    for k in range(tries):
        path.write_bytes(damaged(contents[k % len(contents)], rng))
        with contextlib.suppress(ChainruleError):
            interop.load(path)
            loaded += 1
    record_property("cases", tries)
    assert 0 < loaded < tries
