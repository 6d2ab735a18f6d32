"""ArrayFile: an array in a .npy file that may be larger than memory and than the address space."""

from __future__ import annotations

import functools
import io
import math
import os
import stat
import sys
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

import numpy as np

from chainrule.core.accepting import as_path
from chainrule.errors import FeedError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

Array: TypeAlias = "npt.NDArray[Any]"
_LONGEST: Final = 1 << 16  # bytes of a header; NumPy reads no longer one than 10,000


@final
class ArrayFile:
    """The array that ``np.save`` has written to a file, read from there where it is sliced.

    It has ``shape`` and ``dtype``, and a plan or a training that is fed with it reads some columns at a time. Unlike
    ``np.load(path, mmap_mode="r")`` it is never mapped, so that it may also be larger than what ``ulimit -v`` allows.
    It pickles as its path. An array that is written in pieces comes from ``np.lib.format.open_memmap``. Raises
    ArgumentError for what is no path, FeedError if the file holds no array of numbers, or another one when it is read.

    With ``shared=True`` every machine has the file at the same path, on a network drive or as a copy: what a plan hands
    to an executor is then the path and a range of columns, and the worker reads them itself.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/x.npy", np.arange(8).reshape(2, 4))
    ...     x = ArrayFile(f"{folder}/x.npy")
    ...     x, x[:, 1:3]
    (<ArrayFile x.npy: int64 (2, 4)>, array([[1, 2],
           [5, 6]]))
    """

    def __init__(self, path: str | os.PathLike[str], *, shared: bool = False) -> None:
        self.path, self.shared = as_path(path).absolute(), shared
        self.shape, self._columns_first, self.dtype, self._head = _header(self.path)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Array:
        """What NumPy gives for the same key; one axis is cut while reading, the rest afterwards."""
        keys = _one_for_each_axis(key, self.ndim)
        ranges = [_range(part, size) for part, size in zip(keys, self.shape, strict=True)]
        shares = [(stop - start) / max(size, 1) for (start, stop), size in zip(ranges, self.shape, strict=True)]
        axis = shares.index(min(shares))
        keys[axis] = _from_start(keys[axis], self.shape[axis], ranges[axis][0])
        piece: Array = self._read(axis, *ranges[axis])[tuple(keys)]
        return piece

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self[...], dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        return functools.partial(ArrayFile, shared=self.shared), (str(self.path),)

    def __repr__(self) -> str:
        return f"<ArrayFile {self.path.name}: {self.dtype} {self.shape}>"

    def _read(self, axis: int, first: int, last: int) -> Array:
        """Entries first to last along one axis: a run in the file for each entry of the axes before it."""
        shape = self.shape[::-1] if self._columns_first else self.shape
        place = self.ndim - 1 - axis if self._columns_first else axis
        inner = math.prod(shape[place + 1 :])
        array = np.empty((math.prod(shape[:place]), (last - first) * inner), self.dtype)
        with self.path.open("rb") as file:
            if file.read(len(self._head)) != self._head:
                raise FeedError(f"{self.path} holds another array than it did", remedy="ArrayFile(path) anew")
            for row, target in enumerate(array if array.size else ()):
                file.seek(len(self._head) + (row * shape[place] + first) * inner * self.dtype.itemsize)
                if file.readinto(target.view(np.uint8)) < target.nbytes:
                    raise FeedError(f"{self.path} ends before its array does", remedy="write the file again")
        array = array.reshape(*shape[:place], last - first, *shape[place + 1 :])
        return array.T if self._columns_first else array


def _header(path: Path) -> tuple[tuple[int, ...], bool, np.dtype[Any], bytes]:
    """The shape, whether the first axis runs fastest, the dtype, and the header, behind which the numbers are."""
    if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for somebody to write
        raise FeedError(f"{path} is no file", remedy="a file that np.save has written")
    with path.open("rb") as file:
        head = io.BytesIO(file.read(_LONGEST))  # one may say that it is 4 GB long, and NumPy would make room for it
        there = file.seek(0, os.SEEK_END)
    try:
        version = np.lib.format.read_magic(head)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, columns_first, dtype = read(head)
    except Exception as error:  # a header is Python that NumPy reads, and a broken one may raise what Python does
        what = f"{path} is no array of numbers in a .npy file: {type(error).__name__}: {error}"
        raise FeedError(what, remedy="write it with np.save") from error
    given = f"{dtype} {shape}"
    if dtype.kind not in "fiub" or not shape or min(shape) < 0 or any(isinstance(size, bool) for size in shape):
        raise FeedError(f"{path} is no array of real numbers", given=given, remedy="write it with np.save")
    start = head.tell()
    needed, there = math.prod(shape) * dtype.itemsize, there - start
    if there < needed:  # what is read later would be as large as the header says
        given += f" takes {needed:,} bytes, and {there:,} follow the header"
        raise FeedError(f"{path} ends before its array does", given=given, remedy="write the file again")
    if math.prod(size or 1 for size in shape) * dtype.itemsize > sys.maxsize:  # of no entries, and too large for NumPy
        raise FeedError(f"{path} has a shape that no array has", given=given, remedy="write the file again")
    return shape, columns_first, dtype, head.getvalue()[:start]


def _one_for_each_axis(key: Any, ndim: int) -> list[Any]:
    parts = list(key) if isinstance(key, tuple) else [key]
    if any(isinstance(part, bool) or not isinstance(part, (int, np.integer, slice, type(...))) for part in parts):
        raise IndexError("an ArrayFile takes whole numbers and slices, one for each axis")
    place = next((k for k, part in enumerate(parts) if part is Ellipsis), len(parts))
    rest = parts[place + 1 :]
    keys = [*parts[:place], *[slice(None)] * (ndim - place - len(rest)), *rest]
    if len(keys) != ndim or Ellipsis in rest:
        raise IndexError(f"an ArrayFile of {ndim} axes takes as many whole numbers and slices, not {len(parts)}")
    return keys


def _range(part: Any, size: int) -> tuple[int, int]:
    """The entries from the first to the last that a key reads, as start and stop."""
    if isinstance(part, slice):
        chosen = range(size)[part]
        return (min(chosen[0], chosen[-1]), max(chosen[0], chosen[-1]) + 1) if chosen else (0, 0)
    index = int(part)
    if not -size <= index < size:
        raise IndexError(f"index {index} is out of bounds for an axis of {size}")
    return index % size, index % size + 1


def _from_start(part: Any, size: int, start: int) -> Any:
    """The same key for an axis that begins at ``start``."""
    if not isinstance(part, slice):
        return int(part) % size - start
    chosen = range(size)[part]
    places = [k - start for k in (chosen.start, chosen.stop)] if chosen else [0, 0]
    return slice(places[0], None if places[1] < 0 else places[1], chosen.step)
