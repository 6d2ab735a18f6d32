"""Feeds: the data for a graph's leaves, checked and converted before anything is computed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, final

import numpy as np

from chainrule.dimensions import Dimension, shape_text
from chainrule.errors import FeedError, did_you_mean
from chainrule.node import Constant, Leaf, Node

if TYPE_CHECKING:
    import numpy.typing as npt

Array: TypeAlias = "npt.NDArray[Any]"
NameOf = Callable[[Node], str]


def values_of_leaves(leaves: Sequence[Leaf], feeds: Mapping[Any, Any], name_of: NameOf) -> dict[Node, Array]:
    """A read-only array for every leaf, in the dtype of the run.

    Raises FeedError naming everything that is missing, unknown, no array of real numbers, or of the wrong shape.
    """
    values = values_in_pieces(leaves, feeds, name_of)
    return {leaf: value[...] if isinstance(value, Pieces) else value for leaf, value in values.items()}


def values_in_pieces(leaves: Sequence[Leaf], feeds: Mapping[Any, Any], name_of: NameOf) -> dict[Node, Any]:
    """The same, but a feed that is stored, or has another dtype than the run, is left where it is, as `Pieces`."""
    fed = [leaf for leaf in leaves if not isinstance(leaf, Constant)]
    arrays = _arrays(fed, _by_leaf(fed, feeds, name_of), name_of)
    _check_shapes(arrays, name_of)
    dtype = run_dtype(arrays)
    values: dict[Node, Any] = {leaf: _converted(leaf, array, dtype, name_of) for leaf, (array, _) in arrays.items()}
    constants = [leaf for leaf in leaves if isinstance(leaf, Constant)]
    return values | {leaf: np.asarray(_converted(leaf, leaf.value, dtype, name_of)) for leaf in constants}


def is_stored(value: Any) -> bool:
    """Whether a value is an array on disk: a memory map, a dataset of h5py or zarr, an ArrayFile.

    All but the first are known by a shape, a dtype and slices without arithmetic: what can compute is in memory.
    """
    if isinstance(value, np.memmap):
        return value.ndim > 0
    sliced = hasattr(value, "shape") and hasattr(value, "__getitem__") and not hasattr(value, "__add__")
    return sliced and isinstance(getattr(value, "dtype", None), np.dtype) and len(value.shape) > 0


@final
class Pieces:
    """A feed that stays where it is: what is sliced is read, and converted to the dtype of the run."""

    def __init__(self, source: Any, dtype: np.dtype[Any], name: str) -> None:
        self.source, self.dtype, self.name = source, dtype, name
        self.stored = is_stored(source)
        self.shape: tuple[int, ...] = tuple(source.shape)

    def __getitem__(self, key: Any) -> Array:
        piece = np.asarray(self.source[key])
        _check_whole(piece, self.dtype, self.name)
        return _read_only(piece.astype(self.dtype, copy=False))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self[...], dtype, copy=copy)


def _by_leaf(leaves: Sequence[Leaf], feeds: Mapping[Any, Any], name_of: NameOf) -> dict[Leaf, Any]:
    """The feeds by node; every missing and every unknown name is reported at once."""
    if not isinstance(feeds, Mapping):
        raise FeedError(f"feeds are a dict of names and arrays, not {type(feeds).__name__}")
    known = {name_of(leaf): leaf for leaf in leaves}
    known_nodes = frozenset[Any](leaves)
    named = {name_of(key) if key in known_nodes else key: value for key, value in feeds.items()}
    missing = [name for name in known if name not in named]
    unknown = [name for name in named if name not in known]
    if missing or unknown:
        candidates = missing or known
        parts = [f"missing {', '.join(map(repr, missing))}"] * bool(missing)
        parts += [f"unknown {', '.join(did_you_mean(str(name), candidates) for name in unknown)}"] * bool(unknown)
        raise FeedError(f"feeds: {'; '.join(parts)}", remedy=f"this graph is fed {', '.join(known) or 'nothing'}")
    return {known[name]: value for name, value in named.items()}


def _arrays(leaves: Sequence[Leaf], feeds: Mapping[Leaf, Any], name_of: NameOf) -> dict[Leaf, tuple[Array, bool]]:
    """Every feed as an array, and whether it came with a dtype of its own (lists and numbers do not)."""
    arrays, problems = {}, []
    for leaf in leaves:
        value = feeds[leaf]
        try:
            arrays[leaf] = (_as_array(value), hasattr(value, "dtype"))
        except (TypeError, ValueError) as error:
            problems.append(f"{name_of(leaf)}: {error}")
    if problems:
        raise FeedError("; ".join(problems), remedy="real numbers: an array, a number, or a list of rows of one length")
    return arrays


def _as_array(value: Any) -> Array:
    masked = sys.modules.get("numpy.ma")  # it takes 7 ms to load, and whoever has a masked array has loaded it
    if masked is not None and isinstance(value, masked.MaskedArray):
        raise TypeError("a masked array has entries without a value; fill or drop them")
    array: Array = value if is_stored(value) else np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{_kind(array.dtype)} numbers are not real numbers"
            if array.dtype.kind == "c"
            else f"{_kind(array.dtype)} is no array of real numbers"
        )
    return array


def _kind(dtype: np.dtype[Any]) -> str:
    names = {"c": "complex", "O": "object", "U": "text", "S": "text", "T": "text", "M": "datetime", "m": "timedelta"}
    return names.get(dtype.kind, str(dtype))


def _check_shapes(arrays: Mapping[Leaf, tuple[Array, bool]], name_of: NameOf) -> None:
    """Hold every array to its declared shape, and every named dimension to one size."""
    sizes: dict[str, tuple[int, str]] = {}
    problems = []
    for leaf, (array, _) in arrays.items():
        shape = leaf.shape or ()
        if len(shape) != len(array.shape) or any(
            isinstance(s, int) and s != n for s, n in zip(shape, array.shape, strict=True)
        ):
            problems.append(
                f"{name_of(leaf)} is declared {shape_text(shape)} and was fed {array.shape}{_shape_hint(shape, array)}"
            )
            continue
        for size, number in zip(shape, array.shape, strict=True):
            problems.extend(_conflict(size, number, name_of(leaf), sizes))
    if problems:
        raise FeedError("; ".join(problems), remedy="examples are columns: m of them are an array of m columns")


def _conflict(size: Any, number: int, name: str, sizes: dict[str, tuple[int, str]]) -> list[str]:
    if not isinstance(size, Dimension):
        return []
    key = str(size)
    known, owner = sizes.setdefault(key, (number, name))
    return [f"{key} is {known} in {owner} and {number} in {name}"] if known != number else []


def _shape_hint(shape: Sequence[Any], array: Array) -> str:
    fits = len(shape) == len(array.shape) == 2 and all(
        isinstance(s, Dimension) or s == n for s, n in zip(shape, array.shape[::-1], strict=True)
    )
    return " (its transpose fits)" if fits else ""


def run_dtype(arrays: Mapping[Leaf, tuple[Array, bool]]) -> np.dtype[Any]:
    """The one floating dtype of a run: what the floating arrays have in common, float64 when there are none.

    float16 is computed in float32: sums of half-precision numbers lose their digits at a few thousand terms.
    """
    floating = [
        a.dtype for leaf, (a, typed) in arrays.items() if typed and a.dtype.kind == "f" and leaf.dtype.kind == "f"
    ]
    if not floating:
        return np.dtype(float)
    return np.result_type(*floating, np.float32 if all(d.itemsize < 4 for d in floating) else floating[0])


def _converted(leaf: Leaf, array: Any, dtype: np.dtype[Any], name_of: NameOf) -> Array | Pieces:
    """A read-only view where the array already fits, else pieces to be converted."""
    target = dtype if leaf.dtype.kind == "f" else leaf.dtype
    if is_stored(array):
        return Pieces(array, target, name_of(leaf))
    _check_whole(array, target, name_of(leaf))
    return _read_only(np.asarray(array)) if array.dtype == target else Pieces(array, target, name_of(leaf))


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view


def _check_whole(array: Array, target: np.dtype[Any], name: str) -> None:
    """Refuse fractions where whole numbers are taken."""
    if target.kind in "iub" and not np.can_cast(array.dtype, target, "same_kind") and not _whole(array):
        raise FeedError(f"{name} takes {target} and was fed {array.dtype} with fractions")


def _whole(array: Array) -> bool:
    return bool(np.all(np.isfinite(array)) and np.all(array == np.trunc(array)))
