"""Rows added up at places of a table, in the order in which the places are named."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from chainrule.plan.loop.kept import njit

KIND: Final = "float64"

real = np.float64 if KIND == "float64" else np.float32


@njit(nogil=True, error_model="numpy", cache=True)
def put(grad: Any, ids: Any, count: Any, inner: Any, out: Any) -> Any:
    """Zeros with the rows of ``grad`` added at these places, of which those below 0 count from the end.

    The arrays are seen as (…, picks, inner) and (…, count, inner). False where a place is not there.
    """
    missing = 0
    for j in range(ids.size):
        missing += (ids[j] < -count) | (ids[j] >= count)
    if missing > 0:
        return False
    for k in range(out.size):
        out[k] = real(0)
    for start in range(0, out.size // inner, count):
        for j in range(ids.size):
            row = start + ids[j] + (count if ids[j] < 0 else 0)
            at = (start // count * ids.size + j) * inner
            own, made = grad[at : at + inner], out[row * inner : row * inner + inner]
            for k in range(inner):
                made[k] += own[k]
    return True
