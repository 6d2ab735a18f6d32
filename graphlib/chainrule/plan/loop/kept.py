"""Compiled functions kept on disk, so that what is damaged there, or cannot be written, is compiled again in memory."""

from __future__ import annotations

import hashlib
import os
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, final

import numba
from numba.core import caching, serialize

_DIGEST: Final = hashlib.sha256
_FunctionCache: Any = caching.FunctionCache  # Numba's types are incomplete
_dumps: Any = serialize.dumps  # pickles what a compiled function holds


def njit(signature: Any = None, *, cache: bool = False, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """``numba.njit`` with a cache that no file can break: for a signature, compiled or read at once."""

    def decorate(function: Callable[..., Any]) -> Any:
        made = numba.njit(**options)(function)
        if cache:
            _keep(made)
        if signature is not None:
            made.compile(signature)
            made.disable_compile()
        return made

    return decorate


def _keep(made: Any) -> None:
    """Give a function of Numba the cache, if there is a folder for it."""
    try:
        made._cache = Kept(made.py_func)
    except (OSError, RuntimeError):  # read-only, or nobody's home: Numba finds no place
        return


@final
class Kept(_FunctionCache):  # type: ignore[misc]  # as it says above
    """What Numba reads and writes for one function; any failure means that it is compiled."""

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        self._cache_file = _Files(
            Path(self._cache_path), self._impl.filename_base, self._impl.locator.get_source_stamp()
        )

    def load_overload(self, signature: Any, context: Any) -> Any:
        """The compiled function, or None where there is none that can be used."""
        try:
            return super().load_overload(signature, context)
        except Exception:  # what other versions of Numba, of LLVM or of pickle raise on what they cannot read
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep it, if that can be done."""
        try:
            super().save_overload(signature, compiled)
        except Exception:  # a full disk, a folder that is gone, a function that cannot be pickled
            return


@final
class _Files:
    """A file for each compiled function, which begins with the digest of the rest: flipped bits must not be run."""

    def __init__(self, folder: Path, base: str, stamp: Any) -> None:
        self._folder, self._base, self._stamp = folder, base, stamp

    def load(self, key: Any) -> Any:
        """What was saved; None where it is not there, or is not what was saved."""
        path = self._path(key)
        try:
            content = path.read_bytes() if path.is_file() else b""  # reading a pipe would wait for somebody to write
        except OSError:
            return None
        digest, data = content[: _DIGEST().digest_size], content[_DIGEST().digest_size :]
        return pickle.loads(data) if digest == _DIGEST(data).digest() else None  # noqa: S301 — this package's own folder

    def save(self, key: Any, value: Any) -> None:
        """All of it or nothing: another process may read or write the same file at this moment."""
        data = _dumps(value)
        handle, temporary = tempfile.mkstemp(dir=self._folder, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_DIGEST(data).digest() + data)
            Path(temporary).replace(self._path(key))
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _path(self, key: Any) -> Path:
        known = repr((key, self._stamp, numba.__version__)).encode()
        return self._folder / f"{self._base}.{_DIGEST(known).hexdigest()[:20]}.nbk"
