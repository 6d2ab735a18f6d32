"""Every public function of NumPy, and every method of its arrays, on nodes: the right node, or what to write."""

import functools
import inspect

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, ChainruleError, ShapeError

SHAPES = [(), (3,), (2, 3), (3, 3), (2, 3, 4)]

# A way to call something with two values x and y of one shape: by position, by keyword, in a list.
CALLS = {
    "x": lambda x, y: ((x,), {}),
    "x, y": lambda x, y: ((x, y), {}),
    "x, x, y": lambda x, y: ((x, x, y), {}),
    "x > 0.5, x, y": lambda x, y: ((x > 0.5, x, y), {}),
    "x > 0.5, x": lambda x, y: ((x > 0.5, x), {}),
    "0, x": lambda x, y: ((0, x), {}),
    "x, 0, 1": lambda x, y: ((x, 0, 1), {}),
    "x, 0.3, 0.5": lambda x, y: ((x, 0.3, 0.5), {}),
    "x, None, 0.5": lambda x, y: ((x, None, 0.5), {}),
    "x, y, axis=0": lambda x, y: ((x, y), {"axis": 0}),
    "x, y, axes=1": lambda x, y: ((x, y), {"axes": 1}),
    "x, y, axes=pairs": lambda x, y: ((x, y), {"axes": ([0], [0])}),
    "x, 0, ddof=1": lambda x, y: ((x, 0), {"ddof": 1}),
    "x, indices, axis=1": lambda x, y: ((x, np.array([[0, 1], [1, 0]])), {"axis": 1}),
    "x, 1, mode=constant": lambda x, y: ((x, 1), {"mode": "constant"}),
    **{f"x, {fact}": lambda x, y, fact=fact: ((x, fact), {}) for fact in (0, 1, 2, -1, (1, 0), (-1,), (2, 3, 3))},
    "x, list": lambda x, y: ((x, [0, 0]), {}),
    "x, array": lambda x, y: ((x, np.array([1, 0])), {}),
    **{
        f"x, {facts}": lambda x, y, facts=facts: ((x,), facts)
        for facts in (
            {"axis": 0}, {"axis": -1}, {"axis": None}, {"axis": (0, 1)}, {"keepdims": True},
            {"axis": 0, "keepdims": True}, {"ddof": 1}, {"dtype": np.float32}, {"initial": 2.0}, {"shape": (3, 3)},
            {"k": 1}, {"a_min": 0.3, "a_max": 0.5}, {"min": 0.3, "max": 0.5}, {"min": 0.3}, {"out": None}, {"ord": 1},
            {"ord": 2, "axis": 0}, {"order": "F"}, {"decimals": 1}, {"offset": 1}, {"mode": "clip"},
        )
    },
    "x, where=": lambda x, y: ((x,), {"where": np.ones(np.shape(x), bool)}),
    "x, weights=y": lambda x, y: ((x,), {"weights": y}),
    "[x, y]": lambda x, y: (([x, y],), {}),
    "(x, y)": lambda x, y: (((x, y),), {}),
    "[x, y], axis=1": lambda x, y: (([x, y],), {"axis": 1}),
    "[x, y], -1": lambda x, y: (([x, y], -1), {}),
    "[x, y], axis=None": lambda x, y: (([x, y],), {"axis": None}),
    **{
        f"{text}, x, y": lambda x, y, text=text: ((text, *(x, y)[: 1 + text.count(",")]), {})
        for text in ("ij,kj->ik", "ij", "ii", "...i->...", "ij,jk", "ij->ji", "ij,ij->")
    },
}  # fmt: skip

# These take no node and give no wrong number: files, buffers, settings, and what asks for a type or its name.
NOT_OF_VALUES = {
    "bmat", "fromfile", "frombuffer", "fromiter", "fromregex", "fromstring", "genfromtxt", "info", "load", "loadtxt",
    "mintypecode", "printoptions", "save", "savetxt", "savez", "savez_compressed", "set_printoptions", "test",
    "from_dlpack",
}  # fmt: skip
SWALLOWED = {"array_equal", "array_equiv"}  # of lists of nodes: NumPy catches every error there and says False
QUESTIONS = {"shape", "ndim", "size", "iterable", "isscalar"}
OF_A_NODE_TOO = {"shape", "ndim", "size", "dtype"}


def public(module):
    found = {name: getattr(module, name) for name in dir(module) if name[0] != "_" and name not in NOT_OF_VALUES}
    return {name: f for name, f in found.items() if callable(f) and not inspect.isclass(f) and name not in SWALLOWED}


