"""Runs the tests of a mutant without collecting them again, in the order of the target's list: likely killers first.

mutmut forks a process for every mutant and has pytest collect a few hundred tests in each, which takes longer than the
first of them that fails. Here the tests that the parent collected are kept and run. What they or the engine remembered
until then is forgotten: it was made by the code before the change.
"""

from __future__ import annotations

import functools
import sys
import tomllib
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

_kept: dict[str, pytest.Item] = {}
sys.setrecursionlimit(4 * sys.getrecursionlimit())  # mutmut calls a function by way of two or three of its own


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """mutmut keeps the tests of a function in a set, whose order differs from run to run."""
    config = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    listed = [entry.partition("::")[0] for entry in config["tool"]["mutmut"]["pytest_add_cli_args_test_selection"]]
    rank = {path: k for k, path in reversed(list(enumerate(listed)))}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(rank)))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Only mutmut's warm-up collects without running."""
    if session.config.option.collectonly:
        _kept.update((item.nodeid, item) for item in session.items)
        session.config._cleanup_stack.pop_all()  # the session goes on: its capturing and its hooks stay


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """The kept tests among those that were asked for, until one fails; None (pytest goes on) where none are kept."""
    if not _kept or config.option.collectonly:
        return None
    _forget()
    wanted = set(config.args)
    items = [item for name, item in _kept.items() if name in wanted]
    for item, following in zip(items, [*items[1:], None], strict=True):
        for report in runtestprotocol(item, log=False, nextitem=following):
            if report.failed:
                print(report.nodeid, report.longreprtext, sep="\n")  # read when a test fails without a mutant
                return 1
    return 0 if len(items) == len(wanted) else 4


def _forget() -> None:
    """Empty the caches of the engine."""
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == "chainrule"]
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, functools._lru_cache_wrapper):
                value.cache_clear()
