"""Small file systems of our own that get full, turn read-only and stall. They have to be mounted; where that is not
allowed, as in most containers, the kernel's limit on the size of files (RLIMIT_FSIZE) refuses the same writes.
"""

import os
import resource
import shutil
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

_AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]


def run(*command):
    return subprocess.run([*_AS_ROOT, *map(str, command)], check=True, capture_output=True, text=True, timeout=60)


def may(*command):
    """Try a command that needs rights; says whether it worked."""
    try:
        run(*command)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


class Mounted:
    """A file system on a folder."""

    how = "separate file system"

    def __init__(self, folder):
        self.folder = folder

    @property
    def ballast(self):
        return self.folder / "ballast"

    def fill(self, _pids):
        """Take all room that is left."""
        with self.ballast.open("wb", buffering=0) as file:
            for size in (2**16, 512):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError:
                    continue

    def make_room(self, _pids):
        self.ballast.unlink()


class Limited:
    """No file system: a folder, and processes that may make no file any larger."""

    how = "RLIMIT_FSIZE"

    def __init__(self, folder):
        self.folder = folder

    def fill(self, pids):
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))

    def make_room(self, pids):
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class Ext4(Mounted):
    """On a loop device, so that it can do what disks do."""

    def __init__(self, folder, image):
        super().__init__(folder)
        self._image = image

    def abort(self):
        """Do what the kernel does after a write error: from now on it is read-only, for those who write already too."""
        run("mount", "-o", "remount,abort", self.folder)

    def mount_again(self, *options):
        """Check it and mount it anew; nobody may use it."""
        run("umount", self.folder)
        subprocess.run([*_AS_ROOT, "e2fsck", "-p", str(self._image)], check=False, capture_output=True, timeout=60)
        run("mount", "-o", ",".join(("loop", *options)), self._image, self.folder)

    @contextmanager
    def stalled(self):
        """Have every write wait while the block runs, as a disk does that is at its end, or a network that is gone."""
        run("fsfreeze", "--freeze", self.folder)
        try:
            yield
        finally:
            run("fsfreeze", "--unfreeze", self.folder)


def _own(folder):
    if _AS_ROOT:
        run("chown", os.getuid(), folder)


@contextmanager
def small(mebibytes):
    """Give a file system in memory, or what comes nearest to it here."""
    with _folder() as (folder, stack):
        if may("mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", folder):
            stack.callback(run, "umount", "--lazy", folder)
            _own(folder)
            yield Mounted(folder)
        else:
            yield Limited(folder)


@contextmanager
def limited():
    """Give a folder whose writers can be limited."""
    with _folder() as (folder, _):
        yield Limited(folder)


@contextmanager
def ext4(mebibytes=32):
    """Give an ext4 on a loop device; None where it cannot be mounted."""
    with _folder() as (folder, stack), tempfile.NamedTemporaryFile(prefix="mttx-disk-") as image:
        image.truncate(mebibytes * 2**20)
        made = may("mkfs.ext4", "-q", "-F", image.name) and may("mount", "-o", "loop", image.name, folder)
        if made:
            stack.callback(run, "umount", "--lazy", folder)
            _own(folder)
        yield Ext4(folder, image.name) if made else None


@contextmanager
def _folder():
    folder = Path(tempfile.mkdtemp(prefix="mttx-volume-"))
    try:
        with ExitStack() as stack:
            yield folder, stack
    finally:
        shutil.rmtree(folder, ignore_errors=True)
