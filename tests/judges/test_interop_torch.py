"""Modules of PyTorch as graphs, graphs as functions of PyTorch, rules as source for it: all against PyTorch itself."""

import numpy as np
import pytest
from every_rule import EXAMPLES

import chainrule as cr
import nets

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402 — it needs torch
from torch_modules import MODULES, Residual, SmallGPT, difference  # noqa: E402 — as above

from chainrule.interop.torch import from_module, to_function, to_source  # noqa: E402 — as above

JUDGE = "PyTorch autograd"
M = cr.Input("x", ("m",)).shape[0]
M_IMAGES = (M, 2, 4, 5)
TOLERANCE = 1e-12  # of the largest entry, or of 1


# --- in --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODULES)
def test_a_module_as_a_graph_has_its_values_and_all_gradients(name):
    _, values, gradients = difference(name)
    assert values <= TOLERANCE
    assert gradients <= TOLERANCE


def test_parameters_have_their_paths_and_modules_are_layers():
    graph, values = from_module(Residual(), torch.zeros(3, 2, 4, 5))
    assert [node.name for node in graph.parameters] == list(values)
    assert set(values) == {name for name, _ in Residual().named_parameters()}
    assert (graph["first.weight"].layer, graph.inputs[0].shape) == (("first (Conv2d)",), M_IMAGES)
    assert {values[name].dtype for name in values} == {np.dtype(np.float32)}
    relu = graph["relu_1"]
    assert (relu.layer, "torch_modules.py" in relu.where) == ((), True)


def test_inputs_stand_in_the_order_of_the_arguments_also_one_that_nothing_reads():
    class Late(nn.Module):
        def forward(self, first, unread, second):
            return second - first

    graph, _ = from_module(Late(), torch.zeros(4, 3), torch.zeros(4, 2), torch.zeros(4, 3))
    assert [leaf.name for leaf in graph.inputs] == ["first", "unread", "second"]


def test_a_shared_parameter_is_one_leaf_and_buffers_are_constants():
    graph, values = from_module(SmallGPT(), torch.zeros(3, 4, dtype=torch.long))
    assert ("words.weight" in values) != ("head.weight" in values)
    assert (graph.inputs[0].dtype.kind, graph.inputs[0].shape) == ("i", (M, 4))
    bn, _ = from_module(nn.BatchNorm1d(3).eval(), torch.zeros(4, 3))
    assert [node.name for node in bn.constants] == ["running_mean", "running_var"]


def test_sizes_stay_numbers_without_a_batch():
    graph, _ = from_module(nn.Linear(3, 2), torch.zeros(1, 3), batch=None)
    assert graph.outputs[0].shape == (1, 2)


class Unknown(nn.Module):
    """Functions of Bessel and Gauss."""

    def forward(self, x):
        return torch.special.i0(x) + torch.polygamma(1, x)


class Bessel(cr.Node):
    """I₀(x)."""

    def forward(self, x):
        return np.i0(x)

    def backward(self, grad, y, x):
        return (grad * np.float64(torch.special.i1(torch.as_tensor(np.array(x))).numpy()),)


def test_unknown_operations_are_all_named_with_the_line_and_a_node_of_ones_own_is_the_way_out():
    with pytest.raises(cr.errors.ArgumentError, match=r"aten.i0.default, aten.polygamma.default") as caught:
        from_module(Unknown(), torch.zeros(3, 2))
    assert "test_interop_torch.py:" in caught.value.where
    own = {"aten.i0.default": Bessel, "aten.polygamma": lambda n, x: cr.Multiply(x, n)}
    x = torch.randn(3, 2, dtype=torch.float64)
    graph, _ = from_module(Unknown(), x, operations=own)
    found = graph.forward({"x": x.numpy()})[graph.outputs[0]]
    np.testing.assert_allclose(found, (torch.special.i0(x) + x).numpy(), rtol=1e-14)


class Noisy(nn.Module):
    """It draws numbers."""

    def forward(self, x):
        return x + torch.rand_like(x)


class Branching(nn.Module):
    """It asks the data where to go."""

    def forward(self, x):
        return x if x.sum() > 0 else -x


@pytest.mark.parametrize(
    ("module", "shape", "said"),
    [
        (Noisy(), (3, 2), "draws other numbers at every call"),
        (Branching(), (3, 2), "torch.export cannot follow Branching"),
        (nn.Dropout(0.5), (3, 2), "dropout draws another mask"),
        (nn.Linear(2, 3), (1, 2), "a batch of one cannot show"),
        (nn.Linear(2, 3), (), "no example has a batch"),
        (nn.Conv2d(1, 2, 3, dilation=2), (2, 1, 6, 7), "dilation is"),
        (nn.MaxPool2d(2, ceil_mode=True), (2, 1, 5, 7), "ceil_mode is True"),
        (nn.Linear(2, 3), (4, 5), "torch.export cannot follow Linear"),
    ],
)
def test_what_cannot_come_in_is_refused_with_its_reason(module, shape, said):
    with pytest.raises(cr.errors.ArgumentError, match=said):
        from_module(module, torch.zeros(shape))


# --- out -------------------------------------------------------------------------------------------------------------


def arguments(graph, feeds):
    moving = {leaf.name for leaf in graph.parameters}
    names = to_function(graph).arguments
    tensors = [
        torch.tensor(np.asarray(feeds[n], float if n in moving else None), requires_grad=n in moving) for n in names
    ]
    return names, tensors


