"""The demo's quarter behind the pages and the API, and its incidents for a calculation of the test's own."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from service.history.demo.playing import play
from service.history.demo.quarter import quarter
from service.metrics.measurements import Measuring
from service.settings.model import Settings
from service.store import Store
from service.store.histories import histories_of
from tests.house import listed
from tests.web.fakes import World

NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
POLICY = Settings().policy()
TOKYO = ZoneInfo("Asia/Tokyo")


@dataclass
class Demo:
    """An application of the demo's store."""

    store: Store
    world: World = field(init=False)

    def __post_init__(self):
        measuring = Measuring(self.store, POLICY, {"30d": Settings().window_lengths["30d"]}, 100, lambda: 0)
        self.world = World(store=self.store, policy=POLICY, clock=lambda: NOW, select=measuring.select, zone=TOKYO)
        self.get = self.world.get

    def incidents(self):
        """Everything that is not dismissed or merged."""
        ids = [row.id for row in listed(self.store)]
        histories = self.store.read(histories_of, ids, POLICY).values()
        return [history.incident for history in histories if history.incident.dismissed_at is None]


def demo_at(path):
    store = Store.open(f"sqlite:///{path}", POLICY)
    play(store, POLICY, quarter(NOW))
    return Demo(store)
