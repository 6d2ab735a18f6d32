"""NumPy functions traced: the graph computes what the function does, is called as its author calls things."""

import dataclasses
import functools
import gc
import sys
import textwrap
import threading
import types
import weakref
from collections import namedtuple

import numpy as np
import pytest
from numpy_networks import NETWORKS, Dense, arrays, flat, many_layers, objects, rnn, three_layers

import chainrule as cr
from chainrule.errors import ArgumentError, ChainruleError, NameConflictError, NoAttributeError

X, W, B = (2, "m"), (3, 2), (3, 1)


def names(graph):
    """The names that people have thought of."""
    return [name for name, node in zip(graph.names, graph.order, strict=True) if node.name]


def built(graph):
    return [name for name in names(graph) if graph[name].inputs]


# --- networks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", NETWORKS, ids=lambda f: f.__name__)
def test_a_traced_network_has_the_value_of_its_function_and_right_gradients(function):
    given = NETWORKS[function]
    graph = cr.trace(function, **given)
    values = arrays(given, np.random.default_rng(1))
    leaves = [leaf for leaf in graph.leaves if not isinstance(leaf, cr.Constant)]
    handed = dict(zip(shapes_in_order(given), flat(values), strict=True))
    feeds = {leaf.name: handed[leaf.name] for leaf in leaves}
    returned = function(**values)
    expected = returned[0] if isinstance(returned, tuple) else returned
    # The same steps in the same order; scalars are joined in another order in 1 / m * lambd, and dot is a matmul.
    np.testing.assert_allclose(graph.forward(feeds)[graph.outputs[0]], expected, rtol=1e-14)
    assert graph.check_gradients(feeds).ok


def shapes_in_order(given):
    """The names of the leaves, as the rules for dicts and lists say them."""
    for name, part in given.items():
        if isinstance(part, tuple):
            yield name
        elif isinstance(part, dict):
            yield from shapes_in_order(part)
        elif isinstance(part, list):
            for k, inner in enumerate(part, 1):
                if isinstance(inner, tuple):
                    yield f"{name}{k}"
                elif isinstance(inner, list):
                    yield from (f"{name}{k}_{n}" for n in range(1, len(inner) + 1))


def test_variables_name_the_nodes_of_a_network_that_is_written_out():
    graph = cr.trace(three_layers, **NETWORKS[three_layers])
    assert built(graph) == ["Z1", "A1", "Z2", "A2", "Z3", "A3", "cost"]
    assert [graph.name(node) for node in graph.watch] == ["Z1", "A1", "Z2", "A2", "Z3", "A3"]
    assert [str(graph.derivation()[name]) for name in ("Z1", "A3")] == ["W1 @ X + b1", "1 / (1 + np.exp(-Z3))"]
    assert str(graph.derivation()["cost"]) == "-(Y * np.log(A3) + (1 - Y) * np.log(1 - A3)).sum() / m"


def test_a_loop_numbers_its_variables_and_helpers_are_layers():
    graph = cr.trace(many_layers, **NETWORKS[many_layers])
    assert built(graph) == ["Z1", "A1", "Z2", "A2", "Z3", "AL", "cost"]
    layers = [graph[name].layer for name in built(graph)]
    assert layers == [
        ("linear_activation 1", "linear"),
        ("linear_activation 1", "relu"),
        ("linear_activation 2", "linear"),
        ("linear_activation 2", "relu"),
        ("linear_activation 3", "linear"),
        ("linear_activation 3", "sigmoid"),
        ("cross_entropy",),
    ]
    assert all(leaf.layer == () for leaf in (*graph.inputs, *graph.parameters))
    assert graph.constants[0].layer == layers[1]
    assert "cluster" in graph.draw().dot


def test_steps_through_time_are_numbered():
    assert built(cr.trace(rnn, **NETWORKS[rnn])) == ["h1", "loss1", "h2", "loss2", "h3", "loss3"]


