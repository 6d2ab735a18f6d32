"""Throws random and mutated texts at the reader of formulas: only FormulaError may come out, and never late.

    python tests/benchmarks/fuzz_formulas.py [COUNT] [SEED] [--minutes MINUTES] [--jobs JOBS] [--json FILE]

JOBS processes throw COUNT texts each, from SEED, SEED + 1 and so on, or as many as MINUTES allow. Every text is read,
and what can be read is computed on the arrays of a 2-3-3-1 network with five columns. Printed are how many texts were
formulas, and the slowest of them in CPU time and by the clock (a shared machine may stop the clock for a while; a slow
text is timed again, and the best of five counts). Ends with 1 for another error or a warning.
"""

import argparse
import json
import random
import string
import sys
import time
import traceback
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple, final

import numpy as np

from chainrule.errors import FormulaError
from chainrule.judging.reading import parse, parse_lines
from chainrule.judging.reading.vocabulary import FUNCTIONS

SEEDS = (
    "1./m * np.dot(dZ3, A2.T)",
    "np.sum(dZ3, axis=1, keepdims=True)/m",
    "np.multiply(dA2, A2 * (1 - A2))",
    "(A2 > 0).astype(int) * dA2",
    "np.einsum('ij,kj->ik', dZ3, A2) / Y.shape[1]",
    "np.where(Z1 > 0, dA1, 0.01 * dA1)",
    "(A3 - Y) / (A3 * (1 - A3)) / len(Y[0])",
    "np.concatenate([A1, A2], axis=0)[:3, None, ...]",
    "put(dZ3, np.s_[:, 0], A3) + values['dZ3'].sum()",
    "softmax(Z3, axis=0) + logsumexp(Z3, axis=0, keepdims=True)",
    "np.ones((100, 100)) @ np.eye(100) ** 2",
    "np.tile(np.repeat(A1, 9), (9, 9)) + np.outer(A1, A2)",
    "np.power(1 - np.tanh(Z1)**2, 0.5) * np.float64(3)",
    "A2[np.arange(3), [0, 1, 2]].reshape(-1, 1).T",
    "np.broadcast_to(m, (3, 5)).astype(np.float32)",
    "0 < A1 < 1 & (A2 >= 2) | ~(Y == 1)",
    r"\frac{1}{m} dZ_3 A_2^T",
    r"\left(W_3^T dZ_3\right) \odot \sigma'(Z_2)",
    r"{\bold {dA_2}} \ast A_2 \ast (1 - A_2)",
    r"\frac{\partial L}{\partial Z_3} {A_2}^{T}",
    r"\frac{1}{m} \sum_{i=1}^{m} dZ_3",
    r"dZ_{3_{\ (1 \times 1)}}\ {(A_{2 \_{\ (3 \times 1)}})^T}",
    "dZ₃A₂ᵀ / m",
    "½(W₃ᵀdZ₃) ⊙ σ′(Z₂) − A₁²",
    "∂L/∂Z₃ · A₂ᵀ + Σⱼ dZ₃",
    "W^{[2]T} dZ^{[2]} + e^{-Z_1}",
    "dZ3 = A3 - Y",
)
FRAGMENTS = (
    *"()[]{}+-*/@.,:=<>&|~^_\\'\" \t\n#%$;!?`0123456789",
    *"₀₁₂₃ᵀ²⁻⊙∗·×−σ′∂Σ√½δ𝐝ﬁ①\u0301\u200b\x00\ud800\U0001f600",
    *"** // := -> == <= >= != << ... 9**9 1e308 1e-308 0x1f 1j 1_0 10**10 9999999999999999999999 1e9 0.0".split(),
    *" lambda x:|if |else |for x in |await |yield |not |and |or |in |is |None|True|def |import |print|eval".split("|"),
    *"np. numpy. np.ones( np.zeros( np.eye( np.outer( np.tile( np.einsum('ij,jk', np.exp( np.full( np.repeat(".split(),
    *".T .mT .shape .size .dot( .sum( .reshape( .astype( .__class__ .__globals__ .real .tobytes()".split(),
    *"axis=1 keepdims=True dtype=float dtype=object *A **k f'' b'' u'' (A:=1) [A]*9 {A} {1:2}".split(),
    *r"\frac{ \frac \sqrt{ \sum_{ \sigma( \sigma' \left( \right) \partial \mathbf{ \text{".split(),
    *r"^{ ^T _{ _3 \begin{cases} \\ &=".split(),
    *"A0 A1 A2 A3 W1 W2 W3 Z1 Z2 Z3 Y m dZ3 dA2 dW3 dB3 L".split(),
)


