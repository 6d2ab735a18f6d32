"""Functions of single numbers in a form that a compiler turns into vector instructions.

A compiled loop computes several columns with one instruction as long as nothing in it is a call into the C library or a
branch. So exp, log and what follows from them are written here with arithmetic and choices between two numbers alone.
Their polynomials are the power series themselves, taken to where the next term is below half a unit in the last place.
``tests/plan/test_loop.py`` holds them to mpmath over the whole range.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, TypeVar, final

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from chainrule.symbols import normal

_Function = TypeVar("_Function", bound=Callable[..., Any])
Functions = dict[str, Callable[..., Any]]


def _exact(function: _Function) -> _Function:
    """Compiled as it is written, every operation rounded."""
    return njit(nogil=True, error_model="numpy", forceinline=True)(function)  # type: ignore[return-value]  # called like the function


def _fusing(function: _Function) -> _Function:
    """Compiled so that x y + z may be rounded once, which no polynomial minds."""
    return njit(nogil=True, error_model="numpy", fastmath={"contract"}, forceinline=True)(function)  # type: ignore[return-value]  # as above


def _in_any_order(function: _Function) -> _Function:
    """Compiled so that sums may be taken in another order: several columns are added at once."""
    options = {"reassoc", "nsz", "contract"}
    return njit(nogil=True, error_model="numpy", fastmath=options)(function)  # type: ignore[return-value]  # as above


@final
class _Kind:
    """Numbers of 64 or 32 bits, and the constants that depend on that."""

    mantissa: Any  # numbers of NumPy, whose type the compiler takes over
    bias: Any
    zero: Any
    half: Any
    one: Any
    two: Any
    infinity: Any
    tiny: Any

    def __init__(self, bits: int) -> None:
        self.real: Any = {64: np.float64, 32: np.float32}[bits]
        self.whole: Any = {64: np.int64, 32: np.int32}[bits]
        facts: Any = np.finfo(self.real)
        self.mantissa, self.bias = self.whole(facts.nmant), self.whole(facts.maxexp - 1)
        self.zero, self.half, self.one, self.two = map(self.real, (0, 0.5, 1, 2))
        self.infinity, self.tiny = self.real(np.inf), facts.tiny
        real_type, whole_type = {64: (types.float64, types.int64), 32: (types.float32, types.int32)}[bits]
        self.as_whole = _bitcast(real_type, whole_type, ir.IntType(bits))
        self.as_real = _bitcast(whole_type, real_type, ir.DoubleType() if bits == 64 else ir.FloatType())

    def bits(self, number: Any) -> Any:
        """The bits of a number as a whole number."""
        return self.whole(np.array(number, self.real).view(self.whole))


def _bitcast(source: Any, target: Any, made: Any) -> Any:
    """A function that reads the bits of one type as another."""

    @intrinsic
    def cast(context: Any, x: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], made)

        return target(source), generate

    return cast


def _series(coefficients: tuple[Any, ...]) -> Callable[..., Any]:
    """c₀ + x (c₁ + x (c₂ + …)), as one straight line of multiplications and additions."""
    names = [f"c{k}" for k in range(len(coefficients))]
    text = names[-1]
    for name in reversed(names[:-1]):
        text = f"{name} + x * ({text})"
    namespace: dict[str, Any] = dict(zip(names, coefficients, strict=True))
    exec(f"def polynomial(x):\n    return {text}\n", namespace)
    polynomial: Callable[..., Any] = namespace["polynomial"]
    return _fusing(polynomial)


def _ln2_parts(kind: _Kind) -> tuple[Any, Any]:
    """ln 2 as a sum of two numbers; the first has so few digits that its product with any exponent is exact."""
    digits = 32 if kind.real is np.float64 else 15
    first = math.ldexp(round(math.ldexp(math.log(2), digits)), -digits)
    return kind.real(first), kind.real((math.log(2) - first) + 2.3190468138462996e-17)  # what the double ln 2 lacks


def _exponentials(kind: _Kind) -> Functions:
    """exp, exp(x) - 1, tanh: with x = n ln 2 + r, exp(x) = 2ⁿ exp(r)."""
    real, whole, mantissa, bias = kind.real, kind.whole, kind.mantissa, kind.bias
    zero, half, one, two = kind.zero, kind.half, kind.one, kind.two
    as_whole, as_real = kind.as_whole, kind.as_real
    ln2, ln2_rest = _ln2_parts(kind)
    per_ln2 = real(1 / math.log(2))
    # 1.5 · 2^mantissa: adding it rounds to a whole number, whose bits are then the last ones of the sum.
    shifter = real(1.5 * 2.0**mantissa)
    shifter_bits = kind.bits(shifter)
    highest, lowest = real((bias + 1) * math.log(2) + 1), real((-bias - mantissa - 1) * math.log(2))
    # exp(x) - 1 rounds to -1 below, tanh(x) to 1 above
    all_lost, saturated = real(-2 * mantissa), real(22 if real is np.float64 else 10)
    # exp(r) - 1 - r = r² (1/2! + r/3! + …) for |r| ≤ ln(2)/2
    polynomial = _series(tuple(real(1 / math.factorial(k)) for k in range(2, 14 if real is np.float64 else 8)))

    @_exact
    def power_of_two(k: Any) -> Any:
        return as_real((k + bias) << mantissa)

    @_fusing
    def reduced(x: Any) -> Any:
        """n and exp(r) - 1."""
        shifted = x * per_ln2 + shifter
        n = shifted - shifter
        r = (x - n * ln2) - n * ln2_rest
        return as_whole(shifted) - shifter_bits, r + r * r * polynomial(r)

    @_exact
    def exp(x: Any) -> Any:
        x = highest if x > highest else x
        x = lowest if x < lowest else x
        n, rest = reduced(x)
        first = n >> whole(1)  # in two steps, since 2ⁿ may be no normal number
        return (one + rest) * power_of_two(first) * power_of_two(n - first)

    @_exact
    def expm1(x: Any) -> Any:
        x = highest if x > highest else x
        x = all_lost if x < all_lost else x
        n, rest = reduced(x)
        halved = power_of_two(n - whole(1))
        return ((halved - half) + halved * rest) * two if x != zero else x

    @_exact
    def tanh(x: Any) -> Any:
        size = abs(x)
        grown = expm1(two * (saturated if size > saturated else size))
        return math.copysign(grown / (grown + two), x)

    return {"exp": exp, "expm1": expm1, "tanh": tanh}


def _logarithms(kind: _Kind) -> Functions:
    """log and log1p: with x = 2ᵏ (1 + d) and s = d / (2 + d), log(1 + d) = log((1 + s) / (1 - s))."""
    real, mantissa, whole = kind.real, kind.mantissa, kind.whole
    zero, half, one, two, infinity, tiny = kind.zero, kind.half, kind.one, kind.two, kind.infinity, kind.tiny
    as_whole, as_real = kind.as_whole, kind.as_real
    ln2, ln2_rest = _ln2_parts(kind)
    root_half_bits = kind.bits(math.sqrt(0.5))
    scale_up, scale_up_bits, nan = real(2.0 ** (mantissa + 2)), whole(mantissa + 2), real(np.nan)
    # 2 s + s (2/3 s² + 2/5 s⁴ + …) for |s| ≤ 3 - √8
    polynomial = _series(tuple(real(2 / k) for k in range(3, 23 if real is np.float64 else 11, 2)))

    @_fusing
    def log_of_normal(x: Any, added: Any) -> Any:
        """log(x) + added, for a small addition (what rounding took from x)."""
        small = x < tiny
        x = x * scale_up if small else x
        at = as_whole(x)
        k = (at - root_half_bits) >> mantissa
        d = as_real(at - (k << mantissa)) - one  # between √½ - 1 and √2 - 1, exactly
        k = k - scale_up_bits if small else k
        s = d / (two + d)
        square = half * d * d
        rest = s * s * polynomial(s * s)
        n = real(k)
        return n * ln2 - ((square - (s * (square + rest) + (n * ln2_rest + added))) - d)

    @_exact
    def ends_of_log(x: Any, inside: Any) -> Any:
        """The logarithm where it is no number: -inf at 0, NaN below and for NaN, inf at inf."""
        inside = x if x == infinity else inside
        inside = -infinity if x == zero else inside
        return inside if x >= zero else nan

    @_exact
    def log(x: Any) -> Any:
        return ends_of_log(x, log_of_normal(x, zero))

    @_exact
    def log1p(x: Any) -> Any:
        u = one + x
        lost = (one - (u - x)) if x > one else (x - (u - one))
        inside = ends_of_log(u, log_of_normal(u, lost / u))
        return x if u == one else inside

    @_exact
    def xlogy(x: Any, y: Any) -> Any:
        inside = x * log(y)
        return x if x == zero else inside

    @_exact
    def xlog1m(x: Any, y: Any) -> Any:
        inside = x * log1p(-y)
        return x if x == zero else inside

    return {"log": log, "log1p": log1p, "xlogy": xlogy, "xlog1m": xlog1m}


def _choices(kind: _Kind) -> Functions:
    """Functions that choose between numbers; NaN on either side is the answer, as in NumPy."""
    zero, one, infinity = kind.zero, kind.one, kind.infinity

    @_exact
    def maximum(x: Any, y: Any) -> Any:
        larger = x if x > y else y
        return x if x != x else larger

    @_exact
    def minimum(x: Any, y: Any) -> Any:
        smaller = x if x < y else y
        return x if x != x else smaller

    @_exact
    def clip(x: Any, low: Any, high: Any) -> Any:
        return minimum(maximum(x, low), high)

    @_exact
    def isfinite(x: Any) -> Any:
        return abs(x) < infinity

    @_exact
    def isnan(x: Any) -> Any:
        return x != x

    @_exact
    def finite_or_zero(x: Any) -> Any:
        return x if abs(x) < infinity else zero

    @_exact
    def number(x: Any) -> Any:
        return one if x else zero

    @_exact
    def sign(x: Any) -> Any:
        signed = one if x > zero else (-one if x < zero else zero)
        return x if x != x else signed

    chosen = (maximum, minimum, clip, isfinite, isnan, finite_or_zero, number, sign)
    return {function.__name__: function for function in chosen}


def _order(kind: _Kind) -> Functions:
    """The largest entry of a row; a NaN may be passed over.

    Compilers compare whole numbers 8 at a time, but numbers one by one, because of NaN: half a million float32 take
    0.09 ms as whole numbers, 0.60 as they are.
    """
    sign, rest = kind.whole(np.iinfo(kind.whole).bits - 1), kind.whole(np.iinfo(kind.whole).max)
    as_whole, as_real = kind.as_whole, kind.as_real

    @_exact
    def in_order(bits: Any) -> Any:
        """Bits of numbers as whole numbers that have the order of the numbers; and back."""
        return bits ^ ((bits >> sign) & rest)

    @_exact
    def largest(x: Any) -> Any:
        found = in_order(as_whole(x[0]))
        for k in range(x.size):
            whole = in_order(as_whole(x[k]))
            found = whole if whole > found else found
        return as_real(in_order(found))

    return {"largest": largest}


def _quotients_and_powers(kind: _Kind) -> Functions:
    """x / y and y x**(y - 1) with the limits that the rules give them, and what the C library computes."""
    real, zero, one = kind.real, kind.zero, kind.one

    @_exact
    def ratio(x: Any, y: Any) -> Any:
        inside = x / y
        return x if x == zero else inside

    @_exact
    def power(x: Any, y: Any) -> Any:
        return real(x**y)

    @_exact
    def power_slope(x: Any, y: Any) -> Any:
        inside = real(y * x ** (y - one))
        return zero if y == zero else inside

    return {"ratio": ratio, "power": power, "power_slope": power_slope}


def _normal(kind: _Kind) -> Functions:
    """The normal distribution and the error function, as ``chainrule.symbols.normal`` has them for arrays."""
    real, zero, half, one, two = kind.real, kind.zero, kind.half, kind.one, kind.two
    double, exp = real is np.float64, _exponentials(kind)["exp"]
    middle, farthest, near, root_two = map(real, (normal.MIDDLE, normal.FARTHEST, normal.NEAR, math.sqrt(2)))
    halves = real(normal.halves(real))
    polynomial = _series(tuple(map(real, normal.SERIES if double else normal.SINGLE_SERIES)))
    near_polynomial = _series(tuple(map(real, normal.near_series(real))))

    @_exact
    def exp_of_square(x: Any, scale: Any) -> Any:
        spread = x * halves
        upper = spread - (spread - x)
        square, rest = upper * upper, (x + upper) * (x - upper)
        whole = square + rest
        rest += square - whole
        power = exp(-scale * whole)
        return power - power * (scale * rest)

    @_exact
    def tail(a: Any, x: Any, scale: Any) -> Any:
        return polynomial((a - middle) / (a + middle)) * exp_of_square(x, scale) / (one + a)

    @_exact
    def size_of(x: Any) -> Any:
        size = abs(x)
        return farthest if size > farthest else size

    @_exact
    def normal_cdf(x: Any) -> Any:
        size = size_of(x)
        below = tail(size, size, half)
        return one - below if x > zero else below

    @_exact
    def erf(x: Any) -> Any:
        size = size_of(x)
        inside = x * near_polynomial(x * x)
        far = math.copysign(one - two * tail(root_two * size, size, one), x)
        return inside if abs(x) <= near else far

    return {"normal_cdf": normal_cdf, "erf": erf}


def _sums() -> Functions:
    @_fusing
    def multiply_add(total: Any, x: Any, y: Any) -> Any:
        return total + x * y

    @_in_any_order
    def add_up(total: Any, x: Any) -> Any:
        return total + x

    @_in_any_order
    def add_up_product(total: Any, x: Any, y: Any) -> Any:
        return total + x * y

    return {"multiply_add": multiply_add, "add_up": add_up, "add_up_product": add_up_product}


def _functions(bits: int) -> Functions:
    kind = _Kind(bits)
    families = (_exponentials, _logarithms, _choices, _order, _quotients_and_powers, _normal)
    return {name: function for family in families for name, function in family(kind).items()} | _sums()


FUNCTIONS: Final[dict[str, Functions]] = {"float64": _functions(64), "float32": _functions(32)}
"""By the name of a dtype, its functions by name."""
