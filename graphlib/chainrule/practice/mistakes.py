"""Mistakes that people make in a formula, each a formula of its own that the judge calls wrong."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple, final

import numpy as np

from chainrule.derivation.formulas import Formula
from chainrule.errors import ChainruleError
from chainrule.judging.candidates import candidates, makers, numbers_of_rules, surroundings
from chainrule.judging.given import GivenFormula, given_formula
from chainrule.judging.ground import Ground
from chainrule.judging.repairs.catalog import REPAIRS, changes_at
from chainrule.judging.repairs.change import Shape, Surroundings
from chainrule.judging.repairs.tree import sites
from chainrule.judging.trial import Trial
from chainrule.notation import TextPrinter
from chainrule.symbols.symbol import Symbol

# How a right formula is changed, and the mistake that this is; the commonest first. What mends a formula with a
# transpose too many leaves one out of a right formula.
_TRAPS: Final = (
    ("transpose extra", "a transpose is missing"),
    ("operands swapped", "the operands of a product are swapped"),
    ("1/m extra", "the division by the number of examples is missing"),
    ("sum extra", "the sum over the examples is missing"),
    ("value for gradient", "a value stands where its gradient belongs"),
    ("name everywhere", "the slope is taken of the wrong value"),
    ("name of the same layer", "the slope is taken of the wrong value"),
    ("1 - extra", "the slope is wrong"),
    ("term extra", "a part is missing"),
    ("factor extra", "a factor is missing"),
    ("sign", "a sign is wrong"),
    ("axis or keepdims", "the sum runs over another axis"),
    ("neighboring layer", "a value of another layer stands there"),
    ("transpose missing", "a transpose is too many"),
    ("1/m missing", "the division by the number of examples is there too often"),
    ("power", "the slope is wrong"),
    ("function", "another function stands there"),
    ("* for @, @ for *", "one kind of product stands for the other"),
    ("constant factor", "a number is wrong"),
    ("number", "a number is wrong"),
    ("other name", "another value stands there"),
    ("operator", "another operator stands there"),
)
_FORGOTTEN: Final = "what one of its readers sends is missing"
_MOST_TRIED: Final = 40  # formulas of one kind


@final
class Mistake(NamedTuple):
    """A wrong formula, and what is wrong with it."""

    text: str
    said: str


def right_text(formula: Formula) -> str:
    """The line of a derivation as a choice shows it: with what each reader sends where there are several."""
    step = formula.steps[0] if len(formula.contributions) > 1 else formula.expression
    return ast.unparse(ast.parse(TextPrinter().print(step), mode="eval").body)


def mistakes(ground: Ground, formula: Formula, convention: str, count: int) -> list[Mistake]:
    """Up to ``count`` formulas that are wrong in a convention, of as many kinds as there are.

    Each was computed on all draws of the ground, tame and wild, and with other gradients than the loss's.
    """
    text = right_text(formula)
    tree = ast.parse(text, mode="eval").body
    given = given_formula(formula.name, text, ground, ())
    near = _surroundings(ground, given, convention)
    found: list[Mistake] = []
    spare: list[Mistake] = []
    taken = {ast.dump(tree)}
    for said, candidates_of_kind in _by_kind(formula, tree, near):
        new = [one for one in candidates_of_kind if _unseen(one, taken) and _is_wrong(ground, given, one, convention)]
        texts = [Mistake(ast.unparse(one), said) for one in new[:2]]
        found += [one for one in texts[:1] if said not in {other.said for other in found}]
        spare += [one for one in texts if one not in found]
        if len(found) >= count:
            break
    return [*found, *spare][:count]


def _by_kind(formula: Formula, tree: ast.expr, near: Surroundings) -> Iterator[tuple[str, Iterator[ast.expr]]]:
    """What to say of a mistake, and the formulas with it."""
    if len(formula.contributions) > 1:
        yield _FORGOTTEN, iter(_without_one([part for _, part in formula.contributions]))
    for kind, said in _TRAPS:
        repairs = [repair for repair in REPAIRS if repair.name == kind]
        made = (one.tree for site in sites(tree) for one in changes_at(site, tree, near, repairs))
        made = (one for one in made if _is_meant(kind, tree, one, near))
        yield said, (one for one, _ in zip(made, range(_MOST_TRIED), strict=False))


def _is_meant(kind: str, right: ast.expr, wrong: ast.expr, near: Surroundings) -> bool:
    """Whether a change is what is said of it: a kind of repair may do more than one thing."""
    before, after = _count(right, near), _count(wrong, near)
    match kind:
        case "1/m extra":
            return after.sizes < before.sizes
        case "value for gradient":
            return after.gradients < before.gradients
        case "operands swapped":
            return _products(right) != _products(wrong)
        case "term extra":
            return " * 1" not in ast.unparse(wrong)
        case "name everywhere":
            return after.gradients == before.gradients
    return True


@final
class _Count(NamedTuple):
    gradients: int
    sizes: int


def _count(tree: ast.expr, near: Surroundings) -> _Count:
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return _Count(sum(name in near.gradients for name in names), names.count(near.batch or ""))


def _products(tree: ast.expr) -> list[str]:
    """The matrix products of a formula."""
    return [
        ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)
    ]


def _without_one(parts: Sequence[Symbol]) -> list[ast.expr]:
    """The sums of all contributions but one."""
    texts = [TextPrinter().print(part) for part in parts]
    rests = [[text for k, text in enumerate(texts) if k != left] for left in range(len(texts))]
    return [ast.parse(" + ".join(f"({text})" for text in rest), mode="eval").body for rest in rests]


def _unseen(tree: ast.expr, taken: set[str]) -> bool:
    """Whether a formula has not come up before; it has from now on."""
    mark = ast.dump(tree)
    if mark in taken:
        return False
    taken.add(mark)
    return True


def _is_wrong(ground: Ground, given: GivenFormula, tree: ast.expr, convention: str) -> bool:
    """Whether the judge can read a formula, and calls it wrong; one whose shapes do not fit is wrong, too."""
    try:
        wrong = given_formula(given.name, ast.unparse(tree), ground, ())
    except ChainruleError:
        return False
    if given.name in wrong.reads:
        return False
    trial = Trial(ground, [replace(wrong, draws=given.draws)], frozenset())
    trial.run()
    return convention not in trial.findings[given.name].right_in


def _surroundings(ground: Ground, given: GivenFormula, convention: str) -> Surroundings:
    """What a mistake can be made with."""
    graph, values = ground.graph, ground.values(0, convention)

    def shape_of(part: ast.expr) -> Shape | None:
        try:
            return np.shape(given_formula(given.name, ast.unparse(part), ground, ()).compute(values))
        except ChainruleError:
            return None

    return surroundings(
        candidates(ground, given),
        values,
        ground.batch or None,
        shape_of,
        examples=ground.examples,
        target=graph.of_gradient(given.name) or "",
        numbers=numbers_of_rules(graph),
        made_by=makers(graph),
    )
