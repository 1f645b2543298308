"""The progress of reading data, on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ml_models.profile.sources import Progress

#: Seconds between two drawings.
_REDRAWN = 0.1
_BAR = 24


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """Give what draws the progress on standard error, None if that is no terminal; the line is wiped afterwards."""
    stream = sys.stderr
    if not stream.isatty():
        yield None
        return
    drawn = 0.0

    def draw(done: int, total: int | None) -> None:
        nonlocal drawn
        if time.monotonic() - drawn >= _REDRAWN:
            drawn = time.monotonic()
            stream.write(f"\r{progress_line(done, total)}\x1b[K")
            stream.flush()

    try:
        yield draw
    finally:
        if drawn:
            stream.write("\r\x1b[K")
            stream.flush()


def progress_line(done: int, total: int | None) -> str:
    """Return how far the reading is.

    Examples
    --------
    >>> progress_line(1500, 6000), progress_line(1500, None)
    ('[######                  ]  25 %  1,500 of 6,000 rows', '1,500 rows')
    """
    if not total:
        return f"{done:,} rows"
    filled = "#" * (_BAR * done // total)
    return f"[{filled:<{_BAR}}] {done / total:>4.0%}".replace("%", " %") + f"  {done:,} of {total:,} rows"
