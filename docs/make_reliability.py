"""Writes docs/reliability.md from the runs that it makes: `python docs/make_reliability.py` takes half an hour.

The judges, the faults and the load are run anew. Mutation testing takes hours, so its last outcome is read from
tests/benchmarks/mutation.json, which its own command writes. `--keep FOLDER` keeps what runs have said, and takes what
is there.
"""

from __future__ import annotations

import argparse
import ast
import datetime as dt
import json
import platform
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
PAGE, MUTATION = ROOT / "docs" / "reliability.md", ROOT / "tests" / "benchmarks" / "mutation.json"
MISTAKES, FUNCTIONS, THROWN = (
    ROOT / "tests" / "benchmarks" / f"{name}.json" for name in ("judge_mistakes", "judge_functions", "fuzz_formulas")
)

HEAD = """# Reliability

Who has judged chainrule, what it does with bad input, how exact its functions are, and what it bears. This page is
written by the command that ran it all, `python docs/make_reliability.py` (`pip install -e . --group judges` before).
{date}, {machine}.

## Judged by others

`pytest tests/judges` compares the engine with judges that share nothing with it.

{judges}

What is skipped, and why:

{reasons}

## Units in the last place

The largest error of any entry, judged by mpmath over the whole range of the floats, subnormal numbers included; the
precision is doubled until two results agree. "terms" marks a difference of two terms that nearly cancel: it is judged
in units of the terms. `pytest tests/judges/test_ulp.py`.

{ulps}

## Faults and their outcome

Each row is a test in `tests/behaviour/test_bad_input.py`, which holds the whole message.

{faults}

{formulas}
## Threads and load

`python tests/benchmarks/load.py`: every result is compared with the serial one, bit for bit.

{load}

## Mutation testing

{mutation}
"""

FORMULAS = """## The judge of formulas

Formulas made wrong by a generator, and right ones written otherwise, in networks with sigmoid, tanh, ReLU and
softmax, rows and columns, L2, batch normalization, recurrence, attention and convolution. What is planted, and what is
right, is computed in plain NumPy.
`python tests/benchmarks/judge_mistakes.py --json tests/benchmarks/judge_mistakes.json`, {steps}:

{mistakes}

Whole functions in public styles, as they are and each with mistakes planted in single lines. Those called untuned
were judged once and then tuned for; before that the line was found of {untuned}. For the fresh ones nothing was tuned.
`python tests/benchmarks/whole_functions_found.py --all --json tests/benchmarks/judge_functions.json`:

{functions}

Random and mutated texts thrown at the reader of formulas:
`python tests/benchmarks/fuzz_formulas.py --json tests/benchmarks/fuzz_formulas.json`:

{texts}
"""

MUTATION_HEAD = """The engine is changed in small ways, one at a time; the tests should notice every change. mutmut
changes what stands in functions, cosmic-ray the rest: tables, defaults of fields, functions with a decorator. A mutant
for which no test was run counts as alive. "equivalent" are those that nobody can tell from the original, each with its
reason in [mutation-survivors.md](../tests/benchmarks/mutation-survivors.md), where the open ones stand as well. These
figures were measured before the files were moved into the folders of today: they stand at the files' new names, and
where a file has since been cut into several, at the name of the whole."""


