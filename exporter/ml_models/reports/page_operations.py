"""The sections on operations: resources, health checks, errors, alerts, the monitor itself."""

from __future__ import annotations

from typing import Any

from reportlab.platypus import Flowable, Spacer

from ml_models.reports.drawing import Sign, status
from ml_models.reports.formats import (
    NO_DATA,
    UNSET,
    byte_size,
    count,
    iso_time,
    percent,
    seconds,
    unix_time,
)  # fmt: skip
from ml_models.reports.layout import CELL, CELL_NOTE, Sheet, column
from ml_models.reports.marks import meter
from ml_models.reports.model import AlertEvent, at, entries, mapping, number, total

_HEALTH_COLUMNS = (0.24, 0.14, 0.14, 0.22, 0.26)
_ERROR_COLUMNS = (0.26, 0.35, 0.08, 0.155, 0.155)
_ALERT_COLUMNS = (0.24, 0.13, 0.23, 0.155, 0.155, 0.09)

#: Last lines of a trace that are shown; the cause stands at its end.
_TRACE_LINES = 4


def system(sheet: Sheet) -> list[Flowable]:
    """Return the section on the machine: resources and health checks."""
    found = mapping(sheet.metrics.get("system"))
    limits = mapping(sheet.metrics.get("thresholds"))
    parts = (0.25, 0.15, 0.15, 0.45)
    rows: list[list[object]] = []
    for name, key in (("CPU in use", "cpu"), ("Memory in use", "memory"), ("Disk in use", "disk")):
        value, bound = number(found.get(f"{key}_ratio")), number(limits.get(f"{key}_ratio_max"))
        shown = UNSET if bound is None else f"≤ {percent(bound)}"
        rows.append([name, percent(value), shown, meter(sheet.face, value, bound, width=column(sheet, parts[3]))])
    used, limit = found.get("memory_used_bytes"), found.get("memory_limit_bytes")
    return [
        *sheet.section("System"),
        sheet.table(("Resource", "Value", "Threshold", "0 to 100 %"), rows, parts, right=(1, 2)),
        Spacer(0, 4),
        sheet.facts([
            ("Memory", f"{byte_size(used)} of {byte_size(limit)}" if number(used) is not None else NO_DATA),
            ("Network, received and sent", f"{_byte_rate(found.get('network_receive_bytes_per_second'))}, "
             f"{_byte_rate(found.get('network_transmit_bytes_per_second'))}"),
            ("Process: CPU time", seconds(found.get("process_cpu_seconds"))),
            ("Process: resident memory", byte_size(found.get("process_resident_memory_bytes"))),
            ("Process: open files, threads", f"{count(found.get('open_fds'))}, {count(found.get('threads'))}"),
        ]),
        *_health(sheet),
    ]  # fmt: skip


def _byte_rate(value: Any) -> str:
    return NO_DATA if number(value) is None else f"{byte_size(value)}/s"


def _health(sheet: Sheet) -> list[Flowable]:
    rows: list[list[object]] = []
    for name, check in mapping(at(sheet.metrics, "system", "health")).items():
        up = at(check, "up")
        sign: Sign = "ok" if up is True else "critical" if up is False else "unknown"
        word = {"ok": "Up", "critical": "Down"}.get(sign, NO_DATA)
        rows.append([
            sheet.name(name, _HEALTH_COLUMNS[0] * sheet.width),
            status(sheet.face, sign, word, column(sheet, _HEALTH_COLUMNS[1])),
            seconds(at(check, "duration_seconds")),
            iso_time(at(check, "last_run"), ""),
            str(at(check, "error") or ""),
        ])  # fmt: skip
    part = sheet.part("Health checks")
    if not rows:
        return [*part, sheet.paragraph("No data: no health checks are registered.")]
    return [
        *part,
        sheet.table(("Check", "State", "Took", "Last run (UTC)", "Error"), rows, _HEALTH_COLUMNS, right=(2,)),
    ]


