"""Puts the oracles, which judge the engine, where every test can import them, and keeps compiled loops to the tests."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "oracles"))


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Loops compiled by the tests are kept apart from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHAINRULE_CACHE", str(tmp_path_factory.mktemp("loops")))
        yield
