"""The report as a table for the terminal."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import zip_longest

from ml_models.comparison import sentences
from ml_models.comparison.report import DriftReport, FeatureDrift
from ml_models.profile.features import ORDERED_KINDS
from ml_models.stats.significance import PVALUES

_BLOCKS = " ▁▂▃▄▅▆▇█"
_ASCII = " .:-=+*#@"
#: Cells of a histogram.
HISTOGRAM_CELLS = 12
#: A name has so many columns, however narrow or wide the terminal is.
_NAME_COLUMNS = 16, 40
#: What a narrow terminal does without, the first first.
_DISPENSABLE = ("kind", "missing", "reference")
_COLOURS = {"strong drift": "1;31", "drift": "33", "ok": "32", "not judged": "2"}
_HEADLINE_COLOURS = {"drift": "1;31", "no drift": "1;32", "not judged": "1"}
#: Columns shown where nobody said how many.
TERMINAL_TOP = 40


def terminal(report: DriftReport) -> str:
    """Return the table as it suits standard output: its width, its encoding, colours if it is a terminal."""
    return text(
        report,
        width=terminal_width(),
        colour=colourful(tty=sys.stdout.isatty()),
        ascii_only=not can_draw(getattr(sys.stdout, "encoding", None)),
        top=TERMINAL_TOP,
    )


def terminal_width() -> int:
    """Return the columns of standard output; 100 if it is no terminal."""
    return shutil.get_terminal_size((100, 40)).columns if sys.stdout.isatty() else 100


def colourful(*, tty: bool) -> bool:
    """Return whether to colour: on a terminal that can, unless ``NO_COLOR`` is set (https://no-color.org)."""
    return tty and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def can_draw(encoding: str | None) -> bool:
    """Return whether an encoding holds block characters.

    Examples
    --------
    >>> can_draw("utf-8"), can_draw("ascii"), can_draw(None)
    (True, False, False)
    """
    try:
        f"{_BLOCKS}≤…".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def text(report: DriftReport, *, width: int, colour: bool, ascii_only: bool, top: int) -> str:
    """Return the report as lines of at most ``width`` columns, as far as the table's fixed columns allow."""
    page = _Page(max(width, 60), colour, ascii_only)
    lines = [page.paint(page.plain(sentences.headline(report)), _HEADLINE_COLOURS[report.verdict])]
    for sentence in (sentences.sizes(report), sentences.quality(report), *sentences.notes(report)):
        lines.extend(page.wrapped(sentence))
    features, left_out = sentences.shown(report, top)
    if features:
        lines += ["", *page.table(report, features)]
    if left_out:
        lines.append(page.paint(left_out, "2"))
    return "\n".join(lines)


class _Page:
    def __init__(self, width: int, colour: bool, ascii_only: bool) -> None:
        self.width, self.colour, self.ascii_only = width, colour, ascii_only
        self.mark = "..." if ascii_only else "…"

    def paint(self, value: str, code: str) -> str:
        return f"\x1b[{code}m{value}\x1b[0m" if self.colour else value

    def plain(self, value: str) -> str:
        """Return text that a terminal of this encoding shows as it is."""
        shown = sentences.printable(value)
        if not self.ascii_only:
            return shown
        for fine, coarse in (("…", "..."), ("≤", "<=")):
            shown = shown.replace(fine, coarse)
        return shown.encode("ascii", "backslashreplace").decode()

    def wrapped(self, sentence: str) -> list[str]:
        lines, line = [], ""
        for word in self.plain(sentence).split(" "):
            if line and columns_of(line) + 1 + columns_of(word) > self.width:
                lines.append(line)
                line = "  " + word
            else:
                line = f"{line} {word}" if line else word
        return [*lines, line]

    def table(self, report: DriftReport, features: Sequence[FeatureDrift]) -> list[str]:
        cells = self._columns(report, features)
        widths = {head: max(map(columns_of, [head, *column])) for head, column in cells.items()}
        for head in _DISPENSABLE:
            if self._fixed(widths) + _NAME_COLUMNS[0] > self.width:
                del widths[head]
        room = self.width - self._fixed(widths)
        widths["column"] = min(widths["column"], max(_NAME_COLUMNS[0], min(room, _NAME_COLUMNS[1])))
        room -= widths["column"] + 2
        lines = [self.paint("  ".join(self._cell(head, head, widths[head]) for head in widths).rstrip(), "1")]
        for row, feature in enumerate(features):
            line = "  ".join(self._cell(head, cells[head][row], width) for head, width in widths.items())
            why = self.plain(sentences.explanation(feature))
            if not why:
                lines.append(line.rstrip())
            elif columns_of(why) <= room:
                lines.append(f"{line}  {why}")
            else:
                lines += [line.rstrip(), self.paint("  " + shortened(why, self.width - 2, self.mark), "2")]
        return lines

    def _fixed(self, widths: Mapping[str, int]) -> int:
        """Return what all but the name takes."""
        return sum(width + 2 for head, width in widths.items() if head != "column")

    def _columns(self, report: DriftReport, features: Sequence[FeatureDrift]) -> dict[str, list[str]]:
        both = [histogram_cells(feature) for feature in features]
        return {
            "column": [self.plain(feature.name) for feature in features],
            "kind": [feature.kind if feature.role == "feature" else feature.role for feature in features],
            "reference": [self._histogram(reference, live) for reference, live in both],
            "live": [self._histogram(live, reference) for reference, live in both],
            report.method: [sentences.number(feature.score) for feature in features],
            **({"p": [sentences.pvalue(f.adjusted_pvalue) for f in features]} if report.method in PVALUES else {}),
            "missing": [sentences.percent(feature.missing_ratio) for feature in features],
            "verdict": [sentences.verdict(feature) for feature in features],
        }

    def _cell(self, head: str, value: str, width: int) -> str:
        shown = shortened(value, width, self.mark) if head == "column" else value
        padding = " " * (width - columns_of(shown))
        if head == "verdict":
            return (self.paint(shown, _COLOURS[shown]) if shown in _COLOURS else shown) + padding
        return shown + padding if head in {"column", "kind", "reference", "live"} else padding + shown

    def _histogram(self, shares: Sequence[float], other: Sequence[float]) -> str:
        levels = _ASCII if self.ascii_only else _BLOCKS
        highest = max((*shares, *other), default=0.0)
        if not any(shares):
            return sentences.UNDEFINED
        return "".join(levels[_level(share / highest, len(levels) - 1)] for share in shares)


def _level(height: float, levels: int) -> int:
    return max(round(height * levels), 1) if height > 0 else 0


def histogram_cells(feature: FeatureDrift, cells: int = HISTOGRAM_CELLS) -> tuple[list[float], list[float]]:
    """Return reference and live shares in at most so many cells.

    Of many categories the most frequent have a cell each, and the last one is for those that the reference does not
    hold, because a new category is what to look for.
    """
    count = len(feature.distribution.bins)
    both = []
    for given in (feature.distribution.reference, feature.distribution.live):
        shares = list(given or (0.0,) * count)
        fits = count <= cells or feature.kind in ORDERED_KINDS
        both.append(shares if fits else [*shares[: cells - 1], shares[-1]])
    return both[0], both[1]


def columns_of(value: str) -> int:
    """Return how many columns of a terminal text takes.

    Examples
    --------
    >>> columns_of("abc"), columns_of("気温"), columns_of("e\N{COMBINING ACUTE ACCENT}")
    (3, 4, 1)
    """
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in value
    )


def shortened(value: str, width: int, mark: str = "…") -> str:
    """Return text of at most ``width`` columns, its middle left out: names differ at their ends.

    Examples
    --------
    >>> shortened("average_balance_last_90_days", 16), shortened("age", 16)
    ('average_…90_days', 'age')
    """
    if columns_of(value) <= width:
        return value
    room = width - len(mark)
    if room <= 0:
        return ""
    front, back = "", ""
    for left, right in zip_longest(value, reversed(value), fillvalue=""):
        if columns_of(front + left + back) > room:
            break
        front += left
        if columns_of(front + back + right) > room:
            break
        back = right + back
    return front + mark + back
