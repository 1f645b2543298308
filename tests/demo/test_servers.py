"""Servers start, are waited for, and are gone at the end, whatever happens."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from ml_models.demo import servers
from ml_models.demo.servers import Server, ServerError, StopSignals, Supervisor, find_programs, free_port

#: A server that is ready at once and has a child of its own; writes the child's pid.
READY = """
import http.server, pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path("child").write_text(str(child.pid))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *args): pass
http.server.HTTPServer(("127.0.0.1", {port}), Handler).serve_forever()
"""
#: One that never becomes ready and ignores a polite request to end; writes its pid when it does.
STUBBORN = """
import os, pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path("stubborn").write_text(str(os.getpid()))
time.sleep(600)
"""


def server(folder, code, name="Test"):
    port = free_port()
    return Server(name, (sys.executable, "-c", code.format(port=port)), port, folder)


def wait_for(condition, seconds=20.0):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.02)


def gone(pid):
    """Whether a process has ended; a zombie that its parent has not yet asked about has."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def pid_in(file):
    wait_for(lambda: file.is_file() and file.read_text())
    return int(file.read_text())


def test_server_and_its_children_run_until_the_block_ends(tmp_path):
    with Supervisor() as supervisor:
        supervisor.start(server(tmp_path, READY))
        supervisor.check()
        child = pid_in(tmp_path / "child")
        assert not gone(child)
    wait_for(lambda: gone(child))


def test_server_that_ends_at_once_is_reported_with_its_log(tmp_path):
    with Supervisor() as supervisor, pytest.raises(ServerError) as caught:
        supervisor.start(server(tmp_path, "print('no such flag'); raise SystemExit(3)"))
    assert "Test ended with status 3" in str(caught.value)
    assert "no such flag" in str(caught.value)
    assert str(tmp_path / "test.log") in str(caught.value)


def test_server_that_is_never_ready_is_reported_and_ended_by_force(tmp_path):
    with Supervisor(deadline=2.0) as supervisor:
        with pytest.raises(ServerError, match="was not ready after 2 s"):
            supervisor.start(server(tmp_path, STUBBORN))
        pid = pid_in(tmp_path / "stubborn")
        supervisor.close(patience=0.2)
    assert gone(pid)


def test_program_that_does_not_exist_is_reported(tmp_path):
    with Supervisor() as supervisor, pytest.raises(ServerError, match="Test cannot be started"):
        supervisor.start(Server("Test", ("no-such-program",), free_port(), tmp_path))


def test_server_that_dies_later_is_noticed(tmp_path):
    with Supervisor() as supervisor:
        supervisor.start(server(tmp_path, READY))
        process = supervisor._running[0][1]
        process.send_signal(signal.SIGKILL)
        wait_for(lambda: process.poll() is not None)
        with pytest.raises(ServerError, match="ended with status -9"):
            supervisor.check()


def test_exception_inside_the_block_ends_the_servers(tmp_path):
    def fail():
        with Supervisor() as supervisor:
            supervisor.start(server(tmp_path, READY))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    child = pid_in(tmp_path / "child")
    wait_for(lambda: gone(child))


PROGRAM = """
    import sys
    from pathlib import Path
    from ml_models.demo.servers import Server, StopSignals, Supervisor, free_port
    folder = Path(sys.argv[1])
    with StopSignals() as signals, Supervisor(signals) as supervisor:
        port = free_port()
        ready = (sys.executable, "-c", (folder / "ready.py").read_text().format(port=port))
        supervisor.start(Server("Ready", ready, port, folder))
        supervisor.start(Server("Stubborn", (sys.executable, str(folder / "stubborn.py")), free_port(), folder))
"""


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGHUP, 128 + signal.SIGHUP)]
)
def test_signal_in_the_middle_of_starting_leaves_no_process(tmp_path, number, status):
    """One server is up, the next one starting and deaf to SIGTERM: both and their children are gone afterwards."""
    (tmp_path / "ready.py").write_text(READY)
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    source = str(Path(servers.__file__).parents[2])
    program = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(tmp_path)], env={**os.environ, "PYTHONPATH": source}
    )
    try:
        stubborn, child = pid_in(tmp_path / "stubborn"), pid_in(tmp_path / "child")
        started = psutil.Process(program.pid).children(recursive=True)
        program.send_signal(number)
        # A second signal must not interrupt the ending.
        program.send_signal(number)
        assert program.wait(30) == status
    finally:
        program.kill()
        program.wait()
    wait_for(lambda: all(gone(pid) for pid in (stubborn, child, *(process.pid for process in started))))


def test_ctrl_c_ends_the_block_and_the_handlers_are_restored():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), StopSignals():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_held_signal_waits_for_the_end_of_the_block():
    reached = []

    def be_told_to_stop():
        with StopSignals() as signals, signals.held():
            signal.raise_signal(signal.SIGTERM)
            reached.append("the end")

    with pytest.raises(SystemExit) as caught:
        be_told_to_stop()
    assert reached
    assert caught.value.code == 128 + signal.SIGTERM


def test_missing_programs_are_named_with_the_command_that_installs_them(tmp_path):
    with pytest.raises(ServerError, match="apt-get install prometheus prometheus-alertmanager"):
        find_programs(str(tmp_path))
    (tmp_path / "prometheus").touch(mode=0o755)
    with pytest.raises(ServerError, match="apt-get install prometheus-alertmanager "):
        find_programs(str(tmp_path))


def test_alertmanager_is_found_under_both_names(tmp_path):
    (tmp_path / "prometheus").touch(mode=0o755)
    (tmp_path / "alertmanager").touch(mode=0o755)
    assert find_programs(str(tmp_path)).alertmanager == str(tmp_path / "alertmanager")
    (tmp_path / "prometheus-alertmanager").touch(mode=0o755)
    assert find_programs(str(tmp_path)).alertmanager == str(tmp_path / "prometheus-alertmanager")
