"""The installer of Debian packages: silent where nothing is missing, exact where it cannot help, clean where it can.

It runs on a PATH of its own, where small scripts stand for the commands that would change this machine.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import ROOT

COMMANDS = ("prometheus", "promtool", "prometheus-alertmanager", "amtool")
ONLY_TESTS = ("chromium", "java", "pg_ctlcluster")

# Stands for apt-get: notes each call and whether services were forbidden to start; `install` brings the commands, but
# only after an `update` where the test wants package lists to be missing.
APT_GET = """
case " $* " in
*" update "*) touch "$PLACE/updated"; echo update >> "$PLACE/log" ;;
*" install "*)
    if [ -e "$PLACE/no-lists" ] && [ ! -e "$PLACE/updated" ]; then echo "E: Unable to locate package"; exit 100; fi
    if [ -e "$PLACE/broken" ]; then echo "E: Broken packages"; exit 100; fi
    status=0; "$POLICY_RC_D" || status=$?
    echo "install $status" >> "$PLACE/log"
    provide() { for command; do printf '#!/bin/sh\\n' > "$PLACE/bin/$command"; chmod 755 "$PLACE/bin/$command"; done; }
    for package; do
        case "$package" in
        prometheus) provide prometheus promtool ;;
        prometheus-alertmanager) provide prometheus-alertmanager amtool ;;
        chromium) provide chromium ;;
        default-jre-headless) provide java ;;
        postgresql) provide pg_ctlcluster ;;
        esac
    done ;;
esac
"""


class Machine:
    """A PATH of its own with what a minimal Debian has."""

    def __init__(self, place):
        self.place = place
        self.bin = place / "bin"
        self.bin.mkdir()
        self.policy = place / "policy-rc.d"
        self.systemd = place / "systemd"
        for name in ("bash", "chmod", "rm", "sh", "touch", "true"):
            (self.bin / name).symlink_to(shutil.which(name))
        self.user(0)

    def command(self, name, script=""):
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def user(self, number):
        self.command("id", f"echo {number}")

    def install(self, *arguments):
        return subprocess.run(
            [shutil.which("bash"), ROOT / "deploy/install-debian.sh", *arguments],
            env={
                "PATH": str(self.bin),
                "PLACE": str(self.place),
                "POLICY_RC_D": str(self.policy),
                "SYSTEMD_RUNS": str(self.systemd),
            },
            cwd=self.place,
            capture_output=True,
            text=True,
            check=False,
        )

    def log(self):
        path = self.place / "log"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_machine_is_free_of_the_real_commands(machine):
    """The folders that the script itself searches do not hold the commands, so that the tests below mean something."""
    folders = [Path("/usr/sbin"), Path("/sbin")]
    assert not [
        folder / name for folder in folders for name in (*COMMANDS, *ONLY_TESTS) if os.access(folder / name, os.X_OK)
    ]


@pytest.mark.parametrize("alertmanager", ["prometheus-alertmanager", "alertmanager"])
def test_nothing_is_done_where_nothing_is_missing(machine, alertmanager):
    """With all commands there, under Debian's or upstream's names, nothing runs and nothing is said."""
    for name in ("prometheus", "promtool", alertmanager, "amtool"):
        machine.command(name)
    machine.command("apt-get", APT_GET)
    done = machine.install()
    assert (done.returncode, done.stdout, done.stderr, machine.log()) == (0, "", "", [])


def test_user_without_sudo_is_told_what_to_install(machine):
    """Without root and without sudo the message names the command to run, with the missing packages only."""
    machine.user(1000)
    machine.command("apt-get", APT_GET)
    machine.command("sudo", "exit 1")
    machine.command("prometheus")
    machine.command("promtool")
    done = machine.install()
    assert (done.returncode, done.stdout, machine.log()) == (1, "", [])
    assert "sudo apt-get install --no-install-recommends prometheus-alertmanager\n" in done.stderr


def test_other_systems_are_told_what_to_provide(machine):
    """Without apt-get the message names the commands to put on PATH, by upstream's names."""
    machine.command("java")
    done = machine.install("tests")
    assert done.returncode == 1
    assert "on PATH and run this again: prometheus promtool alertmanager amtool chromium pg_ctlcluster\n" in done.stderr


