"""Which operations treat every column alone: a plan in blocks computes the Run's numbers, or says why there are none.

Every operation here is met with columns on each of its axes. A plan that cut where columns meet would be wrong in
numbers; one that did not cut where they do not would be slow.
"""

import numpy as np
import pytest

import chainrule as cr
from chainrule.plan.columns import Role, Unsplittable, column_name, roles, split
from chainrule.plan.optimizing import typed
from chainrule.plan.plan import compile_graph
from chainrule.program.recording import record
from chainrule.symbols import elementary
from chainrule.symbols.dimensions import Dimension

M, BLOCK = 7, 3  # two blocks of three columns and one of one
SIZES = {"m": M, "n": 4}
m = Dimension.named("m")

ALONE = {
    "entry by entry": (lambda x, w: cr.Tanh(x) * cr.Exp(x) * w, [(2, "m")], ()),
    "with a row of numbers": (lambda x, w: x * w, [(2, "m")], (2, 1)),
    "columns as rows": (lambda x, w: x * w, [("m", 2)], (2,)),
    "a matrix times columns": (lambda x, w: w @ x, [(2, "m")], (3, 2)),
    "columns as rows times a matrix": (lambda x, w: x @ w, [("m", 2)], (2, 3)),
    "a vector times columns": (lambda x, w: w @ x, [(2, "m")], (2,)),
    "columns as rows times a vector": (lambda x, w: x @ w, [("m", 2)], (2,)),
    "a stack of matrices as columns": (lambda x, w: w @ x, [("m", 2, 5)], (3, 2)),
    "a stack times itself": (lambda x, w: x @ cr.Transpose(x, axes=(0, 2, 1)) * w, [("m", 2, 5)], ()),
    "the transpose": (lambda x, w: x.T @ w, [(2, "m")], (2, 3)),
    "axes moved": (lambda x, w: cr.Transpose(x, axes=(2, 0, 1)) * w, [(2, "m", 5)], ()),
    "a softmax over rows": (lambda x, w: cr.Softmax(x, axis=0) * w, [(3, "m")], (3, 1)),
    "a maximum over rows": (lambda x, w: cr.Max(x, axis=0) * w, [(3, "m")], ()),
    "a mean over rows": (lambda x, w: cr.Mean(x, axis=0, keepdims=True) * w, [(3, "m")], ()),
    "a sum over rows of rows": (lambda x, w: cr.Sum(x, axis=(0, 1)) * w, [(3, 2, "m")], ()),
    "rows picked": (lambda x, w: x[1] * w, [(3, "m")], ()),
    "rows in another order": (lambda x, w: x[::-1] * w, [(3, "m")], (3, 1)),
    "a part of columns as rows": (lambda x, w: x[:, 1] * w, [("m", 3)], ()),
    "with a new axis": (lambda x, w: x[None, 1] * w, [(3, "m")], ()),
    "all but the last axis": (lambda x, w: x[..., 0] * w, [("m", 2, 5)], ()),
    "all but the first axis": (lambda x, w: x[0, ...] * w, [(2, 5, "m")], ()),
    "from both ends": (lambda x, w: x[0, ..., 1] * w, [(2, "m", 5)], ()),
    "rows laid end to end": (lambda x, w: cr.Concatenate(x, x * w, axis=0), [(2, "m")], ()),
    "rows reshaped": (lambda x, w: cr.Reshape(x, to=(6, -1)) * w, [(2, 3, "m")], (6, 1)),
    "columns of a table": (lambda i, w: cr.Gather(w, i, axis=-1), [("ids", "m")], (3, 5)),
    "a table of one number each": (lambda i, w: cr.Gather(w, i, axis=0), [("ids", "m")], (5,)),
    "one wanted by another": (lambda x, w: cr.Square(w @ x) + cr.Sum(w), [(2, "m")], (3, 2)),
}

