"""A file replaced as a whole: whoever reads it finds the old content or the new one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def replaced(target: Path, content: bytes) -> None:
    """Write a file under another name beside it, and rename it: a full disk leaves the old one."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name[:40]}.", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _umask() -> int:
    """The permissions that new files do not get; it can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
