"""Repairs: the single changes of an expression that mend what people get wrong when they derive by hand.

A repair looks at one part of an expression and proposes what could stand in its place: a transpose more or less, the
other order of a product, a factor that is missing. It knows nothing of right and wrong, and nothing of networks: which
names there are, of which shapes, is told by a Scene. ``changes`` applies all repairs to all parts of an expression.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, final

Shape: TypeAlias = tuple[int, ...]
Path: TypeAlias = tuple[tuple[str, int | None], ...]
"""The way from an expression down to a part: which field, and which entry where the field is a list."""


@final
@dataclass(frozen=True)
class Scene:
    """What a line can be written with: the names near it, their shapes, and the name of the number of columns.

    ``values`` and ``gradients`` are candidates, nearest first; ``shapes`` knows every name, and ``whole`` are those
    whose values are whole numbers, such as labels. ``shape_of`` gives the shape of an expression, or None.
    """

    values: tuple[str, ...]
    gradients: tuple[str, ...]
    shapes: Mapping[str, Shape]
    batch: str | None
    shape_of: Callable[[ast.expr], Shape | None]
    whole: frozenset[str] = frozenset()


class Site(NamedTuple):
    """A part of an expression, the way to it, and the expression that it is directly a part of."""

    node: ast.expr
    path: Path
    parent: ast.expr | None


class Proposal(NamedTuple):
    """What could stand in the place of a part, and what was wrong then: a sentence with {} for each expression."""

    node: ast.expr
    sentence: str
    about: tuple[ast.expr, ...] = ()
    cost: float = 0.0


Proposals: TypeAlias = Iterator[Proposal]


@final
@dataclass(frozen=True)
class Repair:
    """One kind of change: its name, how unlikely it is against others (1 is the commonest), and its proposals.

    With ``whole`` it looks at the expression as a whole only, not at its parts.
    """

    name: str
    cost: float
    propose: Callable[[Site, Scene], Proposals]
    whole: bool = False

    @property
    def description(self) -> str:
        """What the repair does, in one sentence."""
        return (self.propose.__doc__ or "").strip()


@final
@dataclass(frozen=True)
class Change:
    """An expression with one change made to it, and which repair made it."""

    tree: ast.expr
    repair: str
    cost: float
    path: Path
    sentence: str
    about: tuple[ast.expr, ...]

    @property
    def text(self) -> str:
        """What was wrong, as a sentence.

        >>> tree = ast.parse("dZ3 @ A2", mode="eval").body
        >>> scene = Scene(("A2",), (), {}, "m", lambda node: (3, 7))
        >>> [change.text for change in changes(tree, scene) if change.repair == "transpose missing"][-1]
        'A2 has to be transposed'
        """
        return self.sentence.format(*map(ast.unparse, self.about))


def changes(tree: ast.expr, scene: Scene, kinds: Sequence[Repair] | None = None) -> Iterator[Change]:
    """Every repair of every part, outermost part first."""
    for site in sites(tree):
        yield from changes_at(site, tree, scene, REPAIRS if kinds is None else kinds)


def changes_at(site: Site, tree: ast.expr, scene: Scene, kinds: Sequence[Repair]) -> Iterator[Change]:
    """Every repair of one part."""
    for repair in kinds:
        if repair.whole and site.path:
            continue
        for node, sentence, about, cost in repair.propose(site, scene):
            yield Change(replaced(tree, site.path, node), repair.name, repair.cost + cost, site.path, sentence, about)


# --- walking an expression -----------------------------------------------------------------------------------------

_FIRST_ONLY = {"sum", "mean", "max", "min", "prod", "reshape", "transpose", "expand_dims", "squeeze", "clip", "power"}
_MODULES = {"np", "numpy"}


def sites(tree: ast.expr) -> list[Site]:
    """Every part that is a value, outermost and leftmost first; the axis of a sum or the 1 in Y.shape[1] is none."""
    found: list[Site] = []
    waiting = [Site(tree, (), None)]
    while waiting:
        site = waiting.pop()
        found.append(site)
        below = [Site(_child(site.node, step), (*site.path, step), site.node) for step in _steps(site.node)]
        waiting.extend(reversed(below))
    return found


def _steps(node: ast.expr) -> list[tuple[str, int | None]]:
    """The places at which an expression holds other values."""
    match node:
        case ast.BinOp():
            return [("left", None), ("right", None)]
        case ast.UnaryOp():
            return [("operand", None)]
        case ast.Compare():
            return [("left", None), *(("comparators", k) for k in range(len(node.comparators)))]
        case ast.Attribute(attr="T"):
            return [("value", None)]
        case ast.Call():
            return _steps_of_call(node)
    return []


def _steps_of_call(call: ast.Call) -> list[tuple[str, int | None]]:
    name, method = called(call), is_method(call)
    arguments = [k for k, argument in enumerate(call.args) if not _is_text(argument)]
    if method:
        return [("func", None), *(("args", k) for k in arguments if name == "dot")]
    return [("args", k) for k in (arguments[:1] if name in _FIRST_ONLY else arguments)]


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _child(node: ast.expr, step: tuple[str, int | None]) -> ast.expr:
    field, index = step
    if field == "func":  # the array in array.sum()
        return node.func.value  # type: ignore[attr-defined, no-any-return]
    value = getattr(node, field)
    return value if index is None else value[index]  # type: ignore[no-any-return]


def _with_child(node: ast.expr, step: tuple[str, int | None], new: ast.expr) -> ast.expr:
    field, index = step
    old = getattr(node, field)
    if field == "func":
        return _copy(node, func=_copy(old, value=new))
    return _copy(node, **{field: new if index is None else [*old[:index], new, *old[index + 1 :]]})


def _copy(node: ast.expr, **fields: object) -> ast.expr:
    twin = type(node).__new__(type(node))
    twin.__dict__.update(node.__dict__)
    twin.__dict__.update(fields)
    return twin


def replaced(tree: ast.expr, path: Path, new: ast.expr) -> ast.expr:
    """The expression with another part at the end of the path; all that does not lie on the path is shared."""
    along = [tree]
    for step in path[:-1]:
        along.append(_child(along[-1], step))
    for node, step in zip(reversed(along), reversed(path), strict=False):
        new = _with_child(node, step, new)
    return new


def called(node: ast.expr) -> str | None:
    """The bare name of what is called: sum for np.sum(x) and for x.sum(); None when nothing is called."""
    if not isinstance(node, ast.Call):
        return None
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)


def is_method(call: ast.Call) -> bool:
    """Whether an array's own method is called: x.sum(), but not np.sum(x)."""
    function = call.func
    return isinstance(function, ast.Attribute) and not (
        isinstance(function.value, ast.Name) and function.value.id in _MODULES
    )


