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

from . import circuits
from .by_hand import forward_by_hand, gradients_by_hand
from .copying import Copier
from .digits import DigitReader, load_digits
from .dnn import DNN
from .embedding import WordEmbedding
from .iris import load_iris_petals
from .softmax_classifier import SoftmaxClassifier, one_hot
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
