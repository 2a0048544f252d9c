"""Debian's PostgreSQL for the tests: a cluster of its own on a free loopback port, and a database for each test."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from sqlalchemy import create_engine, text

BINARIES = Path(os.environ.get("MTTX_TEST_POSTGRESQL", "/usr/lib/postgresql"))
"""Where the programs of each version are, as 15/bin/initdb: another folder to run the tests on another version."""
QUICK = {"fsync": "off", "synchronous_commit": "on", "full_page_writes": "off", "max_connections": "200"}


def installed():
    """The folder of the newest version's programs, None where there is none."""
    commands = sorted(BINARIES.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return commands[-1].parent if commands else None


class PostgreSQL:
    """One cluster. As root it runs as the user `postgres`, since PostgreSQL refuses to be root."""

    def __init__(self, under=None, **options):
        self.folder = Path(tempfile.mkdtemp(prefix="mttx-pg-", dir=under))
        self._as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self._bin = installed()
        self._options = QUICK | options
        if self._as:
            shutil.chown(self.folder, "postgres", "postgres")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.pooler_port = None
        self._clean = []
        self._make()

    def _make(self):
        self._run("initdb", "-D", self.data, "-U", "mttx", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")

    @property
    def data(self):
        return self.folder / "data"

    def url(self, database):
        """The address of a database: that of the pooler in front of it, if there is one."""
        return self._address(database, self.pooler_port or self.port)

    def _address(self, database, port):
        return f"postgresql+psycopg://mttx@127.0.0.1:{port}/{database}"

    def start(self):
        options = " ".join(f"-c {name}={value}" for name, value in self._options.items())
        listen = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self.folder}"
        try:
            self._run("pg_ctl", "-D", self.data, "-w", "-l", self.folder / "log", "-o", f"{listen} {options}", "start")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{(self.folder / 'log').read_text()[-2000:]}") from error
        return self

    def stop(self, mode="immediate"):
        self._run("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop", check=False)

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_database(self):
        """Give an empty database, a new one where none was given back; answers its URL."""
        if self._clean:
            return self._clean.pop()
        name = f"t_{secrets.token_hex(6)}"
        self._ask("postgres", f"CREATE DATABASE {name}")
        return self.url(name)

    def drop(self, url):
        """Throw everybody out of a database and empty it for the next test: a new one takes ten times as long."""
        name = url.rpartition("/")[2]
        others = f"datname = '{name}' AND pid <> pg_backend_pid()"
        self._ask(
            name,
            f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {others}",
            "DROP SCHEMA public CASCADE",
            "CREATE SCHEMA public",
        )
        self._clean.append(url)

    def dump(self, url):
        """Return the SQL that makes the tables of a database, without settings of the session."""
        options = ["--schema-only", "--no-owner", "--no-privileges", "--no-comments"]
        database = self._address(url.rpartition("/")[2], self.port).replace("+psycopg", "")
        command = [self._bin / "pg_dump", *options, database]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        session = ("--", "\\", "SET ", "SELECT pg_catalog.set_config")
        return "\n".join(line for line in lines if line and not line.startswith(session))

    def _ask(self, database, *statements):
        """Execute statements past any pooler; returns the first column of the last one's rows."""
        engine = create_engine(self._address(database, self.port), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                rows = connection.execute(text(statement))
            column = list(rows.scalars()) if rows.returns_rows else []
        engine.dispose()
        return column

    def _run(self, program, *arguments, check=True):
        command = [*self._as, str(self._bin / program), *map(str, arguments)]
        done = subprocess.run(
            command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", text=True
        )
        assert not check or done.returncode == 0, done.stderr