def values(rng: np.random.Generator) -> dict[str, object]:
    """Values and gradients under the names of a 2-3-3-1 network with five columns."""
    sizes = (2, 3, 3, 1)
    found: dict[str, object] = {"m": 5, "L": 0.5, "A0": rng.normal(size=(2, 5)), "Y": np.array([[0, 1, 1, 0, 1]])}
    for k in range(1, 4):
        found |= {f"W{k}": rng.normal(size=(sizes[k], sizes[k - 1])), f"B{k}": rng.normal(size=(sizes[k], 1))}
        found |= {f"Z{k}": rng.normal(size=(sizes[k], 5)), f"A{k}": rng.random(size=(sizes[k], 5))}
    return found | {f"d{name}": array for name, array in found.items() if name[0] in "WBZA"}


def mutated(rng: random.Random) -> str:
    """A formula with a few pieces put in, taken out, doubled, or exchanged with another formula's."""
    text = rng.choice(SEEDS)
    for _ in range(rng.choice((0, 1, 1, 2, 3, 5))):
        at, to = sorted(rng.choices(range(len(text) + 1), k=2))
        match rng.randrange(7):
            case 0:
                text = text[:at] + text[to:]
            case 1:
                text = text[:at] + rng.choice(FRAGMENTS) + text[at:]
            case 2:
                text = text[:at] + rng.choice(FRAGMENTS) + text[to:]
            case 3:
                text = text[:to] + text[at:to] * rng.choice((1, 2, 9)) + text[to:]
            case 4:
                other = rng.choice(SEEDS)
                text = text[:at] + other[rng.randrange(len(other)) :] + text[to:]
            case 5:
                text = (
                    text[:at]
                    + rng.choice(("(", "[", "-", "~", "{", r"\frac{", "np.exp(")) * rng.choice((3, 70))
                    + text[at:]
                )
            case _:
                text = text.replace(rng.choice("0123456789"), rng.choice(FRAGMENTS), 1)
    return text[:5000]


def made_up(rng: random.Random) -> str:
    """Fragments in a row, or plain characters."""
    if rng.random() < 0.2:
        alphabet = rng.choice((string.printable, "".join(map(chr, range(0x20, 0x2C00, 7)))))
        return "".join(rng.choices(alphabet, k=rng.randint(0, 60)))
    return "".join(rng.choices(FRAGMENTS, k=rng.randint(1, rng.choice((6, 20, 200)))))


def calls(rng: random.Random) -> str:
    """A formula that is well formed and means to be expensive."""
    tree = rng.choice(("A1", "Z3", "m", "W1", "100", "0.5", "(300, 300)", "9", "np.ones((300, 300))", "np.ones(99999)"))
    for _ in range(rng.randint(1, 12)):
        name = rng.choice(sorted(FUNCTIONS))
        other = rng.choice(("A1", "m", "2", "(99, 99)", "99999", "1e300", tree if len(tree) < 500 else "Z1"))
        forms = (
            *(f"{name}({tree})", f"{name}({tree}, {other})", f"{name}({tree}, {other}, 1)"),
            *(f"({tree} ** {other})", f"({tree} @ {other})", f"({tree} * {other})", f"{tree}[{other}]"),
            *(f"{tree}[:, None]", f"np.where({tree} > 0, {other}, {tree[:400]})"),
        )
        tree = rng.choice(forms)
    return tree[:4000]


