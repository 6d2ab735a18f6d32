"""The machine: processors, versions, and the same environment for every contender."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

PACKAGES: Final = ("numpy", "numba", "torch", "jax", "autograd", "mygrad")
# Memory that is freed is kept by the process and not handed back to the system, which would clear it page by page at
# the next call: what PyTorch and JAX bring about by being there, NumPy alone has only so. glibc takes 32 MB at most.
ALLOCATOR: Final = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(8 << 30)}
# Where memory is measured all that is freed goes back at once, so that what is resident is what is in use. Threads
# share one arena: of the others glibc does not hand back the end.
GIVEN_BACK: Final = {"MALLOC_MMAP_THRESHOLD_": str(64 << 10), "MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_ARENA_MAX": "1"}
_OF_THREADS: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NPROC",  # XLA takes no number from XLA_FLAGS any more: its pool has as many threads as this says
)


def processors() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def environment(threads: int, allocator: Mapping[str, str] = ALLOCATOR) -> dict[str, str]:
    """What every contender's process is started with: this many threads, one state of the allocator."""
    # Installed libraries have their bytecode; without this the engine would be compiled anew in every process.
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {
        **own,
        **allocator,
        **dict.fromkeys(_OF_THREADS, str(threads)),
        "JAX_PLATFORMS": "cpu",
        "TORCHINDUCTOR_COMPILE_THREADS": "1",  # more are processes that stay
    }


def keep_to(threads: int) -> None:
    """Keep this process to so many processors, which holds for those, too, who do not ask how many threads to start."""
    if threads < processors() and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def load() -> float:
    """The processors that were busy during the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def description() -> list[str]:
    """Processor, system, versions: one line of Markdown each."""
    return [
        f"* {_processor()}, {processors()} logical processors",
        f"* {platform.system()} {platform.machine()}, Python {sys.version.split()[0]}, BLAS of NumPy: {_blas()}",
        f"* {', '.join(f'{name} {_version(name)}' for name in PACKAGES)}",
    ]


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        return names[0] if names else platform.machine()
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _blas() -> str:
    import numpy as np

    found = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{found['name']} {found['version']}"