def main() -> None:
    """Run what has not been run, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep what the runs have said there")
    parser.add_argument("--check", action="store_true", help="do not write the page")
    parser.add_argument("--formulas", action="store_true", help="write the part about the judge of formulas alone")
    given = parser.parse_args()
    if given.formulas:
        part = re.compile(r"^## The judge of formulas\n.*?(?=^## )", re.DOTALL | re.MULTILINE)
        PAGE.write_text(part.sub(lambda _: f"{formulas()}\n", PAGE.read_text("utf-8")), encoding="utf-8")
        return
    with tempfile.TemporaryDirectory() as made:
        folder = given.keep or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        text = page(folder)
    print(text)
    if not given.check:
        PAGE.write_text(text, encoding="utf-8")


def page(folder: Path) -> str:
    """The page, from runs that write into this folder unless they have written there already."""
    tally, judged, faults, load = (folder / name for name in ("tally.json", "judged.xml", "faults.xml", "load.json"))
    run("-m", "pytest", "-q", "tests/judges", f"--tally={tally}", f"--junitxml={judged}", made=judged)
    run("-m", "pytest", "-q", "tests/behaviour/test_bad_input.py", f"--junitxml={faults}", made=faults)
    run("tests/benchmarks/load.py", f"--json={load}", made=load)
    judges = json.loads(tally.read_text("utf-8"))
    return HEAD.format(
        date=dt.datetime.now(tz=dt.UTC).date(),
        machine=f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.machine()}",
        judges=judge_table(judges),
        reasons=reasons(judges),
        ulps=ulp_table(properties(judged)),
        faults=fault_table(properties(faults)),
        formulas=formulas(),
        load=load_table(json.loads(load.read_text("utf-8"))),
        mutation=mutation_tables(json.loads(MUTATION.read_text("utf-8"))),
    )


def formulas() -> str:
    """The part about the judge of formulas, from figures that are kept: each takes minutes to measure."""
    figures, functions, thrown = (json.loads(path.read_text("utf-8")) for path in (MISTAKES, FUNCTIONS, THROWN))
    steps, untuned = steps_text(figures["steps"]), functions["before"]
    return FORMULAS.format(
        steps=steps,
        mistakes=mistake_table(figures),
        untuned=f"{untuned['found']} of {untuned['planted']}",
        functions=function_table(functions["sets"]),
        texts=table(
            ("texts", "seeds", "formulas with a value", "other errors, warnings", "slowest, ms of CPU"),
            [
                (
                    f"{thrown['texts']:,}",
                    thrown["seeds"],
                    f"{thrown['formulas']:,}",
                    thrown["failures"],
                    f"{thrown['slowest']:.0f}",
                )
            ],
        ),
    )


def function_table(sets: dict[str, dict[str, Any]]) -> str:
    """Of every set of functions how many are called wrong that are right, and how many wrong lines are found."""
    rows = [
        (
            name,
            one["right"],
            one["flagged"],
            one["planted"],
            one["slipped"],
            f"{one['found']} ({100 * one['found'] / one['planted']:.0f} %)",
        )
        for name, one in sets.items()
    ]
    return table(("functions", "right", "called wrong", "mistakes", "called right", "line found"), rows)


def run(*arguments: str, made: Path) -> None:
    """Run Python in the root of the project; what fails shows in what it has written, and stops here."""
    if not made.exists():
        subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True)


def properties(report: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The outcome and the recorded properties of every test in a report of pytest."""
    for case in ET.parse(report).iter("testcase"):
        known = {str(p.get("name")): str(p.get("value")) for p in case.iter("property")}
        failed = case.find("failure") is not None or case.find("error") is not None
        yield "failed" if failed else "skipped" if case.find("skipped") is not None else "passed", known


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table in Markdown; numbers stand at the right."""
    lines = [list(map(str, row)) for row in rows]
    right = [all(_is_number(line[k]) for line in lines) for k in range(len(head))]
    rule = "|".join("--:" if number else "---" for number in right)
    return "\n".join(
        [f"| {' | '.join(head)} |", f"|{rule}|", *(f"| {' | '.join(map(_cell, line))} |" for line in lines)]
    )


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "").replace("+", "").replace("-", "").replace(" %", "").isdigit()


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


# --- the sections ----------------------------------------------------------------------------------------------------


def judge_table(judges: dict[str, Any]) -> str:
    """How many cases each judge has judged."""
    counts = ("cases", "passed", "failed", "skipped")
    rows = [[name, *(f"{row[count]:,}" for count in counts)] for name, row in judges.items()]
    total = [f"{sum(row[count] for row in judges.values()):,}" for count in counts]
    return table(("judge", *counts), [*rows, ["all", *total]])


def reasons(judges: dict[str, Any]) -> str:
    """Why cases were skipped; reasons that differ only after a colon are told in one."""
    found = [(name, count, reason) for name, row in judges.items() for reason, count in row["reasons"].items()]
    grouped: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for name, count, reason in found:
        head, _, rest = reason.partition(": ")
        grouped.setdefault((name, head), []).append((count, rest))
    lines = []
    for (name, head), parts in grouped.items():
        told = ", ".join(rest for _, rest in sorted(parts) if rest)
        lines.append(f"* {name}, {sum(count for count, _ in parts):,}: {head}{f' ({told})' if told else ''}")
    return "\n".join(lines) or "Nothing."


def ulp_table(tests: Iterable[tuple[str, dict[str, str]]]) -> str:
    """The largest error by function, dtype and what computed it."""
    rows = [row for _, known in tests if "ulp" in known for row in ast.literal_eval(known["ulp"])]
    columns = list(dict.fromkeys((row["dtype"], row["by"]) for row in rows))
    worst = {(row["function"], row["of"], row["dtype"], row["by"]): row for row in rows}
    lines = []
    for function, of in dict.fromkeys((row["function"], row["of"]) for row in rows):
        own = [worst.get((function, of, dtype, by)) for dtype, by in columns]
        unit = {row["unit of"] for row in own if row}
        lines.append(
            [function, of, "/".join(sorted(unit)), *("" if row is None else f"{row['ulp']:.2f}" for row in own)]
        )
    return table(("function", "of", "unit of", *(f"{dtype}, {by}" for dtype, by in columns)), lines)


def fault_table(tests: Iterable[tuple[str, dict[str, str]]]) -> str:
    """Faults and their outcomes, and whether the tests held them to it."""
    rows: dict[tuple[str, str], list[str]] = {}
    for outcome, known in tests:
        if "fault" in known:
            rows.setdefault((known["fault"], known["outcome"]), []).append(outcome)
    held = [(fault, said, "yes" if set(found) == {"passed"} else "**no**") for (fault, said), found in rows.items()]
    return table(("fault", "outcome", "held"), held)


def mistake_table(figures: dict[str, Any]) -> str:
    """What the judge found, repaired and named, and how long a line takes."""
    single, forgotten, rewrites = figures["single"], figures["forgotten"], figures["rewrites"]
    shares = [
        (
            f"wrong formulas {word}",
            f"{single['wrong']:,}",
            f"{single[word]:,} ({100 * single[word] / single['wrong']:.1f} %)",
        )
        for word in ("found", "repaired", "named")
    ]
    rows = [
        *shares,
        ("forgotten contributions named", f"{forgotten['forgotten']:,}", f"{forgotten['named']:,}"),
        ("right formulas in other words called wrong", f"{rewrites['right']:,}", f"{rewrites['flagged']:,}"),
        (
            "seconds of CPU for a wrong line",
            f"{single['wrong']:,}",
            f"median {single['median']:.2f}, worst {single['worst']:.2f}",
        ),
    ]
    return table(("what", "of", "outcome"), rows)


def steps_text(steps: dict[str, int]) -> str:
    """Which share of all that can be made was judged."""
    return (
        f"every {steps['single']}th wrong formula, every {steps['rewrites']}th right one"
        if max(steps.values()) > 1
        else "all of them"
    )


def load_table(load: dict[str, Any]) -> str:
    """Threads, then memory."""
    threads = [
        (f"{name}, 16 threads", f"{row['compared']:,}", f"{row['wrong']:,} not the serial ones")
        for name, row in load["threads"].items()
    ]
    memory = [
        (f"memory of a {name}", f"{row['runs']:,}", f"{row['bytes_per_run']:+.2f} bytes a run")
        for name, row in load["memory"].items()
    ]
    return table(("what", "runs", "found"), [*threads, *memory])


def mutation_tables(outcomes: dict[str, Any]) -> str:
    """Mutants by tool and file."""
    return "\n\n".join([MUTATION_HEAD, *(mutation_table(name, outcome) for name, outcome in outcomes.items())])


def mutation_table(name: str, outcome: dict[str, Any]) -> str:
    """Mutants by file; files without any are left out."""
    counts = ("mutants", "tried", "killed", "equivalent")
    files = {name: row for name, row in outcome["files"].items() if row["mutants"]}
    total = {count: sum(row[count] for row in files.values()) for count in counts}
    rows = [
        [name, *(f"{row[count]:,}" for count in counts), _share(row)] for name, row in {**files, "all": total}.items()
    ]
    samples = f"samples of large files drawn with seed {outcome['seed']}"
    head = f"`python tests/benchmarks/mutation.py --only {name}`, {outcome['tool']}, {samples}:"
    return f"{head}\n\n{table(('file', *counts, 'killed of the others'), rows)}"


def _share(row: dict[str, Any]) -> str:
    told_apart = row["tried"] - row["equivalent"]
    return f"{100 * row['killed'] / told_apart:.1f} %" if told_apart else "all equivalent"


if __name__ == "__main__":
    main()
