"""UponPlan: what stands upon a Plan and hands its results on in another form shows the same program."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from chainrule.plan.explained import Explained
from chainrule.plan.plan import Plan
from chainrule.program.program import Program
from chainrule.shown.text import visible


class UponPlan(Explained):
    """A plan that is called in a way of its own: the Plan below computes, and can be read through it."""

    @abstractmethod
    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @property
    @abstractmethod
    def _about(self) -> tuple[str, ...]:
        """The names of what it computes."""

    @property
    def program(self) -> Program:
        """The program after all passes, for float64 and any sizes."""
        return self.plan.program

    @property
    def source(self) -> str:
        """The printed Python of the last call."""
        return self.plan.source

    def save(self, path: str | os.PathLike[str], *sizes: Mapping[str, int], dtype: Any = None) -> None:
        """Write it as a module with ``compute(feeds)`` that needs NumPy alone, as ``Plan.save`` says."""
        self.plan.save(path, *sizes, dtype=dtype, returned=self._returned)

    @property
    def _returned(self) -> str:
        """What a call makes of the results of the plan, as text."""
        return "results"

    def release(self) -> None:
        """Let go of the arrays that calls compute in; the next call makes new ones."""
        self.plan.release()

    def explain(self) -> str:
        """What was compiled, and how columns are computed."""
        return self.plan.explain()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {visible(', '.join(self._about))}>"
