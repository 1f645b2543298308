"""A reference that nobody has given: it is learnt from the first data that come."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from ml_models.errors import DataError, ProfileError
from ml_models.monitoring.logs import rate_limited
from ml_models.monitoring.watching.listing import Found, listed, shown
from ml_models.monitoring.watching.parts import header_of, opened, tables, text_parts
from ml_models.monitoring.watching.reading import Stopped, without_values
from ml_models.monitoring.watching.settings import Settings
from ml_models.profile.ingest import Columns
from ml_models.profile.readers import Types
from ml_models.profile.reference import EDGE_SAMPLE_ROWS, ReferenceProfile

_LOG = logging.getLogger(__name__)

#: Whole files are learnt from until they hold so many times the rows that are needed at least.
LEARN_TIMES = 10


def learn(settings: Settings, stopping: Callable[[], bool]) -> tuple[int, ReferenceProfile | None]:
    """Return how many rows there are to learn from, as far as they are needed, and what was learnt if they suffice.

    Raises
    ------
    DataError, ProfileError
        If the data cannot be read, or a column that is named is not there.
    Stopped
    """
    found = listed(settings.source)
    needed = settings.learn_rows
    rows = sum(table.rows for table in _first_rows(found, {}, stopping, enough=needed, most=needed))
    if rows < needed:
        rate_limited(_LOG, f"learn-{shown(settings.source)}", 600.0).warning(
            "there are %d of %d rows to learn the reference from; nothing is counted before", rows, needed
        )
        return rows, None
    first = _first_rows(found, {}, stopping, enough=LEARN_TIMES * needed, most=EDGE_SAMPLE_ROWS)
    left_out = _left_out(settings, next(_first_rows(found, {}, stopping, enough=1, most=1)))
    return rows, ReferenceProfile.fit(
        first, prediction=settings.prediction, label=settings.label, ignore=left_out
    )  # fmt: skip


def _left_out(settings: Settings, first: Columns) -> list[str]:
    """Return the columns to leave out that there are: a profile refuses unknown ones."""
    wanted = {*settings.ignore, *([settings.time_column] if settings.time_column else [])}
    if settings.time_column and settings.time_column not in first.by_name:
        raise ProfileError(
            f"{shown(settings.source)}: no column {settings.time_column!r} to take the time from; there are "
            f"{', '.join(first.by_name)}"
        )
    return sorted(wanted & first.by_name.keys())


def _first_rows(
    found: list[Found], types: Types, stopping: Callable[[], bool], *, enough: int, most: int
) -> Iterator[Columns]:
    """Yield the first rows of the data: whole files until there are enough, at most so many rows.

    Raises
    ------
    Stopped
    """
    done = 0
    for one in found:
        try:
            for table in _first_tables(one, types):
                if stopping():
                    raise Stopped
                yield table
                done += table.rows
                if done >= most:
                    return
        except (DataError, OSError) as error:
            fault = without_values(str(error).removeprefix(f"{one.name}: "))
            _LOG.warning("%s: nothing is learnt from it: %s", one.name, fault)
        if done >= enough:
            return


def _first_tables(one: Found, types: Types) -> Iterator[Columns]:
    if not one.by_line:
        yield from tables(one, types)
        return
    with opened(one.file) as stream:
        header = header_of(stream, one)
        if header is None:
            return
        for part in text_parts(stream, one, 0, still=False):
            yield from tables(one, types, part, header)
