"""The document on statistics says what the registry does."""

from pathlib import Path

from ml_models.collectors.data import DEFAULT_THRESHOLDS, EXPORTED_METHODS
from ml_models.stats.drift import METHODS, THRESHOLD

TEXT = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")


def table() -> list[str]:
    """Return the rows that the document must have."""
    return [
        " | ".join(
            (
                f"| `{method.name}`",
                method.definition,
                method.scale,
                "numeric, datetime" if method.ordered else "all",
                "fine" if method.fine else "exported",
                str(THRESHOLD),
                f"{method.source} |",
            )
        )
        for method in METHODS.values()
    ]


def test_the_table_of_methods_is_the_registry():
    found = [line for line in TEXT.splitlines() if line.startswith("| `")]
    assert found == table(), "copy into docs/statistics.md:\n" + "\n".join(table())


def test_the_exported_methods_and_thresholds_are_named():
    assert f"Exported are {', '.join(f'`{name}`' for name in EXPORTED_METHODS)}" in TEXT
    assert f"strong drift at {DEFAULT_THRESHOLDS['drift_critical_max']}" in TEXT
    assert f"at least {DEFAULT_THRESHOLDS['samples_min']:.0f} values" in TEXT