def both(shape):
    """Two arrays, two nodes, and the feeds that make them equal."""
    arrays = [np.asarray(np.random.default_rng(k).uniform(0.2, 0.9, shape)) for k in (0, 1)]
    nodes = [cr.Parameter(name, shape) for name in "pq"]
    return arrays, nodes, dict(zip("pq", arrays, strict=True))


def compared(expected, call, feeds, precise=True):
    """What a call with nodes gives, held against what it gives with arrays: built, refused, or a fault in words."""
    try:
        got = call()
    except ChainruleError as error:
        return "refused" if error.remedy else f"refused, and nothing to write: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    several = isinstance(got, (list, tuple))
    for node, value in zip(got, expected, strict=True) if several else [(got, expected)]:
        if not isinstance(node, cr.Node):
            same = type(node) is type(value) or np.shape(node) == np.shape(value)
            return "built" if same and np.all(node == value) else f"{node!r} is no node"
        run = cr.Graph(node).forward({name: feeds[name] for name in cr.Graph(node).names if name in feeds})[node]
        if np.shape(run) != np.shape(value) or node.shape != np.shape(value):
            return f"shape {node.shape}, in a run {np.shape(run)}, and not {np.shape(value)}"
        if not np.allclose(run, value, rtol=1e-13 if precise else 1e-6, atol=1e-14, equal_nan=True):
            return f"{run} and not {value}"
    return "built"


def swept(functions, shape):
    """For every function and every way to call it that arrays know: what nodes make of it."""
    found = {}
    (x, y), nodes, feeds = both(shape)
    for name, function in functions.items():
        for call, arguments in CALLS.items():
            args, kwargs = arguments(x.copy(), y.copy())
            try:
                with np.errstate(all="ignore"):
                    expected = function(*args, **kwargs)
            except Exception:
                continue
            of_nodes, facts = arguments(*nodes)
            called = functools.partial(function, *of_nodes, **facts)
            found[f"{name}({call})"] = compared(expected, called, feeds, precise=name != "astype")
    return found


@pytest.mark.filterwarnings("ignore")  # NumPy's own, about what is old or comes to no number
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("module", [np, np.linalg, np.fft], ids=lambda module: module.__name__)
def test_a_function_of_numpy_builds_the_right_node_or_says_what_to_write(module, shape):
    found = swept(public(module), shape)
    faults = {call: said for call, said in found.items() if said not in ("built", "refused")}
    answers = {call for call in faults if call.partition("(")[0] in QUESTIONS or "real_if_close" in call}
    assert {call: said for call, said in faults.items() if call not in answers} == {}
    if module is np:
        assert sum(said == "built" for said in found.values()) > 150


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_method_of_arrays_builds_the_right_node_or_says_what_to_write(shape):
    (x, y), (p, q), feeds = both(shape)
    faults = {}
    for name in dir(np.ndarray):
        if name[0] == "_" or name in OF_A_NODE_TOO | {"tofile", "dump"} or (name == "mT" and len(shape) < 2):
            continue
        ways = {call: (of(x, y), of(p, q)) for call, of in CALLS.items() if call[0] == "x"} | {"x, float": None}
        for call, given in ways.items():
            (args, facts), (nodes, _) = given or (((x, float), {}), ((p, float), {}))
            try:
                expected = getattr(x.copy(), name)
                expected = expected(*args[1:], **facts) if callable(expected) else expected
            except Exception:
                continue

            def called(name=name, nodes=nodes, facts=facts):
                found = getattr(p, name)
                return found(*nodes[1:], **facts) if callable(found) and not isinstance(found, cr.Node) else found

            said = compared(expected, called, feeds, precise=name != "astype")
            if said not in ("built", "refused"):
                faults[f".{name}({call})"] = said
    assert faults == {}


