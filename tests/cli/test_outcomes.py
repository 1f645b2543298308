"""``mlmon outcomes``: labels of one file are joined to predictions of another."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet
from sklearn import metrics

from ml_models.cli import mlmon


@pytest.fixture
def run(tmp_path):
    """Write two tables and return what the command says of them."""

    def run_(predictions, labels, *options, code=0, suffix="parquet"):
        paths = []
        for name, table in (("predictions", predictions), ("labels", labels)):
            path = tmp_path / f"{name}.{suffix}"
            if suffix == "parquet":
                parquet.write_table(pa.table(table), path, row_group_size=1_000)
            else:
                rows = zip(*table.values(), strict=True)
                path.write_text("\n".join([",".join(table), *(",".join(map(str, row)) for row in rows)]) + "\n")
            paths.append(str(path))
        done = CliRunner().invoke(mlmon, ["outcomes", *paths, *options])
        assert done.exit_code == code, done.output
        return done

    return run_


def test_it_equals_scikit_learn_on_the_joined_rows(run):
    rng = np.random.default_rng(3)
    size = 5_000
    actual = rng.choice(["no", "yes"], size, p=[0.7, 0.3])
    score = np.clip(rng.normal(0.4 + 0.3 * (actual == "yes"), 0.2), 0, 1)
    ids = rng.permutation(10 * size)[:size]
    labelled = rng.permutation(size)[:4_000]
    done = run(
        {"order": ids, "score": score},
        {"order": np.append(ids[labelled], [10**7, 10**7 + 1]), "label": np.append(actual[labelled], ["no", "no"])},
        "--id", "order", "--score", "score", "--format", "json",
    )  # fmt: skip
    found = json.loads(done.stdout)
    predicted = np.where(score >= 0.5, "yes", "no")[labelled]
    assert (found["predictions"], found["joined"], found["orphans"], found["coverage"]) == (5_000, 4_000, 2, 0.8)
    performance = found["performance"]
    assert performance["accuracy"] == pytest.approx(metrics.accuracy_score(actual[labelled], predicted))
    assert performance["f1"] == pytest.approx(metrics.f1_score(actual[labelled], predicted, pos_label="yes"))
    expected = metrics.confusion_matrix(actual[labelled], predicted, labels=["no", "yes"]).tolist()
    assert performance["confusion"] == {"classes": ["no", "yes"], "counts": expected}


def test_repeated_rows_are_told_apart_and_the_last_one_counts(run):
    done = run(
        {"id": ["a", "b", "b", "c", None], "prediction": ["no", "no", "yes", "no", "no"]},
        {"id": ["a", "a", "b", "b", "c"], "label": ["no", "no", "no", "yes", None]},
        "--format", "json",
    )  # fmt: skip
    found = json.loads(done.stdout)
    counts = {name: found[name] for name in ("joined", "duplicates", "corrected", "repeated", "invalid", "without_id")}
    assert counts == {"joined": 2, "duplicates": 1, "corrected": 1, "repeated": 1, "invalid": 1, "without_id": 1}
    assert found["performance"]["confusion"] == {"classes": ["no", "yes"], "counts": [[1, 0], [0, 1]]}


def test_the_table_for_people(run):
    done = run(
        {"id": [1, 2, 3, 4], "prediction": [0, 1, 1, 0]}, {"id": [1, 2, 3], "label": [0, 1, 0]}, "--positive", "0",
        suffix="csv",
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert lines[:3] == ["predictions  4", "labels       3", "joined       3  (75.0%)"]
    assert "accuracy     0.6667  (0.2077 to 0.9385)" in lines
    assert "precision    1.0000  (0.2065 to 1.0000)" in lines, "of class 0"
    assert lines[-3:] == ["actual \\ predicted  0  1", "0                   1  1", "1                   0  1"]


def test_classes_that_are_never_predicted_have_a_row_of_their_own(run):
    done = run({"id": [1, 2], "prediction": ["a", "a"]}, {"id": [1, 2], "label": ["a", "b"]}, "--format", "json")
    assert json.loads(done.stdout)["performance"]["confusion"] == {"classes": ["a", "b"], "counts": [[1, 0], [1, 0]]}


def test_ids_are_joined_whatever_type_carries_them(run):
    run({"id": [1, 2], "prediction": ["a", "a"]}, {"id": [1.0, 2.0], "label": ["a", "a"]}, "--min-coverage", "1")


@pytest.mark.parametrize(
    ("labels", "options", "fault"),
    [
        (
            {"id": [8, 9], "label": ["a", "a"]},
            (),
            "no label was joined; see whether the ids of both files are the same",
        ),
        ({"id": [1], "label": ["a"]}, ("--min-coverage", "0.9"), "coverage is 0.500, below 0.9"),
        ({"id": [1, 2], "label": ["b", "a"]}, ("--config", "limits.yml"), "accuracy is 0.5000, below 0.95"),
    ],
)
def test_exit_code_1_says_why(labels, options, fault, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "limits.yml").write_text(
        "monitoring: {performance: {alert_thresholds: {accuracy: 0.95, min_labels: 2}}}\n"
    )
    done = run({"id": [1, 2], "prediction": ["a", "a"]}, labels, *options, code=1)
    assert f"mlmon: {fault}" in done.stderr


@pytest.mark.parametrize(
    ("predictions", "options", "fault"),
    [
        ({"id": [1], "guess": ["a"]}, (), "predictions: no column prediction; name the columns that there are"),
        ({"id": [1, 2, 3], "p": [0.1, 0.2, 0.3]}, ("--score", "p"), "p holds single scores, which are of two classes"),
    ],
)
def test_exit_code_2_says_what_is_wrong(predictions, options, fault, run):
    done = run(predictions, {"id": [1, 2, 3], "label": ["a", "b", "c"]}, *options, code=2)
    assert fault in done.stderr
