"""scikit-learn's estimators around graphs: its own checks, graphs of every layout, weights, searches, pickles."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import chainrule as cr
from chainrule.errors import ArgumentError
from chainrule.interop.sklearn import GraphClassifier, GraphRegressor
from nets.digits import build as digits


@pytest.mark.filterwarnings("ignore")  # those of scikit-learn's own checks
@pytest.mark.parametrize("estimator", [GraphClassifier(), GraphRegressor()])
def test_the_checks_of_scikit_learn(estimator):
    found = check_estimator(estimator, on_fail=None, on_skip=None)
    assert {one["check_name"]: one["exception"] for one in found if one["status"] == "failed"} == {}
    assert sum(one["status"] == "passed" for one in found) > 50


def columns(loss, activation=None):
    """A builder of one layer in columns."""

    def build(features, classes):
        rows = 1 if loss in (cr.BCELoss, cr.SigmoidBCELoss, cr.HingeLoss) and classes == 2 else classes
        X, Y = cr.Input("X", (features, "m")), cr.Input("Y", (rows, "m"))
        Z = cr.Add(cr.Parameter("W", (rows, features)) @ X, cr.Parameter("b", (rows, 1)), name="Z")
        return cr.Graph(loss(Z if activation is None else activation(Z), Y, name="L"))

    return build


def rows(features, classes):
    """A layer in rows, whose number of examples has another name."""
    X, Y = cr.Input("X", ("n", features)), cr.Input("Y", ("n", classes))
    Z = X @ cr.Parameter("W", (features, classes)) + cr.Parameter("b", (1, classes))
    return cr.Graph(cr.SoftmaxCrossEntropyLoss(Z, Y, name="L"))


def probabilities(x):
    return cr.Softmax(x, axis=0)


BUILDS = {
    "BCE": columns(cr.BCELoss, cr.Sigmoid),
    "SigmoidBCE": columns(cr.SigmoidBCELoss),
    "CrossEntropy": columns(cr.CrossEntropyLoss, probabilities),
    "SoftmaxCrossEntropy": columns(cr.SoftmaxCrossEntropyLoss),
    "NLL": columns(cr.NLLLoss, lambda x: cr.LogSoftmax(x, axis=0)),
    "Hinge": columns(cr.HingeLoss),
    "MSE": columns(cr.MSELoss),
    "rows": rows,
}


@pytest.mark.parametrize("name", BUILDS)
def test_builders_of_every_loss_and_layout(name):
    X, y = make_classification(120, 5, n_classes=2, random_state=0, class_sep=2.0)
    labels = np.array(["no", "yes"])[y]
    model = GraphClassifier(BUILDS[name], random_state=0, epochs=300).fit(X, labels)
    assert model.score(X, labels) > 0.9
    assert set(model.coefs_) == {node.name for node in model.graph_.parameters}
    if name in ("Hinge", "MSE"):
        with pytest.raises(ArgumentError, match="reads no probabilities"):
            model.predict_proba(X)
    else:
        found = model.predict_proba(X)
        np.testing.assert_allclose(found.sum(axis=1), 1)
        assert np.array_equal(model.classes_[found.argmax(axis=1)], model.predict(X))


@pytest.mark.parametrize("name", BUILDS)
def test_a_weight_of_3_is_three_examples_and_one_of_0_none(name):
    rng = np.random.default_rng(0)
    X, y, times = rng.normal(size=(40, 3)), np.arange(40) % 2, rng.integers(0, 4, 40)
    facts = {"build": BUILDS[name], "random_state": 0, "epochs": 20, "tol": 0.0}
    weighed = GraphClassifier(**facts).fit(X, y, sample_weight=times)
    repeated = GraphClassifier(**facts).fit(X.repeat(times, axis=0), y.repeat(times))
    for key, array in repeated.coefs_.items():
        np.testing.assert_allclose(weighed.coefs_[key], array, rtol=1e-9, atol=1e-11)  # sums in another order
    np.testing.assert_allclose(weighed.loss_curve_, repeated.loss_curve_, rtol=1e-9)


def test_images_are_rows_of_pixels_outside():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 64)), np.arange(30) % 10
    model = GraphClassifier(lambda features, classes: digits((2, 3)), batch_size=8, epochs=2, random_state=0)
    model.fit(X, y)
    run = model.graph_.forward({**model.coefs_, "A0": X.reshape(-1, 1, 8, 8), "Y": np.eye(10)[y]})
    assert np.array_equal(model.predict(X), run["Z3"].argmax(axis=1))


def test_searches_pipelines_clones_and_pickles():
    X, y = load_iris(return_X_y=True)
    net = GraphClassifier(random_state=1, epochs=60, batch_size=32)
    search = GridSearchCV(make_pipeline(StandardScaler(), net), {"graphclassifier__hidden": [(2,), (8, 4)]}, cv=3)
    search.fit(X, y)
    assert search.best_score_ > 0.9
    model = search.best_estimator_[-1]
    again = pickle.loads(pickle.dumps(search))
    assert np.array_equal(again.predict_proba(X), search.predict_proba(X))
    assert again.best_estimator_[-1].partial_fit(X, y).n_iter_ == model.n_iter_ + 1
    assert not hasattr(clone(model), "coefs_")
    assert [len(model.loss_curve_), model.loss_curve_[-1]] == [model.n_iter_, model.loss_]
    assert model.loss_ < 0.3 * model.loss_curve_[0]


def test_early_stopping_keeps_the_best_on_what_was_held_out(monkeypatch):
    seen, scores = [], iter([0.1, 0.5, 0.4, 0.9, 0.2, 0.3, 0.4, 0.5, 0.6])

    def score(self, X, targets, weights):
        seen.append({name: array.copy() for name, array in self.coefs_.items()})
        assert (len(X), weights) == (20, None)
        return next(scores)

    monkeypatch.setattr(GraphClassifier, "_score", score)
    X, y = make_classification(200, 20, n_informative=3, flip_y=0.3, random_state=0)
    model = GraphClassifier(early_stopping=True, epochs=400, patience=3, random_state=0).fit(X, y)
    assert model.validation_scores_ == [0.1, 0.5, 0.4, 0.9, 0.2, 0.3, 0.4, 0.5]
    assert model.n_iter_ == 8
    for name, array in seen[3].items():
        np.testing.assert_array_equal(model.coefs_[name], array)


def test_several_targets_are_predicted_at_once():
    X, _ = make_classification(200, 20, random_state=0)
    targets = np.c_[X[:, 0], X[:, 1]]
    model = GraphRegressor(early_stopping=True, epochs=50, random_state=0).fit(X, targets)
    assert model.predict(X).shape == (200, 2)
    assert model.score(X, targets) > 0.5


def test_partial_fit_learns_classes_that_come_later():
    X, y = load_iris(return_X_y=True)
    model = GraphClassifier(random_state=0).partial_fit(X[:50], y[:50], classes=[0, 1, 2])
    for _ in range(60):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.9
    with pytest.raises(ValueError, match="none of"):
        model.partial_fit(X[:3], [7, 8, 9])
    with pytest.raises(ValueError, match="since the first call"):
        model.partial_fit(X[:3], y[:3], classes=[0, 1])


def test_float32_stays_float32():
    X, y = load_iris(return_X_y=True)
    model = GraphClassifier(random_state=0, epochs=3).fit(X.astype(np.float32), y)
    assert {array.dtype for array in model.coefs_.values()} == {np.dtype(np.float32)}
    assert model.predict_proba(X.astype(np.float32)).dtype == np.float32


def test_graphs_that_are_no_estimators_say_what_is_missing():
    x, w = cr.Input("x", (3, "m")), cr.Parameter("w", (1, 3))
    X, y = np.ones((4, 3)), [0, 1, 0, 1]
    for build, said in (
        (lambda features, classes: None, "build returns a Graph"),
        (lambda features, classes: cr.Graph(cr.Mean(w @ x)), "tell data from labels"),
        (lambda features, classes: columns(cr.BCELoss, cr.Sigmoid)(4, 2), "4 numbers for each example, not 3"),
        (lambda features, classes: columns(cr.SoftmaxCrossEntropyLoss)(3, 5), "5 numbers for each example, and there"),
    ):
        with pytest.raises(ArgumentError, match=said):
            GraphClassifier(build).fit(X, y)
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="scale the features"):
        GraphRegressor(hidden=(), optimizer=cr.SGD(1e99)).fit(np.arange(6.0).reshape(-1, 1), np.arange(6.0))