@pytest.mark.parametrize(
    "written",
    [
        lambda a, b: divmod(a, 0.4),
        lambda a, b: divmod(2.0, a),
        lambda a, b: np.vstack([np.ones((1, 3)), a]),
        lambda a, b: np.hstack((a, np.ones((2, 1)))),
        lambda a, b: np.outer(a[0], b[1]),
        lambda a, b: np.inner(a, b[0]),
        lambda a, b: np.tensordot(a, b, axes=([1], [1])),
        lambda a, b: np.linalg.multi_dot([a, b.T, a]),
        lambda a, b: np.moveaxis(np.stack([a, b]), [0, 2], [-1, 0]),
        lambda a, b: np.average(a, axis=1, weights=b),
        lambda a, b: np.append(a, b, axis=0),
        lambda a, b: np.trace(a @ b.T),
        lambda a, b: a.clip(min=0.5) * b.clip(max=0.5) * np.clip(a, None, 0.7),
        lambda a, b: np.linalg.norm(a, axis=1, keepdims=True) * np.linalg.norm(b) * np.linalg.norm(a[0], 1),
        lambda a, b: np.flip(a, 1) * np.flipud(b) * a.round(2),
        lambda a, b: round(np.sum(a), 2),
        lambda a, b: np.round(10 * a, 1),
        lambda a, b: a.reshape(3, 2).sum(0),
        lambda a, b: np.split(a, 3, axis=1)[2] + np.vsplit(b, 2)[0] * np.hsplit(b, [1])[1][:, 1:],
        lambda a, b: np.array_split(a, 2, axis=1)[0] * np.array_split(b, 2, axis=-1)[1],
        lambda a, b: np.diff(np.diff(a), axis=0) + np.diff(b, 2),
        lambda a, b: np.average(a, axis=-1, weights=b[0]) + np.average(a, 0, [1.0, 3.0])[:2],
        lambda a, b: a.var(ddof=1) + a.std(0, ddof=1) * np.std(b, axis=1, ddof=1, keepdims=True),
        lambda a, b: np.stack([a, b, a]).mT @ np.dstack([a, b]).transpose(2, 0, 1)[:1],
        lambda a, b: np.diagonal(a @ b.T) + (a @ b.T).diagonal(),
        lambda a, b: a[:, ::-1] * a[..., None].squeeze() * a[[0, 1]] * a[np.array([True, True])],
    ],
)
def test_what_networks_write_comes_out_as_of_arrays(written):
    arrays, nodes, feeds = both((2, 3))
    assert compared(written(*arrays), lambda: written(*nodes), feeds) == "built"


# What another function does in the place of one that no node computes, as its remedy has it.
REPLACED = {
    "fmax": 2, "fmin": 2, "trunc": 1, "fix": 1, "cbrt": 1, "copysign": 2, "logaddexp2": 2, "nansum": 1, "nanmean": 1,
    "nanmax": 1, "nanmin": 1, "rot90": 1, "diagflat": 1, "nan_to_num": 1, "hypot": 2,
}  # fmt: skip


@pytest.mark.parametrize("name", REPLACED)
def test_what_is_to_be_written_in_the_place_of_a_function_computes_it(name):
    function, (arrays, nodes, feeds) = getattr(np, name), both((2, 3))
    arrays, nodes = arrays[: REPLACED[name]], nodes[: REPLACED[name]]
    with pytest.raises(ArgumentError) as caught:
        function(*nodes)
    written = functools.partial(eval, caught.value.remedy, {"np": np}, dict(zip("xy", nodes, strict=False)))
    assert compared(function(*arrays), written, feeds) == "built"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda x: x << 1, "class LeftShift(cr.Node)"),
        (lambda x: 2 >> x, "class RightShift(cr.Node)"),
        (lambda x: x.reshape((6,), order="F"), "order"),
        (lambda x: np.vstack([x, x], dtype=float), "dtype"),
        (lambda x: np.round(x, out=np.zeros((2, 3))), "cannot write into an array"),
        (lambda x: np.average(x, weights=np.ones(2)), "with that axis named"),
        (lambda x: np.average(x, axis=0, weights=np.ones(3)), "with that axis named"),
        (lambda x: np.sum(x, where=x > 0), "np.where(mask, x, 0.0) before it"),
        (lambda x: x.mean(dtype=float), "x.astype(dtype)"),
        (lambda x: np.max(x, initial=0), "np.maximum(result, value)"),
        (lambda x: np.where(x > 0), "np.where(mask, a, b)"),
        (lambda x: np.add.accumulate(x), "np.cumsum(x, axis=0)"),
        (lambda x: np.multiply.outer(x[0], x[1]), "np.outer(x, y)"),
        (lambda x: np.exp(x, where=x > 0), "np.exp(x) alone"),
        (lambda x: np.diagonal(x, 1), "x[rows, columns]"),
        (lambda x: np.tril(x[0]), "axis"),
        (lambda x: np.cumsum(x.sum(), axis=0), "a number has none"),
        (lambda x: np.split(x, 2, axis=1), "split(x, [...], axis=...)"),
    ],
)
def test_what_is_refused_says_what_to_write(call, said):
    with pytest.raises((ArgumentError, ShapeError)) as caught:
        call(cr.Parameter("x", (2, 3)))
    assert said in str(caught.value)
