"""The single changes of an expression that mend what people get wrong when they derive by hand.

A repair looks at one part of an expression and proposes what could stand in its place: a transpose more or less, the
other order of a product, a factor that is missing. It knows nothing of right and wrong, and nothing of networks: which
names there are, of which shapes, is told by its Surroundings. ``changes`` applies all repairs to all parts of an
expression.
"""

from chainrule.judging.repairs.catalog import REPAIRS, changes, changes_at
from chainrule.judging.repairs.change import Change, Repair, Surroundings

__all__ = ["REPAIRS", "Change", "Repair", "Surroundings", "changes", "changes_at"]
