"""What goes to each neighbour and comes from it, held against runs: the largest difference of each way."""

import tempfile
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from every_rule import EXAMPLES

import chainrule as cr
import nets


class Way(NamedTuple):
    """One way to a neighbour or from it: the call, what is handed over, what is not and why, and what measures it."""

    neighbour: str
    call: str
    over: str
    left_out: str
    measure: object


def apart(found, expected):
    """The largest difference, over the largest entry where that is above 1."""
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    assert found.shape == expected.shape
    finite = np.isfinite(expected)
    size = max(1.0, np.abs(expected[finite]).max(initial=0))
    return float(np.abs(found - expected)[finite].max(initial=0) / size)


def of_runs():
    """Every rule with a gradient, as a number; its feeds, and what the run says of value and gradients."""
    for graph, feeds in EXAMPLES.values():
        (output,) = graph.outputs
        if output.has_gradient and output.dtype.kind == "f":
            number = cr.Graph(cr.Sum(cr.Sin(output), name="of all"))
            run = number.forward(feeds)
            run.backward()
            moving = [leaf.name for leaf in number.parameters if leaf.name in run.gradients]
            yield number, feeds, run, moving


def torch_in():
    """Modules of PyTorch, values and gradients."""
    from torch_modules import MODULES, difference

    found = [difference(name)[1:] for name in MODULES]
    return f"{len(found)} modules", max(map(max, found))


def torch_out():
    """Every rule as a function that PyTorch differentiates."""
    import torch

    from chainrule.interop.torch import to_function

    worst, cases = 0.0, 0
    for graph, feeds, run, moving in of_runs():
        function = to_function(graph)
        leaves = {name: torch.as_tensor(np.array(feeds[name])) for name in function.arguments}
        for name in moving:
            leaves[name] = leaves[name].double().requires_grad_()
        value = function(*leaves.values())
        found = torch.autograd.grad(value, [leaves[name] for name in moving], materialize_grads=True)
        worst = max(worst, apart(value.detach(), run.loss), *map(apart, found, [run.gradients[n] for n in moving]))
        cases += 1
    return f"{cases} rules", worst


def jax_out():
    """Every rule as value and gradients in JAX."""
    import jax

    from chainrule.interop.jax import to_function

    jax.config.update("jax_enable_x64", True)
    worst, cases = 0.0, 0
    for graph, feeds, run, moving in of_runs():
        value, gradients = to_function(graph)(feeds)
        worst = max(worst, apart(value, run.loss), *(apart(gradients[name], run.gradients[name]) for name in moving))
        cases += 1
    return f"{cases} rules", worst


def onnx_out():
    """Every rule and its gradients in one model, run by onnxruntime."""
    import onnx
    import onnxruntime

    from chainrule.interop.onnx import save

    worst, cases = 0.0, 0
    onnxruntime.set_default_logger_severity(4)
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/net.onnx"
        for graph, feeds, run, moving in of_runs():
            save(graph, path, gradients=moving)
            kinds = {one.name: one.type.tensor_type.elem_type for one in onnx.load(path).graph.input}
            fed = {n: np.asarray(feeds[n], onnx.helper.tensor_dtype_to_np_dtype(kind)) for n, kind in kinds.items()}
            found = onnxruntime.InferenceSession(path).run(None, fed)
            worst = max(worst, *map(apart, found, [run.loss, *(run.gradients[name] for name in moving)]))
            cases += 1
    return f"{cases} rules", worst


def onnx_in():
    """Every rule as a model that is loaded again."""
    from chainrule.interop.onnx import load, save

    worst, cases = 0.0, 0
    with tempfile.TemporaryDirectory() as folder, np.errstate(invalid="ignore"):
        for graph, feeds, run, moving in of_runs():
            if any(isinstance(node, (cr.Size, cr.StopGradient)) for node in graph.order):
                continue
            held = {leaf.name: feeds[leaf.name] for leaf in graph.parameters if "m" not in map(str, leaf.shape)}
            save(graph, f"{folder}/net.onnx", held)
            loaded, values = load(f"{folder}/net.onnx")
            fed = {leaf.name: feeds[leaf.name] for leaf in loaded.leaves if leaf.name in feeds}
            again = loaded.forward({**fed, **values})
            gradients = again.backward()
            there = [name for name in moving if name in values]
            worst = max(worst, apart(again.loss, run.loss), *(apart(gradients[n], run.gradients[n]) for n in there))
            cases += 1
    return f"{cases} rules", worst


