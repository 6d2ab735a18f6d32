"""GraphClassifier and GraphRegressor: scikit-learn's estimators around a graph that a function builds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal, Self, final

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from chainrule.core.leaves import Constant, Input, Parameter
from chainrule.core.node import Node
from chainrule.core.placing import layer
from chainrule.errors import ArgumentError
from chainrule.graph import Graph
from chainrule.interop.fitted import Fitted
from chainrule.nodes.arithmetic import Add
from chainrule.nodes.elementwise import Tanh
from chainrule.nodes.losses import MSELoss, SoftmaxCrossEntropyLoss
from chainrule.plan.training_plan import TrainingPlan, compile_step
from chainrule.training.optimizers import Adam, Optimizer

Array = npt.NDArray[Any]
Build = Callable[[int, int], Graph]


def small_net(features: int, outputs: int, hidden: tuple[int, ...], loss: type[Node]) -> Graph:
    """Layers of tanh, and one without before the loss: what an estimator has where no function builds its graph."""
    A: Node = Input("A0", (features, "m"))
    sizes = (features, *hidden, outputs)
    for k in range(1, len(sizes)):
        with layer(f"Layer {k}"):
            W, B = Parameter(f"W{k}", (sizes[k], sizes[k - 1])), Parameter(f"B{k}", (sizes[k], 1))
            Z = Add(W @ A, B, name=f"Z{k}")
            A = Tanh(Z, name=f"A{k}") if k < len(sizes) - 1 else Z
    return Graph(loss(A, Input("Y", (outputs, "m")), name="L"))


class GraphEstimator(BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn has no types
    """What both share: a graph is built, its parameters start, and move in compiled steps."""

    _state: dict[str, Array]

    def __init__(
        self,
        build: Build | None = None,
        *,
        hidden: tuple[int, ...] = (16,),
        optimizer: Optimizer | None = None,
        epochs: int = 200,
        batch_size: int | None = None,
        tol: float = 1e-4,
        patience: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        backend: Literal["numpy", "numba", "auto"] = "numpy",
        random_state: Any = None,
    ) -> None:
        self.build, self.hidden, self.optimizer = build, hidden, optimizer
        self.epochs, self.batch_size = epochs, batch_size
        self.tol, self.patience, self.backend, self.random_state = tol, patience, backend, random_state
        self.early_stopping, self.validation_fraction = early_stopping, validation_fraction

    @abstractmethod
    def _checked(self, X: Any, y: Any, first: bool) -> tuple[Array, Array]:
        """The data, and a row of numbers for each label."""

    @abstractmethod
    def _score(self, X: Array, targets: Array, weights: Array | None) -> float:
        """How good predictions are, for early stopping."""

    @abstractmethod
    def _built(self, features: int, targets: Array) -> Graph:
        """The graph for these data."""

    # --- fitting -----------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Build the graph, start its parameters and train them; what was fitted before is forgotten."""
        X, targets = self._checked(X, y, True)
        weights = self._weights(sample_weight, X)
        self._check_targets(targets if weights is None else targets[weights > 0])
        return self._trained(X, targets, weights, self.epochs, fresh=True)

    def _check_targets(self, targets: Array) -> None:
        """Refuse what nothing can be learned from."""

    def _continued(self, X: Array, targets: Array, sample_weight: Any, first: bool) -> Self:
        """One more epoch, from where the last ended."""
        return self._trained(X, targets, self._weights(sample_weight, X), 1, fresh=first)

    def _weights(self, weights: Any, X: Array) -> Array | None:
        if weights is None:
            return None
        found: Array = _check_sample_weight(weights, X, dtype=X.dtype, ensure_non_negative=True)
        if not found.sum() > 0:
            raise ValueError("sample_weight is 0 for every example")
        return found

    def _trained(self, X: Array, targets: Array, weights: Array | None, epochs: int, fresh: bool) -> Self:
        self._check_facts()
        random = check_random_state(self.random_state)
        if fresh:
            self._start(X, targets, random)
        held = None
        if self.early_stopping and epochs > 1:
            X, targets, weights, held = self._held_out(X, targets, weights, random)
        step, feeds = self._step(weights is not None), self._feeds(X, targets, weights)
        best, since, kept = np.inf, 0, self._state
        for _ in range(epochs):
            loss = self._epoch(step, feeds, len(X), random)
            if not np.isfinite(loss):
                raise ValueError(
                    f"the loss is {loss} after {len(self.loss_curve_) + 1} epochs: scale the features, as "
                    "StandardScaler does, or take a smaller rate, such as optimizer=chainrule.Adam(0.001)"
                )
            self.loss_curve_.append(loss)
            worth = loss if held is None else -self._validated(held)
            since = 0 if worth < best - self.tol else since + 1
            if worth < best:
                best, kept = worth, self._state
            if since > self.patience and epochs > 1:
                break
        if held is not None:
            self._state = kept
        self._finish()
        return self

    def _check_facts(self) -> None:
        if self.epochs < 1 or (self.batch_size is not None and self.batch_size < 1) or self.patience < 0:
            given = f"epochs={self.epochs}, batch_size={self.batch_size}, patience={self.patience}"
            raise ArgumentError("epochs and batch_size are 1 or more, patience 0 or more", given=given)

    def _start(self, X: Array, targets: Array, random: Any) -> None:
        self.graph_ = self._built(X.shape[1], targets)
        fitted = self._fitted = Fitted(self.graph_)
        fitted.fed(fitted.data, X[:1])
        self._params = self.graph_.initialize(int(random.randint(2**31 - 1)), X.dtype)
        self._steps: dict[bool, tuple[TrainingPlan, str]] = {}
        self._state = self._step(False)[0].start(self._params)
        self.loss_curve_: list[float] = []
        self.validation_scores_: list[float] = []

    def _step(self, weighed: bool) -> tuple[TrainingPlan, str]:
        """The compiled step, and the name that weights are fed under."""
        if weighed not in self._steps:
            graph, name = self._fitted.weighed() if weighed else (self.graph_, "")
            update = Adam(0.01) if self.optimizer is None else self.optimizer
            self._steps[weighed] = (compile_step(graph, list(self._params), self.backend, update), name)
        return self._steps[weighed]

    def _feeds(self, X: Array, targets: Array, weights: Array | None) -> tuple[Array, Array, Array | None]:
        return X, self._labels(targets).astype(X.dtype), weights

    def _labels(self, targets: Array) -> Array:
        """The rows of numbers that the labels of the graph are fed."""
        return targets

    def _epoch(self, step: tuple[TrainingPlan, str], feeds: Any, count: int, random: Any) -> float:
        """One way through all examples; the mean of the losses before each step."""
        size = count if self.batch_size is None else min(self.batch_size, count)
        order = np.arange(count) if self.batch_size is None else random.permutation(count)
        total = 0.0
        for start in range(0, count, size):
            chosen = slice(None) if self.batch_size is None else order[start : start + size]
            batch = self._batch(step[1], feeds, chosen)
            if batch is not None:
                loss, self._state = step[0]({**self._state, **batch})
                total += float(loss) * min(size, count - start)
        return total / count

    def _batch(self, name: str, feeds: Any, chosen: Any) -> dict[str, Array] | None:
        """The feeds of some examples; None where all of them weigh nothing."""
        X, labels, weights = feeds
        fitted = self._fitted
        fed = {
            fitted.data_name: fitted.fed(fitted.data, X[chosen]),
            fitted.label_name: fitted.fed(fitted.labels, labels[chosen]),
        }
        if weights is None:
            return fed
        if not weights[chosen].sum() > 0:
            return None
        return {**fed, name: fitted.weights(weights[chosen])}

    def _held_out(self, X: Array, targets: Array, weights: Array | None, random: Any) -> Any:
        columns = [X, targets] if weights is None else [X, targets, weights]
        parts = train_test_split(
            *columns, test_size=self.validation_fraction, random_state=random, stratify=self._strata(targets)
        )
        train, test = parts[::2], parts[1::2]
        return train[0], train[1], (None if weights is None else train[2]), [*test, None][:3]

    def _strata(self, targets: Array) -> Array | None:
        return None

    def _validated(self, held: Any) -> float:
        self._finish()
        self.validation_scores_.append(self._score(*held))
        return self.validation_scores_[-1]

    def _finish(self) -> None:
        self.coefs_ = {name: self._state[name] for name in self._params}
        self.n_iter_, self.loss_ = len(self.loss_curve_), self.loss_curve_[-1]

    # --- predicting --------------------------------------------------------------------------------------------------

    def _predicted(self, X: Array, node: Node) -> Array:
        """A value of the graph with an example in each row."""
        graph, fitted = Graph(node), self._fitted
        fed = {graph.name(leaf) for leaf in graph.leaves if not isinstance(leaf, Constant)}
        feeds = {**self.coefs_, fitted.data_name: fitted.fed(fitted.data, X)}
        run = graph.forward({name: array for name, array in feeds.items() if name in fed})
        return fitted.rows(run[graph.name(node)])

    def _checked_again(self, X: Any) -> Array:
        check_is_fitted(self, "coefs_")
        return validate_data(self, X, dtype=[np.float64, np.float32], reset=False)  # type: ignore[no-any-return]  # as above


