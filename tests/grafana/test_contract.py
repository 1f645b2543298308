"""What this package relies on in Grafana, checked on the stand-in and, where GRAFANA_URL names one, on a real Grafana.

``make grafana-check`` runs the checks of the real one. It needs GRAFANA_TOKEN (or GRAFANA_TOKEN_FILE, or GRAFANA_USER
and GRAFANA_PASSWORD) with the role Admin, and a Prometheus data source with the metrics of at least one model:
the default one, or that which GRAFANA_DATASOURCE names by its uid. Everything that it makes is deleted again.
"""

from __future__ import annotations

import itertools
import json
import os
import time
import uuid
from dataclasses import dataclass

import pytest

from ml_models.errors import ServerError
from ml_models.mixin import dashboards
from ml_models.reports.connection import Connection, Credentials, read_credentials
from ml_models.reports.grafana import Grafana, sync
from ml_models.reports.grafana.snapshots import embedded
from ml_models.reports.panels.collect import collect, flat
from ml_models.reports.panels.sources import GrafanaSource, label_values
from ml_models.reports.panels.timerange import TimeRange

from .standin import TOKEN, Standin, serving, wait_until

pytestmark = pytest.mark.e2e


@dataclass
class Server:
    grafana: Grafana
    name: str
    source: str
    folder: str
    mark: str

    def uid(self, name: str) -> str:
        return f"check-{self.mark}-{name}"[:40]

    def board(self, name: str = "board", **more) -> dict:
        return {"uid": self.uid(name), "title": f"Check {self.mark} {name}", "panels": [], "schemaVersion": 39} | more

    def ask(self, method, path, status=200, **options):
        answer = self.grafana.connection.request(method, path, **options)
        assert answer.status == status, f"{answer.what}: answered {answer.status}: {answer.content[:300]!r}"
        return answer.json()

    def span(self, minutes: float = 5) -> TimeRange:
        now = int(time.time() * 1000)
        return TimeRange(now - int(minutes * 60000), now)


@pytest.fixture(scope="module", params=["stand-in", pytest.param("real", marks=pytest.mark.grafana)])
def server(request):
    if request.param == "stand-in":
        prometheus = request.getfixturevalue("prometheus")
        with serving(Standin()) as standin:
            grafana = Grafana(Connection(standin.url, name="Grafana", credentials=Credentials(token=TOKEN)))
            grafana.add_data_source(
                {"name": "Prom", "uid": "prom", "type": "prometheus", "access": "proxy", "url": prometheus,
                 "isDefault": True, "jsonData": {"httpMethod": "POST", "timeInterval": "1s"}}
            )  # fmt: skip
            yield from _in_a_folder(grafana, "stand-in", "prom")
        return
    grafana = Grafana(Connection(os.environ["GRAFANA_URL"], name="Grafana", credentials=read_credentials(os.environ)))
    named = os.environ.get("GRAFANA_DATASOURCE", "")
    source = next((one.uid for one in grafana.data_sources() if named in ("", one.uid)), None)
    assert source is not None, f"{grafana.url} has no Prometheus data source {named}; add one, or name its uid"
    yield from _in_a_folder(grafana, "real", source)


def _in_a_folder(grafana, name, source):
    mark = uuid.uuid4().hex[:8]
    folder = grafana.make_folder(f"check-{mark}")
    try:
        yield Server(grafana, name, source, folder, mark)
    finally:
        grafana.delete_folder(folder)


def differences(shape, found, path="answer") -> list[str]:
    """Return how an answer differs from the shape that is relied on: types or values by key."""
    if isinstance(shape, dict):
        if not isinstance(found, dict):
            return [f"{path}: expected an object, found {found!r:.80}"]
        return [
            line
            for key, inner in shape.items()
            for line in (
                differences(inner, found[key], f"{path}.{key}") if key in found else [f"{path}.{key}: is missing"]
            )
        ]
    if isinstance(shape, list):
        if not isinstance(found, list) or not found:
            return [f"{path}: expected a list with something in it, found {found!r:.80}"]
        return differences(shape[0], found[0], f"{path}[0]")
    if isinstance(shape, type):
        return [] if isinstance(found, shape) else [f"{path}: expected {shape.__name__}, found {found!r:.80}"]
    return [] if found == shape else [f"{path}: expected {shape!r}, found {found!r:.80}"]


def check(shape, found) -> None:
    differing = differences(shape, found)
    assert not differing, "differs from what is relied on:\n" + "\n".join(differing)


def reason_of(call, *arguments, **options) -> str:
    with pytest.raises(ServerError) as caught:
        call(*arguments, **options)
    return caught.value.reason


