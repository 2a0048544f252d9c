"""From the configuration to the dispatchers, one for each receiver."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from service.clients.grafana import Annotations
from service.clients.grafana.configured import connection_to
from service.delivery.dispatcher import BATCH_TIME, Dispatcher
from service.delivery.grafana import GRAFANA, DashboardCopies, GrafanaReceiver
from service.delivery.grafana_inventory import Inventory
from service.delivery.messages_configured import SLACK, WEBHOOK, message_receiver
from service.delivery.receiver import DeliveryCounters
from service.domain.policy import Policy, Severity
from service.render.annotation_texts import View
from service.settings import Settings
from service.store import Store
from service.store.outbox import Outbox

REQUESTS_PER_ANNOTATION = 8
"""The most requests for one annotation: read it, search for it, change it, read it back, and again with PUT."""
REQUESTS_PER_MESSAGE = 12
"""The most requests for one message: search for it on ten pages, edit or post it."""
_SPARE = BATCH_TIME + timedelta(seconds=10)


def targets_of(settings: Settings) -> tuple[str, ...]:
    """Return the systems to which incidents are delivered."""
    used = {GRAFANA: settings.grafana.is_annotated, SLACK: settings.slack.is_used, WEBHOOK: settings.webhook.is_used}
    return tuple(name for name, is_used in used.items() if is_used)


def dispatchers_of(
    settings: Settings, store: Store, policy: Policy, counters: DeliveryCounters, clock: Callable[[], datetime]
) -> Sequence[Dispatcher]:
    """Return the dispatchers of all configured receivers, not started yet. Raises SettingsError."""
    return [
        grafana_dispatcher(settings, store.outbox, counters, clock)
        if name == GRAFANA
        else message_dispatcher(name, settings, store, policy, counters=counters, clock=clock)
        for name in targets_of(settings)
    ]


def grafana_dispatcher(
    settings: Settings,
    outbox: Outbox,
    counters: DeliveryCounters,
    clock: Callable[[], datetime],
    *,
    resyncs: bool = False,
) -> Dispatcher:
    """Return the dispatcher of Grafana's annotations, not started yet.

    `resyncs`: everything was enqueued; what Grafana has is read at once.
    """
    grafana = settings.grafana
    connection = connection_to(grafana)
    copies = [
        DashboardCopies(dashboard.uid, frozenset(map(Severity, dashboard.severities)), dashboard.labels)
        for dashboard in grafana.dashboards
    ]
    view = View(settings.display_timezone, settings.public_url)
    annotations = Annotations(connection)
    inventory = Inventory(annotations, clock) if resyncs else None
    receiver = GrafanaReceiver(annotations, view, copies, close=connection.close, inventory=inventory)
    lease = REQUESTS_PER_ANNOTATION * grafana.timeout + _SPARE
    return Dispatcher(outbox, receiver, counters, clock, lease=lease, credential=grafana.read_token)


def message_dispatcher(
    name: str,
    settings: Settings,
    store: Store,
    policy: Policy,
    *,
    counters: DeliveryCounters,
    clock: Callable[[], datetime],
) -> Dispatcher:
    """Return the dispatcher of a chat's messages, not started yet. Raises SettingsError.

    When it starts, what is open or outstanding is enqueued: it may be older than the chat or its rules.
    """
    receiver, review = message_receiver(name, settings, store, policy)
    chat = settings.slack if name == SLACK else settings.webhook
    return Dispatcher(
        store.outbox,
        receiver,
        counters,
        clock,
        lease=REQUESTS_PER_MESSAGE * chat.timeout + _SPARE,
        prepare=lambda now: store.outbox.enqueue_existing(name, review.first(now), now),
        credential=chat.read_credential,
    )
