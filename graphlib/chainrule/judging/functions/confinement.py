"""What a process that runs a stranger's code is kept from: files but its own, other processes, the network.

There are two guards. The interpreter refuses what its audit events tell of: opening files outside of Python and of the
process's own folder, starting processes, sockets, ``ctypes``. It keeps out whatever is written in Python, and is no
wall for a program that changes the interpreter itself. On Linux the kernel keeps the same rules (Landlock, from 5.13
on): files, and the memory of every process outside.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # system calls of Landlock, the same on every architecture
_NO_NEW_PRIVILEGES, _VERSION = 38, 1
_READ_FILE, _READ_DIR, _EXECUTE = 1 << 2, 1 << 3, 1 << 0
_RIGHTS_BY_ABI: Final = {1: 13, 2: 14, 3: 15, 4: 15}  # how many rights on files there are; later ones know 16
_NOT_READ_AT_ALL: Final = ("ctypes.", "socket.", "subprocess.", "pty.", "os.exec", "os.fork", "os.posix_spawn")
_REFUSED: Final = frozenset(
    "os.system os.spawn os.startfile os.chdir os.kill os.killpg os.link os.symlink os.rename os.remove os.rmdir "
    "os.mkdir os.chmod os.chown os.truncate os.utime os.setxattr os.removexattr os.getxattr os.listxattr "
    "gc.get_objects gc.get_referrers gc.get_referents sys.addaudithook code.__new__ webbrowser.open "
    "shutil.rmtree shutil.move shutil.copyfile syslog.openlog resource.setrlimit resource.prlimit".split()
)
_OF_A_PATH: Final = frozenset({"open", "os.listdir", "os.scandir", "os.walk", "glob.glob"})
_DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")


def has_landlock() -> bool:
    """Whether the kernel keeps the rules, too."""
    return sys.platform == "linux" and _abi() > 0


def confine(folder: Path) -> None:
    """Keep this process, from now on, to reading Python and its packages, and to its own folder."""
    places = [str(folder), *_of_python()]
    if has_landlock():
        with contextlib.suppress(OSError):  # the interpreter's guard stands all the same
            _landlock(folder, places)
    sys.addaudithook(_guard(tuple(places)))


def package_folder() -> Path:
    """The folder that this package stands in, which has to be on the path of a new process."""
    return Path(__file__).resolve().parents[3]


def _of_python() -> list[str]:
    """The folders of the interpreter, of NumPy and of this package."""
    own = [str(Path(__file__).resolve().parents[2]), str(Path(np.__file__).resolve().parent)]
    prefixes = [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix, str(Path(os.__file__).parent)]
    libraries = [
        path for path in ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache") if Path(path).exists()
    ]
    every = [os.path.realpath(path) for path in (*own, *prefixes, *libraries)] + prefixes + own
    return [path for path in dict.fromkeys(every) if path not in ("", os.sep)]


# --- the interpreter -------------------------------------------------------------------------------------------------


def _guard(places: Sequence[str]) -> Callable[[str, tuple[Any, ...]], None]:
    """A hook that lets pass what a calculation needs; it calls nothing that could have been exchanged since."""
    inside = tuple(place.rstrip(os.sep) + os.sep for place in places)
    exact = frozenset((*places, *_DEVICES))
    here, plain, text, number, sep = str(Path.cwd()), os.path.normpath, str, int, os.sep
    kind, decoded, refused, whole, paths = type, os.fsdecode, _REFUSED, _NOT_READ_AT_ALL, _OF_A_PATH
    failure, begins = PermissionError, str.startswith

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in paths:
            path = arguments[0]
            if path is None or kind(path) is number:
                return
            name = path if kind(path) is text else decoded(path)
            name = plain(name if begins(name, sep) or ":" in name else here + sep + name)
            if name not in exact and not begins(name, inside):
                raise failure("a learner's function may not read " + name)
        elif event in refused or begins(event, whole):
            raise failure("a learner's function may not use " + event)

    return hook


# --- the kernel ------------------------------------------------------------------------------------------------------


def _abi() -> int:
    """The version of Landlock, 0 where there is none."""
    try:
        return max(0, int(_call(_CREATE, None, 0, _VERSION)))
    except (OSError, AttributeError):
        return 0


def _call(*arguments: Any) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    found = library.syscall(*(ctypes.c_long(one) if isinstance(one, int) else one for one in arguments))
    if found < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(found)


def _landlock(folder: Path, places: Sequence[str]) -> None:
    """Restrict this thread, and all that it starts: no network by TCP, no signals to others, files as listed."""
    abi = _abi()
    rights = (1 << _RIGHTS_BY_ABI.get(abi, 16)) - 1
    asked = struct.pack("=QQQ", rights, 0b11 if abi >= 4 else 0, 0b11 if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    rules = _call(_CREATE, ctypes.create_string_buffer(asked, 24), size, 0)
    try:
        for place in (*places, *_DEVICES):
            _allow(rules, place, rights if place == str(folder) else _READ_FILE | _READ_DIR | _EXECUTE)
        ctypes.CDLL(None, use_errno=True).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        _call(_RESTRICT, rules, 0)
    finally:
        os.close(rules)


def _allow(rules: int, place: str, rights: int) -> None:
    try:
        handle = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # a folder of Python's that is not there
        return
    try:
        if not Path(place).is_dir():
            rights &= ~_READ_DIR
        _call(_ADD, rules, 1, ctypes.create_string_buffer(struct.pack("=Qi", rights, handle), 12), 0)
    finally:
        os.close(handle)