def test_differences_are_named():
    """The checks below would see what differs."""
    assert differences({"a": [{"b": int}], "c": "d", "e": str}, {"a": [{"b": "x"}], "c": "y"}) == [
        "answer.a[0].b: expected int, found 'x'", "answer.c: expected 'd', found 'y'", "answer.e: is missing",
    ]  # fmt: skip
    assert differences([int], []) == ["answer: expected a list with something in it, found []"]


def test_health_and_settings(server):
    check({"database": "ok", "version": str, "commit": str}, server.grafana.health())
    found = server.grafana.settings()
    check({"rendererAvailable": bool, "datasources": dict}, found)
    (source,) = [one for one in found["datasources"].values() if one.get("uid") == server.source]
    check({"uid": str, "type": "prometheus"}, source)


def test_a_wrong_token_is_refused(server):
    wrong = Credentials(token="glsa_wrong")  # noqa: S106
    other = Grafana(Connection(server.grafana.url, name="Grafana", credentials=wrong))
    assert reason_of(other.search) == "bad-token"


def test_saving_reading_and_the_history_of_a_dashboard(server):
    grafana, board = server.grafana, server.board("history", tags=[server.mark])
    saved = grafana.save(board, folder=server.folder, message=sync.message(board))
    shape = {"id": int, "uid": board["uid"], "url": str, "status": "success", "version": int, "slug": str}
    check(shape, saved)
    stored = grafana.dashboard(board["uid"])
    check({"uid": board["uid"], "version": saved["version"], "id": int, "title": board["title"]}, stored.dashboard)
    check({"folderUid": server.folder, "updatedBy": str, "version": int, "provisioned": False}, stored.meta)
    version = {"version": saved["version"], "message": sync.message(board), "createdBy": str, "created": str}
    check([version], grafana.versions(board["uid"]))
    check([{"uid": board["uid"], "title": str, "tags": list}], grafana.search(tag=server.mark))
    again = grafana.save({**board, "description": "2"}, folder=server.folder, version=saved["version"])
    assert again["version"] > saved["version"]
    assert reason_of(grafana.save, board, folder=server.folder, version=saved["version"]) == "version-conflict"


def test_refusals_of_dashboards(server):
    grafana, folder = server.grafana, server.folder
    assert reason_of(grafana.save, server.board(uid="u" * 41), folder=folder) == "uid-too-long"
    assert reason_of(grafana.save, server.board(uid="a b"), folder=folder) == "bad-uid"
    assert reason_of(grafana.save, server.board("nameless", title=""), folder=folder) == "no-title"
    assert grafana.dashboard(server.uid("none")) is None
    assert reason_of(grafana.versions, server.uid("none")) in ("not-found", "no-permission")
    assert reason_of(grafana.make_folder, f"check-{server.mark}") == "exists"


def queries_of(server, *expressions):
    return [
        {"refId": letter, "datasource": {"type": "prometheus", "uid": server.source}, "expr": expr, "range": True,
         "instant": False, "format": "time_series", "legendFormat": "{{a}}", "intervalMs": 15000, "maxDataPoints": 100}
        for letter, expr in zip("ABC", expressions, strict=False)
    ]  # fmt: skip


def test_frames_of_a_query(server):
    """Times in milliseconds, labels at the value's field, the legend filled in, what was asked in the meta data."""
    expr = 'label_replace(vector(1), "a", "b", "", "") + 0 * $__interval_ms'
    body = {"from": str(server.span().start), "to": str(server.span().end), "queries": queries_of(server, expr)}
    found = server.ask("POST", "/api/ds/query", body=body)
    fields = [{"name": str, "type": "time"}, {"type": "number", "labels": {"a": "b"}}]
    (frame,) = found["results"]["A"]["frames"]
    check({"schema": {"refId": "A", "meta": {"executedQueryString": str}}, "data": {"values": list}}, frame)
    differing = [line for shape, one in zip(fields, frame["schema"]["fields"], strict=True)
                 for line in differences(shape, one)]  # fmt: skip
    assert differing == []
    assert frame["schema"]["fields"][1]["config"]["displayNameFromDS"] == "b"
    moments, values = frame["data"]["values"]
    assert set(values) == {1}
    assert all(moment > 1_000_000_000_000 for moment in moments)
    assert {after - before for before, after in itertools.pairwise(moments)} == {15000}
    assert moments[0] % 15000 == 0


def test_what_json_has_not_comes_as_null_with_entities(server):
    found = server.grafana.query(queries_of(server, "vector(1) / 0", "vector(0) / 0"), *span_of(server))
    for ref_id, name in (("A", "Inf"), ("B", "NaN")):
        (frame,) = found[ref_id].frames
        assert set(frame["data"]["values"][1]) == {None}
        assert frame["data"]["entities"][1][name] == list(range(len(frame["data"]["values"][1])))


