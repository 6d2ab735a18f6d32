"""Puts the oracles where every test can import them, keeps compiled loops to the tests, fixes hypothesis' examples."""

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent / "oracles"))

# The same examples in every run; --hypothesis-profile=long tries others, and more of them. No example has a deadline:
# the first one of a test compiles and fills caches.
settings.register_profile(
    "short", derandomize=True, deadline=None, stateful_step_count=25, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", settings.get_profile("short"), derandomize=False, max_examples=3000)
settings.load_profile("short")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Loops compiled by the tests are kept apart from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHAINRULE_CACHE", str(tmp_path_factory.mktemp("loops")))
        yield
