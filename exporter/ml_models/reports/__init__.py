"""Reports: the verdict on a model and what it rests on, as PDF or JSON.

Examples
--------
>>> verdict({"thresholds": {"quality_min": 0.9}, "data": {"quality_score": 0.97}}).level
'OK'
"""

from ml_models.reports.checks import Check
from ml_models.reports.files import document, write
from ml_models.reports.model import AlertEvent, History
from ml_models.reports.verdict import Verdict, verdict

__all__ = ["AlertEvent", "Check", "History", "Verdict", "document", "verdict", "write"]
