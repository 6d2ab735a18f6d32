"""The large node classes with the shapes, facts and values they are tried on: rows for the table of all nodes."""

import numpy as np
from node_values import Case, Row, apart, condition, normal, one_hot, positive

import chainrule as cr
from chainrule.nodes import passed_back

IMAGES, KERNEL = (2, 3, 5, 4), (2, 3, 3, 2)
SLIDES = [
    {},
    {"stride": 2},
    {"padding": 1},
    {"stride": (2, 1), "padding": (0, 1)},
    {"stride": 3, "padding": (2, 1)},
]


def slid(images, kernel, facts):
    """The shape of a convolution."""
    return np.shape(cr.Conv2d(cr.Input("x", images), cr.Input("k", kernel), **facts))


CONVOLVED = [
    *(Case((IMAGES, KERNEL), facts) for facts in SLIDES),
    Case(((0, 3, 5, 4), KERNEL)),
    Case(((1, 1, 3, 3), (1, 1, 3, 3))),  # square: rows and columns taken for each other have the right shape
    Case(((2, 3, 5, 4), (4, 3, 1, 1)), {"stride": 2}),
]
CONVOLVED_BACK = [
    Case((slid(*case.shapes, case.facts), case.shapes[1], case.shapes[0]), case.facts) for case in CONVOLVED
]
CONVOLVED_TO_KERNEL = [Case((grad, x, kernel), facts) for (grad, kernel, x), facts in CONVOLVED_BACK]

POOLS = [
    {},
    {"size": 3},
    {"size": (3, 2), "stride": (2, 1), "padding": (1, 0)},
    {"size": 2, "stride": 1},
    {"size": 3, "stride": 2, "padding": 1},
]


def pooled(images, facts):
    """The shape of what is pooled."""
    return np.shape(cr.MaxPool(cr.Input("x", images), **facts))


OF_POOLS = [Case((IMAGES,), facts) for facts in POOLS] + [Case(((0, 3, 5, 4),)), Case(((2, 1, 2, 2),))]
WITH_AREAS = OF_POOLS + [Case((IMAGES,), {**facts, "count_padding": False}) for facts in POOLS]
POOLED_BACK = [Case((pooled(IMAGES, facts), IMAGES), facts) for facts in POOLS]
PICKED = [Case((IMAGES, IMAGES), facts) for facts in POOLS]
AVERAGED_BACK = POOLED_BACK + [Case(case.shapes, {**case.facts, "count_padding": False}) for case in POOLED_BACK]

