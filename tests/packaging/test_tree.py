"""What is committed names no machine, no registry and one version; its pins are plain versions."""

import re
import tomllib
from fnmatch import fnmatch

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from ml_models import __version__

from .conftest import ROOT

HOME_PATH = re.compile(r"(?<![\w.])/(?:root|home/[a-z_][\w-]*)/")
# Written so that this file does not match itself.
REGISTRY = re.compile(
    r"index[-_]url|find[-_]links|pythonhosted[.]org|registry[.]npmjs"
    r"|https?://[^\s/]+/(?:[^\s/]+/)*(?:simple|pypi|artifactory)(?=[/\s\"']|$)",
    re.IGNORECASE,
)


def ignored_names():
    """Return the name patterns that git ignores here; this tree's patterns are plain names."""
    patterns = [line.strip().strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()]
    assert not [pattern for pattern in patterns if "/" in pattern], "a pattern with folders needs more than names"
    return [".git", *filter(None, patterns)]


def committed_files():
    """Yield every file that git would take, without needing git."""
    ignored = ignored_names()
    for folder, folders, files in ROOT.walk() if hasattr(ROOT, "walk") else _walk():
        folders[:] = sorted(name for name in folders if not any(fnmatch(name, pattern) for pattern in ignored))
        for name in sorted(files):
            if not any(fnmatch(name, pattern) for pattern in ignored):
                yield folder / name
