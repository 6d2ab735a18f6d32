"""Feeds from an .npz file, whoever wrote it."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.commands.shortening import beginning
from chainrule.errors import ArgumentError, ChainruleError

Array = npt.NDArray[Any]
_LARGEST_FEEDS = 1 << 30  # bytes
_SAVE = 'numpy.savez("data.npz", A0=x, Y=y)'


def load_feeds(path: str | Path) -> dict[str, Array]:
    """The arrays of an .npz file, as ``numpy.savez("data.npz", A0=x, Y=y)`` writes it, by name.

    Pickled objects are refused: they could run anything. Raises ArgumentError when the file is missing, is no .npz,
    holds something that is no plain array, or more than 1 GB of them.
    """
    place = Path(path)
    if place.exists() and not (place.is_file() or place.is_dir()):
        raise ArgumentError(f"{path} is no file: a device or a pipe has no end", remedy=_SAVE)
    try:
        if not zipfile.is_zipfile(place):
            with place.open("rb"):  # says why, if the file cannot be opened at all
                raise ArgumentError(f"{path} is no .npz file", remedy=_SAVE)
        _check_size(place)
        return _arrays_of(place)
    except ChainruleError:
        raise
    except OSError as error:
        raise ArgumentError(f"{path} cannot be read: {error.strerror or error}") from None
    except Exception as error:  # zipfile, NumPy and three decompressors each have their own for a file that is wrong
        said = beginning(f"{type(error).__name__}: {error}".partition("\n")[0])
        raise ArgumentError(f"{path} holds something that is no plain array", given=said, remedy=_SAVE) from None


def _check_size(path: Path) -> None:
    """Refuse a file that unpacks to more than anybody checks by hand: 6 MB of zip can be 6 GB of zeros."""
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > _LARGEST_FEEDS:
        raise ArgumentError(
            f"{path} holds more than {_LARGEST_FEEDS >> 30} GB",
            given=f"{size:,} bytes of arrays",
            remedy="fewer columns; graph.forward takes arrays of any size",
        )


def _arrays_of(path: Path) -> dict[str, Array]:
    with warnings.catch_warnings(), np.load(path, allow_pickle=False) as file:
        warnings.simplefilter("ignore")  # of a header that Python 2 wrote, or that is no literal
        arrays = {name: file[name] for name in file.files}
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{name!r} is no .npy")
    return arrays
