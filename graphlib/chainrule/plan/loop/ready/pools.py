"""The largest entries of windows that have no pixel in common and lie inside of an image, and what gradients become.

The forms are those of ``chainrule.symbols.windows``. An image is one channel of one example. Each function computes
those from ``first`` to ``last``, of ``height`` × ``width`` pixels with ``high`` × ``wide`` windows.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from chainrule.plan.loop.kept import njit
from chainrule.plan.loop.series import FUNCTIONS

KIND: Final = "float64"
FACTS: Final = (2, 2, 2, 2)

real = np.float64 if KIND == "float64" else np.float32
maximum = FUNCTIONS[KIND]["maximum"]
LOWEST: Final = real(-np.inf)
ROWS, COLUMNS, DOWN, RIGHT = FACTS  # of a window, and how far it moves on: as constants they make no loops


@njit(nogil=True, error_model="numpy")
def largest_of(x: Any, corner: Any, width: Any) -> Any:
    """The largest entry of the window with this corner; NaN where there is one."""
    found = LOWEST
    for row in range(ROWS):
        for column in range(COLUMNS):
            found = maximum(found, x[corner + row * width + column])
    return found


@njit(nogil=True, error_model="numpy", cache=True)
def max_pool(x: Any, height: Any, width: Any, high: Any, wide: Any, first: Any, last: Any, out: Any) -> Any:
    """The largest entry of every window."""
    for image in range(first, last):
        own = x[image * height * width : (image + 1) * height * width]
        for i in range(image * high, (image + 1) * high):
            made, start = out[i * wide : i * wide + wide], (i - image * high) * DOWN * width
            for j in range(wide):
                made[j] = largest_of(own, start + j * RIGHT, width)


@njit(nogil=True, error_model="numpy", cache=True)
def max_pool_backward(
    grad: Any, x: Any, height: Any, width: Any, high: Any, wide: Any, first: Any, last: Any, out: Any
) -> Any:
    """All to the largest of each window, in equal shares where several are; 0 where it is NaN."""
    for image in range(first, last):
        at = image * height * width
        own, made = x[at : at + height * width], out[at : at + height * width]
        for k in range(made.size):
            made[k] = real(0)
        for i in range(high):
            given = grad[(image * high + i) * wide : (image * high + i + 1) * wide]
            for j in range(wide):
                corner = i * DOWN * width + j * RIGHT
                largest, count = largest_of(own, corner, width), real(0)
                for row in range(ROWS):
                    for column in range(COLUMNS):
                        count += real(1) if own[corner + row * width + column] == largest else real(0)
                share = given[j] / (count if count > 1 else real(1))
                for row in range(ROWS):
                    for column in range(COLUMNS):
                        place = corner + row * width + column
                        made[place] = share if own[place] == largest else real(0)
