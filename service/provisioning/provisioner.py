"""Installing the bundled dashboards: the plan, then the folder, then one dashboard after the other.

Grafana caches permissions for up to a minute: a new folder, or a new role, may not have taken effect yet.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial

from service.clients.errors import RequestFailed
from service.clients.grafana.access import Rights
from service.clients.grafana.connection import Connection
from service.clients.grafana.dashboards import AlreadyExists, Dashboards
from service.provisioning.bundled import bundled
from service.provisioning.dashboards import DashboardAction, models, plan, save
from service.provisioning.filters import with_filters
from service.provisioning.permissions import MAKE_FOLDER, missing_for_dashboards

SECONDS = 3.0
TRIES = 30
"""Together a minute and a half."""
HIDDEN = "already exists, but the token may not see it: give the service account rights to it, or delete it"
_CONCURRENT = "was saved by someone else in the meantime; run it again"


class Provisioner:
    """One run; compares the bundled dashboards with Grafana when created, and changes nothing until `apply`.

    `labels` are the dimensions by which tables of incidents can be filtered.
    `refused` are the dashboards that could not be saved, each with the reason. Every method raises RequestFailed.
    """

    def __init__(self, connection: Connection, folder_uid: str, labels: Sequence[str], *, force: bool) -> None:
        self._dashboards = Dashboards(connection)
        self._rights = Rights(connection)
        self._folder_uid = folder_uid
        adapted = [with_filters(model, labels) for model in models(bundled("dashboards"))]
        self.steps = list(plan(adapted, self._dashboards, force=force))
        has_folder = self._dashboards.folder(folder_uid) is not None
        self.creates_folder = not has_folder and any(step.action is DashboardAction.CREATE for step in self.steps)
        self.refused: dict[str, str] = {}

    @property
    def is_complete(self) -> bool:
        """Whether every dashboard matches, or would match, the bundled one."""
        return not self.refused and all(step.action is not DashboardAction.REFUSE for step in self.steps)

    def apply(self, folder_title: str, notify: Callable[[str], None]) -> None:
        """Create the folder and save the dashboards; `notify` gets a sentence if that has to wait.

        Raises `AlreadyExists` if the folder's uid or title is in use by one that is not visible.
        """
        if self.creates_folder:
            make = partial(self._dashboards.make_folder, self._folder_uid, folder_title)
            _once_permitted(make, self._may_make_folder, notify)
        for step in self.steps:
            try:
                _once_permitted(partial(save, step, self._dashboards, self._folder_uid), self._may_save, notify)
            except AlreadyExists as error:
                why = HIDDEN if step.action is DashboardAction.CREATE else _CONCURRENT
                self.refused[step.uid] = f"{why}; {error}"

    def _may_make_folder(self) -> bool:
        return MAKE_FOLDER in (self._rights.permissions() or {})

    def _may_save(self) -> bool:
        """Return whether a denial comes only from the cache: the creator of a folder may save in it."""
        permissions = self._rights.permissions()
        granted = permissions is not None and not missing_for_dashboards(permissions, self._folder_uid)
        return self.creates_folder or granted


def _once_permitted(do: Callable[[], None], is_granted: Callable[[], bool], notify: Callable[[str], None]) -> None:
    """Do it again while Grafana denies what it has granted."""
    for attempt in range(TRIES):
        try:
            return do()
        except RequestFailed as error:
            if error.status != 403 or not is_granted():
                raise
        if not attempt:
            notify("Grafana caches permissions for up to a minute; waiting for them to take effect …")
        time.sleep(SECONDS)
    return do()