OVER_FEATURES = [
    Case(((4, 3),)),
    Case(((4, 3), (4, 1))),
    Case(((4, 3), (4, 1), (4,)), {"epsilon": 0.1}),
    Case(((3, 4), (4,), (4,)), {"axis": 1}),
    Case(((2, 3, 4), (4,), ())),
    Case(((2, 3, 4), (3, 4), (3, 4)), {"axis": (1, 2)}),
    Case(((2, 3, 4), (3, 1), (3, 1)), {"axis": -2}),
    Case(((2, 3, 4, 5), (3, 4, 5), (1, 1, 5)), {"axis": (1, 2, 3)}),
    Case(((5,), (5,), (5,))),
]
OVER_THE_BATCH = [
    Case(((4, 5), (4, 1), (4, 1))),
    Case(((5, 4), (4,), (1, 4)), {"channels": 1, "epsilon": 0.1}),
    Case(((2, 3, 4, 5), (3,), (3, 1, 1))),
    Case(((2, 3, 4), (4,), (4,)), {"channels": -1}),
    Case(((4, 5), (4, 1), (4, 1), (4, 1), (4, 1))),
    Case(((2, 3, 4, 5), (3,), (3,), (3,), (3, 1, 1)), {"epsilon": 0.1}),
]
GROUPED = [
    Case(((2, 6, 3, 4), (6,), (6,))),
    Case(((2, 6, 3, 4), (6, 1, 1), (6,)), {"groups": 3, "epsilon": 0.1}),
    Case(((2, 3, 4), (3,)), {"groups": 1}),
    Case(((5, 4),), {"groups": 2}),
]
STANDARDIZED = [
    Case(((3, 4),), {"axis": 0}),
    Case(((3, 4),)),
    Case(((2, 3, 4),), {"axis": (0, 2), "epsilon": 0.1}),
    Case(((2, 3, 4),), {"axis": -1, "center": False}),
    Case(((2, 6, 3),), {"groups": 3}),
]
ATTENDED = [
    Case(((5, 4), (3, 4), (3, 2))),
    Case(((2, 5, 4), (2, 3, 4), (2, 3, 6))),
    Case(((2, 1, 5, 4), (3, 7, 4), (7, 6))),
]
MASKED = [Case((*case.shapes, (5, case.shapes[1][-2]))) for case in ATTENDED]
DROPPED = [Case((shape, shape)) for shape in [(), (0,), (2, 3)]] + [Case(((2, 3, 4),) * 2, {"rate": 0.25})]
WEIGHED = [
    *(Case(((3, 4), (3, 4), (3, 1)), {"reduction": reduction}) for reduction in ("mean", "sum", "none")),
    Case(((4, 3), (4, 3), (1, 3)), {"examples": 0}),
    Case(((3, 4), (3, 4), (3, 4)), {"ignore_unlabelled": True}),
    Case(((3, 4), (3, 4)), {"ignore_unlabelled": True}),
    Case(((3, 4), (3, 4)), {"ignore_unlabelled": True, "reduction": "none"}),
]


def some_labels(rng, shape):
    """One-hot columns, the last one without a label."""
    labels = one_hot(rng, shape)
    labels[..., -1:] = 0
    return labels


def shares(rng, shape):
    return rng.uniform(0.1, 0.9, size=shape)


LARGE_ROWS = [
    Row(cr.Attention, (normal, normal, normal), ATTENDED),
    Row(cr.Attention, (normal, normal, normal, condition), MASKED),
    Row(cr.Attention, (normal, normal, normal, normal), MASKED),
    Row(cr.AveragePool, (normal,), WITH_AREAS),
    Row(cr.BatchNorm, (normal, normal, normal, normal, positive), OVER_THE_BATCH),
    Row(cr.Conv2d, (normal, normal), CONVOLVED),
    Row(cr.CrossEntropyLoss, (shares, some_labels, positive), WEIGHED),
    Row(cr.Dropout, (normal, condition), DROPPED),
    Row(cr.Dropout, (normal,), [Case(((2, 3),))]),
    Row(cr.GroupNorm, (normal, normal, normal), GROUPED),
    Row(cr.LayerNorm, (normal, normal, normal), OVER_FEATURES),
    Row(cr.MaxPool, (apart,), OF_POOLS),
    Row(cr.NLLLoss, (normal, some_labels, positive), WEIGHED),
    Row(cr.RMSNorm, (normal, normal, normal), OVER_FEATURES),
    Row(cr.SoftmaxCrossEntropyLoss, (normal, some_labels, positive), WEIGHED),
    Row(passed_back.AtLargest, (normal, apart), PICKED),
    Row(passed_back.ConvolutionToImage, (normal, normal, normal), CONVOLVED_BACK),
    Row(passed_back.ConvolutionToKernel, (normal, normal, normal), CONVOLVED_TO_KERNEL),
    Row(passed_back.MaskedSoftmax, (normal, condition), [Case(((3, 4), (4,)), {"axis": 1}), Case(((3, 4), (3, 4)))]),
    Row(passed_back.Standardized, (normal,), STANDARDIZED),
    Row(passed_back.StandardizedBackward, (normal, normal), [Case(c.shapes * 2, c.facts) for c in STANDARDIZED]),
    Row(passed_back.ToLargest, (normal, apart), POOLED_BACK),
    Row(passed_back.ToWindows, (normal, normal), AVERAGED_BACK),
]