ALL = "slice(None, None, None)"
UNTIL_THE_SUM = "needs a sum over all columns before it goes on with each of them"
MEET = {
    "a mean over columns in every column": (
        (lambda x, w: (x - cr.Mean(x, axis=1, keepdims=True)) * w, [(2, "m")], ()),
        f"subtract_1 = subtract(%0, %3) {UNTIL_THE_SUM}",
    ),
    "a softmax over columns": (
        (lambda x, w: cr.Softmax(x, axis=1) * w, [(2, "m")], ()),
        "softmax_1 = softmax(%0, axis=1) lets columns meet",
    ),
    "a softmax over everything": (
        (lambda x, w: cr.Softmax(x, axis=None) * w, [(2, "m")], ()),
        "softmax_1 = softmax(%0) lets columns meet",
    ),
    "the largest column": (
        (lambda x, w: cr.Max(x, axis=1) * w, [(2, "m")], ()),
        "max_1 = max(%0, axis=1) lets columns meet",
    ),
    "products of columns with each other": (
        (lambda x, w: x.T @ x * w, [(2, "m")], ()),
        "matmul_1 = matmul(%2, %0) has shape (m, m), in which columns meet",
    ),
    "the first column": (
        (lambda x, w: x[:, 0] * w, [(2, "m")], ()),
        "index_1 = index(%0, (slice(None, None, None), 0)) lets columns meet",
    ),
    "all but the first column": (
        (lambda x, w: x[:, 1:] * w, [(2, "m")], ()),
        f"index_1 = index(%0, ({ALL}, slice(1, None, None))) has shape (2, m - 1), in which columns meet",
    ),
    "columns from last to first": (
        (lambda x, w: x[:, ::-1] * x * w, [(2, "m")], ()),
        "index_1 = index(%0, (slice(None, None, None), slice(None, None, -1))) lets columns meet",
    ),
    "columns picked": (
        (lambda x, w: x[:, np.array([0, 2, 2])] * w, [(2, "m")], ()),
        "index_1 = index(%0, (slice(None, None, None), array(3,))) lets columns meet",
    ),
    "columns looked up": (
        (lambda x, w: cr.Gather(x, cr.Input("k", ("n",), dtype=int), axis=1) * w, [(2, "m")], ()),
        "gather_1 = take(%0, %2, axis=1) lets columns meet",
    ),
    "columns looked up in every column": (
        (lambda x, w: cr.Gather(x, cr.Input("k", ("m",), dtype=int), axis=1) * w, [(2, "m")], ()),
        "gather_1 = take(%0, %2, axis=1) lets columns meet",
    ),
    "columns laid end to end": (
        (lambda x, w: cr.Concatenate(x, x, axis=1) * w, [(2, "m")], ()),
        "concatenate_1 = concatenate((%0, %0), axis=1) has shape (2, 2*m), in which columns meet",
    ),
    "columns and no columns laid end to end": (
        (lambda x, w: cr.Concatenate(x, np.zeros((2, 0)), axis=1) * w, [(2, "m")], ()),
        "concatenate_1 = concatenate((%0, %2), axis=1) lets columns meet",
    ),
    "columns and rows in one row": (
        (lambda x, w: cr.Reshape(x, to=(-1,)) * w, [(2, "m")], ()),
        "reshape_1 = reshape(%0, shape=(-1,)) has shape (2*m,), in which columns meet",
    ),
    "rows taken for columns": (
        (lambda x, w: cr.Reshape(x, to=(-1, 2)) * w, [(2, "m")], ()),
        "reshape_1 = reshape(%0, shape=(-1, 2)) lets columns meet",
    ),
    "a sum over columns that scales each": (
        (lambda x, w: x / cr.Sum(x * w), [(2, "m")], ()),
        f"divide_1 = divide(%0, %3) {UNTIL_THE_SUM}",
    ),
}


def graph_of(function, shapes, weights):
    """The sum of the squares of what a function makes of columns and weights; t says what columns are called."""
    (shape,) = shapes
    leaf = cr.Input("x", ("m",), dtype=int) if shape[0] == "ids" else cr.Input("x", shape)
    y = function(leaf, cr.Parameter("w", weights))
    return cr.Graph(cr.Add(cr.Sum(cr.Square(y)), cr.Sum(cr.Input("t", ("m",))), name="L"))


def feeds_of(graph):
    rng = np.random.default_rng(0)
    feeds = {}
    for leaf in (*graph.inputs, *graph.parameters):
        shape = [SIZES.get(str(size), size) for size in leaf.shape]
        whole = leaf.dtype.kind == "i"
        feeds[leaf.name] = rng.integers(5, size=shape) if whole else rng.uniform(0.5, 1.5, size=shape)
    return feeds


def assert_equals_the_run(graph, plan, gradients):
    feeds = feeds_of(graph)
    run = graph.forward(feeds)
    run.backward()
    loss, found = plan(feeds)
    np.testing.assert_allclose(loss, run["L"], rtol=1e-13)  # the same terms in another order
    assert list(found) == gradients
    for name in gradients:
        largest = np.abs(run.gradients[name]).max()
        np.testing.assert_allclose(found[name], run.gradients[name], rtol=0, atol=1e-13 * largest, err_msg=name)