def errors(sheet: Sheet) -> list[Flowable]:
    """Return the section on failed calls, most frequent first."""
    found = [mapping(error) for error in entries(sheet.metrics.get("errors"))]
    section = sheet.section("Errors")
    if not found:
        ratio = at(sheet.metrics, "performance", "error_ratio")
        none = "No errors were recorded." if number(ratio) is not None else "No data: no calls in the window."
        return [*section, sheet.paragraph(none)]
    room = column(sheet, _ERROR_COLUMNS[0])
    rows = [
        [
            [sheet.paragraph(error.get("exception") or NO_DATA, CELL, bold=True, width=room),
             sheet.paragraph(f"{error.get('endpoint') or ''} {error.get('fingerprint') or ''}", CELL_NOTE, width=room)],
            _trace(sheet, error.get("trace")),
            count(error.get("count")),
            iso_time(error.get("first_seen"), ""),
            iso_time(error.get("last_seen"), ""),
        ]
        for error in sorted(found, key=lambda error: -(number(error.get("count")) or 0.0))
    ]  # fmt: skip
    head = ("Exception, endpoint, fingerprint", "End of the trace", "Count", "First (UTC)", "Last (UTC)")
    return [*section, sheet.table(head, rows, _ERROR_COLUMNS, right=(2,))]


def _trace(sheet: Sheet, trace: Any) -> list[Flowable]:
    lines = [line for line in entries(trace) if str(line).strip()][-_TRACE_LINES:]
    room = 1.7 * column(sheet, _ERROR_COLUMNS[1])
    shown = [sheet.face.shorten(str(line).strip(), CELL_NOTE.fontSize, room) for line in lines]
    return [sheet.paragraph(line, CELL_NOTE) for line in shown or [NO_DATA]]


def alerts(sheet: Sheet) -> list[Flowable]:
    """Return the section on alerts that fired, latest first."""
    section = sheet.section("Alert history")
    if sheet.history is None or sheet.history.alerts is None:
        return [*section, sheet.paragraph("No data: the report was made without an alert history.")]
    if not sheet.history.alerts:
        return [*section, sheet.paragraph("No alert fired in the time covered.")]
    rows = [
        [
            sheet.name(alert.name, _ALERT_COLUMNS[0] * sheet.width, bold=True),
            status(sheet.face, _severity_sign(alert), alert.severity, column(sheet, _ALERT_COLUMNS[1])),
            ", ".join(f"{key}={value}" for key, value in sorted(alert.labels.items())),
            unix_time(alert.starts_at, ""),
            "firing" if alert.ends_at is None else unix_time(alert.ends_at, ""),
            "" if alert.ends_at is None else seconds(alert.ends_at - alert.starts_at),
        ]
        for alert in sorted(sheet.history.alerts, key=lambda alert: (-alert.starts_at, alert.name))
    ]
    head = ("Alert", "Severity", "Labels", "Began (UTC)", "Ended (UTC)", "Lasted")
    return [*section, sheet.table(head, rows, _ALERT_COLUMNS, right=(5,))]


def _severity_sign(alert: AlertEvent) -> Sign:
    known: dict[str, Sign] = {"critical": "critical", "warning": "warning"}
    return known.get(alert.severity, "unknown")


def monitor(sheet: Sheet) -> list[Flowable]:
    """Return the section on the monitor itself: what it left out and what it cost."""
    found = mapping(sheet.metrics.get("monitor"))
    return [
        *sheet.part("The monitor itself"),
        sheet.facts([
            ("Rows served and not tallied", count(total(found.get("dropped_rows")))),
            ("Faults inside the monitoring", count(total(found.get("hook_failures")))),
            ("Rows waiting to be tallied", count(found.get("buffered_rows"))),
            ("Last tallied", iso_time(found.get("last_drain"))),
            ("CPU time spent on monitoring", seconds(found.get("overhead_seconds"))),
        ]),
    ]  # fmt: skip
