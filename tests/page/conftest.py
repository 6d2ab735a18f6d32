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
