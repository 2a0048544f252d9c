"""From the configuration to what is asked."""

from collections.abc import Callable
from datetime import datetime, timedelta

from service.clients.alertmanager import AlertmanagerApi
from service.clients.json_api import JsonApi
from service.clients.prometheus import PrometheusApi
from service.domain.silences import People
from service.intake.alertmanager import Reading
from service.polling.gaps import Gaps, Heard
from service.polling.loop import Inquiry, Step
from service.polling.news import News
from service.polling.onset import Onsets
from service.polling.parts import Recorder
from service.polling.silences import Silences
from service.settings import Settings

QUIET = timedelta(hours=1)
"""How long nothing is heard of an open incident before somebody is asked; less where it would be stale before that."""
PAUSE = 4
"""How many rounds may be missing before it is a gap."""


def inquiry_of(
    settings: Settings, store: Heard, recorder: Recorder, reading: Reading, clock: Callable[[], datetime]
) -> Inquiry:
    """Return the thread, not started yet; without addresses to ask it has nothing to do."""
    steps: list[Step] = []
    prometheus, alertmanagers = prometheus_of(settings), alertmanagers_of(settings)
    interval, reconcile = settings.inquiry.interval, settings.reconcile
    if prometheus is not None and reconcile.gaps:
        pause = PAUSE * interval
        times = {"longest_pause": pause, "patience": reconcile.patience, "lookback": reconcile.lookback}
        steps.append(Gaps(prometheus, alertmanagers, store, recorder, reading, **times))
    if prometheus is not None:
        onset = settings.onset
        steps.append(Onsets(prometheus, store, recorder, query=onset.query, lookback=onset.lookback))
    if alertmanagers:
        quiet = min(QUIET, settings.stale_after / 2)
        steps.append(News(alertmanagers, prometheus, store, recorder, quiet=quiet, lookback=reconcile.lookback))
    if alertmanagers and (people := people_of(settings)):
        steps.append(Silences(alertmanagers, store, recorder, people))
    return Inquiry(steps, clock, interval)


def people_of(settings: Settings) -> People | None:
    """Return whose silences acknowledge; None: nobody's."""
    keys = settings.silences
    return People(authors=keys.authors, machines=keys.machines) if keys.acknowledge else None


def prometheus_of(settings: Settings) -> PrometheusApi | None:
    """Return the client of the Prometheus that is configured."""
    keys = settings.prometheus
    if keys.url is None:
        return None
    token = keys.token.get_secret_value() if keys.token else None
    return PrometheusApi(JsonApi(keys.url, token=token, ca_file=keys.ca_file, timeout=keys.timeout))


def alertmanagers_of(settings: Settings) -> list[AlertmanagerApi]:
    """Return a client for each Alertmanager that is configured."""
    keys = settings.alertmanager
    token = keys.token.get_secret_value() if keys.token else None
    return [AlertmanagerApi(JsonApi(url, token=token, ca_file=keys.ca_file, timeout=keys.timeout)) for url in keys.urls]