def test_the_demo_installs_nothing_that_only_tests_use(machine):
    """Without an argument, two packages serve, whatever else is missing."""
    for name in COMMANDS:
        machine.command(name)
    machine.command("apt-get", APT_GET)
    assert (machine.install().returncode, machine.log()) == (0, [])
    done = machine.install("tests")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Installing chromium default-jre-headless postgresql from Debian...\n"
    assert machine.log() == ["install 101"]
    assert machine.install("tests").stdout == ""


def test_an_argument_that_is_not_known_installs_nothing(machine):
    """Wrong usage is said, with the right one."""
    machine.command("apt-get", APT_GET)
    done = machine.install("test")
    assert (done.returncode, done.stdout, machine.log()) == (2, "", [])
    assert done.stderr.startswith("Unknown: test. Usage: ")


@pytest.mark.parametrize(
    ("there", "services"),
    [
        (COMMANDS, ["disable --now postgresql"]),
        ((), ["disable --now prometheus prometheus-alertmanager postgresql"]),
        ((*COMMANDS, "pg_ctlcluster"), []),
    ],
    ids=["some", "all", "none"],
)
def test_services_are_disabled_where_systemd_runs(machine, there, services):
    """Only packages that bring a service, and that were installed here, are named to systemctl."""
    for name in there:
        machine.command(name)
    machine.command("apt-get", APT_GET)
    machine.command("systemctl", 'echo "$*" >> "$PLACE/services"')
    machine.systemd.mkdir()
    (machine.place / "services").touch()
    assert machine.install("tests").returncode == 0
    assert (machine.place / "services").read_text().splitlines() == services


def test_user_is_told_of_services_only_where_there_are_some(machine):
    """The command to install by hand disables what needs disabling, and nothing else."""
    machine.user(1000)
    machine.command("apt-get", APT_GET)
    machine.command("sudo", "exit 1")
    for name in (*COMMANDS, "pg_ctlcluster"):
        machine.command(name)
    done = machine.install("tests")
    assert "--no-install-recommends chromium default-jre-headless\n" in done.stderr
    assert "systemctl" not in done.stderr


@pytest.mark.parametrize("sudo", [False, True], ids=["root", "sudo"])
def test_services_may_not_start_while_packages_are_installed(machine, sudo):
    """As root or through sudo, packages are installed while starting services is forbidden, and only then."""
    machine.command("apt-get", APT_GET)
    if sudo:
        machine.user(1000)
        # Gives root: from then on `id` says 0.
        machine.command("sudo", 'printf "#!/bin/sh\\necho 0\\n" > "$PLACE/bin/id"; shift; exec "$@"')
    done = machine.install()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Installing prometheus prometheus-alertmanager from Debian...\n"
    assert machine.log() == ["install 101"]
    assert not machine.policy.exists()


def test_missing_package_lists_are_fetched_once(machine):
    """Where packages are not known yet, the lists are fetched and the installation is tried again."""
    (machine.place / "no-lists").touch()
    machine.command("apt-get", APT_GET)
    done = machine.install()
    assert done.returncode == 0
    assert machine.log() == ["update", "install 101"]


def test_policy_of_others_stays(machine):
    """A policy that was there before is obeyed and stays as it was."""
    machine.policy.write_text("#!/bin/sh\nexit 104\n")
    machine.policy.chmod(0o755)
    machine.command("apt-get", APT_GET)
    assert machine.install().returncode == 0
    assert machine.log() == ["install 104"]
    assert machine.policy.read_text() == "#!/bin/sh\nexit 104\n"


def test_failed_installation_shows_why_and_leaves_nothing(machine):
    """When apt-get fails, its own words are shown, and services may start again."""
    (machine.place / "broken").touch()
    machine.command("apt-get", APT_GET)
    done = machine.install()
    assert done.returncode == 1
    assert "E: Broken packages" in done.stderr
    assert not machine.policy.exists()
