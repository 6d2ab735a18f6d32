"""Arrays from an .npz file, whoever wrote it."""

from __future__ import annotations

import warnings
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.core.accepting import as_path
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.shown.shortening import beginning

Array = npt.NDArray[Any]
LARGEST_PACKED = 1 << 30  # bytes
_SAVE = 'numpy.savez("data.npz", A0=x, Y=y)'


def load_feeds(path: str | Path) -> dict[str, Array]:
    """The arrays of an .npz file, as ``numpy.savez("data.npz", A0=x, Y=y)`` writes it, by name.

    Pickled objects are refused: they could run anything. Raises ArgumentError when the file is missing, is no .npz,
    holds something that is no plain array, or more than 1 GB of them.
    """
    return load_npz(path, LARGEST_PACKED, "fewer columns; graph.forward takes arrays of any size")


def load_npz(path: str | Path, most: int, smaller: str) -> dict[str, Array]:
    """The same, where the arrays may have so many bytes together; ``smaller`` says what to do about more."""
    place = as_path(path)
    if place.exists() and not (place.is_file() or place.is_dir()):
        raise ArgumentError(f"{path} is no file: a device or a pipe has no end", remedy=_SAVE)
    try:
        if not zipfile.is_zipfile(place):
            with place.open("rb"):  # says why, if the file cannot be opened at all
                raise ArgumentError(f"{path} is no .npz file", remedy=_SAVE)
        _check_members(place, most, smaller)
        return _arrays_of(place)
    except ChainruleError:
        raise
    except OSError as error:
        raise ArgumentError(f"{path} cannot be read: {error.strerror or error}") from None
    except Exception as error:  # zipfile, NumPy and three decompressors each have their own for a file that is wrong
        said = beginning(f"{type(error).__name__}: {error}".partition("\n")[0])
        raise ArgumentError(f"{path} holds something that is no plain array", given=said, remedy=_SAVE) from None


def _check_members(path: Path, most: int, smaller: str) -> None:
    """Refuse a file that unpacks to more than anybody meant, 6 MB of zip can be 6 GB of zeros, and names twice."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    size = sum(member.file_size for member in members)
    if size > most:
        shown = f"{most >> 30} GB" if most >= 1 << 30 else f"{most:,} bytes"
        raise ArgumentError(f"{path} holds more than {shown}", given=f"{size:,} bytes of arrays", remedy=smaller)
    name, count = Counter(member.filename for member in members).most_common(1)[0] if members else ("", 0)
    if count > 1:
        raise ArgumentError(f"{path} holds {count} arrays of one name", given=beginning(name), remedy=_SAVE)


def _arrays_of(path: Path) -> dict[str, Array]:
    with warnings.catch_warnings(), np.load(path, allow_pickle=False) as file:
        warnings.simplefilter("ignore")  # of a header that Python 2 wrote, or that is no literal
        # By the members' own names: an array a.npy beside one a would be read twice.
        arrays = {name: file[member] for name, member in zip(file.files, file.zip.namelist(), strict=True)}
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{name!r} is no .npy")
    return arrays
