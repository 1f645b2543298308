"""What a data monitor shows: the dict of ``get_metrics()``, the landing page, the trends of reports."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ml_models.collectors.data import DataCollector
from ml_models.collectors.description import data_figures, finite
from ml_models.collectors.files import FilesState
from ml_models.monitoring.watching.book import EVENTS, TIMINGS, Progress
from ml_models.monitoring.watching.engine import Published
from ml_models.monitoring.watching.listing import shown
from ml_models.monitoring.watching.settings import Settings
from ml_models.profile.tally import EXAMINED, Tally
from ml_models.stats.quality import timeliness

if TYPE_CHECKING:
    from ml_models.reports import History

#: Features whose score a window's summary has, those that drifted most.
TOP = 10
#: Rejected and pending files that are named.
NAMED = 100


def iso(moment: float | None) -> str | None:
    """Return a Unix time in RFC 3339, None for none or for one beyond the calendar."""
    if moment is None:
        return None
    try:
        return datetime.fromtimestamp(moment, UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return None


def summary(collector: DataCollector, tally: Tally) -> dict[str, Any]:
    """Return the summary of a window."""
    drift, quality = collector.drift(tally), collector.quality(tally)
    scores = drift.scores[collector.method]
    rows = [row for row, feature in enumerate(collector.layout.features) if feature.role == "feature"]
    known = sorted((row for row in rows if finite(scores[row]) is not None), key=lambda row: -scores[row])
    names = collector.layout.features
    return {
        "rows": int(tally.schema[EXAMINED]),
        "drift_share": collector.share(drift),
        "drifted": [names[row].name for row in known if drift.drifted[row]][:TOP],
        "drift": {names[row].name: float(scores[row]) for row in known[:TOP]},
        "quality_score": quality.score,
        "quality": quality.dimensions,
    }


def age(found: Published) -> float | None:
    """Return the age of the newest data in seconds; None if there are none."""
    if found.counts is None or found.counts.newest is None:
        return None
    return max(0.0, time.time() - found.counts.newest)


def timely(found: Published, thresholds: Mapping[str, float]) -> float | None:
    """Return the timeliness; None where no age is allowed or nothing has come."""
    allowed, seconds = thresholds.get("data_age_seconds_max"), age(found)
    return None if allowed is None or seconds is None else timeliness(seconds, allowed)


def state(found: Published) -> FilesState:
    """Return what the collector of files exposes."""
    counts, outcome = found.counts, found.outcome
    pending = len(outcome.pending) if outcome is not None else None
    rejected = len(_rejected(found))
    files: dict[str, int] = {"rejected": rejected}
    if outcome is not None and pending is not None and not outcome.fault:
        files = {"read": max(0, outcome.files - pending - rejected), "pending": pending, "rejected": rejected}
    return FilesState(
        rows={timing: counts.rows[timing] for timing in TIMINGS} if counts else {},
        read_bytes=counts.bytes if counts else 0,
        events={event: counts.events[event] for event in EVENTS} if counts else {},
        files=files,
        pending_bytes=outcome.pending_bytes if outcome is not None and not outcome.fault else None,
        newest=counts.newest if counts else None,
        runs={outcome_: found.runs[outcome_] for outcome_ in ("succeeded", "failed")},
        succeeded=None if outcome is None else not outcome.fault,
        ended=outcome.ended if outcome is not None else None,
        duration=outcome.seconds if outcome is not None else None,
        learnt=None if found.reference is None else found.learnt,
    )


def _rejected(found: Published) -> dict[str, Any]:
    gone = found.outcome.there if found.outcome is not None and found.outcome.there is not None else None
    return {
        name: record for name, record in found.files.items() if record.fault and (gone is None or name in gone)
    }  # fmt: skip


def metrics(
    found: Published,
    collector: DataCollector | None,
    *,
    name: str,
    version: str,
    settings: Settings,
    thresholds: Mapping[str, float],
    progress: Progress | None,
) -> dict[str, Any]:
    """Return everything known about the data as a plain, JSON-able dict."""
    counts, outcome, files = found.counts, found.outcome, state(found)
    window, start, end = counts.windows.view() if counts else (None, None, None)
    timely_ = timely(found, thresholds)
    rejected = sorted(_rejected(found).items(), key=lambda pair: -pair[1].since)
    return {
        "model": {
            "name": name,
            "version": version,
            "task": "data",
            "reference": found.reference.fingerprint if found.reference else None,
            "reference_learnt": found.learnt if found.reference else None,
            "reference_rows": found.reference.rows if found.reference else None,
        },
        "source": {
            "path": shown(settings.source),
            "time_column": settings.time_column,
            "checkpoint": str(settings.folder),
        },
        "window_seconds": settings.window,
        "window": {"start": iso(start), "end": iso(end)},
        "generated_at": datetime.now(UTC).isoformat(),
        "thresholds": dict(thresholds),
        "data": data_figures(collector, window, timely_) if collector and window is not None else _NOTHING,
        "rows": {"total": sum(files.rows.values()), **{timing: files.rows.get(timing, 0) for timing in TIMINGS}},
        "freshness": {"newest": iso(files.newest), "age_seconds": age(found), "timeliness": timely_},
        "files": {
            "read": files.files.get("read"),
            "pending": [
                {"file": file, "reason": why} for file, why in (outcome.pending[:NAMED] if outcome else ())
            ],
            "rejected": [
                {"file": file, "reason": record.fault, "since": iso(record.since)} for file, record in rejected[:NAMED]
            ],
            "pending_files": files.files.get("pending"),
            "rejected_files": len(rejected),
            "pending_bytes": files.pending_bytes,
            "read_bytes": files.read_bytes,
            "events": dict(files.events),
        },
        "runs": {
            **files.runs,
            "last_run": iso(files.ended),
            "last_duration_seconds": files.duration,
            "last_error": (outcome.fault or None) if outcome is not None else None,
        },
        "learning": _learning(found, settings),
        "reading": None if progress is None else {"file": progress.file, "done": progress.done, "size": progress.size},
        "trends": _trends(found, collector),
    }  # fmt: skip


_NOTHING: Mapping[str, Any] = {
    "features": {},
    "prediction_distribution": {},
    "label_distribution": {},
    "drift_share": None,
    "quality_score": None,
    "quality": {"completeness": None, "validity": None, "schema": None},
    "rows": 0,
}


def _learning(found: Published, settings: Settings) -> dict[str, Any] | None:
    if found.reference is not None:
        return None
    rows = found.outcome.learning if found.outcome is not None else None
    return {"rows": rows or 0, "needed": settings.learn_rows}


def _trends(found: Published, collector: DataCollector | None) -> list[dict[str, Any]]:
    if found.counts is None or collector is None:
        return []
    course = found.counts.windows.course(lambda tally: summary(collector, tally))
    return [{**one, "start": iso(one["start"]), "end": iso(one["end"])} for one in course]


def history(trends: list[dict[str, Any]]) -> History | None:
    """Return the course of windows for the charts of a report, or None while there are fewer than two."""
    from ml_models.reports import History  # noqa: PLC0415 - only reports need it

    dated = [one for one in trends if one["start"] is not None]
    if len(dated) < 2:
        return None
    times = tuple(datetime.fromisoformat(one["start"]).timestamp() for one in dated)
    names = ("drift_share", "quality_score", "rows")
    return History(times, {name: tuple(one[name] for one in dated) for name in names})


def facts(found: Published, collector: DataCollector | None, settings: Settings) -> list[tuple[str, Any]]:
    """Return what the landing page shows."""
    files = state(found)
    rows = sum(files.rows.values())
    result: list[tuple[str, Any]] = [("Data", shown(settings.source)), ("Rows counted", f"{rows:,}")]
    if found.reference is None:
        rows_so_far = _learning(found, settings) or {}
        result.append(("Reference", f"is learnt: {rows_so_far.get('rows')} of {rows_so_far.get('needed')} rows"))
    else:
        result.append(("Reference", f"{found.reference.fingerprint}{', learnt' if found.learnt else ''}"))
    if collector is not None and found.counts is not None:
        window, _, _ = found.counts.windows.view()
        drift, quality = (
            collector.drift(window),
            collector.quality(window, timeliness=timely(found, collector.thresholds)),
        )
        drifted = [
            feature.name
            for row, feature in enumerate(collector.layout.features)
            if feature.role == "feature" and drift.drifted[row]
        ]
        share = collector.share(drift)
        result.append(("Features that drift", None if share is None else ", ".join(drifted) or "none"))
        score = quality.score
        result.append(("Data quality", None if score is None else f"{100 * score:.1f} %"))
    outcome = found.outcome
    return [
        *result,
        ("Newest data", iso(files.newest)),
        ("Files", None if outcome is None else f"{outcome.files:,}"),
        ("Files set aside", f"{files.files['rejected']:,}"),
        ("Last reading", iso(files.ended)),
        ("Last reading failed", outcome.fault if outcome is not None and outcome.fault else "no"),
    ]
