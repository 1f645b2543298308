"""What the README shows works as it stands there."""

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from ml_models.config import Config

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture
def namespace(monkeypatch):
    monkeypatch.setenv("ML_MODELS_SERVER__PORT", "0")
    model = LogisticRegression().fit(np.array([[0.0], [1.0]]), [0, 1])
    found: dict = {"model": model}
    yield found
    for name in {"monitor", "challenger"} & found.keys():
        found[name].stop()


def test_the_python_blocks_run_one_after_the_other(namespace, capsys):
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), namespace)  # noqa: S102 - our own README
    assert capsys.readouterr().out.strip() == "1.0"


def test_the_settings_shown_are_valid(tmp_path):
    (text,) = blocks("yaml")
    file = tmp_path / "monitoring.yml"
    file.write_text(text, encoding="utf-8")
    thresholds = Config(file, environ={}).get_monitoring_config()["alert_thresholds"]
    assert thresholds["latency_seconds_max"] == 1.0
    assert thresholds["memory_ratio_max"] == 0.8


def test_every_relative_link_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
