"""A plan as a module: where nothing but NumPy can be imported, it computes what the plan does, to the bit."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from every_rule import EXAMPLES

import chainrule as cr
import nets
from chainrule.errors import ArgumentError

RUNS = """
import sys, json, importlib.util, importlib.abc
class Only(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("chainrule", "nets", "scipy", "numba"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Only())
sys.path.append(sys.argv[2])
import numpy as np
np.seterr(all="ignore")
for folder in json.loads(sys.argv[1]):
    spec = importlib.util.spec_from_file_location("net", folder + "/net.py")
    net = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(net)
    with np.load(folder + "/feeds.npz") as feeds:
        found = net.compute({name: feeds[str(k)] for k, name in enumerate(net.FEEDS)})
    found = found if isinstance(found, tuple) else (0.0, found if isinstance(found, dict) else {"": found})
    np.savez(folder + "/found.npz", found[0], *found[1].values())
assert "chainrule" not in sys.modules
"""


def elsewhere(folder, plans):
    """The results of each plan's module for some feeds, from another process."""
    folders = []
    for k, (plan, feeds) in enumerate(plans):
        place = folder / str(k)
        place.mkdir()
        expected = plan(feeds)
        plan.save(place / "net.py")
        fed = [feeds[name] for name in compiled_feeds(place / "net.py")]
        np.savez(place / "feeds.npz", **{str(n): np.asarray(array) for n, array in enumerate(fed)})
        folders.append((str(place), expected))
    numpy = Path(np.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", RUNS, json.dumps([place for place, _ in folders]), str(numpy)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    for place, expected in folders:
        with np.load(f"{place}/found.npz") as found:
            yield expected, [found[key] for key in found.files]


def compiled_feeds(path):
    """The names of the feeds as a module has them, read without running it."""
    tree = ast.parse(path.read_text("utf-8"))
    (found,) = (part.value for part in tree.body if isinstance(part, ast.Assign) and part.targets[0].id == "FEEDS")
    return ast.literal_eval(found)


def same(expected, found):
    loss, results = expected if isinstance(expected, tuple) else (0.0, expected)
    arrays = [loss, *(results.values() if isinstance(results, dict) else [results])]
    assert len(arrays) == len(found)
    for a, b in zip(arrays, found, strict=True):
        assert (np.shape(a), a.dtype if hasattr(a, "dtype") else float, np.asarray(a).tobytes()) == (
            b.shape,
            b.dtype,
            b.tobytes(),
        )


def loss_of(example):
    """A loss that every entry of an example's value enters; None for conditions and places."""
    (node,) = example.graph.outputs
    if node.dtype.kind != "f" or not node.has_gradient:
        return None
    loss = node if node.shape == () else cr.Sum(cr.Sin(node), name="of all")
    return cr.Graph(loss) if cr.Graph(loss).parameters else None


def test_every_rule_computes_the_same_to_the_bit_without_chainrule(tmp_path):
    plans = [(graph.compile(), e.feeds) for e in EXAMPLES.values() if (graph := loss_of(e)) is not None]
    predictions = [(e.graph.compile(outputs=e.graph.outputs[0]), e.feeds) for e in EXAMPLES.values()]
    assert len(plans) > 90
    for expected, found in elsewhere(tmp_path, [*plans, *predictions]):
        same(expected, found)


def test_nets_in_float32_and_training_steps(tmp_path):
    net, rng = nets.DNN(sizes=(2, 4, 3, 1)), np.random.default_rng(0)
    feeds = {**net.params, "A0": rng.normal(size=(2, 300)), "Y": rng.integers(0, 2, (1, 300)).astype(float)}
    single = {name: array.astype(np.float32) for name, array in feeds.items()}
    training = net.graph.compile(update=cr.Adam(0.1))
    state = training.start(net.params)
    plans = [
        (net.graph.compile(), single),
        (net.graph.compile(outputs="A3"), {name: feeds[name] for name in feeds if name != "Y"}),
        (net.graph.compile(outputs=["A1", "A3"]), {name: feeds[name] for name in feeds if name != "Y"}),
        (training, {**state, "A0": feeds["A0"], "Y": feeds["Y"]}),
    ]
    for expected, found in elsewhere(tmp_path, plans):
        same(expected, found)


NAMES = ['"""', "\\", "np", "compute", "FEEDS", "reduced", "λ'", "\ud800", "results", "\n", "prepare_0"]


def test_any_name_is_only_a_name(tmp_path):
    total = cr.Constant([1.0, np.nan, -0.0], name="frombuffer")
    for name in NAMES:
        total = total * cr.Parameter(name, (3,))
    graph = cr.Graph(cr.LogSumExp(total + cr.Constant([5.0, 6.0, 7.0], name="reduced "), name="'''"))
    for expected, found in elsewhere(tmp_path, [(graph.compile(), {name: [1.0, 2.0, 3.0] for name in NAMES})]):
        same(expected, found)


def test_sizes_are_those_that_were_asked_for(tmp_path):
    plan = nets.DNN().graph.compile(outputs="A3")
    with pytest.raises(ArgumentError, match=r"written for sizes: m(.|\n)*'m': 32"):
        plan.save(tmp_path / "net.py")
    plan.save(tmp_path / "net.py", {"m": 3}, {"m": 4}, dtype=np.float32)
    space = {}
    exec((tmp_path / "net.py").read_text("utf-8"), space)
    params = nets.DNN().params
    for m in (3, 4):
        feeds = {**params, "A0": np.ones((2, m))}
        np.testing.assert_allclose(space["compute"](feeds), plan(feeds), rtol=1e-6)  # float32
    with pytest.raises(ValueError, match="this module is written for"):
        space["compute"]({**params, "A0": np.ones((2, 5))})
    with pytest.raises(ValueError, match="fed are"):
        space["compute"](params)


class Called(cr.Node):
    """A rule that Symbols cannot pass through."""

    def forward(self, x):
        return np.array([float(one) for one in x])

    def backward(self, grad, y, x):
        return (np.array([float(one) for one in grad]),)


def test_a_rule_that_is_called_is_named(tmp_path):
    plan = cr.Graph(cr.Sum(Called(cr.Parameter("w", (3,))))).compile()
    with pytest.raises(ArgumentError, match="Called"):
        plan.save(tmp_path / "net.py")
    assert not list(tmp_path.iterdir())
