"""scikit-learn as oracle: its own back propagation of exactly our networks."""

import inspect

from sklearn.neural_network import MLPClassifier, MLPRegressor


def sklearn_gradients(params, X, Y, hidden="logistic", output="logistic"):
    """The loss, dW and dB that scikit-learn computes, whose examples are rows and whose W is our W transposed."""
    layers = range(1, len(params) // 2 + 1)
    model = (MLPRegressor if output == "identity" else MLPClassifier)(activation=hidden, alpha=0)
    model.coefs_ = [params[f"W{layer}"].T for layer in layers]
    model.intercepts_ = [params[f"B{layer}"].ravel() for layer in layers]
    model.n_layers_, model.n_outputs_, model.out_activation_ = len(layers) + 1, len(Y), output
    empty = [None] * len(layers)
    arguments = {
        "X": X.T,
        "y": Y.T,
        "sample_weight": None,  # scikit-learn has it since 1.7
        "activations": [X.T, *empty],
        "deltas": list(empty),
        "coef_grads": list(empty),
        "intercept_grads": list(empty),
    }
    known = inspect.signature(model._backprop).parameters
    loss, weights, biases = model._backprop(**{name: value for name, value in arguments.items() if name in known})
    return loss, {f"W{layer}": weights[layer - 1].T for layer in layers} | {
        f"B{layer}": biases[layer - 1].reshape(-1, 1) for layer in layers
    }
