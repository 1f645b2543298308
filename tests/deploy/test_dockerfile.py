"""The image: pinned, small, without root; nothing of this machine enters its build."""

from __future__ import annotations

import re

import pytest
import yaml

from .reading import COMPOSE, DOCKERFILE, ROOT, compose, context_files, enters_build, stages, steps

TEXT = DOCKERFILE.read_text()
IGNORED = (ROOT / ".dockerignore").read_text()
PINNED = re.compile(r"^[\w./-]+:\d+\.\d+\.\d+[\w.-]*$")
PIPED = re.compile(r"\b(curl|wget)\b.*\|\s*(ba)?sh\b")


def faults(text: str) -> set[str]:
    """Return the rules that an image file breaks."""
    found = set()
    *builds, last = stages(text)
    names = {step.text.split(" AS ")[1] for stage in builds for step in stage[:1] if " AS " in step.text}
    for step in steps(text):
        if step.word == "FROM" and (base := step.text.split()[0]) not in names and not PINNED.match(base):
            found.add("base is not pinned")
        if step.word == "ADD":
            found.add("ADD")
        if step.word == "RUN" and PIPED.search(step.text):
            found.add("downloads are run unseen")
        if step.word == "RUN" and re.search(r"\bsudo\b", step.text):
            found.add("sudo")
        if (
            step.word == "RUN"
            and re.search(r"\bapt-get install\b", step.text)
            and "--no-install-recommends" not in step.text
        ):
            found.add("recommended packages")
        if step.word == "COPY" and step.text.split()[0] in {".", "./"}:
            found.add("the whole folder is copied")
        if step.word in {"ENV", "ARG"} and re.search(r"(?i)password|token|secret", step.text):
            found.add("a secret in the environment")
        if step.word in {"CMD", "ENTRYPOINT"} and not step.text.startswith("["):
            found.add("a shell in between, which takes no signals")
    words = {step.word: step.text for step in last}
    user = words.get("USER", "0").split(":")[0]
    if not user.isdecimal() or int(user) == 0:
        found.add("no user, by number, that is not root")
    if "HEALTHCHECK" not in words:
        found.add("no health check")
    if not builds:
        found.add("build tools stay")
    return found


def test_the_image_breaks_no_rule():
    assert faults(TEXT) == set()


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("FROM python:3.13.15-slim-trixie\n", "FROM python:slim\n", "base is not pinned"),
        ("FROM python:3.13.15-slim-trixie\n", "FROM python\n", "base is not pinned"),
        ("COPY exporter exporter", "ADD https://example.org/x.tar.gz /x", "ADD"),
        ("COPY exporter exporter", "RUN curl https://example.org/x | sh", "downloads are run unseen"),
        ("COPY exporter exporter", "COPY . .", "the whole folder is copied"),
        ("COPY exporter exporter", "RUN apt-get install gcc", "recommended packages"),
        ("COPY exporter exporter", "RUN sudo true", "sudo"),
        ("USER 10001:10001\n", "", "no user, by number, that is not root"),
        ("USER 10001:10001\n", "USER root\n", "no user, by number, that is not root"),
        ("USER 10001:10001\n", "USER 0\n", "no user, by number, that is not root"),
        ("HEALTHCHECK", "LABEL a=b\n#", "no health check"),
        ("ARG EXTRAS=", "ARG TOKEN=", "a secret in the environment"),
        ('ENTRYPOINT ["mlmon"]', "ENTRYPOINT mlmon", "a shell in between, which takes no signals"),
        (TEXT[: TEXT.rindex("FROM ")], "", "build tools stay"),
    ],
)
def test_each_rule_finds_its_fault(old, new, fault):
    """The rules above can fail."""
    assert old in TEXT
    assert faults(TEXT.replace(old, new)) == {fault}


def test_one_interpreter_builds_and_runs():
    """The environment of the first stage works in the second: both have the same base."""
    build, runtime = stages(TEXT)
    assert build[0].text == f"{runtime[0].text} AS build"


def test_only_the_environment_leaves_the_build():
    """The last stage takes the environment alone, which has no pip; the base's own pip goes."""
    build, runtime = stages(TEXT)
    assert [step.text for step in runtime if step.word == "COPY"] == ["--from=build /opt/mlmon /opt/mlmon"]
    assert any("venv --without-pip /opt/mlmon" in step.text for step in build)
    assert any("pip uninstall" in step.text for step in runtime)


def test_user_port_and_extra_are_those_of_the_compose_file():
    _, runtime = stages(TEXT)
    words = {step.word: step.text for step in runtime}
    exporter = compose()["services"]["exporter"]
    assert exporter["user"] == words["USER"]
    assert "MLMON_HEALTH_PORT=9877" in words["ENV"]
    assert {"9877", "9878"} == set(words["EXPOSE"].split())
    extras = re.search(r"^demo = ", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert extras is not None
    assert exporter["build"]["args"] == {"EXTRAS": "demo"}


def test_health_checks_of_image_and_compose_are_one():
    """The compose file repeats the image's health check word for word."""
    _, runtime = stages(TEXT)
    (check,) = [step.text for step in runtime if step.word == "HEALTHCHECK"]
    ours = yaml.safe_load(check.partition("CMD ")[2])
    theirs = yaml.safe_load(COMPOSE.read_text())["services"]["exporter"]["healthcheck"]["test"]
    assert theirs == ["CMD", *ours]


def test_only_what_the_wheel_needs_enters_the_build():
    found = context_files()
    assert {path.partition("/")[0] for path in found} == {
        "LICENSE", "README.md", "constraints", "exporter", "pyproject.toml"
    }  # fmt: skip
    assert "exporter/ml_models/catalog.py" in found
    assert not [path for path in found if "__pycache__" in path]


@pytest.mark.parametrize("path", ["deploy/secrets/slack_url", ".env", ".git/config", ".venv/bin/python", "data.csv"])
def test_what_is_private_never_enters_the_build(path):
    assert not enters_build(path, IGNORED)
