"""Debian's PgBouncer in front of the tests' PostgreSQL, on a free loopback port of its own."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from tests.real.processes import free_port, until

PATH = f"{os.environ['PATH']}:/usr/sbin"
MODES = ("transaction", "session")


def installed():
    return shutil.which("pgbouncer", path=PATH)


class PgBouncer:
    """One PgBouncer of version 1.18 (Debian 12) or later, with its defaults but for the pool's mode and size."""

    def __init__(self, server, mode):
        self.folder = Path(tempfile.mkdtemp(prefix="mttx-pgbouncer-"))
        self.port = free_port()
        users = self.folder / "users.txt"
        users.write_text('"mttx" ""\n')
        (self.folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={server.port}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {users}\npool_mode = {mode}\n"
            "default_pool_size = 40\nmax_client_conn = 400\n"
            f"logfile = {self.folder}/log\n"
        )
        for path in (self.folder, *self.folder.iterdir()):
            if os.geteuid() == 0:
                shutil.chown(path, "postgres", "postgres")
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self._command = [*as_user, installed(), str(self.folder / "pgbouncer.ini")]
        self.start()

    def start(self):
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        until(self._listens, "PgBouncer to listen")

    def _listens(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True

    def kill(self, number=signal.SIGKILL):
        os.killpg(self._process.pid, number)
        self._process.wait(10)

    def stop(self):
        self.kill(signal.SIGTERM)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def behind(server, mode):
    """Put a PgBouncer in front of a server while the block runs: new databases are addressed through it."""
    pooler = PgBouncer(server, mode)
    server.pooler_port = pooler.port
    try:
        yield pooler
    finally:
        server.pooler_port = None
        pooler.stop()
