"""Git, asked safely: without a shell, hooks, filters or programs that a repository's own configuration may name."""

import os
import subprocess
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from service.evidence.source import File, SourceFailed

TIMEOUT_SECONDS = 60
PIECE = 256 * 1024
LONGEST_ERROR = 300
# What a repository could make git run, switched off.
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false")
PLAIN_DIFF = ("--no-ext-diff", "--no-textconv", "--no-color")


class Repository:
    """One repository. Every method raises SourceFailed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def told(self, *arguments: str, most: int = 16 * 1024 * 1024) -> bytes:
        """Return what git says, `most` bytes of it."""
        pieces: list[bytes] = []
        left = most

        def take(piece: bytes) -> bool:
            nonlocal left
            pieces.append(piece[:left])
            left -= len(pieces[-1])
            return left > 0

        self.stream(take, *arguments)
        return b"".join(pieces)

    def stream(self, take: Callable[[bytes], bool], *arguments: str) -> None:
        """Hand on what git says piece by piece, until `take` wants no more."""
        environ = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        environ |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
        command = ["timeout", str(TIMEOUT_SECONDS), "git", "--no-pager", *_SAFE, *arguments]
        with tempfile.TemporaryFile() as errors:
            try:
                with subprocess.Popen(  # noqa: S603 - no shell; what others give stands behind --
                    command,
                    cwd=self.folder,
                    env=environ,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                ) as running:
                    whole = _handed_on(running, take)
            except OSError as error:
                raise SourceFailed(f"git cannot be run in {self.folder}: {error.strerror or error}") from error
            if whole and running.returncode:
                errors.seek(0)
                raise SourceFailed(self._explained(running.returncode, errors.read(10_000).decode(errors="replace")))

    def has(self, revision: str) -> bool:
        """Say whether there is such an object."""
        try:
            self.told("cat-file", "-e", revision)
        except SourceFailed:
            return False
        return True

    def at(self, instant: datetime) -> str | None:
        """Return the last commit that was made by an instant on the branch that is checked out, None: there was none.

        Commits' own times say it; the branch's log of where it was would, but a clone has none.
        """
        told = self.told("rev-list", "-1", "--first-parent", f"--before={int(instant.timestamp())}", "HEAD", "--")
        return told.decode().strip() or None

    def _explained(self, code: int, said: str) -> str:
        if code == 124:
            return f"git took longer than {TIMEOUT_SECONDS} s in {self.folder}"
        if "dubious ownership" in said:
            return (
                f"{self.folder} belongs to another user, so git refuses to read it; run "
                f"git config --global --add safe.directory {self.folder} as the user that collects"
            )
        if "not a git repository" in said:
            return f"{self.folder} is no git repository"
        line = next((line for line in said.splitlines() if line.startswith("fatal:")), said.strip())
        return f"git failed in {self.folder}: {line[:LONGEST_ERROR]}"


def taking(file: File) -> Callable[[bytes], bool]:
    """Return what writes the pieces into a file, as long as there is room."""

    def take(piece: bytes) -> bool:
        file.write(piece)
        return not file.full

    return take


def _handed_on(running: "subprocess.Popen[bytes]", take: Callable[[bytes], bool]) -> bool:
    """Return whether all of it was wanted."""
    assert running.stdout is not None  # noqa: S101 - it was asked for
    while piece := running.stdout.read(PIECE):
        if not take(piece):
            running.kill()
            return False
    return True


def repository_of(path: Path) -> Repository | None:
    """Return the repository that a file lies in, None where it is in none. Raises SourceFailed where git refuses."""
    repository = Repository(path.parent)
    try:
        top = repository.told("rev-parse", "--show-toplevel")
    except SourceFailed as error:
        if "is no git repository" in str(error):
            return None
        raise
    return Repository(Path(os.fsdecode(top.rstrip(b"\n"))))
