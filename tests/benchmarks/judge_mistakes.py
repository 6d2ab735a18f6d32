"""Prints how many wrong formulas the judge finds and repairs, by kind of mistake, and how long a judgement takes.

    python tests/benchmarks/judge_mistakes.py [--doubles STEP] [--every STEP] [--rewrites STEP] [--jobs N] [--json FILE]

Every mistake is made in plain Python and is really wrong there; every repair is computed by Python, too. A mistake is
named rightly when the kinds of change that the verdict names are among those by which it is undone.
"""

import argparse
import functools
import json
import re
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "oracles"))

import mistakes
import more_mistakes

NAMED = {  # by which kinds of change a planted mistake is undone; where a kind is missing, by the one of its name
    "1 - wrong": {"number", "1 - extra", "sign", "operator"},
    "1/m doubled": {"1/m extra"},
    "1/m the wrong way": {"1/m missing", "operator"},
    "1/m misplaced": {"1/m misplaced", "brackets"},
    "* for /": {"operator"},
    "* for @": {"* for @, @ for *"},
    "@ for *": {"* for @, @ for *"},
    "A for Z, Z for A": {"name of the same layer", "function"},
    "axis": {"axis or keepdims"},
    "keepdims": {"axis or keepdims"},
    "constant factor": {"constant factor", "factor extra", "number"},
    "factor missing": {"factor missing", "1/m missing", "constant factor", "operator", "matrix factor missing"},
    "function": {"function", "name of the same layer", "slope of another function"},
    "term missing": {"term missing", "contribution missing", "factor missing", "1 - missing", "contribution scaled"},
    "sign": {"sign", "operands swapped", "constant factor"},
    "σ′ of A in place of Z": {"name everywhere", "function"},
    "path forgotten": {"contribution missing"},
    "slope taken of A": {"function", "name everywhere"},
    "matrix factor forgotten": {"matrix factor missing"},
    "n - 1": {"n for n - 1"},
    "epsilon": {"epsilon extra"},
}


@functools.cache
def nets():
    """All networks, the document's first."""
    return [*mistakes.all_nets(), *more_mistakes.more_nets()]


def of_each(task, jobs, *facts):
    """What a task gives for every network, by its number, in so many processes."""
    if jobs == 1:
        return [task(k, *facts) for k in range(len(nets()))]
    with ProcessPoolExecutor(jobs) as pool:
        return [done.result() for done in [pool.submit(task, k, *facts) for k in range(len(nets()))]]


def judge(net, found):
    """For every mistake: whether it was found, whether it is repaired, whether it is named, and the seconds."""
    draws = [mistakes.right_values(net, seed=40 + m, m=m) for m in (4, 9)]
    for mistake in found:
        start = time.process_time()
        verdict = net.graph.check({**net.formulas, mistake.name: mistake.text})[mistake.name]
        seconds = time.process_time() - start
        right = bool(verdict.repair) and not mistakes.is_wrong(mistake.name, verdict.repair, draws)
        kinds = NAMED.get(mistake.kind, {mistake.kind})
        named = bool(verdict.repairs) and set(verdict.repairs) <= kinds
        yield mistake, not verdict.own, right, named, seconds, verdict


def row(label, results):
    """One line of the table."""
    count, found = len(results), sum(r[1] for r in results)
    right, named = sum(r[2] for r in results), sum(r[3] for r in results)
    times = sorted(r[4] for r in results)
    shares = f"{100 * right / count:6.1f} %{named:>7}{100 * named / count:6.1f} %"
    return f"{label:<26}{count:>7}{found:>7}{right:>9}{shares}{1000 * times[count // 2]:>8.0f}{1000 * times[-1]:>7.0f}"


def judged_singles(k, every):
    """The single mistakes of one network, judged."""
    net = nets()[k]
    return list(judge(net, [*mistakes.single_mistakes(net)[::every], *more_mistakes.slips(net)]))


