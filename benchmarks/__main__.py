"""`python -m benchmarks`: run everything and print one table. `make bench` does it after installing wrk."""

import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import click
from rich.console import Console

from benchmarks import alerta, breakdown, change, evidence, lint, pages, replicas, scrape, size, storm, windows
from benchmarks.load import NoLoadGenerator
from benchmarks.plan import Plan, quick
from benchmarks.report import Section, table
from benchmarks.servers import NotReady

PARTS: dict[str, Callable[[Plan], list[Section]]] = {
    "storm": storm.measure,
    "past": scrape.measure,
    "change": change.measure,
    "windows": windows.measure,
    "lint": lint.measure,
    "breakdown": breakdown.measure,
    "pages": pages.measure,
    "evidence": evidence.measure,
    "replicas": replicas.measure,
    "alerta": alerta.measure,
    "size": size.measure,
}
OPTIONAL = ("change", "replicas", "alerta", "size")
"""What needs PostgreSQL or something else installed runs only where it is asked for."""


@click.command()
@click.option("--quick", "hurried", is_flag=True, help="Few pairs and small sizes: to try things out, not to quote.")
@click.option("--only", type=click.Choice(list(PARTS)), help="Run one part.")
@click.option(
    "--directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Put the databases on this disk (default: the system's temporary folder).",
)
def main(hurried: bool, only: str | None, directory: Path | None) -> None:
    """Measure what the service costs, on loopback, and report it against the targets."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and folders go away
    console = Console(width=None if sys.stdout.isatty() else 170)
    progress = Console(stderr=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mttx-bench-", dir=directory) as name:
        folder = Path(name)
        sync = _sync_ms(folder / "sync")
        sections: list[Section] = []
        try:
            for part in [only] if only else [name for name in PARTS if name not in OPTIONAL]:
                progress.print(f"measuring: {part} …")
                sections += PARTS[part](quick(folder) if hurried else Plan(folder))
        except (NoLoadGenerator, NotReady, alerta.NotInstalled, change.NoPushgateway) as error:
            raise click.ClickException(str(error)) from error
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    caption = (
        f"{os.cpu_count()} CPUs shared by server and load generator · Python {platform.python_version()} · "
        f"fdatasync here {sync:.2f} ms · load before {os.getloadavg()[2]:.1f} · took {minutes} min {seconds} s"
    )
    console.print(table(sections, caption))


def _sync_ms(path: Path) -> float:
    """Time what no durable write can do without: 4 KiB and an fdatasync."""
    took = []
    with path.open("wb", buffering=0) as file:
        for _ in range(50):
            file.write(os.urandom(4096))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    return median(took) * 1000


if __name__ == "__main__":
    main()
