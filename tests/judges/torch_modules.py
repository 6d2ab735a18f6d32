"""Modules of PyTorch that people have, each with arguments for several examples."""

import torch
from torch import nn

D, HEADS, STEPS, WORDS = 6, 2, 4, 7


class Residual(nn.Module):
    """Two convolutions beside an identity."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.second = nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2), nn.Conv2d(2, 2, 3, 1, 1)

    def forward(self, x):
        return torch.relu(x + self.second(torch.relu(self.norm(self.first(x)))))


class Block(nn.Module):
    """Attention and a net for each word, both beside an identity."""

    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.attention = nn.MultiheadAttention(D, HEADS, batch_first=True)
        self.net = nn.Sequential(nn.Linear(D, 8), nn.GELU(), nn.Linear(8, D))

    def forward(self, x):
        y = self.ln1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.net(self.ln2(x))


class Causal(nn.Module):
    """Attention written by hand, with a mask that is a buffer."""

    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.register_buffer("mask", torch.tril(torch.ones(STEPS, STEPS)).view(1, 1, STEPS, STEPS))

    def forward(self, x):
        batch, steps, width = x.shape
        parts = self.qkv(x).split(width, dim=2)
        q, k, v = (part.view(batch, steps, HEADS, width // HEADS).transpose(1, 2) for part in parts)
        scores = (q @ k.transpose(-2, -1)) / k.size(-1) ** 0.5
        scores = scores.masked_fill(self.mask[:, :, :steps, :steps] == 0, float("-inf"))
        return self.out((torch.softmax(scores, -1) @ v).transpose(1, 2).contiguous().view(batch, steps, width))


class SmallGPT(nn.Module):
    """Two blocks over words and places; the head shares the table of words."""

    def __init__(self):
        super().__init__()
        self.words, self.places = nn.Embedding(WORDS, D), nn.Embedding(STEPS, D)
        self.blocks = nn.ModuleList(nn.Sequential(nn.LayerNorm(D), Causal()) for _ in range(2))
        self.nets = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(D), nn.Linear(D, 8), nn.GELU(approximate="tanh"), nn.Linear(8, D))
            for _ in range(2)
        )
        self.norm, self.head = nn.LayerNorm(D), nn.Linear(D, WORDS, bias=False)
        self.head.weight = self.words.weight

    def forward(self, ids):
        x = self.words(ids) + self.places(torch.arange(ids.shape[1]))
        for block, net in zip(self.blocks, self.nets, strict=True):
            x = x + block(x)
            x = x + net(x)
        return self.head(self.norm(x))


class Cells(nn.Module):
    """A cell stepped by hand."""

    def __init__(self, kind):
        super().__init__()
        self.cell, self.out = kind(3, 4), nn.Linear(4, 2)

    def forward(self, x):
        state = None
        for step in range(x.shape[1]):
            state = self.cell(x[:, step], state)
        return self.out(state[0] if isinstance(state, tuple) else state)


class VAE(nn.Module):
    """An autoencoder whose noise is an argument; what it gives back, and its distance from a standard normal."""

    def __init__(self):
        super().__init__()
        self.encoder, self.mean, self.spread = nn.Linear(5, 4), nn.Linear(4, 2), nn.Linear(4, 2)
        self.decoder = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 5), nn.Sigmoid())

    def forward(self, x, noise):
        h = torch.tanh(self.encoder(x))
        mean, spread = self.mean(h), self.spread(h)
        apart = -0.5 * torch.sum(1 + spread - mean.pow(2) - spread.exp(), dim=1).mean()
        return self.decoder(mean + noise * torch.exp(0.5 * spread)), apart


class Siamese(nn.Module):
    """How far two arguments are apart behind one net."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))

    def forward(self, left, right):
        return nn.functional.pairwise_distance(self.net(left), self.net(right))


class Words(nn.Module):
    """The mean of words looked up in a table."""

    def __init__(self):
        super().__init__()
        self.table, self.out = nn.Embedding(WORDS, 3), nn.Linear(3, 2)

    def forward(self, ids):
        return self.out(self.table(ids).mean(dim=1))


def dense(*between):
    return nn.Sequential(nn.Linear(3, 4), *between, nn.Linear(4, 2))


def images():
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(24, 3)
    )


