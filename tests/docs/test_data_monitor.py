"""The guide to the data monitor: its examples run and print what stands below them, and its tables are complete."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import numpy as np
import pytest

from ml_models import catalog
from ml_models.cli.watch import watch
from ml_models.monitoring import ReferenceProfile
from ml_models.monitoring.watching import engine, learning, reading, windows
from ml_models.monitoring.watching.book import EVENTS, TIMINGS

GUIDE = Path(__file__).parents[2] / "docs" / "data-monitor.md"
TEXT = GUIDE.read_text(encoding="utf-8")


@pytest.fixture
def scores(tmp_path, monkeypatch):
    """Work in a folder with three days of scores, the third of which has drifted, and a reference."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("ML_MODELS_SERVER__PORT", "0")
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    rng = np.random.default_rng(1)
    folder = tmp_path / "scores"
    folder.mkdir()
    for day in range(3):
        begun = dt.datetime(2024, 3, 1 + day, tzinfo=dt.UTC)
        amounts, countries = rng.normal(100 + 60 * (day == 2), 20, 800), rng.choice(["NO", "IT"], 800)
        rows = (
            f"{(begun + dt.timedelta(seconds=108 * i)).isoformat()},{amount:.2f},{country}\n"
            for i, (amount, country) in enumerate(zip(amounts, countries, strict=True))
        )
        (folder / f"{day}.csv").write_text("scored_at,amount,country\n" + "".join(rows))
    good = {"amount": rng.normal(100, 20, 5_000), "country": rng.choice(["NO", "IT"], 5_000)}
    ReferenceProfile.fit(good).save(tmp_path / "reference.json")
    return tmp_path


def test_the_examples_run_and_print_what_the_guide_says(scores, capsys):
    blocks = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    (printed,) = re.findall(r"```text\n(.*?)```", TEXT, flags=re.DOTALL)
    namespace: dict = {}
    for block in blocks:
        exec(compile(block, str(GUIDE), "exec"), namespace)  # noqa: S102 - our own guide
    assert capsys.readouterr().out == printed
    assert (scores / "scores.pdf").exists()


def test_every_option_of_an_example_exists():
    known = {option for parameter in watch.params for option in parameter.opts}
    used = set(re.findall(r"mlmon watch .*", TEXT))
    assert used
    assert {option for line in used for option in re.findall(r"--[a-z-]+", line)} <= known


def test_every_metric_timing_and_event_is_in_the_guide():
    assert [name for name in catalog.METRICS if name.startswith("ml_watch_") and name not in TEXT] == []
    assert [word for word in (*TIMINGS, *EVENTS) if f"`{word}`" not in TEXT] == []


def test_the_numbers_are_those_of_the_code():
    assert f"of the last {windows.HISTORY} closed windows" in TEXT
    assert windows.SLOTS == 4, "a quarter"
    assert f"At most {reading.MAX_FILES:,} files" in TEXT
    assert (reading.SETTLED_SECONDS, reading.STILL_SECONDS, reading.FORGOTTEN_SECONDS) == (2.0, 60.0, 7 * 86_400.0)
    assert (engine.COMMIT_SECONDS, learning.LEARN_TIMES) == (5.0, 10)


def test_every_relative_link_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert [link for link in links if "://" not in link and not (GUIDE.parent / link).exists()] == []
