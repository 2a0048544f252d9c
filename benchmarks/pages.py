"""What pages cost with few, many and a million past incidents: processor time of the service, in the same rounds."""

import http.client
import shutil
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack

from benchmarks import past
from benchmarks.plan import Plan
from benchmarks.report import Figure, Line, Section, Target
from benchmarks.servers import NotReady, Server, running

FEW = 1_000
_TRIES = 5
FIRST = {"/, first after a start": "/", "/trends, first after a start": "/trends"}
READ_MORE = ("vain", "days", "month", "first after")
"""What reads more incidents, the more there are."""
Found = dict[str, dict[int, list[float]]]


def measure(plan: Plan) -> list[Section]:
    """Ask a server of each size for every page in turn; of some tries in a round the median counts.

    What a store's first readers pay before anything is kept is measured once.
    """
    folder = plan.folder / "pages"
    folder.mkdir()
    sizes = (FEW, *plan.sizes[2:]) if len(plan.sizes) > 2 else plan.sizes
    base = folder / "base.db"
    past.record_base(base)
    found: Found = defaultdict(lambda: defaultdict(list))
    with ExitStack() as stack:
        servers: dict[int, Server] = {}
        for size in sizes:
            past.multiply(base, folder / f"{size}.db", size)
            servers[size] = stack.enter_context(running("ours", folder / f"{size}.db"))
            for what, path in FIRST.items():
                found[what][size].append(_cpu_ms(servers[size], path))
        for number in plan.rounds():
            for size in sizes if number % 2 else sizes[::-1]:
                for what, path in _paths(size).items():
                    found[what][size].append(_median_ms(servers[size], path))
    shutil.rmtree(folder)
    return [Section(f"pages with {many:,} past incidents", _lines(found, many)) for many in sizes[1:]]


def _paths(size: int) -> Mapping[str, str]:
    return {
        "/": "/",
        "/incidents, first page": "/incidents",
        "/incidents, deep page": f"/incidents?before={size // 2}",
        "/incidents, search that finds": "/incidents?q=errors",
        "/incidents, search in vain": "/incidents?q=nothing+is+called+so",
        "/incidents, open ones": "/incidents?state=open",
        "/incidents, last 7 days": "/incidents?window=7d",
        "/incidents/INC-x": f"/incidents/INC-{size // 2}",
        "/postmortems": "/postmortems",
        "/postmortems, all": "/postmortems?all=yes",
        "/trends": "/trends",
        "/trends, by week": "/trends?by=week",
        "/reports, the last month": "/reports",
        "/reports, the last month as CSV": "/reports?format=csv",
    }


def _lines(found: Found, many: int) -> list[Line]:
    lines = []
    for what, by_size in found.items():
        against = Figure(by_size[FEW], "{:,.1f}")
        target = None if any(word in what for word in READ_MORE) else Target(1.2)
        lines.append(Line(f"{what}, ms of a core", Figure(by_size[many], "{:,.1f}"), f"{FEW:,}", against, target))
    return lines


def _median_ms(server: Server, path: str) -> float:
    return sorted(_cpu_ms(server, path) for _ in range(_TRIES))[_TRIES // 2]


def _cpu_ms(server: Server, path: str) -> float:
    before = server.processor_ms()
    _get(server.address, path)
    return server.processor_ms() - before


def _get(address: str, path: str) -> None:
    connection = http.client.HTTPConnection(address, timeout=120)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
    finally:
        connection.close()
    if answer.status != http.client.OK:
        msg = f"{path} was answered {answer.status}"
        raise NotReady(msg)
