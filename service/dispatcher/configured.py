"""From the configuration to a dispatcher."""

from collections.abc import Callable
from datetime import datetime, timedelta

from service.clients.grafana import Annotations
from service.clients.grafana.configured import connection_to
from service.dispatcher.dispatcher import BATCH_TIME, Dispatcher
from service.dispatcher.grafana import GRAFANA, Copies, GrafanaTarget
from service.dispatcher.target import Queue, Tally
from service.domain.policy import Severity
from service.render.annotation_texts import View
from service.settings import Settings

MOST_REQUESTS = 8
"""How many requests one annotation may take: read it, look for it, change it, read it back, and again with PUT."""


def targets_of(settings: Settings) -> tuple[str, ...]:
    """Return the systems to which incidents are delivered."""
    return (GRAFANA,) if settings.grafana.is_annotated else ()


def grafana_dispatcher(settings: Settings, queue: Queue, tally: Tally, clock: Callable[[], datetime]) -> Dispatcher:
    """Return the dispatcher of Grafana's annotations, which is not started yet."""
    grafana = settings.grafana
    connection = connection_to(grafana)
    copies = [
        Copies(one.uid, frozenset(Severity(name) for name in one.severities), one.labels) for one in grafana.dashboards
    ]
    view = View(settings.display_timezone, settings.public_url)
    target = GrafanaTarget(Annotations(connection), view, copies, close=connection.close)
    lease = MOST_REQUESTS * grafana.timeout + BATCH_TIME + timedelta(seconds=10)
    return Dispatcher(queue, target, tally, clock, lease=lease)
