"""A graph put together as boxes, circles and arrows: the whole, one layer, or one box for each layer."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import final

from chainrule.drawing.arrays import is_small
from chainrule.drawing.caption import caption
from chainrule.drawing.labels import Cell, Table, Text
from chainrule.drawing.names import facts, kind_of, sentence, shape_of, shape_words, shown_name, sign
from chainrule.drawing.scene import Arrow, Direction, Item, Scene
from chainrule.drawing.theme import Palette
from chainrule.drawing.views import Row, View
from chainrule.node import Constant, Leaf, Parameter


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

    def assembled(self) -> Scene:
        """The scene."""
        entering, leaving = self._boundary()
        members = self._members()
        opened: dict[tuple[str, ...], str] = {}
        for k in range(len(self.graph)):
            if k in self.inside and k in members:
                path = members[k]
                if path not in opened:
                    opened[path] = self._add_layer(path, [j for j in members if members[j] == path])
                self.boxes[k] = opened[path]
            elif k in self.inside:
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
        leaving = {
            self._reader(k)
            for k, sources in enumerate(self.view.sources)
            if k not in self.inside and not self.inside.isdisjoint(sources)
        }
        return entering, leaving

    def _reader(self, k: int) -> int:
        return k

    def _members(self) -> dict[int, tuple[str, ...]]:
        """The layer's box that each node disappears in, when layers are closed."""
        levels = self.choice.open_levels
        if levels is None:
            return {}
        layers = {k: self.graph.order[k].layer for k in sorted(self.inside)}
        return {k: layer[: levels + 1] for k, layer in layers.items() if len(layer) > levels}

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
        rows += [(Text(detail, color, 9, longest=24),) for detail in details if detail]
        name = self.graph.names[k]
        title = sentence(f"{type(node).__name__}, computes {name}", f"shape {shape_words(shape_of(node)) or '1'}")
        self.operations[k] = self._add(k, "operation", Table([(Cell(row),) for row in rows]), title, outside)

    def _add_value(self, k: int, outside: bool = False) -> None:
        node, name = self.graph.order[k], self.graph.names[k]
        kind = kind_of(node)
        rows: list[Row] = [self._heading(k)]
        if isinstance(node, Constant) and node.name is None:
            rows = []
            if not self.view.rows(k):
                from_constant = is_small(node.value)
                rows = [(self._constant(node),)] if from_constant else [self._heading(k)]
        rows += self.view.rows(k)
        layer = f"in {' / '.join(node.layer)}" if node.layer else ""
        words = [f"{kind} {name}", f"shape {shape_words(shape_of(node)) or '()'}", layer, *self.view.words(k)]
        self.values[k] = self._add(k, kind, Table(rows), sentence(*words), outside)

    def _constant(self, node: Constant) -> Cell:
        from chainrule.drawing.arrays import array_cell

        return array_cell(node.value, self.palette.light("ink"))

    def _heading(self, k: int) -> Row:
        """The name and, smaller, the shape."""
        node, name = self.graph.order[k], self.graph.names[k]
        given = node.name is not None
        head = Text(shown_name(name), self.palette.light("ink" if given else "muted"), 14 if given else 11, bold=given)
        shape = shape_words(shape_of(node))
        tail = [Text(f"  {shape}", self.palette.light("muted"), 11)] if shape else []
        return (Cell((head, *tail)),)

    def _add_layer(self, path: tuple[str, ...], members: Sequence[int]) -> str:
        """One closed layer: its name, and how much is inside."""
        nodes = [self.graph.order[k] for k in members]
        parameters = [node for node in nodes if isinstance(node, Parameter)]
        ink, muted = self.palette.light("ink"), self.palette.light("muted")
        rows = [(Text(path[-1], ink, 15, bold=True, longest=32),), (Text(f"{len(nodes):,} nodes", muted, 11),)]
        shapes = [f"{shown_name(n.name or '')} {shape_words(n.shape)}".strip() for n in parameters]
        listed = shapes[:4] + [f"and {len(shapes) - 4} more parameters"] * (len(shapes) > 4)
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
        item = Item(self.scene.new_id(), kind, label, title, layer, k in self.choice.emphasized, outside)  # type: ignore[arg-type]
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
        seen: set[int] = set()
        for place, source in enumerate(self.view.sources[k]):
            tail, head = self._tail(source), self._head(k)
            if tail is None or head is None or tail == head or (source in self.inside) + (k in self.inside) == 0:
                continue
            closed = source in self.boxes or k in self.boxes
            if closed and not self._is_new(source, head):
                continue
            seen.add(source)
            self._add_arrows(tail, head, source, k, place)

    def _is_new(self, source: int, head: str) -> bool:
        key = (source, head)
        if key in self._joined:
            return False
        self._joined.add(key)
        return True

    @property
    def _joined(self) -> set[tuple[int, str]]:
        return self.__dict__.setdefault("_joined_uses", set())

    def _tail(self, source: int) -> str | None:
        return self.boxes.get(source) or self.values.get(source) or self.operations.get(source)

    def _head(self, k: int) -> str | None:
        """The circle that reads, or the box whose formula has taken the operation in."""
        while k not in self.boxes and k not in self.operations and k not in self.values:
            readers = self._readers_of(k)
            if not readers:
                return None
            k = readers[0]
        return self.boxes.get(k) or self.operations.get(k) or self.values.get(k)

    def _readers_of(self, k: int) -> list[int]:
        return self._readers.get(k, [])

    @property
    def _readers(self) -> dict[int, list[int]]:
        if "_readers_found" not in self.__dict__:
            found: dict[int, list[int]] = {}
            for k, sources in enumerate(self.view.sources):
                for source in sources:
                    found.setdefault(source, []).append(k)
            self.__dict__["_readers_found"] = found
        return self.__dict__["_readers_found"]

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
