"""What the demo says at the terminal: in colour where that is read, plain text in a file."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import click

from ml_models.demo.messages import Notice
from ml_models.demo.replay import Month
from ml_models.demo.story import Judgement, Verdict

_WIDTH = 96
_INDENT = " " * 11
_STATUS_COLOUR = {"firing": "red", "resolved": "green"}


class Narrator:
    """Writes lines; any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def say(self, line: str = "") -> None:
        """Write a line."""
        with self._lock:
            click.echo(line)

    def stage(self, name: str, text: str) -> None:
        """Say what has been done: a name in the margin, then what came of it."""
        self.say(click.style(f" {name:<10}", bold=True) + text)

    def addresses(self, urls: Sequence[tuple[str, str]]) -> None:
        """Show where to look."""
        for place, (name, url) in enumerate(urls):
            line = f"{name:<14}" + click.style(url, fg="cyan", underline=True)
            if place:
                self.say(_INDENT + line)
            else:
                self.stage("look at", line)

    def months(self) -> None:
        """Write the head of the months' table."""
        self.say()
        self.say(click.style(f" {'month':<10}{'flights':>8}{'late':>8}{'right':>8}   drifted features", bold=True))

    def month(self, month: Month, low: bool, drifted: Sequence[str]) -> None:
        """Write a month's line; ``low`` marks its accuracy."""
        right = click.style(f"{month.accuracy:>8.1%}", fg="red" if low else "green")
        start = f" {month.first:%B}".ljust(11) + f"{month.flights:>8,}{month.late:>8.1%}"
        self.say(f"{start}{right}   {shorten(', '.join(drifted) or 'none', _WIDTH - 38)}")

    def notices(self, notices: Sequence[Notice]) -> None:
        """Show a delivered message: what begins or lasts on one line, what has ended on another."""
        for status in ("firing", "resolved"):
            chosen = [notice for notice in notices if notice.status == status]
            if not chosen:
                continue
            first = chosen[0]
            what = ", ".join(notice.feature for notice in chosen) if first.feature else first.summary
            start = f"   {first.when:%d %b}  {first.channel:<6}"
            label = click.style(f"{status:<9}", fg=_STATUS_COLOUR[status], bold=True)
            text = f"{first.alert}: {what}" if first.feature else what
            if status == "resolved" and not first.feature:
                text += " (last value)"
            severity = f"{first.severity:<9}" if status == "firing" else " " * 9
            self.say(f"{start}{label}{severity}{shorten(text, _WIDTH - 35)}")

    def verdict(self, verdict: Verdict, files: Sequence[tuple[str, Path]]) -> None:
        """Show what had to arrive against what did."""
        self.say()
        self.say(click.style(f" {'expected':<35}{'arrived':<20}because", bold=True))
        for judgement in verdict.judgements:
            mark = click.style("ok  ", fg="green") if judgement.ok else click.style("FAIL", fg="red", bold=True)
            expectation = judgement.expectation
            self.say(f" {mark} {expectation.what:<30}{_arrival(judgement):<19} {expectation.reason}")
        self.say()
        for name, path in files:
            self.stage(name, str(path))
        good = sum(judgement.ok for judgement in verdict.judgements)
        total = len(verdict.judgements)
        self.say()
        if verdict.ok:
            self.say(click.style(f" All {total} expectations were met.", fg="green", bold=True))
        else:
            self.say(click.style(f" {total - good} of {total} expectations were not met.", fg="red", bold=True))


def shorten(text: str, width: int) -> str:
    """Cut a text to a width.

    Examples
    --------
    >>> shorten("temp, dewp, humid", 12), shorten("temp", 12)
    ('temp, dew...', 'temp')
    """
    return text if len(text) <= width else text[: width - 3] + "..."


def _arrival(judgement: Judgement) -> str:
    """Return the days on which a message came, each with its channels: "26 Apr mail, slack"."""
    channels: dict[str, list[str]] = {}
    for notice in judgement.arrived:
        channels.setdefault(f"{notice.when:%d %b}", []).append(notice.channel)
    return "; ".join(f"{day} {', '.join(sorted(names))}" for day, names in channels.items()) or "nothing"
