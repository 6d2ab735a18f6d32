"""The machine: processors, versions, and one number of threads for everybody."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("numpy", "numba", "torch", "jax", "autograd", "mygrad")


def processors() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def limit_threads(count: int) -> None:
    """Give every library this number of threads; call it before any of them is imported.

    XLA takes no number from XLA_FLAGS any more: its pool has as many threads as NPROC says, else as there are
    processors to run on. Where fewer threads than processors are asked for, the process is kept to so many processors,
    which holds for those who do not ask, such as the threads of a plan, too.
    """
    for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB_MAXIMUM"):
        os.environ[f"{name}_NUM_THREADS" if name != "VECLIB_MAXIMUM" else "VECLIB_MAXIMUM_THREADS"] = str(count)
    os.environ["NPROC"] = str(count)
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    if count < processors() and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def description(threads: int) -> str:
    """Processor, system, versions: one line of Markdown each."""
    lines = [
        f"* {_processor()}, {processors()} logical processors, {threads} threads for everybody",
        f"* {platform.system()} {platform.machine()}, Python {sys.version.split()[0]}, BLAS of NumPy: {_blas()}",
        f"* {', '.join(f'{name} {_version(name)}' for name in PACKAGES)}",
    ]
    return "\n".join(lines)


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
