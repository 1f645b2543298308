"""YAML as a person would write it: block scalars for long text, keys in the given order, indented lists."""

from __future__ import annotations

from typing import Any

import yaml

_WIDTH = 120
#: Beyond this, a one-line text is folded over several lines; shorter ones fit into the width with their indentation.
_LONG = 80


class _Dumper(yaml.SafeDumper):
    """PyYAML's dumper with indented lists and no anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else ">" if len(value) > _LONG and " " in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _represent_text)


def dump(document: dict[str, Any], header: str = "") -> str:
    r"""Return a document as YAML text, below a comment.

    Examples
    --------
    >>> print(dump({"b": ["1", 1], "a": "x\ny\n"}, header="Generated."), end="")
    # Generated.
    b:
      - '1'
      - 1
    a: |
      x
      y
    """
    comment = "".join(f"# {line}\n" for line in header.splitlines())
    return comment + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=_WIDTH, allow_unicode=True)
