"""Carrying out a plan in Grafana: the folder first, then dashboard after dashboard.

Grafana caches rights for up to a minute: a folder that was just made, or a role that was just given, may not count yet.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from service.clients.grafana.dashboards import AlreadyExists
from service.clients.grafana.failures import Forbidden
from service.provisioning.dashboards import Dashboards, Step, save
from service.provisioning.permissions import MAKE_FOLDER, Permissions, missing_for_dashboards

SECONDS = 3.0
TRIES = 30
"""Together a minute and a half."""


class Rights(Protocol):
    """What we may; raises `DeliveryError`."""

    def permissions(self) -> Permissions | None:
        """Return the actions that are allowed now, None where Grafana does not say."""


@dataclass(slots=True)
class Provisioning:
    """One run. `say` is given a sentence when it has to wait; `refused` gets the dashboards that could not be saved,
    each with the reason. Every method raises `DeliveryError`.
    """

    dashboards: Dashboards
    rights: Rights
    folder_uid: str
    say: Callable[[str], None]
    sleep: Callable[[float], None]
    refused: dict[str, str] = field(default_factory=dict)
    _made: bool = False
    _waited: bool = False

    def make_folder(self, title: str) -> None:
        """Create the folder. Raises `Taken` where its uid or title is in use, out of our sight."""
        self._patiently(partial(self.dashboards.make_folder, self.folder_uid, title), self._may_make_folder)
        self._made = True

    def carry_out(self, steps: Sequence[Step]) -> None:
        """Save what is to be saved; one dashboard that cannot be is noted and keeps none of the others."""
        for step in steps:
            try:
                self._patiently(partial(save, step, self.dashboards, self.folder_uid), self._may_save)
            except AlreadyExists as error:
                self.refused[step.uid] = str(error)

    def _patiently(self, do: Callable[[], None], is_granted: Callable[[], bool]) -> None:
        for _ in range(TRIES):
            try:
                return do()
            except Forbidden:
                if not is_granted():
                    raise
            if not self._waited:
                self.say("Grafana caches rights for up to a minute; waiting until it lets us …")
            self._waited = True
            self.sleep(SECONDS)
        return do()

    def _may_make_folder(self) -> bool:
        return MAKE_FOLDER in (self.rights.permissions() or {})

    def _may_save(self) -> bool:
        """Say whether it is the cache that forbids it: whoever makes a folder may save in it."""
        permissions = self.rights.permissions()
        granted = permissions is not None and not missing_for_dashboards(permissions, self.folder_uid)
        return self._made or granted
