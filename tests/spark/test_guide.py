"""The guide's examples run on real Spark and Dask, and print what stands below them."""

import re
from pathlib import Path

import dask
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "distributed.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with two months of parquet files, in the second of which the distance has drifted."""
    rng = np.random.default_rng(1)
    for month, parts in (("january", 2), ("february", 3)):
        (tmp_path / month).mkdir()
        for i in range(parts):
            table = {
                "distance": rng.exponential(700 if month == "january" else 1_400, 2_000),
                "carrier": rng.choice(["AA", "B6", "UA"], 2_000),
                "score": rng.random(2_000),
            }
            parquet.write_table(pa.table(table), tmp_path / month / f"{i}.parquet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_examples_print_what_the_guide_says(spark, folder, capsys):
    blocks = re.findall(r"```(python|text)\n(.*?)```", GUIDE.split("## Ray")[0], flags=re.DOTALL)
    assert [language for language, _ in blocks] == ["python", "text", "python", "python", "text", "python", "text"]
    namespace: dict = {"spark": spark}
    printed = expected = ""
    with dask.config.set(scheduler="threads"):  # processes would import this file's names anew
        for language, text in blocks:
            if language == "text":
                expected += text
            else:
                # Spark's paths are relative to where Java was started.
                code = re.sub(r'parquet\("(\w+)/"\)', rf'parquet("{folder}/\1")', text)
                exec(compile(code, "docs/distributed.md", "exec"), namespace)  # noqa: S102 - our own guide
                printed += capsys.readouterr().out
    assert printed == expected
    text = (folder / "churn.prom").read_text()
    assert 'ml_feature_observations_total{model="churn",role="feature",feature="distance"} 6000' in text


def test_every_relative_link_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", GUIDE)
    assert [link for link in links if "://" not in link and not (ROOT / "docs" / link).exists()] == []
