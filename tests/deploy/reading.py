"""The deployment files as data: the compose file, the steps of the image, and what enters its build."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "deploy/Dockerfile"

_DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")


def interpolate(text: str) -> str:
    """Fill in the defaults of variables, as compose does where none is set; a doubled dollar is a dollar."""
    return _DEFAULT.sub(r"\1", text).replace("$$", "$")


def compose() -> dict:
    """Return the compose file with its anchors merged and its variables at their defaults."""
    return _filled(yaml.safe_load(COMPOSE.read_text()))


def _filled(node):
    if isinstance(node, dict):
        return {key: _filled(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value) for value in node]
    return interpolate(node) if isinstance(node, str) else node


@dataclass(frozen=True)
class Step:
    """An instruction of an image file and what stands behind it, its lines joined."""

    word: str
    text: str


def steps(text: str) -> list[Step]:
    """Return the instructions of an image file."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Step(*line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def stages(text: str) -> list[list[Step]]:
    """Return the instructions of each stage, beginning with its FROM."""
    found: list[list[Step]] = []
    for step in steps(text):
        if step.word == "FROM":
            found.append([])
        found[-1].append(step)
    return found


def enters_build(path: str, ignored: str) -> bool:
    """Tell whether a file is part of a build's context: the last line that matches it or a folder above decides."""
    inside = True
    parts = PurePosixPath(path).parts
    names = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    for line in ignored.split():
        if line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        patterns = [pattern, pattern.removeprefix("**/")]
        if any(fnmatch(name, one) for name in names for one in patterns):
            inside = line.startswith("!")
    return inside


def context_files() -> list[str]:
    """Return what of this tree enters a build."""
    ignored = "\n".join(line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#"))
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in {".git", ".venv"}]
        for name in names:
            path = (Path(folder, name)).relative_to(ROOT).as_posix()
            if enters_build(path, ignored):
                found.append(path)
    return found
