"""Pages in a headless Chromium: stepped by buttons, keys and addresses; what is shown, lit, spoken and printed."""

import json
import re

import numpy as np
import pytest

import chainrule as cr
import nets
from chainrule.checking.numerical import Slopes
from chainrule.page.marked import Formulas
from chainrule.page.steps import steps

ROWS = ("formula", "shapes", "numbers")


@pytest.fixture(scope="module")
def run():
    net = nets.DNN(sizes=(2, 3, 3, 1), seed=0)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 5))
    found = net.graph.forward({**net.params, "A0": x, "Y": x[:1] > 0})
    found.backward()
    return found


@pytest.fixture(scope="module")
def page(run):
    return run.page()


@pytest.fixture(scope="module")
def large():
    """Matrices larger than 6 × 6, with examples in rows."""
    rng = np.random.default_rng(0)
    X, Y = cr.Input("X", ("m", 9)), cr.Input("Y", ("m", 4))
    W = cr.Parameter("W", (9, 4))
    P = cr.Softmax(X @ W, axis=1, name="P")
    graph = cr.Graph(cr.CrossEntropyLoss(P, Y, name="L"))
    labels = np.eye(4)[rng.integers(0, 4, 30)]
    found = graph.forward({"X": rng.standard_normal((30, 9)), "Y": labels, "W": rng.standard_normal((9, 4))})
    found.backward()
    return found


def count(tab):
    at, total = tab.inner_text("#count").split(" of ")
    return int(at), int(total)


def becomes(tab, selector, text):
    """Waits for a text, which a page's policy keeps Playwright from doing by an expression."""
    from playwright.sync_api import expect

    expect(tab.locator(selector)).to_have_text(text, timeout=20_000)


def numbers_in(tab, selector):
    """Every number that is shown somewhere, in the order of the page."""
    cells = tab.eval_on_selector_all(
        f"{selector} mtd, {selector} .number", "cells => cells.map(cell => cell.textContent)"
    )
    return [number_of(cell) for cell in cells]


def number_of(text):
    powers = re.sub(r"×10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda found: "e" + found[1].translate(LOWERED), text)
    return float(powers.strip("()").replace("−", "-").replace("∞", "inf"))


LOWERED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def node_of(run, name):
    return run.graph.position(name)


# --- steps -----------------------------------------------------------------------------------------------------------


def test_the_count_of_steps_is_that_of_the_run(opened, page, run):
    sent = sum(len(run.contributions(node)) for node in run.graph)
    assert count(opened(page)) == (1, len(run.graph) + sent + len(run.gradients))


def test_every_step_shows_the_numbers_of_the_run(opened, page, run):
    tab = opened(page)
    for number, step in enumerate(steps(run, Formulas(run), Slopes({}, {}))):
        assert count(tab)[0] == number + 1
        assert tab.inner_text("#about") == step.title
        shown = numbers_in(tab, "#result")
        np.testing.assert_allclose(shown, np.ravel(step.result), rtol=5.1e-4, atol=1e-300)
        if step.kind != "forward":
            np.testing.assert_allclose(numbers_in(tab, "#compared"), shown, rtol=1e-3, atol=1e-12)
        tab.keyboard.press("ArrowRight")


def test_a_formula_has_the_numbers_of_what_it_reads(opened, page, run):
    graph = run.graph
    step = next(k for k, s in enumerate(data_steps(page)) if (s["kind"], s["node"]) == ("total", graph.position("W3")))
    tab = opened(page, step + 1)
    assert tab.inner_text("#way") == "backward ="
    np.testing.assert_allclose(
        numbers_in(tab, "#numbers"), [*np.ravel(run["dZ3"]), *np.ravel(run["A2"])], rtol=5.1e-3, atol=1e-300
    )
    assert tab.text_content("#numbers").endswith("T")
    assert "(1×3) = (1×m)(m×3)" in tab.inner_text("#shapes")
    assert {"1×5", "3×5"} == set(tab.eval_on_selector_all("#shapes .shape", "all => all.map(x => x.textContent)"))


def data_steps(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page.html, re.DOTALL)[1])["steps"]


