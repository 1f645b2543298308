"""Writing: suffixes, the JSON document, faults told in words, no half-written file."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ml_models.errors import MissingExtraError, ReportError
from ml_models.reports import AlertEvent, History, document, write


def test_json_has_verdict_metrics_and_history(flights, history, tmp_path):
    """The JSON report holds what the PDF shows: all of the metrics, every check, the history."""
    path = write(flights, tmp_path / "report.json", history=history)
    found = json.loads(path.read_text(encoding="utf-8"))
    assert path == tmp_path / "report.json"
    assert found["metrics"] == flights
    assert found["verdict"]["level"] == "CRITICAL"
    assert len(found["verdict"]["checks"]) == 10 + 12 + 2
    assert found["history"]["series"]["accuracy"][24] is None
    assert found["history"]["alerts"][0]["name"] == "ModelAccuracyLow"


def test_json_is_strict_and_repeatable(flights, tmp_path):
    """NaN becomes null, odd text survives, and the same input gives the same bytes."""
    flights["performance"]["accuracy"] = float("nan")
    flights["model"]["name"] = "\ud800 中 \x00"
    first = write(flights, str(tmp_path / "a.json")).read_bytes()
    assert write(flights, tmp_path / "b.JSON").read_bytes() == first
    found = json.loads(first)
    assert found["metrics"]["performance"]["accuracy"] is None
    assert found["metrics"]["model"]["name"] == "\ud800 中 \x00"


@pytest.mark.parametrize("name", ["report.html", "report", "report.pdf.gz"])
def test_other_suffix_names_what_is_supported(name, tmp_path):
    """An unsupported form is refused before anything is written."""
    with pytest.raises(ReportError, match=r"a report can be written as \.json or \.pdf"):
        write({}, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_unknown_page_size(tmp_path):
    """A page size is A4 or Letter."""
    with pytest.raises(ReportError, match="unknown 'A5'"):
        write({}, tmp_path / "a.pdf", page_size="A5")


def test_missing_folder(tmp_path):
    """A folder that is not there is named, and not made."""
    with pytest.raises(ReportError, match=r"the folder .*absent does not exist"):
        write({}, tmp_path / "absent" / "a.json")
    assert not (tmp_path / "absent").exists()


def test_folder_in_place_of_the_file(tmp_path):
    """A folder is not overwritten."""
    (tmp_path / "a.json").mkdir()
    with pytest.raises(ReportError, match="is a folder"):
        write({}, tmp_path / "a.json")


@pytest.mark.parametrize("fault", ["write", "replace"])
def test_fault_leaves_the_old_report_and_no_rest(fault, tmp_path, monkeypatch):
    """If the disk fails, the former report stays whole, and no temporary file stays."""
    target = tmp_path / "a.json"
    target.write_text("old", encoding="utf-8")

    def fail(*_):
        raise OSError(28, "No space left on device")

    if fault == "write":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(ReportError, match="cannot be written: No space left on device"):
        write({}, target)
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert target.read_text(encoding="utf-8") == "old"


def test_unwritable_place():
    """A folder that takes no files gives the system's reason (the kernel's own folder, as root may write elsewhere)."""
    with pytest.raises(ReportError, match=r"/proc/report\.json: cannot be written"):
        write({}, "/proc/report.json")


def test_value_that_json_cannot_hold(tmp_path):
    """A foreign object in the metrics is a clear fault."""
    with pytest.raises(ReportError, match="metrics hold a value that JSON cannot"):
        write({"model": {"name": object()}}, tmp_path / "a.json")


def test_missing_reportlab(tmp_path, monkeypatch):
    """Without reportlab a PDF names the extra to install; JSON works."""
    monkeypatch.setitem(sys.modules, "reportlab", None)
    with pytest.raises(MissingExtraError, match=r"ml-models-monitoring\[report\]"):
        write({}, tmp_path / "a.pdf")
    assert write({}, tmp_path / "a.json").exists()


def test_import_and_json_need_no_reportlab(tmp_path):
    """Importing the package and writing JSON load no reportlab."""
    code = (
        "import sys; from ml_models.reports import write; "
        f"write({{}}, {str(tmp_path / 'a.json')!r}); "
        "sys.exit(any(name.partition('.')[0] == 'reportlab' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_history_checks_its_lengths():
    """A series has one value per time."""
    with pytest.raises(ReportError, match="'accuracy' has 1 values for 2 times"):
        History((0.0, 1.0), {"accuracy": (0.5,)})


def test_document_without_history():
    """No history is said as None."""
    assert document({})["history"] is None
    assert (
        document({}, History(alerts=(AlertEvent("A", "info", {}, 0.0, None),)))["history"]["alerts"][0]["name"] == "A"
    )
