"""The landing page is plain, complete HTML, whatever the names are."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_models.exposition.landing import landing_page

VOID = {"meta", "br"}


class _Page(HTMLParser):
    """Collects text, links and tags, and holds tags to be closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in {"href", "src"}]
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_it_says_what_it_is_given_and_links_to_the_endpoints():
    page = _Page(landing_page("churn", "1.2", [("Accuracy", "93.1 %"), ("Data quality", None)]))
    assert page.open == []
    text = " ".join(page.texts)
    for expected in ("churn", "version 1.2", "Accuracy", "93.1 %", "Data quality", "no data"):
        assert expected in text
    assert page.links == ["/metrics", "/readyz", "/healthz"]


def test_nothing_is_loaded_from_elsewhere_and_nothing_runs():
    page = landing_page("churn", "", [])
    assert not {"script", "img", "link", "iframe", "object"} & set(_Page(page).tags)
    assert "http" not in page.replace("http-equiv", "")
    assert "url(" not in page
    assert "version" not in page


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><b>', "</title></main>", "&amp;", "a'b"])
def test_names_and_values_are_text_not_markup(text):
    plain = _Page(landing_page("name", "1", [("what", "value")]))
    page = _Page(landing_page(text, text, [(text, text)]))
    assert page.tags == plain.tags
    assert page.open == []
    assert "".join(page.texts).count(text) == 5  # title, heading, version, what and value


@given(st.text(), st.text(), st.text())
def test_any_text_gives_the_same_page_around_it(name, version, value):
    page = _Page(landing_page(name, version, [(value, value)]))
    assert page.tags == _Page(landing_page("x", "", [("x", "x")])).tags
    assert page.open == []
