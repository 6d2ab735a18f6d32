"""Feeds: the data for a graph's leaves, checked and converted before anything is computed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeAlias, final

import numpy as np

from chainrule.core.accepting import is_masked
from chainrule.core.array_file import ArrayFile
from chainrule.core.leaves import Constant, Leaf
from chainrule.core.node import Node
from chainrule.core.read_only import read_only
from chainrule.errors import ArgumentError, FeedError, did_you_mean
from chainrule.symbols.dimensions import Dimension, Shape, shape_text

if TYPE_CHECKING:
    import numpy.typing as npt

Array: TypeAlias = "npt.NDArray[Any]"
NameOf = Callable[[Node], str]


def one_dict(given: Mapping[Any, Any] | None, named: Mapping[str, Any], call: str) -> Mapping[Any, Any]:
    """What a call is given as a dict; raises ArgumentError where it was given by keywords, or not at all."""
    if given is None or named:
        shown = ", ".join(f'"{name}": ...' for name in named) or '"x": ...'
        raise ArgumentError(f"{call} takes one dict, not keywords", remedy=f"{call}({{{shown}}})")
    return given


def values_of_leaves(
    leaves: Sequence[Leaf], feeds: Mapping[Any, Any], name_of: NameOf, *, own: bool = False
) -> dict[Node, Array]:
    """A read-only array for every leaf, in the dtype of the run.

    ``own`` copies what the caller can still write to, for a run that outlives the call. Raises FeedError naming
    everything that is missing, unknown, no array of real numbers, or of the wrong shape.
    """
    values = values_in_pieces(leaves, feeds, name_of, own=own)
    return {leaf: value.whole(own) if isinstance(value, Pieces) else value for leaf, value in values.items()}


def values_in_pieces(
    leaves: Sequence[Leaf], feeds: Mapping[Any, Any], name_of: NameOf, *, own: bool = False
) -> dict[Node, Any]:
    """The same, but a feed that is stored, or has another dtype than the run, is left where it is, as `Pieces`."""
    fed = [leaf for leaf in leaves if not isinstance(leaf, Constant)]
    arrays = _arrays(fed, _by_leaf(fed, feeds, name_of), name_of)
    _check_shapes(arrays, name_of)
    dtype = run_dtype(arrays)
    values: dict[Node, Any] = {
        leaf: _converted(leaf, array, dtype, name_of, own) for leaf, (array, _) in arrays.items()
    }
    constants = [leaf for leaf in leaves if isinstance(leaf, Constant)]
    return values | {leaf: np.asarray(_converted(leaf, leaf.value, dtype, name_of)) for leaf in constants}


def is_stored(value: Any) -> bool:
    """Whether a value is an array on disk: a memory map, a dataset of h5py or zarr, an ArrayFile.

    All but the first are known by a shape, a dtype and slices without arithmetic: what can compute is in memory.
    """
    if type(value) is np.ndarray:
        return False
    if isinstance(value, np.memmap):
        return value.ndim > 0
    sliced = hasattr(value, "shape") and hasattr(value, "__getitem__") and not hasattr(value, "__add__")
    return sliced and isinstance(getattr(value, "dtype", None), np.dtype) and len(value.shape) > 0


@final
class Pieces:
    """A feed that stays where it is: what is sliced is read, and converted to the dtype of the run."""

    def __init__(self, leaf: Leaf, source: Any, dtype: np.dtype[Any], name: str) -> None:
        self.leaf, self.source, self.dtype, self.name = leaf, source, dtype, name
        self.stored = is_stored(source)
        self.shape: tuple[int, ...] = tuple(source.shape)

    def __getitem__(self, key: Any) -> Array:
        piece = np.asarray(self.source[key])
        with np.errstate(over="ignore", invalid="ignore"):  # what is lost is found below
            converted = piece.astype(self.dtype, copy=False)
        _check_kept(self.leaf, piece, converted, self.name)
        return read_only(as_cut(converted, self.shape))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self[...], dtype, copy=copy)

    @property
    def shared(self) -> bool:
        """Whether other machines find it under the same path."""
        return isinstance(self.source, ArrayFile) and self.source.shared

    def stretch(self, axis: int, first: int, last: int) -> Stretch:
        """Where another machine finds the entries from ``first`` to ``last`` along an axis of a shared file."""
        return Stretch(self.leaf, str(self.source.path), self.dtype, self.name, axis, first, last)

    def whole(self, own: bool) -> Array:
        """All of it; ``own`` copies a memory map that somebody may write to."""
        array = self[...]
        return read_only(array.copy()) if own and np.may_share_memory(array, self.source) else array


def as_cut(piece: Array, shape: tuple[int, ...]) -> Array:
    """A piece of an array of a shape, laid as a cut of that array lies: its rows do not touch where columns are cut.

    A product has other last digits where they do, and results are not to depend on where a piece has come from.
    """
    axis = next((k for k, (size, whole) in enumerate(zip(piece.shape, shape, strict=False)) if size != whole), 0)
    if not axis or not piece.flags.c_contiguous:
        return piece
    wide = np.empty([size + (k == axis) for k, size in enumerate(piece.shape)], piece.dtype)
    apart = wide[(slice(None),) * axis + (slice(piece.shape[axis]),)]
    apart[...] = piece
    return apart


@final
class Stretch(NamedTuple):
    """Some columns of a shared file: what travels to a task in their place."""

    leaf: Leaf
    path: str
    dtype: np.dtype[Any]
    name: str
    axis: int
    first: int
    last: int

    def read(self) -> Array:
        """The columns, read where this is called; FeedError if the file is not there."""
        try:
            pieces = Pieces(self.leaf, ArrayFile(self.path), self.dtype, self.name)
            return pieces[(slice(None),) * self.axis + (slice(self.first, self.last),)]
        except OSError as error:
            raise FeedError(
                f"{self.name} cannot be read where the task runs: {error.strerror or error}",
                where=self.leaf.where,
                given=self.path,
                remedy="ArrayFile(path, shared=True) is for a file that every worker has at that path",
            ) from None


# --- what is refused -------------------------------------------------------------------------------------------------


@final
class _Problem(NamedTuple):
    """What is wrong with the feed of one leaf."""

    leaf: Leaf
    what: str
    given: str
    remedy: str


_NAMED = 100  # names listed
_SHOWN = 5  # problems; whoever feeds a hundred arrays wrongly has made one mistake


def _refuse(problems: Sequence[_Problem]) -> NoReturn:
    """All problems in one error, the remedy for the first."""
    shown, left = problems[:_SHOWN], len(problems) - _SHOWN
    more = [f"{left} more like these"] if left > 0 else []
    raise FeedError(
        "; ".join([*(problem.what for problem in shown), *more]),
        where=_places([problem.leaf for problem in shown]),
        given=", ".join(problem.given for problem in shown),
        remedy=problems[0].remedy,
    )


def _places(leaves: Sequence[Leaf]) -> str:
    rest = ["..."] if len(leaves) > _SHOWN else []
    return "; ".join([*(leaf.where for leaf in leaves[:_SHOWN]), *rest])


def _by_leaf(leaves: Sequence[Leaf], feeds: Mapping[Any, Any], name_of: NameOf) -> dict[Leaf, Any]:
    """The feeds by node; every missing and every unknown name is reported at once."""
    known = {name_of(leaf): leaf for leaf in leaves}
    if isinstance(feeds, dict) and feeds.keys() == known.keys():
        return {known[name]: value for name, value in feeds.items()}
    remedy = f"this graph is fed {_listed(known)}"
    if not isinstance(feeds, Mapping):
        raise FeedError(f"feeds are a dict of names and arrays, not {type(feeds).__name__}", remedy=remedy)
    known_nodes = frozenset[Any](leaves)
    named = {name_of(key) if key in known_nodes else key: value for key, value in feeds.items()}
    missing = [name for name in known if name not in named]
    unknown = [name for name in named if name not in known]
    if missing or unknown:
        parts = [f"missing {_listed(map(repr, missing))}"] if missing else []
        if unknown:
            near = missing or known
            parts.append(f"unknown {_listed(_suggestion(name, near) for name in unknown)}")
        where = _places([known[name] for name in missing])
        raise FeedError(f"feeds: {'; '.join(parts)}", where=where, given=_listed(named), remedy=remedy)
    return {known[name]: value for name, value in named.items()}


def _suggestion(name: Any, known: Iterable[str]) -> str:
    return did_you_mean(name, known) if isinstance(name, str) else repr(name)


def _listed(names: Iterable[Any]) -> str:
    first = list(itertools.islice(names, _NAMED + 1))
    texts = [name if isinstance(name, str) else repr(name) for name in first[:_NAMED]]
    rest = ["..."] if len(first) > _NAMED else []
    return ", ".join([*texts, *rest]) or "nothing"


def _arrays(leaves: Sequence[Leaf], feeds: Mapping[Leaf, Any], name_of: NameOf) -> dict[Leaf, tuple[Array, bool]]:
    """Every feed as an array, and whether it came with a dtype of its own (lists and numbers do not)."""
    arrays, problems = {}, []
    for leaf in leaves:
        value = feeds[leaf]
        try:
            arrays[leaf] = (as_array(value), hasattr(value, "dtype"))
        except (TypeError, ValueError, OverflowError) as error:
            name = name_of(leaf)
            what, remedy = unfit(name, value, error)
            problems.append(_Problem(leaf, f"{name} {what}", f"{name} {_description(value)}", remedy))
    if problems:
        _refuse(problems)
    return arrays


def as_array(value: Any) -> Array:
    """A value as an array of real numbers; raises what ``unfit`` puts into words."""
    if type(value) is not np.ndarray and is_masked(value):  # most feeds are plain arrays, so that is asked first
        raise TypeError("masked")
    array: Array = value if type(value) is np.ndarray or is_stored(value) else np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(array.dtype.kind)
    return array


_KINDS = {
    "c": "complex numbers",
    "U": "text",
    "S": "bytes",
    "T": "text",
    "M": "dates",
    "m": "durations",
    "V": "records",
}
_REAL_NUMBERS = "real numbers: an array, a number, or a list of rows of one length"


def unfit(name: str, value: Any, error: Exception) -> tuple[str, str]:
    """What a value is in place of an array of real numbers, and what to do about it."""
    if is_masked(value):
        return (
            "is a masked array, which has entries without a value",
            f"fill them, {name}.filled(0), or drop their columns",
        )
    kind = str(error)
    if kind in _KINDS:
        return f"holds {_KINDS[kind]} in place of real numbers", _REAL_NUMBERS
    if isinstance(value, (list, tuple)) and isinstance(error, ValueError):
        return "is a list whose rows differ in length", _REAL_NUMBERS
    if isinstance(value, (list, tuple, np.ndarray)):
        return "holds objects in place of real numbers", _REAL_NUMBERS
    return f"is no array of real numbers: it is {_type(value)}", _REAL_NUMBERS


def _type(value: Any) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"


def _description(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.shape} {value.dtype}"
    if isinstance(value, (list, tuple)) and all(isinstance(row, (list, tuple)) for row in value):
        lengths = sorted({len(row) for row in value})
        return f"with rows of {', '.join(map(str, lengths[:_SHOWN]))} entries"
    return _type(value)


def _check_shapes(arrays: Mapping[Leaf, tuple[Array, bool]], name_of: NameOf) -> None:
    """Hold every array to its declared shape, and every named dimension to one size."""
    sizes: dict[str, tuple[int, str]] = {}
    problems = []
    for leaf, (array, _) in arrays.items():
        shape = leaf._plain_shape or ()
        if shape == array.shape:
            continue
        name = name_of(leaf)
        if len(shape) != len(array.shape) or any(
            isinstance(s, int) and s != n for s, n in zip(shape, array.shape, strict=True)
        ):
            what = f"{name} is declared {shape_text(shape)} and was fed {array.shape}{_shape_hint(shape, array)}"
            problems.append(_Problem(leaf, what, f"{name} {array.shape}", _shape_remedy(name, shape, array)))
            continue
        for size, number in zip(shape, array.shape, strict=True):
            if what := _conflict(size, number, name, sizes):
                problems.append(_Problem(leaf, what, f"{name} {array.shape}", f"one size for {size} in all feeds"))
    if problems:
        _refuse(problems)


def _conflict(size: Any, number: int, name: str, sizes: dict[str, tuple[int, str]]) -> str:
    if not isinstance(size, Dimension):
        return ""
    key = str(size)
    known, owner = sizes.setdefault(key, (number, name))
    return f"{key} is {known} in {owner} and {number} in {name}" if known != number else ""


def _fits_transposed(shape: Sequence[Any], array: Array) -> bool:
    return len(shape) == len(array.shape) == 2 and _fits(shape, array.shape[::-1])


def _fits(shape: Sequence[Any], sizes: Sequence[int]) -> bool:
    return all(isinstance(s, Dimension) or s == n for s, n in zip(shape, sizes, strict=True))


def _shape_hint(shape: Sequence[Any], array: Array) -> str:
    return " (its transpose fits)" if _fits_transposed(shape, array) else ""


def _shape_remedy(name: str, shape: Shape, array: Array) -> str:
    if _fits_transposed(shape, array):
        return f"feed the transpose of {name}: examples are {_examples(shape)}"
    for with_axis, index in (((*array.shape, 1), "[:, None]"), ((1, *array.shape), "[None]")):
        if len(array.shape) == 1 and len(shape) == 2 and _fits(shape, with_axis):
            return f"np.asarray({name}){index} has the axis that is missing"
    if any(isinstance(size, Dimension) for size in shape):
        words = _examples(shape)
        return f"examples are {words}: m of them are an array of m {words}"
    return f"an array of shape {shape_text(shape)} for {name}"


def _examples(shape: Shape) -> str:
    """What examples are in a matrix: rows where its first size alone has a name."""
    named = [isinstance(size, Dimension) for size in shape]
    return "rows" if named == [True, False] else "columns"


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


def _converted(leaf: Leaf, array: Any, dtype: np.dtype[Any], name_of: NameOf, own: bool = False) -> Array | Pieces:
    """A read-only view where the array already fits and nobody writes to it, else pieces to be converted."""
    target = dtype if leaf.dtype.kind == "f" else leaf.dtype
    if is_stored(array) or array.dtype != target:
        pieces = Pieces(leaf, array, target, name_of(leaf))
        if not pieces.stored and target.kind in "iub":
            pieces[...]  # fractions are refused before anything is computed
        return pieces
    return read_only(array.copy() if own and array.flags.writeable else np.asarray(array))


def _check_kept(leaf: Leaf, array: Array, converted: Array, name: str) -> None:
    """Refuse what another dtype cannot hold: fractions and large numbers as whole ones, 1e300 in float32."""
    target = converted.dtype
    if np.can_cast(array.dtype, target, "safe"):
        return
    lost = np.isfinite(array) & ~np.isfinite(converted) if target.kind == "f" else array != converted
    if lost.any():
        place = tuple(int(k) for k in np.argwhere(lost)[0])
        number = array[place]
        why = (
            "fractions"
            if target.kind in "iu" and not np.isinf(number) and number % 1
            else "numbers that it cannot hold"
        )
        raise FeedError(
            f"{name} takes {target} and was fed {array.dtype} with {why}",
            where=leaf.where,
            given=f"{name} is {number!s}{_at(place)}",
            remedy="False and True, or 0 and 1" if target.kind == "b" else f"numbers that {target} can hold",
        )


def _at(place: tuple[int, ...]) -> str:
    """Where an entry stands; a number alone stands nowhere."""
    return f" at {place}" if place else ""


def check_labels(losses: Mapping[Leaf, Node], values: Mapping[Node, Any], name_of: NameOf) -> None:
    """Hold the labels of every loss to the range that it is defined for; NaN passes, as in every other feed."""
    problems = []
    for leaf, loss in losses.items():
        if isinstance(values[leaf], Pieces) and values[leaf].stored:
            continue  # all of the file would be read for it
        labels, (low, high) = np.asarray(values[leaf]), loss.label_range or (-np.inf, np.inf)
        if labels.size and (labels.min() < low or labels.max() > high):
            bad = (labels < low) | (labels > high)
            place = tuple(int(k) for k in np.argwhere(bad)[0])
            what = f"{name_of(leaf)} holds labels of {type(loss).__name__} outside [{low}, {high}]"
            given = f"{name_of(leaf)} is {labels[place]!s}{_at(place)}"
            problems.append(_Problem(leaf, what, given, f"labels from {low} to {high}: 0 or 1, or a probability"))
    if problems:
        _refuse(problems)
