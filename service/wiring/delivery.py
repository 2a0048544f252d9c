"""What is delivered where: a dispatcher for each receiver."""

from collections.abc import Callable
from datetime import datetime, timedelta

from service.clients.grafana import Annotations
from service.delivery.counters import DeliveryCounters
from service.delivery.dispatcher import BATCH_TIME, Dispatcher
from service.delivery.grafana import GRAFANA, DashboardCopies, GrafanaReceiver
from service.delivery.grafana_inventory import Inventory
from service.delivery.message_builder import MessageBuilder
from service.delivery.messages import MessageReceiver
from service.delivery.review import ReviewMessages
from service.delivery.storms import Storms
from service.domain.policy import Policy
from service.render.annotation_texts import View
from service.render.chat_texts import ChatTexts
from service.render.messages import MessageTemplates
from service.settings.model import Settings
from service.store import Store
from service.store.outbox import Outbox
from service.wiring import clients
from service.wiring.messages import SLACK, WEBHOOK, chat_texts, message_channels, message_templates

REQUESTS_PER_ANNOTATION = 8
"""The most requests for one annotation: read it, search for it, change it, read it back, and again with PUT."""
REQUESTS_PER_MESSAGE = 12
"""The most requests for one message: search for it on ten pages, edit or post it."""
_SPARE = BATCH_TIME + timedelta(seconds=10)


def receiver_names(settings: Settings) -> tuple[str, ...]:
    """Return the systems to which incidents are delivered."""
    used = {GRAFANA: settings.grafana.is_annotated, SLACK: settings.slack.is_used, WEBHOOK: settings.webhook.is_used}
    return tuple(name for name, is_used in used.items() if is_used)


def build_dispatchers(
    settings: Settings, store: Store, policy: Policy, counters: DeliveryCounters, clock: Callable[[], datetime]
) -> list[Dispatcher]:
    """Return the dispatchers of all receivers, not started yet. Raises SettingsError."""
    return [
        grafana_dispatcher(settings, store.outbox, counters, clock)
        if name == GRAFANA
        else message_dispatcher(name, settings, store, policy, counters=counters, clock=clock)
        for name in receiver_names(settings)
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
    connection = clients.grafana_connection(grafana)
    copies = [
        DashboardCopies(dashboard.uid, frozenset(dashboard.severities), dashboard.labels)
        for dashboard in grafana.dashboards
    ]
    labels = tuple(dimension.label for dimension in settings.breakdown)
    view = View(settings.display_timezone, settings.public_url, labels)
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
    """Return the dispatcher of the messages to `SLACK` or `WEBHOOK`, not started yet. Raises SettingsError.

    When it starts, what is open or outstanding is enqueued: it may be older than the receiver or its rules.
    """
    keys = settings.slack if name == SLACK else settings.webhook
    chat = clients.slack(settings.slack) if name == SLACK else clients.webhook(settings.webhook, settings.public_url)
    templates = message_templates(name, settings)
    texts = chat_texts(settings) if name == SLACK else None
    review = _review(settings, store, policy, templates, texts)
    builder = MessageBuilder(templates, policy, settings.public_url, texts)
    severities = frozenset(settings.messages.severities)
    limits = settings.messages
    storms = Storms(store.outbox, templates, limits.storm_reports, limits.storm_window, settings.public_url)
    return Dispatcher(
        store.outbox,
        MessageReceiver(name, chat, builder, review, message_channels(name, settings), storms, severities),
        counters,
        clock,
        lease=REQUESTS_PER_MESSAGE * keys.timeout + _SPARE,
        prepare=lambda now: store.outbox.enqueue_existing(name, review.first(now), now),
        credential=keys.read_credential,
    )


def _review(
    settings: Settings, store: Store, policy: Policy, templates: MessageTemplates, texts: ChatTexts | None
) -> ReviewMessages:
    messages = settings.messages
    meets = settings.review if messages.weekly_review else None
    return ReviewMessages(templates, store, policy, meets, messages.review_lead, settings.public_url, texts)
