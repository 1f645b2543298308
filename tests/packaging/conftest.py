"""The wheel, built once, and environments of its own in which it is installed as users install it."""

import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(command, **options):
    """Run a command without this process's Python settings and return what it printed; a failure shows it whole."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run([*map(str, command)], env=environment, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command} exited with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Environment:
    """A virtual environment, used from a folder that holds nothing of this repository."""

    folder: Path

    @property
    def bin(self):
        return self.folder / "bin"

    def pip(self, *arguments):
        return run([sys.executable, "-m", "pip", "--python", self.bin / "python", *arguments], cwd=self.folder)

    def python(self, code):
        return run([self.bin / "python", "-W", "error", "-c", code], cwd=self.folder)

    def mlmon(self, *arguments):
        """Run the command and return the finished process, whatever its exit code."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return subprocess.run(
            [str(self.bin / "mlmon"), *arguments],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """Build the wheel of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder], cwd=ROOT)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def make_environment(tmp_path_factory):
    """Make an environment and install into it, from the configured index."""

    def make(name, *arguments):
        folder = tmp_path_factory.mktemp(name)
        venv.create(folder, with_pip=False, symlinks=True)
        environment = Environment(folder)
        environment.pip("install", "--quiet", "--disable-pip-version-check", *map(str, arguments))
        return environment

    return make
