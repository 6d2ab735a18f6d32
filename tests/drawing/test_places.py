"""Where things stand: nothing overlaps, frames hold their own, arrows run between boxes, wide drawings have rows."""

import random
import re
from itertools import combinations

import numpy as np
import pytest

import chainrule as cr
import nets
from chainrule.drawing.dot import frames_of
from chainrule.drawing.drawing import draw_graph
from chainrule.drawing.rows import WIDEST

SLACK = 0.01  # points: places are sums of floats


def run_of(sizes=(2, 3, 3, 1), columns=3):
    net = nets.DNN(sizes=sizes, seed=0)
    A0 = np.linspace(-2, 2, sizes[0] * columns).reshape(sizes[0], columns)
    run = net.graph.forward({**net.params, "A0": A0, "Y": np.arange(sizes[-1] * columns).reshape(-1, columns) % 2})
    run.backward()
    return run


def recurrent(steps, in_layers=True, size=4):
    """A recurrent net whose three parameters every step reads."""
    Wx, Wh, b = cr.Parameter("Wx", (size, 3)), cr.Parameter("Wh", (size, size)), cr.Parameter("b", (size, 1))
    h = cr.Input("h0", (size, "m"))
    for t in range(1, steps + 1):
        x = cr.Input(f"x{t}", (3, "m"))
        with cr.layer(f"Step {t}" if in_layers else "all of it"):
            h = cr.Tanh(Wx @ x + Wh @ h + b, name=f"h{t}")
    return cr.Graph(cr.Sum(h, name="L"))


def residual(depth):
    h = cr.Input("X", (4, "m"))
    for k in range(1, depth + 1):
        with cr.layer(f"Block {k}"):
            W, V = cr.Parameter(f"W{k}", (6, 4)), cr.Parameter(f"V{k}", (4, 6))
            h = cr.Add(h, V @ cr.ReLU(W @ h, name=f"R{k}"), name=f"H{k}")
    return cr.Graph(cr.Mean(h, name="L"))


def woven(seed, nodes=40):
    """A random graph whose layers are nested, left and entered again."""
    drawn = random.Random(seed)
    built = [cr.Input("x"), cr.Parameter("w"), cr.Constant(2.0)]
    for k in range(nodes):
        path = [f"L{drawn.randrange(3)}" for _ in range(drawn.randrange(3))]
        with cr.layer(" / ".join(path)) if path else cr.layer("top"):
            left, right = (built[max(0, len(built) - 1 - int(drawn.expovariate(0.2)))] for _ in range(2))
            name = f"n{k}" if drawn.random() < 0.5 else None
            built.append(drawn.choice((cr.Add, cr.Multiply))(left, right, name=name))
    return cr.Graph(*(node for node in built[-3:]))


def nested(seed):
    drawn = random.Random(seed)
    built = [cr.Input("x"), cr.Parameter("w")]
    for k in range(25):
        with cr.layer(f"A{drawn.randrange(2)}"), cr.layer(f"B{drawn.randrange(2)}"):
            built.append(cr.Add(drawn.choice(built), drawn.choice(built), name=f"n{k}"))
    return cr.Graph(built[-1])


CASES = {
    "net": lambda **o: nets.DNN().graph.draw(**o),
    "gradients": lambda **o: run_of().draw(**o),
    "five layers": lambda **o: run_of((4, 5, 6, 5, 4, 3), 7).draw(**o),
    "formulas": lambda **o: nets.DNN().graph.draw("formulas", **o),
    "one layer": lambda **o: run_of().draw(layer="Layer 2", **o),
    "closed": lambda **o: nets.DNN().graph.draw(collapse=True, **o),
    "backward": lambda **o: nets.DNN().graph.backward().draw(**o),
    "recurrent": lambda **o: recurrent(6).draw(**o),
    "recurrent in one": lambda **o: recurrent(5, in_layers=False).draw(**o),
    "residual": lambda **o: residual(3).draw(**o),
    "circuit": lambda **o: nets.circuits.micrograd_example().draw(**o),
    **{f"woven {seed}": lambda seed=seed, **o: woven(seed).draw(**o) for seed in range(3)},
    **{f"nested {seed}": lambda seed=seed, **o: nested(seed).draw(**o) for seed in range(2)},
}


def overlap(one, two):
    wide = min(one.right, two.right) - max(one.left, two.left)
    return wide > SLACK and min(one.bottom, two.bottom) - max(one.top, two.top) > SLACK


def holds(outer, inner):
    return (
        outer.left <= inner.left + SLACK
        and outer.right >= inner.right - SLACK
        and outer.top <= inner.top + SLACK
        and outer.bottom >= inner.bottom - SLACK
    )


def inside(point, box, edge=1.0):
    return box.left + edge < point[0] < box.right - edge and box.top + edge < point[1] < box.bottom - edge


