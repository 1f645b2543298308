"""Monitoring for machine-learning models on Prometheus, Alertmanager and Grafana.

Examples
--------
>>> import ml_models
>>> ml_models.compare({"x": [1.0] * 500}, {"x": [2.0] * 500}).verdict
'drift'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ml_models.comparison import DriftReport, compare

__version__ = "0.1.0"
__all__ = ["DriftReport", "__version__", "compare"]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is, so that ``import ml_models`` costs nothing."""
    if name in {"DriftReport", "compare"}:
        from ml_models import comparison  # noqa: PLC0415 - the point of this function

        return getattr(comparison, name)
    raise AttributeError(f"module 'ml_models' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names, imported yet or not."""
    return sorted({*globals(), *__all__})
