"""Each benchmark renews its own sections of the document and leaves the others as they are."""

from bench import record
from bench.engine import core_packages, psi_alone
from bench.record import sections

OLD = "# Benchmarks\n\nold words\n\n## A\n\n1\n\n## B\n\n| x |\n"


def test_sections_of_the_same_heading_are_replaced_and_others_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "TARGET", tmp_path / "x.md")
    record.record(OLD.splitlines())
    assert record.TARGET.read_text() == OLD
    record.record(["## B", "", "2", "", "## C", "", "3", ""])
    assert record.TARGET.read_text() == OLD.replace("| x |", "2") + "\n## C\n\n3\n"
    record.record(["# Benchmarks", "", "new words", "", "## A", "", "4"])
    text = record.TARGET.read_text()
    assert "old words" not in text
    assert list(sections(text)) == ["", "A", "B", "C"]


def test_psi_alone_is_that_of_the_profile():
    """The figure called PSI is of the score that a comparison gives, on columns whose sample is the whole."""
    import numpy as np

    from ml_models import compare

    rng = np.random.default_rng(0)
    reference, live = {"x": rng.normal(size=5_000)}, {"x": rng.normal(0.3, 1, size=5_000)}
    assert psi_alone(reference, live) == [compare(reference, live).features[0].score]


def test_the_core_has_what_is_declared():
    """The count of packages follows what packages require, without extras."""
    assert {"numpy", "scipy", "pydantic-core", "urllib3"} < core_packages()
    assert not {"pyarrow", "pandas", "reportlab", "pytest"} & core_packages()
