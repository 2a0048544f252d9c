"""Bringing the shipped dashboards into Grafana, and never over what somebody made of them.

What we save carries the digest of its content as the message of its version. A dashboard whose latest version carries
no such message was edited, or is somebody else's. `carrying_out` does what is planned here.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import blake2b
from importlib.resources.abc import Traversable
from typing import Any, Protocol

from service.clients.grafana.dashboards import StoredDashboard

_MESSAGE = re.compile(r"mttx-exporter provision ([0-9a-f]{16})\b")
_GRAFANAS_OWN = ("id", "version", "iteration", "gnetId")


class State(StrEnum):
    """How a dashboard in Grafana compares to the shipped one."""

    MISSING = "missing"
    CURRENT = "current"
    OUTDATED = "outdated"
    EDITED = "edited"
    FROM_FILE = "from file"


class Action(StrEnum):
    """What is done about it."""

    CREATE = "create"
    UPDATE = "update"
    OVERWRITE = "overwrite"
    NOTHING = "nothing"
    REFUSE = "refuse"


class Dashboards(Protocol):
    """Grafana's dashboards; every method raises `DeliveryError`."""

    def folder(self, uid: str) -> str | None:
        """Return the title of a folder."""

    def make_folder(self, uid: str, title: str) -> None:
        """Create a folder."""

    def dashboard(self, uid: str) -> StoredDashboard | None:
        """Return a dashboard."""

    def save(self, model: Mapping[str, Any], folder_uid: str, message: str, *, overwrite: bool) -> None:
        """Create or change a dashboard."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Who edited a dashboard (Grafana's login), and when, where Grafana says it."""

    by: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """One dashboard: how it stands and what is to be done. `found` is what Grafana has."""

    model: Mapping[str, Any]
    state: State
    action: Action
    found: StoredDashboard | None

    @property
    def uid(self) -> str:
        """The dashboard's uid."""
        return str(self.model["uid"])

    @property
    def title(self) -> str:
        """The dashboard's title."""
        return str(self.model["title"])

    @property
    def edited(self) -> Edit | None:
        """Who edited it last, and when; None where nobody did."""
        if self.state is not State.EDITED or self.found is None:
            return None
        return Edit(self.found.updated_by or "somebody", _instant(self.found.updated_at))


def models(folder: Traversable) -> list[dict[str, Any]]:
    """Read the shipped dashboards, in the order of their names."""
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".json")), key=lambda f: f.name)
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def plan(shipped: Iterable[Mapping[str, Any]], dashboards: Dashboards, *, force: bool) -> Iterator[Step]:
    """Compare each dashboard with what Grafana has; nothing is changed."""
    for model in shipped:
        found = dashboards.dashboard(str(model["uid"]))
        state = state_of(model, found)
        yield Step(model, state, _action(state, force=force), found)


def save(step: Step, dashboards: Dashboards, folder_uid: str) -> None:
    """Save one dashboard where its step says so; one that somebody moved to another folder stays there.

    Raises `DeliveryError`, and `Taken` where somebody else was faster.
    """
    if step.action in (Action.NOTHING, Action.REFUSE):
        return
    known = {"id": None} if step.found is None else {"id": step.found.model.get("id"), "version": step.found.version}
    dashboards.save(
        {**step.model, **known},
        folder_uid if step.found is None else step.found.folder_uid,
        f"mttx-exporter provision {digest_of(step.model)}",
        overwrite=step.action is Action.OVERWRITE,
    )


def state_of(model: Mapping[str, Any], found: StoredDashboard | None) -> State:
    """Say how a dashboard in Grafana compares to the shipped one."""
    if found is None:
        return State.MISSING
    saved = _MESSAGE.search(found.message or "")
    if (saved and saved[1] == digest_of(model)) or digest_of(found.model) == digest_of(model):
        return State.CURRENT
    if found.from_file:
        return State.FROM_FILE
    return State.OUTDATED if saved else State.EDITED


def digest_of(model: Mapping[str, Any]) -> str:
    """Return sixteen hexadecimal digits that name the content, without what Grafana adds."""
    content = {key: value for key, value in model.items() if key not in _GRAFANAS_OWN}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _instant(written: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo and at.year > 1 else None


def _action(state: State, *, force: bool) -> Action:
    match state:
        case State.MISSING:
            return Action.CREATE
        case State.CURRENT:
            return Action.NOTHING
        case State.OUTDATED:
            return Action.UPDATE
        case State.EDITED:
            return Action.OVERWRITE if force else Action.REFUSE
        case State.FROM_FILE:
            return Action.REFUSE
