"""Start, scrape and memory with few and with many past incidents: none of it may depend on how many there have been."""

import shutil
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from benchmarks import past
from benchmarks.plan import Plan
from benchmarks.report import Figure, Line, Section, Target
from benchmarks.servers import Memory, Scrape, Server, running

PAGE_SECONDS = 1.05
"""A little more than what the numbers of the process are kept for."""
Found = dict[str, dict[int, list[float]]]


def measure(plan: Plan) -> list[Section]:
    """Start a server on each size in every round, scrape them in turn, and stop them."""
    folder = plan.folder / "past"
    folder.mkdir()
    files = _databases(plan, folder)
    found: Found = defaultdict(lambda: defaultdict(list))
    for number in plan.rounds():
        sizes = plan.sizes if number % 2 else plan.sizes[::-1]
        _round(plan, {size: files[size] for size in sizes}, found)
    shutil.rmtree(folder)
    return _sections(plan, found)


def _databases(plan: Plan, folder: Path) -> dict[int, Path]:
    base = folder / "base.db"
    past.record_base(base)
    files = {size: folder / f"{size}.db" for size in plan.sizes}
    for size, path in files.items():
        past.multiply(base, path, size)
    return files


def _round(plan: Plan, files: dict[int, Path], found: Found) -> None:
    with ExitStack() as stack:
        servers: dict[int, Server] = {}
        for size, path in files.items():
            servers[size] = stack.enter_context(running("ours", path))
            found["ready"][size].append(servers[size].ready_after * 1000)
        for size, server in servers.items():
            found["cold"][size].append(server.scrape().milliseconds)
        cached: dict[int, list[Scrape]] = defaultdict(list)
        for _ in range(plan.cached_scrapes):
            for size, server in servers.items():
                cached[size].append(server.scrape())
        for size, server in servers.items():
            found["spent"][size].append(_spent(server, plan.cached_scrapes))
        for size, scrapes in cached.items():
            found["cached"][size].append(sorted(s.milliseconds for s in scrapes)[len(scrapes) // 2])
            found["sent"][size].append(scrapes[-1].sent_bytes)
            found["plain"][size].append(scrapes[-1].plain_bytes)
            memory: Memory = servers[size].memory()
            found["worker"][size].append(memory.worker)
            found["total"][size].append(memory.total)


def _spent(server: Server, scrapes: int) -> float:
    """Return the processor time of a scrape after no change, in milliseconds; each shows the process as it is then."""
    server.scrape()
    began = server.processor_ms()
    for _ in range(scrapes):
        time.sleep(PAGE_SECONDS)
        server.scrape()
    return (server.processor_ms() - began) / scrapes


def _sections(plan: Plan, found: Found) -> list[Section]:
    smallest, largest = plan.sizes[0], plan.sizes[-1]
    same, double = {largest: Target(1.2)}, {largest: Target(2)}
    return [
        Section(
            "scrape (OpenMetrics, gzip) by past incidents",
            [
                *_lines("scrape again, ms", found["cached"], plan.sizes[1], "{:,.1f}", same),
                *_lines("scrape again, ms of a core", found["spent"], plan.sizes[1], "{:,.1f}"),
                *_lines("first scrape, ms", found["cold"], plan.sizes[1], "{:,.1f}"),
                *_lines("size sent, bytes", found["sent"], plan.sizes[1], "{:,.0f}"),
                *_lines("size unpacked, bytes", found["plain"], plan.sizes[1], "{:,.0f}"),
            ],
        ),
        Section(
            "start to /-/ready by past incidents", _lines("start, ms", found["ready"], smallest, "{:,.0f}", double)
        ),
        Section("resident memory after start and scrapes", list(_memory(found, smallest, largest))),
    ]


def _lines(
    what: str, by_size: dict[int, list[float]], reference: int, shown: str, targets: Mapping[int, Target] | None = None
) -> list[Line]:
    """Compare every size with the reference."""
    against = Figure(by_size[reference], shown)
    return [
        Line(f"{what}, {size:,}", Figure(values, shown), f"{reference:,}", against, (targets or {}).get(size))
        if size != reference
        else Line(f"{what}, {size:,}", against)
        for size, values in sorted(by_size.items())
    ]


def _memory(found: Found, *sizes: int) -> Iterator[Line]:
    for process, most in (("worker", Target(90, unit="MB")), ("total", None)):
        for size in sizes:
            target = most if size == sizes[-1] else None
            yield Line(f"{process}, MB, {size:,}", Figure(found[process][size]), target=target)
