"""The PDF, read back: its words, pages, outline, and that nothing can break it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from reportlab.pdfbase.ttfonts import TTFError

from ml_models.reports import AlertEvent, History, fonts, write
from ml_models.reports.fonts import Typeface, typeface
from ml_models.reports.timelines import scale

ODD = "<b>\"q\"</b> & 'x' \N{GRINNING FACE} 中文 \x00\n\ud800 é "


def pages(path):
    return [page.extract_text() for page in PdfReader(path).pages]


def squeezed(texts):
    """Without white space: a name may be broken over lines."""
    return re.sub(r"\s+", "", "".join(texts))


@pytest.fixture
def report(flights, history, tmp_path):
    return write(flights, tmp_path / "report.pdf", history=history)


def test_first_page_is_the_verdict(report):
    """Page 1 has the model, the level, why, and every kind of check with what to do."""
    first = pages(report)[0]
    for text in (
        "flight-delay", "2013.03", "31 d", "28,425", "27,485", "CRITICAL", "5 critical and 2 warnings",
        "Accuracy is 0.724", "≥ 0.750", "Breached: critical", "Drift of temp", "PSI 8.012", "Breached: warning",
        "Health of weather-api", "Latency, 95th percentile", "42.1 ms", "7 features without drift", "What to do next",
    ):  # fmt: skip
        assert text in first, text


def test_every_feature_and_section_is_there(report, flights):
    """Each feature is in the table; each section has its heading and its facts."""
    texts = pages(report)
    whole = "\n".join(texts)
    for name in flights["data"]["features"]:
        assert name in whole
    for text in (
        "Performance", "0.719 to 0.729", "Confusion matrix", "17,385", "Over time", "Drift", "Predictions and labels",
        "Data quality", "Completeness", "38.10 %", "System", "4.88 GiB of 8 GiB", "TimeoutError: no answer",
        "ValueError: unknown carrier 'ZZ'", "Alert history", "FeatureDriftCritical", "firing", "Provenance",
        "sha256:9f2c41d07be3", "Definitions", "Population stability index",
    ):  # fmt: skip
        assert text in whole, text


def test_pages_are_numbered(report):
    """Each page says which it is and of how many."""
    texts = pages(report)
    assert len(texts) > 3
    for number, text in enumerate(texts, start=1):
        assert f"Page {number} of {len(texts)}" in text


def test_metadata_outline_and_fonts(report):
    """Title and author are set, the outline leads to the right pages, and every font is embedded."""
    reader = PdfReader(report)
    assert reader.metadata.title == "Model report: flight-delay 2013.03"
    assert reader.metadata.author.startswith("ml-models-monitoring")
    top = [entry for entry in reader.outline if not isinstance(entry, list)]
    titles = [entry.title for entry in top]
    assert titles == [
        "Verdict", "Performance", "Drift", "Predictions and labels", "Data quality", "System", "Errors",
        "Alert history", "Provenance",
    ]  # fmt: skip
    for entry in top[1:]:
        assert entry.title in reader.pages[reader.get_destination_page_number(entry)].extract_text()
    used = {
        font.get_object()["/BaseFont"]
        for page in reader.pages
        for font in page["/Resources"]["/Font"].values()
        if "/FontDescriptor" in font.get_object()
    }
    assert used
    assert all("Vera" in name or "DejaVu" in name for name in used)


@pytest.mark.parametrize(("page_size", "width"), [("A4", 595.28), ("Letter", 612.0)])
def test_page_size(flights, tmp_path, page_size, width):
    """A4 and Letter are what they are called."""
    path = write(flights, tmp_path / "a.pdf", page_size=page_size)
    assert float(PdfReader(path).pages[0].mediabox.width) == pytest.approx(width, abs=0.01)


def test_same_input_same_bytes_also_in_another_process(flights, history, tmp_path):
    """The bytes depend on the input only: not on time, process, or what was written before."""
    first = write(flights, tmp_path / "a.pdf", history=history).read_bytes()
    write({"model": {"name": "\N{GREEK SMALL LETTER RHO} another"}}, tmp_path / "b.pdf")
    assert write(flights, tmp_path / "c.pdf", history=history).read_bytes() == first
    write(flights, tmp_path / "metrics.json")
    write(flights, tmp_path / "d.pdf")
    code = (
        "import json, sys; from ml_models.reports import write\n"
        "write(json.load(open(sys.argv[1], encoding='utf-8'))['metrics'], sys.argv[2])"
    )
    subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code, tmp_path / "metrics.json", tmp_path / "e.pdf"],
        check=True,
        timeout=60,
    )
    assert (tmp_path / "e.pdf").read_bytes() == (tmp_path / "d.pdf").read_bytes()


def test_two_hundred_features(flights, tmp_path):
    """Each of 200 long-named features is there, under a head that is repeated on each page of the table."""
    names = [f"customer_{index:03d}_transactions_amount_sum_last_{index}_days" for index in range(200)]
    template = flights["data"]["features"]["temp"]
    flights["data"]["features"] = {
        name: template | {"drift": {"psi": 0.3 - 0.001 * index, "js": 0.1, "ks": 0.1}, "drifted": None}
        for index, name in enumerate(names)
    }
    texts = pages(write(flights, tmp_path / "a.pdf"))
    whole = squeezed(texts)
    assert [name for name in names if name not in whole] == []
    heads = [text for text in texts if "FeatureDistributionPSI" in squeezed([text])]
    assert len(heads) >= 6
    assert "The 6 most drifted features" in "".join(texts)
    assert f"Page 2 of {len(texts)}" in texts[1]
    assert "more features with critical drift" in texts[0].replace("\n", " ")


@pytest.mark.parametrize("bare", [True, False])
def test_no_data_is_said(nothing, tmp_path, bare):
    """With all values None, or no metrics at all, each section says that there is no data."""
    texts = pages(write({} if bare else nothing, tmp_path / "a.pdf"))
    whole = "".join(texts)
    assert "NOT ENOUGH DATA" in texts[0]
    assert "There were no predictions in the window." in texts[0]
    assert whole.count("No data") > 20
    assert "the report was made without an alert history" in whole
    assert "None" not in whole
    assert not re.search(r"\bnan\b", whole)


def test_no_alerts_and_series_without_values(flights, tmp_path):
    """A time without alerts is told from an unknown one; a series of nothing says so in its chart."""
    times = (0.0, 60.0)
    texts = pages(write(flights, tmp_path / "a.pdf", history=History(times, {"accuracy": (None, None)}, ())))
    assert "No alert fired in the time covered." in "".join(texts)
    unknown = pages(write(flights, tmp_path / "b.pdf", history=History(times, {"accuracy": (0.7, 0.8)})))
    assert "the report was made without an alert history" in "".join(unknown)
    chart = next(text for text in texts if "Over time" in text)
    assert "No data" in chart


def test_any_text_is_shown(flights, history, tmp_path):
    """Markup, emoji, CJK, control characters and lone surrogates are shown, if only as their code points."""
    flights["model"]["name"] = ODD
    flights["data"]["features"] = {
        f"{index}{ODD}": feature for index, feature in enumerate(flights["data"]["features"].values())
    }
    flights["system"]["health"] = {ODD: {"up": False, "error": ODD * 300}}
    flights["errors"][0] |= {"exception": ODD * 9, "trace": [ODD * 90] * 9, "endpoint": "y" * 900}
    flights["performance"]["confusion"]["classes"] = [ODD * 5, "x" * 300]
    alerts = (AlertEvent("z" * 99, ODD, {ODD: ODD * 9}, 0.0, 9e20),)
    found = History(history.times, {ODD: history.series["accuracy"]}, alerts)
    whole = squeezed(pages(write(flights, tmp_path / "a.pdf", history=found)))
    for text in ("<b>\"q\"</b>&'x'", "[U+1F600]", "[U+4E2D]", "[U+0000]", "[U+D800]", "é"):
        assert text in whole, text


def test_distribution_with_one_side_only(flights, tmp_path):
    """A chart without live values, or without a reference, says which is missing."""
    shares = flights["data"]["prediction_distribution"]["prediction"]
    flights["data"]["prediction_distribution"] = {"prediction": shares | {"reference": None}}
    flights["data"]["label_distribution"] = {"label": shares | {"live": None}}
    whole = "".join(pages(write(flights, tmp_path / "a.pdf")))
    assert "No reference" in whole
    assert "No live data" in whole


def test_many_classes_are_told_by_their_mistakes(flights, tmp_path):
    """A matrix too large to read gives way to the most frequent mistakes."""
    counts = [[100 if a == p else 0 for p in range(12)] for a in range(12)]
    counts[3][7] = 40
    flights["performance"]["confusion"] = {"classes": [f"class {index}" for index in range(12)], "counts": counts}
    whole = "".join(pages(write(flights, tmp_path / "a.pdf")))
    assert "Most frequent mistakes among 12 classes" in whole
    assert "3.2 %" in whole  # 40 of 1240


def test_clean_and_runs_without_a_fallback_font():
    """Where no font has a glyph, its code point stands for it; white space is a blank."""
    face = Typeface(frozenset(map(ord, "ab ")), frozenset())
    assert face.clean("a\tb\n") == "a b "
    assert face.clean("a\N{GREEK SMALL LETTER RHO}") == "a[U+03C1]"
    full = typeface()
    assert full.runs("ab") == [(fonts.REGULAR, "ab")]


def test_missing_fallback_font_is_no_fault(monkeypatch):
    """On a system without DejaVu the embedded font alone is used."""
    register = fonts._register

    def only_vera(name, file):
        if "DejaVu" in file:
            raise TTFError("can't open file")
        return register(name, file)

    monkeypatch.setattr(fonts, "_register", only_vera)
    assert typeface.__wrapped__().fallback == frozenset()


@given(st.text(max_size=80), st.floats(20, 300))
def test_shortened_and_wrapped_text_fits(text, room):
    """A shortened text is never wider than its room, and keeps both of its ends."""
    face = typeface()
    short = face.shorten(text, 7, room)
    assert face.width(short, 7) <= room or short == "…"
    lines = face.wrap(text, 7, room, 3)
    assert len(lines) <= 3
    assert all(face.width(line.rstrip(), 7) <= room for line in lines if len(line) > 1)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.floats(-1e12, 1e12)), min_size=1, max_size=8),
    st.floats(0, 4e9),
    st.text(max_size=20),
)
def test_any_series_and_name_can_be_drawn(tmp_path_factory, values, start, name):
    """Whatever the values, times and names are, there is a report."""
    history = History(
        tuple(start + index for index in range(len(values))), {name: tuple(values), "accuracy": tuple(values)}
    )
    share = None if values[0] is None else abs(values[0])
    bins = {"bins": [name, "b"], "upper_edges": None, "reference": [share, 0.5], "live": [0.1, share]}
    metrics = {
        "model": {"name": name},
        "thresholds": {"accuracy_min": share, "drift_warning_max": 0.1},
        "performance": {"accuracy": values[0], "labels": 5, "latency_seconds": {"p95": share}},
        "data": {"features": {name: {"kind": "numeric", "drift": {"psi": share}, "samples": 9, "distribution": bins}}},
    }
    path = write(metrics, tmp_path_factory.mktemp("any") / "a.pdf", history=history)
    assert path.read_bytes().startswith(b"%PDF-")


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=9))
def test_axis_holds_its_values(values):
    """An axis reaches over its values, in at most a handful of steps."""
    low, high, step = scale(values)
    slack = 1e-6 * step + 1e-12 * max(map(abs, values))
    assert low <= min(values) + slack
    assert high >= max(values) - slack
    assert 1 <= round((high - low) / step) <= 5
