"""scikit-learn: estimators around graphs, for its pipelines, searches and scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chainrule.interop.neighbour import Neighbour

if TYPE_CHECKING:
    from chainrule.interop.estimators import GraphClassifier, GraphRegressor

__all__ = ["GraphClassifier", "GraphRegressor"]


def __getattr__(name: str) -> Any:
    """The estimators, which are classes of scikit-learn's, as soon as one is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    Neighbour("sklearn", "sklearn").module()
    from chainrule.interop import estimators

    return getattr(estimators, name)


def __dir__() -> list[str]:
    return __all__