def test_attributes_of_objects_name_nodes():
    graph = cr.trace(objects, **NETWORKS[objects])
    assert [name for name in built(graph) if name[0] == "z"] == ["z1", "z2"]
    assert graph["z2"].layer == ("Dense 2",)


def test_a_node_comes_from_the_line_of_its_author():
    def loss(W, X):
        Z = W @ X
        return np.sum(Z)

    graph = cr.trace(loss, W=W, X=X)
    first = loss.__code__.co_firstlineno
    assert [node.line for node in graph.order[2:]] == [f"{__file__}:{first + 1}", f"{__file__}:{first + 2}"]


# --- what it is called with ------------------------------------------------------------------------------------------


def test_only_tuples_are_shapes_and_all_else_is_handed_on():
    seen = {}

    def loss(X, W, layers, activation, *, sizes, table, ready, missing):
        seen.update(layers=layers, activation=activation, sizes=sizes, table=table, ready=ready, missing=missing)
        return np.sum(W @ X)

    ready = cr.Input("data", (2, "m"), dtype=int)
    graph = cr.trace(
        loss,
        X=X,
        W=W,
        layers=[{"W": W, "b": B}, None, {"W": W, "b": B}],
        activation="relu",
        sizes=[2, 3, 1],
        table={"encoder": {"W": W}, 0: (5,)},
        ready=ready,
        missing=None,
    )
    assert [type(graph[name]) for name in ("X", "W")] == [cr.Input, cr.Parameter]
    # The last call is the one with arrays.
    assert [part and sorted(part) for part in seen["layers"]] == [["W", "b"], None, ["W", "b"]]
    assert (seen["activation"], seen["sizes"], seen["missing"]) == ("relu", [2, 3, 1], None)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"layers": [{"W": W, "b": B}, None, {"W": W, "b": B}]}, ["W1", "b1", "W2", "b2"]),
        ({"W": [W, W]}, ["W1", "W2"]),
        ({"W1": [W, W]}, ["W1_1", "W1_2"]),
        ({"W": {0: W, 1: W}}, ["W0", "W1"]),
        ({"p": {"encoder": {"W": W}, "decoder": {"W": W}}}, ["encoder_W", "decoder_W"]),
        ({"p": {"W": [W, W]}}, ["W1", "W2"]),
        ({"p": {("a", 1): W}}, ["pa_1"]),
    ],
)
def test_leaves_in_dicts_and_lists_are_called_by_keys_and_numbers(given, expected):
    def total(**parts):
        def leaves(part):
            if isinstance(part, dict):
                return sum(leaves(inner) for inner in part.values())
            return sum(map(leaves, part)) if isinstance(part, list) else 0 if part is None else np.sum(part)

        return leaves(parts)

    assert [leaf.name for leaf in cr.trace(total, **given).parameters] == expected


def test_a_leaf_may_be_handed_in():
    ids = cr.Input("ids", ("m",), dtype=int)
    graph = cr.trace(lambda table, ids: table[ids].sum(), table=(5, 3), ids=ids)
    assert graph.forward({"table": np.arange(15.0).reshape(5, 3), ids: [0, 4]}).loss == 42.0


def test_arguments_find_their_places():
    def loss(X, /, *weights, scale=1.0, **more):
        for weight in weights:
            X = weight @ X
        return X.sum() * scale * more["rate"]

    graph = cr.trace(loss, X=X, weights=[W, (4, 3)], scale=3.0, rate=2.0)
    assert names(graph)[:3] == ["X", "weights1", "weights2"]
    assert graph.forward({"X": np.ones((2, 1)), "weights1": np.ones((3, 2)), "weights2": np.ones((4, 3))}).loss == 144.0
    assert built(cr.trace(lambda function, X: function @ X, function=W, X=X)) == []


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: cr.trace(lambda X, W: W @ X, X=X, w=W), "has no parameter 'w' (did you mean 'W'?) and needs W"),
        (lambda: cr.trace(lambda W: W[0], W=(W, B)), "W=[...]: a list may hold shapes"),
        (lambda: cr.trace(lambda W: W, W=(cr.Parameter("a"),)), "a tuple is a shape"),
        (lambda: cr.trace(lambda W: W, W=(3.0, 2)), "3.0 is no size"),
    ],
)
def test_a_call_that_does_not_fit_is_refused_before_the_function_is_called(call, said):
    with pytest.raises(ArgumentError) as caught:
        call()
    assert said in str(caught.value)


