"""Git, run safely: without a shell, hooks, filters or programs that a repository's own configuration may name."""

import os
import subprocess
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from service.evidence.staging import SourceFailed, StagedFile

TIMEOUT_SECONDS = 60
PIECE = 256 * 1024
LONGEST_ERROR = 300
# Switches off what a repository could make git run.
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false")
PLAIN_DIFF = ("--no-ext-diff", "--no-textconv", "--no-color")


class Repository:
    """One repository. Every method raises SourceFailed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def output(self, *arguments: str, most: int = 16 * 1024 * 1024) -> bytes:
        """Return what git prints, `most` bytes of it."""
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
        """Pass on what git prints piece by piece, until `take` returns False."""
        environ = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        environ |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
        command = ["timeout", str(TIMEOUT_SECONDS), "git", "--no-pager", *_SAFE, *arguments]
        with tempfile.TemporaryFile() as errors:
            try:
                with subprocess.Popen(  # noqa: S603 - no shell; arguments from outside come after --
                    command,
                    cwd=self.folder,
                    env=environ,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                ) as process:
                    whole = _passed_on(process, take)
            except OSError as error:
                raise SourceFailed(f"git cannot be run in {self.folder}: {error.strerror or error}") from error
            if whole and process.returncode:
                errors.seek(0)
                raise SourceFailed(self._explained(process.returncode, errors.read(10_000).decode(errors="replace")))

    def has(self, revision: str) -> bool:
        """Return whether such an object exists."""
        try:
            self.output("cat-file", "-e", revision)
        except SourceFailed:
            return False
        return True

    def at(self, instant: datetime) -> str | None:
        """Return the last commit by an instant on the branch that is checked out, or None if there was none.

        This goes by the commits' own times: the branch's reflog would be exact, but a clone has none.
        """
        commit = self.output("rev-list", "-1", "--first-parent", f"--before={int(instant.timestamp())}", "HEAD", "--")
        return commit.decode().strip() or None

    def _explained(self, code: int, errors: str) -> str:
        if code == 124:
            return f"git took longer than {TIMEOUT_SECONDS} s in {self.folder}"
        if "dubious ownership" in errors:
            return (
                f"{self.folder} belongs to another user, so git refuses to read it; run "
                f"git config --global --add safe.directory {self.folder} as the user that collects"
            )
        if "not a git repository" in errors:
            return f"{self.folder} is not a git repository"
        line = next((line for line in errors.splitlines() if line.startswith("fatal:")), errors.strip())
        return f"git failed in {self.folder}: {line[:LONGEST_ERROR]}"


def taking(file: StagedFile) -> Callable[[bytes], bool]:
    """Return a callback that writes the pieces into a file until its size limit is reached."""

    def take(piece: bytes) -> bool:
        file.write(piece)
        return not file.full

    return take


def _passed_on(process: "subprocess.Popen[bytes]", take: Callable[[bytes], bool]) -> bool:
    """Return whether everything was read."""
    assert process.stdout is not None  # noqa: S101 - it was asked for
    while piece := process.stdout.read(PIECE):
        if not take(piece):
            process.kill()
            return False
    return True


def repository_of(path: Path) -> Repository | None:
    """Return the repository that a file is in, or None. Raises SourceFailed if git refuses to read it."""
    repository = Repository(path.parent)
    try:
        top = repository.output("rev-parse", "--show-toplevel")
    except SourceFailed as error:
        if "is not a git repository" in str(error):
            return None
        raise
    return Repository(Path(os.fsdecode(top.rstrip(b"\n"))))
