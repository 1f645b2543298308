"""The section on watched data: how fresh they are, what became of their files, and the course of the windows."""

from __future__ import annotations

from reportlab.platypus import Flowable, Spacer

from ml_models.reports.formats import NO_DATA, UNSET, byte_size, count, iso_time, percent, score, seconds
from ml_models.reports.layout import Sheet
from ml_models.reports.model import at, entries, mapping
from ml_models.reports.page_performance import timelines

_FILE_COLUMNS = (0.4, 0.42, 0.18)
_TREND_COLUMNS = (0.19, 0.1, 0.11, 0.12, 0.48)
#: So many of the last windows, and of the files that are not read, are listed.
_WINDOWS, _FILES = 24, 20


def story(sheet: Sheet) -> list[Flowable]:
    """Return the section."""
    return [
        *sheet.section("Watched data"),
        _facts(sheet),
        *_files(sheet, "rejected", "Files set aside"),
        *_files(sheet, "pending", "Files not read to their end"),
        *timelines(sheet),
        *_trends(sheet),
    ]


def _facts(sheet: Sheet) -> Flowable:
    metrics = sheet.metrics
    rows, files, runs = (mapping(metrics.get(key)) for key in ("rows", "files", "runs"))
    newest, age = at(metrics, "freshness", "newest"), at(metrics, "freshness", "age_seconds")
    events = {name: number for name, number in mapping(files.get("events")).items() if number}
    timing = ", ".join(f"{count(rows.get(name))} {word}" for name, word in (
        ("late", "late"), ("ahead", "ahead of the clock"), ("undated", "without a time")
    ))  # fmt: skip
    return sheet.facts([
        ("Data", str(at(metrics, "source", "path") or "not given")),
        ("Newest data", f"{iso_time(newest)}, {seconds(age)} old" if newest else NO_DATA),
        ("Rows counted", f"{count(rows.get('total'))}, of which {timing}"),
        ("Files", f"{count(files.get('read'))} read, {count(files.get('pending_files'))} pending, "
         f"{count(files.get('rejected_files'))} set aside"),
        ("What happened to files", ", ".join(f"{name} {count(number)}" for name, number in events.items()) or NO_DATA),
        ("Bytes read, and pending", f"{byte_size(files.get('read_bytes'))}, {byte_size(files.get('pending_bytes'))}"),
        ("Last reading", f"{iso_time(runs.get('last_run'))}, took {seconds(runs.get('last_duration_seconds'))}"
         if runs.get("last_run") else NO_DATA),
        ("Fault of the last reading", str(runs.get("last_error") or "none")),
    ])  # fmt: skip


def _files(sheet: Sheet, state: str, title: str) -> list[Flowable]:
    found = [mapping(one) for one in entries(at(sheet.metrics, "files", state))]
    if not found:
        return []
    room = sheet.width
    rows: list[list[object]] = [
        [
            sheet.name(one.get("file"), _FILE_COLUMNS[0] * room),
            str(one.get("reason") or ""),
            iso_time(one.get("since"), "") if one.get("since") else UNSET,
        ]
        for one in found[:_FILES]
    ]
    more = [Spacer(0, 4), sheet.note(f"{len(found) - _FILES} more are not listed.")] if len(found) > _FILES else []
    return [*sheet.part(title), sheet.table(("File", "Reason", "Since (UTC)"), rows, _FILE_COLUMNS), *more]


def _trends(sheet: Sheet) -> list[Flowable]:
    found = [mapping(one) for one in entries(sheet.metrics.get("trends"))]
    part = sheet.part("Windows, newest first")
    if not found:
        return [*part, sheet.paragraph("No data: no row has been counted into a window.")]
    rows: list[list[object]] = [
        [
            iso_time(one.get("start"), "") + ("" if one.get("closed") else " (open)"),
            count(one.get("rows")),
            score(one.get("quality_score")),
            percent(one.get("drift_share")),
            _worst(one.get("drift")),
        ]
        for one in reversed(found[-_WINDOWS:])
    ]
    head = ("Begins (UTC)", "Rows", "Quality", "Drifted", "Largest scores")
    more = [Spacer(0, 4), sheet.note(f"{len(found) - _WINDOWS} older ones are not listed.")]
    table = sheet.table(head, rows, _TREND_COLUMNS, right=(1, 2, 3))
    return [*part, table, *(more if len(found) > _WINDOWS else [])]


def _worst(scores: object) -> str:
    ranked = list(mapping(scores).items())[:3]
    return ", ".join(f"{name} {score(value)}" for name, value in ranked) or NO_DATA
