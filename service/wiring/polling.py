"""What is polled in the background."""

from collections.abc import Callable
from datetime import datetime, timedelta

from service.domain.senders import named_source
from service.intake.sources import Source
from service.polling.budgets import BudgetPoll
from service.polling.gaps import GapPoll
from service.polling.poller import Poll, Poller
from service.polling.quiet_incidents import QuietIncidentPoll
from service.polling.silences import SilencePoll
from service.polling.start_times import StartTimePoll
from service.recorder.writer import Recorder
from service.settings.model import Settings
from service.settings.slo import slos_of
from service.store import Store
from service.wiring import clients, intake

QUIET = timedelta(hours=1)
"""How long an open incident goes without a report before it is polled; less if it would be stale before that."""
PAUSE = 4
"""How many rounds may be missed before it is a gap."""


def build_poller(settings: Settings, store: Store, recorder: Recorder, clock: Callable[[], datetime]) -> Poller:
    """Return the poller, not started yet; without configured addresses it has nothing to do."""
    polls: list[Poll] = []
    prometheus, alertmanagers = clients.prometheus(settings), clients.alertmanagers(settings)
    interval, reconcile = settings.inquiry.interval, settings.reconcile
    source = named_source(Source.ALERTMANAGER.value, settings.alertmanager.sender or "")
    if prometheus is not None and reconcile.gaps:
        options = intake.alert_options(settings)
        polls.append(
            GapPoll(
                prometheus,
                alertmanagers,
                store,
                recorder,
                options,
                longest_pause=PAUSE * interval,
                delay=reconcile.patience,
                lookback=reconcile.lookback,
                source=source,
            )
        )
    if prometheus is not None:
        onset = settings.onset
        polls.append(
            StartTimePoll(prometheus, store, recorder, query=onset.query, lookback=onset.lookback, source=source)
        )
    if prometheus is not None and settings.slo:
        polls.append(BudgetPoll(prometheus, store, recorder, settings.policy(), slos_of(settings.slo)))
    if alertmanagers:
        quiet, lookback = min(QUIET, settings.stale_after / 2), reconcile.lookback
        polls.append(QuietIncidentPoll(alertmanagers, prometheus, store, recorder, quiet, lookback, source))
    if alertmanagers and (people := intake.people(settings)):
        polls.append(SilencePoll(alertmanagers, store, recorder, people, source=source))
    return Poller(polls, clock, interval)