def span_of(server):
    return server.span().start, server.span().end


def test_a_query_that_fails_leaves_the_others(server):
    found = server.grafana.query(queries_of(server, "rate(x", "vector(1)"), *span_of(server))
    assert "parse error" in found["A"].error
    assert found["A"].frames == []
    assert found["B"].error == ""
    assert len(found["B"].frames) == 1


def test_a_data_source_that_is_not_there(server):
    (query,) = queries_of(server, "vector(1)")
    query["datasource"] = {"type": "prometheus", "uid": server.uid("none")}
    assert reason_of(server.grafana.query, [query], *span_of(server)) == "no-data-source"
    well, said = server.grafana.data_source_health(server.source)
    assert well, said
    assert reason_of(server.grafana.data_source_health, server.uid("none")) in ("no-data-source", "not-found")


def test_marks(server):
    board = server.board("marked")
    server.grafana.save(board, folder=server.folder)
    made = server.grafana.annotate("Version 2", ["deployment"], server.span().start, dashboard=board["uid"], panel=1)
    assert made > 0


@pytest.mark.parametrize("text", dashboards.files().values(), ids=list(dashboards.files()))
def test_every_dashboard_is_pushed_queried_and_kept(server, text):
    """No query fails, the snapshot is taken and given back as it was, lists and expiry are as relied on."""
    grafana = server.grafana
    board = json.loads(text)
    board["uid"], board["title"] = server.uid(board["uid"]), f"{board['title']} {server.mark}"
    planned = sync.plan(grafana, board)
    assert planned.action == sync.NEW
    sync.push(grafana, board, planned, server.folder)
    assert sync.plan(grafana, board).action == sync.UNCHANGED
    stored = grafana.dashboard(board["uid"])
    assert sync.difference(stored, board) == "", "Grafana stores something else than was pushed"

    source, span = GrafanaSource(grafana, server.source), server.span()
    models = label_values(source, span, "ml_model_info", "model")
    assert models, f"{source.name} has no model in the last minutes; let one be scraped"
    names = {variable["name"] for variable in board["templating"]["list"]}
    given = {"datasource": [server.source]} | ({"model": models[:1]} if "model" in names else {})
    collected = collect(stored.dashboard, source, span, {key: value for key, value in given.items() if key in names})
    assert collected.errors == []
    assert any(one.frames for one in collected.data.values())

    made = grafana.make_snapshot(embedded(collected), f"check {server.mark}", 600)
    try:
        check({"key": str, "deleteKey": str, "url": str, "deleteUrl": str}, made)
        kept = grafana.snapshot(made["key"])
        check({"dashboard": {"title": board["title"]}, "meta": {"isSnapshot": True, "expires": str}}, kept)
        sent = {one["id"]: one.get("targets") for one in flat(embedded(collected)["panels"])}
        assert {one["id"]: one.get("targets") for one in flat(kept["dashboard"]["panels"])} == sent
        listed = [one for one in grafana.snapshots() if one["key"] == made["key"]]
        check([{"key": str, "name": f"check {server.mark}", "expires": str, "created": str}], listed)
    finally:
        grafana.delete_snapshot(made["key"])
    assert reason_of(grafana.snapshot, made["key"]) == "no-snapshot"


def test_a_snapshot_expires(server):
    board = server.board("expires", time={"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T01:00:00Z"})
    server.grafana.save(board, folder=server.folder)
    made = server.grafana.make_snapshot(board, f"check {server.mark}", 1)

    def gone() -> bool:
        try:
            server.grafana.snapshot(made["key"])
        except ServerError:
            return True
        return False

    wait_until(gone, "the snapshot's expiry", 30)
    assert reason_of(server.grafana.snapshot, made["key"]) == "no-snapshot"


def test_a_picture_or_the_error_that_there_is_no_renderer(server):
    board = server.board("drawn", panels=[{"id": 1, "type": "text", "title": "T", "gridPos": {"x": 0, "y": 0, "w": 24,
                         "h": 8}, "options": {"content": "x", "mode": "markdown"}}])  # fmt: skip
    server.grafana.save(board, folder=server.folder)
    if server.grafana.settings()["rendererAvailable"]:
        assert server.grafana.render(board["uid"], 1, *span_of(server), {}, width=500, height=300).startswith(
            b"\x89PNG"
        )
    else:
        assert reason_of(server.grafana.render, board["uid"], 1, *span_of(server), {}) == "no-renderer"
