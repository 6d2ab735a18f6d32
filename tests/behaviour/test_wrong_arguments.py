"""Every public call, handed a value of a wrong kind in the place of each argument, answers with an error of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wrong_arguments as wrong

KINDS: dict[str, Callable[[Path], Any]] = {
    "nodes": lambda folder: wrong.of_nodes(),
    "operators": lambda folder: wrong.of_operators(),
    "graphs and what they give": lambda folder: wrong.of_graphs(),
    "functions": wrong.of_functions,
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_wrong_argument_ends_in_an_error_from_inside(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)  # "x" may be a path to write to
    found: list[str] = []
    calls = 0
    for name, good in dict(KINDS[kind](tmp_path)).items():
        assert wrong.outcome(good.call, good.places, good.names) is None, name
        for said, places, names in good.wrongs():
            calls += 1
            error = wrong.outcome(good.call, places, names)
            found += [] if error is None else [f"{name}, {said}: {type(error).__name__}: {error}"]
    assert not found, "\n".join(found)
    assert calls >= 300


def test_the_sweep_tells_an_error_from_inside_from_an_answer() -> None:
    def careless(x: Any) -> Any:
        return {"a": 1}[x.name]

    assert isinstance(wrong.outcome(careless, (3,), {}), AttributeError)
    assert isinstance(wrong.outcome(lambda x: {}["b"], (3,), {}), KeyError)
    assert isinstance(wrong.outcome(lambda x: [][x], (3,), {}), IndexError)
    assert wrong.outcome(lambda: None, (3,), {}) is None  # Python's own words for a wrong signature
