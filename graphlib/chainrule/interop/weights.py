"""Parameters in a file, and from there again, held against the graph that they are for."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.core.accepting import as_path, expect
from chainrule.core.feeds import as_array, unfit
from chainrule.core.graph import BaseGraph
from chainrule.core.leaves import Constant, Leaf
from chainrule.core.node import Node
from chainrule.core.saving import replaced
from chainrule.errors import ArgumentError, FeedError, did_you_mean
from chainrule.interop.neighbour import Neighbour
from chainrule.interop.npz import LARGEST_PACKED, load_npz
from chainrule.shown.shortening import beginning
from chainrule.symbols.dimensions import Shape, shape_text

Array: TypeAlias = "npt.NDArray[Any]"
safetensors: Any = Neighbour("safetensors.numpy", "safetensors")
_SHOWN: Final = 20


def save(path: str | os.PathLike[str], params: Mapping[Any, Any]) -> None:
    """Write parameters, or any arrays by name, to an ``.npz`` or a ``.safetensors`` file (extra: safetensors).

    A file that is there already is replaced as a whole: a full disk or an interrupt leaves it as it was. Each array
    keeps its dtype; nothing is pickled, and ``numpy.load`` reads the ``.npz``.

    >>> import tempfile
    >>> from chainrule import Graph, Mean, Parameter, Square, load, save
    >>> graph = Graph(Mean(Square(Parameter("w", (1, 2)))))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/weights.npz", {"w": [[1.0, 2.0]]})
    ...     load(f"{folder}/weights.npz", graph)
    {'w': array([[1., 2.]])}

    Raises ArgumentError, before anything is written, for another extension, for what is no array of real numbers, and
    for a name that such a file cannot hold; MissingExtraError where safetensors is not installed.
    """
    if not isinstance(params, Mapping):
        raise ArgumentError(
            f"parameters are a dict of names and arrays, not {type(params).__name__}", remedy='{"W1": array}'
        )
    arrays = {_name(key): _array(_name(key), value) for key, value in params.items()}
    place = as_path(path)
    replaced(place, _FORMATS[_format(place)][0](arrays))


def load(path: str | os.PathLike[str], graph: BaseGraph | None = None) -> dict[str, Array]:
    """The arrays of an ``.npz`` or a ``.safetensors`` file, by name, wherever it comes from; ``save`` has an example.

    With a graph, names and shapes are held against it: every parameter has to be there, in its shape, and nothing that
    the graph is not fed; the arrays come in the graph's order. Pickles are refused. An ``.npz`` may unpack to 1 GB, or
    to its own size where that is more.

    Raises ArgumentError for a file that is missing or no such file; FeedError, which lists all that does not fit, with
    the names that may have been meant; MissingExtraError where safetensors is not installed.
    """
    place = as_path(path)
    expect(graph, (BaseGraph, type(None)), "weights are held against a graph", 'load("w.npz", graph)')
    arrays = _FORMATS[_format(place)][1](place)
    for name, array in arrays.items():
        _array(name, array)
    return arrays if graph is None else _fitted(arrays, graph, place.name)


# --- names and arrays ------------------------------------------------------------------------------------------------


def _name(key: Any) -> str:
    name = key.name if isinstance(key, Node) else key
    if not isinstance(name, str):
        raise ArgumentError("parameters go by name", given=repr(key), remedy='{"W1": array}')
    return name


def _array(name: str, value: Any) -> Array:
    try:
        return np.asarray(as_array(value))
    except (TypeError, ValueError, OverflowError) as error:
        what, remedy = unfit(name, value, error)
        raise ArgumentError(f"{name} {what}", remedy=remedy) from None


def _fitted(arrays: dict[str, Array], graph: BaseGraph, file: str) -> dict[str, Array]:
    """The arrays in the graph's order; raises FeedError for everything that is missing, unknown or of another shape."""
    fed = {graph.name(leaf): leaf for leaf in graph.leaves if not isinstance(leaf, Constant)}
    needed = [graph.name(parameter) for parameter in graph.parameters]
    missing = [name for name in needed if name not in arrays]
    unknown = [did_you_mean(name, missing or fed) for name in arrays if name not in fed]
    problems = [f"missing {_listed(map(repr, missing))}"] if missing else []
    problems += [f"unknown {_listed(unknown)}"] if unknown else []
    wrong = [name for name in arrays if name in fed and not _fits(arrays[name].shape, fed[name].shape)]
    problems += [f"{name} has shape {arrays[name].shape} in place of {_shape(fed[name])}" for name in wrong[:_SHOWN]]
    if problems:
        raise FeedError(
            f"{file} is not for this graph: {'; '.join(problems)}",
            where="; ".join(fed[name].where for name in (*missing, *wrong)[:3]),
            given=_listed(f"{name} {array.shape}" for name, array in arrays.items()),
            remedy=_remedy(arrays, fed, wrong) or f"this graph has {_listed(needed)}",
        )
    return {name: arrays[name] for name in fed if name in arrays}


