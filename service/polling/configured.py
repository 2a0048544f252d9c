"""From the configuration to the polls."""

from collections.abc import Callable
from datetime import datetime, timedelta

from service.clients.alertmanager import AlertmanagerApi
from service.clients.json_api import JsonApi
from service.clients.prometheus import PrometheusApi
from service.domain.senders import named_source
from service.domain.silences import People
from service.intake.alertmanager import AlertParseOptions
from service.intake.reasons import Source
from service.polling.gaps import GapPoll
from service.polling.poller import Poll, Poller
from service.polling.quiet_incidents import QuietIncidentPoll
from service.polling.silences import SilencePoll
from service.polling.start_times import StartTimePoll
from service.recorder.writer import Recorder
from service.settings import Settings
from service.store import Store

QUIET = timedelta(hours=1)
"""How long an open incident goes without a report before it is polled; less if it would be stale before that."""
PAUSE = 4
"""How many rounds may be missed before it is a gap."""


def poller_of(
    settings: Settings, store: Store, recorder: Recorder, options: AlertParseOptions, clock: Callable[[], datetime]
) -> Poller:
    """Return the poller, not started yet; without configured addresses it has nothing to do."""
    polls: list[Poll] = []
    prometheus, alertmanagers = prometheus_of(settings), alertmanagers_of(settings)
    interval, reconcile = settings.inquiry.interval, settings.reconcile
    source = named_source(Source.ALERTMANAGER.value, settings.alertmanager.sender or "")
    if prometheus is not None and reconcile.gaps:
        pause = PAUSE * interval
        times = {"longest_pause": pause, "patience": reconcile.patience, "lookback": reconcile.lookback}
        polls.append(GapPoll(prometheus, alertmanagers, store, recorder, options, source=source, **times))
    if prometheus is not None:
        onset = settings.onset
        polls.append(
            StartTimePoll(prometheus, store, recorder, query=onset.query, lookback=onset.lookback, source=source)
        )
    if alertmanagers:
        quiet_times = {"quiet": min(QUIET, settings.stale_after / 2), "lookback": reconcile.lookback}
        polls.append(QuietIncidentPoll(alertmanagers, prometheus, store, recorder, source=source, **quiet_times))
    if alertmanagers and (people := people_of(settings)):
        polls.append(SilencePoll(alertmanagers, store, recorder, people, source=source))
    return Poller(polls, clock, interval)


def people_of(settings: Settings) -> People | None:
    """Return whose silences count as acknowledgements; None: nobody's."""
    keys = settings.silences
    return People(authors=keys.authors, machines=keys.machines) if keys.acknowledge else None


def prometheus_of(settings: Settings) -> PrometheusApi | None:
    """Return the client of the configured Prometheus, if any."""
    keys = settings.prometheus
    if keys.url is None:
        return None
    token = keys.token.get_secret_value() if keys.token else None
    return PrometheusApi(JsonApi(keys.url, token=token, ca_file=keys.ca_file, timeout=keys.timeout))


def alertmanagers_of(settings: Settings) -> list[AlertmanagerApi]:
    """Return a client for each configured Alertmanager."""
    keys = settings.alertmanager
    token = keys.token.get_secret_value() if keys.token else None
    return [AlertmanagerApi(JsonApi(url, token=token, ca_file=keys.ca_file, timeout=keys.timeout)) for url in keys.urls]
