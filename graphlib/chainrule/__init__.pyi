"""What type checkers read of chainrule: the signature of every node, by docs/make_stub.py."""

from typing import Any, Literal, final

from chainrule.core.node import Operand
from chainrule.symbols.symbol import Value
from chainrule import errors as errors
from chainrule import practice as practice
from chainrule.checking.local_gradients import check_node as check_node
from chainrule.checking.report import GradientReport as GradientReport
from chainrule.core.array_file import ArrayFile as ArrayFile
from chainrule.core.leaves import Constant as Constant
from chainrule.core.leaves import Input as Input
from chainrule.core.leaves import Leaf as Leaf
from chainrule.core.leaves import Parameter as Parameter
from chainrule.core.listed import Contribution as Contribution
from chainrule.core.node import Node as Node
from chainrule.core.placing import layer as layer
from chainrule.derivation.formulas import Derivation as Derivation
from chainrule.derivation.formulas import Formula as Formula
from chainrule.graph import Graph as Graph
from chainrule.graph import Run as Run
from chainrule.interop.tracing.trace import trace as trace
from chainrule.interop.weights import load as load
from chainrule.interop.weights import save as save
from chainrule.judging.verdicts import Report as Report
from chainrule.judging.verdicts import Verdict as Verdict
from chainrule.nodes.layouts import split as split
from chainrule.nodes.normalizing import running_statistics as running_statistics
from chainrule.plan.plan import Plan as Plan
from chainrule.plan.training_plan import TrainingPlan as TrainingPlan
from chainrule.practice.sheet import exercise as exercise
from chainrule.program.calculus.derived_rule import derived_rule as derived_rule
from chainrule.symbols.symbol import Symbol as Symbol
from chainrule.training.history import History as History
from chainrule.training.optimizers import Adam as Adam
from chainrule.training.optimizers import Momentum as Momentum
from chainrule.training.optimizers import Optimizer as Optimizer
from chainrule.training.optimizers import SGD as SGD
from chainrule.training.train import train as train

__version__: str

__all__ = [
    "Abs",
    "Adam",
    "Add",
    "And",
    "ArcCos",
    "ArcCosh",
    "ArcSin",
    "ArcSinh",
    "ArcTan",
    "ArcTanh",
    "ArgMax",
    "ArgMin",
    "ArgSort",
    "ArrayFile",
    "AsType",
    "Attention",
    "AveragePool",
    "BCELoss",
    "BatchNorm",
    "BroadcastTo",
    "Ceil",
    "Clip",
    "Concatenate",
    "Constant",
    "Contribution",
    "Conv2d",
    "Cos",
    "Cosh",
    "CrossEntropyLoss",
    "CumProd",
    "CumSum",
    "Derivation",
    "Diagonal",
    "Divide",
    "Dropout",
    "ELU",
    "Einsum",
    "Equal",
    "Erf",
    "Exp",
    "ExpandDims",
    "Expm1",
    "Flip",
    "Floor",
    "Formula",
    "FullLike",
    "GELU",
    "Gather",
    "GradientReport",
    "Graph",
    "Greater",
    "GreaterEqual",
    "GroupNorm",
    "HingeLoss",
    "History",
    "HuberLoss",
    "Index",
    "Input",
    "IsFinite",
    "IsInfinite",
    "IsNaN",
    "KLLoss",
    "L1Loss",
    "LayerNorm",
    "Leaf",
    "LeakyReLU",
    "Less",
    "LessEqual",
    "Log",
    "Log1p",
    "LogSoftmax",
    "LogSumExp",
    "MSELoss",
    "MatMul",
    "Max",
    "MaxPool",
    "Maximum",
    "Mean",
    "Min",
    "Minimum",
    "Mod",
    "Momentum",
    "Multiply",
    "NLLLoss",
    "Negate",
    "Node",
    "Norm",
    "NormalCDF",
    "Not",
    "NotEqual",
    "Optimizer",
    "Or",
    "Pad",
    "Parameter",
    "Plan",
    "Power",
    "Prod",
    "RMSNorm",
    "ReLU",
    "Repeat",
    "Report",
    "Reshape",
    "Roll",
    "Round",
    "Run",
    "SGD",
    "ScatterAdd",
    "SiLU",
    "Sigmoid",
    "SigmoidBCELoss",
    "Sign",
    "Sin",
    "Sinh",
    "Size",
    "Softmax",
    "SoftmaxCrossEntropyLoss",
    "Softplus",
    "Softsign",
    "Sort",
    "Sqrt",
    "Square",
    "Squeeze",
    "Stack",
    "Std",
    "StopGradient",
    "Subtract",
    "Sum",
    "SwapAxes",
    "Symbol",
    "TakeAlong",
    "Tan",
    "Tanh",
    "Tile",
    "TopK",
    "TrainingPlan",
    "Transpose",
    "Triangle",
    "Var",
    "Verdict",
    "Where",
    "Xor",
    "check_node",
    "derived_rule",
    "errors",
    "exercise",
    "layer",
    "load",
    "practice",
    "running_statistics",
    "save",
    "split",
    "trace",
    "train",
]

