"""Graph and Run as people hold them: what they are stands in ``core``, and each method here hands over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, final, overload

from chainrule.core import passes
from chainrule.core.feeds import one_dict
from chainrule.core.graph import BaseGraph
from chainrule.core.node import Node
from chainrule.core.run import BaseRun
from chainrule.errors import ChainruleError, drawn_by

if TYPE_CHECKING:
    import numpy.typing as npt

    from chainrule.checking.report import GradientReport
    from chainrule.derivation.deriving import Convention
    from chainrule.derivation.formulas import Derivation
    from chainrule.drawing import Drawing
    from chainrule.drawing.drawing import Show
    from chainrule.judging import AnyFormula, Submission
    from chainrule.judging import Convention as JudgedConvention
    from chainrule.judging.verdicts import Report
    from chainrule.page import Page
    from chainrule.plan.plan import Plan
    from chainrule.plan.prediction_plan import PredictionPlan
    from chainrule.plan.refusing import Backend, Recomputing
    from chainrule.plan.training_plan import TrainingPlan
    from chainrule.plan.updating import Update

Array: TypeAlias = "npt.NDArray[Any]"


@final
class Run(BaseRun):
    """The result of ``Graph.forward``: ``run["Z3"]`` is a value and, after ``backward``, ``run["dZ3"]`` its gradient.

    >>> import numpy as np
    >>> from chainrule import Graph, Input
    >>> x = Input("x")
    >>> run = Graph((x * x).relabel("y", like=x)).forward({"x": 3.0})
    >>> run.backward()["x"]
    array(6.)
    >>> [float(use.gradient) for use in run.contributions("x")]
    [3.0, 3.0]

    All arrays are read-only. ``backward`` may be called again: it starts from nothing each time.
    """

    graph: Graph

    def __init__(self, graph: Graph, values: list[Array], check_finite: bool = False) -> None:
        super().__init__(graph, values, check_finite)

    def compare(
        self, formulas: Mapping[str, AnyFormula], *, convention: JudgedConvention = "auto", require: Sequence[str] = ()
    ) -> Report:
        """Judge arrays computed by hand, or formulas, on the data of this run; otherwise as ``Graph.check``.

        Gradients may have the names of their parameters, as ``run.backward()`` gives them.

        >>> from chainrule import Graph, Input
        >>> x = Input("x")
        >>> report = Graph((x * x).relabel("y", like=x)).forward({"x": 3.0}).compare({"dx": 3.0})
        >>> report.ok, report["dx"].diagnosis
        (False, 'what y sends is missing: x')

        Raises ArgumentError for what is neither a formula, nor a callable, nor an array.
        """
        from chainrule.judging import compare

        return compare(self, formulas, convention=convention, require=require)

    def draw(self, show: Show | None = None, **options: Any) -> Drawing:
        """A picture of the run: the graph's, with values in green and, after ``backward``, gradients in pink-red.

        ``show`` is "graph", "values", "gradients" or "formulas"; the other options are those of ``Graph.draw``. Where a
        value is used several times, each arrow backward shows what that use contributed, and the box the sum.

        >>> from chainrule import Graph, Input
        >>> x = Input("x")
        >>> "2.5" in Graph((x + 1).relabel("y", like=x)).forward({"x": 1.5}).draw().dot
        True

        Raises ArgumentError for an unknown option, and for gradients of a run that has none yet.
        """
        from chainrule.drawing import draw_run

        return draw_run(self, show, **options)

    def page(self, **options: Any) -> Page:
        """A page to step through: every value and, after ``backward``, every contribution and every gradient.

        It is one HTML file that needs nothing else: ``run.page().save("steps.html")``; in a notebook it shows itself.
        Each step has its formula, also with shapes and with its numbers, and each gradient numerical differentiation
        beside it, which ``numerical=False`` leaves out. ``title``, ``palette`` and ``direction`` are further options,
        the last two as for ``Graph.draw``.

        >>> from chainrule import Graph, Input
        >>> x = Input("x")
        >>> Graph((x + 1).relabel("y", like=x)).forward({"x": 1.5}).page()
        <Page of 3 steps>

        Raises ArgumentError for an unknown option, and for a graph of more than 5,000 nodes.
        """
        from chainrule.page import page_of_run

        return page_of_run(self, **options)

    def plot_gradients(self, axes: Any = None) -> Any:
        """How large the gradients of the parameters are, a histogram for each layer (extra: plot).

        It shows where gradients vanish or explode. Returns the Axes, an array of one for each layer, from the output
        down. Raises UnknownNameError before ``backward``, MissingExtraError where matplotlib is not installed.
        """
        from chainrule.page.plots import plot_gradients

        return plot_gradients(self, axes)


@final
class Graph(BaseGraph):
    """What some outputs are computed from, sorted once; it holds no data, so runs and threads can share it.

    >>> from chainrule import Input, Mean, Parameter, Square
    >>> x, w = Input("x", (2, "m")), Parameter("w", (1, 2))
    >>> graph = Graph(Mean(Square(w @ x), name="L"))
    >>> [graph.name(node) for node in graph.order]
    ['x', 'w', 'matmul_1', 'square_1', 'L']
    >>> run = graph.forward({"w": [[1, 2]], "x": [[1, 0], [0, 1]]})
    >>> run["L"], run.backward()["w"]
    (array(2.5), array([[1., 2.]]))

    Gradients start at ``outputs``. What is named in ``watch`` is computed too and can be read, but no gradient
    starts there: predictions, for instance. ``names=locals()`` calls nodes that have no name as the variables that hold
    them, or as the keys of dicts: ``Z1 = W1 @ A0`` is Z1 (``chainrule.trace`` says more on such names). Raises
    NameConflictError when two nodes share a name, CycleError when a node feeds itself.
    """

    def __init__(self, *outputs: Node, watch: Iterable[Node] = (), names: Mapping[str, Any] | None = None) -> None:
        super().__init__(*outputs, watch=watch, names=names)

    def __call__(self, *_: Any, **feeds: Any) -> None:
        one_dict(None, feeds, "graph.forward")

    def forward(self, feeds: Mapping[Any, Any] | None = None, *, check_finite: bool = False, **named: Any) -> Run:
        """Compute every node from the feeds, by name or node.

        ``check_finite=True`` stops at the first node that makes an infinity or NaN out of finite numbers, and names it
        with the place and what it was given there; ``run.backward()`` then does the same. NumPy's own warnings about
        such numbers are not shown.

        >>> from chainrule import Input, Log
        >>> graph = Graph(Log(Input("x", (3,)), name="y"))
        >>> graph.forward({"x": [1.0, 0.0, 2.0]}, check_finite=True)
        Traceback (most recent call last):
          ...
        chainrule.errors.NonFiniteError: Log 'y': the output is -inf at (1,), from finite inputs
          where: Log 'y', built at ...
          given: x[1] = 0.0
          try:   ...

        Raises FeedError, before anything is computed, when feeds are missing, unknown or unfit, or not finite where
        that is checked; RuleError when a rule raises, naming the node and the line that built it; NonFiniteError.
        """
        given = one_dict(feeds, named, "graph.forward")
        return Run(self, passes.forward(self, given, check_finite=check_finite), check_finite)

    def sweep(
        self, values: Sequence[Array], seed: Any = None, *, check_finite: bool = False
    ) -> tuple[list[Array | None], list[passes.Uses[Array]]]:
        """Push gradients from the outputs to the leaves: every gradient, and what every use contributed to it."""
        return passes.sweep(self, values, seed, check_finite=check_finite)

    def initialize(self, seed: int = 0, dtype: Any = float) -> dict[str, Array]:
        """Starting values for every parameter, by name: the same for the same seed.

        Weights start uniformly within ±√(6 / (fan_in + fan_out)) (Glorot and Bengio 2010) or, before a ReLU,
        normally with variance 2 / fan_in (He et al. 2015). Kernels of several axes and what a rule of one's own reads
        are weights, too; biases and scales start at 0. ``Parameter(init=...)`` overrides this.
        """
        from chainrule.samples.initialization import initial_values

        return initial_values(self, seed, dtype)

    def fuse(self) -> Graph:
        """A new graph with Sigmoid → BCELoss and Softmax → CrossEntropyLoss replaced by one exact node each.

        The activation is still there for others to read; what the loss sends back no longer passes through it.
        """
        from chainrule.core.rewriting import fuse

        return fuse(self)

    def expand(self, *nodes: str | Node) -> Graph:
        """A new graph with these nodes opened into simpler ones; without arguments, all that can be opened."""
        from chainrule.core.rewriting import expand

        return expand(self, nodes)

    def backward(self, *names: str | Node) -> Graph:
        """The backward pass as a graph: its outputs are these gradients (the parameters' when none is named).

        It reads the nodes of this graph; those of the backward pass stand in frames of their own and come from the
        lines of the nodes whose gradients they compute. Where an output is no number, its gradient is an input. So the
        second gradient of W1, d2W1, is an output of ``graph.backward("W1").backward("W1")``, where ddW1 is fed.

        >>> from chainrule import Input, Mean, Parameter, Square
        >>> w, x = Parameter("w", (1, 2)), Input("x", (2, "m"))
        >>> gradient = Graph(Mean(Square(w @ x), name="L")).backward()
        >>> gradient.forward({"w": [[1, 2]], "x": [[1, 0], [0, 1]]})["dw"]
        array([[1., 2.]])
        >>> print(gradient.derivation()["dw"])
        2 * (w @ x @ x.T) / m

        Raises UnknownNameError for what has no gradient; Untraceable, naming the node, where a rule cannot be recorded.
        """
        from chainrule.program.calculus.backward import backward

        return backward(self, names)

    def hvp(self, name: str | Node | Mapping[Any, Any], along: Any = None) -> Graph:
        """The Hessian times a direction as a graph: how the gradient of ``name`` changes along it, called d2W1.

        ``along`` is a name for what is fed, a node, or an array. With a dict of names and directions, all of them move.

        >>> import numpy as np
        >>> from chainrule import Exp, Parameter, Sum
        >>> w = Parameter("w", (3,))
        >>> product = Graph(Sum(Exp(w), name="L")).hvp("w", along="v")
        >>> product.forward({"w": np.zeros(3), "v": [1, 2, 3]})["d2w"]
        array([1., 2., 3.])

        Raises as ``backward``; ShapeError for a direction of another shape.
        """
        from chainrule.program.calculus.directions import hvp

        return hvp(self, name, along)

    def jvp(self, directions: Mapping[Any, Any], *of: str | Node) -> Graph:
        """How values move when others move along directions, as a graph: the Jacobian times a direction.

        ``of`` are the values that are asked for, the outputs when none is named; L is called L_along_v.

        >>> from chainrule import Exp, Parameter, Sum
        >>> w = Parameter("w", (2,))
        >>> moved = Graph(Sum(Exp(w), name="L")).jvp({"w": "v"}, "L")
        >>> float(moved.forward({"w": [0, 0], "v": [1, 2]})["L_along_v"])
        3.0

        Raises UnknownNameError for what does not move; Untraceable; ShapeError.
        """
        from chainrule.program.calculus.directions import jvp

        return jvp(self, directions, *of)

    def hessian(self, name: str | Node) -> Graph:
        """All second derivatives with respect to ``name`` as a graph; its output d2W1 has the shape ``(*W1, *W1)``.

        >>> from chainrule import Parameter, Sum
        >>> w = Parameter("w", (2,))
        >>> Graph(Sum(w * w * w, name="L")).hessian("w").forward({"w": [1, 2]})["d2w"]
        array([[ 6.,  0.],
               [ 0., 12.]])

        Raises ArgumentError above 1,000 entries of ``name``, where ``hvp`` is the tool; as ``backward``.
        """
        from chainrule.program.calculus.matrices import hessian

        return hessian(self, name)

    def jacobian(self, of: str | Node, name: str | Node) -> Graph:
        """The derivatives of one value with respect to another as a graph; its output has the shape ``(*of, *name)``.

        A size with a name is kept, if only one of the two has any. The output is called dZ1_dW1.

        >>> from chainrule import Input, Parameter
        >>> w, x = Parameter("w", (1, 2)), Input("x", (2, "m"))
        >>> Graph((w @ x).relabel("z", like=w)).jacobian("z", "w").outputs[0].shape
        (1, m, 1, 2)

        Raises ArgumentError where neither has at most 1,000 entries whatever the data; as ``backward``.
        """
        from chainrule.program.calculus.matrices import jacobian

        return jacobian(self, of, name)

    def check_gradients(self, feeds: Mapping[Any, Any], **options: Any) -> GradientReport:
        """Every gradient against numerical differentiation; a report that says how much was compared."""
        from chainrule.checking.gradients import check_gradients

        return check_gradients(self, feeds, **options)

    def check(
        self,
        formulas: Submission | None = None,
        feeds: Mapping[Any, Any] | None = None,
        *,
        convention: JudgedConvention = "auto",
        seed: int = 0,
        require: Sequence[str] = (),
        function: str | None = None,
        **named: Any,
    ) -> Report:
        """Judge formulas derived by hand, and say what is wrong with those that are; ``judging.check`` says more.

        A formula for a gradient ``dX`` or a value is text, a callable of values, or an array. In the place of a dict of
        formulas may stand a function that returns gradients by name, ``{"W3": ...}`` or ``{"dW3": ...}``, and whose
        parameters are filled by their names: ``cache`` with all values, ``out`` with what the loss reads, any other
        with the value that is called so. A ``Path`` that ends with .py is run, in a process of its own, and its
        function of gradients is judged (of several the one that ``function`` names); any other Path is text, which is
        never run. Data is drawn at random from ``seed``; ``feeds`` are judged on, too.

        ``convention`` says where 1/m stands: "mean" in the first gradient, "per-example" in those of the parameters,
        "auto" for whichever the formulas follow. ``require`` are names that have to be among the formulas.

        >>> from chainrule import BCELoss, Input, Parameter, Sigmoid
        >>> A0, Y = Input("A0", (2, "m")), Input("Y", (1, "m"))
        >>> A1 = Sigmoid(Parameter("W1", (1, 2)) @ A0, name="A1")
        >>> report = Graph(BCELoss(A1, Y)).check({"dW1": "(A1 - Y) @ A0 / m"})
        >>> report.ok, report["dW1"].diagnosis, report["dW1"].repair
        (False, 'A0 has to be transposed', '(A1 - Y) @ A0.T / m')

        Text that cannot be read gets a verdict of its own. Raises ArgumentError for an array without feeds and for a
        parameter that nothing fills, FeedError.
        """
        from chainrule.judging import check

        given: Any = formulas if formulas is not None and not named else one_dict(None, named, "graph.check")
        told = {} if function is None else {"function": function}
        return check(self, given, feeds, convention=convention, seed=seed, require=require, **told)

    def derivation(self, convention: Convention = "mean", *, shapes: bool = False) -> Derivation:
        """The formulas, forward and backward, read off the rules, with their shapes on request; see ``Derivation``."""
        from chainrule.derivation.deriving import derivation

        return derivation(self, convention, shapes=shapes)

    def draw(self, show: Show = "graph", **options: Any) -> Drawing:
        """A picture of the graph: boxes are values, circles operations, frames layers.

        ``show="formulas"`` puts the formula of every value and gradient in its box. ``layer="Layer 3"`` draws one layer
        with what enters and leaves; ``collapse=True`` one box for each layer, as happens by itself above 300 nodes;
        ``highlight`` marks nodes; ``palette="document"`` is plain green and red; ``direction`` is "right" or "down".

        >>> from chainrule import Input, Sigmoid
        >>> graph = Graph(Sigmoid(Input("z"), name="a"))
        >>> "σ" in graph.draw().dot
        True

        Raises ArgumentError for an unknown option, layer or view, UnknownNameError for an unknown node.
        """
        from chainrule.drawing import draw_graph

        return draw_graph(self, show, **options)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {**self.draw()._repr_mimebundle_(), "text/plain": repr(self)}

    @overload
    def compile(  # type: ignore[overload-overlap]  # one name is text, several are not
        self, *, outputs: str | Node, backend: Backend = "numpy", recompute: Recomputing = False
    ) -> PredictionPlan[Array]: ...

    @overload
    def compile(
        self, *, outputs: Iterable[str | Node], backend: Backend = "numpy", recompute: Recomputing = False
    ) -> PredictionPlan[dict[str, Array]]: ...

    @overload
    def compile(
        self,
        gradients: Iterable[str | Node] | None = None,
        *,
        backend: Backend = "numpy",
        update: None = None,
        recompute: Recomputing = False,
    ) -> Plan: ...

    @overload
    def compile(
        self,
        gradients: Iterable[str | Node] | None = None,
        *,
        backend: Backend = "numpy",
        update: Update,
        recompute: Recomputing = False,
    ) -> TrainingPlan: ...

    def compile(
        self,
        gradients: Iterable[str | Node] | None = None,
        *,
        outputs: str | Node | Iterable[str | Node] | None = None,
        backend: Backend = "numpy",
        update: Update | None = None,
        recompute: Recomputing = False,
    ) -> Plan | TrainingPlan | PredictionPlan[Any]:
        """A plan that computes the loss and these gradients (the parameters' when None) faster than a Run.

        With an ``update`` such as ``chainrule.SGD(0.1)``, a plan that takes a step: it hands back the parameters
        after it in place of their gradients. With ``outputs="A3"``, a plan of that value alone, from the feeds that it
        needs: ``plan(feeds)`` is an array, or a dict of arrays by name where several outputs are asked for. Without any
        of these a graph of gradients, as ``graph.backward()`` is one, has a plan of all its outputs in a dict by name.

        ``backend="numba"`` (extra: jit) makes one compiled loop over the columns where the layers are small enough for
        that, which takes seconds the first time and is kept on disk; ``"auto"`` does so where Numba is installed.

        ``recompute=True`` is for deep networks: of what the way forward computes about the root of the layers is kept,
        and the rest is computed again on the way back, with the same bits. ``recompute=["A10", "A20"]`` keeps these
        values and none before the last of them; ``plan.explain()`` says what it spares.

        >>> from chainrule import Input, Mean, Parameter, Square
        >>> w, x = Parameter("w", (1, 2)), Input("x", (2, "m"))
        >>> step = Graph(Mean(Square(w @ x), name="L")).compile()
        >>> loss, gradients = step({"w": [[1, 2]], "x": [[1, 0], [0, 1]]})
        >>> float(loss), gradients["w"]
        (2.5, array([[1., 2.]]))

        >>> float(Graph(Mean(Square(w @ x), name="L")).compile(outputs="L")({"w": [[1, 2]], "x": [[1], [0]]}))
        1.0

        Raises ArgumentError for a loss that is no scalar, or more than one, and for ``recompute`` of what is not
        computed; UnknownNameError for what has no gradient; MissingExtraError for Numba where it is not installed.
        """
        from chainrule.plan.training_plan import compile_plan

        return compile_plan(self, gradients, outputs, backend, update, recompute=recompute)


def _drawn(error: ChainruleError, **options: Any) -> Drawing:
    from chainrule.drawing import draw_error

    return draw_error(error, Graph, **options)


drawn_by(_drawn)
