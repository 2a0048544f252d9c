"""Planning which bundled dashboards to save in Grafana, without overwriting edited ones.

Saved dashboards have the digest of their content in the version message. A dashboard whose latest version has no such
message was edited, or was not saved by this service. `provisioner` applies the plan.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import blake2b
from importlib.resources.abc import Traversable
from typing import Any

from service.clients.grafana.dashboards import Dashboards, StoredDashboard

_MESSAGE = re.compile(r"mttx-exporter provision ([0-9a-f]{16})\b")
_SET_BY_GRAFANA = ("id", "version", "iteration", "gnetId")


class DashboardState(StrEnum):
    """How a dashboard in Grafana compares to the bundled one."""

    MISSING = "missing"
    CURRENT = "current"
    OUTDATED = "outdated"
    EDITED = "edited"
    FROM_FILE = "from file"


class DashboardAction(StrEnum):
    """What to do about it."""

    CREATE = "create"
    UPDATE = "update"
    OVERWRITE = "overwrite"
    NOTHING = "nothing"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class LastEdit:
    """Who last edited a dashboard (Grafana's login), and when, if Grafana reports it."""

    by: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class PlannedDashboard:
    """One dashboard: its state and what to do. `current` is what Grafana has."""

    model: Mapping[str, Any]
    state: DashboardState
    action: DashboardAction
    current: StoredDashboard | None

    @property
    def uid(self) -> str:
        """The dashboard's uid."""
        return str(self.model["uid"])

    @property
    def title(self) -> str:
        """The dashboard's title."""
        return str(self.model["title"])

    @property
    def edited(self) -> LastEdit | None:
        """Who edited it last, and when; None if it was not edited."""
        if self.state is not DashboardState.EDITED or self.current is None:
            return None
        return LastEdit(self.current.updated_by or "an unknown user", _instant(self.current.updated_at))


def models(folder: Traversable) -> list[dict[str, Any]]:
    """Read the bundled dashboards, in the order of their names."""
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".json")), key=lambda f: f.name)
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def plan(bundled: Iterable[Mapping[str, Any]], dashboards: Dashboards, *, force: bool) -> Iterator[PlannedDashboard]:
    """Compare each dashboard with what Grafana has; nothing is changed."""
    for model in bundled:
        current = dashboards.dashboard(str(model["uid"]))
        state = state_of(model, current)
        yield PlannedDashboard(model, state, _action(state, force=force), current)


def save(planned: PlannedDashboard, dashboards: Dashboards, folder_uid: str) -> None:
    """Create or update one dashboard as planned; one that was moved to another folder stays there.

    Raises RequestFailed, and `AlreadyExists` if it was saved concurrently.
    """
    if planned.action in (DashboardAction.NOTHING, DashboardAction.REFUSE):
        return
    current = planned.current
    identity = {"id": None} if current is None else {"id": current.model.get("id"), "version": current.version}
    dashboards.save(
        {**planned.model, **identity},
        folder_uid if current is None else current.folder_uid,
        f"mttx-exporter provision {digest_of(planned.model)}",
        overwrite=planned.action is DashboardAction.OVERWRITE,
    )


def state_of(model: Mapping[str, Any], current: StoredDashboard | None) -> DashboardState:
    """Return how a dashboard in Grafana compares to the bundled one."""
    if current is None:
        return DashboardState.MISSING
    saved = _MESSAGE.search(current.message or "")
    if (saved and saved[1] == digest_of(model)) or digest_of(current.model) == digest_of(model):
        return DashboardState.CURRENT
    if current.from_file:
        return DashboardState.FROM_FILE
    return DashboardState.OUTDATED if saved else DashboardState.EDITED


def digest_of(model: Mapping[str, Any]) -> str:
    """Return sixteen hexadecimal digits of the content, without what Grafana adds."""
    content = {key: value for key, value in model.items() if key not in _SET_BY_GRAFANA}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo and at.year > 1 else None


def _action(state: DashboardState, *, force: bool) -> DashboardAction:
    match state:
        case DashboardState.MISSING:
            return DashboardAction.CREATE
        case DashboardState.CURRENT:
            return DashboardAction.NOTHING
        case DashboardState.OUTDATED:
            return DashboardAction.UPDATE
        case DashboardState.EDITED:
            return DashboardAction.OVERWRITE if force else DashboardAction.REFUSE
        case DashboardState.FROM_FILE:
            return DashboardAction.REFUSE
