"""How often the line of a planted mistake is found in whole functions: prints a table, and the misses.

    python tests/benchmarks/whole_functions_found.py [--further] [--unseen] [--untuned] [--fresh] [--all] [--json FILE]

``--further`` judges those that nobody had tuned for when they were written, ``--unseen`` and ``--untuned`` those of
later days, which have been tuned for since, and ``--fresh`` the latest ones, for which nothing was tuned.

Ends with 1 where a right function is called wrong, a wrong one right, or fewer than nine of ten lines are found.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oracles"))


from fresh_functions import FRESH
from more_functions import FURTHER
from unseen_functions import UNSEEN
from untuned_functions import UNTUNED
from whole_functions import FUNCTIONS, graph, text_of

from chainrule.judging.functions.judged import check_function


def function_in(text, folder, count):
    """The function that a file defines last, as Python would import it."""
    path = Path(folder) / f"student_{count}.py"
    path.write_text(text)
    scope = {}
    exec(compile(text, str(path), "exec"), scope)
    return [value for name, value in scope.items() if callable(value) and name != "np"][-1]


SETS = {"twenty": FUNCTIONS, "further": FURTHER, "unseen": UNSEEN, "untuned": UNTUNED, "fresh": FRESH}


def found_in(chosen, folder):
    """Judge every function as it is and with each of its mistakes: the figures, and what was missed."""
    missed, flagged, slipped, found, planted, slowest = [], [], [], 0, 0, 0.0
    for title, written in chosen.items():
        for mistake in (None, *written.mistakes):
            text, line = text_of(written, mistake)
            started = time.process_time()
            report = check_function(graph(written.network), function_in(text, folder, planted))
            slowest = max(slowest, time.process_time() - started)
            if mistake is None:
                flagged += [title] if not report.ok else []
                continue
            planted += 1
            if report.ok:
                slipped.append(f"{title}: {mistake[1]}")
            elif report[report.first_wrong].line == line:
                found += 1
            else:
                missed.append(f"{title}: line {line}, {mistake[1]!r}, said {report[report.first_wrong].line}")
    print(f"{len(chosen)} right functions, {len(flagged)} called wrong: {flagged}")
    print(f"{planted} planted mistakes, {len(slipped)} called right: {slipped}")
    print(f"the line was found of {found} ({100 * found / planted:.0f} %); the slowest took {slowest:.1f} s of CPU")
    print(*missed, sep="\n")
    counts = {"right": len(chosen), "flagged": len(flagged), "planted": planted, "slipped": len(slipped)}
    return counts | {"found": found, "slowest": slowest}


def main() -> int:
    """Judge the sets that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in (*SETS, "all"):
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    given = parser.parse_args()
    asked = [name for name in SETS if getattr(given, name) or given.all] or ["twenty"]
    with tempfile.TemporaryDirectory() as made:
        figures = {}
        for name in asked:
            folder = Path(made) / name
            folder.mkdir()
            figures[name] = found_in(SETS[name], folder)
    if given.json:
        kept = json.loads(given.json.read_text("utf-8")) if given.json.exists() else {}
        kept["sets"] = kept.get("sets", {}) | figures
        given.json.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    good = [one["found"] >= 0.9 * one["planted"] and not one["flagged"] + one["slipped"] for one in figures.values()]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
