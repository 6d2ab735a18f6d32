"""What the plans are to reach, as data: ratios of plan to peer, bytes, and seconds."""

from __future__ import annotations

from typing import Final

# By the number of columns and by the plan ("best" is the fastest one of a run): the largest ratio to each peer.
RATIOS: Final[dict[tuple[int, str], dict[str, float]]] = {
    (1, "NumPy plan"): {"by hand": 0.8, "PyTorch eager": 0.25, "JAX jit": 1.1, "torch.compile": 0.2},
    (1, "Numba plan"): {"by hand": 0.12, "PyTorch eager": 0.04, "JAX jit": 0.18, "torch.compile": 0.03},
    (1_000, "best"): {"by hand": 0.7, "PyTorch eager": 0.35, "JAX jit": 0.4, "torch.compile": 0.3},
    (100_000, "best"): {"by hand": 0.45, "PyTorch eager": 0.95, "JAX jit": 1.0, "torch.compile": 1.2},
    (1_000_000, "best"): {"by hand": 0.35, "PyTorch eager": 0.65, "JAX jit": 0.5, "torch.compile": 1.0},
}
LARGE_NET: Final = 1.08  # × the bare matrix products of 784-512-256-1
TRAINED: Final[dict[str, float]] = {  # × the better of PyTorch and JAX, by the net
    "784-512-256-10": 1.0,
    "CNN": 1.5,
    "attention": 1.0,
    "LSTM": 1.5,
    "embedding": 1.0,
}
RUN: Final = 2.0  # × PyTorch eager at m = 1
MEMORY: Final = 64 << 20  # bytes beyond feeds and results of 2-3-3-1
IMPORT: Final = 1.3  # × the import of NumPy
START: Final = 0.2  # × the time from starting Python to the first gradient that PyTorch and JAX need
COMPILING: Final = 10.0  # ms
TOOL: Final = 2.0  # s of a processor for one tool and one net
DERIVATION: Final = 50.0  # ms of a processor for 100 nodes
JUDGING: Final = 30.0  # ms of a processor for the eleven formulas of 2-3-3-1
