"""From the configuration to the dispatchers, one for each target."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from service.clients.grafana import Annotations
from service.clients.grafana.configured import connection_to
from service.delivery.dispatcher import BATCH_TIME, Dispatcher
from service.delivery.grafana import GRAFANA, Copies, GrafanaTarget
from service.delivery.grafana_inventory import Inventory
from service.delivery.messages_configured import SLACK, WEBHOOK, message_target
from service.delivery.target import Queue, Tally
from service.domain.policy import Policy, Severity
from service.render.annotation_texts import View
from service.settings import Settings
from service.store import Store

MOST_REQUESTS = 8
"""How many requests one annotation may take: read it, look for it, change it, read it back, and again with PUT."""
MOST_REQUESTS_OF_A_MESSAGE = 12
"""How many requests one message may take: look for it on ten pages, change it or say it."""
_SPARE = BATCH_TIME + timedelta(seconds=10)


def targets_of(settings: Settings) -> tuple[str, ...]:
    """Return the systems to which incidents are delivered."""
    used = {GRAFANA: settings.grafana.is_annotated, SLACK: settings.slack.is_used, WEBHOOK: settings.webhook.is_used}
    return tuple(name for name, is_used in used.items() if is_used)


def dispatchers_of(
    settings: Settings, store: Store, policy: Policy, tally: Tally, clock: Callable[[], datetime]
) -> Sequence[Dispatcher]:
    """Return the dispatchers of all targets, none of which is started yet. Raises SettingsError."""
    return [
        grafana_dispatcher(settings, store.outbox, tally, clock)
        if name == GRAFANA
        else message_dispatcher(name, settings, store, policy, tally=tally, clock=clock)
        for name in targets_of(settings)
    ]


def grafana_dispatcher(
    settings: Settings, queue: Queue, tally: Tally, clock: Callable[[], datetime], *, resyncs: bool = False
) -> Dispatcher:
    """Return the dispatcher of Grafana's annotations, which is not started yet.

    `resyncs`: everything was marked; what Grafana has is read at once.
    """
    grafana = settings.grafana
    connection = connection_to(grafana)
    copies = [
        Copies(one.uid, frozenset(Severity(name) for name in one.severities), one.labels) for one in grafana.dashboards
    ]
    view = View(settings.display_timezone, settings.public_url)
    annotations = Annotations(connection)
    inventory = Inventory(annotations, clock) if resyncs else None
    target = GrafanaTarget(annotations, view, copies, close=connection.close, inventory=inventory)
    lease = MOST_REQUESTS * grafana.timeout + _SPARE
    return Dispatcher(queue, target, tally, clock, lease=lease, credential=grafana.read_token)


def message_dispatcher(
    name: str, settings: Settings, store: Store, policy: Policy, *, tally: Tally, clock: Callable[[], datetime]
) -> Dispatcher:
    """Return the dispatcher of a chat's messages, which is not started yet. Raises SettingsError.

    When it starts, what is open or owed is marked: it may have come before the chat, or under other rules.
    """
    target, review = message_target(name, settings, store, policy)
    place = settings.slack if name == SLACK else settings.webhook
    return Dispatcher(
        store.outbox,
        target,
        tally,
        clock,
        lease=MOST_REQUESTS_OF_A_MESSAGE * place.timeout + _SPARE,
        prepare=lambda now: store.outbox.enlist(name, review.first(now), now),
        credential=place.read_credential,
    )
