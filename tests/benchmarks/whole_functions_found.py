"""How often the line of a planted mistake is found in whole functions: prints a table, and the misses.

    python tests/benchmarks/whole_functions_found.py [--further | --unseen | --untuned]

``--further`` judges those that nobody had tuned for when they were written, ``--unseen`` those of a later day, which
have been tuned for since, and ``--untuned`` the latest ones.

Ends with 1 where a right function is called wrong, a wrong one right, or fewer than nine of ten lines are found.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oracles"))


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


def main() -> int:
    """Judge every function as it is and with each of its mistakes."""
    asked = {"--further": FURTHER, "--unseen": UNSEEN, "--untuned": UNTUNED}
    chosen = asked[sys.argv[1]] if sys.argv[1:] else FUNCTIONS
    missed, flagged, slipped, found, planted, slowest = [], [], [], 0, 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
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
    return 1 if flagged or slipped or found < 0.9 * planted else 0


if __name__ == "__main__":
    sys.exit(main())
