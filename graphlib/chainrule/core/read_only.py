"""Arrays that nobody can write to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


def read_only(value: Any) -> npt.NDArray[Any]:
    """A view of an array, or the array that a number is, that cannot be written to; the original stays as it is."""
    view = value.view() if type(value) is np.ndarray else np.asarray(value).view()
    view.setflags(write=False)
    return view
