"""Data that a data monitor watches: whether they come, what becomes of them, and how the readings go."""

from __future__ import annotations

from ml_models import catalog
from ml_models.mixin.dashboards import queries as q
from ml_models.mixin.dashboards.face import Face, Query
from ml_models.mixin.dashboards.layout import Row
from ml_models.mixin.dashboards.palette import BAD, BLUE, GREEN, ORANGE, VERMILLION
from ml_models.mixin.dashboards.panels import states, timeseries

_EMPTY = "no data monitor"


def row() -> Row:
    """Return what tells of files, freshness and readings."""
    return Row(
        1000,
        "Watched data",
        [
            timeseries(
                Face(
                    id=1001,
                    title="Rows counted",
                    meaning="Rows of the watched data per second, by where their time puts them: on time, late (their "
                    "window had closed), ahead of the clock, or without a time.",
                    threshold="none; late and undated rows are in no window.",
                    action="Many late rows: a longer window. Many undated ones: see the time column.",
                    unit="cps",
                    decimals=2,
                    empty=_EMPTY,
                ),
                [Query(q.sum_by("timing", q.rate(catalog.WATCH_ROWS)), "{{timing}}", BLUE)],
                stacked=True,
            ),
            timeseries(
                Face(
                    id=1002,
                    title="Age of the newest data",
                    meaning="Time since the newest row that was counted, or since its file was written where rows have "
                    "no time.",
                    threshold="`data_age_seconds_max`, the dashed line.",
                    action="Rising: nothing comes. See whether readings succeed, then look at what writes the data.",
                    unit="s",
                    empty=_EMPTY,
                ),
                [
                    Query(f"time() - {q.max_by('model', q.select(catalog.WATCH_NEWEST))}", "age", BLUE),
                    Query(q.limit("data_age_seconds_max"), "limit", BAD, limit=True),
                ],
            ),
            timeseries(
                Face(
                    id=1003,
                    title="Files by state",
                    meaning="Files that are there now: read to their end, pending (growing, or still being written), "
                    "or rejected because they cannot be read.",
                    threshold="`rejected_files_max`, the dashed line, for the rejected ones.",
                    action="The data monitor's log names rejected files and the reason; write them again.",
                    unit="short",
                    empty=_EMPTY,
                ),
                [
                    Query(q.max_by("state", q.select(catalog.WATCH_FILES)), "{{state}}", GREEN),
                    Query(q.limit("rejected_files_max"), "limit", BAD, limit=True),
                ],
            ),
            timeseries(
                Face(
                    id=1004,
                    title="What happened to files",
                    meaning="Files per second that were read, appended to, replaced, truncated, renamed, rejected or "
                    "forgotten.",
                    threshold="none.",
                    action="Replaced or truncated files are read anew: their old rows stay counted.",
                    unit="cps",
                    decimals=3,
                    empty=_EMPTY,
                ),
                [Query(q.sum_by("event", q.rate(catalog.WATCH_FILE_EVENTS)), "{{event}}", ORANGE)],
            ),
            timeseries(
                Face(
                    id=1005,
                    title="Bytes read and pending",
                    meaning="Bytes that are there and not yet counted after the last reading, and bytes counted a "
                    "second.",
                    threshold="none.",
                    action="Pending grows: data come faster than they are read, or a file never ends; read more often.",
                    unit="bytes",
                    empty=_EMPTY,
                ),
                [
                    Query(q.max_by("model", q.select(catalog.WATCH_PENDING_BYTES)), "pending", ORANGE),
                    Query(q.sum_by("model", q.rate(catalog.WATCH_BYTES)), "read per second", BLUE),
                ],
            ),
            timeseries(
                Face(
                    id=1006,
                    title="Readings",
                    meaning="Time since the last reading ended, and how long it took.",
                    threshold="none; the interval is `distribution_interval`.",
                    action="A reading that takes longer than the interval: watch fewer files, or less often.",
                    unit="s",
                    decimals=2,
                    empty=_EMPTY,
                ),
                [
                    Query(f"time() - {q.max_by('model', q.select(catalog.WATCH_LAST_RUN))}", "since the last", BLUE),
                    Query(q.max_by("model", q.select(catalog.WATCH_RUN_DURATION)), "took", ORANGE),
                ],
            ),
            states(
                Face(
                    id=1007,
                    title="Last reading",
                    meaning="Whether the last reading succeeded, on each instance.",
                    threshold="failed.",
                    action="The log and /readyz say why: folder gone, no permission, checkpoint not writable.",
                    unit="none",
                    empty=_EMPTY,
                ),
                [Query(q.min_by("instance", q.select(catalog.WATCH_RUN_SUCCESS)), "{{instance}}")],
                (("failed", VERMILLION), ("good", GREEN)),
            ),
            timeseries(
                Face(
                    id=1008,
                    title="Readings by outcome",
                    meaning="Readings per second that succeeded and that failed.",
                    threshold="any that fail.",
                    action="See Last reading.",
                    unit="cps",
                    decimals=4,
                    empty=_EMPTY,
                ),
                [Query(q.sum_by("outcome", q.rate(catalog.WATCH_RUNS)), "{{outcome}}", GREEN)],
            ),
            states(
                Face(
                    id=1009,
                    title="Reference",
                    meaning="Whether the reference was given, or learnt from the first data that came.",
                    threshold="none.",
                    action="If what was learnt is not good, make a profile of good data and give it as reference.",
                    unit="none",
                    empty=_EMPTY,
                ),
                [Query(q.max_by("model", q.select(catalog.WATCH_LEARNT)), "reference")],
                (("given", GREEN), ("learnt", ORANGE)),
            ),
        ],
        collapsed=True,
    )
