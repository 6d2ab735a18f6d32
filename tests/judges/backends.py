"""The backends whose plans are judged."""

from collections.abc import Iterable

import chainrule as cr
from chainrule.plan.plan import Plan

BACKENDS = ["numpy", "numba"]


def compiled(graph: cr.Graph, gradients: Iterable[str], backend: str) -> Plan:
    """The graph's plan for one of them."""
    return graph.compile(gradients) if backend == "numpy" else graph.compile(gradients, backend="numba")
