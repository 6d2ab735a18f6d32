"""What people feed the engine by mistake: each fault costs a clear message and nothing else, or is harmless.

Every test is a fault in words with its outcome in words, recorded as the properties ``fault`` and ``outcome`` of the
test (and ``way`` where a run and a plan were tried), so that
``pytest tests/behaviour/test_bad_input.py --junitxml=FILE`` is the table. Messages are compared
whole; only the place of a line of code is masked.
"""

from __future__ import annotations

import itertools
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.commands import cli
from chainrule.commands.loading import load_graph
from chainrule.drawing import rendering
from chainrule.errors import ChainruleError
from chainrule.interop.npz import load_feeds
from nets.training import SGD, train

Row = Any  # what pytest.param returns


def row(fault: str, outcome: str, *values: Any) -> Row:
    """One line of the table: a fault and its outcome in words, and what the test needs."""
    return pytest.param((fault, outcome), *values, id=fault)


def shown(fault: str, outcome: str) -> pytest.MarkDecorator:
    """A test that is one line of the table."""
    return pytest.mark.parametrize("fault", [row(fault, outcome)], indirect=True)


def table(names: str, rows: list[Row]) -> pytest.MarkDecorator:
    """A test that is run for several lines of the table."""
    return pytest.mark.parametrize(("fault", *names.split()), rows, indirect=["fault"])


