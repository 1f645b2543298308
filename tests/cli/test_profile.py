"""``mlmon profile``."""

import re
from pathlib import Path

from click.testing import CliRunner

from ml_models.cli import mlmon
from ml_models.profile import ReferenceProfile

ROWS = "id,age,city,label\n" + "".join(f"u{i},{i % 60},{'ab'[i % 2]},{i % 2}\n" for i in range(200))


def run(tmp_path: Path, *options: str, text: str = ROWS):
    data = tmp_path / "data.csv"
    data.write_text(text)
    output = tmp_path / "reference.json"
    return CliRunner().invoke(mlmon, ["profile", str(data), "-o", str(output), *options]), output


def test_writes_a_profile_that_loads_and_says_what_it_left_out(tmp_path):
    result, output = run(tmp_path, "--label", "label")
    assert result.exit_code == 0, result.output
    profile = ReferenceProfile.load(output)
    assert [(f.name, f.role, f.kind) for f in profile.features] == [
        ("age", "feature", "numeric"),
        ("city", "feature", "categorical"),
        ("label", "label", "categorical"),
    ]
    assert "id     left out     looks like an identifier" in result.output
    assert "label  categorical  label, 2 categories" in result.output


def test_what_is_odd_about_a_column_is_said(tmp_path):
    """Numbers that may be identifiers, constants, what is missing."""
    text = "n,c,when,x\n" + "".join(f"{i + 7},5,2026-01-{i % 28 + 1:02},{i % 9 or ''}\n" for i in range(200))
    result, _ = run(tmp_path, text=text)
    lines = [line.split(maxsplit=2) for line in result.output.splitlines()]
    said = {name: (kind, facts) for name, kind, facts in lines[:4]}
    assert said["n"] == (
        "numeric",
        "7 to 206; whole numbers, all different; if they are identifiers, ignore the column",
    )
    assert said["c"] == ("numeric", "5; constant")
    assert said["when"] == ("datetime", "2026-01-01 to 2026-01-28")
    assert said["x"] == ("numeric", "1 to 8, 23 missing (11.5 %)")


def test_rare_categories_are_kept_out_of_the_file(tmp_path):
    text = "city\n" + "Oslo\n" * 50 + "Bergen\n" * 50 + "Smallville\n" * 3
    result, output = run(tmp_path, "--min-count", "10", text=text)
    assert result.exit_code == 0, result.output
    assert "2 categories and 1 rarer" in result.output
    assert "Smallville" not in output.read_text()


def test_valid_values_can_be_named(tmp_path):
    result, output = run(tmp_path, "--allow", "age=0..120", "--allow", "city=/[a-z]/", "--ignore", "id")
    assert result.exit_code == 0, result.output
    age, city, _ = ReferenceProfile.load(output).features
    assert (age.allowed.minimum, age.allowed.maximum, city.allowed.pattern) == (0.0, 120.0, "[a-z]")
    assert "COLUMN=LOW..HIGH" in run(tmp_path, "--allow", "age")[0].output
    result, _ = run(tmp_path, "--allow", "age=/x/")
    assert result.exit_code == 2
    assert "for kind numeric give min or max" in result.output


def test_a_kind_can_be_named(tmp_path):
    result, output = run(tmp_path, "--kind", "age=categorical", "--ignore", "id")
    assert result.exit_code == 0, result.output
    assert ReferenceProfile.load(output).features[0].kind == "categorical"


def test_a_score_beside_the_label_is_kept_and_is_no_feature(tmp_path):
    """From a file of which the rows are read in parts too; without the label it is refused."""
    rows = "x,label,score\n" + "".join(f"{i % 60},{i % 2},{(i % 97) / 97}\n" for i in range(400))
    result, output = run(tmp_path, "--label", "label", "--score", "score", text=rows)
    assert result.exit_code == 0, result.output
    assert re.search("score +score +beside the label, 400 rows", result.output)
    profile = ReferenceProfile.load(output)
    assert [feature.name for feature in profile.features] == ["x", "label"]
    assert (profile.scores.classes, sum(profile.scores.counts)) == (("0", "1"), 400)
    result, _ = run(tmp_path, "--score", "score", text=rows)
    assert result.exit_code == 2
    assert "name the label column too" in result.output


def test_a_wrong_kind_column_or_file_is_told(tmp_path):
    assert "COLUMN=KIND" in run(tmp_path, "--kind", "age=number")[0].output
    result, _ = run(tmp_path, "--label", "lable")
    assert result.exit_code == 2
    assert "no column 'lable'" in result.output
    result = CliRunner().invoke(mlmon, ["profile", str(tmp_path / "nothing.csv")])
    assert result.exit_code == 2
    assert "no such file" in result.output
