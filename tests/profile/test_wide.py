"""References that are wide, of very many categories, nested or mixed: fitted in bounded memory, with a clear word."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from ml_models.profile import Layout, ReferenceProfile, Tally
from ml_models.profile.counting import TableCounter
from ml_models.profile.ingest import columns


def peak_growth(code):
    """Run code in a process of its own and return by how many MiB its memory grew after the imports."""
    script = f"""
import resource, numpy as np, pyarrow as pa, scipy.special
from ml_models.profile import ReferenceProfile
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
{code}
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


def test_ten_thousand_columns_are_profiled_and_tallied():
    rng = np.random.default_rng(0)
    table = {f"x{i}": rng.normal(size=250) for i in range(10_000)}
    profile = ReferenceProfile.fit(table)
    assert len(profile.features) == 10_000
    assert len(profile.to_json()) < 20_000_000
    tally = Tally(Layout.of(profile))
    TableCounter(tally.layout).add(tally, columns(table))
    np.testing.assert_array_equal(tally.cells, tally.layout.reference_cells)


def test_many_rows_of_many_columns_take_the_memory_of_a_sample():
    """60 million numbers, 458 MiB, go through a sample of 16 million, 122 MiB, and a file."""
    code = """
rng = np.random.default_rng(0)
def parts():
    for _ in range(60):
        yield {f"x{i}": rng.normal(size=2000) for i in range(500)}
profile = ReferenceProfile.fit(parts())
assert profile.rows == 120_000 and len(profile.features) == 500
"""
    assert peak_growth(code) < 420


@pytest.mark.parametrize("streamed", [True, False])
def test_a_million_categories_are_left_out_with_the_reason_and_bounded_memory(streamed):
    code = f"""
def parts():
    for start in range(0, 1_000_000, 50_000):
        yield pa.table({{"id": [f"user-{{i}}" for i in range(start, start + 50_000)], "x": np.arange(50_000) % 7}})
data = parts() if {streamed} else pa.concat_tables(list(parts()))
profile = ReferenceProfile.fit(data)
assert profile.names == ("x",)
(reason,) = dict(profile.skipped).values()
assert "identifier" in reason or "distinct values" in reason, reason
assert len(profile.to_json()) < 2_000
"""
    assert peak_growth(code) < 700


def test_categories_that_repeat_are_counted_however_many_there_are():
    """Of a column of 60,000 categories the profile keeps 30 names and 1,000 hashes."""
    texts = [f"c{i % 60_000}" for i in range(300_000)]
    (c,) = ReferenceProfile.fit({"c": texts}).features
    assert (len(c.categories), len(c.others), sum(c.counts)) == (30, 1_000, 300_000)
    assert len(ReferenceProfile((c,), 300_000).to_json()) < 8_000


@pytest.mark.parametrize(
    ("cells", "kind", "word"),
    [
        ([[1, 2], [3]] * 50, None, "values of type list have no bins"),
        ([{"a": 1}, None] * 50, None, "values of type dict have no bins"),
        ([np.arange(3)] * 100, None, "values of type ndarray have no bins"),
        ([1, "two", 3.0, True, None] * 20, "categorical", ""),
        ([1, 2.5, True, None] * 25, "numeric", ""),
        ([1, [2]] * 50, None, "values of type int, list have no bins"),
        (["a", ["b"]] * 50, "categorical", ""),
        ([object()] * 100, None, "values of type object have no bins"),
        ([1 + 2j] * 100, None, "values of type complex have no bins"),
    ],
)
def test_nested_and_mixed_columns_have_a_kind_or_a_word(cells, kind, word):
    profile = ReferenceProfile.fit({"odd": cells, "x": [1.0] * len(cells)})
    found = {feature.name: feature for feature in profile.features}
    if kind is None:
        assert word in dict(profile.skipped)["odd"]
    else:
        odd = found["odd"]
        assert odd.kind == kind
        assert odd.missing + odd.invalid + sum(odd.counts) == len(cells)
