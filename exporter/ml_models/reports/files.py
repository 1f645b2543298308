"""Writing a report: the file's suffix says which form, and a file appears whole or not at all."""

from __future__ import annotations

import importlib
import json
import math
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from ml_models import __version__
from ml_models.errors import MissingExtraError, ReportError
from ml_models.reports.model import History
from ml_models.reports.verdict import verdict

PageSize = Literal["A4", "Letter"]

#: Version of the JSON document's layout.
FORMAT_VERSION = 1


def write(
    metrics: Mapping[str, Any], path: str | Path, *, history: History | None = None, page_size: PageSize = "A4"
) -> Path:
    """Write a report on a model.

    Parameters
    ----------
    metrics : mapping
        As from ``ModelMonitor.get_metrics()``.
    path : str or Path
        Ends in ``.pdf`` or in ``.json`` (the same data, for programs). A file that is there is replaced, in one step.
    history : History, optional
        Time series and alerts to show.
    page_size : {'A4', 'Letter'}

    Returns
    -------
    Path
        Where the report is.

    Raises
    ------
    ReportError
        If the suffix or page size is not supported, or the file cannot be written.
    MissingExtraError
        If a PDF is asked for and reportlab is not installed.

    Notes
    -----
    The same input gives the same bytes.
    """
    target = Path(path)
    render = _RENDERERS.get(target.suffix.lower())
    if render is None:
        found = f"suffix {target.suffix!r}" if target.suffix else "no suffix"
        raise ReportError(f"{target}: {found}; a report can be written as {' or '.join(sorted(_RENDERERS))}")
    if page_size not in ("A4", "Letter"):
        raise ReportError(f"page_size: unknown {page_size!r}; choose from 'A4', 'Letter'")
    if not target.parent.is_dir():
        raise ReportError(f"{target}: the folder {target.parent} does not exist; create it first")
    if target.is_dir():
        raise ReportError(f"{target}: is a folder; give the name of a file")
    _replace(target, render(metrics, history, page_size))
    return target


def document(metrics: Mapping[str, Any], history: History | None = None) -> dict[str, Any]:
    """Return what the JSON report holds: the verdict with every check, the metrics, the history.

    Examples
    --------
    >>> document({})["verdict"]["level"]
    'NOT ENOUGH DATA'
    """
    return {
        "format": "ml-models-report",
        "format_version": FORMAT_VERSION,
        "package_version": __version__,
        "verdict": asdict(verdict(metrics)),
        "metrics": metrics,
        "history": None if history is None else asdict(history),
    }


def _json(metrics: Mapping[str, Any], history: History | None, page_size: PageSize) -> bytes:
    try:
        text = json.dumps(_finite(document(metrics, history)), indent=2, allow_nan=False)
    except (TypeError, ValueError) as fault:
        raise ReportError(f"metrics hold a value that JSON cannot: {fault}; pass what get_metrics() returns") from fault
    return f"{text}\n".encode("ascii")


def _finite(value: Any) -> Any:
    """Copy with NaN and infinity as None, which JSON has no word for."""
    if isinstance(value, Mapping):
        return {str(key): _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _pdf(metrics: Mapping[str, Any], history: History | None, page_size: PageSize) -> bytes:
    try:
        importlib.import_module("reportlab")
    except ImportError as missing:
        raise MissingExtraError("PDF reports", "reportlab", "report") from missing
    from ml_models.reports.pdf import render  # noqa: PLC0415 - needs reportlab, which the bare core does not have

    return render(metrics, history, page_size)


_RENDERERS: dict[str, Callable[[Mapping[str, Any], History | None, PageSize], bytes]] = {".json": _json, ".pdf": _pdf}


def _replace(target: Path, content: bytes) -> None:
    # beside the target, so that the rename stays inside one file system and is atomic
    temporary = target.parent / f".report-{secrets.token_hex(8)}.tmp"
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as fault:
        temporary.unlink(missing_ok=True)
        raise ReportError(
            f"{target}: cannot be written: {fault.strerror or fault}; check the folder's permissions and free space"
        ) from fault