def test_two_leaves_of_one_name_are_refused():
    with pytest.raises(NameConflictError, match="would become the leaf 'W'"):
        cr.trace(lambda a, b: a["W"] @ b["W"], a={"W": (3, 2)}, b={"W": (2, 4)})


# --- names -----------------------------------------------------------------------------------------------------------


def test_arrays_closed_over_are_constants_with_the_names_of_their_variables():
    full = np.full((3, 1), 2.0)
    mask, b1, b2 = np.array([[1.0], [0.0], [1.0]]), np.zeros((3, 1)), np.zeros((3, 1))

    def loss(W, X, scale=full):
        return np.sum((W @ X + b1) * mask * mask * scale + b2) * 0.5

    graph = cr.trace(loss, W=W, X=X)
    assert [node.name for node in graph.constants if node.shape] == ["b1", "mask", "scale", "b2"]
    assert "mask" in str(graph)


def test_what_somebody_writes_into_between_two_uses_is_two_constants():
    def loss(X):
        buffer = np.zeros((2, 1))
        first = X + buffer
        buffer[:] = 1.0
        return np.sum(first * buffer)

    assert cr.trace(loss, X=X).forward({"X": np.ones((2, 3))}).loss == 6.0


def test_a_name_that_clashes_gets_a_number_and_a_size_bound_to_m_none():
    def backprop(W1, X, Y):
        m = cr.Size(X, axis=1)
        A1 = W1 @ X
        dZ1 = (A1 - Y) / m
        dW1 = dZ1 @ X.T
        W1 = W1 - 0.1 * dW1
        return W1, dW1

    graph = cr.trace(backprop, W1=(1, 2), X=X, Y=(1, "m"))
    assert built(graph) == ["A1", "dZ1", "dW1_2", "W1_3"]  # dW1_2 would be the gradient of W1_2
    assert len([node for node in graph if isinstance(node, cr.Size) and node.name is None]) == 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Z = X; return (Z := np.tanh(Z)), (Z := np.exp(Z)), (Z := np.sin(Z))", ["Z1", "Z2", "Z3"]),
        ("Z = X\nfor k in range(3): Z = np.tanh(Z)\nreturn Z", ["Z1", "Z2", "Z3"]),
        ("Z1 = np.tanh(X)\nfor k in range(2): Z = np.exp(Z1)\nreturn Z + Z1", ["Z1", "Z"]),
        ("c = {'h0': X}\nfor k in range(2): c[f'h{k + 1}'] = np.tanh(c[f'h{k}'])\nreturn c['h2']", ["h1", "h2"]),
        (
            "h_prev = X\nfor k in range(2): h_next = np.tanh(h_prev); h_prev = h_next\nreturn h_prev",
            ["h_next1", "h_next2"],
        ),
        ("zs = [np.exp(X), np.sin(X)]\nreturn sum(z for z in zs)", ["zs1", "zs2"]),
        ("_ = np.exp(X); _1 = np.sin(_); return _1", []),
        ("Z = X * 2; Z += 1; Z *= 3; return Z", ["Z1", "Z2", "Z3"]),
        ("def inner():\n nonlocal X\n X = np.exp(X)\ninner(); inner(); return X", ["X1", "X2"]),
        ("b = c = np.sin(a := np.exp(X)); return b + c", ["a", "b"]),
        ("try: Z = np.exp(X)\nfinally: Y = Z * 1\ndel Z\nreturn Y", ["Z", "Y"]),
    ],
)
def test_names_are_those_that_a_reader_would_give(body, expected):
    scope = {"np": np}
    exec(f"def f(X):\n{textwrap.indent(body, '    ')}\n", scope)
    assert built(cr.trace(scope["f"], X=X)) == expected