def single(every, jobs):
    """The table of single mistakes, and the ones that are not repaired or not named."""
    by_kind, by_net = defaultdict(list), {}
    for net, results in zip(nets(), of_each(judged_singles, jobs, every), strict=True):
        by_net[net.name] = results
        for result in results:
            by_kind[result[0].kind].append(result)
    head = f"{'single mistakes':<26}{'wrong':>7}{'found':>7}{'repaired':>9}{'':>8}{'named':>7}{'':>8}"
    print(f"{head}{'median':>8}{'worst':>7}")
    for kind, results in sorted(by_kind.items()):
        print(row(kind, results))
    print()
    for name, results in by_net.items():
        print(row(name, results))
    everything = [result for results in by_net.values() for result in results]
    print(row("all", everything))
    print("\nnot repaired, or not named:")
    for name, results in by_net.items():
        for mistake, _, right, named, _, verdict in results:
            if not (right and named):
                told = verdict.diagnosis if len(verdict.diagnosis) < 90 else verdict.diagnosis[:87] + "..."
                print(f"  {name}: {mistake.kind}: {mistake.name} = {mistake.text}: {told}")
    times = sorted(result[4] for result in everything)
    counts = {
        word: sum(result[k] for result in everything) for k, word in ((1, "found"), (2, "repaired"), (3, "named"))
    }
    return {"wrong": len(everything), **counts, "median": times[len(times) // 2], "worst": times[-1]}


def judged_forgotten(k):
    """How many contributions of one network are forgotten one by one, and which are not named."""
    total, missed, net = 0, [], nets()[k]
    for name, text, missing in more_mistakes.forgotten(net):
        total += 1
        told = net.graph.check({**net.formulas, name: text})[name].diagnosis
        plain = [re.sub(r"np\.broadcast_to\((\w+), shape=\([^()]*\)\)", r"\1", part) for part in missing]
        if "missing" not in told or not all(part.removeprefix("-") in told for part in plain):
            missed.append(f"{net.name}: {name} = {text}: {told}")
    return total, missed


def forgotten(jobs):
    """How many forgotten contributions are named: every proper part of every gradient that is a sum."""
    found = of_each(judged_forgotten, jobs)
    total, missed = sum(count for count, _ in found), [text for _, texts in found for text in texts]
    print(f"\nforgotten contributions: {total}, named: {total - len(missed)}", *missed, sep="\n  ")
    return {"forgotten": total, "named": total - len(missed)}


def judged_doubles(k, step):
    """The double mistakes of one network, judged."""
    return list(judge(nets()[k], mistakes.double_mistakes(nets()[k], step)))


def double(step, jobs):
    """The figures for two mistakes in one formula."""
    print(f"\ntwo mistakes, every {step}-th")
    everything = []
    for net, results in zip(nets(), of_each(judged_doubles, jobs, step), strict=True):
        everything += results
        if results:
            print(row(net.name, results))
    if everything:
        print(row("all", everything))


def judged_rewrites(k, every):
    """How many right formulas of one network there are in other words, and which raise a false alarm."""
    net = nets()[k]
    texts = list(dict.fromkeys([*mistakes.rewrites(net), *more_mistakes.everywhere(net)]))[::every]
    return len(texts), [f"{net.name}: {name} = {text}" for name, text in texts if not net.graph.check({name: text}).ok]


def rewritten(every, jobs):
    """How many right formulas raise a false alarm."""
    found = of_each(judged_rewrites, jobs, every)
    total, flagged = sum(count for count, _ in found), [text for _, texts in found for text in texts]
    print(*(f"  flagged: {text}" for text in flagged), sep="\n", end="")
    print(f"\nright formulas in other words: {total}, flagged: {len(flagged)}")
    return {"right": total, "flagged": len(flagged)}


def eleven():
    """How long the eleven formulas of 2-3-3-1 take when they are right: the first time and the best of ten."""
    times, net = [], nets()[0]
    for _ in range(10):
        start = time.perf_counter()
        assert net.graph.check(net.formulas).ok
        times.append(1000 * (time.perf_counter() - start))
    print(f"\nall {len(net.formulas)} formulas of 2-3-3-1: {times[0]:.0f} ms at first, {min(times):.1f} ms then")


def main():
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--doubles", type=int, default=101, metavar="STEP", help="judge every STEP-th double mistake")
    parser.add_argument("--every", type=int, default=1, metavar="STEP", help="judge every STEP-th single mistake")
    parser.add_argument("--rewrites", type=int, default=1, metavar="STEP", help="judge every STEP-th right formula")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--jobs", type=int, default=1, metavar="JOBS", help="judge in so many processes")
    given = parser.parse_args()
    eleven()
    figures = {"rewrites": rewritten(given.rewrites, given.jobs)}
    print()
    figures |= {"single": single(given.every, given.jobs), "forgotten": forgotten(given.jobs)}
    figures["steps"] = {"single": given.every, "rewrites": given.rewrites}
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    double(given.doubles, given.jobs)


if __name__ == "__main__":
    main()
