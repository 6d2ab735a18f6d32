"""What the script of a page reads: arrays, nodes, steps, and what lights up in the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np

from chainrule.core.run import BaseRun
from chainrule.drawing.wording import kind_of, shown_name
from chainrule.nodes.batch_of_graph import batch_name, examples_word
from chainrule.page.marked import Formulas
from chainrule.page.packed import Packing
from chainrule.page.picture import Picture
from chainrule.page.steps import Comparison, Step, shape_in_words


def data_of(run: BaseRun, formulas: Formulas, shown: Picture, steps: Sequence[Step]) -> dict[str, Any]:
    """All of it, ready for JSON."""
    return _Gathering(run, formulas, shown, steps).gathered()


@final
class _Gathering:
    def __init__(self, run: BaseRun, formulas: Formulas, shown: Picture, steps: Sequence[Step]) -> None:
        self.run, self.graph, self.formulas, self.steps = run, run.graph, formulas, steps
        self.places = shown.places
        self.opened = {k: parts for layer in shown.layers for k, parts in layer.parts.items()}
        self.arrays = Packing()
        self.comparisons: dict[tuple[int, str], tuple[int, dict[str, Any]]] = {}
        self.batch = batch_name(self.graph)
        self.forward = {step.node: at for at, step in enumerate(steps) if step.kind == "forward"}
        self.total = {step.node: at for at, step in enumerate(steps) if step.kind == "total"}

    def gathered(self) -> dict[str, Any]:
        """Nodes and steps first: they say which arrays there are."""
        nodes = [self._node(k) for k in range(len(self.graph))]
        steps = [self._step(step) for step in self.steps]
        constants = [self.arrays.place(array) for array in self.formulas.constants]
        return {
            "nodes": nodes,
            "steps": steps,
            "comparisons": [numbers for _, numbers in self.comparisons.values()],
            "constants": constants,
            "sizes": self.formulas.sizes,
            "examples": self._examples(),
            "known": self._known(),
            "arrays": self.arrays.packed(),
        }

    def _examples(self) -> dict[str, Any] | None:
        """How many examples can be followed, and what they are called where they stand."""
        count = self.formulas.sizes.get(self.batch or "", 0)
        word = examples_word(self.graph, self.batch).removesuffix("s")
        return {"count": count, "word": word} if count else None

    def _axis(self, k: int) -> int | None:
        """The axis of a node along which examples are counted."""
        shape = self.graph.order[k].shape or ()
        return next((axis for axis, size in enumerate(shape) if str(size) == self.batch), None)

    def _place(self, array: Any, k: int) -> int:
        return self.arrays.place(array, self._axis(k))

    def _node(self, k: int) -> dict[str, Any]:
        node = self.graph.order[k]
        found: dict[str, Any] = {
            "name": shown_name(self.graph.names[k]),
            "math": self.formulas.name(self.graph.names[k]),
            "kind": kind_of(node),
            "shape": shape_in_words(self.run, k),
            "value": self._place(self.run.values[node], k),
            "forward": self.forward[k],
        }
        if k in self.total:
            found["gradient"] = self._place(self.run.gradients[node], k)
            found["differential"] = self.formulas.name(self.graph.gradient_names[k])
            found["total"] = self.total[k]
        return found | {"at": self.places.boxes.get(k) or self.places.circles.get(k, "")}

    def _step(self, step: Step) -> dict[str, Any]:
        k = step.node
        found: dict[str, Any] = {
            "kind": step.kind,
            "node": k,
            "title": step.title,
            "words": step.words,
            "result": self._place(step.result, k),
            **self._lit(step),
        }
        if step.formula:
            found |= {"name": step.formula.name, "sign": step.formula.sign, "formula": step.formula.steps}
            found |= {"shapes": step.formula.shapes} if step.formula.shapes else {}
        if len(step.parts) > 1:
            found["parts"] = [self._place(part, k) for part in step.parts]
        if step.so_far is not None:
            found["soFar"] = self._place(np.asarray(step.so_far), k)
        return found | ({"compared": self._compared(step.compared, step.result.size)} if step.compared else {})

    def _compared(self, comparison: Comparison, size: int) -> int:
        """The number of a comparison: what a single use sent and the gradient share one."""
        key = id(comparison.found), comparison.said
        return self.comparisons.setdefault(key, (len(self.comparisons), _compared(comparison, size)))[0]

    # --- what lights up ----------------------------------------------------------------------------------------------

    def _lit(self, step: Step) -> dict[str, list[str]]:
        """What a step reads and writes in the picture."""
        k, places = step.node, self.places
        if step.kind == "forward":
            uses = [(k, place) for place in range(len(self.graph.sources[k]))]
            arrows = [places.forward.get(use) for use in uses]
            read = [*self._boxes(*self.graph.sources[k]), *arrows, *map(self._again, arrows)]
            return _ids(read, [*self._boxes(k), places.circles.get(k), *places.given.get(k, ())[:1]])
        if step.kind == "total":
            arrived = [
                places.backward.get((self.graph.position(use.consumer), use.position))
                for use in self.run.contributions(self.graph.order[k])
            ]
            return _ids(arrived, [*self._boxes(k), *map(self._again, arrived)])
        marks = step.formula.reads if step.formula else ()
        read = self._boxes(*(int(mark[1:]) for mark in marks if mark[0] != "c"))
        through = [places.circles.get(step.consumer), *places.given.get(step.consumer, ())[1:]]
        way = self._way(step)
        return _ids([*self._boxes(step.consumer), *through, *read], [*self._boxes(k), way, self._again(way)])

    def _again(self, arrow: str | None) -> str | None:
        """What stands for a value of another row at an arrow."""
        return self.places.again.get(arrow or "")

    def _way(self, step: Step) -> str | None:
        return self.places.backward.get((step.consumer, step.place))

    def _box(self, k: int) -> str | None:
        return self.places.boxes.get(k) or self.places.circles.get(k)

    def _boxes(self, *positions: int) -> list[str | None]:
        """The same for several, each followed by what stands for it in its layer when that is opened."""
        return [name for k in positions for name in (self._box(k), *self.opened.get(k, ()))]

    def _known(self) -> dict[str, list[int]]:
        """From which step on an element is known, by its id; behind it, where it has a gradient, the same of that."""
        places = self.places
        found: dict[str, list[int]] = {}
        for k in range(len(self.graph)):
            for name in filter(None, (places.boxes.get(k), places.circles.get(k), *places.given.get(k, ())[:1])):
                found.setdefault(name, []).append(self.forward[k])
            for name in places.given.get(k, ())[1:]:
                found.setdefault(name, []).append(self.total[k])
            for place in range(len(self.graph.sources[k])):
                if arrow := places.forward.get((k, place)):
                    found.setdefault(arrow, []).append(self.forward[k])
        for at, step in enumerate(self.steps):
            if step.kind == "contribution" and (arrow := self._way(step)):
                found.setdefault(arrow, []).append(at)
        first = {name: [min(known)] for name, known in found.items()}
        for k, at in self.total.items():
            if box := places.boxes.get(k):
                first[box] = [first[box][0], min([at, *first[box][1:]])]
        return first


def _ids(reads: Sequence[str | None], writes: Sequence[str | None]) -> dict[str, list[str]]:
    """Ids without repetition; what is written is not marked as read, too."""
    written = list(dict.fromkeys(filter(None, writes)))
    return {"reads": [name for name in dict.fromkeys(filter(None, reads)) if name not in written], "writes": written}


def _compared(comparison: Comparison, size: int) -> dict[str, Any]:
    """The numbers of numerical differentiation; null where there is none."""
    found = comparison.found
    slopes = [float(f"{slope:.7g}") if np.isfinite(slope) else None for slope in found.slopes]
    halves = {"halves": [float(f"{half:.4g}") for half in found.halves]} if found.halves.any() else {}
    entries = {} if len(slopes) == size else {"entries": found.entries.tolist()}
    return {"slopes": slopes, "said": comparison.said, "agrees": comparison.agrees, **entries, **halves}
