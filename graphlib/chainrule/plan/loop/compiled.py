"""A printed module compiled by Numba and kept on disk, so that the next process need not compile it again."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from numba.core.compiler_lock import global_compiler_lock

from chainrule.plan.loop import kept, series

# Two threads that call a plan for the first time would both compile it. This is the lock that Numba compiles under: a
# fork could copy one of our own locked, too.
one_at_a_time: Final = global_compiler_lock
_NUMBA: Final = "from numba import njit, types"  # how a printed module begins


def compiled(text: str) -> dict[str, Any]:
    """The functions of a printed module.

    The module stands in a file named after its text, because what is compiled is kept beside the file. Where no file
    can be written, it is compiled in memory and forgotten with the process.
    """
    path = _file_of(text)
    if path is None:
        code, name = text.replace(", cache=True)", ")"), "<compiled loop>"
    else:  # Numba's own cache stops at a full disk, and for good at a file that a power cut has emptied
        code, name = text.replace(_NUMBA, f"from numba import types; from {kept.__name__} import njit"), str(path)
    module = ModuleType(f"chainrule_loop_{_digest(text)}")
    module.__file__ = name
    sys.modules[module.__name__] = module  # Numba looks there for what it reads from disk
    exec(compile(code, name, "exec"), module.__dict__)
    return module.__dict__


def cache_folder() -> Path:
    """Where compiled loops are kept: a folder of the user's own, or the one that CHAINRULE_CACHE names."""
    if given := os.environ.get("CHAINRULE_CACHE"):
        return Path(given)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "chainrule" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "chainrule"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "chainrule"


def _file_of(text: str) -> Path | None:
    """The file that holds the text, written unless it is there; None where that is impossible."""
    try:
        path = cache_folder() / f"loop_{_digest(text)}.py"
        if not path.is_file() or path.read_bytes() != text.encode():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(path, text)
    except (OSError, RuntimeError):  # read-only, full, or nobody's home
        return None
    return path


def _write(path: Path, text: str) -> None:
    """All of the text or nothing: another process may read or write the same file at this moment."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _digest(text: str) -> str:
    """Names a text together with what Numba does not look at: the functions compiled into it, and this file."""
    own = b"".join(Path(str(module.__file__)).read_bytes() for module in (series, kept, sys.modules[__name__]))
    return hashlib.sha256(own + text.encode()).hexdigest()[:20]
