"""The stand-in refuses what Grafana refuses; one that takes anything would prove nothing."""

from __future__ import annotations

import copy

import pytest

from .standin_query import QueryRefusedError, evaluate
from .standin_snapshot import snapshot_fault

_SOURCE = {"type": "grafana", "uid": "grafana"}
_FRAME = {
    "schema": {"refId": "A", "fields": [{"name": "Time", "type": "time"}, {"name": "Value", "type": "number"}]},
    "data": {"values": [[0], [1.0]]},
}
_CURRENT = {"selected": True, "text": "churn", "value": "churn"}
GOOD = {
    "uid": "board",
    "title": "Board",
    "time": {"from": "2026-01-01T00:00:00.000Z", "to": "2026-01-01T01:00:00.000Z"},
    "refresh": "",
    "links": [],
    "templating": {"list": [{"name": "model", "query": "", "refresh": 0, "current": _CURRENT, "options": [_CURRENT]}]},
    "annotations": {"list": [{"name": "Alerts", "snapshotData": []}]},
    "panels": [
        {"id": 1, "type": "row", "title": "Row", "panels": []},
        {"id": 2, "type": "stat", "title": "Stat", "datasource": _SOURCE, "fieldConfig": {"defaults": {}},
         "targets": [{"refId": "A", "datasource": _SOURCE, "queryType": "snapshot", "snapshot": [_FRAME]}]},
    ],
}  # fmt: skip


def test_the_right_form_is_taken():
    assert snapshot_fault(GOOD) == ""


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("time", "from"), "now-6h", "no absolute time"),
        (("links",), [{"url": "/d/x"}], "links"),
        (("refresh",), "30s", "refreshes"),
        (("templating", "list", 0, "query"), "label_values(up, model)", "asks a data source"),
        (("templating", "list", 0, "refresh"), 2, "asks a data source"),
        (("templating", "list", 0, "options"), [], "only option"),
        (("annotations", "list", 0, "snapshotData"), None, "no snapshotData"),
        (("panels", 0, "id"), 2, "the same id"),
        (("panels", 1, "repeat"), "feature", "repeats itself"),
        (("panels", 1, "datasource"), {"type": "prometheus", "uid": "p"}, "asks"),
        (("panels", 1, "fieldConfig", "defaults", "links"), [{}], "has links"),
        (("panels", 1, "targets"), [], "not one target"),
        (("panels", 1, "targets", 0, "queryType"), "randomWalk", "no snapshot"),
        (("panels", 1, "targets", 0, "snapshot"), None, "no frames"),
        (("panels", 1, "targets", 0, "snapshot", 0, "data", "values"), [[0]], "do not fit"),
        (("panels", 1, "targets", 0, "snapshot", 0, "data", "values"), [[0], [1, 2]], "do not fit"),
        (("panels", 1, "targets", 0, "snapshot", 0, "schema", "fields", 0), {"name": "Time"}, "no name or type"),
    ],
)
def test_any_other_form_is_refused(path, value, said):
    wrong = copy.deepcopy(GOOD)
    inner = wrong
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    assert said in snapshot_fault(wrong)


QUERY = {"refId": "A", "expr": "up", "intervalMs": 15000, "maxDataPoints": 100, "format": "time_series",
         "range": True, "instant": False}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [{"expr": ""}, {"refId": None}, {"intervalMs": "15s"}, {"maxDataPoints": 0}, {"format": "csv"}, {"range": False}],
)
def test_queries_that_are_not_whole_are_refused(change):
    with pytest.raises(QueryRefusedError):
        evaluate("http://127.0.0.1:9", QUERY | change, 0, 3600_000, "15s")
