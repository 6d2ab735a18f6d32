"""A graph put together as boxes, circles and arrows: the whole, one layer, or one box for each layer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import final

from chainrule.core.leaves import Constant, Leaf, Parameter
from chainrule.drawing.arrays import array_cell
from chainrule.drawing.caption import caption
from chainrule.drawing.labels import Cell, Table, Text
from chainrule.drawing.scene import Arrow, Direction, Item, Scene
from chainrule.drawing.theme import Palette
from chainrule.drawing.views import Row, View
from chainrule.drawing.wording import facts, kind_of, sentence, shape_of, shape_words, shown_name, sign


@final
@dataclass(frozen=True)
class Choice:
    """What is drawn: positions in the graph's order, and how many levels of layers stay open (None: all)."""

    positions: Collection[int]
    emphasized: Collection[int] = ()
    open_levels: int | None = None
    message: str = ""
    note: str = ""


@final
class Assembly:
    """One scene in the making: which item stands for which node, and the arrows so far."""

    def __init__(self, view: View, palette: Palette, choice: Choice, direction: Direction) -> None:
        self.view, self.graph, self.palette, self.choice = view, view.graph, palette, choice
        self.inside = frozenset(choice.positions)
        self.scene = Scene(self._title(), direction, note=choice.note)
        self.values: dict[int, str] = {}
        self.operations: dict[int, str] = {}
        self.boxes: dict[int, str] = {}
        self.readers = [[consumer for consumer, _ in uses] for uses in view.graph.uses]
        self.joined: set[tuple[int, str]] = set()

    def assembled(self) -> Scene:
        """The scene."""
        entering, leaving = self._boundary()
        closed = self._closed_layers()
        for k in range(len(self.graph)):
            if k in closed and k not in self.boxes:
                self.boxes |= dict.fromkeys(closed[k], self._add_layer(closed[k]))
            elif k in self.inside and k not in self.boxes:
                self._add_node(k)
            elif k in entering:
                self._add_value(k, outside=True)
            elif k in leaving:
                self._add_operation(k, outside=True)
        for k in range(len(self.graph)):
            if k in self.inside or k in leaving:
                self._connect(k)
        self.scene.caption = caption(self.scene, self.view, self.palette, self.choice.message)
        return self.scene

    # --- what is drawn -----------------------------------------------------------------------------------------------

    def _title(self) -> str:
        outputs = ", ".join(self.graph.name(node) for node in self.graph.outputs)
        return sentence(f"Computational graph of {outputs}: {len(self.inside)} nodes", self.choice.message)

    def _boundary(self) -> tuple[set[int], set[int]]:
        """The values that enter what is drawn, and the nodes outside that read something of it."""
        if len(self.inside) == len(self.graph):
            return set(), set()
        entering = {source for k in self.inside for source in self.view.sources[k]} - self.inside
        leaving = {reader for k in self.inside for reader in self.readers[k]} - self.inside
        return entering, leaving

    def _closed_layers(self) -> dict[int, list[int]]:
        """For each node that disappears in the box of its layer, all nodes in that box."""
        levels = self.choice.open_levels
        if levels is None:
            return {}
        members: dict[tuple[str, ...], list[int]] = {}
        for k in sorted(self.inside):
            if len(layer := self.graph.order[k].layer) > levels:
                members.setdefault(layer[: levels + 1], []).append(k)
        return {k: together for together in members.values() for k in together}

    # --- items -------------------------------------------------------------------------------------------------------

    def _add_node(self, k: int) -> None:
        if self.view.operations and not isinstance(self.graph.order[k], Leaf):
            self._add_operation(k)
            if self.view.has_box(k):
                self._add_value(k)
                self._connect_value(k)
        elif self.view.has_box(k):
            self._add_value(k)

    def _add_operation(self, k: int, outside: bool = False) -> None:
        node, palette = self.graph.order[k], self.palette
        color = palette.light("muted" if outside else "on_operation")
        rows = [(Text(sign(node), color, 15, bold=not outside, longest=24),)]
        details = [facts(node)] if self.view.has_box(k) else [facts(node), shape_words(shape_of(node))]
        rows += [(Text(detail, color, 10, longest=24),) for detail in details if detail]
        name = self.graph.names[k]
        words = [] if self.view.has_box(k) or outside else self.view.words(k)
        title = sentence(f"{type(node).__name__}, gives {name}", f"shape {shape_words(shape_of(node)) or '()'}", *words)
        self.operations[k] = self._add(k, "operation", Table([(Cell(row),) for row in rows]), title, outside)

    def _add_value(self, k: int, outside: bool = False) -> None:
        node, name = self.graph.order[k], self.graph.names[k]
        kind = kind_of(node)
        rows = [*self._head_rows(k), *self.view.rows(k)]
        layer = f"in {' / '.join(node.layer)}" if node.layer else ""
        words = [f"{kind} {name}", f"shape {shape_words(shape_of(node)) or '()'}", layer, *self.view.words(k)]
        self.values[k] = self._add(k, kind, Table(rows), sentence(*words), outside)

    def _head_rows(self, k: int) -> list[Row]:
        """The name and shape; a constant without a name is its value, unless that is shown anyway."""
        node = self.graph.order[k]
        if not isinstance(node, Constant) or node.name is not None:
            return [self._heading(k)]
        return [] if self.view.rows(k) else [(array_cell(node.value, self.palette.light("ink")),)]

    def _heading(self, k: int) -> Row:
        """The name and, smaller, the shape."""
        node, name = self.graph.order[k], self.graph.names[k]
        given = node.name is not None
        head = Text(shown_name(name), self.palette.light("ink" if given else "muted"), 14 if given else 11, bold=given)
        shape = shape_words(shape_of(node))
        tail = [Text(f"   {shape}", self.palette.light("muted"), 11)] if shape else []
        return (Cell((head, *tail)),)

    def _add_layer(self, members: Sequence[int]) -> str:
        """One closed layer: its name, and how much is inside."""
        path = self.graph.order[members[0]].layer[: (self.choice.open_levels or 0) + 1]
        nodes = [self.graph.order[k] for k in members]
        parameters = [node for node in nodes if isinstance(node, Parameter)]
        ink, muted = self.palette.light("ink"), self.palette.light("muted")
        rows = [(Text(path[-1], ink, 15, bold=True, longest=32),), (Text(f"{len(nodes):,} nodes", muted, 11),)]
        shapes = [f"{shown_name(n.name or '')} {shape_words(n.shape)}".strip() for n in parameters]
        listed, more = shapes[:4], len(shapes) - 4
        if more > 0:
            listed.append(f"and {more} more parameters")
        rows += [(Text(text, muted, 11),) for text in listed]
        title = sentence(f"layer {' / '.join(path)}: {len(nodes)} nodes, {len(parameters)} parameters")
        item = Item(
            self.scene.new_id(),
            "layer",
            Table([(Cell(row),) for row in rows]),
            title,
            path[:-1],
            not set(self.choice.emphasized).isdisjoint(members),
        )
        self.scene.items.append(item)
        return item.id

    def _add(self, k: int, kind: str, label: Table, title: str, outside: bool) -> str:
        layer = () if outside else self.graph.order[k].layer
        shown = k in self.choice.emphasized
        item = Item(self.scene.new_id(), kind, label, title, layer, shown, outside)  # type: ignore[arg-type]  # a kind
        self.scene.items.append(item)
        return item.id

    # --- arrows ------------------------------------------------------------------------------------------------------

    def _connect_value(self, k: int) -> None:
        """From an operation's circle to the box of its value, and back for the gradient."""
        name = self.graph.names[k]
        circle, box = self.operations[k], self.values[k]
        self.scene.arrows.append(Arrow(circle, box, f"gives {name}"))
        if self.view.gradients and self.view.has_gradient(k):
            self.scene.arrows.append(Arrow(circle, box, f"gradient of {name}, backward", backward=True))

    def _connect(self, k: int) -> None:
        """One arrow for every use that a node makes of another; one for all uses where a layer is closed."""
        head = self._head(k)
        for place, source in enumerate(self.view.sources[k]):
            tail = self.boxes.get(source) or self.values.get(source) or self.operations.get(source)
            if tail and head and tail != head and not self._is_known(source, k, head):
                self._add_arrows(tail, head, source, k, place)

    def _is_known(self, source: int, k: int, head: str) -> bool:
        """Whether the arrow stands for a use that another arrow shows, or for one outside of what is drawn."""
        if source not in self.inside and k not in self.inside:
            return True
        known = (source, head) in self.joined and (source in self.boxes or k in self.boxes)
        self.joined.add((source, head))
        return known

    def _head(self, k: int) -> str | None:
        """The circle that reads, or the box whose formula has taken the operation in."""
        while not (found := self.boxes.get(k) or self.operations.get(k) or self.values.get(k)):
            if not self.readers[k]:
                return None
            k = self.readers[k][0]
        return found

    def _add_arrows(self, tail: str, head: str, source: int, consumer: int, place: int) -> None:
        names = self.graph.names
        label = self._passing(source) if source in self.boxes else None
        self.scene.arrows.append(Arrow(tail, head, sentence(f"{names[source]} to {names[consumer]}"), label=label))
        if self.view.has_backward(consumer, place):
            back = None if source in self.boxes else self.view.backward_label(consumer, place)
            title = sentence(f"gradient from {names[consumer]} back to {names[source]}")
            self.scene.arrows.append(Arrow(tail, head, title, backward=True, label=back))

    def _passing(self, source: int) -> Table:
        """What stands at an arrow out of a closed layer: the value that leaves it."""
        return Table([self._heading(source), *self.view.rows(source)])
