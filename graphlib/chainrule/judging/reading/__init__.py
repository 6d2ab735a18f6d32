r"""A learner's formula: read from NumPy text, Unicode or LaTeX, held to a whitelist, and computed without ``eval``.

>>> formula = parse("1./m * np.dot(dZ3, A2.T)")
>>> formula.text, sorted(formula.names)
('1.0 / m * np.dot(dZ3, A2.T)', ['A2', 'dZ3', 'm'])
>>> parse("dZ₃A₂ᵀ/m").text, parse(r"\frac{1}{m} dZ_3 A_2^T").text
('dZ3 @ A2.T / m', '1 / m * dZ3 @ A2.T')
>>> parse("__import__('os').system('rm -rf /')")
Traceback (most recent call last):
chainrule.errors.FormulaError: '.system' is no method that formulas have
  where: line 1, column 1
  try:   methods: all, any, argmax, argmin, astype, clip, copy, cumsum, dot, flatten, item, max, mean, min, prod, ...

The text becomes an expression of Python (``ast``). Every node of it must be on the list: values, numbers, operators,
comparisons, indices, ``.T`` and a few attributes, and the functions of ``vocabulary``. Length,
depth, powers and the size of every result are bounded, and a small interpreter computes it.
"""

from chainrule.judging.reading.forms import name_in
from chainrule.judging.reading.lines import parse_lines
from chainrule.judging.reading.parsing import parse
from chainrule.judging.reading.user_formula import UserFormula

__all__ = ["UserFormula", "name_in", "parse", "parse_lines"]
