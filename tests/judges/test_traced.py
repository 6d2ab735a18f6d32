"""Traced NumPy functions against JAX, which runs the same text with its own NumPy."""

import types
from pathlib import Path

import numpy as np
import numpy_networks
import pytest

import chainrule as cr

JUDGE = "JAX, functions traced"
jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)

TEXT = Path(numpy_networks.__file__).read_text("utf-8").replace("import numpy as np", "import jax.numpy as np")
THEIRS = types.ModuleType("jax_networks")
exec(compile(TEXT, "jax_networks", "exec"), THEIRS.__dict__)


@pytest.mark.parametrize("function", numpy_networks.NETWORKS, ids=lambda f: f.__name__)
def test_a_traced_network_has_the_value_and_the_gradients_of_jax(function):
    given = numpy_networks.NETWORKS[function]
    values = numpy_networks.arrays(given, np.random.default_rng(2))
    graph = cr.trace(function, **given)
    leaves, rest = jax.tree.flatten(values)
    fixed = [not isinstance(leaf, np.ndarray) for leaf in leaves]

    def loss(*arrays):
        moved = iter(arrays)
        filled = [leaf if stays else next(moved) for leaf, stays in zip(leaves, fixed, strict=True)]
        returned = getattr(THEIRS, function.__name__)(**jax.tree.unflatten(rest, filled))
        return returned[0] if isinstance(returned, tuple) else returned

    arrays = [leaf for leaf, stays in zip(leaves, fixed, strict=True) if not stays]
    # Compiled as one, it takes a tenth of what its operations take one by one.
    expected, slopes = jax.jit(jax.value_and_grad(loss, argnums=tuple(range(len(arrays)))))(*arrays)
    run = graph.forward(dict(zip(names_in_order_of_jax(given), arrays, strict=True)))
    gradients = run.backward()
    # The products are summed in another order there.
    np.testing.assert_allclose(run[graph.outputs[0]], expected, rtol=1e-12)
    for name, slope in zip(names_in_order_of_jax(given), slopes, strict=True):
        np.testing.assert_allclose(gradients[name], slope, rtol=1e-10, atol=1e-13)


def names_in_order_of_jax(given):
    """What the leaves are called, dicts in the order of their keys."""
    found = []
    for name, part in sorted(given.items()):
        if isinstance(part, dict):
            found += names_in_order_of_jax(part)
        elif isinstance(part, tuple):
            found.append(name)
        elif isinstance(part, list):
            parts = [(f"{name}{k}", inner) for k, inner in enumerate(part, 1)]
            found += [said for said, inner in parts if isinstance(inner, tuple)]
            found += [f"{said}_{n + 1}" for said, inner in parts if isinstance(inner, list) for n in range(len(inner))]
    return found
