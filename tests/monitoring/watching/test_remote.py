"""Data behind a URL are watched as local ones are."""

from __future__ import annotations

import http.server
import threading
from itertools import count

import boto3
import fsspec
import numpy as np
import pyarrow as pa
import pytest
from moto.server import ThreadedMotoServer
from pyarrow import parquet

from ml_models.errors import DataError
from watching_helpers import HEADER, lines, total

_NUMBERS = count()


@pytest.fixture
def memory():
    """Return a folder of fsspec's memory file system."""
    files = fsspec.filesystem("memory")
    folder = f"/watched-{next(_NUMBERS)}"
    files.makedirs(folder)
    yield files, folder
    files.rm(folder, recursive=True)


def put(files, path, content: bytes) -> None:
    with files.open(path, "wb") as stream:
        stream.write(content)


def test_files_that_come_and_grow_behind_a_url_are_counted_once(memory, watch):
    files, folder = memory
    put(files, f"{folder}/a.csv", (HEADER + lines(30)).encode())
    monitor = watch(f"memory:/{folder}")
    assert [total(monitor.run_once()) for _ in range(2)] == [30, 30]
    put(files, f"{folder}/a.csv", (HEADER + lines(40)).encode())  # as object stores append: the whole is put again
    put(files, f"{folder}/b.csv", (HEADER + lines(5)).encode())
    found = monitor.run_once()
    assert (total(found), found["files"]["events"]["appended"]) == (45, 1)
    assert total(watch(f"memory:/{folder}").run_once()) == 45


def test_a_parquet_object_is_read_when_it_is_whole(memory, watch):
    files, folder = memory
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table({"x": np.arange(100.0), "city": ["Oslo"] * 100}), sink)
    content = sink.getvalue().to_pybytes()
    put(files, f"{folder}/a.parquet", content[:200])
    monitor = watch(f"memory:/{folder}/*.parquet")
    found = monitor.run_once()
    assert (total(found), len(found["files"]["pending"])) == (0, 1)
    put(files, f"{folder}/a.parquet", content)
    assert total(monitor.run_once()) == 100


@pytest.fixture(scope="module")
def bucket():
    """Return a store with a bucket, which stands for S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")  # of the stand-in
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        store = boto3.client("s3", endpoint_url=f"http://{host}:{port}")
        store.create_bucket(Bucket="scores")
        yield store
    fsspec.filesystem("s3").clear_instance_cache()
    server.stop()


def test_objects_of_a_bucket_are_counted_once_and_replaced_ones_anew(bucket, watch):
    def upload(key: str, rows: int, start: int = 0) -> None:
        bucket.put_object(Bucket="scores", Key=key, Body=(HEADER + lines(rows, start)).encode())

    upload("day/1.csv", 20)
    upload("day/2.csv", 30)
    monitor = watch("s3://scores/day")
    assert [total(monitor.run_once()) for _ in range(2)] == [50, 50]
    upload("day/3.csv", 7)
    upload("day/1.csv", 20)  # put again, unchanged
    assert total(monitor.run_once()) == 57
    upload("day/2.csv", 35)
    assert total(monitor.run_once()) == 62
    upload("day/1.csv", 40, 5_000)
    found = monitor.run_once()
    assert (total(found), found["files"]["events"]["replaced"]) == (102, 1)
    with pytest.raises(DataError, match=r"day/9.csv: no such file, or it cannot be reached"):
        watch("s3://scores/day/9.csv").run_once()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Write nothing."""


def test_a_file_of_a_web_server_is_watched(watch, data):
    file = data / "log.csv"
    file.write_text(HEADER + lines(10))

    class Handler(_Handler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(data))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monitor = watch(f"http://127.0.0.1:{server.server_port}/log.csv")
        assert total(monitor.run_once()) == 10
        with file.open("a") as stream:
            stream.write(lines(5))
        assert total(monitor.run_once()) == 15
        server.shutdown()
        thread.join()
    monitor._watch.read()
    found = monitor.get_metrics()
    assert total(found) == 15
    assert "cannot be reached" in found["runs"]["last_error"]


def test_credentials_of_a_url_are_shown_nowhere(memory, watch):
    _, folder = memory
    monitor = watch(f"memory://user:hunter2@{folder}?token=hunter2")
    assert "hunter2" not in monitor.get_metrics()["source"]["path"]
    assert "hunter2" not in monitor.name
    assert "hunter2" not in monitor.metrics_text().decode()
