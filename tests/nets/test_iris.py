"""The petals that come with the networks: the same hundred flowers as everywhere else."""

from importlib import resources

import numpy as np
from sklearn.datasets import load_iris

from nets.iris import SPECIES, load_iris_petals


def test_shapes_and_labels():
    X, Y = load_iris_petals()
    assert X.shape == (2, 100)
    assert Y.shape == (1, 100)
    assert Y[0].tolist() == [0.0] * 50 + [1.0] * 50
    assert X.dtype == Y.dtype == np.float64


def test_flowers_are_those_of_scikit_learn_in_the_same_order():
    iris = load_iris()
    chosen = iris.target > 0
    X, Y = load_iris_petals()
    np.testing.assert_array_equal(X, iris.data[chosen][:, 2:].T)
    np.testing.assert_array_equal([SPECIES[int(label)] for label in Y[0]], iris.target_names[iris.target[chosen]])
    assert [iris.feature_names[column] for column in (2, 3)] == ["petal length (cm)", "petal width (cm)"]


def test_the_file_names_its_source_and_license():
    text = (resources.files("nets") / "data" / "iris.csv").read_text("utf-8")
    for word in ("Fisher", "1936", "UCI", "CC BY 4.0", "centimeters"):
        assert word in text


def test_no_two_calls_share_an_array():
    first, second = load_iris_petals(), load_iris_petals()
    first[0][:] = 0
    assert second[0].min() > 0


def test_one_versicolor_and_two_virginica_have_the_same_petals():
    X, Y = load_iris_petals()
    same = (X == [[4.8], [1.8]]).all(axis=0)
    assert Y[0, same].tolist() == [0, 1, 1]
    versicolor, virginica = ({tuple(flower) for flower in X[:, Y[0] == label].T} for label in (0, 1))
    assert versicolor & virginica == {(4.8, 1.8)}
