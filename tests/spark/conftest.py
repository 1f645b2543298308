"""Spark as clusters run it: a master and two workers with an executor each, on this machine's loopback alone."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from pathlib import Path

import pytest

#: For processes of a minute: compiling code well would cost more than it saves.
_QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@pytest.fixture(scope="package")
def spark(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        folder = tmp_path_factory.mktemp("spark")
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("SPARK_LOCAL_DIRS", str(folder))
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        import pyspark
        from pyspark.sql import SparkSession

        patch.setenv("SPARK_HOME", str(Path(pyspark.__file__).parent))
        session = (
            SparkSession.builder.master("local-cluster[2,1,1024]")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.memory", "512m")
            .config("spark.executor.memory", "512m")
            .config("spark.driver.extraJavaOptions", _QUICK)
            .config("spark.executor.extraJavaOptions", _QUICK)
            .config("spark.sql.codegen.wholeStage", "false")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.sql.warehouse.dir", str(folder / "warehouse"))
            .config("spark.sql.shuffle.partitions", "4")
            .config("spark.sql.session.timeZone", "UTC")
            .getOrCreate()
        )
        session.sparkContext.setLogLevel("OFF")  # tasks fail here on purpose
        work = Path(os.environ["SPARK_HOME"]) / "work" / session.sparkContext.applicationId
        yield session
        session.stop()
        shutil.rmtree(work, ignore_errors=True)  # workers of a local cluster log beside the package