def test_recursion_is_one_layer():
    def deeper(x, times):
        h = np.tanh(x)
        return h if times == 1 else deeper(h, times - 1)

    graph = cr.trace(lambda x: deeper(x, 3) * 2, x=X)
    assert [graph[f"h{k}"].layer for k in (1, 2, 3)] == [("deeper",)] * 3
    assert built(cr.trace(deeper, x=X, times=60))[-1] == "h60"


def test_decorators_and_partial_functions_are_seen_through():
    def wrapped(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapper

    @wrapped
    def loss(W, X, kind="sum"):
        Z = W @ X
        return np.sum(Z) if kind == "sum" else Z.mean()

    for function in (loss, functools.partial(loss, kind="sum"), functools.lru_cache(loss)):
        graph = cr.trace(function, W=W, X=X)
        assert (built(graph), {node.layer for node in graph}) == (["Z"], {()})


# --- what is returned ------------------------------------------------------------------------------------------------

Answer = namedtuple("Answer", "loss prediction")


@dataclasses.dataclass
class Found:
    """What a function may return."""

    loss: object
    prediction: object


@pytest.mark.parametrize(
    "pack",
    [
        lambda loss, p: (loss, {"p": [p]}),
        lambda loss, p: [loss, None, 3, p],
        Answer,
        Found,
        lambda loss, p: types.SimpleNamespace(loss=loss, p=p),
    ],
)
def test_the_first_node_returned_is_the_output_and_the_rest_are_watched(pack):
    def loss(W, X):
        Z = W @ X
        total = Z.sum()
        return pack(total, Z)

    graph = cr.trace(loss, W=W, X=X)
    assert [list(map(graph.name, nodes)) for nodes in (graph.outputs, graph.watch)] == [["total"], ["Z"]]


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda X: None, "returns nothing"),
        (lambda X: 3.0, "returns float"),
        (lambda X: X.shape[1] * 0.5, "returns Symbol"),
        (lambda X: (np.exp(row) for row in X), "lambda X: list(f(X))[-1]"),
        (lambda X: map(np.exp, [X]), "lambda X: list(f(X))[-1]"),
    ],
)
def test_what_is_no_node_is_no_graph(function, said):
    with pytest.raises(ArgumentError) as caught:
        cr.trace(function, X=X)
    assert said in str(caught.value)


# --- what cannot be traced -------------------------------------------------------------------------------------------


def aliased(X):
    Z = X * 2
    A = Z
    A += 1
    return np.sum(Z)


def by_kind(X):
    return np.exp(X) if isinstance(X, np.ndarray) else np.sin(X)


def swallowed(X):
    try:
        scale = float(np.sum(X))
    except TypeError:
        scale = 0.0
    return X * scale


def masked(X):
    Z = X * 2
    Z[Z < 0] = 0
    return Z


def remembering(X, calls=[0]):  # noqa: B006 — that it remembers is what it is for
    calls[0] += 1
    return X * calls[0]


def filled(X):
    out = np.zeros((2, 3))
    out[:, 0] = X[:, 0]
    return out


