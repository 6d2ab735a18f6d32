"""What raises each error, for its page in the reference: little code, which is run when the page is made."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import chainrule as cr

RAISING: dict[str, str] = {
    "ArgumentError": 'cr.Sum(cr.Parameter("W", (2, 3)), axsi=0)',
    "ShapeError": """
W, A = cr.Parameter("W", (3, 1)), cr.Input("A", (3, "m"))
W @ A
""",
    "CycleError": """
first = cr.Exp(cr.Parameter("x"), name="first")
second = cr.Sin(first, name="second")
first.__dict__["inputs"] = (second,)  # by force: no call does it
cr.Graph(second)
""",
    "NameConflictError": """
x = cr.Parameter("x")
cr.Graph(cr.Add(cr.Exp(x, name="y"), cr.Log(x, name="y")))
""",
    "ProgramError": """
import dataclasses
from chainrule.program.recording import record
from chainrule.program.verifying import verify
program = record(cr.Graph(cr.Exp(cr.Parameter("x"), name="y")))
verify(dataclasses.replace(program, steps=program.steps[::-1]))  # what a pass of one's own may have done
""",
    "FeedError": """
graph = cr.Graph(cr.Exp(cr.Input("A", (3, "m")), name="y"))
graph.forward({"a": [[1.0], [2.0], [3.0]]})
""",
    "FormulaError": """
from chainrule.judging.reading import parse_lines
parse_lines("dW3 = dZ3 @ A2.T\\ndB3 = open(dZ3)")  # a file of formulas
""",
    "UnknownNameError": """
run = cr.Graph(cr.Exp(cr.Parameter("x1"), name="y")).forward({"x1": 1.0})
run["x_1"]
""",
    "NoAttributeError": 'cr.Parameter("W", (2, 3)).flat',
    "RuleError": """
class Half(cr.Node):
    def forward(self, x):
        return x / 2
    def backward(self, grad, y, x):
        return grad / 2
x = cr.Parameter("x", (2, 3))
cr.Graph(cr.Sum(Half(x, name="y"))).forward({"x": np.ones((2, 3))}).backward()
""",
    "NonFiniteError": """
graph = cr.Graph(cr.Log(cr.Parameter("x"), name="y"))
graph.forward({"x": 0.0}, check_finite=True)
""",
    "FormulaCheckError": """
graph = cr.Graph(cr.Exp(cr.Parameter("x"), name="y"))
graph.check({"dx": "-y"}).assert_ok()
""",
    "GradientCheckError": """
class Half(cr.Node):
    def forward(self, x):
        return x / 2
    def backward(self, grad, y, x):
        return (2 * grad,)
cr.check_node(Half, [1.0, 2.0, 3.0])
""",
    "DrawingError": """
x = cr.Parameter("x")
for k in range(6_000):
    x = cr.Sin(x)
cr.Graph(x).draw(collapse=False).svg()
""",
    "MissingExtraError": """
sys.modules["safetensors"] = None  # as where it is not installed
cr.save("weights.safetensors", {"W": [[1.0]]})
""",
    "Untraceable": """
A = cr.Input("A", (3, "m"))
for example in range(A.shape[1]):
    pass
""",
}
"""By the name of the class, statements of which the last raises it; none for errors that only stand above others."""


def message(name: str) -> str:
    """What the statements of an error end with, as it is printed."""
    modules = dict(sys.modules)
    scope: dict[str, Any] = {"cr": cr, "np": np, "sys": sys, "__name__": "__main__"}
    try:
        exec(compile(RAISING[name].strip(), "example.py", "exec"), scope)
    except cr.errors.ChainruleError as error:
        return f"{type(error).__module__}.{type(error).__name__}: {error}"
    finally:
        for absent in [key for key, module in sys.modules.items() if module is None and key not in modules]:
            del sys.modules[absent]
        sys.modules.update(modules)
    raise LookupError(f"nothing was raised where {name} should have been")