@final
class GraphClassifier(ClassifierMixin, GraphEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier of scikit-learn around a graph.

    ``build(features, classes)`` returns the graph: one loss, an Input for the data and one for the labels, each with
    one axis that has a name and counts the examples, columns or rows; labels are one-hot, or one number of 0 and 1 (for
    HingeLoss -1 and 1) where there are two classes. The prediction is what the loss reads. Without a build it is a net
    of tanh layers with the ``hidden`` sizes, which wants features of about unit variance, as StandardScaler makes them.

    It trains by ``optimizer`` (Adam(0.01) if None) for at most ``epochs``, in batches of ``batch_size`` examples or of
    all, until the loss has not fallen by ``tol`` for ``patience`` epochs; with ``early_stopping`` until the accuracy on
    a ``validation_fraction`` of the examples has not risen, and the best parameters are kept. ``backend`` is that of
    ``Graph.compile``, ``random_state`` decides how parameters start and batches are drawn.

    Then there are ``graph_``; ``coefs_``, the parameters by name; ``classes_``; ``loss_curve_``, the loss of each
    epoch; ``validation_scores_``; ``n_iter_``; ``loss_``.

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), GraphClassifier(random_state=0)).fit(X, y)
    >>> bool(model.score(X, y) > 0.95), list(model[-1].coefs_)
    (True, ['W1', 'B1', 'W2', 'B2'])
    """

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """One epoch more; the first call says all ``classes`` that there will be, if y has not all of them."""
        first = not hasattr(self, "coefs_")
        if first:
            self.classes_ = unique_labels(y if classes is None else classes)
        elif classes is not None and not np.array_equal(unique_labels(classes), self.classes_):
            raise ValueError(f"classes are {self.classes_} since the first call, not {classes}")
        X, targets = self._checked(X, y, first, known=True)
        return self._continued(X, targets, sample_weight, first)

    def _checked(self, X: Any, y: Any, first: bool, known: bool = False) -> tuple[Array, Array]:
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], multi_output=True, reset=first)
        check_classification_targets(y)
        y = column_or_1d(y, warn=True)
        if not known:
            self.classes_ = unique_labels(y)
        places = np.searchsorted(self.classes_, y)
        if known and not np.array_equal(self.classes_[np.minimum(places, len(self.classes_) - 1)], y):
            raise ValueError(f"y has a class that is none of {self.classes_}")
        return X, places

    def _check_targets(self, targets: Array) -> None:
        if len(np.unique(targets)) < 2:
            raise ValueError("a classifier needs examples of two classes or more, and there is one class")

    def _built(self, features: int, targets: Array) -> Graph:
        classes = len(self.classes_)
        if self.build is None:
            return small_net(features, classes, tuple(self.hidden), SoftmaxCrossEntropyLoss)
        return self.build(features, classes)

    def _labels(self, targets: Array) -> Array:
        classes, fitted = len(self.classes_), self._fitted
        if fitted.outputs == classes:
            hot = np.eye(classes)[targets]
        elif fitted.outputs == 1 and classes == 2:
            hot = targets[:, np.newaxis] * 1.0
        else:
            raise ArgumentError(
                f"labels have {fitted.outputs} numbers for each example, and there are {classes} classes",
                where=fitted.labels.where,
                remedy="one-hot labels; for two classes also one number, 0 or 1",
            )
        return 2 * hot - 1 if fitted.is_hinge else hot

    def _strata(self, targets: Array) -> Array | None:
        return targets

    def _score(self, X: Array, targets: Array, weights: Array | None) -> float:
        return float(accuracy_score(targets, self._places(X), sample_weight=weights))

    def _places(self, X: Array) -> Array:
        node = self._fitted.probabilities()
        found = self._predicted(X, self._fitted.prediction if node is None else node)
        if found.shape[1] == 1:
            return np.asarray(found[:, 0] > (0.5 if node is not None else 0), dtype=int)
        return np.asarray(found.argmax(axis=1))

    def predict(self, X: Any) -> Array:
        """The most probable class of each example."""
        X = self._checked_again(X)
        return np.asarray(self.classes_[self._places(X)])

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, in the order of ``classes_``; ArgumentError for a loss that reads none."""
        X = self._checked_again(X)
        node = self._fitted.probabilities()
        if node is None:
            what = f"{type(self._fitted.loss).__name__} reads no probabilities"
            raise ArgumentError(what, remedy="predict(X), or a cross-entropy")
        found = self._predicted(X, node)
        return np.hstack([1 - found, found]) if found.shape[1] == 1 else found


