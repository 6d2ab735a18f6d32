"""Counts what each foreign judge judged, and prints the tally at the end of the run: cases, passed, skipped and why.

A file of tests here names its judge, ``JUDGE = "PyTorch autograd"``. A test is one case. A test that judges many in a
loop says how many with pytest's fixture, ``record_property("cases", 120)``, and what it left out with
``record_property("skips", {"reason": 3})``. ``--tally FILE`` writes the same table as JSON.
"""

import json
import textwrap
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent


class Row:
    """What became of the cases of one judge."""

    def __init__(self):
        self.outcomes, self.reasons = Counter(), Counter()

    def add(self, outcome, properties, reason):
        self.outcomes[outcome] += properties.get("cases", 1)
        self.reasons += Counter({reason: 1} if outcome == "skipped" else properties.get("skips", {}))

    def as_dict(self):
        passed, failed, skipped = self.outcomes["passed"], self.outcomes["failed"], self.reasons.total()
        counts = {"cases": passed + failed + skipped, "passed": passed, "failed": failed, "skipped": skipped}
        return {**counts, "reasons": dict(self.reasons.most_common())}


class Tally:
    """The plugin that counts; one for each run of pytest."""

    def __init__(self):
        self.rows = {}

    def pytest_runtest_logreport(self, report):
        properties = dict(report.user_properties)
        if "judge" in properties and (report.when == "call" or not report.passed):
            reason = report.longrepr[2].removeprefix("Skipped: ") if report.skipped else ""
            self.rows.setdefault(properties["judge"], Row()).add(report.outcome, properties, reason)

    def table(self):
        return {judge: row.as_dict() for judge, row in sorted(self.rows.items())}

    def pytest_terminal_summary(self, terminalreporter, config):
        terminalreporter.section("tally of the judges")
        for line in lines(self.table()):
            terminalreporter.write_line(line)
        if file := config.getoption("--tally"):
            Path(file).write_text(json.dumps(self.table(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def lines(table):
    """The table in at most 80 columns, the reasons for skipping below each judge."""
    yield f"{'judge':44}{'cases':>9}{'passed':>9}{'failed':>9}{'skipped':>9}"
    for judge, row in table.items():
        yield f"{judge:44}" + "".join(f"{row[count]:9,}" for count in ("cases", "passed", "failed", "skipped"))
        for reason, count in grouped(row["reasons"]):
            yield from textwrap.wrap(f"{count:6,}  {reason}", width=80, initial_indent="  ", subsequent_indent=" " * 10)


def grouped(reasons):
    """Reasons that differ only after a colon, "no node for the operator: Conv", told in one."""
    groups = {}
    for reason, count in reasons.items():
        groups.setdefault(reason.partition(": ")[0], {})[reason] = count
    for head, group in sorted(groups.items(), key=lambda item: -sum(item[1].values())):
        told = [f"{reason.partition(': ')[2]} {count}" for reason, count in group.items()]
        yield f"{head}: {', '.join(told)}" if len(group) > 1 else next(iter(group)), sum(group.values())


def pytest_addoption(parser):
    parser.addoption("--tally", metavar="FILE", help="write the tally of the judges to FILE, as JSON")


def pytest_configure(config):
    config.pluginmanager.register(Tally(), "tally of the judges")


def pytest_collection_modifyitems(items):
    """Put the judge's name on each test, so that it travels in the test's report."""
    for item in items:
        if isinstance(item, pytest.Function) and item.path.is_relative_to(HERE):
            if not hasattr(item.module, "JUDGE"):
                raise pytest.UsageError(f'{item.path}: a file of tests here names its judge, JUDGE = "..."')
            item.user_properties.append(("judge", item.module.JUDGE))