def test_a_function_of_every_rule_gives_the_values_and_gradients_of_a_run(record_property):
    judged = 0
    for graph, feeds in EXAMPLES.values():
        (output,) = graph.outputs
        if not output.has_gradient or output.dtype.kind != "f":
            continue
        run = graph.forward(feeds)
        seed = np.random.default_rng(judged).normal(size=run[output].shape)
        run.backward(seed=seed)
        names, tensors = arguments(graph, feeds)
        value = to_function(graph)(*tensors)
        np.testing.assert_allclose(value.detach(), run[output], rtol=1e-13, atol=1e-13)
        moving = {name: x for name, x in zip(names, tensors, strict=True) if name in run.gradients and x.requires_grad}
        if moving and value.requires_grad:
            found = torch.autograd.grad(value, list(moving.values()), torch.tensor(seed), materialize_grads=True)
            for name, gradient in zip(moving, found, strict=True):
                np.testing.assert_allclose(gradient, run.gradients[name], rtol=1e-12, atol=1e-13)
        judged += 1
    record_property("cases", judged)


SMOOTH = ["MatMul", "Softmax", "LayerNorm", "Conv2d", "Attention", "Sigmoid", "LogSumExp", "GELU", "CumProd"]


def test_nothing_is_logged_or_printed_about_a_module_that_cannot_come_in(capfd):
    class Branching(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(cr.errors.ArgumentError, match=r"torch\.export cannot follow Branching"):
        from_module(Branching(), torch.ones(5, 2))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", SMOOTH)
def test_pytorch_checks_first_and_second_gradients(name):
    graph, feeds = EXAMPLES[name]
    _, tensors = arguments(graph, feeds)
    assert torch.autograd.gradcheck(to_function(graph), tensors)
    assert torch.autograd.gradgradcheck(to_function(graph), tensors)


def test_a_network_trains_in_pytorch_and_keeps_its_digits_in_saturation():
    graph = nets.DNN(sizes=(2, 3, 1)).graph
    x = np.random.default_rng(0).normal(size=(2, 8))
    feeds = {**graph.initialize(seed=1), "A0": x, "Y": (x[:1] > 0).astype(float)}
    names, tensors = arguments(graph, {name: 40 * v if name == "W2" else v for name, v in feeds.items()})
    assert torch.autograd.gradcheck(to_function(graph), tensors)
    run = graph.forward({name: t.detach().numpy() for name, t in zip(names, tensors, strict=True)})
    run.backward()
    loss = to_function(graph)(*tensors)
    loss.backward()
    np.testing.assert_allclose(tensors[names.index("W2")].grad, run.gradients["W2"], rtol=1e-13)
    steps = torch.optim.SGD([t for t in tensors if t.requires_grad], lr=0.1)
    steps.step()
    assert to_function(graph)(*tensors) < loss


def test_arguments_that_do_not_fit_and_labels_that_move_are_refused():
    graph = nets.DNN(sizes=(2, 3, 1)).graph
    function = to_function(graph)
    feeds = {**graph.initialize(seed=1), "A0": np.ones((2, 4)), "Y": np.ones((1, 4))}
    tensors = [torch.tensor(feeds[name]) for name in function.arguments]
    with pytest.raises(cr.errors.ArgumentError, match="6 leaves are fed, not 1"):
        function(tensors[0])
    with pytest.raises(cr.errors.FeedError):
        function(*(t[:, :1] for t in tensors))
    with pytest.raises(cr.errors.UnknownNameError, match="'Y' has no gradient"):
        function(*(t.requires_grad_() for t in tensors))


class Swish(cr.Node):
    """y = x σ(x)."""

    def forward(self, x):
        return x / (1 + np.exp(-x))

    def backward(self, grad, y, x):
        s = 1 / (1 + np.exp(-x))
        return (grad * (s + y * (1 - s)),)


def test_a_rule_is_written_out_and_the_source_stands_alone(record_property):
    text = to_source(Swish)
    assert "class Swish(torch.autograd.Function):" in text
    assert "chainrule" not in text
    written = 0
    for graph, feeds in [*EXAMPLES.values(), (cr.Graph(Swish(cr.Parameter("x", (3, 2)))), {"x": np.ones((3, 2))})]:
        (node,) = graph.outputs
        plain = all(isinstance(leaf, cr.Parameter) for leaf in node.inputs) and len(set(node.inputs)) == len(
            node.inputs
        )
        if not plain or node.dtype.kind != "f" or not node.has_gradient:
            continue
        values = [np.asarray(feeds[leaf.name], float) for leaf in node.inputs]
        module = {}
        exec(to_source(type(node), *values, **node.facts), module)
        tensors = [torch.tensor(value, requires_grad=True) for value in values]
        value, run = module[type(node).__name__].apply(*tensors), graph.forward(feeds)
        np.testing.assert_allclose(value.detach(), run[node], rtol=1e-13, atol=1e-13)
        run.backward(seed=np.ones(value.shape))
        value.sum().backward()
        for leaf, tensor in zip(node.inputs, tensors, strict=True):
            if tensor.grad is not None:
                np.testing.assert_allclose(tensor.grad, run.gradients[leaf.name], rtol=1e-12, atol=1e-13)
        written += 1
    record_property("cases", written)
