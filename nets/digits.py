"""A small convolutional network that reads digits: two convolutions, a pool behind each, then scores of the classes."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

import chainrule as cr

from .counts import checked_channels, in_one_line

Array = NDArray[Any]
CLASSES = 10
TEST_EVERY = 4  # every fourth image is held out


def load_digits() -> tuple[Array, Array, Array, Array]:
    """Return images and one-hot labels to train on, then images and labels that are held out.

    They are scikit-learn's 1,797 digits of 8 × 8 pixels, as images (batch, 1, 8, 8) with numbers from 0 to 1, and
    labels (batch, 10). Raises ImportError, naming the extra, where scikit-learn is not installed.
    """
    try:
        from sklearn import datasets
    except ImportError:
        raise ImportError('the digits come with scikit-learn: pip install "chainrule[sklearn]"') from None
    images, labels = datasets.load_digits(return_X_y=True)
    x, y = images.reshape(-1, 1, 8, 8) / 16, np.eye(CLASSES)[labels]
    held_out = np.arange(len(x)) % TEST_EVERY == 0
    return x[~held_out], y[~held_out], x[held_out], y[held_out]


def build(channels: tuple[int, int] = (8, 16)) -> cr.Graph:
    """Return the graph images → convolution → pool → convolution → pool → scores of the classes → L.

    >>> [build()[name].shape for name in ("A0", "P1", "P2", "Z3", "L")]
    [(m, 1, 8, 8), (m, 8, 4, 4), (m, 16, 2, 2), (m, 10), ()]
    """
    first, second = channels
    A0, Y = cr.Input("A0", shape=("m", 1, 8, 8)), cr.Input("Y", shape=("m", CLASSES))
    with cr.layer("Convolution 1"):
        K1, b1 = cr.Parameter("K1", shape=(first, 1, 3, 3)), cr.Parameter("b1", shape=(first, 1, 1))
        A1 = cr.ReLU(cr.Conv2d(A0, K1, padding=1) + b1, name="A1")
        P1 = cr.MaxPool(A1, size=2, name="P1")
    with cr.layer("Convolution 2"):
        K2, b2 = cr.Parameter("K2", shape=(second, first, 3, 3)), cr.Parameter("b2", shape=(second, 1, 1))
        A2 = cr.ReLU(cr.Conv2d(P1, K2, padding=1) + b2, name="A2")
        P2 = cr.MaxPool(A2, size=2, name="P2")
    with cr.layer("Classes"):
        flat = P2.reshape(-1, 4 * second)
        W3, b3 = cr.Parameter("W3", shape=(4 * second, CLASSES)), cr.Parameter("b3", shape=(1, CLASSES))
        Z3 = cr.Add(flat @ W3, b3, name="Z3")
    return cr.Graph(cr.SoftmaxCrossEntropyLoss(Z3, Y, name="L"))


@final
class DigitReader:
    """A convolutional network for images of 8 × 8 pixels with a digit on each.

    Images are (batch, 1, 8, 8), labels one-hot rows (batch, 10). A kernel looks at every place alike, so a stroke is
    known wherever it stands: both kernels together have 1,224 numbers to learn, where a matrix from all pixels to all
    of A1 alone would have 32,768.

    >>> reader = DigitReader()
    >>> reader.predict(np.zeros((3, 1, 8, 8))).shape
    (3,)
    """

    def __init__(self, channels: tuple[int, int] = (8, 16), seed: int = 0) -> None:
        self.graph = build(checked_channels(channels))
        self.params: dict[str, Array] = self.graph.initialize(seed)
        self._scores = cr.Graph(self.graph["Z3"])

    def __repr__(self) -> str:
        return in_one_line(self, "of images of 8 × 8", self.params)

    def train(self, images: ArrayLike, labels: ArrayLike, epochs: int = 20, seed: int = 0) -> cr.History:
        """Learn from images and their labels, in batches of 64; returns how the loss went."""
        data, optimizer = {"A0": images, "Y": labels}, cr.Adam(rate=0.005)
        history = cr.train(
            self.graph, self.params, data, optimizer=optimizer, epochs=epochs, batch_size=64, seed=seed, progress=False
        )
        self.params = history.params
        return history

    def predict(self, images: ArrayLike) -> NDArray[np.int_]:
        """Return the likeliest digit of each image, as a flat array."""
        return np.asarray(self._scores.forward({**self.params, "A0": images})["Z3"].argmax(axis=1))

    def accuracy(self, images: ArrayLike, labels: ArrayLike) -> float:
        """Return the share of the images whose digit is read right."""
        return float(np.mean(self.predict(images) == np.argmax(labels, axis=1)))


def main() -> None:
    """Train on three quarters of the digits, and say how many of the others are read right."""
    x, y, held_out, answers = load_digits()
    reader = DigitReader()
    history = reader.train(x, y)
    share = reader.accuracy(held_out, answers)
    print(f"loss {history.losses[-1]:.4f}, {share:.1%} of {len(held_out)} digits that were held out are read right")


if __name__ == "__main__":
    main()
