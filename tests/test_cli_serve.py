"""`mttx serve` as a process: where it listens, and that it ends well, with everything of it, however it is told to."""

import importlib
import json
import os
import pty
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.real.http import request
from tests.real.processes import free_port, until

REPOSITORY = Path(__file__).parents[1]

# The command, with an application in place of ours that says when it was closed and can be slow.
LAUNCHER = """
import atexit, multiprocessing, os, sys, time, types

if "START_METHOD" in os.environ:
    multiprocessing.set_start_method(os.environ["START_METHOD"])

def create_app(settings, web_config):
    time.sleep(float(os.environ.get("SLOW_START", "0")))
    if "REFUSE" in os.environ:
        from service.store import StoreRefused
        raise StoreRefused("another process has the database")
    if "BREAK" in os.environ:
        raise RuntimeError("out of luck")
    atexit.register(os.write, 2, b"closed\\n")

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/slow":
            open("begun", "w").close()
            time.sleep(1)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["PATH_INFO"].encode()]

    app.extensions = {"mttx.webhook_handler": types.SimpleNamespace(start=lambda loop: None)}
    return app

sys.modules["service.app"] = types.SimpleNamespace(create_app=create_app)
from service.cli import main
if __name__ == "__main__":  # the worker runs this file again where it is spawned instead of forked
    main(["serve", *sys.argv[1:]], prog_name="mttx")
"""


