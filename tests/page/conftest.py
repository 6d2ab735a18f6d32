"""How the tests of pages open one, and what they hold it to."""

import pytest


@pytest.fixture
def opened(chromium, tmp_path):
    """Opens a page from a file, and holds it to saying nothing on the console and asking for nothing but itself."""
    contexts, said = [], []

    def opening(page, step=None, **options):
        path = page.save(tmp_path / "page.html")
        context = chromium.new_context(**{"viewport": {"width": 1400, "height": 1000}, **options})
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("request", lambda request: said.append(request.url) if request.url[:5] == "http:" else None)
        tab.goto(path.as_uri() + (f"#{step}" if step else ""))
        return tab

    yield opening
    for context in contexts:
        context.close()
    assert said == []


@pytest.fixture(scope="session")
def violations():
    """What axe-core finds in a tab, or in a part of it: the rule and the first place of each."""
    axe = pytest.importorskip("axe_playwright_python.base", reason="accessibility is judged by axe-core")
    source = axe.AXE_FILE_PATH.read_text("utf-8")

    def found(tab, part="html"):
        tab.evaluate(source)
        told = tab.evaluate("part => axe.run(part)", part)["violations"]
        return [(one["id"], one["nodes"][0]["html"][:200], one["nodes"][0]["failureSummary"]) for one in told]

    return found
