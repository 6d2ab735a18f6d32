"""The rules, one file for each family.

Loading the package loads all of them, so that the table of operations has a node for whatever a rule records.
"""

from chainrule.nodes import (
    activations,
    arithmetic,
    conditions,
    counting,
    elementwise,
    further_losses,
    layouts,
    linear,
    losses,
    rearranging,
    reductions,
    running,
    slopes,
    spread,
    stepwise,
    transcendental,
)

__all__ = [
    "activations",
    "arithmetic",
    "conditions",
    "counting",
    "elementwise",
    "further_losses",
    "layouts",
    "linear",
    "losses",
    "rearranging",
    "reductions",
    "running",
    "slopes",
    "spread",
    "stepwise",
    "transcendental",
]
