"""Plans for all backends that the judges hold to their oracles."""

from collections.abc import Iterable

import chainrule as cr
from chainrule.plan.step import Plan

BACKENDS = ["numpy"]


def compiled(graph: cr.Graph, gradients: Iterable[str] | None, backend: str) -> Plan:
    """The graph's plan for one of them."""
    return graph.compile(gradients, **({} if backend == "numpy" else {"backend": backend}))
