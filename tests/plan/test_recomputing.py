"""A plan that computes values again on its way back: the same bits in less memory."""

import pickle
import runpy

import numpy as np
import pytest
from asking import names_with_gradients, some_of
from column_graphs import column_graph
from peaks import peak
from random_graphs import random_graph

import chainrule as cr
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.plan import recomputing
from chainrule.plan.plan import compile_graph
from chainrule.program.verifying import verify
from nets import DNN

M = 700


def deep(layers, width=5):
    A = cr.Input("A0", (width, "m"))
    for k in range(1, layers + 1):
        W, b = cr.Parameter(f"W{k}", (width, width)), cr.Parameter(f"b{k}", (width, 1))
        A = cr.Tanh(cr.Add(W @ A, b, name=f"Z{k}"), name=f"A{k}")
    return cr.Graph(cr.MSELoss(A, cr.Input("Y", (width, "m")), name="L"))


def residual(blocks=9):
    """What every block adds to goes by the block: it is handed on beside it."""
    X = cr.Input("X", ("m", 6))
    A = X
    for k in range(blocks):
        inner = cr.Tanh(A @ cr.Parameter(f"U{k}", (6, 7)), name=f"T{k}")
        A = cr.Add(A, inner @ cr.Parameter(f"V{k}", (7, 6)), name=f"A{k}")
    return cr.Graph(cr.SoftmaxCrossEntropyLoss(A, cr.Input("Y", ("m", 6)), classes=-1, name="L"))


def recurrent(steps=12):
    """The same weights at every step, and the start of all of it read at the end once more."""
    X, Wx, Wh = cr.Input("X", ("m", steps, 3)), cr.Parameter("Wx", (3, 4)), cr.Parameter("Wh", (4, 4))
    first = h = cr.Tanh(X[:, 0] @ Wx, name="h0")
    for t in range(1, steps):
        h = cr.Tanh(X[:, t] @ Wx + h @ Wh, name=f"h{t}")
    return cr.Graph(cr.Mean(cr.Square(h * first), name="L"))


def images():
    """Convolutions and maxima, whose results are no buffers."""
    A = cr.Input("X", ("m", 1, 12, 10))
    for k, (before, channels) in enumerate(((1, 2), (2, 3), (3, 2))):
        A = cr.ReLU(cr.Conv2d(A, cr.Parameter(f"K{k}", (channels, before, 3, 3)), padding=1), name=f"A{k}")
    return cr.Graph(cr.Mean(cr.Square(cr.MaxPool(A, size=2)), name="L"))


NETS = {"deep": lambda: deep(20), "residual": residual, "recurrent": recurrent, "images": images}


def feeds_for(graph, m=M, dtype=float):
    rng = np.random.default_rng(0)
    leaves = [node for node in graph.order if isinstance(node, (cr.Input, cr.Parameter))]
    shapes = {leaf.name: tuple(size if isinstance(size, int) else m for size in leaf.shape) for leaf in leaves}
    return {name: (0.5 * rng.random(size=shape)).astype(dtype) for name, shape in shapes.items()}


def assert_same_bits(found, expected):
    assert found[0] == expected[0] or np.isnan([found[0], expected[0]]).all()
    assert list(found[1]) == list(expected[1])
    for name, gradient in expected[1].items():
        np.testing.assert_array_equal(found[1][name], gradient, err_msg=name)


# --- the same results ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("net", NETS)
def test_what_is_computed_again_gives_the_same_bits(net, dtype):
    graph = NETS[net]()
    feeds = feeds_for(graph, dtype=dtype)
    plan = graph.compile(recompute=True)
    assert_same_bits(plan(feeds), graph.compile()(feeds))
    assert_same_bits(plan(feeds), graph.compile()(feeds))  # in the same workspace once more
    assert " again" in plan.explain()


@pytest.mark.parametrize("grown", [column_graph, random_graph], ids=["columns", "any"])
def test_random_graphs_give_the_same_bits_whatever_is_kept(grown):
    again = 0
    for seed in range(4):
        made = grown(seed)
        names = names_with_gradients(made.graph, made.feeds)
        for asked, block in ((None, None), (some_of(names, seed), None), (names, 2)):
            plain = compile_graph(made.graph, asked, block=block)
            expected = plain(made.feeds)
            computed = [step.name for step in plain.program if step.operation and step.name in made.graph.names]
            kept = np.random.default_rng(seed).permutation(computed)[:3].tolist() or True
            for recompute in (True, kept):
                plan = compile_graph(made.graph, asked, block=block, recompute=recompute)
                assert_same_bits(plan(made.feeds), expected)
                again += "steps are computed again" in plan.explain()
    assert again >= 7


def test_segments_that_end_anywhere_make_a_program_that_holds_to_its_rules():
    """Wherever segments end, however many there are, and whatever they hand on."""
    rng, again = np.random.default_rng(0), 0
    for seed in range(8):
        program = random_graph(seed).graph.compile().program
        turn = recomputing._turn(program)
        cuts = np.unique(rng.integers(1, turn, size=3)).tolist()
        plain = recomputing.Recomputed(program, (), 0, 0, 0)
        made = recomputing._of(program, turn, cuts, set(), plain)
        verify(made.program)
        again += made.again
        first = [step.name for step in made.program if step.name and step.name.endswith(" again")]
        assert len(first) == len(set(first))  # nothing is computed a third time
    assert again > 30


def test_a_plan_of_gradients_as_a_graph_is_recomputed_from_where_most_is_in_use():
    graph = deep(8)
    gradients = graph.backward()
    feeds = feeds_for(graph)
    plan = gradients.compile(recompute=True)
    found, expected = plan(feeds), gradients.compile()(feeds)
    assert "steps are computed again" in plan.explain()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


