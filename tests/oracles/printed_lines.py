"""Lines that the engine printed, computed as Python runs them, with the names that docs/derivations.md promises."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.symbols.operations import OPERATIONS

FUNCTIONS = {f.__name__: f for f in OPERATIONS if (getattr(f, "__module__", None) or "").startswith("chainrule")}
"""The functions of this package that a line may call."""


def evaluated(text: str, names: Mapping[str, Any]) -> Any:
    """The value of a line for the values of its names."""
    scope = {"np": np, "values": names, **FUNCTIONS, **names}
    builtins = {"float": float, "int": int, "bool": bool, "__import__": __import__}  # NumPy imports at a first call
    return eval(text, {"__builtins__": builtins}, scope)  # noqa: S307 — the text is the engine's own
