"""The guide's examples run and print what stands below them."""

from __future__ import annotations

import re
from pathlib import Path

from ml_models import catalog
from ml_models.profile.tally import ENDS

GUIDE = Path(__file__).parents[2] / "docs" / "labels.md"
TEXT = GUIDE.read_text(encoding="utf-8")


def test_the_examples_print_what_the_guide_says(capsys):
    blocks = re.findall(r"```(python|text)\n(.*?)```", TEXT, flags=re.DOTALL)
    namespace: dict = {}
    assert [language for language, _ in blocks] == ["python", "text"] * (len(blocks) // 2)
    for (_, code), (_, printed) in zip(blocks[::2], blocks[1::2], strict=True):
        exec(compile(code, str(GUIDE), "exec"), namespace)  # noqa: S102 - our own guide
        assert capsys.readouterr().out == printed


def test_every_end_of_a_join_is_explained():
    table = TEXT[TEXT.index("| status |") :].split("\n\n")[0]
    assert sorted(re.findall(r"^\| (\w+) \|", table, flags=re.MULTILINE)) == sorted([*ENDS, "status"])
    assert [end for end in ENDS if end not in catalog.LABELS.help] == []


def test_every_metric_named_is_in_the_catalog_and_none_of_the_ledger_is_left_out():
    named = set(re.findall(r"\bml_[a-z_]+", TEXT)) - {"ml_models"}
    assert named - catalog.METRICS.keys() == set()
    assert {name for name in catalog.METRICS if name.startswith(("ml_ledger", "ml_label"))} - named == set()
