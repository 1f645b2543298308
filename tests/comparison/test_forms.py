"""The forms of a report: complete, right for their readers, and safe whatever the columns are called."""

import io
import json
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from ml_models import compare
from ml_models.comparison import form_of
from ml_models.comparison.sentences import printable
from ml_models.comparison.text import columns_of
from ml_models.errors import MissingExtraError, ReportError

HOSTILE = "<img src=x>|`b` @team \x1b[31m\nend 'q\" & https://x.y"
ESCAPE = re.compile(r"\x1b\[[\d;]*m")


class Parsed(HTMLParser):
    """Elements, attributes and text of a page; raises where tags do not match."""

    VOID = ("meta", "rect")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def hostile():
    x = np.random.default_rng(2).normal(size=500)
    return compare({HOSTILE: x, "気温": x, "c": ["<b>", "|"] * 250}, {HOSTILE: x + 3, "気温": x, "c": ["</td>"] * 500})


@pytest.fixture
def wide():
    """200 features with long names, of which every tenth has drifted."""
    random = np.random.default_rng(5)
    names = [f"{'customer_account_' * 4}balance_over_the_last_{day}_days" for day in range(200)]
    reference = {name: random.normal(size=400) for name in names}
    live = {name: random.normal(size=400) + 2 * (place % 10 == 0) for place, name in enumerate(names)}
    return compare(reference, live)


# --- for machines ------------------------------------------------------------------------------------------------


def test_the_dict_is_plain_and_the_same_as_the_json(report):
    assert json.loads(report.to_json()) == report.to_dict()
    assert report.to_dict()["drifted"] == ["temp"]
    assert report.to_dict()["features"][0]["distribution"]["live"] == list(report["temp"].distribution.live)


def test_json_never_holds_nan(reference):
    for live in ({}, {"temp": [None] * 10}, {"temp": [float("inf")] * 500, "wind": [float("nan")] * 500}):
        json.loads(compare(reference, live).to_json(), parse_constant=pytest.fail)


def test_the_frame_has_a_row_per_column_and_a_number_per_method(report):
    frame = report.to_frame()
    assert frame["name"].tolist() == ["temp", "wind", "origin", "late"]
    assert frame.loc[0, "psi"] == report["temp"].score
    assert np.isnan(frame.loc[2, "ks"])
    assert frame["score"].dtype == float


def test_the_frame_needs_pandas_and_says_so(report, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match="need pandas"):
        report.to_frame()


def test_an_empty_report_makes_an_empty_frame(reference):
    frame = compare({"x": [1.0]}, {"x": [1.0]}, ignore=["x"]).to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert frame.empty


def test_a_file_has_the_form_that_its_suffix_says(report, tmp_path):
    begins = {"a.html": "<!doctype html>", "a.json": "{", "a.md": "### ", "a.txt": "1 of 3 features"}
    for name, begin in begins.items():
        assert report.save(tmp_path / name).read_text(encoding="utf-8").startswith(begin), name
    assert form_of(tmp_path / "A.HTML") == "html"
    with pytest.raises(ReportError, match="unknown 'pdf'; choose from table"):
        report.save(tmp_path / "a", form="pdf")


# --- for terminals -----------------------------------------------------------------------------------------------


def test_the_table_ranks_what_to_look_at_first_and_explains_it(report):
    lines = report.to_text(width=120).splitlines()
    assert lines[0] == "1 of 3 features has drifted (33.3 %)."
    assert "2,000 live rows against 2,000 of reference" in lines[1]
    header = next(place for place, line in enumerate(lines) if line.startswith("column"))
    assert lines[header + 1].startswith("temp ")
    assert "strong drift" in lines[header + 1]
    assert re.search(r"> \S+: 10.0 % before, \d\d.\d % now", "\n".join(lines[header + 1 : header + 3]))


def test_histograms_share_their_scale():
    report = compare({"c": ["a"] * 400 + ["b"] * 400}, {"c": ["a"] * 800})
    line = next(line for line in report.to_text().splitlines() if line.startswith("c "))
    assert re.search(r"categorical  ▄▄\s+█ ", line)
    line = next(line for line in report.to_text(ascii_only=True).splitlines() if line.startswith("c "))
    assert re.search(r"categorical  ==\s+@ ", line)