def _remedy(arrays: Mapping[str, Array], fed: Mapping[str, Leaf], wrong: list[str]) -> str:
    turned = [name for name in wrong if arrays[name].ndim > 1 and _fits(arrays[name].T.shape, fed[name].shape)]
    return f"the transpose has that shape: {turned[0]}.T of load(path) without a graph" if turned else ""


def _shape(leaf: Leaf) -> str:
    return "any" if leaf.shape is None else shape_text(leaf.shape)


def _fits(found: tuple[int, ...], shape: Shape | None) -> bool:
    """Whether an array has a shape; sizes with a name are any."""
    if shape is None:
        return True
    return len(found) == len(shape) and all(not isinstance(b, int) or a == b for a, b in zip(found, shape, strict=True))


def _listed(names: Any) -> str:
    texts = [beginning(str(name)) for name in names]
    return ", ".join([*texts[:_SHOWN], *(["..."] if len(texts) > _SHOWN else [])]) or "nothing"


# --- files -----------------------------------------------------------------------------------------------------------


def _format(path: Path) -> str:
    if path.suffix not in _FORMATS:
        raise ArgumentError(
            f"{path.name} has none of the extensions {', '.join(_FORMATS)}", remedy=f"{path.stem or 'weights'}.npz"
        )
    return path.suffix


def _packed(arrays: Mapping[str, Array]) -> bytes:
    """The content of an .npz; its names are read back, since a zip ends them at a NUL and knows no lone surrogates."""
    content = io.BytesIO()
    try:
        with warnings.catch_warnings(), zipfile.ZipFile(content, "w", allowZip64=True) as archive:
            warnings.simplefilter("ignore", UserWarning)  # of a name that is there twice, which is found below
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
        content.seek(0)
        with np.load(content, allow_pickle=False) as file:
            found = file.files
    except (UnicodeError, ValueError, struct.error) as error:  # the last for a name beyond 65,535 bytes
        raise _unwritable(list(arrays), str(error)) from None
    if found != list(arrays):
        lost = [name for name in arrays if name not in found]
        raise _unwritable(lost, "the name would be read back as another one")
    return content.getvalue()


def _unwritable(names: list[str], why: str) -> ArgumentError:
    return ArgumentError(f"such a file cannot hold the name {_listed(map(repr, names))}", given=why, remedy="rename it")


def _unpacked(path: Path) -> dict[str, Array]:
    own = path.stat().st_size if path.is_file() else 0
    return load_npz(path, max(LARGEST_PACKED, own), "numpy.load reads what you trust")


def _tensors(arrays: Mapping[str, Array]) -> bytes:
    whole = {name: np.array(array, array.dtype.newbyteorder("="), order="C") for name, array in arrays.items()}
    library = safetensors.module()
    try:
        return bytes(library.save(whole))
    except Exception as error:  # Rust's, and KeyError for a dtype that the format has not
        what = f"safetensors cannot hold these arrays: {type(error).__name__}: {error}"
        raise ArgumentError(beginning(what), given=_listed(arrays), remedy="the extension .npz") from None


def _of_tensors(path: Path) -> dict[str, Array]:
    library = safetensors.module()
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise ArgumentError(f"{path} is no file: a device or a pipe has no end", remedy="a .safetensors file")
        read = library.load  # what it reads holds no objects
        return dict(read(path.read_bytes()))
    except OSError as error:
        raise ArgumentError(f"{path} cannot be read: {error.strerror or error}") from None
    except ArgumentError:
        raise
    except Exception as error:  # as above; the header is checked before any number is read
        said = beginning(f"{type(error).__name__}: {error}".partition("\n")[0])
        what = f"{path} is no .safetensors file of numbers that NumPy has"
        raise ArgumentError(what, given=said, remedy="safetensors.numpy.save_file writes one") from None


_FORMATS: Final[Mapping[str, tuple[Callable[[Mapping[str, Array]], bytes], Callable[[Path], dict[str, Array]]]]] = {
    ".npz": (_packed, _unpacked),
    ".safetensors": (_tensors, _of_tensors),
}
