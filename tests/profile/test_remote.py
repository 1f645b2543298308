"""Data from object storage and the web: read like files, with credentials that no message shows."""

from __future__ import annotations

import base64
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from ml_models import compare
from ml_models.errors import DataError
from ml_models.profile import ReferenceProfile
from ml_models.profile.sources import batches

MONTHS = {1: np.arange(500) / 7, 2: np.arange(300) / 7 + 90}


@pytest.fixture(scope="module")
def storage():
    """Serve an S3 with a partitioned table; credentials and address come from the environment only."""
    import s3fs
    from moto.server import ThreadedMotoServer

    with pytest.MonkeyPatch.context() as patch:
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        patch.setenv("AWS_ACCESS_KEY_ID", "key-in-environment")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret-in-environment")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        s3fs.S3FileSystem.clear_instance_cache()
        files = s3fs.S3FileSystem()
        files.mkdir("bucket")
        for month, values in MONTHS.items():
            with files.open(f"bucket/trips/year=2013/month={month}/part-0.parquet", "wb") as file:
                parquet.write_table(pa.table({"x": values}), file, row_group_size=100)
        with files.open("bucket/notes.csv", "wb") as file:
            file.write(b"a\n1\n")
        yield
        server.stop()
        s3fs.S3FileSystem.clear_instance_cache()


def test_object_storage_is_read_like_a_folder(storage):
    tables = list(batches("s3://bucket/trips"))
    for table, (month, values) in zip(tables, MONTHS.items(), strict=True):
        np.testing.assert_array_equal(table.by_name["x"], values)
        assert set(table.by_name["year"]) == {2013}
        assert set(table.by_name["month"]) == {month}
    assert [table.rows for table in batches("s3://bucket/*.csv")] == [1]
    profile = ReferenceProfile.fit("s3://bucket/trips/year=2013/month=1")
    assert profile.features[0] == ReferenceProfile.fit({"x": MONTHS[1]}).features[0]
    report = compare(profile, "s3://bucket/trips/year=2013/month=2/part-*.parquet")
    assert set(report.drifted) == {"x", "month"}
    assert report.missing_columns == ()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://bucket/none.csv", r"s3://bucket/none\.csv: no such file"),
        ("s3://bucket/none-*.csv", "no file matches the pattern"),
        ("s3://absent/table", "s3://absent/table: cannot be read: .*bucket does not exist"),
        ("s3://bucket/trips/year=2014", "no data in the folder"),
    ],
)
def test_what_object_storage_lacks_is_named(storage, url, message):
    with pytest.raises(DataError, match=message) as caught:
        list(batches(url))
    assert "in-environment" not in repr(caught.getrepr(style="long", showlocals=False))


def test_storage_that_does_not_answer_is_said_and_shows_no_credentials(storage, monkeypatch):
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(DataError, match=r"s3://bucket/trips: cannot be read: Could not connect") as caught:
        list(batches("s3://bucket/trips"))
    assert "in-environment" not in str(caught.value)
    assert caught.value.__cause__ is None
    s3fs.S3FileSystem.clear_instance_cache()


class Guarded(SimpleHTTPRequestHandler):
    """Serves a folder to who knows the password or the token."""

    def do_GET(self):
        known = base64.b64encode(b"me:pass-word").decode() in self.headers.get("Authorization", "")
        if not known and "token=to-ken" not in self.path:
            self.send_error(403)
            return
        super().do_GET()

    do_HEAD = do_GET  # noqa: N815 - the name is the library's

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def site(tmp_path):
    csv.write_csv(pa.table({"x": MONTHS[1]}), tmp_path / "x.csv")
    parquet.write_table(pa.table({"x": MONTHS[2]}), tmp_path / "x.parquet")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Guarded, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_url_of_the_web_is_read(site):
    (table,) = batches(f"http://{site}/x.csv?token=to-ken")
    np.testing.assert_allclose(table.by_name["x"], MONTHS[1])
    (table,) = batches(f"http://{site}/x.parquet?token=to-ken")
    np.testing.assert_array_equal(table.by_name["x"], MONTHS[2])


@pytest.mark.parametrize(
    "name", ["x.csv?token=wrong-token", "x.parquet?a=1&token=wrong-token", "none.csv?token=wrong-token"]
)
def test_a_refusal_names_the_place_and_no_secret(site, name):
    url = f"http://someone:wrong-pass@{site}/{name}"
    with pytest.raises(DataError, match=rf"http://{site}/\w+\.\w+: ") as caught:
        list(batches(url))
    shown = str(caught.getrepr(style="short"))
    for secret in ("wrong-pass", "wrong-token", "someone"):
        assert secret not in str(caught.value)
        assert secret not in shown.replace(url, "")
