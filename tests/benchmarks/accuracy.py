"""How far the engine's gradients of 2-3-3-1 are from three judges: the hand formulas, scikit-learn, and mpmath.

Run it with `python tests/benchmarks/accuracy.py`. The tests hold the same figures to their bounds; this prints them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("nets", "oracles")]

import precise  # noqa: E402 — found through the path above
import test_by_hand  # noqa: E402 — found through the path above
import test_dnn  # noqa: E402 — found through the path above

from nets import DNN, gradients_by_hand  # noqa: E402 — found through the path above

SIZES = ((2, 3, 3, 1), (2, 4, 3, 1))
SCALES = (1, 5, 10, 20)


def against_hand(sizes: tuple[int, ...]) -> float:
    """The largest difference over 150 batches, norm-wise: relative to the norm of each gradient."""
    net, worst = DNN(sizes), 0.0
    for seed in range(150):
        X, Y = test_dnn.batch(net, int(test_dnn.COLUMNS[seed % len(test_dnn.COLUMNS)]), seed)
        by_hand = gradients_by_hand(net.params, X, Y)
        worst = max(worst, test_dnn.relative(test_dnn.gradients(net, X, Y), by_hand))
    return worst


def against_sklearn(sizes: tuple[int, ...]) -> float:
    """The largest absolute difference to `MLPClassifier._backprop`, over 25 batches of 1 to 1000 columns."""
    net, worst = DNN(sizes), 0.0
    for seed, m in enumerate((1, 2, 10, 100, 1000) * 5):
        net.params, X, Y = test_by_hand.network(sizes, m, seed)
        expected = test_by_hand.sklearn_gradients(net.params, X, Y)
        engine = test_dnn.gradients(net, X, Y)
        worst = max(worst, *(float(np.abs(engine[name] - value).max()) for name, value in expected.items()))
    return worst


def against_mpmath(scale: int) -> float:
    """The largest error relative to the largest gradient, for weights times `scale`, over random and right labels."""
    net, worst = DNN(), 0.0
    for seed in range(6):
        net = DNN()
        X, Y = test_dnn.batch(net, 13, seed, scale=scale)
        labels = net.predict(X).astype(float) if seed % 2 else Y
        exact = {name: value.astype(float) for name, value in precise.network(net.params, X, labels).items()}
        engine = test_dnn.gradients(net, X, labels)
        largest = max(np.abs(exact[name]).max() for name in engine)
        errors = [np.abs((g / 13 if name[0] in "ZA" else g) - exact[name]).max() for name, g in engine.items()]
        worst = max(worst, float(max(errors) / largest))
    return worst


def main() -> None:
    for sizes in SIZES:
        name = "-".join(map(str, sizes))
        print(
            f"{name}  against the hand formulas, norm-wise, 150 batches of 1 to 1000 columns: {against_hand(sizes):.1e}"
        )
        print(f"{name}  against scikit-learn's _backprop, largest difference: {against_sklearn(sizes):.1e}")
    for scale in SCALES:
        print(f"2-3-3-1  weights × {scale:<2}  against mpmath, of the largest gradient: {against_mpmath(scale):.1e}")


if __name__ == "__main__":
    main()
