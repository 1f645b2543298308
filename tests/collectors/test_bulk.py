"""Families rendered from a template are those that prometheus_client renders, on any label text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from ml_models.catalog import BIN_OBSERVATIONS, BIN_UPPER_EDGE, FEATURE_MISSING
from ml_models.collectors.bulk import Bulk

NASTY = [
    '"',
    "\\",
    "\n",
    "\\n",
    '\\"',
    "%",
    "%s",
    "%(x)s",
    "{}",
    "a b",
    "",
    "=",
    ",",
    "}",
    "\N{SNOWMAN}",
    "\U0001f600",
    "\r",
    "\u2028",
    "#",
]

texts = st.one_of(st.sampled_from(NASTY), st.text(st.characters(exclude_categories=["Cs"]), max_size=8))


def as_plain(families):
    return [
        (family.name, family.type, family.documentation, [(s.name, s.labels, s.value) for s in family.samples])
        for family in families
    ]


class Holding(CollectorRegistry):
    """A registry that holds one family as it is."""

    def __init__(self, family):
        super().__init__()
        self.family = family

    def collect(self):
        yield self.family


@given(st.lists(st.tuples(texts, texts, texts, texts), unique=True, max_size=6), st.data())
@example([tuple(NASTY[:4])], None)
@settings(deadline=None, max_examples=100)
def test_a_bulk_family_is_what_prometheus_client_makes_of_it(label_values, data):
    bulk = Bulk(BIN_OBSERVATIONS, label_values)
    size = len(label_values)
    counts = np.arange(size) if data is None else np.array(
        data.draw(st.lists(st.integers(0, 2**53), min_size=size, max_size=size)), dtype=np.int64)  # fmt: skip
    theirs = generate_latest(Holding(bulk.family(counts))).decode()
    assert as_plain(parse(bulk.render(counts, openmetrics=False))) == as_plain(parse(theirs))
    ours = bulk.render(counts, openmetrics=True) + "# EOF\n"
    theirs = generate_openmetrics(Holding(bulk.family(counts))).decode()
    assert as_plain(parse_openmetrics(ours)) == as_plain(parse_openmetrics(theirs))


@pytest.mark.parametrize("nasty", NASTY)
def test_label_text_comes_back_as_it_was(nasty):
    text = Bulk(FEATURE_MISSING, [(nasty, nasty * 2, f"x{nasty}y")]).render(np.array([7]), openmetrics=False)
    (family,) = parse(text)
    assert family.samples[0].labels == {"model": nasty, "role": nasty * 2, "feature": f"x{nasty}y"}
    assert family.samples[0].value == 7


@given(st.floats(allow_nan=False))
def test_floats_are_rendered_to_the_last_bit(value):
    bulk = Bulk(BIN_UPPER_EDGE, [("m", "feature", "x", "00")])
    (family,) = parse(bulk.render(np.array([value]), openmetrics=False))
    assert family.samples[0].value == value


def test_counts_are_rendered_exactly():
    text = Bulk(FEATURE_MISSING, [("m", "feature", "x")]).render(np.array([2**53 + 1]), openmetrics=False)
    assert text.endswith(f" {2**53 + 1}\n")


def test_a_family_without_samples_is_a_head_and_nothing_else():
    assert Bulk(FEATURE_MISSING, []).render(np.empty(0), openmetrics=False).count("\n") == 2


def test_labels_and_values_must_fit_the_metric():
    with pytest.raises(ValueError, match="zip"):
        Bulk(FEATURE_MISSING, [("m", "feature")])
    bulk = Bulk(FEATURE_MISSING, [("m", "feature", "x")])
    with pytest.raises(TypeError):
        bulk.render(np.array([1, 2]), openmetrics=False)
