"""The "try" buttons: in a browser the blocks of a page give what the page says, and a site without Pyodide has none."""

import doctest
import types

import pytest
import site_try

PAGES = ["start", "course/05-output", "howto/custom-node"]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture
def tab(chromium):
    """A tab that says nothing on its console."""
    context, said = chromium.new_context(viewport={"width": 1400, "height": 1000}), []
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    context.close()
    assert said == []


def expected(block):
    """What a block of a page says is printed: what stands behind no prompt, where `...` is one only below another."""
    said, typed = [], False
    for line in block.splitlines():
        typed = line.startswith(">>>") or (typed and line.startswith("..."))
        said += [] if typed else [line]
    return "\n".join(said)


def run(tab, index):
    """What the block with this number prints when its button is pressed."""
    place = tab.locator(".try").nth(index)
    before = int(place.get_attribute("data-runs") or 0)
    place.locator("button").first.click()
    tab.wait_for_function(
        "([index, before]) => document.querySelectorAll('.try')[index].dataset.runs > before",
        arg=[index, before],
        timeout=120_000,
    )
    return place.locator("pre").inner_text()


def opened(tab, address, page):
    """A page whose answers to exercises are unfolded, and its blocks."""
    if not site_try.has_assets():
        pytest.skip("there is no Pyodide with the wheel of NumPy: docs/fetch_pyodide.py fetches them")
    tab.goto(f"{address}/{page}.html")
    tab.evaluate("document.querySelectorAll('details').forEach(part => (part.open = true))")
    blocks = tab.locator("article div.highlight pre").all_inner_texts()
    return [block for block in blocks if block.startswith(">>> ")]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_prints_in_the_browser_what_the_page_says(tab, address, violations, page):
    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    blocks = opened(tab, address, page)
    assert tab.locator(".try").count() == len(blocks) > 3
    for index, block in enumerate(blocks):
        got = run(tab, index)
        assert doctest.OutputChecker().check_output(expected(block), got, OPTIONS), f"{block}\n--- printed:\n{got}"
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    if page == PAGES[0]:
        assert violations(tab) == []
        a_change_is_run_a_picture_is_shown_and_an_endless_loop_is_stopped(tab)


def a_change_is_run_a_picture_is_shown_and_an_endless_loop_is_stopped(tab):
    """What else a reader does, in the page that has loaded Python already."""
    place = tab.locator(".try").last
    place.locator("textarea").fill("1 / 0\ngraph.draw()\nrun")
    said = run(tab, tab.locator(".try").count() - 1).splitlines()
    assert [said[2][:17], said[3][:11], said[4][:5]] == ["ZeroDivisionError", "<Drawing of", "<Run "]
    assert place.locator("img").evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 100
    place.locator("textarea").fill("while True: pass")
    place.locator("button").first.click()
    place.get_by_text("Stop").click()
    assert place.locator("pre").inner_text().startswith("Stopped.")


def test_a_site_without_pyodide_has_no_buttons_and_one_with_it_has_none_that_fail():
    class App:
        """What Sphinx hands to those who add a script."""

        def __init__(self, buttons):
            self.added, self.config = [], types.SimpleNamespace(try_buttons=buttons)

        def add_js_file(self, name):
            """Keep it."""
            self.added.append(name)

    for buttons, page, added in [(True, "start", ["try.js"]), (False, "start", []), (True, "interop", [])]:
        app = App(buttons)
        site_try.add_button(app, page, "page.html", {}, None)
        assert app.added == added
    assert all((site_try.DOCS / f"{page}.md").exists() for page in site_try.NEED_MORE)
