"""The site: built without a warning, without a dead link or a network, and open to everybody."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

LOOKED_AT = ["index", "search", "course/05-output", "reference/made/nodes-losses", "drawing", "lecture"]


class Links(HTMLParser):
    """What a page leads to and loads, and the places in it."""

    def __init__(self, text):
        super().__init__()
        self.places, self.links, self.loaded = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Keep the places and addresses of a tag."""
        told = dict(attrs)
        self.places |= {told[key] for key in ("id", "name") if told.get(key)}
        if tag == "a" and told.get("href"):
            self.links.append(told["href"])
        if tag in ("img", "script", "link", "iframe") and (told.get("src") or told.get("href")):
            self.loaded.append(told.get("src") or told["href"])


@pytest.fixture(scope="session")
def read(site):
    """Every page that was made, read once."""
    return {path: Links(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}


def test_every_link_leads_to_a_page_a_file_or_a_place_that_is_there(site, read):
    dead = []
    for page, found in read.items():
        for link in [*found.links, *found.loaded]:
            parts = urlsplit(link)
            if parts.scheme or not (parts.path or parts.fragment):
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            place = unquote(parts.fragment)
            if not target.exists() or (place and target.suffix == ".html" and place not in read[target].places):
                dead.append(f"{page.relative_to(site)}: {link}")
    assert dead == []


def test_nothing_is_loaded_from_elsewhere(site, read):
    assert [link for found in read.values() for link in found.loaded if urlsplit(link).scheme not in ("", "data")] == []
    styles = "".join(path.read_text("utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"url\(['\"]?https?:[^)]*\)|@import\s+['\"]?https?:\S*", styles) == []


def test_every_column_of_a_table_has_a_name(site, read):
    bare = re.compile(r"<th\b[^>]*>(\s*<p>)?\s*(</p>\s*)?</th>")
    assert [str(path.relative_to(site)) for path in read if bare.search(path.read_text("utf-8"))] == []


def test_the_reference_pages_and_the_search_are_there(site, read):
    assert (site / "searchindex.js").stat().st_size > 100_000
    assert {site / f"{page}.html" for page in LOOKED_AT} <= set(read)


@pytest.mark.parametrize("screen", [(1400, "light"), (390, "dark")])
@pytest.mark.parametrize("page", LOOKED_AT)
def test_axe_finds_no_violations_and_nothing_sticks_out(chromium, violations, address, page, screen):
    width, scheme = screen
    context = chromium.new_context(viewport={"width": width, "height": 1000}, color_scheme=scheme)
    tab, asked, said = context.new_page(), [], []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: said.append(message.text))
    tab.goto(f"{address}/{page}.html")
    found = violations(tab)
    wide = tab.evaluate("document.documentElement.scrollWidth")
    context.close()
    assert found == []
    assert wide <= width
    assert said == []
    assert [url for url in asked if not url.startswith((address, "data:"))] == []


def test_a_wide_picture_can_be_read_on_a_phone_and_opens_on_a_desk(chromium, address):
    for width, least in ((390, 0.59), (1400, 0)):
        tab = chromium.new_page(viewport={"width": width, "height": 1000})
        tab.goto(f"{address}/drawing.html")
        sizes = "parts => parts.map(p => [p.clientWidth / p.naturalWidth, p.closest('a') !== null])"
        found = tab.locator("article p img").evaluate_all(sizes)
        tab.close()
        assert len(found) > 10
        assert min(scale for scale, _ in found) >= least
        assert all(opens for scale, opens in found if scale < 0.6)
