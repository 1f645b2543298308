"""Where a dashboard's data come from: Grafana's query endpoint, or Prometheus itself. Both give the same frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ml_models.errors import DataError, ServerError
from ml_models.reports.connection import Answer, Connection
from ml_models.reports.grafana.client import DataSource, Grafana, Result
from ml_models.reports.panels.frames import series_frame, times, value_field
from ml_models.reports.panels.resolve import SCRAPE, Query
from ml_models.reports.panels.timerange import TimeRange, duration, milliseconds


class Source(Protocol):
    """Answers queries."""

    #: Scrape interval in milliseconds.
    scrape: int
    #: Whether the source fills in ``$__rate_interval`` and the like itself.
    fills_macros: bool
    #: What a person calls it.
    name: str

    @property
    def uids(self) -> Sequence[str]:
        """What the variable of the data source can be."""

    def run(self, queries: Sequence[Query], span: TimeRange) -> dict[str, Result]:
        """Run queries and return their results by ``ref_id``; a query that fails carries its error."""


class GrafanaSource:
    """A Prometheus data source of Grafana.

    Parameters
    ----------
    grafana : Grafana
    uid : str
        Of the data source; empty for the default one.

    Raises
    ------
    ServerError
        If Grafana has no such data source.
    """

    fills_macros = True

    def __init__(self, grafana: Grafana, uid: str = "") -> None:
        known = grafana.data_sources()
        chosen = [source for source in known if uid in ("", source.uid)]
        if not chosen:
            listed = ", ".join(source.uid for source in known) or "none that this token may query"
            raise ServerError(
                f"{grafana.url}: no Prometheus data source {uid or 'at all'}; there is {listed}", "no-data-source"
            )
        self._grafana = grafana
        self._source: DataSource = chosen[0]
        self.scrape = milliseconds(self._source.interval) if self._source.interval else SCRAPE
        self.name = f"{grafana.url}, data source {self._source.name}"

    @property
    def uids(self) -> Sequence[str]:
        """Its uid."""
        return (self._source.uid,)

    def run(self, queries: Sequence[Query], span: TimeRange) -> dict[str, Result]:
        """Run queries."""
        if not queries:
            return {}
        asked = [
            {
                "refId": query.ref_id,
                "datasource": {"type": "prometheus", "uid": self._source.uid},
                "expr": query.expr,
                "range": not query.instant,
                "instant": query.instant,
                "format": query.form,
                "legendFormat": query.legend,
                "intervalMs": query.step,
                "maxDataPoints": query.points,
            }
            for query in queries
        ]
        found = self._grafana.query(asked, span.start, span.end)
        for query in queries:
            if query.ref_id not in found:
                raise ServerError(f"{self.name}: the answer has no result for query {query.ref_id}", "no-result")
        return found


class PrometheusSource:
    """A Prometheus server, or what speaks its HTTP API.

    Parameters
    ----------
    connection : Connection
    scrape : int
        Scrape interval in milliseconds.
    """

    fills_macros = False

    def __init__(self, connection: Connection, scrape: int = SCRAPE) -> None:
        self._connection = connection
        self.scrape = scrape
        self.name = connection.url

    @property
    def uids(self) -> Sequence[str]:
        """A name to stand for it."""
        return ("prometheus",)

    def run(self, queries: Sequence[Query], span: TimeRange) -> dict[str, Result]:
        """Run queries one by one."""
        return {query.ref_id: self._run(query, span) for query in queries}

    def _run(self, query: Query, span: TimeRange) -> Result:
        if query.instant:
            answer = self._ask("query", {"query": query.expr, "time": span.end / 1000})
        else:
            # as Grafana does: the same moments whenever it is asked
            start, end = (moment // query.step * query.step / 1000 for moment in (span.start, span.end))
            wanted = {"query": query.expr, "start": start, "end": end, "step": query.step / 1000}
            answer = self._ask("query_range", wanted)
        body = answer.json()
        if not isinstance(body, dict) or body.get("status") not in ("success", "error"):
            raise ServerError(f"{answer.what}: answered {answer.status} with something else than Prometheus does; "
                              "is the address right?", "no-prometheus")  # fmt: skip
        if body["status"] == "error":
            return Result([], str(body.get("error", "")))
        return Result(_frames(query, body["data"]))

    def _ask(self, path: str, form: Mapping[str, Any]) -> Answer:
        return self._connection.request("POST", f"/api/v1/{path}", form=form, repeatable=True)


def _frames(query: Query, data: Mapping[str, Any]) -> list[dict[str, Any]]:
    if data["resultType"] == "scalar":
        return [series_frame(query, {}, [tuple(data["result"])], first=True)]
    return [
        series_frame(query, one["metric"], one["values"] if "values" in one else [one["value"]], first=place == 0)
        for place, one in enumerate(data["result"])
    ]


def label_values(source: Source, span: TimeRange, selector: str, label: str) -> list[str]:
    """Return the values of a label in the series that were there at any time of the range.

    Raises
    ------
    DataError
        If the query fails.
    """
    expr = f"count by ({label}) (last_over_time({selector}[{duration(span.length)}]))"
    query = Query("A", expr, f"{{{{{label}}}}}", "time_series", instant=True, step=source.scrape, points=100)
    result = source.run([query], span)["A"]
    if result.error:
        raise DataError(f"{source.name}: {expr}: {result.error}")
    found = [value_field(frame) for frame in result.frames if times(frame)]
    values = {(field.get("labels") or {}).get(label, "") for field, _ in filter(None, found)}
    return sorted(values - {""})
