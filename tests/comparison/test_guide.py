"""The guide's examples run and print what stands below them."""

import re
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "compare.md"


def test_the_examples_print_what_the_guide_says(capsys):
    blocks = re.findall(r"```(python|text)\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert [language for language, _ in blocks] == ["python", "text"] * 3
    namespace: dict = {}
    for (_, code), (_, printed) in zip(blocks[::2], blocks[1::2], strict=True):
        exec(compile(code, str(GUIDE), "exec"), namespace)  # noqa: S102 - our own guide
        assert capsys.readouterr().out == printed


def test_every_relative_link_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", GUIDE.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (GUIDE.parent / link).exists()] == []
