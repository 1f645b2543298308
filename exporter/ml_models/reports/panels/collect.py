"""All data of a dashboard at one time: what a snapshot or a page of it is made from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ml_models.reports.panels import resolve
from ml_models.reports.panels.frames import Frame, as_shown
from ml_models.reports.panels.resolve import Choice, Query
from ml_models.reports.panels.sources import Source, label_values
from ml_models.reports.panels.timerange import TimeRange


@dataclass(frozen=True, slots=True)
class PanelData:
    """What a panel shows.

    Parameters
    ----------
    panel : dict
        Repeats expanded, title filled in.
    queries : tuple of Query
    frames : list of dict
        Those of all queries, as the panel gets them.
    errors : mapping of str to str
        By query, what has failed.
    """

    panel: dict[str, Any]
    queries: tuple[Query, ...]
    frames: list[Frame]
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Collected:
    """A dashboard with its data.

    Parameters
    ----------
    dashboard : dict
        As it is stored.
    choices : mapping of str to Choice
    span : TimeRange
    source : str
        Where the data are from.
    panels : list of dict
        Its panels, repeats expanded, rows with what is folded into them.
    data : mapping of int to PanelData
        By the panel's id.
    """

    dashboard: Mapping[str, Any]
    choices: Mapping[str, Choice]
    span: TimeRange
    source: str
    panels: list[dict[str, Any]]
    data: Mapping[int, PanelData]

    @property
    def errors(self) -> list[str]:
        """One line per query that has failed."""
        return [
            f"{one.panel['title']} {ref_id}: {error}"
            for one in self.data.values()
            for ref_id, error in one.errors.items()
        ]


def collect(
    dashboard: Mapping[str, Any],
    source: Source,
    span: TimeRange,
    given: Mapping[str, Sequence[str]],
    progress: Callable[[int, int], None] | None = None,
) -> Collected:
    """Ask every query of a dashboard, those in folded rows included.

    Parameters
    ----------
    dashboard : dict
    source : Source
    span : TimeRange
    given : mapping of str to sequence of str
        Values by variable; those not given are chosen as Grafana would.
    progress : callable, optional
        Is told how many panels are done, and of how many.

    Raises
    ------
    DataError
        If a variable has no value or a wrong one.
    ServerError
        If the source does not answer.
    """

    def ask(selector: str, label: str) -> list[str]:
        return label_values(source, span, selector, label)

    choices = resolve.choose(dashboard, given, source.uids, ask)
    panels = resolve.expanded(dashboard, choices)
    drawn = [panel for panel in flat(panels) if panel.get("type") != "row"]
    data: dict[int, PanelData] = {}
    for done, panel in enumerate(drawn, start=1):
        data[panel["id"]] = _panel(panel, source, choices, span)
        if progress is not None:
            progress(done, len(drawn))
    return Collected(dashboard, choices, span, source.name, panels, data)


def flat(panels: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield panels, a row before those that are folded into it."""
    for panel in panels:
        yield panel
        yield from panel.get("panels") or ()


def _panel(panel: dict[str, Any], source: Source, choices: Mapping[str, Choice], span: TimeRange) -> PanelData:
    queries = tuple(resolve.queries(panel, choices, span, source.scrape, keep_macros=source.fills_macros))
    results = source.run(queries, span)
    frames = [frame for query in queries for frame in results[query.ref_id].frames]
    errors = {query.ref_id: results[query.ref_id].error for query in queries if results[query.ref_id].error}
    return PanelData(panel, queries, as_shown(frames, queries), errors)
