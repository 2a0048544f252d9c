"""A PostgreSQL of the benchmark's own: Debian's programs, a free loopback port, and durable like a real one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.servers import NotReady
from tests.postgresql import PostgreSQL, installed


@contextmanager
def durable_cluster(folder: Path) -> Iterator[Any]:
    """Start a cluster in `folder` that loses nothing at a power failure, and remove it in the end."""
    if installed() is None:
        msg = "PostgreSQL is missing: bash tests/install-servers.sh pg_ctlcluster"
        raise NotReady(msg)
    cluster = PostgreSQL(folder, fsync="on", full_page_writes="on")
    try:
        yield cluster.start()
    finally:
        cluster.remove()
