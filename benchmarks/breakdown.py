"""What two dimensions cost: the statistics over the windows, and a scrape, with and without them, of the same database.

CPU time within this process, so that what else runs on the machine counts little. The incidents have 25 teams, of which
20 are named, and 60 services, of which 50 are.
"""

import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from prometheus_client import CollectorRegistry

from benchmarks import past
from benchmarks.plan import Plan
from benchmarks.report import Figure, Line, Section, Target
from service.domain.policy import Policy
from service.metrics.collectors import IncidentCollector
from service.metrics.exposition import Exposition
from service.metrics.measurements import Measuring
from service.settings.model import Settings
from service.store import Store

LIMIT = 1.3
PARTS = ("statistics", "scrape")
Found = dict[str, dict[bool, list[float]]]


def measure(plan: Plan) -> list[Section]:
    """Measure with and without dimensions in turn, for the most past incidents."""
    folder = plan.folder / "breakdown"
    folder.mkdir()
    size = plan.sizes[-1]
    past.record_base(folder / "base.db")
    past.multiply(folder / "base.db", folder / "many.db", size)
    found: Found = defaultdict(lambda: defaultdict(list))
    for number in plan.rounds():
        for with_dimensions in (True, False) if number % 2 else (False, True):
            for part, milliseconds in _times(folder / "many.db", with_dimensions).items():
                found[part][with_dimensions].append(milliseconds)
    shutil.rmtree(folder)
    lines = [
        Line(
            f"{part}, ms of CPU",
            Figure(found[part][True], "{:,.1f}"),
            "without dimensions",
            Figure(found[part][False], "{:,.1f}"),
            Target(LIMIT),
        )
        for part in PARTS
    ]
    return [Section(f"two dimensions with {size:,} past incidents", lines)]


def _times(path: Path, with_dimensions: bool) -> Mapping[str, float]:
    policy = Settings().policy()
    policy = policy if with_dimensions else replace(policy, breakdown=())
    with closing(Store.beside(f"sqlite:///{path}", policy)) as store:
        return {"statistics": _statistics(store, policy), "scrape": _scrape(store, policy)}


def _measuring(store: Store, policy: Policy) -> Measuring:
    return Measuring(store, policy, Settings().window_lengths, Settings().limits.series, lambda: 0)


def _statistics(store: Store, policy: Policy) -> float:
    now = datetime.now(UTC)
    _measuring(store, policy).statistics(now)  # reads the file into the page cache
    return _cpu(lambda: _measuring(store, policy).statistics(now))


def _scrape(store: Store, policy: Policy) -> float:
    """Return what a scrape after a change takes, while the statistics are kept, as they are in a store of this size."""
    now, measuring = datetime.now(UTC), _measuring(store, policy)
    versions = count()
    incidents = IncidentCollector(measuring, policy, lambda: now)
    expose = Exposition([incidents], CollectorRegistry(), lambda: next(versions), lambda: now)
    kept = measuring.statistics(now)
    measuring.statistics = lambda _: kept  # type: ignore[assignment, method-assign]
    expose("text/plain", "gzip")
    return _cpu(lambda: expose("text/plain", "gzip"))


def _cpu(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return (time.process_time() - began) * 1000