def scikit():
    """Probabilities of a classifier that has been fitted, beside a run with its coefficients."""
    from sklearn.datasets import load_iris
    from sklearn.exceptions import ConvergenceWarning

    from chainrule.interop.sklearn import GraphClassifier

    flowers, species = load_iris(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = GraphClassifier(random_state=0, epochs=5).fit(flowers, species)
    found = model.predict_proba(flowers)
    graph = model.graph_
    (x,) = [leaf.name for leaf in graph.inputs if leaf.shape[-1] == 4 or leaf.shape[0] == 4]
    (y,) = [leaf.name for leaf in graph.inputs if leaf.name != x]
    rows = graph[x].shape[-1] == 4
    hot = np.eye(3)[species]
    run = graph.forward({**model.coefs_, x: flowers if rows else flowers.T, y: hot if rows else hot.T})
    logits = np.asarray(run[graph.outputs[0].inputs[0]])
    logits = logits if rows else logits.T
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return "150 flowers", apart(found, powers / powers.sum(axis=1, keepdims=True))


def weights(extension):
    """Parameters of a network that are saved and loaded."""

    def measured():
        net = nets.DNN(sizes=(2, 4, 3, 1))
        with tempfile.TemporaryDirectory() as folder:
            cr.save(Path(folder) / f"w{extension}", net.params)
            loaded = cr.load(Path(folder) / f"w{extension}", net.graph)
        return f"{len(loaded)} arrays", max(apart(loaded[name], net.params[name]) for name in net.params)

    return measured


def dask_out():
    """Gradients that a cluster computes, beside those of one process."""
    from dask.distributed import Client

    net, rng = nets.DNN(sizes=(2, 4, 3, 1)), np.random.default_rng(0)
    feeds = {**net.params, "A0": rng.normal(size=(2, 600_000)), "Y": rng.integers(0, 2, size=(1, 600_000))}
    step = net.graph.compile()
    loss, gradients = step(feeds)
    with Client(processes=False, n_workers=3, threads_per_worker=1, dashboard_address=":0") as client:
        there, same = step(feeds, executor=client.get_executor())
    return "600,000 columns", max(apart(there, loss), *(apart(same[name], gradients[name]) for name in gradients))


WAYS = [
    Way("PyTorch, in", "torch.from_module", "modules with their paths, layers, buffers and batch",
        "random numbers in a forward, an `if` that asks the data, what the table below lists: no node, or no function",
        torch_in),
    Way("PyTorch, out", "torch.to_function", "graphs, differentiated by their rules, twice too",
        "gradients of labels: losses have none; twice through a rule that cannot be recorded: it is called", torch_out),
    Way("JAX, out", "jax.to_function", "graphs, to be compiled, batched, sharded, differentiated",
        "gradients of labels; shapes that only the data tell: JAX wants them before", jax_out),
    Way("ONNX, out", "onnx.save", "graphs with gradients, any number of examples",
        "rules that cannot be recorded: ONNX cannot call them; indices of truth values that are computed: no size",
        onnx_out),
    Way("ONNX, in", "onnx.load", "models, checked and bounded, with names and free sizes",
        "a size alone as an output; sequences, text, loops, numbers in other files: no node, or no trust", onnx_in),
    Way("scikit-learn", "sklearn.GraphClassifier", "estimators around a graph, for pipelines and searches",
        "several outputs, and losses that are neither a mean nor a sum over examples: there is no score", scikit),
    Way("safetensors", 'cr.save("w.safetensors")', "weights, both ways",
        "bfloat16 and float8: NumPy has no such numbers; longdouble: the format has none", weights(".safetensors")),
    Way("NumPy", 'cr.save("w.npz")', "weights, both ways", "pickles: they run code", weights(".npz")),
    Way("Dask", "step(feeds, executor=...)", "columns to workers, and sums back",
        "a plan that computes all columns at once: there is nothing to hand out", dask_out),
]  # fmt: skip


def table():
    """The rows of docs/interop.md."""
    yield "| neighbour | call | what goes over | measured on | largest difference | what does not, and why |"
    yield "|---|---|---|---|---:|---|"
    for way in WAYS:
        cases, difference = way.measure()
        yield row(way, cases, difference)


def row(way, cases, difference):
    """One line of the table."""
    cells = (way.neighbour, f"`{way.call}`", way.over, cases, f"{difference:.1e}", way.left_out)
    return f"| {' | '.join(cells)} |"
