"""chainrule: explicit computational graphs for back propagation, to see, to trust and to run.

>>> import chainrule as cr
>>> x, y, z = cr.Input("x"), cr.Input("y"), cr.Input("z")
>>> graph = cr.Graph(cr.Multiply(x + y, z, name="f"))
>>> run = graph.forward({"x": -2, "y": 5, "z": -4})
>>> float(run["f"])
-12.0
>>> {name: float(gradient) for name, gradient in run.backward().items() if len(name) == 1}
{'x': -4.0, 'y': -4.0, 'z': 3.0, 'f': 1.0}
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chainrule import errors
from chainrule.core import derived as _derived  # noqa: F401 — it registers what a class without a backward has
from chainrule.core.leaves import Constant, Input, Leaf, Parameter
from chainrule.core.listed import Contribution
from chainrule.core.node import Node
from chainrule.core.placing import layer
from chainrule.graph import Graph, Run
from chainrule.nodes.arithmetic import Add, Divide, Maximum, Minimum, Multiply, Negate, Power, Subtract, Where
from chainrule.nodes.attention import Attention, Dropout
from chainrule.nodes.conditions import (
    And,
    Equal,
    Greater,
    GreaterEqual,
    IsFinite,
    IsInfinite,
    IsNaN,
    Less,
    LessEqual,
    Not,
    NotEqual,
    Or,
    Xor,
)
from chainrule.nodes.counting import Size
from chainrule.nodes.elementwise import (
    GELU,
    Abs,
    Clip,
    Cos,
    Erf,
    Exp,
    LeakyReLU,
    Log,
    NormalCDF,
    ReLU,
    Sigmoid,
    Sin,
    Softplus,
    Sqrt,
    Square,
    Tanh,
)
from chainrule.nodes.further_activations import ELU, SiLU, Softsign
from chainrule.nodes.further_losses import HuberLoss, KLLoss, L1Loss, NLLLoss
from chainrule.nodes.images import AveragePool, Conv2d, MaxPool
from chainrule.nodes.layouts import Diagonal, Flip, Pad, Repeat, Roll, Stack, Tile, Triangle, split
from chainrule.nodes.linear import Einsum, MatMul, Transpose
from chainrule.nodes.losses import (
    BCELoss,
    CrossEntropyLoss,
    HingeLoss,
    MSELoss,
    SigmoidBCELoss,
    SoftmaxCrossEntropyLoss,
)
from chainrule.nodes.normalizing import BatchNorm, GroupNorm, LayerNorm, RMSNorm, running_statistics
from chainrule.nodes.rearranging import (
    AsType,
    BroadcastTo,
    Concatenate,
    ExpandDims,
    FullLike,
    Gather,
    Index,
    Reshape,
    ScatterAdd,
    Squeeze,
    SwapAxes,
)
from chainrule.nodes.reductions import ArgMax, ArgMin, LogSoftmax, LogSumExp, Max, Mean, Min, Softmax, Sum
from chainrule.nodes.running import CumProd, CumSum, Prod
from chainrule.nodes.sorting import ArgSort, Sort, TakeAlong, TopK
from chainrule.nodes.spread import Norm, Std, Var
from chainrule.nodes.stepwise import Ceil, Floor, Mod, Round, Sign, StopGradient
from chainrule.nodes.transcendental import (
    ArcCos,
    ArcCosh,
    ArcSin,
    ArcSinh,
    ArcTan,
    ArcTanh,
    Cosh,
    Expm1,
    Log1p,
    Sinh,
    Tan,
)
from chainrule.symbols.symbol import Symbol

if TYPE_CHECKING:
    from chainrule import practice
    from chainrule.checking.local_gradients import check_node
    from chainrule.checking.report import GradientReport
    from chainrule.core.array_file import ArrayFile
    from chainrule.derivation.formulas import Derivation, Formula
    from chainrule.interop.tracing.trace import trace
    from chainrule.interop.weights import load, save
    from chainrule.judging.verdicts import Report, Verdict
    from chainrule.practice.sheet import exercise
    from chainrule.training.history import History
    from chainrule.training.optimizers import SGD, Adam, Momentum, Optimizer
    from chainrule.training.train import train

__version__ = "0.2.0"

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

_LOADED_WHEN_USED = {  # a plain run does not need it, and it would add half of NumPy's time to the import
    "Adam": "chainrule.training.optimizers",
    "ArrayFile": "chainrule.core.array_file",
    "Derivation": "chainrule.derivation.formulas",
    "Formula": "chainrule.derivation.formulas",
    "GradientReport": "chainrule.checking.report",
    "History": "chainrule.training.history",
    "Momentum": "chainrule.training.optimizers",
    "Optimizer": "chainrule.training.optimizers",
    "Plan": "chainrule.plan.plan",
    "Report": "chainrule.judging.verdicts",
    "SGD": "chainrule.training.optimizers",
    "TrainingPlan": "chainrule.plan.training_plan",
    "Verdict": "chainrule.judging.verdicts",
    "check_node": "chainrule.checking.local_gradients",
    "derived_rule": "chainrule.program.calculus.derived_rule",
    "exercise": "chainrule.practice.sheet",
    "load": "chainrule.interop.weights",
    "save": "chainrule.interop.weights",
    "trace": "chainrule.interop.tracing.trace",
    "train": "chainrule.training.train",
}


def __getattr__(name: str) -> Any:
    if name == "practice":
        import chainrule.practice as room

        return room
    if name not in _LOADED_WHEN_USED:
        from chainrule.core.other_words import no_such_name

        raise AttributeError(f"module 'chainrule' has no attribute {no_such_name(name, __all__)}")
    return getattr(import_module(_LOADED_WHEN_USED[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
