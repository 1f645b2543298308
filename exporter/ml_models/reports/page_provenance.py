"""The last section: where the numbers come from and how each is defined."""

from __future__ import annotations

from reportlab.platypus import Flowable, Spacer

from ml_models import __version__, catalog
from ml_models.reports.formats import compact, iso_time, percent, seconds, unix_time
from ml_models.reports.layout import Sheet
from ml_models.reports.model import mapping, number, watches_data

_DEFINITIONS = (
    ("Accuracy", "Share of labelled predictions that were right."),
    ("Precision, recall, F1", "Of the positive class; the mean over the classes if there are more than two. "
     "F1 is the harmonic mean of precision and recall."),
    ("95 % interval", "Wilson's score interval for a ratio; the narrower, the more labels there were."),
    ("PSI", "Population stability index: sum of (live - reference) times ln(live / reference) over the bins, shares at "
     "least 0.0001. Bins are quantiles or top categories of the reference. Present values only."),
    ("JS", "Jensen-Shannon distance of the two distributions, base 2: 0 is alike, 1 is without overlap."),
    ("KS", "Largest difference of the two cumulative distributions; numeric features only."),
    ("Noise", "PSI that chance alone reaches with this many values; a smaller score is never called drift."),
    ("Quality", "Mean of completeness (cells present), validity (cells of the right type and inside the reference's "
     "range) and schema (rows with the expected columns)."),
    ("Latency", "Time of a call from its histogram, interpolated inside the bucket; failed calls included."),
    ("Failed calls", "Share of calls that raised an exception."),
)  # fmt: skip

_TIMELINESS = (
    "Timeliness", "1 while the newest data are inside the allowed age, falling to 0 at twice that age; part of the "
    "quality score where an age is allowed.",
)  # fmt: skip
#: Definitions of what a data monitor does not know.
_SERVED = frozenset({"Accuracy", "Precision, recall, F1", "95 % interval", "Latency", "Failed calls"})
_OF_WATCHED = frozenset({"data_age_seconds_max", "rejected_files_max"})
_OF_DATA = _OF_WATCHED | {"drift_warning_max", "drift_critical_max", "samples_min", "quality_min"}

_SHARES = frozenset({"error_ratio_max", "memory_ratio_max", "cpu_ratio_max", "disk_ratio_max"})


def story(sheet: Sheet) -> list[Flowable]:
    """Return the section."""
    metrics, model = sheet.metrics, mapping(sheet.metrics.get("model"))
    history, data = sheet.history, watches_data(metrics)
    definitions = [*(one for one in _DEFINITIONS if one[0] not in _SERVED), _TIMELINESS] if data else _DEFINITIONS
    covered = "none"
    if history is not None and history.times:
        covered = f"{unix_time(history.times[0])} to {unix_time(history.times[-1])}, {len(history.times)} points"
    return [
        *sheet.section("Provenance"),
        sheet.facts([
            ("Data" if data else "Model",
             f"{model.get('name') or 'unnamed'}, version {model.get('version') or 'not given'}"),
            ("Reference fingerprint", str(model.get("reference") or "no reference")),
            ("Window", f"{seconds(metrics.get('window_seconds'))}, up to {iso_time(metrics.get('generated_at'))}"),
            ("Time series", covered),
            ("Source", "The data monitor" if data else "The monitor in the model's process"),
            ("Made by", f"ml-models-monitoring {__version__}"),
        ]),
        *sheet.part("Thresholds in force"),
        *_thresholds(sheet),
        *sheet.part("Definitions"),
        sheet.facts(definitions, 0.22),
    ]  # fmt: skip


def _thresholds(sheet: Sheet) -> list[Flowable]:
    limits = mapping(sheet.metrics.get("thresholds"))
    rows = [
        [signal, _threshold(signal, limits[signal]), meaning]
        for signal, meaning in catalog.SIGNALS.items()
        if number(limits.get(signal)) is not None
    ]
    about = _OF_DATA if watches_data(sheet.metrics) else catalog.SIGNALS.keys() - _OF_WATCHED
    unset = [signal for signal in catalog.SIGNALS if signal in about and number(limits.get(signal)) is None]
    result: list[Flowable] = []
    if rows:
        result += [sheet.table(("Signal", "Value", "Meaning"), rows, (0.26, 0.14, 0.6), right=(1,)), Spacer(0, 4)]
    return [*result, sheet.note(f"Not set: {', '.join(unset)}.")] if unset else result


def _threshold(signal: str, value: object) -> str:
    if signal in _SHARES:
        return percent(value)
    return seconds(value) if "_seconds_" in signal else compact(number(value) or 0.0, 6)