# --- building expressions ------------------------------------------------------------------------------------------

_LOAD = ast.Load()
_OPERATORS: dict[str, ast.operator] = {
    "+": ast.Add(), "-": ast.Sub(), "*": ast.Mult(), "/": ast.Div(), "@": ast.MatMult(), "**": ast.Pow(),
}  # fmt: skip
_SIGNS = {type(operator): sign for sign, operator in _OPERATORS.items()}
_FUNCTIONS_OF_TWO = {
    "dot": "@",
    "matmul": "@",
    "multiply": "*",
    "add": "+",
    "subtract": "-",
    "divide": "/",
    "power": "**",
}


def named(name: str) -> ast.expr:
    """The expression that is one name."""
    return ast.Name(name, _LOAD)


def number(value: float) -> ast.expr:
    """A number; whole numbers print without a point, negative ones with a sign in front."""
    plain = int(value) if float(value).is_integer() else value
    return ast.UnaryOp(ast.USub(), ast.Constant(-plain)) if plain < 0 else ast.Constant(plain)


def binary(left: ast.expr, sign: str, right: ast.expr) -> ast.expr:
    """Two expressions with one of + - * / @ ** between them."""
    return ast.BinOp(left, _OPERATORS[sign], right)


def transposed(node: ast.expr) -> ast.expr:
    """The transpose, where the transpose of a transpose is what it was made from."""
    inner = _untransposed(node)
    return ast.Attribute(node, "T", _LOAD) if inner is None else inner


def _untransposed(node: ast.expr) -> ast.expr | None:
    """What is transposed by an expression, None if it is no transpose."""
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return node.value
    return _argument(node) if called(node) == "transpose" else None


def _argument(node: ast.expr) -> ast.expr | None:
    """The array in np.sum(array) and array.sum(); None where it is given by its name."""
    assert isinstance(node, ast.Call)
    if is_method(node):
        return node.func.value  # type: ignore[attr-defined, no-any-return]
    return node.args[0] if node.args else None


def negative(node: ast.expr) -> ast.expr:
    """The expression with a minus in front."""
    return ast.UnaryOp(ast.USub(), node)


def operands(node: ast.expr) -> tuple[str, ast.expr, ast.expr] | None:
    """Sign and operands of a + b, and of the calls that mean the same: np.add(a, b), np.dot(a, b), a.dot(b)."""
    if isinstance(node, ast.BinOp):
        sign = _SIGNS.get(type(node.op))
        return None if sign is None else (sign, node.left, node.right)
    if isinstance(node, ast.Call) and (name := called(node)) in _FUNCTIONS_OF_TWO:
        values = [node.func.value, *node.args] if is_method(node) else node.args  # type: ignore[attr-defined]
        return (_FUNCTIONS_OF_TWO[name], values[0], values[1]) if len(values) == 2 else None
    return None


def _with_operands(node: ast.expr, left: ast.expr, right: ast.expr) -> ast.expr:
    """The same operation, written in the same way, with other operands."""
    if isinstance(node, ast.BinOp):
        return _copy(node, left=left, right=right)
    assert isinstance(node, ast.Call)
    if is_method(node):
        return _copy(node, func=_copy(node.func, value=left), args=[right])
    return _copy(node, args=[left, right])


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool)


