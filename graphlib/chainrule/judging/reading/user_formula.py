"""A formula that somebody wrote, in plain NumPy form."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from chainrule.errors import FormulaError
from chainrule.judging.reading.evaluation import Array, Evaluation, as_value
from chainrule.judging.reading.messages import listed, suggested
from chainrule.judging.reading.passage import Passage
from chainrule.judging.reading.whitelist import admitted


@final
@dataclass(frozen=True)
class UserFormula:
    """A formula that somebody wrote, in plain NumPy form.

    ``source`` is the text as given, ``tree`` the expression, ``text`` the expression as NumPy text, and ``names`` are
    the values that it takes. To change a formula, change a copy of the tree and call ``from_tree``.

    >>> formula = UserFormula.from_tree(ast.parse("A3 - Y", mode="eval").body)
    >>> formula.evaluate({"A3": [[0.25, 0.75]], "Y": [[0, 1]]})
    array([[ 0.25, -0.25]])
    """

    source: str
    tree: ast.expr = field(compare=False, repr=False)
    text: str
    names: frozenset[str] = field(compare=False, repr=False)

    @classmethod
    def from_tree(cls, tree: ast.expr, source: str | None = None) -> UserFormula:
        """The formula of an expression; raises FormulaError when the expression is not on the whitelist."""
        return formula_of(tree, source, Passage(""), None)

    def evaluate(self, values: Mapping[str, Any], *, after: Callable[[Any], Any] | None = None) -> Array:
        """The formula computed on arrays and numbers by name: a new array.

        ``after`` is applied to what each step gives.

        Division by zero and the like give inf and nan, silently. Raises FormulaError for a missing value, shapes that
        do not fit (naming them), and a result too large to build.
        """
        if not values.keys() >= self.names:
            missing = [name for name in sorted(self.names) if name not in values]
            shown = ", ".join(suggested(name, values) for name in missing)
            raise FormulaError(f"no value is called {shown}", where=self.text, remedy=listed(values))
        evaluation = Evaluation({name: as_value(values[name], name) for name in self.names}, after)
        with np.errstate(all="ignore"):
            return evaluation.result(self.tree)


def formula_of(tree: ast.expr, text: str | None, passage: Passage, known: Collection[str] | None) -> UserFormula:
    """The formula of an expression that was read in a passage, or that was made and is its own text."""
    plain, names = admitted(tree, passage, known)
    return UserFormula(plain if text is None else text, tree, plain, names)