def once(text: str, names: dict[str, object], check_names: bool) -> bool:
    """Read a text and compute it; whether it was a formula with a value.

    Raises what is no FormulaError, and AssertionError for a warning: of syntax, Python raises another error instead
    where warnings are errors, so they have to be caught.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        good = computed(text, names, check_names)
    if caught:
        raise AssertionError(f"it warns: {caught[0].message}")
    return good


def computed(text: str, names: dict[str, object], check_names: bool) -> bool:
    try:
        formula = parse(text, names if check_names else None)
        str(formula), repr(formula)
        formula.evaluate(names)
        return True
    except FormulaError as error:
        str(error)
    try:
        parse_lines(text)
    except FormulaError as error:
        str(error)
    return False


def clocked(text: str, names: dict[str, object], check_names: bool) -> tuple[float, float, bool]:
    """CPU seconds, seconds by the clock, and whether the text was a formula."""
    cpu, wall = time.process_time(), time.perf_counter()
    good = once(text, names, check_names)
    return time.process_time() - cpu, time.perf_counter() - wall, good


@final
class Thrown(NamedTuple):
    """What came of the texts of one seed: how many, how many were formulas, the slowest, and an error if there was."""

    seed: int
    count: int
    good: int
    seconds: float
    slowest: list[tuple[float, float, str]]
    failure: str = ""


def throw(count: int, seed: int, minutes: float) -> Thrown:
    """Throw texts until there are enough, the time is over, or one raises anything but FormulaError."""
    rng, names = random.Random(seed), values(np.random.default_rng(seed))
    makers = (mutated, mutated, mutated, made_up, calls)
    slowest: list[tuple[float, float, str]] = []
    good, started, done = 0, time.perf_counter(), 0
    while done < count and time.perf_counter() - started < 60 * minutes:
        text, check_names = makers[done % len(makers)](rng), done % 2 == 0
        try:
            cpu, wall, fine = clocked(text, names, check_names)
        except Exception:
            failure = f"text {done} of seed {seed}: {text!a}\n{traceback.format_exc()}"
            return Thrown(seed, done, good, time.perf_counter() - started, slowest, failure)
        done, good = done + 1, good + fine
        if len(slowest) < _SHOWN or cpu > slowest[-1][1]:
            again = [(cpu, wall), *(clocked(text, names, check_names)[:2] for _ in range(4))]
            slowest.append((min(w for _, w in again), min(c for c, _ in again), text))
            slowest = sorted(slowest, key=lambda found: -found[1])[:_SHOWN]
    return Thrown(seed, done, good, time.perf_counter() - started, slowest)


_SHOWN = 5  # of the slowest


def main() -> int:
    """Throw the texts; 1 if one of them raised anything but FormulaError."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=1_000_000)
    parser.add_argument("seed", type=int, nargs="?", default=0)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    given = parser.parse_args()
    with ProcessPoolExecutor(given.jobs) as pool:
        tasks = [pool.submit(throw, given.count, given.seed + k, given.minutes) for k in range(given.jobs)]
        thrown = [task.result() for task in tasks]
    if given.json:
        figures = {
            "texts": sum(one.count for one in thrown),
            "seeds": len(thrown),
            "formulas": sum(o.good for o in thrown),
        }
        figures["failures"] = sum(bool(one.failure) for one in thrown)
        figures["slowest"] = max((1e3 * cpu for one in thrown for _, cpu, _ in one.slowest), default=0.0)
        given.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    for one in thrown:
        print(one.failure or f"{one.count:,} texts, seed {one.seed}: {one.good:,} formulas with a value", flush=True)
        print(f"  {one.count / max(one.seconds, 1e-9):.0f} texts a second")
    if any(one.failure for one in thrown):
        return 1
    print(f"{sum(one.count for one in thrown):,} texts, nothing raised but FormulaError; the slowest, best of five:")
    for wall, cpu, text in sorted((one for many in thrown for one in many.slowest), key=lambda one: -one[1])[:_SHOWN]:
        print(f"  {1e3 * wall:7.2f} ms ({1e3 * cpu:.2f} ms CPU)  {text[:120]!a}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
