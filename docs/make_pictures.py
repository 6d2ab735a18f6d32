"""Draws the pictures of docs/drawing.md anew: `python docs/make_pictures.py` writes docs/pictures/*.svg."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import chainrule as cr
import nets
from chainrule.drawing import Drawing

FOLDER = Path(__file__).parent / "pictures"
BATCH = {"A0": [[0.5, -1.0, 0.0], [1.0, 2.0, -0.5]], "Y": [[1, 0, 1]]}


def pictures() -> dict[str, Drawing]:
    """Every drawing that docs/drawing.md shows, by the name of its file."""
    net = nets.DNN(sizes=(2, 3, 3, 1), seed=0)
    run = net.graph.forward({**net.params, **BATCH})
    run.backward()
    many = net.graph.forward({**net.params, "A0": np.linspace(-2, 2, 40).reshape(2, 20), "Y": [[0, 1] * 10]})
    many.backward()
    circuit = nets.circuits.product_and_maximum().forward({"x": 3, "y": -4, "z": 2, "w": -1})
    circuit.backward()
    return {
        "graph": net.graph.draw(),
        "formulas": net.graph.draw("formulas"),
        "values": run.draw("values", layer="Layer 1"),
        "gradients": many.draw(),
        "circuit": circuit.draw(),
        "document": circuit.draw(palette="document"),
        "fork": fork().draw(),
        "neuron": neuron().draw("formulas"),
        "output-layer": run.draw(layer="Layer 3"),
        "output-layer-formulas": net.graph.draw("formulas", layer="Layer 3"),
        "collapsed": net.graph.draw(collapse=True),
        "expanded": net.graph.expand("A3").draw(layer="Layer 3"),
        "fused": net.graph.fuse().draw(layer="Layer 3"),
        "highlight": net.graph.draw(layer="Layer 2", highlight="Z2"),
        "down": nets.circuits.opened_sigmoid_neuron().draw(direction="down"),
        "error": error().draw(),
    }


def neuron() -> cr.Graph:
    """Two features, one output, examples in columns."""
    A0, Y = cr.Input("A0", (2, "m")), cr.Input("Y", (1, "m"))
    W1, B1 = cr.Parameter("W1", (1, 2)), cr.Parameter("B1", (1, 1))
    A1 = cr.Sigmoid(cr.Add(W1 @ A0, B1, name="Z1"), name="A1")
    return cr.Graph(cr.BCELoss(A1, Y, name="L"))


def fork() -> cr.Run:
    """A value that is used twice."""
    x, w = cr.Input("x"), cr.Parameter("w")
    y = cr.Multiply(w, x, name="y")
    run = cr.Graph(cr.Add(cr.Square(y, name="a"), cr.Multiply(3, y, name="b"), name="L")).forward({"x": 2, "w": -0.5})
    run.backward()
    return run


def error() -> cr.errors.ShapeError:
    """A transpose too many."""
    A2 = cr.Input("A2", (3, "m"))
    with cr.layer("Layer 3"):
        W3 = cr.Parameter("W3", (1, 3))
        try:
            cr.MatMul(W3.T, A2)
        except cr.errors.ShapeError as found:
            return found
    raise AssertionError("the shapes fit")


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(exist_ok=True)
    for name, drawing in pictures().items():
        print(drawing.save(FOLDER / f"{name}.svg"))


if __name__ == "__main__":
    main()
