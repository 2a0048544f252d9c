"""Where the blocks of a page are typed: a copy of the repository with its virtual environment, shells, and servers.

The blocks are run as they are printed, but for the ports: `swaps` puts free ones in the place of the default ones, in
what is typed and in what is expected. And `.venv` is there already, so that `make run` installs nothing again.
"""

import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from signal import SIGINT

from tests.documents.reading import ROOT, shows
from tests.real.processes import Server, signal_group

COPIED = ("Makefile", "alert_rules", "constraints.txt", "dashboards", "deploy", "pyproject.toml", "service", "sources")
LOOKS = ("curl -s http", "mttx incident list", "mttx incident show", "mttx postmortem status", "promtool query")
"""What only looks is looked at again until it shows what the page says: that takes a moment where servers talk."""
COMMIT_TIMEOUT_SECONDS = 45
READER = {
    "GIT_AUTHOR_NAME": "a reader",
    "GIT_AUTHOR_EMAIL": "reader@example.com",
    "GIT_COMMITTER_NAME": "a reader",
    "GIT_COMMITTER_EMAIL": "reader@example.com",
}


def checkout(folder):
    """Make a copy of the repository in which `make` finds everything installed."""
    venv = folder / ".venv"
    venv.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, folder / name, ignore=ignored) if source.is_dir() else shutil.copy2(source, folder)
    for part in Path(sys.prefix).iterdir():
        if not part.name.startswith("."):  # but the stamps of make
            (venv / part.name).symlink_to(part)
    for stamp in (".run", ".dev"):
        (venv / stamp).touch()
    return folder


class Terminal:
    """A shell of one person: what is exported and where one has gone holds for the next block."""

    def __init__(self, folder, swaps, **environ):
        self.folder = folder
        self.swaps = swaps
        self.environ = _environ(folder) | environ
        self.state = folder / ".environ"

    def follow(self, block):
        """Do what a block says, and hold what is printed against what it shows."""
        match block.language:
            case "sh":
                self.run(block.text, block.place)
            case "console":
                for typed, expected in block.steps():
                    self.expect(typed, expected, block.place)
            case other:
                raise AssertionError(f"{block.place}: nobody can type {other}")

    def expect(self, typed, expected, place):
        """Type a command and compare; what only looks is typed again until it fits."""
        expected = self.swapped(expected)
        deadline = time.monotonic() + (COMMIT_TIMEOUT_SECONDS if typed.startswith(LOOKS) else 0)
        while not shows(expected, printed := self.run(typed, place, failing=bool(expected))):
            assert time.monotonic() < deadline, f"{place}: $ {typed}\n{printed}\n--- instead of\n{expected}"
            time.sleep(0.7)

    def run(self, script, place, failing=False):
        """Run a script to its end and return what it printed; it has to succeed unless its output says more."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"trap 'env -0 >\"{self.state}\"' EXIT\n{self.swapped(script)}"],
            cwd=self.environ["PWD"],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        assert failing or done.returncode == 0, f"{place}: exit code {done.returncode}\n{script}\n{done.stdout}"
        left = self.state.read_text().split("\0")
        self.environ = dict(pair.split("=", 1) for pair in left if "=" in pair)
        return done.stdout

    def swapped(self, text):
        for old, new in self.swaps.items():
            text = text.replace(old, new)
        return text


def _environ(folder):
    """Return our environment without what is only ours: proxies, settings of an exporter, the tests' own Python."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MTTX_", "GIT_", "PYTEST_", "COV_")) and not name.lower().endswith("_proxy")
    }
    return kept | READER | {"HOME": str(folder), "PWD": str(folder), "COLUMNS": "100", "LC_ALL": "C.UTF-8"}


class Started(Server):
    """What a block starts and leaves running, in a terminal of its own."""

    def __init__(self, terminal, block, port, ready=""):
        super().__init__(terminal.folder)
        self.name, self.port, self.ready = block.place.replace("/", "-"), port, ready
        self.log = terminal.folder / f"{self.name}.log"
        self.terminal, self.script = terminal, terminal.swapped(block.text)

    def command(self):
        return ["bash", "-euo", "pipefail", "-c", self.script]

    def environment(self):
        return self.terminal.environ

    def wait_until_ready(self, within=90.0):
        super().wait_until_ready(within)
        while self.ready not in self.log.read_text():
            assert self.process.poll() is None, self.tail()
            time.sleep(0.1)

    def stop(self):
        """Press Ctrl-C, and let it end by itself."""
        if self.process is not None and self.process.poll() is None:
            signal_group(self.process.pid, SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
        super().stop()