@final
class Abs(Node):
    """|x|; its slope at 0 is taken to be 0."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Add(Node):
    """x + y."""

    def __init__(self, x: Operand, y: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value, y: Value) -> Value: ...

@final
class And(Node):
    """Whether x and y both hold; a number holds where it is not 0."""

    def __init__(self, x: Operand, y: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value, y: Value) -> Value: ...

@final
class ArcCos(Node):
    """The angle between 0 and π whose cosine is x, for -1 ≤ x ≤ 1; the slope is infinite at either end."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class ArcCosh(Node):
    """The number from 0 whose hyperbolic cosine is x, for x ≥ 1; the slope at 1 is infinite."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class ArcSin(Node):
    """The angle between -π/2 and π/2 whose sine is x, for -1 ≤ x ≤ 1; the slope is infinite at either end."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class ArcSinh(Node):
    """The number whose hyperbolic sine is x."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class ArcTan(Node):
    """The angle between -π/2 and π/2 whose tangent is x."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class ArcTanh(Node):
    """The number whose hyperbolic tangent is x, for -1 < x < 1."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class ArgMax(Node):
    """Where the largest entry along an axis stands, the first of several; a whole number, which has no gradient."""

    axis: int | None
    keepdims: bool

    def __init__(self, x: Operand, /, *, axis: int | None = None, keepdims: bool = False, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class ArgMin(Node):
    """Where the smallest entry along an axis stands, the first of several; a whole number, which has no gradient."""

    axis: int | None
    keepdims: bool

    def __init__(self, x: Operand, /, *, axis: int | None = None, keepdims: bool = False, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class ArgSort(Node):
    """Where the smallest entry along an axis stands, the next one, ...; equal ones in their order."""

    axis: int

    def __init__(self, x: Operand, /, *, axis: int = -1, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class AsType(Node):
    """x converted to another kind of number: ``to`` is float, int or bool."""

    to: Any

    def __init__(self, x: Operand, *, to: Any = ..., name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Attention(Node):
    """softmax(q kᵀ / √d) v: every query takes from the values by how well it fits their keys (Vaswani et al. 2017)."""

    def __init__(self, q: Operand, k: Operand, v: Operand, mask: Any = None, *, name: str | None = None) -> None: ...
    def forward(self, q: Value, k: Value, v: Value, mask: Value = None) -> Value: ...

@final
class AveragePool(Node):
    """The mean of every window of the images."""

    size: int | tuple[int, int]
    stride: int | tuple[int, int] | None
    padding: int | tuple[int, int]
    count_padding: bool

    def __init__(self, x: Operand, /, *, size: int | tuple[int, int] = 2, stride: int | tuple[int, int] | None = None, padding: int | tuple[int, int] = 0, count_padding: bool = True, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class BCELoss(Node):
    """Binary cross-entropy -(y log a + (1 - y) log(1 - a)) of probabilities a in [0, 1]."""

    reduction: Literal['mean', 'sum', 'none']
    examples: int | None

    def __init__(self, a: Operand, labels: Operand, /, *, reduction: Literal['mean', 'sum', 'none'] = 'mean', examples: int | None = None, name: str | None = None) -> None: ...
    def forward(self, a: Value, labels: Value) -> Value: ...

@final
class BatchNorm(Node):
    """Every channel at mean 0 and variance 1 over the batch, then scaled and shifted (Ioffe and Szegedy 2015)."""

    channels: int | None
    epsilon: float

    def __init__(self, x: Operand, scale: Operand, shift: Operand, mean: Operand | None = None, variance: Operand | None = None, /, *, channels: int | None = None, epsilon: float = 1e-05, name: str | None = None) -> None: ...
    def forward(self, x: Value, scale: Value, shift: Value, mean: Value = None, variance: Value = None) -> Value: ...

@final
class BroadcastTo(Node):
    """x repeated without a copy until it has the shape ``to``, or, without ``to``, that of ``like``."""

    to: tuple[int, ...] | int | None

    def __init__(self, x: Operand, *like: Operand, to: Any = None, name: str | None = None) -> None: ...
    def forward(self, x: Value, like: Value = None, *more: Value) -> Value: ...

@final
class Ceil(Node):
    """The smallest whole number that is not below x."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Clip(Node):
    """x held between ``low`` and ``high``; the slope is 1 between the bounds and on them, 0 outside."""

    low: float
    high: float

    def __init__(self, x: Operand, /, *, low: float = ..., high: float = ..., name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Concatenate(Node):
    """Values laid end to end along ``axis``."""

    axis: int

    def __init__(self, *values: Operand, axis: int = 0, name: str | None = None) -> None: ...
    def forward(self, *values: Value) -> Value: ...

@final
class Conv2d(Node):
    """Every window of the images times a kernel (out, channels, rows, columns), added up over channels and window."""

    stride: int | tuple[int, int]
    padding: int | tuple[int, int]

    def __init__(self, x: Operand, kernel: Operand, /, *, stride: int | tuple[int, int] = 1, padding: int | tuple[int, int] = 0, name: str | None = None) -> None: ...
    def forward(self, x: Value, kernel: Value) -> Value: ...

@final
class Cos(Node):
    """The cosine of an angle in radians."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Cosh(Node):
    """The hyperbolic cosine."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class CrossEntropyLoss(Node):
    """Cross-entropy -Σ y log p of probabilities p, whose classes stand beside the batch axis; y is one-hot."""

    reduction: Literal['mean', 'sum', 'none']
    examples: int | None
    ignore_unlabelled: bool

    def __init__(self, x: Operand, labels: Operand, weights: Any = None, /, *, reduction: Literal['mean', 'sum', 'none'] = 'mean', examples: int | None = None, ignore_unlabelled: bool = False, name: str | None = None) -> None: ...
    def forward(self, p: Value, labels: Value, weights: Value = None) -> Value: ...

@final
class CumProd(Node):
    """The products of the entries up to each along an axis; nothing is divided by, so entries may be 0."""

    axis: int | None

    def __init__(self, x: Operand, /, *, axis: int | None = None, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class CumSum(Node):
    """The sums of the entries up to each along an axis."""

    axis: int | None

    def __init__(self, x: Operand, /, *, axis: int | None = None, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Diagonal(Node):
    """The diagonal of a matrix; of a vector the matrix that has it on its diagonal, and zeros beside it."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Divide(Node):
    """x / y, element by element."""

    def __init__(self, x: Operand, y: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value, y: Value) -> Value: ...

@final
class Dropout(Node):
    """x where the mask is 1, 0 where it is 0, over 1 - ``rate`` so that the mean stays (Srivastava et al. 2014)."""

    rate: float

    def __init__(self, x: Operand, mask: Any = None, *, rate: float = 0.5, name: str | None = None) -> None: ...
    def forward(self, x: Value, mask: Value = None) -> Value: ...

@final
class ELU(Node):
    """x where x > 0, else alpha (exp(x) - 1) (Clevert and others 2015); its slope at 0 is ``alpha``."""

    alpha: float

    def __init__(self, x: Operand, /, *, alpha: float = 1.0, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Einsum(Node):
    """Sums of products, as ``subscripts`` name the axes: ``Einsum(x, y, subscripts="ij,jk->ik")`` is x @ y."""

    subscripts: str

    def __init__(self, *operands: Operand, subscripts: str, name: str | None = None) -> None: ...
    def forward(self, *operands: Value) -> Value: ...

@final
class Equal(Node):
    """x == y, exactly; NaN equals nothing."""

    def __init__(self, x: Operand, y: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value, y: Value) -> Value: ...

@final
class Erf(Node):
    """The error function 2/√π ∫₀ˣ exp(-t²) dt; its slope is 2/√π exp(-x²)."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Exp(Node):
    """The exponential function."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class ExpandDims(Node):
    """x with axes of size 1 put in at ``axis``, counted in the result."""

    axis: int | tuple[int, ...]

    def __init__(self, x: Operand, /, *, axis: int | tuple[int, ...] = 0, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Expm1(Node):
    """exp(x) - 1, with all digits of a small x."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Flip(Node):
    """x from its last entry to its first along an axis, along several, or along all of them."""

    axis: int | tuple[int, ...] | None

    def __init__(self, x: Operand, /, *, axis: int | tuple[int, ...] | None = None, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Floor(Node):
    """The largest whole number that is not above x."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class FullLike(Node):
    """``fill_value`` in every place of an array like x, which lends its shape and dtype and has no gradient."""

    def __init__(self, x: Operand, fill_value: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value, fill_value: Value) -> Value: ...

@final
class GELU(Node):
    """x Φ(x) with Φ the standard normal distribution function (Hendrycks and Gimpel 2016)."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Gather(Node):
    """Columns of a table by whole number (``axis=-1``), or rows (``axis=0``): how a learned input is looked up."""

    axis: int

    def __init__(self, table: Operand, indices: Operand, *, axis: int = -1, name: str | None = None) -> None: ...
    def forward(self, table: Value, indices: Value) -> Value: ...

@final
class Greater(Node):
    """x > y; false where one is NaN."""

    def __init__(self, x: Operand, y: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value, y: Value) -> Value: ...

@final
class GreaterEqual(Node):
    """x >= y; false where one is NaN."""

    def __init__(self, x: Operand, y: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value, y: Value) -> Value: ...

@final
class GroupNorm(Node):
    """Groups of channels with their images at mean 0 and variance 1, then scaled and shifted (Wu and He 2018)."""

    epsilon: float
    groups: int

    def __init__(self, x: Operand, scale: Operand | None = None, shift: Operand | None = None, /, *, epsilon: float = 1e-05, groups: int = 2, name: str | None = None) -> None: ...
    def forward(self, x: Value, scale: Value = None, shift: Value = None) -> Value: ...

@final
class HingeLoss(Node):
    """max(0, 1 - y s) for scores s and labels y that are -1 or 1; the slope at the hinge is taken to be 0."""

    reduction: Literal['mean', 'sum', 'none']
    examples: int | None

    def __init__(self, scores: Operand, labels: Operand, /, *, reduction: Literal['mean', 'sum', 'none'] = 'mean', examples: int | None = None, name: str | None = None) -> None: ...
    def forward(self, scores: Value, labels: Value) -> Value: ...

@final
class HuberLoss(Node):
    """Squared error near the labels, absolute error further away (Huber 1964), joined without a kink at ``delta``."""

    reduction: Literal['mean', 'sum', 'none']
    examples: int | None
    delta: float

    def __init__(self, a: Operand, labels: Operand, /, *, reduction: Literal['mean', 'sum', 'none'] = 'mean', examples: int | None = None, delta: float = 1.0, name: str | None = None) -> None: ...
    def forward(self, a: Value, labels: Value) -> Value: ...

@final
class Index(Node):
    """x[key], where key is what NumPy takes: numbers, slices, arrays or lists of whole numbers."""

    key: Any

    def __init__(self, x: Operand, *indices: Operand, key: Any, name: str | None = None) -> None: ...
    def forward(self, x: Value, *indices: Value) -> Value: ...

@final
class IsFinite(Node):
    """Whether x is neither infinite nor NaN."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class IsInfinite(Node):
    """Whether x is infinite."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class IsNaN(Node):
    """Whether x is NaN."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class KLLoss(Node):
    """Σ y (log y - log p): how far probabilities p are from shares y, 0 where equal (Kullback and Leibler 1951)."""

    reduction: Literal['mean', 'sum', 'none']
    examples: int | None

    def __init__(self, p: Operand, labels: Operand, /, *, reduction: Literal['mean', 'sum', 'none'] = 'mean', examples: int | None = None, name: str | None = None) -> None: ...
    def forward(self, p: Value, labels: Value) -> Value: ...

@final
class L1Loss(Node):
    """Absolute error: the loss of an example is Σ |a - y|; the slope where a meets y is taken to be 0."""

    reduction: Literal['mean', 'sum', 'none']
    examples: int | None

    def __init__(self, a: Operand, labels: Operand, /, *, reduction: Literal['mean', 'sum', 'none'] = 'mean', examples: int | None = None, name: str | None = None) -> None: ...
    def forward(self, a: Value, labels: Value) -> Value: ...

@final
class LayerNorm(Node):
    """The features of every example at mean 0 and variance 1, then scaled and shifted (Ba, Kiros and Hinton 2016)."""

    epsilon: float
    axis: int | tuple[int, ...] | None

    def __init__(self, x: Operand, scale: Operand | None = None, shift: Operand | None = None, /, *, epsilon: float = 1e-05, axis: int | tuple[int, ...] | None = None, name: str | None = None) -> None: ...
    def forward(self, x: Value, scale: Value = None, shift: Value = None) -> Value: ...

@final
class LeakyReLU(Node):
    """x where x > 0, else slope·x; its slope at 0 is ``slope``."""

    slope: float

    def __init__(self, x: Operand, /, *, slope: float = 0.01, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Less(Node):
    """x < y; false where one is NaN."""

    def __init__(self, x: Operand, y: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value, y: Value) -> Value: ...

@final
class LessEqual(Node):
    """x <= y; false where one is NaN."""

    def __init__(self, x: Operand, y: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value, y: Value) -> Value: ...

@final
class Log(Node):
    """The natural logarithm, for x > 0."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Log1p(Node):
    """log(1 + x) for x > -1, with all digits of a small x."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class LogSoftmax(Node):
    """log softmax(x) along an axis, as for Softmax; exact where the softmax rounds to 1."""

    axis: int | tuple[int, ...] | None

    def __init__(self, x: Operand, /, *, axis: int | tuple[int, ...] | None = 0, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class LogSumExp(Node):
    """log Σ exp(x) along an axis, exact for large entries; -inf for an empty axis."""

    axis: int | tuple[int, ...] | None
    keepdims: bool

    def __init__(self, x: Operand, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class MSELoss(Node):
    """Squared error: the loss of an example is its squared distance Σ (a - y)² from the labels."""

    reduction: Literal['mean', 'sum', 'none']
    examples: int | None

    def __init__(self, a: Operand, labels: Operand, /, *, reduction: Literal['mean', 'sum', 'none'] = 'mean', examples: int | None = None, name: str | None = None) -> None: ...
    def forward(self, a: Value, labels: Value) -> Value: ...

@final
class MatMul(Node):
    """x @ y for vectors, matrices and stacks of matrices, as NumPy's ``@``."""

    def __init__(self, x: Operand, y: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value, y: Value) -> Value: ...

@final
class Max(Node):
    """The largest entry along an axis; entries that tie share the gradient equally."""

    axis: int | tuple[int, ...] | None
    keepdims: bool

    def __init__(self, x: Operand, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class MaxPool(Node):
    """The largest entry of every window of the images; entries that tie share the gradient equally."""

    size: int | tuple[int, int]
    stride: int | tuple[int, int] | None
    padding: int | tuple[int, int]

    def __init__(self, x: Operand, /, *, size: int | tuple[int, int] = 2, stride: int | tuple[int, int] | None = None, padding: int | tuple[int, int] = 0, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Maximum(Node):
    """The larger of x and y, element by element; where they tie, each receives half of the gradient."""

    def __init__(self, x: Operand, y: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value, y: Value) -> Value: ...

@final
class Mean(Node):
    """The mean over an axis; a mean over nothing is an error."""

    axis: int | tuple[int, ...] | None
    keepdims: bool

    def __init__(self, x: Operand, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Min(Node):
    """The smallest entry along an axis; entries that tie share the gradient equally."""

    axis: int | tuple[int, ...] | None
    keepdims: bool

    def __init__(self, x: Operand, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Minimum(Node):
    """The smaller of x and y, element by element; where they tie, each receives half of the gradient."""

    def __init__(self, x: Operand, y: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value, y: Value) -> Value: ...

@final
class Mod(Node):
    """x - y floor(x / y), the remainder with the sign of y; the slopes are 1 and -floor(x / y), at the jumps, too."""

    def __init__(self, x: Operand, y: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value, y: Value) -> Value: ...

@final
class Multiply(Node):
    """x * y, element by element."""

    def __init__(self, x: Operand, y: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value, y: Value) -> Value: ...

@final
class NLLLoss(Node):
    """-Σ y q of logarithms q of probabilities, as ``LogSoftmax`` gives them; classes stand beside the batch axis."""

    reduction: Literal['mean', 'sum', 'none']
    examples: int | None
    ignore_unlabelled: bool

    def __init__(self, x: Operand, labels: Operand, weights: Any = None, /, *, reduction: Literal['mean', 'sum', 'none'] = 'mean', examples: int | None = None, ignore_unlabelled: bool = False, name: str | None = None) -> None: ...
    def forward(self, q: Value, labels: Value, weights: Value = None) -> Value: ...

@final
class Negate(Node):
    """-x."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Norm(Node):
    """The Euclidean length √Σx², over all entries or along an axis; where it is 0 its slope is taken to be 0."""

    axis: int | tuple[int, ...] | None
    keepdims: bool

    def __init__(self, x: Operand, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class NormalCDF(Node):
    """Φ(x), the probability that a standard normal number is below x; its slope is the density exp(-x² / 2) / √(2π)."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Not(Node):
    """Whether x does not hold; a number holds where it is not 0."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class NotEqual(Node):
    """x != y, exactly; NaN differs from everything. Where it stands for true or false, whether they are two nodes."""

    def __init__(self, x: Operand, y: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value, y: Value) -> Value: ...

@final
class Or(Node):
    """Whether x or y holds, or both; a number holds where it is not 0."""

    def __init__(self, x: Operand, y: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value, y: Value) -> Value: ...

@final
class Pad(Node):
    """x with ``value`` put in front of it and behind it along each axis: ``width`` entries, as ``np.pad`` counts them."""

    width: Any
    value: float

    def __init__(self, x: Operand, /, *, width: Any = 1, value: float = 0.0, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Power(Node):
    """x ** y, element by element."""

    def __init__(self, x: Operand, y: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value, y: Value) -> Value: ...

@final
class Prod(Node):
    """The product over an axis; the slope of each entry is the product of the others, also where some are 0."""

    axis: int | tuple[int, ...] | None
    keepdims: bool

    def __init__(self, x: Operand, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class RMSNorm(Node):
    """The features of every example over the root of the mean of their squares, then scaled (Zhang and Sennrich 2019)."""

    epsilon: float
    axis: int | tuple[int, ...] | None

    def __init__(self, x: Operand, scale: Operand | None = None, shift: Operand | None = None, /, *, epsilon: float = 1e-05, axis: int | tuple[int, ...] | None = None, name: str | None = None) -> None: ...
    def forward(self, x: Value, scale: Value = None, shift: Value = None) -> Value: ...

@final
class ReLU(Node):
    """max(x, 0); its slope at 0 is taken to be 0."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Repeat(Node):
    """Every entry ``repeats`` times, one behind the other along an axis, in one row of all entries without an axis."""

    repeats: int
    axis: int | None

    def __init__(self, x: Operand, /, *, repeats: int = 2, axis: int | None = None, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Reshape(Node):
    """x in the shape ``to``, where -1 stands for what remains; without ``to``, in the shape of ``like`` or in one row."""

    to: tuple[int, ...] | int | None

    def __init__(self, x: Operand, *like: Operand, to: tuple[Any, ...] | int | str | None = None, name: str | None = None) -> None: ...
    def forward(self, x: Value, like: Value = None, *more: Value) -> Value: ...

@final
class Roll(Node):
    """x with its entries moved ``shift`` places along an axis, those that leave one end coming in at the other."""

    shift: int | tuple[int, ...]
    axis: int | tuple[int, ...] | None

    def __init__(self, x: Operand, /, *, shift: int | tuple[int, ...] = 1, axis: int | tuple[int, ...] | None = None, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Round(Node):
    """The whole number that is nearest to x, of two the even one: 0.5 is rounded to 0, 1.5 to 2."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class ScatterAdd(Node):
    """The table with updates added at columns by whole number (``axis=-1``), or at rows (``axis=0``)."""

    axis: int

    def __init__(self, table: Operand, indices: Operand, updates: Operand, *, axis: int = -1, name: str | None = None) -> None: ...
    def forward(self, table: Value, indices: Value, updates: Value) -> Value: ...

@final
class SiLU(Node):
    """x σ(x), also called swish (Elfwing, Uchibe and Doya 2017)."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Sigmoid(Node):
    """σ(z) = 1 / (1 + exp(-z)); its slope a(1 - a) is computed so that it keeps its digits where a rounds to 1."""

    def __init__(self, z: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, z: Value) -> Value: ...

@final
class SigmoidBCELoss(Node):
    """Binary cross-entropy of σ(z), computed from z: exact and finite for every z."""

    reduction: Literal['mean', 'sum', 'none']
    examples: int | None

    def __init__(self, z: Operand, labels: Operand, /, *, reduction: Literal['mean', 'sum', 'none'] = 'mean', examples: int | None = None, name: str | None = None) -> None: ...
    def forward(self, z: Value, labels: Value) -> Value: ...

@final
class Sign(Node):
    """-1 where x is negative, 1 where it is positive, 0 at 0; its slope is 0, at the jump, too."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Sin(Node):
    """The sine of an angle in radians."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Sinh(Node):
    """The hyperbolic sine."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Size(Node):
    """How many entries x has along an axis, or in all when ``axis`` is None: m, as a number to compute with."""

    axis: int | None

    def __init__(self, x: Operand, /, *, axis: int | None = None, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Softmax(Node):
    """exp(x) / Σ exp(x) along an axis: the shares of the entries, which sum to 1; None is over all entries."""

    axis: int | tuple[int, ...] | None

    def __init__(self, x: Operand, /, *, axis: int | tuple[int, ...] | None = 0, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class SoftmaxCrossEntropyLoss(Node):
    """Cross-entropy of softmax(z) over the classes, computed from z: exact and finite for every z."""

    reduction: Literal['mean', 'sum', 'none']
    examples: int | None
    ignore_unlabelled: bool
    classes: int | None

    def __init__(self, x: Operand, labels: Operand, weights: Any = None, /, *, reduction: Literal['mean', 'sum', 'none'] = 'mean', examples: int | None = None, ignore_unlabelled: bool = False, classes: int | None = None, name: str | None = None) -> None: ...
    def forward(self, z: Value, labels: Value, weights: Value = None) -> Value: ...

@final
class Softplus(Node):
    """log(1 + exp(x)), a smooth ReLU; its slope is σ(x)."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Softsign(Node):
    """x / (1 + |x|)."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Sort(Node):
    """The entries along an axis from the smallest to the largest; each gradient goes to where its entry stood."""

    axis: int

    def __init__(self, x: Operand, /, *, axis: int = -1, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Sqrt(Node):
    """√x for x ≥ 0; the gradient at 0 is infinite."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Square(Node):
    """x²."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Squeeze(Node):
    """x without its axes of size 1, or without those in ``axis``."""

    axis: int | tuple[int, ...] | None

    def __init__(self, x: Operand, /, *, axis: int | tuple[int, ...] | None = None, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Stack(Node):
    """Values of one shape side by side along a new ``axis``."""

    axis: int

    def __init__(self, *values: Operand, axis: int = 0, name: str | None = None) -> None: ...
    def forward(self, *values: Value) -> Value: ...

@final
class Std(Node):
    """The root of the variance, with ``ddof`` as there; where all values are equal its slope is taken to be 0."""

    axis: int | tuple[int, ...] | None
    keepdims: bool
    ddof: float

    def __init__(self, x: Operand, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False, ddof: float = 0, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class StopGradient(Node):
    """x itself, through which no gradient goes back: what it is read by takes it for a constant."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Subtract(Node):
    """x - y."""

    def __init__(self, x: Operand, y: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value, y: Value) -> Value: ...

@final
class Sum(Node):
    """The sum over an axis."""

    axis: int | tuple[int, ...] | None
    keepdims: bool

    def __init__(self, x: Operand, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class SwapAxes(Node):
    """x with two axes in each other's place."""

    axis1: int
    axis2: int

    def __init__(self, x: Operand, /, *, axis1: int = -1, axis2: int = -2, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class TakeAlong(Node):
    """From each row along an axis the entries at whole numbers of its own; these have no gradient."""

    axis: int

    def __init__(self, x: Operand, indices: Operand, *, axis: int = -1, name: str | None = None) -> None: ...
    def forward(self, x: Value, indices: Value) -> Value: ...

@final
class Tan(Node):
    """The tangent of an angle in radians."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Tanh(Node):
    """The hyperbolic tangent; its slope 1 - y² is computed so that it keeps its digits where y rounds to 1."""

    def __init__(self, x: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Tile(Node):
    """The whole value laid out ``reps`` times along each axis, counted from the last; a number is for the last."""

    reps: int | tuple[int, ...]

    def __init__(self, x: Operand, /, *, reps: int | tuple[int, ...] = 2, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class TopK(Node):
    """The ``k`` largest entries along an axis, the largest first; of equal ones those that stand first."""

    k: int
    axis: int

    def __init__(self, x: Operand, /, *, k: int = 1, axis: int = -1, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Transpose(Node):
    """x with its axes in the order ``axes``, reversed when None."""

    axes: tuple[int, ...] | None

    def __init__(self, x: Operand, /, *, axes: tuple[int, ...] | None = None, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Triangle(Node):
    """The matrix x with zeros above a diagonal, or below it where ``lower`` is False."""

    lower: bool
    k: int

    def __init__(self, x: Operand, /, *, lower: bool = True, k: int = 0, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Var(Node):
    """The mean squared distance from the mean; divided by n - ``ddof`` for n values, 1 for that of a sample."""

    axis: int | tuple[int, ...] | None
    keepdims: bool
    ddof: float

    def __init__(self, x: Operand, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False, ddof: float = 0, name: str | None = None) -> None: ...
    def forward(self, x: Value) -> Value: ...

@final
class Where(Node):
    """x where the condition holds (is not 0), y elsewhere; the condition has no gradient."""

    def __init__(self, condition: Operand, x: Operand, y: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, condition: Value, x: Value, y: Value) -> Value: ...

@final
class Xor(Node):
    """Whether one of x and y holds, and not the other; a number holds where it is not 0."""

    def __init__(self, x: Operand, y: Operand, /, *, name: str | None = None) -> None: ...
    def forward(self, x: Value, y: Value) -> Value: ...