def test_a_step_of_training_moves_the_parameters_to_the_same_bits():
    graph, adam = deep(12), cr.Adam(0.01)
    feeds = feeds_for(graph)
    params = {name: feeds.pop(name) for name in map(graph.name, graph.parameters)}
    plain, again = graph.compile(update=adam), graph.compile(update=adam, recompute=True)
    losses, state = plain.epochs(plain.start(params), feeds, epochs=2, batch_size=300)
    same_losses, same = again.epochs(again.start(params), feeds, epochs=2, batch_size=300)
    assert losses.tolist() == same_losses.tolist()
    assert all(np.array_equal(state[name], same[name]) for name in state)
    trained = [
        cr.train(graph, params, feeds, epochs=3, progress=False, recompute=recompute) for recompute in (False, True)
    ]
    assert trained[0].losses == trained[1].losses


def test_blocks_of_columns_are_as_wide_as_without_it_and_give_the_same_bits():
    graph = deep(10)
    feeds = feeds_for(graph, m=2500)
    plan = compile_graph(graph, block=1000, recompute=True)
    assert_same_bits(plan(feeds), compile_graph(graph, block=1000)(feeds))
    assert "blocks of columns of m" in plan.explain()
    assert "again" in plan.source


class Called(cr.Node):
    """A rule that no Symbol passes through: it is called."""

    calls = 0

    def forward(self, x):
        type(self).calls += 1
        return np.array([[float(number) for number in row] for row in x * 2])

    def backward(self, grad, y, x):
        return (grad * 2,)


def test_a_rule_that_is_called_is_called_once_and_what_it_gave_is_kept():
    A = cr.Input("A", (3, 4))
    for k in range(6):
        A = cr.Tanh(cr.Parameter(f"W{k}", (3, 3)) @ A, name=f"A{k}")
        A = Called(A, name="C") if k == 1 else A
    graph = cr.Graph(cr.Mean(cr.Square(A), name="L"))
    feeds = feeds_for(graph)
    plan = graph.compile(recompute=["A3"])
    expected = graph.compile()(feeds)
    Called.calls = 0
    assert_same_bits(plan(feeds), expected)
    assert Called.calls == 1
    assert "steps are computed again" in plan.explain()
    assert_same_bits(pickle.loads(pickle.dumps(plan))(feeds), expected)


# --- handing it on ---------------------------------------------------------------------------------------------------


def test_a_pickled_plan_still_computes_again():
    graph = deep(12)
    feeds = feeds_for(graph)
    plan = graph.compile(recompute=["A4", "A8"])
    loaded = pickle.loads(pickle.dumps(plan))
    assert_same_bits(loaded(feeds), plan(feeds))
    assert loaded.explain() == plan.explain()


def test_a_saved_module_computes_again(tmp_path):
    graph = deep(6)
    feeds = feeds_for(graph)
    plan = graph.compile(recompute=True)
    plan.save(tmp_path / "net.py", {"m": M})
    assert_same_bits(runpy.run_path(str(tmp_path / "net.py"))["compute"](feeds), plan(feeds))
    assert "again" in (tmp_path / "net.py").read_text()


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_memory_grows_like_the_root_of_the_number_of_layers():
    grown = {}  # 1,000 columns are too few for blocks, which would hold memory down, too
    for recompute in (False, True):
        few, many = (
            peak(graph.compile(recompute=recompute), feeds_for(graph, m=1000)) for graph in (deep(5, 20), deep(80, 20))
        )
        grown[recompute] = many / few
    assert grown[False] > 9  # 16 times as many layers, and some arrays that do not grow with them
    assert grown[True] < 4.5


def test_explain_says_what_is_kept_and_what_it_spares():
    plan = deep(30).compile(recompute=["A10", "A20"])
    about = plan.explain()[plan.explain().index("recompute") :]
    assert about.startswith("recompute: ")
    assert "steps are computed again" in about
    assert "kept: A10, A20, and all behind the last of them" in about
    assert "float64, m = 1,000" in about


def test_names_that_are_kept_are_not_computed_again():
    graph = deep(12)
    plan = graph.compile(recompute=["A4", "A8"])
    plan(feeds_for(graph))
    source = plan.source
    assert "A3_again" in source
    assert "Z8_again" in source
    assert not any(f"{name}_again" in source for name in ("A4", "A8", "A9", "Z12"))


def test_a_net_that_would_spare_nothing_is_left_alone():
    graph = cr.Graph(cr.Mean(cr.Parameter("w", (1, 3)) @ cr.Input("x", (3, "m")), name="L"))
    plan = graph.compile(recompute=True)
    assert plan.source == graph.compile().source
    assert "nothing is computed again" in plan.explain()


def test_a_prediction_has_no_way_back():
    plan = deep(6).compile(outputs="A6", recompute=True)
    assert "nothing is computed again" in plan.explain()


def test_a_compiled_loop_keeps_nothing():
    pytest.importorskip("numba")
    plan = deep(3, width=2).compile(backend="numba", recompute=True)
    assert "recompute: nothing is kept for the way back, all of it is in registers" in plan.explain()


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [None, 3, 0.5, [], (), ["A0"], ["W1"], ["dA1"], ["A99"], "A99", [3]])
def test_what_names_no_value_is_refused_before_anything_is_computed(wrong):
    with pytest.raises(ChainruleError) as raised:
        deep(3).compile(recompute=wrong)
    assert raised.value.remedy


def test_a_value_that_a_fused_loss_passes_by_cannot_be_kept():
    graph = DNN((3, 2, 1)).graph
    with pytest.raises(ArgumentError, match="does not compute A2"):
        graph.compile(recompute=["A1", "A2"])