def differentiable(graph):
    return [name for name in ("w", "x") if graph[name].dtype.kind == "f"]


@pytest.mark.parametrize("case", ALONE)
def test_columns_that_are_computed_alone_are_computed_in_blocks(case):
    graph = graph_of(*ALONE[case])
    plan = compile_graph(graph, differentiable(graph), block=BLOCK)
    assert "blocks of columns of m" in plan.explain(), plan.explain()
    assert_equals_the_run(graph, plan, differentiable(graph))


@pytest.mark.parametrize("case", MEET)
def test_columns_that_meet_are_computed_at_once_and_the_plan_says_where_they_meet(case):
    described, why = MEET[case]
    graph = graph_of(*described)
    plan = compile_graph(graph, ["w", "x"], block=BLOCK)
    assert f"all columns at once: {why}" in plan.explain().splitlines()
    assert_equals_the_run(graph, plan, ["w", "x"])


# --- a program and its parts -----------------------------------------------------------------------------------------


def line_and_columns():
    """Mean((w x + b)²) + w·w, of which the last term has nothing to do with columns."""
    x, w, b = cr.Input("x", (2, "m")), cr.Parameter("w", (1, 2)), cr.Parameter("b", (1, 1))
    error = cr.Square(cr.Add(w @ x, b, name="z"), name="e")
    return record(cr.Graph(cr.Add(cr.Mean(error, name="fit"), cr.Sum(cr.Square(w), name="size"), name="L")))


def lines(program):
    return [" ".join(line.split()) for line in str(program).splitlines()]


def test_a_program_is_cut_into_what_comes_before_each_block_and_after_all_of_them():
    parts = split(line_and_columns().only(gradients=["b", "x"]))
    assert lines(parts.before) == [
        "%0 w = feed (1, 2)",
        "%1 square_1 = square(%0) (1, 2)",
        "%2 size = sum(%1) ()",
        "%3 dL = 1.0 ()",
        "%4 divide(%3, m) ()",
        "%5 transpose(%0) (2, 1)",
        "return size, %12, %17",
    ]
    assert lines(parts.block) == [
        "%0 x = feed (2, m)",
        "%1 w = feed (1, 2)",
        "%2 b = feed (1, 1)",
        "%3 matmul_1 = matmul(%1, %0) (1, m)",
        "%4 z = add(%3, %2) (1, m)",
        "%5 e = square(%4) (1, m)",
        "%6 sum(%5) ()",
        "%7 %12 = feed ()",
        "%8 de = broadcast_to(%7, shape=(1, m)) (1, m)",
        "%9 multiply(2, %8) (1, m)",
        "%10 dz = multiply(%9, %4) (1, m)",
        "%11 db = sum(%10, axis=1, keepdims=True) (1, 1)",
        "%12 %17 = feed (2, 1)",
        "%13 dx = matmul(%12, %10) (2, m)",
        "return %6, db, dx",
    ]
    assert lines(parts.after) == [
        "%0 %6 = feed ()",
        "%1 fit = divide(%0, m) ()",
        "%2 size = feed ()",
        "%3 L = add(%1, %2) ()",
        "return L",
    ]
    assert (parts.name, parts.sliced, parts.joined) == ("m", {"x": 1}, {"dx": 1})
    assert parts.block.outputs == tuple(parts.block.values)  # all of them, of a part as of any program
    assert len(parts.block.only()) == len(parts.block)


def test_every_step_of_a_program_has_its_role():
    program = line_and_columns().only(gradients=["b", "x"])
    found = {step.name: role for step, role in zip(program, roles(program, "m"), strict=True) if step.name}
    assert found == {
        "w": Role("before"),
        "x": Role("columns", 1),
        "matmul_1": Role("columns", 1),
        "b": Role("before"),
        "z": Role("columns", 1),
        "e": Role("columns", 1),
        "fit": Role("after"),
        "square_1": Role("before"),
        "size": Role("before"),
        "L": Role("after"),
        "dL": Role("before"),
        "de": Role("columns", 1),
        "dz": Role("columns", 1),
        "db": Role("sum"),
        "dx": Role("columns", 1),
    }


