"""Applying a plan to Grafana: the folder first, then one dashboard after the other.

Grafana caches permissions for up to a minute: a new folder, or a new role, may not have taken effect yet.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from service.clients.errors import RequestFailed
from service.clients.grafana.access import Rights
from service.clients.grafana.dashboards import AlreadyExists, Dashboards
from service.provisioning.dashboards import PlannedDashboard, save
from service.provisioning.permissions import MAKE_FOLDER, missing_for_dashboards

SECONDS = 3.0
TRIES = 30
"""Together a minute and a half."""


@dataclass(slots=True)
class Provisioner:
    """One run. `notify` is called with a sentence when it has to wait; `refused` collects the dashboards that could not
    be saved, each with the reason. Every method raises RequestFailed.
    """

    dashboards: Dashboards
    rights: Rights
    folder_uid: str
    notify: Callable[[str], None]
    sleep: Callable[[float], None]
    refused: dict[str, str] = field(default_factory=dict)
    _folder_created: bool = False
    _has_notified: bool = False

    def make_folder(self, title: str) -> None:
        """Create the folder. Raises `AlreadyExists` if its uid or title is in use by one that is not visible."""
        self._retry(partial(self.dashboards.make_folder, self.folder_uid, title), self._may_make_folder)
        self._folder_created = True

    def apply(self, planned: Sequence[PlannedDashboard]) -> None:
        """Save the planned dashboards; one that cannot be saved is added to `refused`."""
        for dashboard in planned:
            try:
                self._retry(partial(save, dashboard, self.dashboards, self.folder_uid), self._may_save)
            except AlreadyExists as error:
                self.refused[dashboard.uid] = str(error)

    def _retry(self, do: Callable[[], None], is_granted: Callable[[], bool]) -> None:
        for _ in range(TRIES):
            try:
                return do()
            except RequestFailed as error:
                if error.status != 403 or not is_granted():
                    raise
            if not self._has_notified:
                self.notify("Grafana caches permissions for up to a minute; waiting for them to take effect …")
            self._has_notified = True
            self.sleep(SECONDS)
        return do()

    def _may_make_folder(self) -> bool:
        return MAKE_FOLDER in (self.rights.permissions() or {})

    def _may_save(self) -> bool:
        """Return whether a denial comes only from the cache: the creator of a folder may save in it."""
        permissions = self.rights.permissions()
        granted = permissions is not None and not missing_for_dashboards(permissions, self.folder_uid)
        return self._folder_created or granted