def test_two_numbers_side_by_side_have_a_sign_between_them(opened):
    x, y = cr.Parameter("x"), cr.Parameter("y")
    run = cr.Graph((2 * (x * y)).relabel("f", like=x)).forward({"x": 3.0, "y": -4.0})
    run.backward()
    tab = opened(run.page())
    texts = set()
    for _ in range(count(tab)[1]):
        texts.add(tab.text_content("#numbers"))
        tab.keyboard.press("ArrowRight")
    assert any("3·(−4)" in text for text in texts)
    assert any("2·3" in text for text in texts)
    assert not any("23" in text or "3(−4)" in text for text in texts)


def test_sizes_with_names_have_their_numbers(opened, page, run):
    tab = opened(page, 1 + next(k for k, s in enumerate(data_steps(page)) if s["node"] == node_of(run, "L")))
    assert "m" in tab.text_content("#formula")
    assert tab.eval_on_selector_all("#numbers mfrac mn", "all => all.map(x => x.textContent)")[:2] == ["1", "5"]


# --- ways to step ----------------------------------------------------------------------------------------------------


def test_keys_buttons_the_slider_and_the_address_go_where_they_say(opened, page, run):
    tab = opened(page, 19)
    total = count(tab)[1]
    forward = len(run.graph)
    assert count(tab)[0] == 19
    for key, at in [
        ("ArrowRight", 20), ("ArrowLeft", 19), ("End", total), ("ArrowRight", total), ("Home", 1), ("ArrowLeft", 1),
        ("b", forward + 1), ("f", 1), ("B", forward + 1), ("F", 1),
    ]:  # fmt: skip
        tab.keyboard.press(key)
        assert (key, count(tab)[0]) == (key, at)
        assert tab.url.endswith(f"#{at}")
    for button, at in [
        ("next", 2),
        ("last", total),
        ("previous", total - 1),
        ("first", 1),
        ("to-backward", forward + 1),
    ]:
        tab.click(f"#{button}")
        assert (button, count(tab)[0]) == (button, at)
    tab.fill("#slider", "7")
    assert count(tab)[0] == 7
    tab.evaluate("location.hash = '#12'")
    becomes(tab, "#count", "12 of 51")
    tab.evaluate("location.hash = '#nonsense'")
    assert count(tab)[0] == 12


def test_playing_goes_on_until_it_is_stopped_or_at_the_end(opened, page):
    tab = opened(page, 50)
    tab.keyboard.press(" ")
    assert tab.inner_text("#play") == "pause"
    becomes(tab, "#count", "51 of 51")
    becomes(tab, "#play", "play")
    tab.click("#play")
    assert (tab.inner_text("#play"), count(tab)[0]) == ("pause", 1)
    tab.keyboard.press("ArrowRight")
    assert (tab.inner_text("#play"), count(tab)[0]) == ("play", 2)


def test_everything_can_be_reached_by_keyboard_alone(opened, page):
    tab = opened(page)
    reached = []
    for _ in range(70):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.id || document.activeElement.className"))
    boxes = tab.eval_on_selector_all(".picture [role=button]", "all => all.map(x => x.id)")
    assert len(boxes) == 18
    assert {
        "first",
        "previous",
        "play",
        "next",
        "last",
        "slider",
        "to-forward",
        "to-backward",
        "example",
        *boxes,
    } <= set(reached)


def test_enter_on_a_box_goes_to_its_value_and_then_to_its_gradient(opened, page, run):
    tab = opened(page)
    box = tab.locator(".picture [role=button][aria-label^='value A2']")
    box.focus()
    tab.keyboard.press("Enter")
    assert (tab.inner_text("#way"), count(tab)[0]) == ("forward", node_of(run, "A2") + 1)
    tab.keyboard.press("Enter")
    assert (tab.inner_text("#way"), tab.inner_text("#about")) == ("backward =", "the gradient of A₂ is complete")
    tab.keyboard.press("Enter")
    assert tab.inner_text("#way") == "forward"
    assert tab.evaluate("document.activeElement.getAttribute('aria-label')").startswith("value A2")