def test_what_is_fed_as_rows_is_cut_along_its_rows():
    x, w = cr.Input("x", ("m", 2)), cr.Parameter("w", (2, 3))
    t = cr.Input("t", (3, "m"))
    program = record(cr.Graph(cr.Sum((x @ w).T * t, name="L"))).only(gradients=["x", "t", "w"])
    parts = split(program)
    assert (parts.sliced, parts.joined) == ({"x": 0, "t": 1}, {"dx": 0, "dt": 1})
    assert list(parts.block.values)[-3:] == ["dt", "dx", "dw"]  # as they are computed


def test_a_constant_is_copied_into_the_part_that_reads_it():
    """It is known from the start, so it is no result that one part hands to the next."""
    table, scale = np.arange(6.0).reshape(2, 3), np.array(4.0)
    total = cr.Sum(cr.Constant(table) @ cr.Input("x", (3, "m")))
    parts = split(record(cr.Graph(cr.Multiply(total, cr.Constant(scale), name="L"))).only())
    for part, constant in ((parts.block, table), (parts.after, scale)):
        assert [step.operands[0].tolist() for step in part if step.is_constant] == [constant.tolist()]
    assert (parts.before.values, list(parts.after.values)) == ({}, ["L"])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_is_handed_from_part_to_part_keeps_its_dtype(dtype):
    x, w, i = cr.Input("x", (2, "m")), cr.Parameter("w", (1, 2)), cr.Input("i", ("m",), dtype=int)
    graph = cr.Graph(cr.Mean(cr.Multiply(w @ x, cr.Gather(cr.Exp(w), i))), watch=[w])
    parts = split(typed(record(graph).only(gradients=["w"]), dtype))
    handed = {
        step.name: step.dtype for part in (parts.before, parts.block, parts.after) for step in part if step.is_feed
    }
    assert handed.pop("i") == np.int64
    assert len(handed) > 3
    assert set(handed.values()) == {np.dtype(dtype)}


@pytest.mark.parametrize(
    ("shapes", "name"),
    [
        ([(2, "m")], "m"),
        ([(2, "columns")], "columns"),
        ([(2, 3), ("m", 5), (2, "n"), (2, "p")], "n"),
        ([("m", 2)], "m"),
        ([("m", 2), (2, "n")], "n"),
        ([("m",)], "m"),
        ([()], None),
        ([(2, 3)], None),
        ([(2, 3 * m)], None),
        ([(2, m + 1), (2, "n")], None),
    ],
    ids=str,
)
def test_columns_are_named_by_the_last_axis_of_the_first_feed_that_names_it_else_by_another_axis(shapes, name):
    leaves = [cr.Sum(cr.Input(f"x{k}", shape)) for k, shape in enumerate(shapes)]
    total = leaves[0]
    for leaf in leaves[1:]:
        total = total + leaf
    program = record(cr.Graph(cr.Sum(total, name="L"))).only()
    assert column_name(program) == name
    if name is None:
        with pytest.raises(Unsplittable, match=r"^no feed has a named number of columns$"):
            split(program)
    else:
        assert split(program).name == name


# --- operations that rules of one's own may use ----------------------------------------------------------------------


def role_of(function, *leaves):
    """The role of the last step of a rule without a gradient, in a program that has nothing else."""

    class Rule(cr.Node):
        def forward(self, *values):
            return function(*values)

        def backward(self, grad, y, *values):
            return (None,) * len(values)

    program = record(cr.Graph(cr.Sum(Rule(*leaves, name="y"), name="L"))).only(["y"])
    return roles(program, "m")[program.values["y"]]


X = cr.Input("x", (2, "m"))
STACK = cr.Input("x", (2, "m", 5))
LONG = cr.Input("x", ("m",))
W = cr.Parameter("w", (3, 2))
IDS = cr.Input("ids", ("m",), dtype=int)
MORE_IDS = cr.Input("more", ("m",), dtype=int)