def over_examples(X):
    total = 0
    for i in range(X.shape[1]):
        total += X[0, i]
    return total


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (aliased, "Z = Z + b in the place of Z += b"),
        (by_kind, "no branch on isinstance(x, np.ndarray)"),
        (swallowed, "gives something else for arrays than for nodes"),
        (remembering, "gives something else each time it is called"),
        (lambda X: X[:, :1] * np.random.rand(2, 1), "hand in what it draws at random"),  # noqa: NPY002 — so do people
        (lambda X: X * (np.random.rand(2, X.shape[1]) < 0.5), "random numbers as an Input"),  # noqa: NPY002 — likewise
        (lambda X: X * (np.random.default_rng().random((2, 1)) < 2) * np.random.default_rng().random(), "each time"),
        (masked, "np.where(mask, value, x)"),
        (filled, "np.stack([a, b]) and np.concatenate"),
        (over_examples, "all examples at once in the place of a loop"),
        (lambda X: [np.sum(row) for row in X.T], "node.shape[0]"),
        (lambda X: X if np.sum(X) > 0 else -X, "np.where(x > 0, a, b)"),
        (lambda X: X if X.shape[0] != 2 or np.any(np.isnan(X)) else -X, "check_finite=True"),
        (lambda X: float(np.sum(X)), "the node itself, without float()"),
        (lambda X: np.sum(X).item(), "the node itself, without float()"),
        (lambda X: f"{np.sum(X):.3f}", "the node itself, without float()"),
        (lambda X: "%.3f" % np.sum(X), "the node itself, without float()"),  # noqa: UP031 — people write so
        (lambda X: __import__("math").exp(np.sum(X)), "np.exp(x) for math.exp(x)"),
        (lambda X: np.array(X), "a node is no array"),
        (lambda X: np.zeros((3, X.shape[1])) + X[0], "np.zeros_like(x)"),
        (lambda X: np.maximum(X, 0, out=X), "total = total + x builds a node"),
    ],
)
def test_what_no_graph_computes_is_refused_and_says_what_to_write(function, said):
    with pytest.raises(ChainruleError) as caught:
        cr.trace(function, X=X)
    assert said in str(caught.value)
    assert "try:" in str(caught.value)


def test_an_attribute_of_arrays_alone_is_missed_as_such():
    with pytest.raises(NoAttributeError, match=r"x\.ravel\(\)"):
        cr.trace(lambda X: list(X.flat), X=X)
    assert not hasattr(cr.Input("x"), "flat")
    assert not hasattr(cr.Input("x"), "nonsense")


def test_an_error_of_the_function_comes_through_and_says_what_it_was_called_with():
    def loss(X):
        assert isinstance(X, np.ndarray), "arrays, please"
        return X

    with pytest.raises(AssertionError, match="arrays, please") as caught:
        cr.trace(loss, X=X)
    assert "hasattr(x, 'shape')" in caught.value.__notes__[0]


def test_shapes_decide_and_nodes_are_shown(capsys):
    def loss(W, X):
        if X.shape[0] != W.shape[1]:
            X = X.T
        Z = W @ X
        assert Z.shape == (W.shape[0], X.shape[1])
        assert Z.ndim == 2
        print(f"{Z}", Z, "%s" % Z)  # noqa: UP031 — people write so
        return Z

    assert built(cr.trace(loss, W=W, X=X)) == ["Z"]
    assert capsys.readouterr().out.startswith("<MatMul (3, m) of 'W', 'X'>")


def test_a_function_may_change_the_dicts_that_it_is_handed():
    parameters = {"W": W}

    def loss(X, parameters):
        weights = parameters.pop("W")
        parameters["V"] = weights * 2
        return np.sum(weights @ X) * (2.0 if isinstance(X, np.ndarray) else 1.0)

    with pytest.raises(
        ArgumentError, match="gives something else for arrays"
    ):  # so it is called with all of them again
        cr.trace(loss, X=X, parameters=parameters)
    assert parameters == {"W": W}


def test_what_rounds_to_float32_on_its_way_is_the_same_function():
    graph = cr.trace(lambda X, W: np.exp(W @ X.astype(np.float32)), X=X, W=W)
    assert [type(node).__name__ for node in graph][2:] == ["AsType", "MatMul", "Exp"]


def test_what_arrays_cannot_be_drawn_for_is_not_compared():
    def strict(X):
        assert not isinstance(X, np.ndarray) or X.shape == (2, 400)
        return np.exp(X)

    assert len(cr.trace(strict, X=X)) == 2
    assert len(cr.trace(lambda W: W.sum(), W=(10**5, 10**5))) == 2  # 80 GB would be needed


