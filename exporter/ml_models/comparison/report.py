"""What a comparison found: the report, its verdicts, and its forms for machines."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ml_models.errors import MissingExtraError, ReportError
from ml_models.profile.reference import Kind, Role

Verdict = Literal["drift", "no drift", "not judged"]


@dataclass(frozen=True, slots=True)
class Distribution:
    """Shares of the values per bin of the reference.

    Attributes
    ----------
    bins : tuple of str
        What each bin holds: a range of numbers, a category, ``__other__`` or ``__unseen__``.
    reference, live : tuple of float or None
        Shares that sum to 1; None where there are no values.
    """

    bins: tuple[str, ...]
    reference: tuple[float, ...] | None
    live: tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """One column of the reference and what became of it.

    Attributes
    ----------
    name : str
    role : {'feature', 'prediction', 'label'}
    kind : {'numeric', 'datetime', 'categorical', 'boolean'}
    score : float or None
        By the method of the comparison; None where it is undefined.
    scores : dict of float or None
        By every method that is defined for the kind.
    threshold : float
        Scores above it are drift, if they are above noise too.
    noise : float or None
        PSI that sampling noise alone reaches with probability 0.001 at these sample sizes.
    pvalue, adjusted_pvalue : float or None
        Of a method that is a test (chi2, ks), the second adjusted for the number of columns that were judged; None for
        other methods, and where the column was not judged.
    samples, reference_samples : int
        Values that are in the bins, so neither missing nor invalid.
    drifted : bool or None
        None if it was not judged; ``reason`` says why.
    strong : bool
        Whether it drifted beyond the threshold of strong drift, which there is for PSI only.
    reason : str
        Why it was not judged, or is no drift though its score is above the threshold; may be empty.
    missing_ratio, invalid_ratio, out_of_range_ratio : float or None
        Of the live cells, the last of those that are not missing; None without rows.
    reference_missing_ratio : float or None
    distribution : Distribution
    """

    name: str
    role: Role
    kind: Kind
    score: float | None
    scores: dict[str, float | None]
    threshold: float
    noise: float | None
    pvalue: float | None
    adjusted_pvalue: float | None
    samples: int
    reference_samples: int
    drifted: bool | None
    strong: bool
    reason: str
    missing_ratio: float | None
    invalid_ratio: float | None
    out_of_range_ratio: float | None
    reference_missing_ratio: float | None
    distribution: Distribution

    @property
    def largest_change(self) -> tuple[str, float, float] | None:
        """The bin whose share changed most, with its share in the reference and live; None without values."""
        reference, live = self.distribution.reference, self.distribution.live
        if reference is None or live is None:
            return None
        return max(
            zip(self.distribution.bins, reference, live, strict=True), key=lambda change: abs(change[2] - change[1])
        )


@dataclass(frozen=True, slots=True)
class MultivariateDrift:
    """How the numeric features together differ from the reference, which no single feature need show.

    Attributes
    ----------
    rows, incomplete : int
        Live rows that have every numeric feature, and those left out because they have not.
    drifted : bool or None
        Whether a correlation changed by more than the threshold and more than chance changes it; None if not judged.
    correlation_change, correlation_pvalue : float or None
        Largest absolute change of a correlation, and how likely chance alone makes some pair change as much.
    pair : tuple of str or None
        The two features whose correlation changed most.
    before, after : float or None
        Their correlation.
    frechet, frechet_pvalue : float or None
        Frechet distance of the fitted normal distributions, in standard deviations of the reference, and how likely
        chance alone makes it as large. It has no threshold: it grows with the number of features.
    """

    rows: int
    incomplete: int
    drifted: bool | None
    correlation_change: float | None
    correlation_pvalue: float | None
    pair: tuple[str, str] | None
    before: float | None
    after: float | None
    frechet: float | None
    frechet_pvalue: float | None


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What :func:`ml_models.compare` found.

    ``print(report)`` shows a table, a notebook shows a page, and ``to_...`` methods give the other forms.

    Attributes
    ----------
    verdict : {'drift', 'no drift', 'not judged'}
        Of the data set: drift if the share of drifted features is above ``max_drift_share``.
    drift_share : float or None
        Share of the features that could be judged which have drifted; None if none could be.
    max_drift_share : float
    method : str
        Of the scores that were judged, a key of :data:`ml_models.stats.drift.METHODS`.
    thresholds : dict of float
        By signal of :data:`ml_models.catalog.SIGNALS`.
    rows, reference_rows : int
    reference : str
        Fingerprint of the reference profile.
    quality_score : float or None
        Mean of the quality's dimensions; None without rows.
    quality : dict of float or None
        Completeness, validity and schema, each in [0, 1]; uniqueness where it was asked for.
    missing_columns : tuple of str
        Features that some live rows have no column for.
    unexpected_columns : tuple of str
        Columns that the reference does not know.
    skipped : tuple of (str, str)
        Columns that the reference left out, with the reason.
    features : tuple of FeatureDrift
        In the reference's order, the prediction and the label among them.
    uncompared_rows : int
        Live rows that were not looked at for uniqueness, because too many distinct ones came before.
    multivariate : MultivariateDrift or None
        None unless the reference keeps how its features go together.
    """

    verdict: Verdict
    drift_share: float | None
    max_drift_share: float
    method: str
    thresholds: dict[str, float]
    rows: int
    reference_rows: int
    reference: str
    quality_score: float | None
    quality: dict[str, float | None]
    missing_columns: tuple[str, ...]
    unexpected_columns: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    features: tuple[FeatureDrift, ...]
    multivariate: MultivariateDrift | None = None
    uncompared_rows: int = 0

    @property
    def ranked(self) -> tuple[FeatureDrift, ...]:
        """All columns, those to look at first: drifted by falling score, not judged, then the rest."""
        order = {True: 0, None: 1, False: 2}
        return tuple(sorted(self.features, key=lambda f: (order[f.drifted], -_comparable(f.score), f.name)))

    @property
    def drifted(self) -> tuple[str, ...]:
        """Names of the columns that have drifted, the strongest first."""
        return tuple(feature.name for feature in self.ranked if feature.drifted)

    @property
    def quality_ok(self) -> bool | None:
        """Whether the quality reaches its threshold; None if there were no rows."""
        return None if self.quality_score is None else self.quality_score >= self.thresholds["quality_min"]

    def __getitem__(self, name: str) -> FeatureDrift:
        """Return the column of a name; KeyError if the reference has none."""
        for feature in self.features:
            if feature.name == name:
                return feature
        raise KeyError(name)

    def judged(self, role: Role) -> bool | None:
        """Return whether the column of a role that has only one has drifted; None if not judged, or there is none."""
        return next((feature.drifted for feature in self.features if feature.role == role), None)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values that JSON can hold: None where undefined, never NaN."""
        content = asdict(self)
        return {**_plain(content), "drifted": list(self.drifted), "quality_ok": self.quality_ok}

    def to_json(self, indent: int | None = 2) -> str:
        """Return :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False, ensure_ascii=False)

    def to_frame(self) -> Any:
        """Return a pandas frame with a row per column of the reference, in its order.

        Raises
        ------
        MissingExtraError
            Without pandas.
        """
        try:
            import pandas as pd  # noqa: PLC0415 - optional dependency
        except ImportError:
            raise MissingExtraError("data frames", "pandas", "demo") from None
        names = ["name", "role", "kind", "drifted", "strong", "score", "threshold", "noise", "pvalue",
                 "adjusted_pvalue", "samples",
                 "reference_samples", "missing_ratio", "invalid_ratio", "out_of_range_ratio",
                 "reference_missing_ratio", "reason"]  # fmt: skip
        methods = sorted({method for feature in self.features for method in feature.scores})
        rows = [
            {name: getattr(feature, name) for name in names} | {m: feature.scores.get(m) for m in methods}
            for feature in self.features
        ]
        # Whole columns of None are numbers that are undefined, which pandas would keep as objects.
        frame = pd.DataFrame(rows, columns=[*names, *methods])
        numbers = [
            "score",
            "noise",
            "pvalue",
            "adjusted_pvalue",
            *(name for name in names if name.endswith("_ratio")),
            *methods,
        ]
        return frame.astype(dict.fromkeys(numbers, float))

    def to_text(self, *, width: int | None = None, colour: bool = False, ascii_only: bool = False, top: int = 0) -> str:
        """Return a table for the terminal.

        Parameters
        ----------
        width : int, optional
            In columns; default 100.
        colour : bool
            Whether to colour verdicts with ANSI escapes.
        ascii_only : bool
            Whether the histograms and names may hold ASCII only.
        top : int
            Show so many columns, the ones to look at first; 0 shows all.
        """
        from ml_models.comparison.text import text  # noqa: PLC0415 - the forms are built on the report

        return text(self, width=width or 100, colour=colour, ascii_only=ascii_only, top=top)

    def __str__(self) -> str:
        from ml_models.comparison.text import terminal  # noqa: PLC0415 - as above

        return terminal(self)

    def to_markdown(self, *, top: int = 30) -> str:
        """Return Markdown, as for a comment on a pull request; ``top`` columns, 0 for all."""
        from ml_models.comparison.markdown import markdown  # noqa: PLC0415 - as above

        return markdown(self, top=top)

    def to_html(self, *, top: int = 0) -> str:
        """Return a page of its own, which needs no other file; ``top`` columns, 0 for all."""
        from ml_models.comparison.html import page  # noqa: PLC0415 - as above

        return page(self, top=top)

    def _repr_html_(self) -> str:
        from ml_models.comparison.html import fragment  # noqa: PLC0415 - as above

        return fragment(self, top=30)

    @property
    def headline(self) -> str:
        """The verdict as one sentence."""
        from ml_models.comparison.sentences import headline  # noqa: PLC0415 - as above

        return headline(self)

    def save(self, path: str | Path, *, form: str | None = None, top: int = 0) -> Path:
        """Write the report to a file.

        Parameters
        ----------
        path : str or Path
        form : {'table', 'json', 'html', 'markdown'}, optional
            By default the suffix says it: .html, .json, .md, else a table as text.
        top : int
            As in :meth:`to_text`.
        """
        path = Path(path)
        path.write_text(self.written(form or form_of(path), top=top), encoding="utf-8")
        return path

    def written(self, form: str, *, top: int = 0) -> str:
        """Return the report in a form of :data:`FORMS`, as it stands in a file."""
        if form == "json":
            return self.to_json() + "\n"
        if form == "html":
            return self.to_html(top=top)
        if form == "markdown":
            return self.to_markdown(top=top) + "\n"
        if form == "table":
            return self.to_text(top=top) + "\n"
        raise ReportError(f"form: unknown {form!r}; choose from {', '.join(FORMS)}")


#: Forms that a report can be written in.
FORMS = ("table", "json", "html", "markdown")


def form_of(path: Path) -> str:
    """Return the form that a file's name asks for.

    Examples
    --------
    >>> form_of(Path("drift.html")), form_of(Path("drift.md")), form_of(Path("drift.txt"))
    ('html', 'markdown', 'table')
    """
    return {".html": "html", ".htm": "html", ".json": "json", ".md": "markdown"}.get(path.suffix.lower(), "table")


def _comparable(score: float | None) -> float:
    return -math.inf if score is None else score


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
