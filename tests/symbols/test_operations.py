"""A row of the table of operations says of a function what NumPy does, and everybody reads it there."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from every_rule import EXAMPLES

import chainrule as cr
from chainrule.errors import ShapeError, Untraceable
from chainrule.judging.reading import activations, vocabulary, windowed
from chainrule.plan.columns import Unsplittable, split
from chainrule.program.calls import Call, pick
from chainrule.program.recording import record
from chainrule.symbols import elementary, standardizing, symbol, windows
from chainrule.symbols.broadcasting import unbroadcast
from chainrule.symbols.operations import OPERATIONS, Operation, declare, index, number, operation
from chainrule.symbols.symbol import Symbol, as_number

X = Symbol.leaf("x", (2, 3, "m"))
SAMPLE = np.random.default_rng(0).uniform(0.1, 0.9, (2, 3, 11))
OWN = [
    row
    for row in OPERATIONS.values()
    if getattr(row.function, "__module__", "") in (elementary.__name__, standardizing.__name__, windows.__name__)
]


def shape_of(value: Any) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) else size.evaluate({"m": 11}) for size in value.shape)


# --- every row and NumPy ---------------------------------------------------------------------------------------------

ROW, TABLE, FLAT, PLACES = np.ones((3, 1)), np.ones((5, 4)), np.ones(7), np.array([[1, 0, 1, 1]])
BY_SHAPE: dict[Any, list[Callable[..., Any]]] = {
    np.matmul: [lambda x: np.matmul(TABLE, np.ones((4, 3)) @ x), lambda x: FLAT @ np.ones((7, 3)) @ x],
    np.dot: [lambda x: np.dot(np.ones((5, 2)), x[:, 0]), lambda x: np.dot(x, 2.0), lambda x: np.dot(2.0, x)],
    np.outer: [lambda x: np.outer(x, TABLE), lambda x: np.outer(FLAT, x)],
    np.transpose: [np.transpose, lambda x: np.transpose(x, (1, 0, 2))],
    np.swapaxes: [lambda x: np.swapaxes(x, 0, 2), lambda x: np.swapaxes(x, -2, 0)],
    np.reshape: [lambda x: np.reshape(x, (3, -1))],
    np.ravel: [np.ravel],
    np.broadcast_to: [lambda x: np.broadcast_to(x, (5, *x.shape))],
    np.expand_dims: [lambda x: np.expand_dims(x, 1), lambda x: np.expand_dims(x, (0, -1))],
    np.squeeze: [lambda x: np.squeeze(x[:1, :1, 0]), lambda x: np.squeeze(x[:1, :1], axis=1)],
    np.concatenate: [lambda x: np.concatenate([x, x]), lambda x: np.concatenate([x, x], axis=1)],
    np.stack: [lambda x: np.stack([x, x, x]), lambda x: np.stack([x, x], axis=-1), lambda x: np.stack([x, x], 1)],
    np.take: [lambda x: np.take(x, PLACES), lambda x: np.take(x, PLACES, axis=1), lambda x: np.take(x, 1, axis=0)],
    np.einsum: [lambda x: np.einsum("ijm,kj->km", x, np.ones((5, 3)))],
    np.where: [lambda x: np.where(x > 0, ROW, np.ones((4, 1, 1, 1))), lambda x: np.where(np.ones((4, 1, 1, 1)), x, 0)],
    np.clip: [lambda x: np.clip(x, None, np.ones((4, 1, 1, 1))), lambda x: np.clip(x, np.ones((4, 1, 1, 1)), None)],
    np.cumsum: [np.cumsum, lambda x: np.cumsum(x, axis=1)],
    np.cumprod: [np.cumprod, lambda x: np.cumprod(x, axis=-1)],
    np.roll: [lambda x: np.roll(x, 2), lambda x: np.roll(x, (1, -2), axis=(0, 2))],
    np.pad: [lambda x: np.pad(x, 1), lambda x: np.pad(x, ((0, 2), (1, 0), (0, 0)))],
    np.sort: [np.sort, lambda x: np.sort(x, axis=1), lambda x: np.sort(x, axis=None)],
    np.argsort: [lambda x: np.argsort(x, axis=1, stable=True), lambda x: np.argsort(x, axis=None, stable=True)],
    np.take_along_axis: [lambda x: np.take_along_axis(x, np.zeros((1, 5, 1), int), axis=1)],
    np.full_like: [lambda x: np.full_like(x, 2.0), lambda x: np.full_like(x, ROW)],
    np.astype: [lambda x: x.astype(np.float32), lambda x: np.astype(x, bool)],
    np.tile: [lambda x: np.tile(x, 2), lambda x: np.tile(x, (2, 1, 1)), lambda x: np.tile(x[0, 0], (5, 1))],
    np.repeat: [lambda x: np.repeat(x, 2), lambda x: np.repeat(x, 3, axis=1), lambda x: x.repeat(2, axis=-1)],
    np.diag: [lambda x: np.diag(x[:, 0, 0]), lambda x: np.diag(x[:, :, 0]), lambda x: np.diag(x[0, 0])],
    np.zeros: [lambda x: np.zeros((5, 2), like=x), lambda x: np.zeros(3, int, like=x)],
    np.ones: [lambda x: np.ones((5, x.shape[2]), like=x), lambda x: np.ones(3, dtype=bool, like=x)],
    np.full: [lambda x: np.full((5, x.shape[2]), 0.5, like=x), lambda x: np.full(x.shape, 2, like=x)],
    np.eye: [lambda x: np.eye(3, x.shape[2], like=x), lambda x: np.eye(4, k=1, dtype=int, like=x)],
    np.arange: [lambda x: np.arange(x.shape[2], like=x), lambda x: np.arange(5, dtype=float, like=x)],
    index: [lambda x: x[0], lambda x: x[..., None, 1:]],
    number: [lambda x: as_number(x.shape[2]) if isinstance(x, Symbol) else number(x.shape[2])],
}
ALONG_AN_AXIS = [np.sum, np.mean, np.prod, np.max, np.min, np.any, np.all, np.var, np.std, np.argmax, np.argmin]
for reduction in ALONG_AN_AXIS:
    BY_SHAPE[reduction] = [
        reduction,
        lambda x, reduction=reduction: reduction(x, axis=1),
        lambda x, reduction=reduction: reduction(x, axis=-1, keepdims=True),
    ]
OF_TRUTH_VALUES = [np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert]
for function in (row.function for row in OPERATIONS.values() if isinstance(row.function, np.ufunc)):
    if function in OF_TRUTH_VALUES:
        BY_SHAPE[function] = [lambda x, f=function: f(*[x > 0.5, ROW > 0][: f.nin])]
    elif function is not np.matmul:
        BY_SHAPE[function] = [lambda x, f=function: f(*[x, ROW][: f.nin]), lambda x, f=function: f(*[x, 2][: f.nin])]
for same in (np.zeros_like, np.ones_like, np.copy, np.tril, np.triu):
    BY_SHAPE[same] = [same]


CALLS = [(function, work) for function, row in BY_SHAPE.items() for work in row]


@pytest.mark.parametrize(("operation", "work"), CALLS)
def test_a_recorded_function_has_the_shape_that_numpy_gives_it(operation, work):
    done = work(X)
    assert done.operation is operation
    assert shape_of(done) == np.shape(work(SAMPLE))


def test_no_function_that_can_be_recorded_is_left_out():
    assert set(OPERATIONS) - set(BY_SHAPE) == {*(row.function for row in OWN), unbroadcast}  # their tests stand beside


def dtypes_for(row: Operation) -> list[Any]:
    """What is computed is taken for floating, as runs compute; truth values that are added up are counted."""
    if row.dtype == "float":
        return [float]
    return [float, int] if row.dtype == "alike" and row.kind != "arrangement" else [float, int, bool]


@pytest.mark.parametrize(
    ("function", "work", "dtype"), [(f, work, dtype) for f, work in CALLS for dtype in dtypes_for(OPERATIONS[f])]
)
def test_a_row_says_the_dtype_that_numpy_gives(function, work, dtype):
    expected = np.asarray(work(SAMPLE.astype(dtype))).dtype
    assert work(Symbol.leaf("x", (2, 3, "m"), dtype)).dtype == expected


def of_kind(*kinds: str) -> list[tuple[Any, Callable[..., Any]]]:
    return [(function, work) for function, work in CALLS if OPERATIONS[function].kind in kinds]


@pytest.mark.parametrize(("function", "work"), of_kind("entrywise"))
def test_what_works_entry_by_entry_does_not_care_where_an_entry_stands(function, work):
    order = np.random.default_rng(1).permutation(SAMPLE.shape[2])
    np.testing.assert_array_equal(work(SAMPLE[..., order]), work(SAMPLE)[..., order])


@pytest.mark.parametrize(("function", "work"), of_kind("view", "arrangement", "selection"))
def test_what_moves_entries_makes_no_number_of_its_own(function, work):
    zero = {0.0} if function in (np.diag, np.pad, np.tril, np.triu) else set()
    assert set(np.ravel(work(SAMPLE)).tolist()) <= set(SAMPLE.ravel().tolist()) | zero


@pytest.mark.parametrize(("function", "work"), of_kind("view"))
def test_a_view_lies_in_the_memory_of_its_operand(function, work):
    assert np.shares_memory(work(SAMPLE), SAMPLE)


@pytest.mark.parametrize(("function", "work"), of_kind("arrangement"))
def test_what_is_laid_elsewhere_has_memory_of_its_own(function, work):
    assert function is np.diag or not np.shares_memory(work(SAMPLE), SAMPLE)


@pytest.mark.parametrize(("function", "work"), of_kind("creation"))
def test_what_is_made_anew_depends_on_no_entry(function, work):
    np.testing.assert_array_equal(work(SAMPLE), work(-SAMPLE))


@pytest.mark.parametrize(("function", "work"), [(f, work) for f, work in of_kind("axis") if np.ndim(work(SAMPLE)) > 1])
def test_what_works_along_an_axis_treats_the_others_entry_by_entry(function, work):
    np.testing.assert_array_equal(work(SAMPLE[::-1]), work(SAMPLE)[::-1])


IN_SEVERAL_AT_ONCE = (np.concatenate, np.stack, np.einsum)
MAY_BE_LINEAR = of_kind("axis", "view", "arrangement", "selection", "product")


@pytest.mark.parametrize(
    ("function", "work"), [(f, work) for f, work in MAY_BE_LINEAR if OPERATIONS[f].dtype != "bool"]
)
def test_a_row_says_in_what_an_operation_is_linear(function, work):
    x, y = SAMPLE, np.random.default_rng(2).uniform(0.1, 0.9, SAMPLE.shape)
    once, twice = work(x) + work(y), work(x + y)
    same = np.shape(once) == np.shape(twice) and np.allclose(np.asarray(once, float), np.asarray(twice, float))
    assert same == (bool(OPERATIONS[function].linear) or function in IN_SEVERAL_AT_ONCE)


@pytest.mark.parametrize(
    "row", [row for row in OPERATIONS.values() if row.joins], ids=lambda row: row.function.__name__
)
def test_a_row_says_by_what_entries_are_joined(row: Operation):
    np.testing.assert_array_equal(row.function(SAMPLE, axis=1), row.joins.reduce(SAMPLE, axis=1))
    assert row.joins.reduce(X, axis=1).operation is row.function


@pytest.mark.parametrize(
    "row", [row for row in OPERATIONS.values() if row.textbook], ids=lambda row: row.function.__name__
)
def test_the_textbook_form_is_the_function(row: Operation):
    operands = [p for p in inspect.signature(row.function).parameters.values() if p.default is p.empty]
    arrays = [SAMPLE, SAMPLE[::-1]][: len(operands)]
    np.testing.assert_allclose(row.textbook(*arrays), row.function(*arrays), rtol=1e-13)
    symbols = [X, X][: len(operands)]
    assert row.textbook(*symbols).shape == row.function(*symbols).shape


# --- who asks for a row ----------------------------------------------------------------------------------------------


def loss_of(graph: cr.Graph) -> cr.Graph:
    last = graph.order[-1]
    return cr.Graph(cr.Sum(cr.Multiply(last, 2.0), name="total")) if last.shape else graph


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_operation_that_a_rule_records_has_a_row(name):
    program = record(loss_of(EXAMPLES[name].graph))
    recorded = {
        s.operation for s in program.steps if s.operation not in (None, pick) and not isinstance(s.operation, Call)
    }
    assert {function for function in recorded if operation(function) is None} == set()
    assert recorded or name in ("Input", "Parameter", "Constant")


def test_every_elementary_function_has_a_row():
    known = {row.function.__name__ for row in OWN}
    assert known == {*vocabulary.ELEMENTARY, *windowed.FUNCTIONS}


def test_a_ufunc_without_a_row_works_entry_by_entry():
    assert (np.arctanh(X).shape, np.arctanh(X).dtype, np.signbit(X).dtype) == (X.shape, float, bool)
    assert operation(np.vecdot) is operation(np.modf) is operation(np.partition) is None


def test_a_ufunc_of_python_objects_cannot_be_recorded():
    """Its result holds objects, which no plan can name; the rule that applies it is called as it is."""
    half = np.frompyfunc(lambda x: x / 2, 1, 1)
    assert operation(half) is None
    with pytest.raises(Untraceable):
        half(X)


def test_a_row_that_is_declared_is_recorded(monkeypatch):
    def shape(x):
        return x.shape[1:]

    for function in (np.sort, np.flip):
        monkeypatch.setitem(OPERATIONS, function, None)
        declare(Operation(function, "axis", shape))
    own = symbol.elementary("axis", shape)(lambda x: x[0])
    assert OPERATIONS[own].shape is OPERATIONS[np.sort].shape is shape
    assert (np.flip(X).shape, own(X).shape) == (X.shape[1:], X.shape[1:])
    OPERATIONS.pop(own)


NOT_RECORDED = {
    "array asarray": "NumPy makes an array of numbers itself and asks nobody; a Symbol has none",
    "float int": "Python asks for one number, which a Symbol does not have",
    "float32 float64 float_ double single int8 int16 int32 int64 int_ uint8 bool_": "types, which make numbers of an "
    "array; a rule writes x.astype(float)",
    "len": "answered at once, for an axis with a number",
    "abs true_divide amax amin identity": "other names that NumPy has for a function, recorded under the first",
    "fabs floor ceil rint trunc arctan2 hypot arcsinh arccosh arctanh fmax fmin": "ufuncs without a fact of their own",
    "size shape ndim": "answered at once, by a number or a dimension",
    "asanyarray ascontiguousarray": "as asarray",
    "average inner vdot tensordot norm trace nansum count_nonzero": "a rule writes the sums and the products out",
    "append vstack hstack dstack column_stack row_stack": "a rule writes np.concatenate",
    "flip fliplr flipud rot90 moveaxis atleast_2d": "a rule writes an index, and shapes are learned",
    "range": "Python's own numbers",
}


def test_what_a_formula_may_say_can_be_recorded():
    names = {function.__name__ for function in OPERATIONS}
    left_out = {name for names in NOT_RECORDED for name in names.split()}
    left_out |= set(activations.SPELLINGS) - names  # a learner's names; rules write np.maximum(z, 0) and z > 0
    assert set(vocabulary.FUNCTIONS) - names == left_out
    assert names - set(vocabulary.FUNCTIONS) == {"index", "number"}  # written x[key] and m


def test_other_names_are_recorded_under_the_first_and_questions_answered():
    assert (np.amax(X, axis=0).operation, np.amin(X).operation) == (np.max, np.min)
    same = np.identity(3, like=X)
    assert (same.operation, same.options, same.shape) == (np.eye, {"N": 3}, (3, 3))
    assert (np.shape(X), np.ndim(X), np.size(X)) == (X.shape, 3, X.size)


def test_what_cannot_be_said_without_data_is_refused():
    for work in (
        lambda: np.repeat(X, [1, 2], axis=0),
        lambda: np.repeat(X, X[0, 0, 0], axis=0),
        lambda: np.diag(X[0]),
        lambda: np.full((2, 3), X[0, 0, 0], like=X),
        lambda: np.size(X, 1),
        lambda: np.arange(2, 5, like=X),
    ):
        with pytest.raises(Untraceable):
            work()
    with pytest.raises(ShapeError, match="neither"):
        np.diag(X)


# --- nobody says it again --------------------------------------------------------------------------------------------

ITS_OWN = {
    "checking.analytic._DROPPING": "what is real of complex numbers, which the complex step cannot pass through",
    "core.translating._FOLDED": "arithmetic of constants that is done when nodes are built",
    "core.translating._INDEXED": "whose second operand is the key of an index",
    "core.translating._SIMPLER": "where a call is one of its operands",
    "derivation.algebra._ARITHMETIC": "how a product of factors is made of it",
    "derivation.algebra._EXACT": "what algebra leaves alone: a tie is decided by the last digit",
    "derivation.algebra._SLOPES": "what a derivation has a note about",
    "derivation.rearranged._RESHAPES": "what leaves the entries one behind the other as they were",
    "derivation.rearranged._RULES": "how arrangements that follow each other are one",
    "derivation.textbook._READ_AS": "forms that are shorter for some operands only",
    "interop.onnx_values.WRITTEN": "how ONNX writes a function",
    "judging.evaluator._MATRIX_PRODUCTS": "what a search for the mistake multiplies by",
    "plan.columns._BY_IMAGE": "functions of images, which stand along the first axis",
    "plan.columns._LAYS_AS_THEY_WERE": "arrangements in which columns never change places",
    "plan.columns._SAME_ORDER": "views told by the order of entries and not by axes",
    "plan.columns._SUMS": "sums that blocks of columns may hand on in parts",
    "plan.loop.by_hand._LOOPS": "which loops are written out by hand",
    "plan.loop.scalars._ALONG_AXIS": "implementations for single numbers",
    "plan.loop.scalars._OTHER_NAMES": "names of functions of single numbers",
    "plan.lifetimes._MAY_COPY": "where the printed NumPy cannot know whether memory is shared",
    "plan.numpy_source._OPERATORS": "signs of the printed NumPy",
    "program.calculus.rule_text._FREE": "what is as short as a name where a rule is written out",
    "core.other_functions._WRITTEN": "what to write where no node computes a function",
    "core.other_spellings._WRITTEN_WITH": "what a call to a node is written with",
    "plan.blas._CONVOLUTIONS": "what multiplies matrices inside",
    "plan.optimizing._MAY_CHANGE_NOTHING": "what the same shape and dtype makes superfluous",
    "plan.optimizing._OPENED": "implementations that share their parts",
    "plan.optimizing._UNDO": "what done twice is undone",
    "plan.row_blocks._EXACT": "what rounds alike wherever an entry stands",
}


def tables() -> Iterator[tuple[str, Any]]:
    """Every dict, set or row of functions that a module above the symbols holds, notations apart."""
    for found in pkgutil.walk_packages(cr.__path__, "chainrule."):
        if found.name.startswith(("chainrule.symbols", "chainrule.notation", "chainrule.__main__")):
            continue
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            if isinstance(value, dict | set | frozenset | tuple | list) and not name.startswith("__"):
                yield f"{found.name.removeprefix('chainrule.')}.{name}", value


def is_of_operations(table: Any) -> bool:
    return table is not OPERATIONS and any(callable(key) and _known(key) for key in table)


def _known(key: Any) -> bool:
    return not isinstance(key, type) and getattr(key, "__hash__", None) is not None and operation(key) is not None


def test_no_other_module_says_what_an_operation_is():
    assert {name for name, table in tables() if is_of_operations(table)} == set(ITS_OWN)


# --- tile, repeat, diag and new arrays in a rule ---------------------------------------------------------------------


class Twice(cr.Node):
    """Every row below all rows again."""

    def forward(self, x):
        return np.tile(x, (2, 1))

    def backward(self, grad, y, x):
        n = x.shape[0]
        return (grad[:n] + grad[n:],)


class Repeated(cr.Node):
    """Every row twice, one below the other."""

    def forward(self, x):
        return np.repeat(x, 2, axis=0)

    def backward(self, grad, y, x):
        return (np.stack([grad[::2], grad[1::2]]).sum(axis=0),)


class Scaled(cr.Node):
    """diag(s) x + 1: a scale for every row."""

    def forward(self, x, s):
        return np.diag(s) @ x + np.ones((3, x.shape[1]), x.dtype, like=x)

    def backward(self, grad, y, x, s):
        return np.diag(s) @ grad, np.diag(grad @ x.T)


class Centered(cr.Node):
    """x - mean, by the matrix I - 1/n that does it."""

    def forward(self, x):
        n = x.shape[0]
        return (np.eye(n, dtype=x.dtype, like=x) - np.full((n, n), 1 / n, x.dtype, like=x)) @ x

    def backward(self, grad, y, x):
        return (grad - grad.mean(axis=0, keepdims=True),)


class Counted(cr.Node):
    """Every column times its number."""

    def forward(self, x):
        return x * np.arange(x.shape[1], dtype=x.dtype, like=x)

    def backward(self, grad, y, x):
        return (grad * np.arange(x.shape[1], dtype=x.dtype, like=x),)


ROWS = {"x": (3, "m"), "s": (3,)}
GRAPHS = {
    kind.__name__: cr.Graph(
        cr.Sum(cr.Square(kind(*(cr.Parameter(name, ROWS[name]) for name in leaves), name="y")), name="L")
    )
    for kind, leaves in ((Twice, "x"), (Repeated, "x"), (Scaled, "xs"), (Centered, "x"), (Counted, "x"))
}
FEEDS = {"x": SAMPLE[0, :, :4] - 0.4, "s": np.array([0.5, -1.5, 2.0])}


def fed(graph: cr.Graph) -> dict[str, Any]:
    return {leaf.name: FEEDS[leaf.name] for leaf in graph.order if isinstance(leaf, cr.Parameter)}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_rule_with_such_a_function_has_a_shape_a_formula_and_entries(name):
    graph = GRAPHS[name]
    graph.check_gradients(fed(graph))
    run = graph.forward(fed(graph))
    run.backward()
    assert shape_with(graph["y"].shape, m=4) == run["y"].shape
    derivation = graph.derivation()
    assert str(derivation["dy"]) == "2 * y"
    scope = {"np": np, "m": 4, **run.values, **{f"d{key}": value for key, value in run.gradients.items()}}
    for line in ("y", "dx"):
        text = str(derivation[line])
        np.testing.assert_allclose(eval(text, scope), run[line], atol=1e-14)  # noqa: S307 — the engine's own text
        entries = derivation.entries(line, m=4)
        numbers = [[eval(entry, scope) for entry in row] for row in np.asarray(entries_of(entries))]  # noqa: S307 — same
        np.testing.assert_allclose(numbers, run[line], atol=1e-14)
    for text in (derivation.unicode(), derivation.latex(), derivation.mathml()):
        assert "function" not in text
        assert "<class" not in text


def shape_with(shape: Any, m: int) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) else size.evaluate({"m": m}) for size in shape)


def entries_of(entries: Any) -> list[list[str]]:
    rows, columns = entries.array.shape
    return [[entries[i, j] for j in range(columns)] for i in range(rows)]


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", GRAPHS)
def test_a_rule_with_such_a_function_has_a_plan(name, backend):
    if backend == "numba":
        pytest.importorskip("numba")
    graph = GRAPHS[name]
    for dtype in (float, np.float32):
        feeds = {key: value.astype(dtype) for key, value in fed(graph).items()}
        plan = graph.compile(backend=backend)
        loss, gradients = plan(feeds)
        plan({key: 0 * value for key, value in feeds.items()})  # which writes to no memory that has been handed out
        run = graph.forward(feeds)
        run.backward()
        tolerance = 1e-12 if dtype is float else 1e-5
        np.testing.assert_allclose(loss, run["L"], rtol=tolerance)
        for key, gradient in gradients.items():
            assert gradient.dtype == dtype
            np.testing.assert_allclose(gradient, run.gradients[key], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", GRAPHS)
def test_such_a_plan_of_many_columns_computes_what_a_run_does(name):
    graph = GRAPHS[name]
    feeds = {**fed(graph), "x": np.random.default_rng(4).normal(size=(3, 200_000))}
    loss, gradients = graph.compile()(feeds)
    run = graph.forward(feeds)
    run.backward()
    np.testing.assert_allclose(loss, run["L"], rtol=1e-12)
    for key, gradient in gradients.items():
        np.testing.assert_allclose(gradient, run.gradients[key], rtol=1e-9)


def test_columns_that_are_counted_meet():
    with pytest.raises(Unsplittable, match="counts the columns"):
        split(record(GRAPHS["Counted"]).only(gradients=["x"]))
    assert split(record(GRAPHS["Scaled"]).only(gradients=["x", "s"])).name == "m"


def test_a_tiled_value_reads_as_people_write_it():
    y = Twice(cr.Parameter("x", (2, "m")), name="y")
    derivation = cr.Graph(cr.Sum(cr.Square(y), name="L")).derivation()
    assert str(y.shape) == "(4, m)"
    assert [str(derivation[line]) for line in ("y", "dy", "dx")] == [
        "np.tile(x, reps=(2, 1))",
        "2 * y",
        "dy[:2] + dy[2:]",
    ]
    assert derivation["y"].unicode == "y = tile(x, reps=(2, 1))"
