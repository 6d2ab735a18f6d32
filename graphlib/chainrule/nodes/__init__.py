"""The rules, one file for each family.

Loading the package loads all of them, so that the table of operations has a node for whatever a rule records.
"""

from chainrule.nodes import (
    arithmetic,
    attention,
    conditions,
    counting,
    elementwise,
    further_activations,
    further_losses,
    images,
    layouts,
    linear,
    losses,
    normalizing,
    passed_back,
    rearranging,
    reductions,
    running,
    slopes,
    sorting,
    spread,
    stepwise,
    transcendental,
)

__all__ = [
    "arithmetic",
    "passed_back",
    "normalizing",
    "images",
    "attention",
    "conditions",
    "counting",
    "elementwise",
    "further_activations",
    "further_losses",
    "layouts",
    "linear",
    "losses",
    "rearranging",
    "reductions",
    "running",
    "slopes",
    "sorting",
    "spread",
    "stepwise",
    "transcendental",
]