# --- nothing is left behind ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fails", [False, True])
def test_a_profiler_and_a_tracer_stay_as_they_are(fails):
    seen = []

    def loss(X):
        if fails:
            raise KeyError("mine")
        return np.exp(X)

    def look(frame, event, argument):
        seen.append(frame.f_code.co_name)

    before = sys.getprofile(), sys.gettrace()
    sys.setprofile(look)
    try:
        if fails:
            with pytest.raises(KeyError, match="mine"):
                cr.trace(loss, X=X)
        else:
            cr.trace(loss, X=X)
        assert sys.getprofile() is look
    finally:
        sys.setprofile(before[0])
    assert (sys.getprofile(), sys.gettrace()) == before
    assert "loss" in seen
    assert cr.Graph(np.exp(cr.Input("x"))).names == ("x", "exp_1")  # what is built afterwards is not traced


def test_a_debugger_that_reads_variables_changes_nothing():
    def loss(X):
        Z = X
        for _ in range(3):
            Z = np.tanh(Z)
        return Z

    def look(frame, event, argument):
        frame.f_locals  # noqa: B018 — reading them is what may write them back
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        graph = cr.trace(loss, X=X)
        assert sys.gettrace() is look
    finally:
        sys.settrace(before)
    assert built(graph) == ["Z1", "Z2", "Z3"]


def test_what_the_function_had_is_freed_at_once():
    held = []

    def loss(X):
        weights = Dense(np.ones((3, 2)), 0.0)
        held.append(weakref.ref(weights))
        return weights(X)

    gc.disable()
    try:
        cr.trace(loss, X=X)
        assert [reference() for reference in held] == [None, None]
    finally:
        gc.enable()


def test_threads_trace_apart():
    graphs = {}
    start = threading.Barrier(4)

    def work(k):
        def loss(X):
            start.wait()
            Z = X
            for _ in range(20 + k):
                Z = np.tanh(Z)
            return Z

        graphs[k] = cr.trace(loss, X=X)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {k: built(graph)[-1] for k, graph in graphs.items()} == {k: f"Z{20 + k}" for k in range(4)}


def test_a_traced_function_may_trace():
    def outer(X):
        inner = cr.trace(lambda a: np.exp(a), a=(3,))
        Z = X * len(inner)
        return Z, inner

    assert built(cr.trace(outer, X=X)) == ["Z"]


# --- scripts ---------------------------------------------------------------------------------------------------------


def test_variables_of_a_script_name_its_nodes():
    A0, Y = cr.Input("A0", (2, "m")), cr.Input("Y", (1, "m"))
    W1 = cr.Parameter("W1", (1, 2))
    mask = np.array([[1.0], [0.5]])
    cache = {"Z1": W1 @ (A0 * mask)}
    A1 = cr.Sigmoid(cache["Z1"])
    L = cr.BCELoss(A1, Y)
    graph = cr.Graph(L, names=locals())
    assert built(graph) == ["Z1", "A1", "L"]
    assert [node.name for node in graph.constants] == ["mask"]
    run = graph.forward({"A0": np.ones((2, 3)), "Y": np.ones((1, 3)), "W1": np.ones((1, 2))})
    assert run[A1] is run["A1"]
    assert (A1.name, graph.name(A1), A1 in graph) == (None, "A1", True)
    assert cr.Graph(L).names[-1] == "bceloss_1"
    assert graph.backward("W1").outputs[0].name == "dW1"


def test_variables_leave_names_alone_that_nodes_have():
    a = cr.Exp(cr.Input("x"), name="first")
    b = a * 2
    assert cr.Graph(b, names={"other": a, "b": b}).names[-1] == "b"
    assert cr.Graph(b, names={"other": a, "b": b})["first"] is a
    assert cr.Graph(b, names={}).names == cr.Graph(b).names
