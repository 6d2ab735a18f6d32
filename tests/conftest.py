"""Puts the oracles, the computations that the tests judge the engine by, where every test can import them."""

import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent / "oracles"))

# The same examples in every run; --hypothesis-profile=long tries others, and more of them. No example has a deadline:
# the first one of a test compiles and fills caches.
settings.register_profile(
    "short", derandomize=True, deadline=None, stateful_step_count=25, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("long", settings.get_profile("short"), derandomize=False, max_examples=3000)
settings.load_profile("short")
