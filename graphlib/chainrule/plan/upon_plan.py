"""UponPlan: what stands upon a Plan and hands its results on in another form shows the same program."""

from __future__ import annotations

from abc import abstractmethod

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

    def explain(self) -> str:
        """What was compiled, and how columns are computed."""
        return self.plan.explain()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {visible(', '.join(self._about))}>"