@final
class GraphRegressor(RegressorMixin, GraphEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A regressor of scikit-learn around a graph; ``build(features, targets)`` returns it, as for GraphClassifier.

    Without a build the loss is the squared error, and targets of about unit variance are learned well:
    ``TransformedTargetRegressor(GraphRegressor(), transformer=StandardScaler())``. y may have several columns.

    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 60).reshape(-1, 1)
    >>> model = GraphRegressor(epochs=500, random_state=0).fit(X, np.sin(3 * X[:, 0]))
    >>> bool(model.score(X, np.sin(3 * X[:, 0])) > 0.95)
    True
    """

    # Written out again for its own number of epochs: scikit-learn reads what can be set off this signature.
    def __init__(
        self,
        build: Build | None = None,
        *,
        hidden: tuple[int, ...] = (16,),
        optimizer: Optimizer | None = None,
        epochs: int = 500,
        batch_size: int | None = None,
        tol: float = 1e-4,
        patience: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        backend: Literal["numpy", "numba", "auto"] = "numpy",
        random_state: Any = None,
    ) -> None:
        super().__init__(
            build,
            hidden=hidden,
            optimizer=optimizer,
            epochs=epochs,
            batch_size=batch_size,
            tol=tol,
            patience=patience,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            backend=backend,
            random_state=random_state,
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch more, from where the last call ended."""
        first = not hasattr(self, "coefs_")
        X, targets = self._checked(X, y, first)
        return self._continued(X, targets, sample_weight, first)

    def _checked(self, X: Any, y: Any, first: bool) -> tuple[Array, Array]:
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], multi_output=True, y_numeric=True, reset=first)
        self._flat = y.ndim == 1
        return X, (y.reshape(-1, 1) if self._flat else y)

    def _built(self, features: int, targets: Array) -> Graph:
        if self.build is None:
            return small_net(features, targets.shape[1], tuple(self.hidden), MSELoss)
        return self.build(features, targets.shape[1])

    def _score(self, X: Array, targets: Array, weights: Array | None) -> float:
        return float(r2_score(targets, self._predicted(X, self._fitted.prediction), sample_weight=weights))

    def predict(self, X: Any) -> Array:
        """The prediction for each example, in the shape of the y that was fitted."""
        X = self._checked_again(X)
        found = self._predicted(X, self._fitted.prediction)
        return found[:, 0] if self._flat else found
