"""What is committed names no machine and no registry, tells one version, and pins nothing but versions."""

import os
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ml_models import __version__

from .conftest import ROOT

HOME_PATH = re.compile(r"(?<![\w.])/(?:root|home/[a-z_][\w-]*)/")
# Written so that this file does not match itself.
REGISTRY_ADDRESS = re.compile(
    r"index[-_]url|find[-_]links|pythonhosted[.]org|registry[.]npmjs"
    r"|https?://[^\s/]+/(?:[^\s/]+/)*(?:simple|pypi|artifactory)(?:[/\s\"']|$)",
    re.IGNORECASE | re.MULTILINE,
)


def committed_files():
    """Yield every file that git would take; the tree may be an archive without git."""
    patterns = [".git", *(line.strip("/") for line in (ROOT / ".gitignore").read_text().split())]
    assert not [pattern for pattern in patterns if "/" in pattern], "only names are understood here, not folders"

    def taken(names):
        return sorted(name for name in names if not any(fnmatch(name, pattern) for pattern in patterns))

    for folder, folders, files in os.walk(ROOT):
        folders[:] = taken(folders)
        yield from (Path(folder, name) for name in taken(files))


def offences(pattern):
    """Return ``file:line: text`` for each match in a text file."""
    found = []
    for path in committed_files():
        content = path.read_bytes()
        if b"\0" in content:
            continue
        text = content.decode()
        found += [
            f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}: {match.group()}"
            for match in pattern.finditer(text)
        ]
    return found


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins(name):
    """Return the requirements of a constraints file."""
    lines = (ROOT / "constraints" / name).read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (HOME_PATH, "see /" + "root/.cache"),
        (HOME_PATH, '"/' + 'home/ada/project"'),
        (REGISTRY_ADDRESS, "--extra-index" + "-url x"),
        (REGISTRY_ADDRESS, "https://mirror.example/api/" + "simple/"),
        (REGISTRY_ADDRESS, "https://mirror.example/" + "pypi\n"),
    ],
)
def test_patterns_find_what_they_are_for(pattern, text):
    """The searches below would find an offence."""
    assert pattern.search(text)


def test_files_are_searched():
    """The searches below see this file and the top of the tree, and nothing that is ignored."""
    names = {str(path.relative_to(ROOT)) for path in committed_files()}
    assert {"pyproject.toml", ".ci/run", "tests/packaging/test_tree.py"} <= names
    assert not [name for name in names if name.startswith((".venv/", ".git/"))]


@pytest.mark.parametrize("pattern", [HOME_PATH, REGISTRY_ADDRESS], ids=["home path", "registry address"])
def test_no_file_names_a_machine(pattern):
    """No committed text file names a home folder or the address of a package registry."""
    assert offences(pattern) == []


def test_changelog_tells_the_version():
    """The newest entry of the change log is the version of the package."""
    newest = re.search(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest.group(1) == __version__


@pytest.mark.parametrize("name", ["dev.txt", "oldest.txt"])
def test_constraints_are_plain_versions(name):
    """Each line of a constraints file is one name and one version: no address, no hash, no option."""
    found = pins(name)
    assert found
    for pin in found:
        (specifier,) = pin.specifier
        assert (specifier.operator, pin.url, pin.extras) == ("==", None, set()), str(pin)


def test_oldest_versions_are_the_declared_bounds():
    """The oldest versions, on the oldest Python, are exactly the lower bounds that the package declares."""
    python = project()["requires-python"].removeprefix(">=")
    tested = {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
        for pin in pins("oldest.txt")
        if pin.marker is None or pin.marker.evaluate({"python_version": python})
    }
    declared = {
        canonicalize_name(requirement.name): str(requirement.specifier).removeprefix(">=")
        for requirement in map(Requirement, project()["dependencies"])
    }
    assert {name: version.removesuffix(".0") for name, version in tested.items()} == {
        name: version.removesuffix(".0") for name, version in declared.items()
    }


def test_all_extra_brings_every_extra():
    """The extra ``all`` names every other extra."""
    extras = project()["optional-dependencies"]
    (everything,) = map(Requirement, extras["all"])
    assert everything.extras == set(extras) - {"all"}