def test_new_categories_have_the_last_cell_of_a_long_histogram():
    names = [f"c{place:02d}" for place in range(25)]
    report = compare({"c": names * 40}, {"c": ["new"] * 1_000})
    line = next(line for line in report.to_text().splitlines() if line.startswith("c "))
    assert re.search(r"\s {11}█ ", line)
    assert "new categories: 0 % before, 100 % now" in report.to_text()


@pytest.mark.parametrize("width", [60, 80, 100, 160])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_line_is_wider_than_the_terminal(wide, hostile, report, width, ascii_only):
    for one in (wide, hostile, report):
        lines = one.to_text(width=width, ascii_only=ascii_only).splitlines()
        assert max(map(columns_of, lines)) <= width
        assert all("verdict" in line and "live" in line for line in lines if line.startswith("column "))


def test_columns_of_a_wide_table_line_up(hostile):
    """Also where a name has characters of two columns' width."""
    lines = [line for line in hostile.to_text(width=120).splitlines() if re.search("  (numeric|categorical)  ", line)]
    assert len(lines) == 3
    assert len({columns_of(re.split("numeric|categorical", line)[0]) for line in lines}) == 1


def test_only_a_terminal_gets_colours(report, monkeypatch):
    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self):
            return True

    assert not ESCAPE.search(str(report))
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    coloured = str(report)
    monkeypatch.setenv("NO_COLOR", "1")
    plain = str(report)
    monkeypatch.undo()
    assert ESCAPE.search(coloured)
    assert ESCAPE.sub("", coloured) == plain


def test_ascii_stands_in_where_the_encoding_has_no_blocks(hostile, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    text = str(hostile)
    monkeypatch.undo()
    assert text.isascii()
    assert "@" in text


def test_a_name_cannot_move_the_cursor(hostile):
    for form in (hostile.to_text(), hostile.to_html(), hostile.to_markdown()):
        assert "\x1b" not in form
    assert r"@team \x1b[31m\nend" in hostile.to_html()


def test_top_shows_the_first_and_counts_the_rest(wide):
    text = wide.to_text(top=5)
    assert text.count("strong drift") == 5
    assert "195 more columns: 15 drifted, 180 without drift." in text
    assert wide.to_text(top=0).count("numeric") == 200
    assert "160 more columns" in str(wide)


# --- for browsers ------------------------------------------------------------------------------------------------


def test_the_page_is_well_formed_and_loads_nothing(report, hostile, wide):
    for one in (report, hostile, wide):
        page = one.to_html()
        parsed = Parsed(page)
        assert {"script", "img", "link", "iframe"}.isdisjoint(parsed.tags)
        assert not [name for name, _ in parsed.attributes if name in {"src", "href"} or name.startswith("on")]
        assert "url(" not in page
        assert "@import" not in page
        assert parsed.tags.count("svg") == len(one.features)


def test_the_page_shows_every_name_as_it_is(hostile):
    assert printable(HOSTILE) in Parsed(hostile.to_html()).text
    assert "</td>" not in Parsed(hostile.to_html()).tags


def test_the_page_is_light_and_dark(report):
    assert "prefers-color-scheme:dark" in report.to_html()


def test_a_notebook_gets_a_fragment_whose_rules_stay_inside_it(report, wide):
    fragment = report._repr_html_()
    assert "<html" not in fragment
    style = re.sub(r"@media[^{]*{(.*?})}", r"\1", re.search("<style>(.*?)</style>", fragment, re.DOTALL)[1], flags=re.S)
    for selectors in re.findall(r"([^{}]+){[^}]*}", style):
        assert all(".mlmon-drift" in selector for selector in selectors.split(","))
    assert wide._repr_html_().count("<svg") == 30
    assert "170 more columns" in wide._repr_html_()


# --- for pull requests -------------------------------------------------------------------------------------------


def test_markdown_folds_what_is_fine_away(report):
    text = report.to_markdown()
    assert text.startswith("### 🔴 1 of 3 features has drifted")
    assert text.index("<code>temp</code>") < text.index("<details>") < text.index("<code>wind</code>")


def test_markdown_has_tables_of_one_width_whatever_the_names(hostile):
    rows = [line for line in hostile.to_markdown().splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {7}
    assert not any("@team" in row or "`b`" in row or "<img" in row or "https://" in row for row in rows)


def test_markdown_stays_short(wide):
    assert len(wide.to_markdown()) < 20_000  # a comment on GitHub holds 65,536 characters
    assert "170 more columns" in wide.to_markdown()
