"""What verdicts, bounds and comparisons cost: the statistics of a store with very many incidents in its windows.

Computed in this process and in processor time, in turn with the same statistics without them; half of the incidents are
in the window of 90 days, and half in the one before.
"""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from benchmarks import past
from benchmarks.plan import Plan
from benchmarks.report import Figure, Line, Section, Target
from service.domain.breakdown import Dimension
from service.metrics.comparisons import Compared
from service.metrics.gathering import Gathering, KeptStatistics
from service.metrics.measurements import Measuring
from service.settings.model import Settings
from service.store import Store
from service.store.recent import Selection, detected_only, visit_recent

SPAN = timedelta(days=180)


class Plain(Measuring):
    """Reads the incidents of the windows only, as if there were neither open ones nor windows before."""

    def _gather(
        self,
        since: Mapping[str, datetime],
        now: datetime,
        selection: Selection,
        dimensions: Sequence[Dimension] = (),
        kept: KeptStatistics | None = None,
    ) -> Gathering:
        gathering = Gathering(self._policy, since, now, dimensions, kept=kept)
        self._store.read(visit_recent, selection, gathering.visit)
        if dimensions:
            gathering.add_detected_only(self._store.read(detected_only, selection, gathering.bands))
        return gathering

    def _compare(self, now: datetime) -> Compared:  # noqa: ARG002
        return {}


def measure(plan: Plan) -> list[Section]:
    """Compute the statistics anew in every round, plain and as they are, and all comparisons."""
    folder = plan.folder / "windows"
    folder.mkdir()
    incidents = min(100_000, plan.sizes[-1])
    past.record_base(folder / "base.db", SPAN)
    past.multiply(folder / "base.db", folder / "many.db", incidents, SPAN)
    settings = Settings()
    policy = settings.policy()
    store = Store.open(f"sqlite:///{folder / 'many.db'}", policy)
    plain, measuring = (kind(store, policy, settings.window_lengths, 500, lambda: 0) for kind in (Plain, Measuring))
    found: dict[str, list[float]] = {"plain": [], "as it is": [], "compared": []}
    now = datetime.now(UTC)
    for number in plan.rounds():
        at = now + number * timedelta(seconds=1)
        found["plain"].append(_milliseconds(plain._compute, at))
        found["as it is"].append(_milliseconds(measuring._compute, at))
        found["compared"].append(_milliseconds(measuring._compare, at))
    store.close()
    shutil.rmtree(folder)
    against = Figure(found["plain"], "{:,.0f}")
    title = f"statistics with {incidents // 2:,} incidents in 90 days and as many before, ms of a core"
    return [
        Section(
            title,
            [
                Line("with verdicts", Figure(found["as it is"], "{:,.0f}"), "plain", against, Target(1.1)),
                Line(
                    "all comparisons (every 30 minutes, beside)", Figure(found["compared"], "{:,.0f}"), "plain", against
                ),
            ],
        )
    ]


def _milliseconds(compute: Callable[[datetime], object], now: datetime) -> float:
    began = time.thread_time()
    compute(now)
    return (time.thread_time() - began) * 1000