# --- the picture -----------------------------------------------------------------------------------------------------


def test_no_box_moves_from_the_first_step_to_the_last(opened, page):
    tab = opened(page)
    where = """all => all.map(x => { const r = x.getBoundingClientRect(); return [r.x, r.y, r.width, r.height] })"""
    # What is lit has a wider line around it, so its text is what is measured.
    before = tab.eval_on_selector_all(".picture g.node text", where)
    for _ in range(count(tab)[1] - 1):
        tab.keyboard.press("ArrowRight")
        assert tab.eval_on_selector_all(".picture g.node text", where) == before


def lit(tab, way):
    return tab.eval_on_selector_all(f".picture g.node.{way} title", "all => all.map(x => x.textContent.split(';')[0])")


def test_what_a_step_reads_and_writes_is_lit_and_nothing_else(opened, page, run):
    graph = run.graph
    found = {(s["kind"], s["title"]): k + 1 for k, s in enumerate(data_steps(page))}
    tab = opened(page, graph.position("Z2") + 1)
    assert set(lit(tab, "writes")) == {"Add, gives Z2", "value Z2"}
    assert set(lit(tab, "reads")) == {"parameter B2", "MatMul, gives matmul_2"}
    tab = opened(page, found["contribution", "matmul₃ sends to A₂"])
    assert lit(tab, "writes") == ["value A2", "value A2, continued from another row"]
    assert set(lit(tab, "reads")) == {"MatMul, gives matmul_3", "parameter W3", "value Z3"}
    assert tab.eval_on_selector_all(".picture g.edge.writes title", "all => all.map(x => x.textContent)") == [
        "gradient from matmul_3 back to A2"
    ]


def test_what_is_not_known_yet_is_pale_and_gradients_appear_with_their_step(opened, page, run):
    tab = opened(page, run.graph.position("Z2") + 1)
    pale = {text.split(";")[0] for text in tab.locator(".picture g.node.ahead > title").all_text_contents()}
    assert {"value A2", "value L", "value A3"} <= pale
    assert not {"value A1", "value Z2", "parameter W1"} & pale
    gradient = tab.get_by_text("∂L/∂A₃", exact=True)
    assert not gradient.is_visible()
    tab.keyboard.press("End")
    assert gradient.is_visible()
    assert tab.locator(".picture g.ahead").count() == 0


# --- large arrays, and an example that is followed -------------------------------------------------------------------


def test_large_arrays_are_heat_with_range_and_norm_and_numbers_on_click(opened, large):
    tab = opened(large.page(), large.graph.position("P") + 1)
    strip = tab.locator("#result .strip")
    P = large["P"]
    assert strip.inner_text().startswith("30 × 4: ")
    low, high, norm = map(number_of, re.findall(r": (\S+) … (\S+), norm (\S+)", strip.inner_text())[0])
    np.testing.assert_allclose([low, high, norm], [P.min(), P.max(), np.linalg.norm(P)], rtol=1e-3)
    strip.click()
    cells = [number_of(text) for text in tab.locator("#numbers-table td").all_text_contents()]
    np.testing.assert_allclose(cells, P[:12].ravel(), rtol=1e-5)
    tab.click("[data-move='1,0']")
    cells = [number_of(text) for text in tab.locator("#numbers-table td").all_text_contents()]
    np.testing.assert_allclose(cells, P[12:24].ravel(), rtol=1e-5)
    before = count(tab)
    tab.keyboard.press("ArrowRight")  # which belongs to the dialog
    assert count(tab) == before
    tab.keyboard.press("Escape")
    assert not tab.locator("#numbers-of").is_visible()


