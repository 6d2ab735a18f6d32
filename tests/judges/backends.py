"""The backends whose plans are judged."""

from collections.abc import Iterable, Iterator

import pytest

import chainrule as cr
from chainrule.plan.plan import Plan

BACKENDS = ["numpy", "numba"]


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Loops compiled for the judges are kept apart from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHAINRULE_CACHE", str(tmp_path_factory.mktemp("loops")))
        yield


def compiled(graph: cr.Graph, gradients: Iterable[str], backend: str) -> Plan:
    """The graph's plan for one of them."""
    return graph.compile(gradients) if backend == "numpy" else graph.compile(gradients, backend="numba")
