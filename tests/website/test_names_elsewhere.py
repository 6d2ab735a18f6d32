"""The names that the reference has for nodes in other libraries are names of these libraries, which `judges` has."""

import importlib
import sys
from functools import reduce
from pathlib import Path

import pytest

import chainrule as cr

sys.path.append(str(Path(__file__).parents[2] / "docs"))
from make_stub import is_rule
from reference_names import elsewhere

KINDS = [getattr(cr, name) for name in cr.__all__ if is_rule(getattr(cr, name))]


def looked_up(name):
    """The object of a dotted name."""
    library, *path = name.split(".")
    pytest.importorskip(library.replace("np", "numpy"), reason="the names of PyTorch and JAX are looked up there")
    for home in ("jax.numpy", "jax.scipy.special", "jax.nn", "jax.lax", "torch.nn.functional"):
        if name.startswith(home):
            importlib.import_module(home)
    return reduce(getattr, path, importlib.import_module({"np": "numpy"}.get(library, library)))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_names_of_other_libraries_exist(kind):
    for name in (name for names in elsewhere(kind) for name in names):
        assert callable(looked_up(name)), name


def test_nearly_every_node_has_a_name_in_pytorch():
    without = {kind.__name__ for kind in KINDS if not elsewhere(kind)[1]}
    assert without <= {"HingeLoss"}
