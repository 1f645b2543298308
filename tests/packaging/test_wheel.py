"""What `pip install ml-models-monitoring` gives: a light core that works alone and says which extra is missing."""

import json
import statistics
import sys
import zipfile

import pytest
from packaging.utils import canonicalize_name

from ml_models import __version__

from .conftest import ROOT, run

IMPORT_CPU_SECONDS = """
import os
before = os.times()
import ml_models.monitoring
after = os.times()
print(after.user - before.user + after.system - before.system)
"""

TRACK_AND_SCRAPE = """
import urllib.request
from ml_models.monitoring import ModelMonitor

def predict(row):
    return row["income"] > 3

monitor = ModelMonitor(name="churn", port=0)
tracked = monitor.track(predict)
monitor.start()
try:
    assert [tracked({"income": income}) for income in (1, 5, 7)] == [False, True, True]
    with urllib.request.urlopen(monitor.url + "/metrics") as response:
        print(response.read().decode())
finally:
    monitor.stop()
"""

REPORT = """
from ml_models.errors import MissingExtraError
from ml_models.monitoring import ModelMonitor

try:
    ModelMonitor(name="churn", port=0).generate_report("report.pdf")
except MissingExtraError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def bare(wheel, make_environment):
    """Install the wheel without any extra, with the newest dependencies."""
    return make_environment("bare", wheel)


@pytest.fixture(scope="module")
def oldest(wheel, make_environment):
    """Install the wheel without any extra, with the oldest supported dependencies, all of them as wheels."""
    return make_environment("oldest", wheel, "--constraint", ROOT / "constraints/oldest.txt", "--only-binary=:all:")


def predictions_of(exposition):
    """Sum the samples of the counter of predictions."""
    lines = [line for line in exposition.splitlines() if line.startswith("ml_predictions_total{")]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def test_metadata_is_fit_for_an_index(wheel):
    """The description renders and the metadata is whole."""
    assert "PASSED" in run([sys.executable, "-m", "twine", "--no-color", "check", "--strict", wheel])


def test_wheel_holds_the_package_and_nothing_else(wheel):
    """Typed marker and license travel; tests, benchmarks and deployment files do not."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "ml_models/py.typed" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert {name.partition("/")[0] for name in names} == {"ml_models", f"ml_models_monitoring-{__version__}.dist-info"}


def test_core_is_light(bare):
    """The core brings at most 16 packages besides itself."""
    packages = {canonicalize_name(package["name"]) for package in json.loads(bare.pip("list", "--format", "json"))}
    assert {"ml-models-monitoring", "numpy"} <= packages
    assert len(packages - {"ml-models-monitoring"}) <= 16, sorted(packages)


def test_import_is_quick(bare):
    """Importing the public API costs less than half a second of CPU, median of five fresh processes."""
    seconds = [float(bare.python(IMPORT_CPU_SECONDS)) for _ in range(5)]
    assert statistics.median(seconds) < 0.5, seconds


def test_command_works_bare(bare):
    """The command tells its version and explains itself without any extra."""
    version = bare.mlmon("--version")
    assert (version.returncode, version.stderr) == (0, "")
    assert __version__ in version.stdout
    explained = bare.mlmon("--help")
    assert (explained.returncode, explained.stderr) == (0, "")
    assert "generate" in explained.stdout


def test_command_names_the_missing_extra(bare):
    """Where an extra is missing, the command gives the pip command that brings it, and no traceback."""
    done = bare.mlmon("generate", "dashboards")
    assert done.returncode == 2
    assert "pip install 'ml-models-monitoring[dashboards]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_api_names_the_missing_extra(bare):
    """A PDF report without its extra raises the error that gives the pip command."""
    assert "pip install 'ml-models-monitoring[report]'" in bare.python(REPORT)


@pytest.mark.parametrize("environment", ["bare", "oldest"])
def test_tracked_calls_reach_the_endpoint(environment, request):
    """A tracked function's calls are on /metrics, with the newest and with the oldest supported dependencies."""
    exposition = request.getfixturevalue(environment).python(TRACK_AND_SCRAPE)
    assert predictions_of(exposition) == 3


def test_command_works_with_oldest_dependencies(oldest):
    """The command explains itself with the oldest supported dependencies."""
    done = oldest.mlmon("--help")
    assert (done.returncode, done.stderr) == (0, "")