def test_large_arrays_in_a_line_of_numbers_open_by_mouse_and_by_keyboard(opened, large):
    # A screen reader takes mathematics as a whole: buttons inside of it would not be there.
    tab = opened(large.page(), large.graph.position("P"))
    assert tab.locator("math button").count() == 0
    said = tab.locator("#numbers button").all_inner_texts()
    assert said == ["numbers of X, 30 × 9", "numbers of W, 9 × 4"]
    tab.locator("#numbers button").last.focus()
    tab.keyboard.press("Enter")
    assert tab.inner_text("#numbers-title").startswith("9 × 4: ")
    tab.keyboard.press("Escape")
    tab.locator("#numbers .strip").first.click()
    assert tab.inner_text("#numbers-title").startswith("30 × 9: ")


def test_the_largest_entries_of_a_large_gradient_are_compared_one_by_one(opened, large):
    page = large.page()
    at = next(
        k for k, s in enumerate(data_steps(page)) if s["kind"] == "total" and s["title"].startswith("the gradient of W")
    )
    tab = opened(page, at + 1)
    rows = tab.locator("#compared tbody tr").all_inner_texts()
    assert len(rows) == 12
    for row in rows:
        place, own, numerical = row.split("\t")
        k, j = (int(part) - 1 for part in place.split(","))
        assert number_of(own) == pytest.approx(large["dW"][k, j], rel=1e-3)
        assert number_of(numerical) == pytest.approx(large["dW"][k, j], rel=1e-3)
    assert "36 of 36 entries" in tab.inner_text("#said")


def test_an_example_can_be_followed_through_small_and_large_arrays(opened, page, run, large):
    tab = opened(page, run.graph.position("Z1") + 1)
    tab.select_option("#example", label="column 4")
    assert numbers_in_cells(tab, "#result .followed") == pytest.approx(run["Z1"][:, 3], rel=1e-3)
    assert tab.locator("#result .passed-over").count() == 12
    tab.focus("#next")
    tab.keyboard.press("ArrowRight")  # it stays with the next step
    assert numbers_in_cells(tab, "#result .followed") == pytest.approx(run["A1"][:, 3], rel=1e-3)
    tab = opened(large.page(), large.graph.position("P") + 1)
    tab.select_option("#example", label="row 20")
    shown = tab.inner_text("#result .picked").removeprefix("row 20: ").split(", ")
    assert [number_of(text) for text in shown] == pytest.approx(large["P"][19], rel=1e-3)


def numbers_in_cells(tab, selector):
    return [number_of(text) for text in tab.locator(selector).all_text_contents()]


# --- for everybody ---------------------------------------------------------------------------------------------------


def test_a_live_region_speaks_the_formula_and_what_it_gives(opened, page, run):
    tab = opened(page, run.graph.position("A1") + 1)
    spoken = tab.inner_text("#live")
    assert spoken.startswith("7 of 51. A₁ is computed from Z₁. A₁ = σ(Z₁). ")
    assert tab.get_attribute("#live", "aria-live") == "polite"


def test_dark_screens_forced_colors_and_still_pictures_have_their_rules(opened, page):
    background = "getComputedStyle(document.body).backgroundColor"
    assert opened(page).evaluate(background) == "rgb(255, 255, 255)"
    assert opened(page, color_scheme="dark").evaluate(background) == "rgb(20, 23, 29)"
    lines = "getComputedStyle(document.querySelector('.picture g.node.writes > :is(polygon, path, ellipse)')).stroke"
    assert opened(page, forced_colors="active").evaluate(lines) != opened(page).evaluate(lines)
    # On a dark screen the colors of the picture are rules of style: all text has to have the system's one color.
    inks = "new Set([...document.querySelectorAll('.picture g.node text')].map(x => getComputedStyle(x).fill)).size"
    for scheme in ("light", "dark"):
        assert opened(page, forced_colors="active", color_scheme=scheme).evaluate(inks) == 1
    moving = "getComputedStyle(document.querySelector('.picture g.node')).transitionDuration"
    assert opened(page, reduced_motion="reduce").evaluate(moving) == "0s"


