"""The document that holds the figures: each benchmark writes its own sections and leaves the others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

TARGET = Path("docs/benchmarks.md")


def sections(text: str) -> dict[str, str]:
    r"""Return a document's sections by heading, each with its heading; what comes before the first one as ``""``.

    Examples
    --------
    >>> sections("# T\nintro\n## A\na\n## B\nb\n")
    {'': '# T\nintro\n', 'A': '## A\na\n', 'B': '## B\nb\n'}
    """
    parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    found = {"": parts[0]}
    for part in parts[1:]:
        found[part.partition("\n")[0].removeprefix("## ")] = part
    return found


def record(lines: Sequence[str]) -> None:
    """Put sections, and what comes before them if that is given, in the place of those of the same heading."""
    old = sections(TARGET.read_text(encoding="utf-8")) if TARGET.exists() else {}
    new = sections("\n".join(lines).rstrip() + "\n")
    if not new[""].strip():
        del new[""]
    merged = {**old, **new}
    TARGET.write_text("\n".join(part.rstrip() + "\n" for part in merged.values() if part.strip()), encoding="utf-8")
