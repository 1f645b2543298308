"""An environment for each peer, under ``build/peers``: made once, of pinned versions, and weighed before it is used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from bench.peers.measure import QUIET

FOLDER = Path("build/peers")
CONSTRAINTS = Path(__file__).parent / "constraints"


@dataclass(frozen=True)
class Peer:
    """A package in an environment of its own.

    Parameters
    ----------
    name : str
        Of the environment and of its file of pinned versions.
    packages : tuple of str
        What is installed, weighed and counted.
    import_line : str
        What its users import to find drift.
    readers : tuple of str
        What reading the benchmarks' files takes besides; not weighed.
    """

    name: str
    packages: tuple[str, ...]
    import_line: str
    readers: tuple[str, ...] = ("pyarrow",)

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return FOLDER / self.name / "bin" / "python"


OURS = Peer("ours", (".",), "import ml_models.monitoring")
PEERS = (
    Peer("evidently", ("evidently",), "from evidently import Report; from evidently.presets import DataDriftPreset"),
    Peer("nannyml", ("nannyml", "statsmodels"), "import nannyml"),  # which it imports and does not declare
    Peer(
        "whylogs",
        ("whylogs[viz]", "pandas"),
        "import whylogs; from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores",
    ),
    Peer("alibi-detect", ("alibi-detect",), "from alibi_detect.cd import KSDrift"),
    Peer("popmon", ("popmon", "pandas<3"), "import popmon"),  # with 3 it does not know text
)


def prepared(peer: Peer) -> dict[str, float] | None:
    """Make an environment if it is not there, and return its packages and megabytes; None if it cannot be made."""
    folder = FOLDER / peer.name
    weight = folder / "weight.json"
    if not weight.exists():
        print(f"{peer.name}: installing ...", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        empty = _megabytes(folder)
        constraints = CONSTRAINTS / f"{peer.name}.txt" if peer is not OURS else Path("constraints/dev.txt")
        pip = [str(peer.python), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
        for wanted in (peer.packages, peer.readers):
            done = subprocess.run([*pip, "-c", str(constraints), *wanted], capture_output=True, text=True, check=False)
            if done.returncode:
                said = (done.stderr.strip() or "pip failed").splitlines()[-1]
                print(f"{peer.name}: cannot be installed and is left out: {said}", flush=True)
                return None
            if wanted is peer.packages:
                measured = {"packages": _packages(peer), "megabytes": _megabytes(folder) - empty}
        weight.write_text(json.dumps(measured), encoding="utf-8")
    found: dict[str, float] = json.loads(weight.read_text(encoding="utf-8"))
    return found


def _packages(peer: Peer) -> int:
    listed = subprocess.run([peer.python, "-m", "pip", "list", "--format=json"], capture_output=True, check=True)
    return sum(package["name"] not in {"pip", "setuptools"} for package in json.loads(listed.stdout))


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6


def import_seconds(peer: Peer, rounds: int = 5) -> float:
    """Return the CPU seconds of importing it, less those of starting Python."""
    figures: dict[str, list[float]] = {"pass": [], peer.import_line: []}
    for _ in range(rounds + 1):
        for line, seconds in figures.items():
            begun = os.times()
            subprocess.run(
                [peer.python, "-W", "ignore", "-c", line],
                capture_output=True,
                check=True,
                env={**os.environ, **dict.fromkeys(QUIET, "True")},
            )
            ended = os.times()
            seconds.append(ended.children_user - begun.children_user + ended.children_system - begun.children_system)
    own, bare = (sorted(seconds[1:])[rounds // 2] for seconds in (figures[peer.import_line], figures["pass"]))
    return own - bare


if sys.platform == "win32":  # os.times() knows nothing of children there
    raise SystemExit("the peers are measured on Linux and macOS only")
