"""Watched data: rows, files by what became of them, how fresh the data are and how the readings go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ml_models import catalog
from ml_models.collectors.families import family, single
from ml_models.collectors.isolation import Exposed


@dataclass(frozen=True, slots=True)
class FilesState:
    """What is known of watched data; None where undefined.

    Attributes
    ----------
    rows : mapping of str to int
        Counted rows by timing: on_time, late, ahead, undated.
    read_bytes : int
    events : mapping of str to int
        What happened to files, and how often.
    files : mapping of str to int
        Files that are there, by state: read, pending, rejected.
    pending_bytes : int or None
    newest : float or None
        Unix time of the newest row, or of its file.
    runs : mapping of str to int
        Readings by outcome: succeeded, failed.
    succeeded : bool or None
        How the last reading ended.
    ended : float or None
        When, in Unix time.
    duration : float or None
        Seconds that it took.
    learnt : bool or None
        Whether the reference was learnt.
    """

    rows: Mapping[str, int] = field(default_factory=dict)
    read_bytes: int = 0
    events: Mapping[str, int] = field(default_factory=dict)
    files: Mapping[str, int] = field(default_factory=dict)
    pending_bytes: int | None = None
    newest: float | None = None
    runs: Mapping[str, int] = field(default_factory=dict)
    succeeded: bool | None = None
    ended: float | None = None
    duration: float | None = None
    learnt: bool | None = None


def files_families(model: str, state: FilesState) -> list[Exposed]:
    """Return the families of watched data.

    Examples
    --------
    >>> [found] = [f for f in files_families("churn", FilesState(rows={"late": 3})) if f.name == "ml_watch_rows"]
    >>> found.samples[0].labels, found.samples[0].value
    ({'model': 'churn', 'timing': 'late'}, 3)
    """
    exposed: list[Exposed] = []
    for metric, values in (
        (catalog.WATCH_ROWS, state.rows),
        (catalog.WATCH_FILE_EVENTS, state.events),
        (catalog.WATCH_FILES, state.files),
        (catalog.WATCH_RUNS, state.runs),
    ):
        several = family(metric)
        for name, value in values.items():
            several.add_metric([model, name], value)
        exposed.append(several)
    for metric, number in (
        (catalog.WATCH_BYTES, state.read_bytes),
        (catalog.WATCH_PENDING_BYTES, state.pending_bytes),
        (catalog.WATCH_NEWEST, state.newest),
        (catalog.WATCH_RUN_SUCCESS, None if state.succeeded is None else int(state.succeeded)),
        (catalog.WATCH_LAST_RUN, state.ended),
        (catalog.WATCH_RUN_DURATION, state.duration),
        (catalog.WATCH_LEARNT, None if state.learnt is None else int(state.learnt)),
    ):
        if number is not None:
            exposed.append(single(metric, model, number))
    return exposed
