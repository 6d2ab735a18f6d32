"""What docs/nodes.md says of PyTorch, JAX and ONNX is what they say of every node class now."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("jax")
pytest.importorskip("onnxruntime")
from page_of_nodes import CLASSES, make_nodes, rows

JUDGE = "PyTorch, JAX, onnxruntime: the table of nodes"


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_the_judges_of_a_class(kind):
    assert rows()[kind.__name__][4:] == make_nodes.judged(kind), "run docs/make_nodes.py"
