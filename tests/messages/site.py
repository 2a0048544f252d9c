"""A store with its recorder, a chat, and dispatchers between them whose clock stands still until it is told."""

from datetime import timedelta

from service.recorder.writer import Recorder
from service.settings.model import Settings
from service.store import Store
from service.wiring.delivery import message_dispatcher
from tests.builders import at
from tests.delivery.site import Counters
from tests.house import House, minutes
from tests.messages.loopback import CHANNEL, HOOK, TOKEN

BOT = "bot"
INCOMING = "incoming"
GENERIC = "generic"


class Site(House):
    """`way` is how things are said: by a bot, by an incoming webhook, or as JSON to any address."""

    def __init__(self, url, slack, way=BOT, target=None, **keys):
        self.url = url
        self.slack = slack
        where = {
            BOT: {"slack": {"api_url": f"{slack.url}/api", "token": TOKEN, "channel": CHANNEL, "timeout": "1s"}},
            INCOMING: {"slack": {"webhook_url": f"{slack.url}{HOOK}", "timeout": "1s"}},
            GENERIC: {"webhook": {"url": f"{slack.url}/hook", "token": "for-the-hook", "timeout": "1s"}},
        }[way]
        self.target = "webhook" if way == GENERIC else "slack"
        messages = {"language": "en"} | keys.pop("messages", {})
        settings_ = {"public_url": "https://mttx.example.com", "messages": messages} | where | keys
        self.settings = Settings.model_validate(settings_)
        self.policy = self.settings.policy()
        self.store = Store.open(url, self.policy, (self.target,) if target is None else target)
        self.recorder = Recorder(self.store, self.policy)
        self.now = at(0)
        self.counters = Counters()
        self._dispatchers = []

    def send(self, *alerts, received=None):
        """Take in a notification as soon as what it tells has happened."""
        instants = [
            t for alert_ in alerts for t in (alert_.observation.starts_at, alert_.observation.ends_at) if t is not None
        ]
        return super().send(*alerts, received=minutes(max(instants)) if received is None else received)

    def dispatcher(self, outbox=None):
        made = message_dispatcher(
            self.target, self.settings, self.store, self.policy, counters=self.counters, clock=lambda: self.now
        )
        if outbox is not None:
            made.outbox = outbox
        made.random = lambda: 1.0
        self._dispatchers.append(made)
        return made

    def start(self):
        """Do what a dispatcher does when it starts."""
        made = self.dispatcher()
        self.store.outbox.resume(self.target, self.now)
        made.prepare(self.now)
        return made

    def deliver(self, minutes=None, dispatcher=None, within=300):
        """Take steps until nothing waits; at `minutes`, or letting time pass where the dispatcher rests."""
        self.now = self.now if minutes is None else at(minutes)
        dispatcher = dispatcher or next(iter(self._dispatchers), None) or self.dispatcher()
        for _ in range(within):
            if not dispatcher.step():
                if not self.waiting().pending:
                    return dispatcher
                self.now += timedelta(seconds=30)
        raise AssertionError(f"still waiting: {self.waiting()} {self.outbox_keys()}")

    def waiting(self):
        return self.store.outbox.backlog(self.target, self.now)

    def close(self):
        for dispatcher in self._dispatchers:
            dispatcher.stop()
        super().close()
