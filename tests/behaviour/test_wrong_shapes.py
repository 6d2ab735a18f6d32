"""Shapes that do not fit are refused where a node is built; where only data tells, a run and its plan say the same."""

import random
from collections import Counter
from typing import Any

import numpy as np
import pytest
from node_rows import ROWS
from node_values import Row, Shape

import chainrule as cr
from chainrule.errors import ChainruleError, ShapeError

OF_DATA = ("out of bounds", "empty", "zero-size")  # indices that are fed, and the largest of nothing


def _wrong(shape: Shape, rng: random.Random) -> Shape:
    """A shape with another size, an axis less or more, its axes in another order, or none at all."""
    sizes, way = list(shape), rng.randrange(6)
    if way == 0:
        sizes.insert(rng.randint(0, len(sizes)), rng.choice([1, 2, 3]))
    elif way == 1:
        rng.shuffle(sizes)
    elif way == 2:
        sizes = []
    elif sizes:
        place = rng.randrange(len(sizes))
        sizes[place : place + 1] = [] if way == 3 else [rng.choice([0, 1]) if way == 4 else sizes[place] + 1]
    return tuple(sizes)


def _named(shapes: list[Shape], rng: random.Random) -> list[Any]:
    """The shapes with a name for one of the sizes, in some of the places where it stands."""
    name = rng.choice(sorted({size for shape in shapes for size in shape}) or [None])
    return [tuple("m" if size == name and rng.random() < 0.7 else size for size in shape) for shape in shapes]


def _outcome(compute: Any) -> Any:
    try:
        return compute()
    except ChainruleError as error:
        return f"{type(error).__name__}: {error.what}"


def _told(row: Row, shapes: list[Shape], declared: list[Any], facts: Any, counted: Counter[str]) -> str:
    """What is wrong with a node of these shapes; "" where it is refused at once, or run and plan agree on it."""
    arrays = [np.asarray(draw(np.random.default_rng(0), s)) for draw, s in zip(row.samplers, shapes, strict=False)]
    leaves = [
        cr.Parameter(f"x{k}", said) if array.dtype.kind == "f" else cr.Input(f"x{k}", said, dtype=array.dtype)
        for k, (said, array) in enumerate(zip(declared, arrays, strict=True))
    ]
    try:
        y = row.kind(*leaves, **facts, name="y")
    except ChainruleError:
        counted["refused"] += 1
        return ""
    graph = cr.Graph(cr.Sum(y if y.dtype.kind == "f" else cr.AsType(y), name="L"))
    feeds = {leaf.name: array for leaf, array in zip(leaves, arrays, strict=True)}

    def run() -> Any:
        found = graph.forward(feeds)
        return found["L"], found.backward()

    of_run, of_plan = _outcome(run), _outcome(lambda: graph.compile()(feeds))
    counted[type(of_run).__name__] += 1
    if isinstance(of_run, str) or isinstance(of_plan, str):
        late = not any("m" in said for said in declared) and not any(said in str(of_run) for said in OF_DATA)
        return f"{of_run} | {of_plan}" if str(of_run) != str(of_plan) or late else ""
    alike = np.allclose(of_run[0], of_plan[0], rtol=1e-9, atol=1e-9, equal_nan=True)  # sums in another order
    return "" if alike else f"{of_run[0]} | {of_plan[0]}"


def test_shapes_that_do_not_fit_are_refused_where_a_node_is_built() -> None:
    rng, counted, found = random.Random(7), Counter[str](), []
    for _ in range(500):
        row = rng.choice(ROWS)
        case = rng.choice(row.cases)
        shapes = list(case.shapes)
        place = rng.randrange(len(shapes))
        shapes[place] = _wrong(shapes[place], rng)
        declared = _named(shapes, rng) if rng.random() < 0.4 else [*shapes]
        if said := _told(row, shapes, declared, case.facts, counted):
            found.append(f"{row.kind.__name__} {declared} of {shapes}, {dict(case.facts)}: {said}")
    assert not found, "\n".join(found[:20])
    assert counted["refused"] >= 100
    assert counted["tuple"] >= 200


ids = cr.Input("ids", (4,), dtype=int)


@pytest.mark.parametrize(
    "build",
    [
        lambda: cr.ScatterAdd(cr.Input("table", (2, "m")), ids, cr.Input("rows", (5, 3))),
        lambda: cr.TakeAlong(cr.Input("x", (2, 3)), cr.Input("at", (2, 3, 1), dtype=int)),
        lambda: cr.FullLike(cr.Input("x", (2, 1)), cr.Input("v", (3,))),
        lambda: cr.Attention(*map(cr.Input, "qkv", [(1, 4), (3, 4), (3, 2)]), np.tri(5, 3) > 0),
        lambda: cr.BroadcastTo(cr.Input("x", (2, 3)), to=(1, 3)),
        lambda: cr.Index(cr.Input("x", (2, 3)), key=[0, 2]),
    ],
)
def test_a_shape_that_fits_nowhere_is_refused_where_the_node_is_built(build: Any) -> None:
    with pytest.raises(ShapeError):
        build()


def test_what_is_added_broadcasts_and_its_gradient_comes_back_in_its_shape() -> None:
    table, step = cr.Parameter("table", (2, 5)), cr.Parameter("step", (2, 1))
    graph = cr.Graph(cr.Sum(cr.Square(cr.ScatterAdd(table, [1, 1, 3], step, name="y")), name="L"))
    cr.check_node(cr.ScatterAdd, np.ones((2, 5)), np.array([1, 1, 3]), np.ones((2, 1)))
    feeds = {"table": np.zeros((2, 5)), "step": np.array([[1.0], [2.0]])}
    assert graph.forward(feeds).backward()["step"].tolist() == [[10.0], [20.0]]  # 2 (2 · 2 + 1) of each step
    assert graph.compile()(feeds)[1]["step"].tolist() == [[10.0], [20.0]]


def test_the_largest_of_fewer_than_are_asked_for_is_refused_by_a_plan_too() -> None:
    x = cr.Parameter("x", (3, "m"))
    top = cr.TopK(x, k=2, axis=1, name="top")
    assert str(top.shape) == "(3, 2)"
    graph = cr.Graph(cr.Sum(top, name="L"))
    plan = graph.compile()
    assert plan({"x": np.arange(12.0).reshape(3, 4)})[0] == 39
    with pytest.raises(ChainruleError, match="of 1 entries the 2 largest cannot be taken"):
        plan({"x": np.ones((3, 1))})


def test_nothing_is_standardized_to_nothing_without_a_warning() -> None:
    for shape, axis in (((0, 3), 1), ((4, 0), 0)):
        x = cr.Parameter("x", shape)
        run = cr.Graph(cr.Sum(cr.LayerNorm(x, axis=axis, name="n"))).forward({"x": np.ones(shape)})
        assert run["n"].shape == run.backward()["x"].shape == shape
