"""Prints how many wrong formulas the judge finds and repairs, by kind of mistake, and how long a judgement takes.

    python tests/benchmarks/judge_mistakes.py [--doubles STEP]

Every mistake is made in plain Python and is really wrong there; every repair is computed by Python, too.
"""

import argparse
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "oracles"))

import mistakes


def judge(net, found):
    """For every mistake: whether it was found, whether a repair was given, whether that is right, and the seconds."""
    draws = [mistakes.right_values(net, seed=40 + m, m=m) for m in (4, 9)]
    for mistake in found:
        start = time.perf_counter()
        verdict = net.graph.check({**net.formulas, mistake.name: mistake.text})[mistake.name]
        seconds = time.perf_counter() - start
        right = bool(verdict.repair) and not mistakes.is_wrong(mistake.name, verdict.repair, draws)
        yield mistake, not verdict.own, right, seconds


def row(label, results):
    """One line of the table."""
    count, found = len(results), sum(r[1] for r in results)
    right = sum(r[2] for r in results)
    times = [r[3] for r in results]
    share = f"{100 * right / count:6.1f} %"
    return f"{label:<26}{count:>7}{found:>7}{right:>9}{share}{1000 * sum(times) / count:>9.0f}{1000 * max(times):>8.0f}"


def single(nets):
    """The table of single mistakes."""
    by_kind, by_net = defaultdict(list), {}
    for net in nets:
        by_net[net.name] = list(judge(net, mistakes.single_mistakes(net)))
        for result in by_net[net.name]:
            by_kind[result[0].kind].append(result)
    print(f"{'single mistakes':<26}{'wrong':>7}{'found':>7}{'repaired':>9}{'':>8}{'mean ms':>9}{'worst':>8}")
    for kind, results in sorted(by_kind.items()):
        print(row(kind, results))
    print()
    for name, results in by_net.items():
        print(row(name, results))
    print(row("all", [result for results in by_net.values() for result in results]))


def double(nets, step):
    """The figures for two mistakes in one formula."""
    print(f"\ntwo mistakes, every {step}-th")
    everything = []
    for net in nets:
        results = list(judge(net, mistakes.double_mistakes(net, step)))
        everything += results
        print(row(net.name, results))
    print(row("all", everything))


def rewritten(nets):
    """How many right formulas raise a false alarm."""
    flagged, total = Counter(), Counter()
    for net in nets:
        for name, text in mistakes.rewrites(net):
            total[net.name] += 1
            flagged[net.name] += not net.graph.check({**net.formulas, name: text}).ok
    print(f"\nright formulas in other words: {sum(total.values())}, flagged: {sum(flagged.values())}")


def eleven(nets):
    """How long the eleven formulas of 2-3-3-1 take when they are right: the first time and the best of ten."""
    times = []
    for _ in range(10):
        start = time.perf_counter()
        assert nets[0].graph.check(nets[0].formulas).ok
        times.append(1000 * (time.perf_counter() - start))
    print(f"\nall {len(nets[0].formulas)} formulas of 2-3-3-1: {times[0]:.0f} ms at first, {min(times):.1f} ms then")


def main():
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--doubles", type=int, default=101, metavar="STEP", help="judge every STEP-th double mistake")
    step = parser.parse_args().doubles
    nets = mistakes.all_nets()
    eleven(nets)
    rewritten(nets)
    print()
    single(nets)
    double(nets, step)


if __name__ == "__main__":
    main()