def drawn(*shape):
    return lambda m: torch.randn(m, *shape)


def ids(m):
    return torch.randint(0, WORDS, (m, STEPS))


# By the name in the table of docs/interop.md: what builds a module, and one function of m for each argument.
MODULES = {
    "MLP": (lambda: dense(nn.ReLU()), drawn(3)),
    "CNN": (images, drawn(1, 6, 8)),
    "residual block": (Residual, drawn(2, 4, 5)),
    "residual block, evaluation": (lambda: Residual().eval(), drawn(2, 4, 5)),
    "LayerNorm": (lambda: dense(nn.LayerNorm(4)), drawn(3)),
    "BatchNorm": (lambda: dense(nn.BatchNorm1d(4)), drawn(3)),
    "BatchNorm, evaluation": (lambda: dense(nn.BatchNorm1d(4)).eval(), drawn(3)),
    "embedding": (Words, ids),
    "GELU MLP": (lambda: dense(nn.GELU()), drawn(3)),
    "attention block": (Block, drawn(4, D)),
    "small GPT": (SmallGPT, ids),
    "RNN": (lambda: nn.RNN(3, 4, batch_first=True), drawn(3, 3)),
    "LSTM": (lambda: nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True), drawn(3, 3)),
    "GRU": (lambda: nn.GRU(3, 4, batch_first=True), drawn(3, 3)),
    "RNN cell over steps": (lambda: Cells(nn.RNNCell), drawn(3, 3)),
    "LSTM cell over steps": (lambda: Cells(nn.LSTMCell), drawn(3, 3)),
    "VAE": (VAE, drawn(5), drawn(2)),
    "Siamese": (Siamese, drawn(3), drawn(3)),
    "Transformer encoder layer": (
        lambda: nn.TransformerEncoderLayer(D, HEADS, 8, dropout=0.0, batch_first=True),
        drawn(4, D),
    ),
}


def difference(name):
    """The largest difference of values and of gradients, over that of the largest, for batches of 5, 2 and 3."""
    import numpy as np

    import chainrule as cr
    from chainrule.interop.torch import from_module

    torch.manual_seed(0)
    build, *arguments = MODULES[name]
    module, examples = build().double(), [draw(5) for draw in arguments]
    examples = [x.double() if x.is_floating_point() else x for x in examples]
    graph, values = from_module(module, *examples)
    seeds = [cr.Input(f"seed {k}", node.shape) for k, node in enumerate(graph.outputs)]
    products = [cr.Sum(cr.Multiply(*pair)) for pair in zip(graph.outputs, seeds, strict=True)]
    total = cr.Graph(sum(products[1:], start=products[0]), watch=graph.inputs)
    worst = [0.0, 0.0]
    for m in (5, 2, 3):
        data = examples if m == 5 else [draw(m) for draw in arguments]
        leaves = [x.double().requires_grad_() if x.is_floating_point() else x for x in data]
        outputs = torch.utils._pytree.tree_leaves(module(*leaves))
        given = [torch.randn_like(y) for y in outputs]
        feeds = {**values, **{leaf.name: x.detach().numpy() for leaf, x in zip(graph.inputs, leaves, strict=True)}}
        run = total.forward({**feeds, **{seed.name: y.numpy() for seed, y in zip(seeds, given, strict=True)}})
        run.backward()
        for node, y in zip(graph.outputs, outputs, strict=True):
            worst[0] = max(worst[0], apart(run[node], y))
        named = {**dict(module.named_parameters()), **dict(zip([x.name for x in graph.inputs], leaves, strict=True))}
        moving = {key: x for key, x in named.items() if x.requires_grad}
        found = torch.autograd.grad(outputs, list(moving.values()), given, materialize_grads=True)
        for key, gradient in zip(moving, found, strict=True):
            worst[1] = max(worst[1], apart(run.gradients.get(key, np.zeros(gradient.shape)), gradient))
    return len(graph), *worst


def apart(found, expected):
    expected = expected.detach()
    assert tuple(found.shape) == tuple(expected.shape)
    size = max(1.0, float(expected.abs().amax())) if expected.numel() else 1.0
    return float((torch.as_tensor(found.copy()) - expected).abs().amax()) / size if expected.numel() else 0.0