class Served:
    """One `mttx serve`; `stderr` is what it wrote once it has ended."""

    def __init__(self, home, *arguments, **environ):
        self.port = free_port()
        self.home = home
        (home / "launcher.py").write_text(LAUNCHER)
        ours = {name: value for name, value in os.environ.items() if not name.startswith("MTTX_")}
        self.log = (home / "log").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "launcher.py", "--listen", f"127.0.0.1:{self.port}", *arguments],
            cwd=home,
            env={**ours, "PYTHONPATH": str(REPOSITORY), **environ},
            stderr=self.log,
            start_new_session=True,
        )

    def get(self, path="/"):
        return request("GET", f"http://127.0.0.1:{self.port}{path}")

    def ready(self):
        def answers():
            assert self.process.poll() is None, self.stderr
            return self.get().status == 200

        until(answers, "an answer", within=30, every=0.05)
        return self

    def worker(self):
        """Return the id of the process that has the application."""
        pid = self.process.pid
        (worker,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(worker)

    def ended(self):
        """Wait for the end of the main process and return its exit code."""
        until(lambda: self.process.poll() is not None, "the end of the process", within=30, every=0.05)
        return self.process.returncode

    @property
    def stderr(self):
        self.log.seek(0)
        return self.log.read()

    def lines(self):
        """Return what it logged, as JSON."""
        return [json.loads(line) for line in self.stderr.splitlines() if line.startswith("{")]


@pytest.fixture
def serve(tmp_path):
    """Give a function that starts the command; all that it started is killed in the end."""
    started = []

    def serve(*arguments, **environ):
        started.append(Served(tmp_path, *arguments, **environ))
        return started[-1]

    yield serve
    for served in started:
        with suppress(ProcessLookupError):
            os.killpg(served.process.pid, signal.SIGKILL)
        served.process.wait()
        served.log.close()


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def in_the_middle_of_a_request(served):
    """Begin a slow request; return a function that waits for its answer."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(served.get("/slow").body))
    thread.start()
    until((served.home / "begun").exists, "the request to begin", every=0.02)

    def answer():
        thread.join()
        return answers

    return answer


# --- it ends well ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("worker_args", [os.kill, os.killpg])
def test_it_answers_what_it_has_begun_and_closes_the_application(serve, worker_args, order):
    served = serve().ready()
    answer = in_the_middle_of_a_request(served)
    worker_args(served.process.pid, order)
    assert served.ended() == 0
    assert answer() == [b"/slow"]
    assert served.stderr.count("closed\n") == 1
    assert "Unexpected exit" not in served.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not fork")
def test_it_forks_its_worker_where_python_prefers_another_way(serve):
    served = serve(START_METHOD="forkserver").ready()  # the default of Python 3.14
    worker = served.worker()
    assert Path(f"/proc/{worker}/cmdline").read_bytes() == Path(f"/proc/{served.process.pid}/cmdline").read_bytes()


def test_it_stops_at_once_while_it_starts(serve):
    served = serve(SLOW_START="60")
    until(lambda: "starts on" in served.stderr, "its first words")
    time.sleep(0.5)
    began = time.monotonic()
    served.process.terminate()
    assert served.ended() == 0
    assert time.monotonic() - began < 5


def test_it_leaves_no_worker_behind_when_the_main_process_is_killed(serve):
    served = serve().ready()
    worker = served.worker()
    answer = in_the_middle_of_a_request(served)
    served.process.kill()
    assert answer() == [b"/slow"]
    until(lambda: not alive(worker), "the end of the worker", within=15)
    assert served.stderr.count("closed\n") == 1


def test_it_ends_when_the_worker_is_killed(serve):
    served = serve().ready()
    os.kill(served.worker(), signal.SIGKILL)
    assert served.ended() == 1


def test_it_is_not_held_up_by_a_client_that_never_ends_its_request(serve):
    served = serve().ready()
    with socket.create_connection(("127.0.0.1", served.port)) as slow:
        slow.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n")
        served.process.terminate()
        assert served.ended() == 0


# --- it says why it does not start ----------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["0", "3"], ids=["it listens", "it loads yet"])
def test_it_says_that_the_port_is_taken(serve, tmp_path, start):
    first = serve(SLOW_START=start)
    until(lambda: "starts on" in first.stderr, "the start of the first", within=30, every=0.01)
    if start == "0":
        first.ready()
    command = [sys.executable, "launcher.py", "--listen", f"127.0.0.1:{first.port}"]
    second = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30)
    assert second.returncode == 1
    assert second.stderr == f"Error: cannot listen on 127.0.0.1:{first.port}: Address already in use\n"
    first.ready()


def test_it_says_why_the_store_cannot_be_opened(serve):
    served = serve(REFUSE="1")
    assert served.ended() == 1
    assert "cannot start: another process has the database" in [line["message"] for line in served.lines()]
    assert not any("exception" in line for line in served.lines())


def test_it_says_where_it_broke(serve):
    served = serve(BREAK="1")
    assert served.ended() == 1
    (line,) = [line for line in served.lines() if "exception" in line]
    assert line["message"] == "cannot start"
    assert line["exception"].endswith("RuntimeError: out of luck")


def test_it_refuses_to_serve_everybody_without_tokens(serve):
    served = serve("--listen", ":9877")
    assert served.ended() == 1
    assert "set tokens_file" in served.stderr


def test_it_refuses_tokens_that_cannot_be_used(serve):
    served = serve(MTTX_TOKENS_FILE="nowhere.yml")
    assert served.ended() == 1
    assert "nowhere.yml: cannot be read" in served.stderr


# --- it says what it does -------------------------------------------------------------------------------------------


def test_it_logs_its_start_when_it_is_ready_and_its_stop_and_no_request(serve):
    served = serve().ready()
    served.process.terminate()
    served.ended()
    messages = [line["message"] for line in served.lines() if line["logger"].startswith("service.cli.")]
    assert messages[1:] == [f"ready on http://127.0.0.1:{served.port}", "mttx has stopped"]
    assert "GET /" not in served.stderr


def test_it_writes_a_line_for_each_request_where_that_is_asked_for(serve):
    served = serve(MTTX_LOG_ACCESS="true").ready()
    served.get("/x?token=secret")
    served.process.terminate()
    served.ended()
    (line,) = [line for line in served.lines() if "GET /x" in line["message"]]
    assert '"GET /x" 200' in line["message"]
    assert "secret" not in served.stderr


def test_it_tells_a_person_where_to_look(tmp_path):
    (tmp_path / "launcher.py").write_text(LAUNCHER)
    ours, theirs = pty.openpty()
    port = free_port()
    command = [sys.executable, "launcher.py", "--listen", f"127.0.0.1:{port}"]
    environ = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=theirs, start_new_session=True)
    seen = b""
    while b"may write" not in seen:
        seen += os.read(ours, 4096)
    until(lambda: request("GET", f"http://127.0.0.1:{port}/").status == 200, "an answer", within=30)
    process.terminate()
    assert process.wait(30) == 0
    os.close(ours)
    os.close(theirs)
    text = seen.decode()
    for path in ("/", "/metrics", "/webhooks/alertmanager"):
        assert f"http://127.0.0.1:{port}{path}\r\n" in text
    assert "No tokens are configured: only this machine can reach it" in text


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "raised"),
    [
        (1024, 524_288, 16_384, (32_768, 524_288)),  # systemd's defaults
        (1024, 4096, 2048, (4096, 4096)),
        (1_048_576, 1_048_576, 16_384, None),  # Docker's
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 16_384, None),
        (1024, resource.RLIM_INFINITY, 16_384, (32_768, resource.RLIM_INFINITY)),
    ],
)
def test_it_keeps_as_many_connections_as_its_descriptors_allow(monkeypatch, soft, hard, connections, raised):
    command = importlib.import_module("service.cli.serve")  # the package has a command of that name
    asked = []
    monkeypatch.setattr(resource, "getrlimit", lambda what: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda what, limits: asked.append(limits))
    assert command._connections() == connections
    assert asked == ([raised] if raised else [])


def test_it_is_not_held_up_by_an_order_in_the_middle_of_another():
    """As when make, or a shell, passes on the signal that all of its group got."""
    began = []

    def stop():
        began.append(len(began))
        signal.raise_signal(signal.SIGUSR1)

    request = importlib.import_module("service.cli.serve")._Stop(stop)
    before = signal.signal(signal.SIGUSR1, request.by_signal)
    try:
        signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert began == [0]


def test_its_main_process_holds_nothing_that_only_the_worker_needs(tmp_path):
    """It would be there twice: some twenty megabytes for SQLAlchemy alone."""
    program = (
        "import sys; from granian.server.mp import MPServer; from service.cli import main\n"
        "heavy = {'sqlalchemy', 'flask', 'prometheus_client'}\n"
        "MPServer.serve = lambda *_, **__: print(sorted(heavy & {*sys.modules}))\n"
        "main(['serve'])\n"
    )
    environ = {**os.environ, "MTTX_LISTEN": f"127.0.0.1:{free_port()}"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr
