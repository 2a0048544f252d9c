"""A dispatcher in a process of its own that is killed at one step: `main(database, grafana, now, step)`.

`step` is `before-` or `after-` and `claim`, `incident` or `complete`; at another one it delivers what there is, unless
somebody else kills it.
"""

import os
import signal
from datetime import datetime

from service.settings.model import Settings
from service.store import Store
from service.wiring.delivery import grafana_dispatcher
from tests.builders import policy
from tests.delivery.site import Counters
from tests.grafana.loopback import TOKEN


class Dying:
    """The outbox, and the end of the process before or after one of its calls."""

    def __init__(self, outbox, step):
        self._outbox = outbox
        self._when, _, self._call = step.partition("-")

    def __getattr__(self, name):
        call = getattr(self._outbox, name)

        def dying(*args):
            if name == self._call and self._when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = call(*args)
            if name == self._call and self._when == "after":
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return dying


def main(database, url, now, step):
    store = Store.beside(database, policy())
    settings = Settings.model_validate({"grafana": {"url": url, "token": TOKEN}})
    clock = datetime.fromisoformat(now)
    dispatcher = grafana_dispatcher(settings, Dying(store.outbox, step), Counters(), lambda: clock)
    while dispatcher.step():
        pass