def along(points):
    """Points on the curves of an arrow."""
    for k in range(0, len(points) - 1, 3):
        a, b, c, d = (np.array(point) for point in points[k : k + 4])
        for t in np.linspace(0, 1, 9):
            yield (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d


@pytest.mark.parametrize("options", [{}, {"wrap": False}, {"direction": "down"}], ids=["rows", "whole", "down"])
@pytest.mark.parametrize("case", CASES)
def test_no_box_overlaps_another_and_every_frame_holds_its_own_and_nothing_else(case, options):
    scene, layout = CASES[case](**options)._laid_out
    assert layout.items.keys() == {item.id for item in scene.items}
    assert layout.routes.keys() == set(range(len(scene.arrows)))
    assert layout.frames.keys() == set(frames_of(scene))
    for one, two in combinations(layout.items, 2):
        assert not overlap(layout.items[one], layout.items[two]), (one, two)
    for (row, path), frame in layout.frames.items():
        for item in scene.items:
            box = layout.items[item.id]
            if item.row == row and item.layer[: len(path)] == path:
                assert holds(frame, box), (path, item.title)
            else:
                assert not overlap(frame, box), (path, item.title)
    for (one, box), (two, other) in combinations(layout.frames.items(), 2):
        around = one[0] == two[0] and (one[1] == two[1][: len(one[1])] or two[1] == one[1][: len(two[1])])
        assert around or not overlap(box, other), (one, two)


@pytest.mark.parametrize("case", CASES)
def test_arrows_start_and_end_at_their_boxes_and_run_between_the_others(case):
    scene, layout = CASES[case]()._laid_out
    labels = []
    for number, arrow in enumerate(scene.arrows):
        points = layout.routes[number].points
        source, target = layout.items[arrow.source], layout.items[arrow.target]
        assert source.left <= points[0][0] <= source.right + SLACK
        assert source.top - SLACK <= points[0][1] <= source.bottom + SLACK
        assert target.left - SLACK <= points[-1][0] <= target.right
        assert target.top - SLACK <= points[-1][1] <= target.bottom + SLACK
        if points[0][0] < points[-1][0]:  # else a layer is entered again, and something leads back to the left
            crossed = [name for name, box in layout.items.items() if any(inside(point, box) for point in along(points))]
            assert set(crossed) <= {arrow.source, arrow.target}, arrow.title
        labels += [layout.routes[number].label] if arrow.label else []
    for label in labels:
        assert not any(inside(label, box) for box in layout.items.values())


def sizes_of(svg):
    """Width, height, and the size of the smallest text, all in points."""
    width, height = map(float, re.search(r'viewBox="0\.00 0\.00 ([\d.]+) ([\d.]+)"', svg).groups())
    return width, height, min(map(float, re.findall(r'font-size="([\d.]+)"', svg)))


@pytest.mark.parametrize("columns", [3, 20])
def test_a_net_with_all_values_and_gradients_can_be_read_on_a_screen_of_1400_pixels(columns):
    width, _, smallest = sizes_of(run_of(columns=columns).draw().svg())
    assert width <= 1575
    assert smallest * 1400 / width >= 9


@pytest.mark.parametrize("case", CASES)
def test_no_drawing_is_wider_than_its_rows_may_be_but_for_a_single_layer_box(case):
    drawing = CASES[case]()
    width, _, smallest = sizes_of(drawing.svg())
    assert smallest >= 10
    outside = any(item.outside for item in drawing.rows.items)
    assert width <= WIDEST * (1.1 if outside else 1) + 100


def test_layers_stand_in_a_row_and_the_spine_is_straight():
    scene, layout = nets.DNN().graph.draw(wrap=False)._laid_out
    heights = {item.label.rows[0][0].content[0].text: layout.items[item.id].center[1] for item in scene.items}
    assert len({round(heights[name], 3) for name in ("A₀", "Z₁", "A₁", "Z₂", "A₂", "Z₃", "A₃", "BCE", "L")}) == 1
    assert len({round(box.top) for box in layout.frames.values()}) == 1
    assert abs(heights["W₁"] - heights["A₀"]) > 20


def test_a_wide_drawing_breaks_between_layers_and_names_again_what_a_row_reads_of_another():
    drawing = nets.DNN(sizes=(2, 3, 4, 3, 1)).graph.draw()
    scene, layout = drawing._laid_out
    rows = [{item.layer[0] for item in scene.items if item.row == row and item.layer} for row in (0, 1)]
    assert rows == [{"Layer 1", "Layer 2"}, {"Layer 3", "Layer 4"}]
    [again] = [item for item in scene.items if item.continued]
    assert again.title == "value A2, continued from another row"
    assert again.row == 1
    assert layout.items[again.id].left < min(box.left for (row, _), box in layout.frames.items() if row == 1)
    assert "what stands in another row" in drawing.svg()
    whole = nets.DNN(sizes=(2, 3, 4, 3, 1)).graph.draw(wrap=False)
    assert not any(item.continued for item in whole.rows.items)
    assert whole.dot == drawing.dot  # DOT text has no places, so it has no rows


def test_a_layer_that_is_wider_than_a_row_goes_on_in_the_next():
    node = cr.Input("x", (2, "m"))
    with cr.layer("long"):
        for k in range(30):
            node = cr.Sin(node, name=f"s{k}")
    drawing = cr.Graph(node).draw()
    assert len({item.row for item in drawing.rows.items}) > 1
    assert ">   continued<" in drawing.svg()
    assert 'aria-label="layer long; continued"' in drawing.svg()


def test_a_parameter_that_is_read_far_away_is_drawn_all_the_same():
    graph = recurrent(32)
    drawing = graph.draw(collapse=False)
    width, _, _ = sizes_of(drawing.svg())
    assert width <= 1575
    assert drawing.svg().count('class="node parameter continued"') > 3
    assert sizes_of(graph.draw(collapse=False, wrap=False).svg())[0] > 10_000


def test_places_are_the_same_whatever_engine_is_installed_and_however_often(monkeypatch):
    drawing = run_of().draw()
    monkeypatch.setenv("PATH", "")
    assert run_of().draw().svg() == drawing.svg() == drawing.svg()


def test_wrap_is_true_or_false():
    with pytest.raises(cr.errors.ArgumentError, match="wrap='rows'"):
        draw_graph(nets.DNN().graph, wrap="rows")
