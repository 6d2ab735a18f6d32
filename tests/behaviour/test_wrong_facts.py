"""A fact that no run could work with is refused where it is written: in every class, by its own error."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from node_rows import ROWS, examples
from node_values import Case, Row

import chainrule as cr
from chainrule.core.node import _known_facts
from chainrule.errors import ChainruleError

WRONG: tuple[Any, ...] = (
    *(-1, 0, 2, -7, 1.5, np.nan, np.inf, 10**20, np.int64(0), np.float64(-1), True, np.False_, None, 1j),
    *("Q", "fed", b"x", [], (), (1, 1), (-1, -2), [0, [1]], {}, {"a": 1}, {0}, slice(None), np.ones(3) > 0, Ellipsis),
    *(np.array([1.0, -2.0]), (None,), ("a",), object(), len),
)
"""Numbers of every kind, and much that is none."""


def _of_two_axes(row: Row) -> Case:
    return next((c for c in row.cases if all(len(s) > 1 and np.prod(s) for s in c.shapes[:1])), row.cases[0])


def _outcome(row: Row, case: Case, fact: str, wrong: Any) -> str:
    """What is wrong with a fact of this kind; "" where it is refused, or all that it is asked for works."""
    arrays = examples(row, case)
    leaves = [
        cr.Parameter(f"x{k}", x.shape) if x.dtype.kind == "f" else cr.Input(f"x{k}", x.shape, dtype=x.dtype)
        for k, x in enumerate(arrays)
    ]
    try:
        graph = cr.Graph(row.kind(*leaves, **{**case.facts, fact: wrong}, name="y"))
    except ChainruleError as error:
        return "" if row.kind.__name__ in str(error) else f"names no class: {error}"
    run = graph.forward({f"x{k}": x for k, x in enumerate(arrays)})
    if graph["y"].shape != run["y"].shape:
        return f"{graph['y'].shape} was said, and {run['y'].shape} came"
    if run["y"].dtype.kind == "f":
        run.backward(seed=np.ones_like(run["y"]))
    return ""


def _told(row: Row, case: Case) -> Iterator[str]:
    for fact in _known_facts(row.kind):
        for wrong in WRONG:
            try:
                said = _outcome(row, case, fact, wrong)
            except Exception as error:
                said = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            if said:
                yield f"{row.kind.__name__}({fact}={wrong!r}): {said}"


def test_what_is_built_with_a_fact_of_any_kind_runs() -> None:
    rows = {row.kind: row for row in ROWS}.values()
    found = [said for row in rows for said in _told(row, _of_two_axes(row))]
    assert not found, "\n".join(found[:20])


x, y = cr.Input("x", (3, "m")), cr.Input("y", (3, "m"))


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: cr.HuberLoss(x, y, delta=-1), "HuberLoss: delta=-1 is not a number above 0"),
        (lambda: cr.Repeat(x, repeats=-1), "Repeat: repeats=-1 is not a whole number from 0 on"),
        (lambda: cr.LayerNorm(x, epsilon=-1), "LayerNorm: epsilon=-1 is not a finite number from 0 on"),
        (lambda: cr.HingeLoss(x, y, reduction="average"), "is text, where one of 'mean', 'sum', 'none' belongs"),
        (lambda: cr.LeakyReLU(x, slope=x.shape[1]), "LeakyReLU: slope=m is not a finite number"),
        (lambda: x["a"], "key='a' has text in it"),
        (lambda: cr.Index(x, key=np.array([True, False])), "a mask of shape (2,) does not fit the sizes (3,)"),
        (lambda: cr.BroadcastTo(x, to=(-1, 2)), "BroadcastTo: to=(-1, 2) is no shape"),
        (lambda: cr.BroadcastTo(x), "BroadcastTo stretches to a shape"),
        (lambda: cr.Reshape(x, to=("n", -1)), "no input tells the number of n"),
        (lambda: cr.Einsum(x, subscripts="ij->ik"), "k is no axis of an operand"),
        (lambda: cr.Softmax(x, axis=2), "axis 2 is out of bounds"),
    ],
)
def test_a_wrong_fact_is_told_where_it_is_written(build: Any, said: str) -> None:
    with pytest.raises(ChainruleError) as caught:
        build()
    assert said in str(caught.value)


def test_flags_and_whole_numbers_of_numpy_are_taken() -> None:
    run = cr.Graph(cr.Sum(x, axis=np.int32(0), keepdims=np.True_, name="s")).forward({"x": np.ones((3, 2))})
    assert run["s"].tolist() == [[3.0, 3.0]]
    assert x[[]].shape == (0, "m") or str(x[[]].shape) == "(0, m)"


def test_a_class_of_somebody_with_an_annotation_of_its_own_takes_what_it_likes() -> None:
    class Scale(cr.Node):
        by: "Elsewhere" = 2.0  # noqa: F821 — such as a name that only type checkers import

        def forward(self, x: Any) -> Any:
            return self.by * x

        def backward(self, grad: Any, y: Any, x: Any) -> Any:
            return (self.by * grad,)

    assert Scale(x, by=np.array([[1.0], [2], [3]])).shape == x.shape