ROLES = [
    ("numbers before columns", lambda w: np.exp(w) @ w.T, [W], Role("before")),
    ("columns of all operands", lambda x, w: np.where(x > 0, x, w[:1].T), [X, W], Role("columns", 1)),
    ("a running sum over rows", lambda x: np.cumsum(x, axis=0), [X], Role("columns", 1)),
    ("the place of the largest", lambda x: np.argmax(x, axis=0), [X], Role("columns", 0)),
    ("axes swapped", lambda x: np.swapaxes(x, 0, 1), [X], Role("columns", 0)),
    ("an axis put in", lambda x: np.expand_dims(x, 0), [X], Role("columns", 2)),
    ("an axis left out", lambda x: np.squeeze(x[:1], axis=0), [X], Role("columns", 0)),
    ("one stretched to many", lambda x: np.broadcast_to(x, (3, *x.shape)), [X], Role("columns", 2)),
    ("rows before columns reshaped", lambda x: x.reshape(1, 2, -1, 5), [STACK], Role("columns", 2)),
    ("axes behind columns reshaped", lambda x: x.reshape(2, x.shape[1], 5, 1), [STACK], Role("columns", 1)),
    ("a part of every column", lambda x: x[1:, ..., ::2], [STACK], Role("columns", 1)),
    ("a number of NumPy as index", lambda x: x[np.int64(1)], [X], Role("columns", 0)),
    ("axes put in by an index", lambda x: x[None, 0, :, None], [X], Role("columns", 1)),
    ("an index that ends with dots", lambda x: x[1, ...], [STACK], Role("columns", 0)),
    ("an index that begins with dots", lambda x: x[..., 1:3], [STACK], Role("columns", 1)),
    ("laid along the last axis", lambda x: np.concatenate([x, x], axis=-1), [STACK], Role("columns", 1)),
    ("laid along the first axis", lambda x: np.concatenate([x, x]), [X], Role("columns", 1)),
    ("entries put into columns", lambda x: elementary.put(x[0], 1, x), [X], Role("columns", 1)),
    ("a sum", lambda x: np.sum(x), [X], Role("sum")),
    ("a sum that keeps its axes", lambda x: np.sum(x, axis=(1, 2), keepdims=True), [STACK], Role("sum")),
    ("a product over columns", lambda x: x @ x.T, [X], Role("sum")),
    ("a product of vectors", lambda x: x @ x, [LONG], Role("sum")),
    ("entries added where columns say", lambda x, i, w: elementary.put(x, (0, i), w), [LONG, IDS, W], Role("sum")),
    ("entries of two places", lambda x, i, k, w: elementary.put(x, (i, k), w), [LONG, IDS, MORE_IDS, W], Role("sum")),
    ("a sum and what comes before", lambda x, w: np.sum(x) * w, [X, W], Role("after")),
    ("a sum of a sum", lambda x: np.sum(np.sum(x, axis=1)), [X], Role("after")),
]


@pytest.mark.parametrize(("function", "leaves", "role"), [case[1:] for case in ROLES], ids=[case[0] for case in ROLES])
def test_the_role_of_an_operation(function, leaves, role):
    assert role_of(function, *leaves) == role


REFUSED = [
    ("a running sum over columns", lambda x: np.cumsum(x, axis=1), [X], "y = cumsum(%0, axis=1) lets columns meet"),
    ("the column of the largest", lambda x: np.argmax(x, axis=1), [X], "y = argmax(%0, axis=1) lets columns meet"),
    ("a product of columns", lambda x: np.prod(x, axis=1), [X], "y = prod(%0, axis=1) lets columns meet"),
    ("a mean", lambda x: np.mean(x), [X], "y = mean(%0) lets columns meet"),
    ("a mask", lambda x: np.tril(x), [X], "y = tril(%0) lets columns meet"),
    ("a stack", lambda x: np.stack([x, x]), [X], "y = stack((%0, %0)) lets columns meet"),
    ("Einstein's sum", lambda x: np.einsum("ij->j", x), [X], "y = einsum(ij->j, %0) lets columns meet"),
    (
        "rows by a list",
        lambda x: x[[0, 1, 1]],
        [X],
        "y = index(%0, array(3,)) lets columns meet",
    ),
    (
        "columns by number",
        lambda x: x[..., 2, :],
        [STACK],
        "y = index(%0, (Ellipsis, 2, slice(None, None, None))) lets columns meet",
    ),
    (
        "places by columns",
        lambda w, i: w[:, i],
        [W, IDS],
        "y = index(%0, (slice(None, None, None), %1)) lets columns meet",
    ),
    (
        "entries put into a column",
        lambda x: elementary.put(x[:, 0], (slice(None), 1), x),
        [X],
        "step %1, index(%0, (slice(None, None, None), 0)), lets columns meet",
    ),
    (
        "entries put over columns",
        lambda x: elementary.put(1.0, (slice(None), 1), x),
        [X],
        "y = put(1.0, (slice(None, None, None), 1), %0) lets columns meet",
    ),
    ("a sum that the columns wait for", lambda x: x - np.sum(x), [X], f"y = subtract(%0, %1) {UNTIL_THE_SUM}"),
    ("in a step without a name", lambda x: np.exp(x - np.sum(x)), [X], f"step %2, subtract(%0, %1), {UNTIL_THE_SUM}"),
    (
        "a sum put where columns say",
        lambda x, i, w: elementary.put(np.sum(x), (0, i), w),
        [X, IDS, W],
        f"y = put(%3, (0, %2), %1) {UNTIL_THE_SUM}",
    ),
    (
        "columns twice",
        lambda x: x[:, :, None] * x[:, None],
        [X],
        "y = multiply(%1, %2) has shape (2, m, m), in which columns meet",
    ),
    (
        "columns from last to first before another axis",
        lambda x: x[..., ::-1, :],
        [STACK],
        f"y = index(%0, (Ellipsis, slice(None, None, -1), {ALL})) lets columns meet",
    ),
    (
        "columns twice in a step without a name",
        lambda x: np.exp(x.T @ x),
        [X],
        "step %2, matmul(%1, %0), has shape (m, m), in which columns meet",
    ),
    (
        "columns and three more",
        lambda x, w: np.concatenate([x, w.T], axis=1),
        [X, W],
        "y = concatenate((%0, %2), axis=1) has shape (2, m + 3), in which columns meet",
    ),
    (
        "a rule that symbols cannot pass through",
        lambda x: np.sort(np.asarray(x), axis=0),
        [X],
        "y = Rule.forward(%0) is a rule that is called as it is, and may let columns meet",
    ),
    (
        "a sum over columns that leaves another named size",
        lambda x: np.sum(x, axis=1),
        [cr.Input("x", ("n", "m"))],
        "y = sum(%0, axis=1) lets columns meet",
    ),
]


