"""The commit is on the disk before the 200 leaves: the system calls say so. A kill alone cannot tell FULL from NORMAL.

`kill -9` loses nothing that the kernel already has, so an exporter that never syncs passes test_kill9; only a power
cut, or strace, shows the difference.
"""

import re
import shutil
import subprocess

import pytest

from tests.real.processes import until
from tests.real.storms import notification

pytestmark = pytest.mark.real

CALLS = "read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,fsync,fdatasync"
RECEIVED = re.compile(r"\brecv(from|msg)\b|\breadv?(\(\d+<socket| resumed>)")
SENT = re.compile(r"\b(write|writev|sendto|sendmsg)\(.*HTTP/1\.1 2\d\d")
WROTE = re.compile(r"\bpwrite64\(.*mttx\.db(-wal)?>")
SYNC = re.compile(r"^(?P<pid>\d+) +f(data)?sync\(\d+<[^>]*mttx\.db(-wal)?>(?P<rest>.*)$")
RESUMED = re.compile(r"^(?P<pid>\d+) +<\.\.\. f(data)?sync resumed>.*= 0$")


def story(trace, token):
    """Return what happened to one webhook, in order, from the arrival of its token to the status line of its answer.

    Of a sync that other threads' calls interrupt in the trace only the end counts: the data is safe when it returns.
    """
    calls, syncing, began = [], set(), False
    for line in trace:
        if not began:
            began = token in line and RECEIVED.search(line) is not None
        elif WROTE.search(line):
            calls.append("written")
        elif sync := SYNC.match(line):
            if sync["rest"].endswith("= 0"):
                calls.append("synced")
            else:
                syncing.add(sync["pid"])
        elif (end := RESUMED.match(line)) and end["pid"] in syncing:
            syncing.discard(end["pid"])
            calls.append("synced")
        elif SENT.search(line):
            return [*calls, "answered"]
    return calls


@pytest.fixture
def strace(require, tmp_path):
    """Give the command that writes the system calls of another, or skip where the sandbox refuses to trace."""
    path, probe = require("strace"), tmp_path / "probe.trace"
    tried = subprocess.run([path, "-f", "-o", probe, shutil.which("true")], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"tracing is refused here: {tried.stderr.strip()}")
    return [
        path,
        "-f",
        "-y",
        "-s",
        "16384",
        "-e",
        f"trace={CALLS}",
        "-I",
        "2",
        "-e",
        "signal=none",
        "-o",
        tmp_path / "trace",
    ]


def read_story(trace, token):
    return story(trace.read_text(errors="replace").splitlines(), token)


def assert_synced_before_answered(trace, token):
    until(lambda: read_story(trace, token)[-1:] == ["answered"], f"the trace of {token} and its answer", within=15)
    calls = read_story(trace, token)
    assert "written" in calls, f"answered without a write to the database: {calls}"
    assert "synced" in calls[calls.index("written") :], f"answered before the disk had it: {calls}"


def test_it_syncs_the_database_between_the_body_and_its_200(start, new_exporter, strace, tmp_path):
    exporter = start(new_exporter(under=strace))
    for number in range(5):
        token = f"storm-9-{number}"
        exporter.post("/webhooks/alertmanager", notification(token)).expect(200)
        assert_synced_before_answered(tmp_path / "trace", token)