@pytest.fixture(autouse=True)
def fault(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    """Writes the line of the table down; a test without one fails here."""
    said, outcome = request.param
    record_property("fault", said)
    record_property("outcome", outcome)


def masked(error: BaseException) -> str:
    """The whole message, with every line of code as LINE."""
    here = str(Path(__file__).parents[2])  # which may have a blank in it
    return re.sub(r"[^\s;,]+\.py:\d+", "LINE", str(error).replace(here, ""))


def refusal(call: Callable[[], Any]) -> str:
    """The class and the whole message of what a call raises; anything but an error of chainrule is a failure."""
    with pytest.raises(ChainruleError) as caught:
        call()
    return f"{type(caught.value).__name__}: {masked(caught.value)}"


# --- building --------------------------------------------------------------------------------------------------------

X = cr.Input("X", (2, "m"))


def cycle() -> cr.Graph:
    first = cr.Exp(X, name="first")
    second = cr.Sin(first, name="second")
    first.__dict__["inputs"] = (second,)
    return cr.Graph(second)


def selfish() -> cr.Graph:
    node = cr.Exp(X, name="a")
    node.__dict__["inputs"] = (node,)
    return cr.Graph(node)


BUILDING = [
    row(
        "a cycle forced by mutation",
        "refused: CycleError, which shows the cycle",
        cycle,
        "CycleError: a node feeds itself\n"
        "  where: Sin 'second', built at LINE\n"
        "  given: Sin second → Exp first → Sin second\n"
        "  try:   build new nodes; never change one",
    ),
    row(
        "a node that is made to feed itself",
        "refused: CycleError, which shows the cycle",
        selfish,
        "CycleError: a node feeds itself\n"
        "  where: Exp 'a', built at LINE\n"
        "  given: Exp a → Exp a\n"
        "  try:   build new nodes; never change one",
    ),
    row(
        "an attribute of a node set",
        "refused: ArgumentError",
        lambda: setattr(X, "shape", (3, "m")),
        "ArgumentError: a node never changes, so 'shape' cannot be set\n"
        "  where: Input 'X', built at LINE\n"
        "  try:   build another node; a fact is annotated on the class ('shape: float = 1.0') and given by keyword",
    ),
    row(
        "one name for two nodes",
        "refused: NameConflictError, which shows both lines",
        lambda: cr.Graph(cr.Add(cr.Exp(X, name="a"), cr.Sin(X, name="a"))),
        "NameConflictError: two nodes are called 'a'\n"
        "  where: Exp 'a', built at LINE; Sin 'a', built at LINE\n"
        "  try:   give each node a name of its own",
    ),
    row(
        "an empty name",
        "refused: ArgumentError",
        lambda: cr.Input("", (2, "m")),
        "ArgumentError: a name is a text that is not empty, not ''\n  where: LINE\n  try:   any text, such as 'W1'",
    ),
    row(
        "a number for a name",
        "refused: ArgumentError",
        lambda: cr.Exp(X, name=3),  # type: ignore[arg-type]  # wrong on purpose
        "ArgumentError: a name is a text that is not empty, not 3\n  where: LINE\n  try:   any text, such as 'W1'",
    ),
    row(
        "an unknown node of a graph",
        "refused: UnknownNameError with did-you-mean",
        lambda: cr.Graph(cr.Exp(X, name="Z1"))["Z_1"],
        "UnknownNameError: this graph has no node 'Z_1' (did you mean 'Z1'?)\n  try:   its nodes are X, Z1",
    ),
    row(
        "too few inputs of a node",
        "refused: ArgumentError",
        lambda: cr.MatMul(X),
        "ArgumentError: MatMul takes 2 inputs (x, y), not 1\n"
        "  where: LINE\n"
        "  try:   values are positional, facts such as axis= are keywords",
    ),
    row(
        "too many inputs of a node",
        "refused: ArgumentError",
        lambda: cr.Sum(X, 1),
        "ArgumentError: Sum takes 1 input (x), not 2\n"
        "  where: LINE\n"
        "  try:   Sum(x, axis=1): values are positional, facts are keywords",
    ),
    row(
        "an unknown fact of a node",
        "refused: ArgumentError with did-you-mean",
        lambda: cr.Sum(X, axes=1),
        "ArgumentError: Sum has no fact 'axes' (did you mean 'axis'?)\n"
        "  where: LINE\n"
        "  try:   facts of Sum: axis, keepdims",
    ),
    row(
        "text in the place of a node",
        "refused: ArgumentError",
        lambda: X + "W1",  # type: ignore[operator]  # wrong on purpose
        "ArgumentError: Add takes nodes, numbers and arrays, not 'W1'\n  where: LINE\n  try:   Input('W1', shape=...)",
    ),
    row(
        "None in the place of a node",
        "refused: ArgumentError",
        lambda: cr.Add(X, None),  # type: ignore[arg-type]  # wrong on purpose
        "ArgumentError: Add takes nodes, numbers and arrays, not None\n"
        "  where: LINE\n"
        "  try:   a node, a number or an array",
    ),
    row(
        "a complex constant",
        "refused: ArgumentError",
        lambda: X * 1j,
        "ArgumentError: a Constant is a number or an array of real numbers, not complex\n"
        "  where: Constant, built at LINE\n"
        "  given: dtype complex128\n"
        "  try:   numbers; data of other kinds has to be turned into numbers first",
    ),
    row(
        "an input of complex dtype",
        "refused: ArgumentError",
        lambda: cr.Input("ids", "m", dtype=complex),
        "ArgumentError: dtype is float, int or bool, not <class 'complex'>\n"
        "  where: Input 'ids', built at LINE\n"
        "  try:   float for numbers, int for indices, bool for conditions",
    ),
    row(
        "a dtype that does not exist",
        "refused: ArgumentError",
        lambda: cr.Input("ids", "m", dtype="integer64"),
        "ArgumentError: dtype is float, int or bool, not 'integer64'\n"
        "  where: Input 'ids', built at LINE\n"
        "  try:   float for numbers, int for indices, bool for conditions",
    ),
    row(
        "a negative size",
        "refused: ArgumentError",
        lambda: cr.Parameter("W", (3, -2)),
        "ArgumentError: a size is zero or more, not -2\n"
        "  where: Parameter 'W', built at LINE\n"
        "  given: shape=(3, -2)\n"
        '  try:   shape=(2, "m")',
    ),
    row(
        "wrong shapes of a product, at build time",
        "refused: ShapeError at the line that builds it",
        lambda: cr.MatMul(cr.Parameter("W", (2, 3)), X, name="Z"),
        "ShapeError: MatMul 'Z': (2, 3) @ (2, m): the inner sizes 3 and 2 differ\n"
        "  where: built at LINE\n"
        "  given: W (2, 3), X (2, m)\n"
        "  try:   transpose the first: (3, 2) @ (2, m)",
    ),
    row(
        "shapes that do not broadcast, at build time",
        "refused: ShapeError at the line that builds it",
        lambda: cr.Add(cr.Parameter("B", (3, 1)), X, name="Z"),
        "ShapeError: Add 'Z': shapes (3, 1) and (2, m) do not broadcast\n"
        "  where: built at LINE\n"
        "  given: B (3, 1), X (2, m)\n"
        "  try:   3 and 2 meet on one axis: make them equal, or one of them 1",
    ),
    row(
        "labels of another shape than the predictions, at build time",
        "refused: ShapeError at the line that builds it",
        lambda: cr.BCELoss(X, cr.Input("Y", (1, "m")), name="L"),
        "ShapeError: BCELoss 'L': predictions (2, m) and labels (1, m) differ in shape\n"
        "  where: built at LINE\n"
        "  given: X (2, m), Y (1, m)\n"
        "  try:   give the labels the shape of the predictions; a loss never broadcasts",
    ),
    row(
        "two named dimensions on one axis, at build time",
        "refused: ShapeError at the line that builds it",
        lambda: cr.Add(X, cr.Input("V", (2, "n")), name="Z"),
        "ShapeError: Add 'Z': shapes (2, m) and (2, n) do not broadcast\n"
        "  where: built at LINE\n"
        "  given: X (2, m), V (2, n)\n"
        "  try:   m and n meet on one axis: make them equal, or one of them 1",
    ),
    row(
        "a graph of nothing",
        "refused: ArgumentError",
        lambda: cr.Graph(),
        "ArgumentError: a graph needs an output\n  try:   Graph(loss)",
    ),
    row(
        "a graph of something that is no node",
        "refused: ArgumentError",
        lambda: cr.Graph(np.ones(3)),  # type: ignore[arg-type]  # wrong on purpose
        "ArgumentError: a graph is built from nodes, not ndarray\n  try:   Graph(loss, watch=[...])",
    ),
]


@table("build said", BUILDING)
def test_a_graph_that_cannot_be_built_is_refused_at_its_line(build: Callable[[], Any], said: str) -> None:
    assert refusal(build) == said


# --- feeds -----------------------------------------------------------------------------------------------------------

Y = cr.Input("Y", (3, "m"))
with cr.layer("Layer 1"):
    W = cr.Parameter("W", (3, 2))
    A = cr.Sigmoid(cr.MatMul(W, X, name="Z"), name="A")
GRAPH = cr.Graph(cr.BCELoss(A, Y, name="L"))
W0 = np.array([[1, 2], [-3, 4], [5, -6]]) / 4
X0 = np.array([[-2, -1, 0, 1], [2, 1, 4, 3]]) / 2
Y0 = np.array([[0, 1, 1, 0], [1, 0, 1, 0], [0, 0, 1, 1]], float)
GOOD: dict[str, Any] = {"W": W0, "X": X0, "Y": Y0}
Compute = Callable[[dict[str, Any]], tuple[Any, Any]]


def computed_by_run(feeds: dict[str, Any]) -> tuple[Any, Any]:
    run = GRAPH.forward(feeds)
    return run["L"], run.backward()["W"]


def computed_by_plan() -> Compute:
    plan = GRAPH.compile()

    def compute(feeds: dict[str, Any]) -> tuple[Any, Any]:
        loss, gradients = plan(feeds)
        return loss, gradients["W"]

    return compute


@pytest.fixture(params=["run", "plan"])
def compute(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Compute:
    """The loss and the gradient of W, by a run or by a plan."""
    record_property("way", request.param)
    return computed_by_run if request.param == "run" else computed_by_plan()


WHERE_X, WHERE_Y = "Input 'X', built at LINE", "Input 'Y', built at LINE"
WHERE_W = "Parameter 'W' in Layer 1, built at LINE"
REAL = "  try:   real numbers: an array, a number, or a list of rows of one length"
COLUMNS = "  try:   examples are columns: m of them are an array of m columns"


def unfit(what: str, given: str, remedy: str = REAL) -> str:
    return f"FeedError: {what}\n  where: {WHERE_X}\n  given: {given}\n{remedy}"


REFUSED_FEEDS = [
    row(
        "missing and unknown names",
        "refused: FeedError, all at once, with did-you-mean",
        {"w": W0, "X": X0, "Q": 1, 3: 4},
        "FeedError: feeds: missing 'Y', 'W'; unknown 'w' (did you mean 'W'?), 'Q', 3\n"
        f"  where: {WHERE_Y}; {WHERE_W}\n"
        "  given: w, X, Q, 3\n"
        "  try:   this graph is fed X, Y, W",
    ),
    row(
        "no feeds at all",
        "refused: FeedError, all at once",
        {},
        "FeedError: feeds: missing 'X', 'Y', 'W'\n"
        f"  where: {WHERE_X}; {WHERE_Y}; {WHERE_W}\n"
        "  given: nothing\n"
        "  try:   this graph is fed X, Y, W",
    ),
    row(
        "a node of another graph as a name",
        "refused: FeedError",
        {**GOOD, cr.Input("V", 2): 1.0},
        "FeedError: feeds: unknown <Input 'V' (2,)>\n"
        "  given: W, X, Y, <Input 'V' (2,)>\n"
        "  try:   this graph is fed X, Y, W",
    ),
    row(
        "feeds in a list",
        "refused: FeedError",
        [W0, X0, Y0],
        "FeedError: feeds are a dict of names and arrays, not list\n  try:   this graph is fed X, Y, W",
    ),
    row(
        "examples in rows",
        "refused: FeedError, which sees the transpose",
        {**GOOD, "X": X0.T},
        unfit(
            "X is declared (2, m) and was fed (4, 2) (its transpose fits)",
            "X (4, 2)",
            "  try:   feed the transpose of X: examples are columns",
        ),
    ),
    row(
        "an array with too few axes",
        "refused: FeedError",
        {**GOOD, "X": X0[0]},
        unfit("X is declared (2, m) and was fed (4,)", "X (4,)", COLUMNS),
    ),
    row(
        "a number in the place of an array",
        "refused: FeedError",
        {**GOOD, "X": 0.5},
        unfit("X is declared (2, m) and was fed ()", "X ()", COLUMNS),
    ),
    row(
        "an array without axes in the place of a matrix",
        "refused: FeedError",
        {**GOOD, "X": np.array(0.5)},
        unfit("X is declared (2, m) and was fed ()", "X ()", COLUMNS),
    ),
    row(
        "several wrong shapes",
        "refused: FeedError, all at once",
        {**GOOD, "W": np.ones((3, 3)), "X": np.ones((5, 4))},
        "FeedError: X is declared (2, m) and was fed (5, 4); W is declared (3, 2) and was fed (3, 3)\n"
        f"  where: {WHERE_X}; {WHERE_W}\n"
        "  given: X (5, 4), W (3, 3)\n"
        "  try:   examples are columns: m of them are an array of m columns",
    ),
    row(
        "a named dimension in conflict",
        "refused: FeedError",
        {**GOOD, "Y": np.ones((3, 5))},
        "FeedError: m is 4 in X and 5 in Y\n"
        f"  where: {WHERE_Y}\n"
        "  given: Y (3, 5)\n"
        "  try:   one size for m in all feeds",
    ),
    row(
        "complex numbers",
        "refused: FeedError",
        {**GOOD, "X": X0 * 1j},
        unfit("X holds complex numbers in place of real numbers", "X (2, 4) complex128"),
    ),
    row(
        "an array of objects",
        "refused: FeedError",
        {**GOOD, "X": X0.astype(object)},
        unfit("X holds objects in place of real numbers", "X (2, 4) object"),
    ),
    row(
        "None",
        "refused: FeedError",
        {**GOOD, "X": None},
        unfit("X is no array of real numbers: it is None", "X None"),
    ),
    row(
        "a dict in the place of an array",
        "refused: FeedError",
        {**GOOD, "X": {"a": 1}},
        unfit("X is no array of real numbers: it is of type dict", "X of type dict"),
    ),
    row(
        "a generator in the place of an array",
        "refused: FeedError",
        {**GOOD, "X": (k for k in range(8))},
        unfit("X is no array of real numbers: it is of type generator", "X of type generator"),
    ),
    row(
        "a node in the place of its value",
        "refused: FeedError",
        {**GOOD, "X": X},
        unfit("X is no array of real numbers: it is of type Input", "X of type Input"),
    ),
    row(
        "an array of text",
        "refused: FeedError",
        {**GOOD, "X": X0.astype(str)},
        unfit("X holds text in place of real numbers", "X (2, 4) <U32"),
    ),
    row(
        "an array of text of the new kind",
        "refused: FeedError",
        {**GOOD, "X": np.array([["1", "2"], ["3", "4"]], dtype=np.dtypes.StringDType())},
        unfit("X holds text in place of real numbers", "X (2, 2) StringDType()"),
    ),
    row(
        "bytes",
        "refused: FeedError",
        {**GOOD, "X": b"1234"},
        unfit("X holds bytes in place of real numbers", "X of type bytes"),
    ),
    row(
        "dates",
        "refused: FeedError",
        {**GOOD, "X": np.zeros((2, 4), "datetime64[D]")},
        unfit("X holds dates in place of real numbers", "X (2, 4) datetime64[D]"),
    ),
    row(
        "durations",
        "refused: FeedError",
        {**GOOD, "X": np.zeros((2, 4), "timedelta64[s]")},
        unfit("X holds durations in place of real numbers", "X (2, 4) timedelta64[s]"),
    ),
    row(
        "records",
        "refused: FeedError",
        {**GOOD, "X": np.zeros((2, 4), [("a", float)])},
        unfit("X holds records in place of real numbers", "X (2, 4) [('a', '<f8')]"),
    ),
    row(
        "a masked array",
        "refused: FeedError",
        {**GOOD, "X": np.ma.masked_less(X0, 0)},
        unfit(
            "X is a masked array, which has entries without a value",
            "X (2, 4) float64",
            "  try:   fill them, X.filled(0), or drop their columns",
        ),
    ),
    row(
        "a ragged list",
        "refused: FeedError",
        {**GOOD, "X": [[1, 2, 3, 4], [5, 6, 7]]},
        unfit("X is a list whose rows differ in length", "X with rows of 3, 4 entries"),
    ),
    row(
        "whole numbers of a thousand bits",
        "refused: FeedError",
        {**GOOD, "X": [[2**1000] * 4] * 2},
        unfit("X holds objects in place of real numbers", "X with rows of 4 entries"),
    ),
    row(
        "several arrays of no real numbers",
        "refused: FeedError, all at once",
        {**GOOD, "W": W0 * 1j, "Y": None},
        "FeedError: Y is no array of real numbers: it is None; W holds complex numbers in place of real numbers\n"
        f"  where: {WHERE_Y}; {WHERE_W}\n"
        f"  given: Y None, W (3, 2) complex128\n{REAL}",
    ),
    row(
        "numbers in a list that float32 cannot hold, beside float32 arrays",
        "refused: FeedError",
        {"W": W0.astype(np.float32), "X": [[1, 2, 3, 1e300], [5, 6, 7, 8]], "Y": Y0.astype(np.float32)},
        unfit(
            "X takes float32 and was fed float64 with numbers that it cannot hold",
            "X is 1e+300 at (0, 3)",
            "  try:   numbers that float32 can hold",
        ),
    ),
    row(
        "an empty batch, whose mean is undefined",
        "refused: RuleError",
        {"W": W0, "X": np.ones((2, 0)), "Y": np.ones((3, 0))},
        "RuleError: BCELoss 'L'.forward: ArgumentError: a mean over no columns is undefined\n"
        "  where: BCELoss 'L', built at LINE\n"
        "  given: A (3, 0) float64, Y (3, 0) float64\n"
        '  try:   reduction="sum", which is 0',
    ),
]


@table("feeds said", REFUSED_FEEDS)
def test_unfit_feeds_are_refused_by_run_and_plan_alike(compute: Compute, feeds: Any, said: str) -> None:
    assert refusal(lambda: compute(feeds)) == said
    compute(GOOD)  # what was refused has left nothing behind
    assert refusal(lambda: compute(feeds)) == said  # also when the plan knows a short way


LABELS = [
    row(
        "labels above 1",
        "refused: FeedError; a plan looks at the numbers when it looks at the shapes",
        np.array([[0, 1, 1, 0], [1, 0, 2, 0], [0, 0, 1, 1]]),
        "FeedError: Y holds labels of BCELoss outside [0, 1]\n"
        f"  where: {WHERE_Y}\n"
        "  given: Y is 2.0 at (1, 2)\n"
        "  try:   labels from 0 to 1: 0 or 1, or a probability",
    ),
    row(
        "labels -1 and 1",
        "refused: FeedError; a plan looks at the numbers when it looks at the shapes",
        2 * Y0 - 1,
        "FeedError: Y holds labels of BCELoss outside [0, 1]\n"
        f"  where: {WHERE_Y}\n"
        "  given: Y is -1.0 at (0, 0)\n"
        "  try:   labels from 0 to 1: 0 or 1, or a probability",
    ),
]


@table("labels said", LABELS)
def test_labels_outside_of_their_range_are_refused(compute: Compute, labels: Any, said: str) -> None:
    assert refusal(lambda: compute({**GOOD, "Y": labels})) == said


@pytest.mark.parametrize(
    "kind", [cr.BCELoss, cr.SigmoidBCELoss, cr.CrossEntropyLoss, cr.SoftmaxCrossEntropyLoss], ids=lambda k: k.__name__
)
@shown("labels of any cross-entropy outside [0, 1]", "refused: FeedError")
def test_every_loss_of_probabilities_refuses_such_labels(kind: Any) -> None:
    graph = cr.Graph(kind(cr.Input("P", (3, "m")), Y, name="L"))
    feeds = {"P": np.full((3, 4), 0.25), "Y": Y0}
    graph.forward(feeds)
    for labels in (Y0 - 0.5, Y0 + 0.5):
        assert refusal(lambda labels=labels: graph.forward({**feeds, "Y": labels})).startswith(
            f"FeedError: Y holds labels of {kind.__name__} outside [0, 1]\n"
        )


WHOLE = [
    row(
        "fractions for indices",
        "refused: FeedError",
        int,
        [0, 1.5, 2],
        "FeedError: ids takes int64 and was fed float64 with fractions\n"
        "  where: Input 'ids', built at LINE\n"
        "  given: ids is 1.5 at (1,)\n"
        "  try:   numbers that int64 can hold",
    ),
    row(
        "NaN for an index",
        "refused: FeedError",
        int,
        [0, 1, np.nan],
        "FeedError: ids takes int64 and was fed float64 with fractions\n"
        "  where: Input 'ids', built at LINE\n"
        "  given: ids is nan at (2,)\n"
        "  try:   numbers that int64 can hold",
    ),
    row(
        "an index beyond 64 bits",
        "refused: FeedError",
        int,
        [0, 1, 1e30],
        "FeedError: ids takes int64 and was fed float64 with numbers that it cannot hold\n"
        "  where: Input 'ids', built at LINE\n"
        "  given: ids is 1e+30 at (2,)\n"
        "  try:   numbers that int64 can hold",
    ),
    row(
        "an index that a small dtype would wrap around",
        "refused: FeedError",
        np.int8,
        [0, 1, 259],
        "FeedError: ids takes int8 and was fed int64 with numbers that it cannot hold\n"
        "  where: Input 'ids', built at LINE\n"
        "  given: ids is 259 at (2,)\n"
        "  try:   numbers that int8 can hold",
    ),
    row(
        "an index outside of its array",
        "refused: RuleError",
        int,
        [0, 1, 5],
        "RuleError: Gather.forward: IndexError: index 5 is out of bounds for axis 1 with size 5\n"
        "  where: Gather, built at LINE\n"
        "  given: T (2, 5) float64, ids (3,) int64",
    ),
]


@pytest.mark.parametrize("way", ["run", "plan"])
@table("dtype ids said", WHOLE)
def test_unfit_indices_are_refused(
    way: str, dtype: Any, ids: Any, said: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("way", way)
    graph = cr.Graph(cr.Sum(cr.Gather(cr.Parameter("T", (2, 5)), cr.Input("ids", "m", dtype=dtype))))
    compute: Callable[[Any], Any] = graph.forward if way == "run" else graph.compile()
    feeds = {"T": np.zeros((2, 5)), "ids": ids}
    assert refusal(lambda: compute(feeds)) == said
    compute({**feeds, "ids": np.array([0, 1, 2], dtype)})
    assert refusal(lambda: compute({**feeds, "ids": np.array(ids)})) == said


@shown("numbers other than 0 and 1 for a condition", "refused: FeedError")
def test_a_condition_is_false_or_true() -> None:
    graph = cr.Graph(cr.Where(cr.Input("C", "m", dtype=bool), cr.Input("x", "m"), 0.0))
    assert graph.forward({"C": [0, 1.0, 1], "x": [1, 2, 3]})[graph.outputs[0]].tolist() == [0, 2, 3]
    assert refusal(lambda: graph.forward({"C": [0, 1, 2], "x": [1, 2, 3]})) == (
        "FeedError: C takes bool and was fed int64 with numbers that it cannot hold\n"
        "  where: Input 'C', built at LINE\n"
        "  given: C is 2 at (2,)\n"
        "  try:   False and True, or 0 and 1"
    )


class Tagged(np.ndarray[Any, Any]):
    """A subclass whose arithmetic is wrong, so that it would show."""

    def __array_ufunc__(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("the subclass computed")


def mapped() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/x.npy", X0)
        return np.load(f"{folder}/x.npy", mmap_mode="r")


def read_only(array: Any) -> Any:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


ACCEPTED = [
    row("whole numbers", "accepted, converted to float64", lambda: (2 * X0).astype(int), 2),
    row("unsigned bytes", "accepted, converted to float64", lambda: (2 * X0 + 2).astype(np.uint8), None),
    row("booleans", "accepted, converted to float64", lambda: X0 > 0, None),
    row("nested lists", "accepted, converted to float64", lambda: X0.tolist(), 1),
    row("nested tuples", "accepted, converted to float64", lambda: tuple(map(tuple, X0)), 1),
    row("a list of arrays", "accepted, converted to float64", lambda: list(X0), 1),
    row("a big-endian array", "accepted, converted to the order of this machine", lambda: X0.astype(">f8"), 1),
    row("float16 beside float64", "accepted, converted to float64", lambda: X0.astype(np.float16), 1),
    row("float32 beside float64", "accepted, converted to float64", lambda: X0.astype(np.float32), 1),
    row("long doubles", "accepted, the run computes in them", lambda: X0.astype(np.longdouble), 1),
    row("a subclass of an array", "accepted, computed as a plain array", lambda: X0.view(Tagged), 1),
    row("an np.matrix", "accepted, computed as a plain array", lambda: matrix(X0), 1),
    row("negative strides", "accepted", lambda: X0[::-1, ::-1].copy()[::-1, ::-1], 1),
    row("strides over other data", "accepted", lambda: np.repeat(X0, 2, axis=1)[:, ::2], 1),
    row("strides of 0", "accepted", lambda: np.broadcast_to(X0[:, :1], (2, 4)), None),
    row("Fortran order", "accepted", lambda: np.asfortranarray(X0), 1),
    row("an array that is not aligned", "accepted", lambda: unaligned(X0), 1),
    row("a read-only array", "accepted, not copied", lambda: read_only(X0), 1),
    row("a memory-mapped array", "accepted, not copied", mapped, 1),
]


def matrix(array: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return np.asmatrix(array)


def unaligned(array: Any) -> Any:
    packed = np.zeros(array.shape, dtype=[("pad", "i1"), ("x", "f8")])
    packed["x"] = array
    return packed["x"]


@table("make factor", ACCEPTED)
def test_every_kind_of_real_array_gives_the_same_numbers(compute: Compute, make: Any, factor: int | None) -> None:
    x = make()
    before = np.array(x)
    plain = np.array(before, dtype=float, order="C")
    loss, gradient = compute({**GOOD, "X": x})
    expected_loss, expected = compute({**GOOD, "X": plain})
    assert factor is None or np.array_equal(plain, factor * X0)
    # A matrix product adds in another order where the memory lies otherwise; long doubles round later.
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-15)
    np.testing.assert_allclose(gradient, expected, rtol=1e-14, atol=1e-16)
    assert type(gradient) is np.ndarray
    np.testing.assert_array_equal(np.array(x), before)  # and it was not written to


@shown("float16 in all feeds", "accepted, computed in float32")
def test_half_precision_is_computed_in_single(compute: Compute) -> None:
    loss, gradient = compute({name: array.astype(np.float16) for name, array in GOOD.items()})
    assert (np.asarray(loss).dtype, gradient.dtype) == (np.float32, np.float32)


@shown("an empty batch, whose sum is 0", "accepted: loss 0, gradients 0")
def test_a_sum_over_no_columns_is_zero() -> None:
    graph = cr.Graph(cr.BCELoss(A, Y, reduction="sum", name="L"))
    feeds = {"W": W0, "X": np.ones((2, 0)), "Y": np.ones((3, 0))}
    run = graph.forward(feeds)
    loss, gradients = graph.compile()(feeds)
    assert run["L"] == loss == 0
    np.testing.assert_array_equal(run.backward()["W"], np.zeros((3, 2)))
    np.testing.assert_array_equal(gradients["W"], np.zeros((3, 2)))


# --- what is not finite ----------------------------------------------------------------------------------------------


@shown("NaN in a feed", "accepted; check_finite refuses it: FeedError")
def test_nan_in_a_feed_is_named_on_request(compute: Compute) -> None:
    feeds = {**GOOD, "X": np.where(X0 == 1.5, np.nan, X0)}
    assert np.isnan(compute(feeds)[0])
    assert refusal(lambda: GRAPH.forward(feeds, check_finite=True)) == (
        "FeedError: a feed is not finite: X is nan at (1, 3)\n"
        f"  where: {WHERE_X}\n"
        "  given: X (2, 4) float64\n"
        "  try:   np.isfinite(X) says where; without check_finite such numbers are computed with"
    )


@shown("infinity in a feed", "accepted; check_finite refuses it: FeedError")
def test_infinity_in_a_feed_is_named_on_request() -> None:
    feeds = {**GOOD, "X": np.where(X0 < 0, -np.inf, X0), "Y": Y0}
    run = GRAPH.forward(feeds)
    assert run["A"][0, :2].tolist() == [0, 0]
    assert refusal(lambda: GRAPH.forward(feeds, check_finite=True)) == (
        "FeedError: a feed is not finite: X is -inf at (0, 0), one of 2 such entries\n"
        f"  where: {WHERE_X}\n"
        "  given: X (2, 4) float64\n"
        "  try:   np.isfinite(X) says where; without check_finite such numbers are computed with"
    )


GOES_ON = "error.draw() shows what it is computed from, and without check_finite the run goes on"


@shown("a node that makes an infinity, forward", "computed; check_finite refuses it: NonFiniteError")
def test_a_node_that_makes_an_infinity_forward() -> None:
    graph = cr.Graph(cr.Sum(cr.Log(X, name="a"), name="L"))
    assert refusal(lambda: graph.forward({"X": [[1, 2, 3, 0], [4, 5, 6, 7]]}, check_finite=True)) == (
        "NonFiniteError: Log 'a': the output is -inf at (0, 3), from finite inputs\n"
        "  where: Log 'a', built at LINE\n"
        "  given: X[0, 3] = 0.0\n"
        f"  try:   {GOES_ON}"
    )


@shown("a node that makes an infinity, backward", "computed; check_finite refuses it: NonFiniteError")
def test_a_node_that_makes_an_infinity_backward() -> None:
    graph = cr.Graph(cr.Sum(cr.Sqrt(X, name="a"), name="L"))
    run = graph.forward({"X": [[1, 2, 3, 0], [4, 5, 6, 7]]}, check_finite=True)
    assert refusal(run.backward) == (
        "NonFiniteError: Sqrt 'a'.backward: the gradient of 'X' is inf at (0, 3), from finite values\n"
        "  where: Sqrt 'a', built at LINE\n"
        "  given: grad[0, 3] = 1.0, a[0, 3] = 0.0, X[0, 3] = 0.0\n"
        f"  try:   {GOES_ON}"
    )


P = cr.Input("P", (1, "m"))
BCE = cr.Graph(cr.BCELoss(P, cr.Input("T", (1, "m")), name="L"))


@pytest.mark.parametrize(("a", "slope"), [(0.0, 1.0), (1.0, -1.0)])
@shown("A exactly 0 or 1, and the label is right", "accepted: loss 0, finite gradient")
def test_a_certain_and_right_prediction_costs_nothing(a: float, slope: float) -> None:
    feeds = {"P": [[a]], "T": [[a]]}
    run = BCE.forward(feeds, check_finite=True)
    loss, gradients = BCE.compile(["P"])(feeds)
    assert run["L"] == loss == 0
    assert run.backward()["P"] == gradients["P"] == slope


@pytest.mark.parametrize(("a", "slope"), [(0.0, -np.inf), (1.0, np.inf)])
@shown("A exactly 0 or 1, and the label is wrong", "accepted: loss inf; check_finite refuses it: NonFiniteError")
def test_a_certain_and_wrong_prediction_costs_infinity(a: float, slope: float) -> None:
    feeds = {"P": [[a]], "T": [[1 - a]]}
    run = BCE.forward(feeds)
    loss, gradients = BCE.compile(["P"])(feeds)
    assert run["L"] == loss == np.inf
    assert run.backward()["P"] == gradients["P"] == slope
    assert refusal(lambda: BCE.forward(feeds, check_finite=True)) == (
        "NonFiniteError: BCELoss 'L': the output is inf, from finite inputs\n"
        "  where: BCELoss 'L', built at LINE\n"
        f"  given: P (1, 1) all {a}, T (1, 1) all {1 - a}\n"
        f"  try:   {GOES_ON}"
    )


@shown("A rounded to 1 by a sigmoid, and the label is wrong", "check_finite says so; fused and compiled it is exact")
def test_a_saturated_sigmoid_before_its_loss_is_exact_when_fused() -> None:
    z = cr.Input("Z", (1, "m"))
    graph = cr.Graph(cr.BCELoss(cr.Sigmoid(z, name="A"), cr.Input("T", (1, "m")), name="L"))
    feeds = {"Z": [[800.0]], "T": [[0.0]]}
    assert refusal(lambda: graph.forward(feeds, check_finite=True)) == (
        "NonFiniteError: BCELoss 'L': the output is inf, from finite inputs\n"
        "  where: BCELoss 'L', built at LINE\n"
        "  given: A (1, 1) all 1.0, T (1, 1) all 0.0\n"
        f"  try:   graph.fuse(), which is exact where a loss follows its Sigmoid or Softmax; {GOES_ON}"
    )
    run = graph.fuse().forward(feeds, check_finite=True)
    loss, gradients = graph.compile(["Z"])(feeds)
    assert run["L"] == loss == 800
    assert run.backward()["Z"] == gradients["Z"] == 1


# --- a run and what becomes of its data ------------------------------------------------------------------------------


@shown("a feed changed between forward and backward", "harmless: the run has its own copy")
def test_a_feed_that_is_changed_later_does_not_reach_the_run() -> None:
    feeds = {name: array.copy() for name, array in GOOD.items()}
    run = GRAPH.forward(feeds)
    for array in feeds.values():
        array[...] = np.nan
    np.testing.assert_array_equal(run["X"], X0)
    np.testing.assert_array_equal(run.backward()["W"], GRAPH.forward(GOOD).backward()["W"])


@shown("a value or gradient of a run written to", "refused: ValueError by NumPy")
def test_what_a_run_holds_cannot_be_written_to() -> None:
    run = GRAPH.forward(GOOD)
    for array in [*run.values.values(), *run.backward().values()]:
        with pytest.raises(ValueError, match=r"^assignment destination is read-only$"):
            array[...] = 0


@shown("gradients asked for before backward", "refused: UnknownNameError")
def test_gradients_before_backward() -> None:
    run = GRAPH.forward(GOOD)
    assert refusal(lambda: run["dW"]) == "UnknownNameError: this run has no gradients yet\n  try:   run.backward()"


@shown("a node used in two graphs", "harmless: nodes hold no data")
def test_a_node_in_two_graphs_serves_both() -> None:
    other = cr.Graph(cr.MSELoss(A, Y, name="L"))
    first, second = GRAPH.forward(GOOD), other.forward(GOOD)
    gradients = [first.backward()["W"], second.backward()["W"], first.backward()["W"]]
    np.testing.assert_array_equal(gradients[0], gradients[2])
    assert not np.array_equal(gradients[0], gradients[1])


@shown("one graph from 16 threads", "harmless: every result is the serial one")
def test_one_graph_from_16_threads(compute: Compute) -> None:
    many = [{**GOOD, "X": X0 * k, "Y": Y0} for k in range(16)]
    expected = [compute(feeds) for feeds in many]
    barrier, found, lock = threading.Barrier(16), [], threading.Lock()

    def work(k: int) -> None:
        barrier.wait()
        for turn in range(20):
            place = (k + turn) % 16
            loss, gradient = compute(many[place])
            with lock:
                found.append(loss == expected[place][0] and np.array_equal(gradient, expected[place][1]))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 320


# --- rules of one's own ----------------------------------------------------------------------------------------------


def rule(forward: Any = None, backward: Any = None) -> type[cr.Node]:
    """2x, unless told otherwise."""

    class Mine(cr.Node):
        def forward(self, x: Any) -> Any:
            return forward(x) if forward and isinstance(x, np.ndarray) else 2 * x

        def backward(self, grad: Any, y: Any, x: Any) -> Any:
            return backward(grad, y, x) if backward else (2 * grad,)

    return Mine


def fail(*_: Any) -> Any:
    raise KeyError("lost")


def written(x: Any) -> Any:
    x *= 2
    return x


MINE = "  where: Mine 'y' in Layer 7, built at LINE\n  given: V (3,) float64"
COUNTED = MINE + "\n  try:   one gradient per input, in input order, as in (grad * y,); None where there is none"
UNBROADCAST = "\n  try:   undo a broadcast: unbroadcast(gradient, x) sums over the axes that were stretched"
KEPT_DTYPE = "\n  try:   Python numbers keep the dtype of the inputs, arrays of float64 do not"
RULES = [
    row(
        "a rule that raises in forward",
        "refused: RuleError, which names node and line",
        rule(forward=fail),
        f"RuleError: Mine 'y'.forward: KeyError: 'lost'\n{MINE}",
    ),
    row(
        "a rule that raises in backward",
        "refused: RuleError, which names node and line",
        rule(backward=fail),
        f"RuleError: Mine 'y'.backward: KeyError: 'lost'\n{MINE}",
    ),
    row(
        "a rule that returns too many gradients",
        "refused: RuleError",
        rule(backward=lambda g, y, x: (g, g)),
        f"RuleError: Mine 'y'.backward: TypeError: it returned 2 gradients for 1 inputs\n{COUNTED}",
    ),
    row(
        "a rule that returns no tuple",
        "refused: RuleError",
        rule(backward=lambda g, y, x: 2 * g),
        "RuleError: Mine 'y'.backward: TypeError: it returns a tuple of 1, one gradient per input, not ndarray "
        f"(a comma missing?)\n{COUNTED}",
    ),
    row(
        "a rule that returns a gradient of another shape",
        "refused: RuleError",
        rule(backward=lambda g, y, x: (g.sum(),)),
        "RuleError: Mine 'y'.backward: ValueError: the gradient of V has shape (), the input has (3,)\n"
        + MINE
        + UNBROADCAST,
    ),
    row(
        "a rule that returns a gradient of another dtype",
        "refused: RuleError",
        rule(backward=lambda g, y, x: (g.astype(np.float32),)),
        "RuleError: Mine 'y'.backward: TypeError: the gradient of V is float32, the input is float64\n"
        + MINE
        + KEPT_DTYPE,
    ),
    row(
        "a rule that returns a value of another dtype",
        "refused: RuleError",
        rule(forward=lambda x: x * 1j),
        "RuleError: Mine 'y'.forward: TypeError: it returned complex128 where this run computes in float64\n" + MINE,
    ),
    row(
        "a rule that returns text",
        "refused: RuleError",
        rule(forward=lambda x: "text"),
        f"RuleError: Mine 'y'.forward: TypeError: it returned <U4 where this run computes in float64\n{MINE}",
    ),
    row(
        "a rule that writes into its inputs",
        "refused: RuleError; the feeds stay as they are",
        rule(forward=written),
        f"RuleError: Mine 'y'.forward: ValueError: output array is read-only\n{MINE}",
    ),
    row(
        "a rule that writes into the gradient that it is handed",
        "refused: RuleError",
        rule(backward=lambda g, y, x: (written(g),)),
        f"RuleError: Mine 'y'.backward: ValueError: output array is read-only\n{MINE}",
    ),
]
VALUES = np.array([1.0, 2.0, 3.0])


@table("kind said", RULES)
def test_what_a_rule_does_wrong_is_told_with_node_layer_and_line(kind: Any, said: str) -> None:
    with cr.layer("Layer 7"):
        node = kind(cr.Input("V", (3,)), name="y")
    graph, before = cr.Graph(cr.Sum(node, name="L")), VALUES.copy()
    assert refusal(lambda: graph.forward({"V": before}).backward()) == said
    np.testing.assert_array_equal(before, VALUES)


@shown("a rule that keeps its inputs on itself", "refused: ArgumentError when it is built")
def test_a_node_has_no_place_to_keep_an_input() -> None:
    class Keeps(cr.Node):
        def forward(self, x: Any) -> Any:
            self.x = x
            return 2 * x

        def backward(self, grad: Any, y: Any, x: Any) -> Any:
            return (2 * grad,)

    assert refusal(lambda: Keeps(cr.Input("V", (3,)), name="y")) == (
        "ArgumentError: Keeps 'y': a node never changes, so 'x' cannot be set\n"
        "  where: built at LINE\n"
        "  given: V (3,)\n"
        "  try:   build another node; a fact is annotated on the class ('x: float = 1.0') and given by keyword"
    )


KEPT: list[Any] = []


@shown("a rule that keeps its inputs elsewhere", "harmless: it cannot write to them")
def test_an_input_that_a_rule_keeps_is_read_only() -> None:
    KEPT.clear()
    graph = cr.Graph(cr.Sum(rule(forward=lambda x: KEPT.append(x) or 2 * x)(cr.Input("V", (3,)), name="y")))
    run = graph.forward({"V": VALUES})
    with pytest.raises(ValueError, match="read-only"):
        KEPT[0][...] = 0
    np.testing.assert_array_equal(run["V"], VALUES)


class Buffered(cr.Node):
    """2x, always in the same memory."""

    def forward(self, x: Any) -> Any:
        if not isinstance(x, np.ndarray):
            return 2 * x
        kept = BUFFERS.setdefault((x.shape, x.dtype), np.empty_like(x))
        np.multiply(x, 2, out=kept)
        return kept

    def backward(self, grad: Any, y: Any, x: Any) -> Any:
        return (2 * grad,)


class Noisy(cr.Node):
    """x times a number that is another one at every call."""

    def forward(self, x: Any) -> Any:
        return x * float(next(COUNT)) if isinstance(x, np.ndarray) else 2 * x

    def backward(self, grad: Any, y: Any, x: Any) -> Any:
        return (2 * grad,)


BUFFERS: dict[Any, Any] = {}
COUNT = itertools.count(2)


@table(
    "kind said",
    [
        row(
            "a rule that returns the same memory every time",
            "found by check_node: GradientCheckError",
            Buffered,
            "GradientCheckError: Buffered: forward returns the same memory at every call\n"
            "  where: Buffered, built at LINE\n"
            "  given: x (3,) float64\n"
            "  try:   return a new array: a run holds the last one",
        ),
        row(
            "a rule that is not deterministic",
            "found by check_node: GradientCheckError",
            Noisy,
            "GradientCheckError: Noisy: forward gives another output when it is called again with the same inputs\n"
            "  where: Noisy, built at LINE\n"
            "  given: x (3,) float64\n"
            "  try:   a rule is a function of what it is handed: no state, no random numbers, nothing from outside",
        ),
    ],
)
def test_check_node_finds_a_rule_that_is_no_function(kind: Any, said: str) -> None:
    assert refusal(lambda: cr.check_node(kind, VALUES)) == said


# --- Ctrl-C ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C is heard also where the tests were started in the background, which makes a shell ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


PRESSED = {"forward": False, "backward": False}


class Pressing(cr.Node):
    """2x, during which somebody may press Ctrl-C; the loop makes it untraceable, so that a plan calls it too."""

    def forward(self, x: Any) -> Any:
        return self._doubled(x, "forward")

    def backward(self, grad: Any, y: Any, x: Any) -> Any:
        return (self._doubled(grad, "backward"),)

    def _doubled(self, x: Any, way: str) -> Any:
        if PRESSED[way] and float(x.flat[0]) == float(x.flat[0]):
            PRESSED[way] = False
            signal.raise_signal(signal.SIGINT)
        return np.array([2 * float(entry) for entry in x.flat]).reshape(x.shape)


PRESSING = cr.Graph(cr.Sum(cr.Square(Pressing(cr.Parameter("V", (3,)), name="y")), name="L"))


@shown("Ctrl-C in forward", "KeyboardInterrupt; nothing is half done")
def test_ctrl_c_in_forward(ctrl_c: None) -> None:
    PRESSED["forward"] = True
    with pytest.raises(KeyboardInterrupt):
        PRESSING.forward({"V": VALUES})
    np.testing.assert_array_equal(PRESSING.forward({"V": VALUES}).backward()["V"], 8 * VALUES)


@shown("Ctrl-C in backward", "KeyboardInterrupt; the gradients of the last backward stay")
def test_ctrl_c_in_backward(ctrl_c: None) -> None:
    run = PRESSING.forward({"V": VALUES})
    run.backward(3.0)
    PRESSED["backward"] = True
    with pytest.raises(KeyboardInterrupt):
        run.backward()
    np.testing.assert_array_equal(run["dV"], 24 * VALUES)
    assert [use.gradient.tolist() for use in run.contributions("V")] == [(24 * VALUES).tolist()]
    np.testing.assert_array_equal(run.backward()["V"], 8 * VALUES)


@pytest.mark.parametrize("way", ["forward", "backward"])
@shown("Ctrl-C in a plan", "KeyboardInterrupt; the next call is right")
def test_ctrl_c_in_a_plan(way: str, ctrl_c: None) -> None:
    plan = PRESSING.compile()
    plan({"V": VALUES})
    PRESSED[way] = True
    with pytest.raises(KeyboardInterrupt):
        plan({"V": VALUES})
    np.testing.assert_array_equal(plan({"V": VALUES})[1]["V"], 8 * VALUES)


@pytest.mark.parametrize("way", ["forward", "backward"])
@shown("Ctrl-C in training", "the steps that are complete are returned")
def test_ctrl_c_in_training(way: str, ctrl_c: None) -> None:
    whole = train(PRESSING, {"V": VALUES}, {}, epochs=2, optimizer=SGD(0.01), progress=False)
    steps = itertools.count()

    class Third(cr.Node):
        """x, and Ctrl-C in the third step; no symbol passes, so that a plan calls it at every step."""

        def forward(self, x: Any) -> Any:
            x.tolist()
            if next(steps) == 2:
                PRESSED[way] = True
            return x * 1

        def backward(self, grad: Any, y: Any, x: Any) -> Any:
            return (grad,)

    graph = cr.Graph(cr.Sum(cr.Square(Pressing(Third(cr.Parameter("V", (3,))), name="y")), name="L"))
    steps, PRESSED[way] = itertools.count(), False  # the shape of the rule was learned by calling it
    history = train(graph, {"V": VALUES}, {}, epochs=9, optimizer=SGD(0.01), progress=False)
    assert history.interrupted
    assert len(history.losses) == 2
    np.testing.assert_allclose(history.params["V"], whole.params["V"], rtol=1e-15)  # the same two steps


class Waiting(rendering.Engine):
    """An engine that presses Ctrl-C and goes on for a minute."""

    def command(self, format: str, dpi: int) -> list[str]:  # noqa: A002 — what the base class calls it
        press = "import os, signal, time; os.kill(os.getppid(), signal.SIGINT); time.sleep(60)"
        return [sys.executable, "-c", press]


@shown("Ctrl-C in drawing", "KeyboardInterrupt; the old file stays, and no process")
def test_ctrl_c_in_drawing(ctrl_c: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "net.png").write_text("old")
    monkeypatch.setattr(rendering, "ENGINES", (Waiting(),))
    started: list[subprocess.Popen[bytes]] = []
    begin = subprocess.Popen.__init__

    def noted(process: Any, *arguments: Any, **options: Any) -> None:
        started.append(process)
        begin(process, *arguments, **options)

    monkeypatch.setattr(subprocess.Popen, "__init__", noted)
    with pytest.raises(KeyboardInterrupt):
        GRAPH.draw().save(tmp_path / "net.png")
    assert [file.name for file in tmp_path.iterdir()] == ["net.png"]
    assert (tmp_path / "net.png").read_text() == "old"
    assert [process.wait(timeout=60) for process in started] == [-signal.SIGKILL]


# --- a disk that is full ---------------------------------------------------------------------------------------------


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every new file beside another one is written to a device without any space."""
    opened = os.open

    def no_space(path: Any, flags: int, *mode: int) -> int:
        if not flags & os.O_EXCL:
            return opened(path, flags, *mode)
        os.close(opened(path, flags, *mode))
        return opened("/dev/full", os.O_WRONLY)

    monkeypatch.setattr(os, "open", no_space)


@pytest.mark.parametrize("kind", ["dot", "svg", "png", "pdf"])
@shown("a disk that is full while a picture is written", "OSError; the old file stays")
def test_a_full_disk_leaves_the_old_picture(kind: str, full_disk: None, tmp_path: Path) -> None:
    (tmp_path / f"net.{kind}").write_text("old")
    with pytest.raises(OSError, match=r"^\[Errno 28\] No space left on device$"):
        GRAPH.draw().save(tmp_path / f"net.{kind}")
    assert [file.name for file in tmp_path.iterdir()] == [f"net.{kind}"]
    assert (tmp_path / f"net.{kind}").read_text() == "old"


@shown("a disk that is full while `chainrule draw` writes", "exit code 2, one line; the old file stays")
def test_a_full_disk_under_the_command_draw(full_disk: None, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "net.dot"
    path.write_text("old")
    assert cli.main(["draw", "nets:DNN", "-o", str(path)]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == (
        "",
        f"chainrule: error: {path} cannot be written: No space left on device\n",
    )
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


@shown("a disk that is full while `chainrule demo` draws", "the demo goes on and says why nothing is drawn")
def test_a_full_disk_under_the_command_demo(full_disk: None, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "network.svg").write_text("old")
    assert cli.main(["demo", "--steps", "2", "--pictures", str(tmp_path)]) == 0
    assert "\nNot drawn: [Errno 28] No space left on device\n" in capsys.readouterr().out
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


def command(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    line = [sys.executable, "-m", "chainrule", *arguments]
    return subprocess.run(line, env=environment, stderr=subprocess.PIPE, check=False, **options)


def small_files() -> None:
    """Files end at 10 bytes, and whoever writes more gets an error."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))


REPORTS = {
    "derive": ["derive", "nets:DNN"],
    "check": ["check", "nets:DNN", "formulas.txt"],
    "check --json": ["check", "nets:DNN", "formulas.txt", "--json"],
    "gradcheck": ["gradcheck", "nets:DNN"],
    "demo": ["demo", "--steps", "2", "--pictures", "pictures"],
}


@pytest.mark.parametrize("report", REPORTS)
@shown("a disk that is full while a report is written", "exit code 2, one line")
def test_a_full_disk_under_a_report(report: str, tmp_path: Path) -> None:
    (tmp_path / "formulas.txt").write_text("dZ3 = A3 - Y\n")
    with Path("/dev/full").open("wb") as full:
        done = command(*REPORTS[report], stdout=full, cwd=tmp_path)
    assert done.stderr == b"chainrule: error: the output cannot be written: No space left on device\n"
    assert done.returncode == 2


@shown("a report that is larger than a file may be", "exit code 2, one line")
def test_a_report_beyond_the_size_of_a_file(tmp_path: Path) -> None:
    with (tmp_path / "report.txt").open("wb") as file:
        done = command("derive", "nets:DNN", stdout=file, cwd=tmp_path, preexec_fn=small_files)
    assert done.stderr == b"chainrule: error: the output cannot be written: File too large\n"
    assert done.returncode == 2


# --- NET, formulas and feeds on the command line ---------------------------------------------------------------------


@pytest.fixture
def clean_imports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An empty current folder; the import path and the loaded modules are left as they were."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


FORM = "\n  try:   module:attribute or path/to/file.py[:attribute]"
NETS = [
    row(
        "a NET file that does not exist",
        "refused: ArgumentError",
        "nowhere.py",
        None,
        "ArgumentError: nowhere.py does not exist",
    ),
    row(
        "a NET module that does not exist",
        "refused: ArgumentError",
        "no_such_module:graph",
        None,
        "ArgumentError: there is no module 'no_such_module'" + FORM,
    ),
    row(
        "a NET that names nothing",
        "refused: ArgumentError",
        "two words",
        None,
        "ArgumentError: 'two words' is neither a module nor a file" + FORM,
    ),
    row("an empty NET", "refused: ArgumentError", "", None, "ArgumentError: '' names no graph" + FORM),
    row(
        "a NET that is longer than any path",
        "refused: ArgumentError",
        f"{'x' * 100_000}.py",
        None,
        f"ArgumentError: {'x' * 200}... does not exist",
    ),
    row(
        "a NET with a NUL in it",
        "refused: ArgumentError",
        "my\0.py",
        None,
        "ArgumentError: my�.py does not exist",
    ),
    row(
        "a NET that is no Python file",
        "refused: ArgumentError",
        "mine.txt",
        "hello",
        "ArgumentError: mine.txt is no Python file" + FORM,
    ),
    row(
        "a NET that does not import",
        "refused: ArgumentError with the line at fault",
        "mine.py",
        "x = 1\nimport no_such_module\n",
        "ArgumentError: mine.py does not run: ModuleNotFoundError: No module named 'no_such_module'\n  where: LINE",
    ),
    row(
        "a NET with a mistake in its syntax",
        "refused: ArgumentError with the line at fault",
        "mine.py",
        "x = 1\ny = (\n",
        "ArgumentError: mine.py does not run: SyntaxError: '(' was never closed\n  where: LINE",
    ),
    row(
        "a NET that holds no graph",
        "refused: ArgumentError",
        "mine.py",
        "x = 1\n",
        "ArgumentError: mine.py holds no graph\n  try:   graph = chainrule.Graph(loss)",
    ),
    row(
        "a NET that holds several graphs",
        "refused: ArgumentError, which lists them",
        "mine.py",
        "import chainrule as cr\na, b = (cr.Graph(cr.Input(name) * 2) for name in 'ab')\n",
        "ArgumentError: mine.py holds several graphs\n  try:   mine.py:a or mine.py:b",
    ),
    row(
        "an attribute that NET does not have",
        "refused: ArgumentError with did-you-mean",
        "mine.py:grahp",
        "import chainrule as cr\ngraph = cr.Graph(cr.Input('x') * 2)\n",
        "ArgumentError: mine.py has no 'grahp' (did you mean 'graph'?)\n  given: it has cr, graph",
    ),
    row(
        "an attribute that is no graph",
        "refused: ArgumentError",
        "mine.py:x",
        "import chainrule as cr\nx = cr.Input('x')\n",
        "ArgumentError: mine.py:x is no graph and has none: it is of type Input\n  try:   graph = chainrule.Graph(x)",
    ),
]


@table("net text said", NETS)
def test_a_net_that_gives_no_graph(clean_imports: Path, net: str, text: str | None, said: str) -> None:
    if text is not None:
        Path(net.partition(":")[0]).write_text(text, encoding="utf-8")
    assert refusal(lambda: load_graph(net)) == said


SAVE = '\n  try:   numpy.savez("data.npz", A0=x, Y=y)'
FEED_FILES = [
    row(
        "a feeds file that does not exist",
        "refused: ArgumentError",
        None,
        "ArgumentError: data.npz cannot be read: No such file or directory",
    ),
    row(
        "a feeds file that is text",
        "refused: ArgumentError",
        b"1, 2, 3",
        "ArgumentError: data.npz is no .npz file" + SAVE,
    ),
    row("an empty feeds file", "refused: ArgumentError", b"", "ArgumentError: data.npz is no .npz file" + SAVE),
]


@table("content said", FEED_FILES)
def test_a_feeds_file_that_gives_no_arrays(clean_imports: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        Path("data.npz").write_bytes(content)
    assert refusal(lambda: load_feeds("data.npz")) == said


@shown("a formulas file that does not exist", "exit code 2, one line")
def test_a_formulas_file_that_does_not_exist(clean_imports: Path, capsys: Any) -> None:
    assert cli.main(["check", "nets:DNN", "none.txt"]) == 2
    assert capsys.readouterr().err == "chainrule: error: none.txt cannot be read: No such file or directory\n"
