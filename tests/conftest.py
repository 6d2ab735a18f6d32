"""Puts the oracles, the computations that the tests judge the engine by, where every test can import them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "oracles"))
