"""Networks built from the nodes of chainrule, one to a file, each to be read from top to bottom.

>>> import nets
>>> net = nets.DNN(sizes=(2, 3, 3, 1))
>>> X, Y = nets.load_iris_petals()
>>> out, cache = net.forward(X)
>>> grads = net.compute_gradients(out, cache, Y)
>>> by_hand = nets.gradients_by_hand(net.params, X, Y)
>>> max(float(abs(grads[name] - by_hand[name]).max()) for name in grads) < 1e-12
True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import circuits
from .by_hand import forward_by_hand, gradients_by_hand
from .copying import Copier
from .digits import DigitReader, load_digits
from .dnn import DNN
from .embedding import WordEmbedding
from .iris import load_iris_petals
from .softmax_classifier import SoftmaxClassifier, one_hot

if TYPE_CHECKING:
    from .training import SGD, Adam, History, Momentum, Optimizer, train

__all__ = [
    "Adam",
    "Copier",
    "DNN",
    "DigitReader",
    "History",
    "Momentum",
    "Optimizer",
    "SGD",
    "SoftmaxClassifier",
    "WordEmbedding",
    "circuits",
    "forward_by_hand",
    "gradients_by_hand",
    "load_digits",
    "load_iris_petals",
    "one_hot",
    "train",
]

_OF_TRAINING = ("Adam", "History", "Momentum", "Optimizer", "SGD", "train")


def __getattr__(name: str) -> Any:
    """What trains is loaded when it is used: with the plans that it makes, it takes as long as all of chainrule."""
    if name != "training" and name not in _OF_TRAINING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    training = import_module(f"{__name__}.training")
    return training if name == "training" else getattr(training, name)


def __dir__() -> list[str]:
    return sorted(__all__)