@pytest.mark.parametrize(
    ("function", "leaves", "why"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_an_operation_that_cannot_be_split_is_named_with_the_reason(function, leaves, why):
    with pytest.raises(Unsplittable) as refused:
        role_of(function, *leaves)
    assert str(refused.value) == why


def test_a_backward_that_is_called_as_it_is_is_named_by_its_number():
    class Halved(cr.Node):
        """A gradient that is looked at: no symbol passes."""

        def forward(self, x):
            return x / 2

        def backward(self, grad, y, x):
            return (grad / 2,) if grad.any() else (grad,)

    program = record(cr.Graph(cr.Sum(Halved(X), name="L"))).only(gradients=["x"])
    with pytest.raises(Unsplittable) as refused:
        split(program)
    step = next(k for k, step in enumerate(program) if step.shape is None)
    called = "Halved.backward(%4, %1, %0)"
    assert str(refused.value) == f"step %{step}, {called}, is a rule that is called as it is, and may let columns meet"


class SqueezesAll(cr.Node):
    """A rule that drops every axis of size 1, whichever that is."""

    def forward(self, x):
        return np.squeeze(x)

    def backward(self, grad, y, x):
        return (grad.reshape(x.shape),)


@pytest.mark.parametrize("m", [1, 2, 5])
@pytest.mark.parametrize("block", [None, 1, 2])
def test_a_squeeze_keeps_the_axis_of_the_columns_also_where_there_is_a_single_one(m, block):
    x = cr.Input("x", ("m", 1, 3, 1))
    y = cr.Squeeze(x, name="y")
    assert str(y.shape) == "(m, 3)"
    graph, feeds = cr.Graph(cr.Sum(cr.Square(y), name="L")), {"x": np.arange(3.0 * m).reshape(m, 1, 3, 1)}
    run = graph.forward(feeds)
    assert run["y"].shape == (m, 3)
    _, gradients = compile_graph(graph, ["x"], block=block)(feeds)
    np.testing.assert_array_equal(gradients["x"], 2 * feeds["x"])


@pytest.mark.parametrize("m", [1, 2])
def test_a_rule_that_drops_whatever_has_the_size_1_has_no_shape_and_the_plan_of_its_run(m):
    graph = cr.Graph(cr.Sum(cr.Square(SqueezesAll(cr.Input("x", ("m", 1)), name="y")), name="L"))
    feeds = {"x": np.full((m, 1), 3.0)}
    assert graph["y"].shape is None
    assert graph.forward(feeds)["y"].shape == ((2,) if m == 2 else ())
    loss, gradients = graph.compile(["x"])(feeds)
    assert loss == 9 * m
    np.testing.assert_array_equal(gradients["x"], np.full((m, 1), 6.0))