@pytest.mark.parametrize("width", [1400, 390])
def test_nothing_sticks_out_sideways(opened, page, width):
    tab = opened(page, 23, viewport={"width": width, "height": 900})
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_without_scripts_there_is_the_picture_and_the_final_table(opened, page, run):
    tab = opened(page, java_script_enabled=False)
    assert tab.locator(".picture svg").is_visible()
    assert not tab.locator(".controls").is_visible()
    rows = tab.locator(".all tbody tr").all_inner_texts()
    assert len(rows) == len(run.graph)
    name, _, value, gradient, _ = rows[run.graph.position("W3")].split("\t")
    assert name == "W₃"
    for text, array in ((value, run["W3"]), (gradient, run["dW3"])):
        assert [number_of(part) for part in text.split()] == pytest.approx(array.ravel(), rel=1e-3)


def test_on_paper_there_is_the_whole_picture_and_the_final_table(opened, page):
    tab = opened(page, 3)
    tab.emulate_media(media="print")
    assert not tab.locator(".controls").is_visible()
    assert not tab.locator(".step").is_visible()
    assert tab.locator(".all table").is_visible()
    assert tab.get_by_text("∂L/∂A₃", exact=True).is_visible()
    opacity = "all => all.map(x => getComputedStyle(x).opacity)"
    assert set(tab.eval_on_selector_all(".picture g.node", opacity)) == {"1"}
    tab.set_viewport_size({"width": 1045, "height": 700})  # a sheet of A4 across, less its margins
    assert tab.evaluate("document.documentElement.scrollWidth") <= 1045


@pytest.mark.parametrize("width", [1400, 390])
def test_a_row_of_the_final_table_is_no_higher_than_its_array_or_four_lines(opened, width):
    from test_page import of_gradients

    tab = opened(of_gradients().page(), viewport={"width": width, "height": 900})
    rows = tab.eval_on_selector_all(".all tbody tr", "all => all.map(row => [row.clientHeight, row.innerText])")
    assert len(rows) == 40
    assert {row for height, row in rows if height > 120} == set()


def test_hostile_names_stay_text(opened):
    from test_page import hostile

    tab = opened(hostile().page())
    alerts = []
    tab.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    for _ in range(count(tab)[1]):
        tab.keyboard.press("ArrowRight")
    assert alerts == []
    assert tab.locator("main img, main script, main b").count() == 0
    assert "<img src=x onerror=alert(1)>" in tab.inner_text(".all")


def test_a_page_works_in_the_frame_of_a_notebook(chromium, page):
    context = chromium.new_context()
    tab = context.new_page()
    said = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.set_content(page._repr_html_())
    frame = tab.frame_locator("iframe")
    frame.locator("#next").click()
    frame.locator("#next").press("ArrowRight")
    assert frame.locator("#count").inner_text() == "3 of 51"
    assert said == []
    context.close()


def test_a_graph_of_300_nodes_is_stepped_through_and_stays_below_3_mb(opened):
    z, feeds = cr.Parameter("z", (4, 6)), {"z": np.full((4, 6), 0.1)}
    for k in range(99):
        with cr.layer(f"Layer {k}"):
            z = cr.Tanh(cr.Parameter(f"W{k}", (4, 4)) @ z)
            feeds[f"W{k}"] = np.eye(4) / 2
    run = cr.Graph(cr.Sum(z, name="L")).forward(feeds)
    run.backward()
    assert len(run.graph) == 299
    page = run.page(numerical=False)
    assert len(page.html.encode()) <= 3_000_000
    tab = opened(page)
    for _ in range(40):
        tab.keyboard.press("ArrowRight")
    assert count(tab)[0] == 41
    assert tab.locator("details.layer").count() == 0  # nothing is closed
    tab.keyboard.press("End")
    assert len(set(count(tab))) == 1
