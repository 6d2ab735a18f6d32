"""A file replaced as a whole: whoever reads it finds the old content or the new one."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path


def replaced(target: Path, content: bytes) -> None:
    """Write a file under another name beside it, and rename it: a full disk leaves the old one.

    What a link points to is replaced, not the link, and keeps its permissions. What is no ordinary file, such as a
    device or a pipe, cannot be replaced, and is written to. Raises OSError, with the name of the file itself.
    """
    target = Path(os.path.realpath(target))
    mode = _mode(target)
    if mode is not None and not stat.S_ISREG(mode):
        with target.open("wb") as file:
            file.write(content)
        return
    temporary = target.with_name(f".{target.name[:40]}.{secrets.token_hex(6)}")
    try:
        # The system takes the umask off these permissions; asking for it would set it for all threads for a moment.
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        if mode is not None:
            temporary.chmod(stat.S_IMODE(mode))
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _mode(target: Path) -> int | None:
    """Kind and permissions of what is there; None for nothing."""
    try:
        return target.stat().st_mode
    except FileNotFoundError:
        return None
