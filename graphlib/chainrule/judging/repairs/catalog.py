"""All repairs, applied to all parts of an expression."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Sequence

from chainrule.judging.repairs.change import Change, Repair, Site, Surroundings
from chainrule.judging.repairs.divisions import division_extra, division_misplaced, division_missing
from chainrule.judging.repairs.factors import (
    bessel,
    divisor_missing,
    epsilon_extra,
    factor_extra,
    factor_missing,
    matrix_factor_missing,
    one_minus_extra,
    one_minus_missing,
    term_extra,
    term_missing,
)
from chainrule.judging.repairs.patterns import kinds, proposed, slope_missing
from chainrule.judging.repairs.products import (
    brackets_misplaced,
    einsum_letters,
    operands_swapped,
    product_of_other_kind,
    transpose_extra,
    transpose_missing,
)
from chainrule.judging.repairs.renaming import (
    axis_of_size,
    batch_for_other,
    layer_shifted,
    name_everywhere,
    name_of_neighbor,
    name_of_same_layer,
    other_name,
    value_for_gradient,
)
from chainrule.judging.repairs.signs import (
    comparison_turned,
    constant_factor,
    function_missing,
    function_wrong,
    number_wrong,
    operator_wrong,
    power_wrong,
    sign_wrong,
)
from chainrule.judging.repairs.sums import sum_extra, sum_for_mean, sum_missing, sum_otherwise
from chainrule.judging.repairs.tree import replaced, sites

REPAIRS: tuple[Repair, ...] = (
    Repair("transpose missing", 1.0, transpose_missing),
    Repair("transpose extra", 1.0, transpose_extra),
    Repair("operands swapped", 1.1, operands_swapped),
    Repair("* for @, @ for *", 1.1, product_of_other_kind),
    Repair("brackets", 1.05, brackets_misplaced),
    Repair("einsum letters", 1.2, einsum_letters),
    Repair("sum missing", 1.1, sum_missing),
    Repair("sum extra", 1.2, sum_extra),
    Repair("axis or keepdims", 1.0, sum_otherwise),
    Repair("sum for mean", 1.1, sum_for_mean),
    Repair("factor missing", 1.3, factor_missing),
    Repair("divisor missing", 1.5, divisor_missing),
    Repair("factor extra", 1.3, factor_extra),
    Repair("1 - missing", 1.05, one_minus_missing),
    Repair("1 - extra", 1.2, one_minus_extra),
    Repair("term extra", 1.4, term_extra),
    Repair("term missing", 1.5, term_missing),
    Repair("sign", 1.1, sign_wrong),
    Repair("operator", 1.2, operator_wrong),
    Repair("number", 1.4, number_wrong),
    Repair("constant factor", 1.4, constant_factor),
    Repair("power", 1.25, power_wrong),
    Repair("comparison", 1.0, comparison_turned),
    Repair("function", 1.4, function_wrong),
    Repair("function missing", 1.7, function_missing),
    Repair("neighboring layer", 1.0, name_of_neighbor),
    Repair("value for gradient", 1.0, value_for_gradient),
    Repair("name of the same layer", 1.1, name_of_same_layer),
    Repair("other name", 1.5, other_name),
    Repair("size of the wrong axis", 1.2, batch_for_other),
    Repair("size of another axis", 1.3, axis_of_size),
    Repair("1/m missing", 1.0, division_missing),
    Repair("1/m extra", 1.0, division_extra),
    Repair("1/m misplaced", 1.3, division_misplaced, whole=True),
    Repair("epsilon extra", 1.0, epsilon_extra, whole=True),
    Repair("matrix factor missing", 1.2, matrix_factor_missing),
    Repair("slope missing", 1.6, slope_missing, whole=True),
    Repair("n for n - 1", 1.2, bessel),
    *(Repair(name, cost, functools.partial(proposed, name), said=said) for name, cost, said in kinds()),
    Repair("name everywhere", 1.3, name_everywhere, whole=True),
    Repair("layer shifted", 1.2, layer_shifted, whole=True),
)
"""All repairs. The costs only order explanations that are all right: the more usual mistake is named first."""


def changes(tree: ast.expr, near: Surroundings, kinds: Sequence[Repair] | None = None) -> Iterator[Change]:
    """Every repair of every part, outermost part first."""
    for site in sites(tree):
        yield from changes_at(site, tree, near, REPAIRS if kinds is None else kinds)


def changes_at(site: Site, tree: ast.expr, near: Surroundings, kinds: Sequence[Repair]) -> Iterator[Change]:
    """Every repair of one part."""
    for repair in kinds:
        if repair.whole and site.path:
            continue
        for node, sentence, about, cost in repair.propose(site, near):
            yield Change(replaced(tree, site.path, node), repair.name, repair.cost + cost, site.path, sentence, about)
