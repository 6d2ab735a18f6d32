"""Throws random arguments, files and arrays at the readers of NET and of feeds: only documented errors, never late.

    python tests/benchmarks/fuzz_files.py [seconds] [seed]

Three kinds in turn. *nets*: mutated NET arguments, and Python files whose text is mutated (they run: no seed of them
loops or touches files). *archives*: .npz files with hostile headers, mutated bytes and other compressions; what can be
read is fed to a network. *arrays*: values of every dtype, shape and layout, fed to a run and to its plan, which have to
agree: both take them, or both refuse them with the same message. The address space is limited, so what claims to be
large has to be refused. Printed are counts and the slowest of each kind. Ends with 1 if anything else is raised.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import resource
import string
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.commands.loading import load_graph
from chainrule.errors import ArgumentError, ChainruleError, FeedError, RuleError
from chainrule.interop.npz import load_feeds

MEMORY = 3 << 30  # bytes of address space

X, Y, W = cr.Input("X", (2, "m")), cr.Input("Y", (3, "m")), cr.Parameter("W", (3, 2))
IDS = cr.Input("ids", "m", dtype=int)
GRAPH = cr.Graph(cr.BCELoss(cr.Sigmoid(W @ cr.Gather(X, IDS), name="A"), Y, name="L"))
PLAN = GRAPH.compile()
GOOD: dict[str, Any] = {
    "W": np.arange(6.0).reshape(3, 2) / 6,
    "X": np.arange(8.0).reshape(2, 4) / 8,
    "Y": np.eye(3)[:, [0, 1, 2, 0]],
    "ids": np.array([3, 0, 0, 1]),
}

# --- NET -------------------------------------------------------------------------------------------------------------

ARGUMENTS = ("nets.dnn:DNN", "nets:DNN", "nets.circuits:product_of_sum", "net.py", "./net.py:graph", "net.py:build")
TEXTS = (
    "import chainrule as cr\nx = cr.Input('x')\ngraph = cr.Graph(cr.Square(x, name='L'))\n",
    "import chainrule as cr\ndef build() -> 'cr.Graph':\n    return cr.Graph(cr.Exp(cr.Input('x')))\n",
    (
        "import chainrule as cr\nclass Net:\n    def __init__(self, n=2):\n        w = cr.Parameter('w', (3, n))\n"
        "        self.graph = cr.Graph(cr.Sum(w @ cr.Input('x', (n, 'm'))))\nnet = Net()\n"
    ),
)
PIECES = (
    *"()[]{}:=,.'\"\\\n\t #@*-+;0129",
    *"\x00 \ud800 \u202e \ufeff é ℤ /./ : :: .py ~ $HOME %s".split(),
    *" graph| None| lambda: |class A: graph = |raise SystemExit|raise KeyError|1/0|assert 0|def |return |yield ".split(
        "|"
    ),
    *"import nothing|from net import *|graph = graph|graph.x|@property|cr.Graph()|cr.Input(''|'x' * 10**5".split("|"),
)


def mutated(rng: random.Random, text: str, pieces: tuple[str, ...]) -> str:
    """A text with a few pieces put in, taken out or doubled."""
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        at, to = sorted(rng.choices(range(len(text) + 1), k=2))
        middle = rng.choice(("", rng.choice(pieces), text[at:to] * 2, rng.choice(pieces) * rng.choice((9, 5000))))
        text = text[:at] + middle + (text[at:] if rng.random() < 0.5 else text[to:])
    return text


def net(rng: random.Random, folder: Path) -> str:
    """Load a mutated argument, or a mutated file."""
    argument = mutated(rng, rng.choice(ARGUMENTS), PIECES)
    if rng.random() < 0.6:
        argument = rng.choice(ARGUMENTS[3:])
        (folder / "net.py").write_bytes(mutated(rng, rng.choice(TEXTS), PIECES).encode(errors="surrogatepass"))
    elif rng.random() < 0.2:
        argument = "".join(rng.choices(string.printable + "\0é\ud800", k=rng.choice((1, 5, 40, 9000))))
    if ".." in argument or argument.startswith(("/", "~")):
        return "left out: another folder, whose files must not run"
    try:
        return f"a graph of {min(len(load_graph(argument)), 1)} node or more"
    except ChainruleError as error:
        str(error)
        return type(error).__name__


# --- archives --------------------------------------------------------------------------------------------------------

DESCRIPTIONS = (
    *("'<f8'", "'>f8'", "'<f4'", "'<i8'", "'|b1'", "'|O'", "'<U5'", "'|S0'", "'|V0'", "'|V999999999'", "'<c16'", "3"),
    *(
        "'<M8[D]'",
        "[('a', '<f8')]",
        "[('a', '|O')]",
        "[]",
        "None",
        "('<f8', (2, 3))",
        "('<f8', (999999999,))",
        "'f8,f8'",
    ),
    *("{'names': ['a'], 'formats': ['f8'], 'offsets': [-8]}", "__import__('os')", "'<f16'", "'Zf8'", "'<f8' * 99"),
)
SHAPES = (
    *("(2, 4)", "(3, 2)", "(3, 4)", "(4,)", "()", "(0,)", "(-1,)", "(8, 1)", "(1000000000000000,)", "(99999999,)"),
    *(
        "(9223372036854775807, 2)",
        f"({'1,' * 70})",
        "('a',)",
        "(True,)",
        "(2.0,)",
        "4",
        "(1L, 2L)",
        "[2, 4]",
        "(2, -4)",
    ),
)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
NAMES = ("W.npy", "X.npy", "Y.npy", "ids.npy", "X", "../X.npy", "X.npy.npy", ".npy", "\x1b[31m.npy", "Ü.npy", "a/b.npy")


def npy(rng: random.Random) -> bytes:
    """An array file whose header says whatever it likes."""
    order = rng.choice(("True", "False", "0"))
    header = f"{{'descr': {rng.choice(DESCRIPTIONS)}, 'fortran_order': {order}, 'shape': {rng.choice(SHAPES)}, }}"
    if rng.random() < 0.3:
        header = mutated(rng, header, tuple("{}()[]',:-0L\0é\\\n"))[:60_000]
    written = header.encode("utf-8", "surrogatepass")[:65_000] + b"\n"
    version = rng.choice((b"\1\0", b"\1\0", b"\2\0", b"\3\0", b"\7\1"))
    length = struct.pack("<H" if version == b"\1\0" else "<I", rng.choice((len(written), len(written), 65_535)))
    return b"\x93NUMPY" + version + length + written + rng.randbytes(rng.choice((0, 8, 64, 64, 96, 1000)))


def good_npy(name: str) -> bytes:
    file = io.BytesIO()
    np.save(file, GOOD.get(name.removesuffix(".npy"), np.zeros(3)), allow_pickle=False)
    return file.getvalue()


def archive(rng: random.Random, folder: Path) -> str:
    """Read a hostile .npz, and feed the network with what is in it."""
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", rng.choice(METHODS)) as made:
        warnings.simplefilter("ignore")  # of a name that stands twice
        for name in (*NAMES[:4], *rng.choices(NAMES, k=rng.choice((0, 1)))):
            made.writestr(name, npy(rng) if rng.random() < 0.3 else good_npy(name))
    content = bytearray(file.getvalue())
    for _ in range(rng.choice((0, 0, 1, 1, 3, 20))):
        at = rng.randrange(len(content)) if rng.random() < 0.5 else max(0, len(content) - rng.randrange(1, 400))
        content[at : at + rng.choice((1, 1, 4))] = rng.choice((rng.randbytes(1), b"\xff" * 4, b"\0" * 4))
    if rng.random() < 0.1:
        del content[rng.randrange(len(content)) :]
    (folder / "feeds.npz").write_bytes(content)
    try:
        feeds = load_feeds(folder / "feeds.npz")
    except ArgumentError as error:
        str(error)
        return "no feeds: ArgumentError"
    return compared(feeds)


# --- arrays ----------------------------------------------------------------------------------------------------------

DTYPES = (
    *(
        float,
        float,
        int,
        bool,
        np.float32,
        np.float16,
        np.longdouble,
        ">f8",
        ">i2",
        np.uint64,
        np.int8,
        complex,
        object,
    ),
    *("U3", "S2", "M8[s]", "m8[D]", "V4", [("a", float)]),
)


def value(rng: random.Random, name: str) -> Any:
    """Something of any dtype, shape and layout, or nothing like an array."""
    if rng.random() < 0.1:
        others = (None, {}, {1}, "1", b"1", 1j, 10**400, [[1, 2], [3]], [[[]]], object(), X, iter([1]), float, range(4))
        return rng.choice((*others, np.ma.masked_all((2, 4)), [[10**30] * 4] * 2, np.float64(3), [None] * 4))
    good = GOOD[name]
    shape = (
        good.shape if rng.random() < 0.7 else rng.choice(((2, 4), (4, 2), (3, 4), (0,), (), (2, 0), (4,), (1, 1, 1)))
    )
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        numbers = np.resize(good, shape) * rng.choice((1, 1, 1, -1, 1e300, np.nan, np.inf, 0.5))
        dtype = rng.choice(DTYPES)
        kind = np.dtype(dtype).kind
        array = numbers.astype(int).astype(dtype) if kind in "mMuib" else np.asarray(numbers).astype(dtype)
    layouts: tuple[Callable[[Any], Any], ...] = (
        lambda x: x,
        lambda x: x,
        np.asfortranarray,
        lambda x: x[::-1].copy()[::-1] if x.ndim else x,
        lambda x: np.repeat(x, 2, axis=0)[::2] if x.ndim else x,
        lambda x: x.tolist(),
        lambda x: np.broadcast_to(x, x.shape),
        lambda x: np.ma.array(x),
    )
    return rng.choice(layouts)(array)


def arrays(rng: random.Random, folder: Path) -> str:
    """Feed a run and a plan with hostile values."""
    feeds: dict[Any, Any] = dict(GOOD)
    for name in rng.choices(tuple(GOOD), k=rng.choice((1, 1, 2, 4))):
        feeds[name] = value(rng, name)
    if rng.random() < 0.1:
        feeds[rng.choice(("x", 3, None, ("X",), X, "\x1b", W))] = 1.0
    if rng.random() < 0.1:
        feeds.pop(rng.choice(tuple(feeds)))
    return compared(feeds)


def compared(feeds: dict[Any, Any]) -> str:
    """What becomes of feeds in a run; a plan has to say the same.

    Of two faults in the feeds a plan may tell the other one: it looks at labels before it converts what it is fed,
    block by block. `tests/behaviour/test_bad_input.py` holds both to the same words, one fault at a time.
    """
    with np.errstate(all="ignore"):
        run, plan = (attempt(compute, feeds) for compute in (by_run, GRAPH.compile() if fresh(feeds) else PLAN))
    refused = all(str(told).startswith("FeedError") for told in (run, plan))
    if type(run) is not type(plan) or (isinstance(run, str) and run != plan and not refused):
        raise AssertionError(f"a run says {run!r} and a plan says {plan!r}")
    return run.partition(":")[0] if isinstance(run, str) else "a loss"


def fresh(feeds: dict[Any, Any]) -> bool:
    """Whether the labels may be out of range: a plan looks at them with the shapes, so it has to be a new one."""
    return feeds.get("Y") is not GOOD["Y"]


def by_run(feeds: dict[Any, Any]) -> Any:
    run = GRAPH.forward(feeds)
    run.backward()
    return run["L"]


def attempt(compute: Callable[[Any], Any], feeds: Any) -> Any:
    """A loss as a number, or the class and the message of a documented error."""
    try:
        result = compute(feeds)
        return float(result[0] if isinstance(result, tuple) else result)
    except FeedError as error:
        return f"FeedError: {re.sub(r' at 0x[0-9a-f]+', '', str(error))}"
    except RuleError as error:
        return f"RuleError: {str(error.__cause__)[:40]}"


# --- all of it -------------------------------------------------------------------------------------------------------

KINDS: tuple[Callable[[random.Random, Path], str], ...] = (net, archive, arrays)


def main(seconds: int, seed: int) -> int:
    """Throw things for some time; 1 if one of them raised anything that is not documented."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("error")
    sys.dont_write_bytecode = True
    outcomes: dict[str, Counter[str]] = {kind.__name__: Counter() for kind in KINDS}
    slowest = dict.fromkeys(outcomes, (0.0, 0))
    stop, number = time.monotonic() + seconds, 0
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        while time.monotonic() < stop:
            kind = KINDS[number % len(KINDS)]
            started = time.process_time()
            try:
                outcome = kind(random.Random(seed * 1_000_003 + number), Path(folder))
            except Exception as error:
                print("".join(traceback.format_tb(error.__traceback__)), f"{type(error).__name__}: {error!s:.500}")
                print(f"{kind.__name__}, number {number}, seed {seed}; its files are gone: run it again to see them")
                return 1
            slowest[kind.__name__] = max(slowest[kind.__name__], (time.process_time() - started, number))
            outcomes[kind.__name__][outcome] += 1
            number += 1
        left = sorted(set(os.listdir(folder)) - {"net.py", "feeds.npz"})  # noqa: PTH208 — names are all that is wanted
    print(f"{number:,} in {seconds} s, seed {seed}; nothing raised but documented errors; files left behind: {left}")
    for name, counter in outcomes.items():
        told = ", ".join(f"{outcome} {count:,}" for outcome, count in counter.most_common())
        print(f"{name}: {told}; the slowest took {1e3 * slowest[name][0]:.1f} ms of CPU (number {slowest[name][1]})")
    return 1 if left else 0


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(*(*given, *(600, 0)[len(given) :])))
