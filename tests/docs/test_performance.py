"""The guide to performance: its example runs, its names are recorded, and its figures of the bins hold."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from ml_models.mixin.names import RuleSettings
from ml_models.mixin.rules import recording_groups
from ml_models.stats.scores import SCORE_BINS, pr_auc, roc_auc, score_bins

GUIDE = (Path(__file__).parents[2] / "docs" / "performance.md").read_text(encoding="utf-8")


def test_the_example_runs_and_prints_figures(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    exec(code, {})  # noqa: S102 - the repository's own guide
    accuracy, area, estimated = map(float, capsys.readouterr().out.split())
    assert (accuracy, area) == (pytest.approx(2 / 3), 1.0)
    assert 0 < estimated < 1


def test_every_series_that_is_named_is_recorded():
    recorded = {rule.record for group in recording_groups(RuleSettings()) for rule in group.rules}
    named = re.findall(r"`(\w+:\w+:\w+)`", GUIDE)
    assert len(named) > 8
    assert set(named) <= recorded


#: Rows, base log-odds and spread of the models in the table.
MODELS = {
    "balanced classes": (20_000, 0.0, 1.5),
    "sharp scores": (20_000, 0.0, 5.0),
    "2 % positives": (50_000, -4.5, 1.2),
    "3 positives in 1,000": (100_000, -7.0, 1.5),
    "dull scores": (20_000, -1.2, 0.5),
}


@pytest.mark.parametrize("model", MODELS)
def test_the_error_of_the_bins_is_about_what_the_guide_says(model):
    """Of another sample of the same model."""
    rows, base, spread = MODELS[model]
    rng = np.random.default_rng(9)
    scores = 1 / (1 + np.exp(-(rng.normal(size=rows) * spread + base)))
    labels = rng.random(rows) < scores
    bins = np.stack([np.bincount(score_bins(scores[labels == y]), minlength=SCORE_BINS) for y in (False, True)])
    (line,) = re.findall(rf"^\| {re.escape(model)} \|(.*)\|$", GUIDE, re.MULTILINE)
    told = [float(cell) for cell in line.split("|")]
    areas = ((roc_auc(bins), roc_auc_score(labels, scores)), (pr_auc(bins), average_precision_score(labels, scores)))
    for (area, exact), (value, off, bound) in zip(areas, (told[:3], told[3:]), strict=True):
        assert exact == pytest.approx(value, abs=0.03)
        assert abs(area.value - exact) == pytest.approx(off, abs=0.005)
        assert area.error == pytest.approx(bound, abs=0.015)