def _is_negative(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def _is_product_part(site: Site) -> bool:
    """Whether a factor put here could as well be put one level up."""
    outer = operands(site.parent) if site.parent is not None else None
    inside = outer is not None and (outer[0] == "*" or (outer[0] == "/" and outer[1] is site.node))
    return inside or (site.parent is not None and _is_negative(site.parent))


def _method_call(node: ast.expr, name: str, **options: Any) -> ast.expr:
    return ast.Call(ast.Attribute(node, name, _LOAD), [], _keywords(options))


# --- transposes and products ---------------------------------------------------------------------------------------


def _transpose_missing(site: Site, scene: Scene) -> Proposals:
    """Transpose a part."""
    already = site.parent is not None and _untransposed(site.parent) is not None
    if not already and _untransposed(site.node) is None and not _is_number(site.node):
        yield Proposal(transposed(site.node), "{} has to be transposed", (site.node,))


def _transpose_extra(site: Site, scene: Scene) -> Proposals:
    """Take a transpose away."""
    inner = _untransposed(site.node)
    if inner is not None:
        yield Proposal(inner, "{} must not be transposed", (inner,))


def _operands_swapped(site: Site, scene: Scene) -> Proposals:
    """Swap the operands of a product, a difference or a quotient; a product may need other transposes with it."""
    found = operands(site.node)
    if found is None or found[0] not in "@-/":
        return
    sign, a, b = found
    yield Proposal(_with_operands(site.node, b, a), f"the operands of {sign} are swapped: {{}} comes first", (b,))
    if sign == "@":
        yield from _rearranged(site.node, a, b)


def _rearranged(node: ast.expr, a: ast.expr, b: ast.expr) -> Proposals:
    both = _with_operands(node, transposed(b), transposed(a))
    yield Proposal(both, "the product is transposed: it has to be {}", (both,), 0.2)
    for left, right in ((transposed(b), a), (b, transposed(a)), (transposed(a), transposed(b))):
        new = _with_operands(node, left, right)
        yield Proposal(new, "the product has to be {}", (new,), 0.25)


def _product_of_other_kind(site: Site, scene: Scene) -> Proposals:
    """Put @ for * or * for @; with @ the order and the transposes may change as well."""
    found = operands(site.node)
    if found is None or found[0] not in "*@":
        return
    sign, a, b = found
    if sign == "@":
        yield Proposal(binary(a, "*", b), "@ should be *, element by element")
        yield Proposal(binary(transposed(a), "*", b), "@ should be *, element by element", (), 0.6)
        yield Proposal(binary(a, "*", transposed(b)), "@ should be *, element by element", (), 0.6)
        return
    yield Proposal(binary(a, "@", b), "* should be @, the matrix product")
    for left, right in ((b, a), (transposed(a), b), (a, transposed(b)), (transposed(b), a), (b, transposed(a))):
        new = binary(left, "@", right)
        yield Proposal(new, "* should be @, the matrix product: {}", (new,), 0.5)


def _brackets(site: Site, scene: Scene) -> Proposals:
    """Set brackets otherwise: (a ∘ b) ∘ c for a ∘ (b ∘ c), and the other way round."""
    if not isinstance(site.node, ast.BinOp):
        return
    outer, left, right = site.node, site.node.left, site.node.right
    if isinstance(left, ast.BinOp) and (type(left.op), type(outer.op)) != (ast.Mult, ast.Mult):
        new = ast.BinOp(left.left, left.op, ast.BinOp(left.right, outer.op, right))
        yield Proposal(new, "the brackets belong around {}", (new.right,))
    if isinstance(right, ast.BinOp) and (type(right.op), type(outer.op)) != (ast.Mult, ast.Mult):
        twin = ast.BinOp(ast.BinOp(left, outer.op, right.left), right.op, right.right)
        yield Proposal(twin, "the brackets belong around {}", (twin.left,))


def _einsum(site: Site, scene: Scene) -> Proposals:
    """Turn round the letters of one matrix in an einsum, or of its result."""
    if not isinstance(site.node, ast.Call) or called(site.node) != "einsum" or not site.node.args:
        return
    text = site.node.args[0].value  # type: ignore[attr-defined]
    for letters in re.finditer(r"[a-zA-Z]{2,}", text):
        new = text[: letters.start()] + letters[0][::-1] + text[letters.end() :]
        call = _copy(site.node, args=[ast.Constant(new), *site.node.args[1:]])
        yield Proposal(call, f"the letters {letters[0]} of the einsum have to be {letters[0][::-1]}")


# --- sums ----------------------------------------------------------------------------------------------------------

_AXES = (1, 0, None)


def _sum_missing(site: Site, scene: Scene) -> Proposals:
    """Sum a part over its columns, its rows or all of it."""
    shape = scene.shape_of(site.node)
    if not shape or _is_product_part(site):
        return
    for axis in _AXES if len(shape) == 2 else (None,):
        where = {1: "over the columns", 0: "over the rows", None: "over all entries"}[axis]
        options = {} if axis is None else {"axis": axis, "keepdims": True}
        yield Proposal(_method_call(site.node, "sum", **options), f"the sum of {{}} {where} is missing", (site.node,))


def _sum_extra(site: Site, scene: Scene) -> Proposals:
    """Take a sum or a mean away."""
    if called(site.node) in ("sum", "mean") and (inner := _argument(site.node)) is not None:
        yield Proposal(inner, f"the {called(site.node)} of {{}} is one too many", (inner,))


def _sum_otherwise(site: Site, scene: Scene) -> Proposals:
    """Sum over another axis, or keep the axis that is summed over, or let it go."""
    name = called(site.node)
    if name not in ("sum", "mean", "max", "min") or _argument(site.node) is None:
        return
    assert isinstance(site.node, ast.Call)
    axis, keep = _sum_options(site.node)
    for new_axis in (axis, *(other for other in _AXES if other != axis)):
        for new_keep in (True, False):
            if (new_axis, new_keep) != (axis, keep):
                new = _with_options(site.node, new_axis, new_keep)
                yield Proposal(new, _options_text(name, axis != new_axis, new_axis, new_keep, keep))


def _sum_options(call: ast.Call) -> tuple[Any, bool]:
    given = {keyword.arg: _literal(keyword.value) for keyword in call.keywords}
    places = call.args if is_method(call) else call.args[1:]
    axis = _literal(places[0]) if places else given.get("axis")
    return axis, bool(given.get("keepdims"))


def _literal(node: ast.expr) -> Any:
    """What is written out, such as -1 or (0, 1); where it is computed, the expression itself."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return node


def _with_options(call: ast.Call, axis: Any, keep: bool) -> ast.expr:
    keywords = _keywords({"axis": axis, "keepdims": keep or None})
    return _copy(call, args=[] if is_method(call) else call.args[:1], keywords=keywords)


def _keywords(options: Mapping[str, Any]) -> list[ast.keyword]:
    """Facts of a call, without those that are None."""
    facts = {key: value for key, value in options.items() if value is not None}
    return [ast.keyword(k, v if isinstance(v, ast.expr) else ast.Constant(v)) for k, v in facts.items()]


_RUNS_OVER = {1: "the columns, axis=1", 0: "the rows, axis=0", None: "all entries, without an axis"}


def _options_text(name: str, other_axis: bool, axis: Any, keep: bool, kept: bool) -> str:
    if not other_axis:
        return "keepdims=True is missing" if keep else "keepdims=True is one too many"
    keepdims = "" if keep == kept else ", with keepdims=True" if keep else ", without keepdims"
    return f"the {name} has to run over {_RUNS_OVER[axis]}{keepdims}"


def _sum_for_mean(site: Site, scene: Scene) -> Proposals:
    """Put a mean for a sum or a sum for a mean."""
    name = called(site.node)
    if name not in ("sum", "mean"):
        return
    assert isinstance(site.node, ast.Call)
    other = "mean" if name == "sum" else "sum"
    function = site.node.func
    new = named(other) if isinstance(function, ast.Name) else _copy(function, attr=other)
    yield Proposal(_copy(site.node, func=new), f"{name} should be {other}")


# --- factors and terms ---------------------------------------------------------------------------------------------


def _one_minus(node: ast.expr) -> ast.expr:
    return binary(ast.Constant(1), "-", node)


def _factors(name: str, scene: Scene) -> list[tuple[ast.expr, float]]:
    """What the slopes of the usual functions look like, written with the name of a value; the commonest first."""
    x = named(name)
    if name in scene.whole:  # a label is no activation; for 0 and 1 the factor y (1 - y) would only hide a term
        return [(x, 0.0)]
    functions = [ast.Call(ast.Attribute(named("np"), f, _LOAD), [x], []) for f in ("cos", "sin", "exp", "sign")]
    positive = ast.Compare(x, [ast.Gt()], [ast.Constant(0)])
    return [
        (x, 0.0),
        (_one_minus(x), 0.0),
        (binary(x, "*", _one_minus(x)), 0.0),
        (_one_minus(binary(x, "**", ast.Constant(2))), 0.2),
        (positive, 0.2),
        *((function, 0.6) for function in functions),
    ]


def _fitting(names: Sequence[str], shape: Shape, scene: Scene) -> list[tuple[int, str]]:
    """Names whose values multiply a part without changing its shape, with the place of each in the list."""
    return [(k, name) for k, name in enumerate(names) if _fits(scene.shapes.get(name), shape)]


def _fits(small: Shape | None, large: Shape) -> bool:
    """Whether a shape broadcasts into another one."""
    if small is None or len(small) > len(large):
        return False
    return all(a in (1, b) for a, b in zip(reversed(small), reversed(large), strict=False))


def _factor_missing(site: Site, scene: Scene) -> Proposals:
    """Multiply a part by a value near it, by 1 minus it, by the slope of an activation, or by an earlier gradient."""
    shape = None if _is_product_part(site) or _is_number(site.node) else scene.shape_of(site.node)
    if shape is None:
        return
    for place, name in _fitting(scene.values, shape, scene):
        for factor, extra in _factors(name, scene):
            new = binary(site.node, "*", factor)
            yield Proposal(new, "the factor {} is missing", (factor,), extra + 0.01 * place)
    for place, name in _fitting(scene.gradients, shape, scene):
        new = binary(site.node, "*", named(name))
        yield Proposal(new, "the factor {} is missing", (named(name),), 0.2 + 0.01 * place)


def _divisor_missing(site: Site, scene: Scene) -> Proposals:
    """Divide a part by a value near it, by 1 minus it, or by twice it."""
    shape = None if _is_product_part(site) or _is_number(site.node) else scene.shape_of(site.node)
    if shape is None:
        return
    for place, name in _fitting(scene.values, shape, scene):
        x = named(name)
        slope = binary(x, "*", _one_minus(x))
        for divisor in (x,) if name in scene.whole else (x, _one_minus(x), slope, binary(x, "**", ast.Constant(2))):
            yield Proposal(binary(site.node, "/", divisor), "the division by {} is missing", (divisor,), 0.01 * place)


def _factor_extra(site: Site, scene: Scene) -> Proposals:
    """Take a factor or a divisor away."""
    found = operands(site.node)
    if found is None or found[0] not in "*/@":
        return
    sign, a, b = found
    name = {"*": "the factor {}", "/": "the division by {}", "@": "the product with {}"}[sign]
    yield Proposal(a, f"{name} is one too many", (b,), 0.5 * (sign == "@"))
    if sign == "*" and (before := operands(a)) is not None and before[0] == "*":
        yield Proposal(before[1], "the factors {} and {} are too many", (before[2], b), 0.1)
    if sign == "/":
        yield Proposal(binary(ast.Constant(1), "/", b), "the factor {} is one too many", (a,), 0.3)
    else:
        yield Proposal(b, f"{name} is one too many", (a,), 0.5 * (sign == "@"))


def _one_minus_missing(site: Site, scene: Scene) -> Proposals:
    """Put 1 - x for x."""
    if not _is_number(site.node):
        new = _one_minus(site.node)
        yield Proposal(new, "{} should be {}", (site.node, new))


def _one_minus_extra(site: Site, scene: Scene) -> Proposals:
    """Put x, or x - 1, or 1 + x for 1 - x."""
    found = operands(site.node)
    if found is None or found[0] not in "+-" or not _is_number(found[1]):
        return
    one, x = found[1], found[2]
    yield Proposal(x, "{} should be {}", (site.node, x))
    other = binary(one, "+" if found[0] == "-" else "-", x)
    yield Proposal(other, "{} should be {}", (site.node, other))


def _term_extra(site: Site, scene: Scene) -> Proposals:
    """Take one term of a sum or a difference away."""
    found = operands(site.node)
    if found is None or found[0] not in "+-":
        return
    sign, a, b = found
    yield Proposal(a, "the term {} is one too many", (b,))
    yield Proposal(b if sign == "+" else negative(b), "the term {} is one too many", (a,))


def _term_missing(site: Site, scene: Scene) -> Proposals:
    """Add or subtract what a value near a part, or an earlier gradient, contributes."""
    shape = scene.shape_of(site.node)
    outer = operands(site.parent) if site.parent is not None else None
    if shape is None or (outer is not None and outer[0] in "+-") or _is_number(site.node):
        return
    for term, extra in _terms(shape, scene):
        yield Proposal(binary(site.node, "+", term), "the term {} is missing", (term,), extra)
        yield Proposal(binary(site.node, "-", term), "the term -{} is missing", (term,), extra + 0.1)


def _terms(shape: Shape, scene: Scene) -> Iterator[tuple[ast.expr, float]]:
    for place, name in _fitting((*scene.values, *scene.gradients), shape, scene):
        yield named(name), 0.01 * place
    for place, gradient in enumerate(scene.gradients):
        for far, value in enumerate(scene.values):
            for term, made in _contributions(gradient, value, scene):
                if made == shape:
                    yield term, 0.2 + 0.01 * (place + far)


def _contributions(gradient: str, value: str, scene: Scene) -> Iterator[tuple[ast.expr, Shape]]:
    """What a product node sends back: grad * x, grad @ xᵀ and xᵀ @ grad, each with the shape that it has."""
    g, x = scene.shapes.get(gradient), scene.shapes.get(value)
    if g is None or x is None:
        return
    if _fits(x, g):
        yield binary(named(gradient), "*", named(value)), g
        yield binary(named(gradient), "/", named(value)), g
    if len(g) == len(x) == 2:
        if g[1] == x[1]:
            yield binary(named(gradient), "@", transposed(named(value))), (g[0], x[0])
        if x[0] == g[0]:
            yield binary(transposed(named(value)), "@", named(gradient)), (x[1], g[1])


# --- signs, operators, numbers -------------------------------------------------------------------------------------


def _sign(site: Site, scene: Scene) -> Proposals:
    """Put a minus in front of a part, take one away, or turn + into - and - into +."""
    found = operands(site.node)
    if found is not None and found[0] in "+-":
        sign, a, b = found
        other = "-" if sign == "+" else "+"
        yield Proposal(binary(a, other, b), f"{sign} should be {other} in front of {{}}", (b,))
    if _is_negative(site.node):
        inner = site.node.operand  # type: ignore[attr-defined]
        yield Proposal(inner, "the minus in front of {} is one too many", (inner,))
    elif not _is_number(site.node) and not _is_product_part(site):
        yield Proposal(negative(site.node), "the sign is wrong: {} needs a minus", (site.node,))


def _operator(site: Site, scene: Scene) -> Proposals:
    """Put another operator between two operands: / for *, + for *, and so on."""
    found = operands(site.node)
    if found is None:
        return
    sign, a, b = found
    for other in "*/+-":
        if other != sign and {sign, other} not in ({"+", "-"}, {"*", "@"}):
            yield Proposal(
                binary(a, other, b),
                f"{sign} should be {other} between {{}} and {{}}",
                (a, b),
                0.0 if {sign, other} == {"*", "/"} else 0.4,
            )


_LARGEST_MISTAKEN = 1e6  # nobody is wrong by one about a larger number, and it may have no square


def _number_wrong(site: Site, scene: Scene) -> Proposals:
    """Put another number for a number, or the number of columns."""
    if not _is_number(site.node):
        return
    given = site.node.value  # type: ignore[attr-defined]
    if abs(given) > _LARGEST_MISTAKEN:
        return
    for value in dict.fromkeys((given + 1, given - 1, -given, 2 * given, given / 2, given**2)):
        if value != given:
            new = number(value)
            yield Proposal(new, f"the number {given} should be {{}}", (new,))
    if scene.batch is not None:
        yield Proposal(named(scene.batch), f"the number {given} should be {scene.batch}", (), 0.2)


def _constant_factor(site: Site, scene: Scene) -> Proposals:
    """Multiply or divide a part by 2 or 3."""
    if not _is_number(site.node) and not _is_product_part(site):
        for value in (2, 3):
            yield Proposal(binary(number(value), "*", site.node), f"the factor {value} is missing")
            yield Proposal(binary(site.node, "/", number(value)), f"the division by {value} is missing")


def _power(site: Site, scene: Scene) -> Proposals:
    """Raise a power by 1, lower it by 1, take it away, or square a part."""
    found = operands(site.node)
    if found is not None and found[0] == "**" and _is_number(found[2]):
        base, exponent = found[1], found[2].value  # type: ignore[attr-defined]
        yield Proposal(base, "the power of {} is one too many", (base,))
        for other in (exponent - 1, exponent + 1):
            yield Proposal(binary(base, "**", number(other)), f"the power {exponent} should be {other}")
    elif not _is_number(site.node):
        yield Proposal(binary(site.node, "**", ast.Constant(2)), "{} has to be squared", (site.node,))
        yield Proposal(
            binary(site.node, "**", ast.Constant(3)), "{} has to stand to the third power", (site.node,), 0.3
        )


_COMPARISONS: dict[type[ast.cmpop], str] = {ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<=", ast.Eq: "=="}


def _comparison(site: Site, scene: Scene) -> Proposals:
    """Turn a comparison round."""
    if not isinstance(site.node, ast.Compare) or len(site.node.ops) != 1:
        return
    given = type(site.node.ops[0])
    for other, sign in _COMPARISONS.items():
        if given in _COMPARISONS and other is not given:
            same_way = sign[0] == _COMPARISONS[given][0]
            extra = 0.1 * same_way + 0.2 * (other is ast.Eq)
            yield Proposal(_copy(site.node, ops=[other()]), f"{_COMPARISONS[given]} should be {sign}", (), extra)


_FUNCTIONS = ("exp", "log", "tanh", "sin", "cos", "sqrt", "abs", "sign", "square")


def _function(site: Site, scene: Scene) -> Proposals:
    """Call another function, none at all, or swap the two cases of np.where."""
    if not isinstance(site.node, ast.Call) or is_method(site.node):
        return
    name, arguments = called(site.node), site.node.args
    if name == "where" and len(arguments) == 3:
        yield Proposal(
            _copy(site.node, args=[arguments[0], arguments[2], arguments[1]]), "the cases of np.where are swapped"
        )
    elif len(arguments) == 1 and not site.node.keywords and name in (*_FUNCTIONS, "sigmoid"):
        yield Proposal(arguments[0], f"{name} is one too many", (), 0.2)
        for other in _FUNCTIONS:
            if other != name:
                function = ast.Attribute(named("np"), other, _LOAD)
                yield Proposal(_copy(site.node, func=function), f"{name} should be {other}")
        if name != "sigmoid":
            yield Proposal(_copy(site.node, func=named("sigmoid")), f"{name} should be sigmoid")


def _function_missing(site: Site, scene: Scene) -> Proposals:
    """Apply an elementary function to a name."""
    if isinstance(site.node, ast.Name):
        for name in ("exp", "log", "sin", "cos", "tanh", "sqrt", "sign"):
            new = ast.Call(ast.Attribute(named("np"), name, _LOAD), [site.node], [])
            yield Proposal(new, "{} should be {}", (site.node, new))
        activated = ast.Call(named("sigmoid"), [site.node], [])
        yield Proposal(activated, "{} should be {}", (site.node, activated), 0.1)


# --- names ---------------------------------------------------------------------------------------------------------


def shifted(name: str, step: int) -> str | None:
    """The same name one layer on: A2 for A1 and a step of 1; None for a name that does not end in a number.

    >>> shifted("dA1", 1), shifted("Y", 1), shifted("A0", -1)
    ('dA2', None, None)
    """
    found = re.fullmatch(r"(.*?)(\d+)", name)
    if found is None or int(found[2]) + step < 0:
        return None
    return f"{found[1]}{int(found[2]) + step}"


def _name_of_neighbor(site: Site, scene: Scene) -> Proposals:
    """Put the name of the layer before or behind."""
    if isinstance(site.node, ast.Name):
        for step in (-1, 1):
            other = shifted(site.node.id, step)
            if other is not None and _allowed(other, scene):
                yield Proposal(named(other), f"{site.node.id} should be {other}: the neighboring layer")


def _allowed(name: str, scene: Scene) -> bool:
    return name in scene.values or name in scene.gradients


def _value_for_gradient(site: Site, scene: Scene) -> Proposals:
    """Put a gradient for the value, or a value for its gradient."""
    if isinstance(site.node, ast.Name):
        name = site.node.id
        for other in (f"d{name}", *([name[1:]] if name.startswith("d") else [])):
            if _allowed(other, scene):
                kind = "the gradient" if other in scene.gradients else "the value"
                yield Proposal(named(other), f"{name} should be {other}, {kind}")


def _name_of_same_layer(site: Site, scene: Scene) -> Proposals:
    """Put another name of the same layer: Z2 for A2."""
    if isinstance(site.node, ast.Name) and (layer := _layer(site.node.id)):
        gradient = site.node.id in scene.gradients
        for other in scene.gradients if gradient else scene.values:
            if other != site.node.id and _layer(other) == layer:
                yield Proposal(named(other), f"{site.node.id} should be {other}")


def _layer(name: str) -> str:
    """The number at the end of a name, as it is written."""
    found = re.search(r"\d+$", name)
    return found[0] if found else ""


def _other_name(site: Site, scene: Scene) -> Proposals:
    """Put another name that is near."""
    if isinstance(site.node, ast.Name):
        for place, other in enumerate((*scene.values, *scene.gradients)):
            if other != site.node.id:
                yield Proposal(named(other), f"{site.node.id} should be {other}", (), 0.02 * place)


def _batch_for_other(site: Site, scene: Scene) -> Proposals:
    """Put the number of columns for another size of an array."""
    if scene.batch is not None and _is_size(site.node, scene):
        yield Proposal(named(scene.batch), f"{{}} should be {scene.batch}, the number of columns", (site.node,), 0.2)


def _is_size(node: ast.expr, scene: Scene) -> bool:
    """Whether an expression may be meant as the number of columns, and is not called so."""
    if isinstance(node, ast.Name):
        return node.id != scene.batch and scene.shapes.get(node.id) == ()
    return isinstance(node, ast.Subscript) or called(node) in ("len", "size")


def _name_everywhere(site: Site, scene: Scene) -> Proposals:
    """Put another name wherever a name occurs more than once."""
    names = [part.node.id for part in sites(site.node) if isinstance(part.node, ast.Name)]
    for name in dict.fromkeys(names):
        for place, other in enumerate((*scene.values, *scene.gradients) if names.count(name) > 1 else ()):
            if other != name:
                new = renamed(site.node, {name: other})
                yield Proposal(new, f"{name} should be {other}, wherever it stands", (), 0.02 * place)


def _layer_shifted(site: Site, scene: Scene) -> Proposals:
    """Move all names to the layer before or behind."""
    names = {part.node.id for part in sites(site.node) if isinstance(part.node, ast.Name)}
    for step in (-1, 1):
        table = {name: other for name in names if (other := shifted(name, step)) and _allowed(other, scene)}
        if len(table) > 1:
            yield Proposal(renamed(site.node, table), "this is the formula of the neighboring layer")


def renamed(tree: ast.expr, table: Mapping[str, str]) -> ast.expr:
    """The expression with other names in it."""
    return substituted(tree, {old: named(new) for old, new in table.items()})


def substituted(tree: ast.expr, table: Mapping[str, ast.expr]) -> ast.expr:
    """The expression with other expressions in the place of names, wherever a value stands."""
    for site in sites(tree):
        if isinstance(site.node, ast.Name) and site.node.id in table:
            tree = replaced(tree, site.path, table[site.node.id])
    return tree


# --- the number of columns -----------------------------------------------------------------------------------------


def _division_missing(site: Site, scene: Scene) -> Proposals:
    """Divide a part by the number of columns, or take it away as a factor."""
    found = operands(site.node)
    if found is not None and found[0] == "*":
        for batch, kept in ((found[1], found[2]), (found[2], found[1])):
            if _is_batch(batch, scene):
                yield Proposal(kept, "the factor {} is one too many", (batch,))
    if scene.batch is not None and not _is_product_part(site) and not _is_number(site.node):
        new = binary(site.node, "/", named(scene.batch))
        yield Proposal(new, f"1/{scene.batch} is missing", (), 0.1 * bool(site.path))


def _division_extra(site: Site, scene: Scene) -> Proposals:
    """Multiply a part by the number of columns, or take a division by it away."""
    if scene.batch is None:
        return
    found = operands(site.node)
    if found is not None and found[0] == "/" and _is_batch(found[2], scene):
        yield Proposal(found[1], "the division by {} is one too many", (found[2],))
    elif found is not None and found[0] == "*" and any(_is_reciprocal(part, scene) for part in found[1:]):
        taken, kept = found[1:] if _is_reciprocal(found[1], scene) else found[:0:-1]
        yield Proposal(kept, "the factor {} is one too many", (taken,))
    elif not site.path:
        new = binary(site.node, "*", named(scene.batch))
        yield Proposal(new, f"it is {scene.batch} times too small", (), 0.2)


def _is_batch(node: ast.expr, scene: Scene) -> bool:
    """Whether an expression is the number of columns, by name or as the size of an array."""
    return (isinstance(node, ast.Name) and node.id == scene.batch) or isinstance(node, ast.Subscript)


def _is_reciprocal(node: ast.expr, scene: Scene) -> bool:
    found = operands(node)
    return found is not None and found[0] == "/" and _is_number(found[1]) and _is_batch(found[2], scene)


def _division_misplaced(site: Site, scene: Scene) -> Proposals:
    """Move the division by the number of columns from a part to the whole."""
    if scene.batch is None:
        return
    for part in sites(site.node)[1:]:
        for proposal in _division_extra(part, scene):
            whole = binary(replaced(site.node, part.path, proposal.node), "/", named(scene.batch))
            yield Proposal(whole, f"the division by {scene.batch} belongs around the whole")


# --- the catalog ---------------------------------------------------------------------------------------------------

REPAIRS: tuple[Repair, ...] = (
    Repair("transpose missing", 1.0, _transpose_missing),
    Repair("transpose extra", 1.0, _transpose_extra),
    Repair("operands swapped", 1.1, _operands_swapped),
    Repair("* for @, @ for *", 1.1, _product_of_other_kind),
    Repair("brackets", 1.05, _brackets),
    Repair("einsum letters", 1.2, _einsum),
    Repair("sum missing", 1.1, _sum_missing),
    Repair("sum extra", 1.2, _sum_extra),
    Repair("axis or keepdims", 1.0, _sum_otherwise),
    Repair("sum for mean", 1.1, _sum_for_mean),
    Repair("factor missing", 1.3, _factor_missing),
    Repair("divisor missing", 1.5, _divisor_missing),
    Repair("factor extra", 1.3, _factor_extra),
    Repair("1 - missing", 1.05, _one_minus_missing),
    Repair("1 - extra", 1.2, _one_minus_extra),
    Repair("term extra", 1.4, _term_extra),
    Repair("term missing", 1.5, _term_missing),
    Repair("sign", 1.1, _sign),
    Repair("operator", 1.2, _operator),
    Repair("number", 1.4, _number_wrong),
    Repair("constant factor", 1.4, _constant_factor),
    Repair("power", 1.25, _power),
    Repair("comparison", 1.0, _comparison),
    Repair("function", 1.4, _function),
    Repair("function missing", 1.7, _function_missing),
    Repair("neighboring layer", 1.0, _name_of_neighbor),
    Repair("value for gradient", 1.0, _value_for_gradient),
    Repair("name of the same layer", 1.1, _name_of_same_layer),
    Repair("other name", 1.5, _other_name),
    Repair("size of the wrong axis", 1.2, _batch_for_other),
    Repair("1/m missing", 1.0, _division_missing),
    Repair("1/m extra", 1.0, _division_extra),
    Repair("1/m misplaced", 1.3, _division_misplaced, whole=True),
    Repair("name everywhere", 1.3, _name_everywhere, whole=True),
    Repair("layer shifted", 1.2, _layer_shifted, whole=True),
)
"""All repairs. The costs only order explanations that are all right: the more usual mistake is named first."""
