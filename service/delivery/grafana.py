"""Incidents as annotations in Grafana: which there are to be, and how to have exactly one of each.

Grafana's POST is not idempotent. So an annotation is created only where none of ours can be there: after an attempt
whose end we did not see it is looked for by its key first, and what is found is adopted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Protocol

from service.clients.delivery import DeliveryError, Reason
from service.clients.grafana import GrafanaAnnotation
from service.delivery.grafana_inventory import Inventory
from service.delivery.grafana_tags import TagMaker
from service.delivery.target import LeaseLost, Plan
from service.domain.incident import Incident
from service.domain.policy import Severity
from service.render.annotation_texts import View
from service.render.annotations import Annotation, draw, duplicate, retire
from service.render.subject import REGION, Item, Subject
from service.store.outbox_rows import Claim, Planned
from service.store.stories import Story

GRAFANA = "grafana"
NOTHING = bytes(16)
"""The digest of what is not shown, because its incident is not there."""


class Annotations(Protocol):
    """Grafana's annotations; every method raises `DeliveryError`."""

    def get(self, annotation_id: int) -> GrafanaAnnotation | None:
        """Read one."""

    def find(self, key: str) -> list[GrafanaAnnotation]:
        """Return those with a key, the oldest first."""

    def add(self, annotation: Annotation, dashboard_uid: str | None = None) -> int:
        """Create one."""

    def patch(self, annotation_id: int, annotation: Annotation) -> None:
        """Change one."""

    def put(self, annotation_id: int, annotation: Annotation) -> None:
        """Replace one."""

    def has_dashboard(self, uid: str) -> bool:
        """Say whether there is such a dashboard."""

    def has_tag(self, tag: str) -> bool:
        """Say whether any annotation has a tag."""

    def needs_tags_first(self) -> bool:
        """Say whether an update may fail on a tag that no annotation had before."""


@dataclass(frozen=True, slots=True)
class Copies:
    """A dashboard that shows incidents besides; no severities mean all, and every one of `labels` must match."""

    dashboard_uid: str
    severities: frozenset[Severity] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)

    def takes(self, incident: Incident) -> bool:
        """Say whether the incident is to be shown there."""
        in_severity = not self.severities or incident.severity in self.severities
        return in_severity and all(incident.labels.get(name) == value for name, value in self.labels.items())


class GrafanaTarget:
    """Shows incidents in Grafana. `inventory`: what was there when a resync began, which spares looking for each."""

    name = GRAFANA

    def __init__(
        self,
        annotations: Annotations,
        view: View,
        copies: Sequence[Copies] = (),
        close: Callable[[], None] = lambda: None,
        inventory: Inventory | None = None,
    ) -> None:
        self._annotations = annotations
        self._tags = TagMaker(annotations)
        self._view = view
        self._copies = copies
        self._inventory = inventory
        self.close = close

    def plan(self, claim: Claim, story: Story | None, now: datetime) -> Plan:
        """Say what an annotation is to become; with the region of an incident come the points that it needs."""
        if story is None:
            return Plan(NOTHING)
        subject = Subject(incident=story.incident, told=story.told, episodes=story.episodes, opened_at=story.opened_at)
        drawn = draw(subject, [c.dashboard_uid for c in self._copies if c.takes(story.incident)], self._view, now)
        item = Item(claim.incident_id, claim.item, claim.place)
        annotation = drawn.get(item) or retire(subject, item, self._view)
        whole = item.name == REGION and not item.place
        planned = self._outdated(subject, story, drawn, item) if whole else ()
        return Plan(annotation.digest, planned, partial(self._send, claim, annotation))

    def _outdated(
        self, subject: Subject, story: Story, drawn: Mapping[Item, Annotation], whole: Item
    ) -> tuple[Planned, ...]:
        """Return the rows besides the region that show something else than they should, or nothing yet."""
        known = {Item(k.incident_id, k.item, k.place): k.digest for k in story.known}
        ours = {i for i in known if _is_told_with(i, whole, subject)}
        theirs = {i for i in drawn if whole.incident_id == subject.incident.id}
        outdated = [
            item
            for item in (*drawn, *known)
            if item in ours | theirs
            and item != whole
            and known.get(item) != (drawn.get(item) or retire(subject, item, self._view)).digest
        ]
        return tuple(Planned(i.incident_id, i.name, i.place) for i in dict.fromkeys(outdated))

    def _send(self, claim: Claim, annotation: Annotation, still_ours: Callable[[], bool]) -> int | None:
        """Have the annotation over there as it should be, once, and return its id; None: none is needed.

        Who may not write on one dashboard may still write on others.
        """
        try:
            return self._ensure(claim, annotation, still_ours)
        except DeliveryError as error:
            if claim.place and error.reason is Reason.FORBIDDEN:
                raise DeliveryError(error.reason, str(error), permanent=True) from error
            raise

    def _ensure(self, claim: Claim, annotation: Annotation, still_ours: Callable[[], bool]) -> int | None:
        if self._inventory is not None and claim.remote_id is None:
            same = self._inventory.id_of(annotation)
            if same is not None:
                return same
        there = self._find(claim, annotation)
        if there is not None:
            self._bring_to(there, annotation)
            return there.id
        if annotation.retired:
            return None
        if claim.place and not self._annotations.has_dashboard(claim.place):
            raise DeliveryError(
                Reason.REJECTED, f"Grafana has no dashboard {claim.place!r} that the token may see", permanent=True
            )
        if not still_ours():
            raise LeaseLost
        return self._annotations.add(annotation, claim.place or None)

    def _find(self, claim: Claim, annotation: Annotation) -> GrafanaAnnotation | None:
        """Return our annotation, by its id where the id is still ours, else by its key; second copies are hidden."""
        if claim.remote_id is not None:
            there = self._annotations.get(claim.remote_id)
            if there is not None and there.key == annotation.key:
                return there
        elif not claim.attempts or self._is_missing(claim, annotation):
            return None
        found = self._annotations.find(annotation.key)
        for other in found[1:]:
            self._patch(other, duplicate(annotation))
        return found[0] if found else None

    def _is_missing(self, claim: Claim, annotation: Annotation) -> bool:
        """Say whether a resync may create it without looking: it was not there, and nobody has tried to since it was
        marked, which counts as one attempt.
        """
        return self._inventory is not None and claim.attempts == 1 and self._inventory.lacks(annotation.key)

    def _bring_to(self, there: GrafanaAnnotation, annotation: Annotation) -> None:
        """Change an annotation where it differs, and read it back: some versions keep or lose the end at a PATCH."""
        if there.shows(annotation):
            return
        self._patch(there, annotation)
        if self._spans(there.id, annotation):
            return
        self._annotations.put(there.id, annotation)
        if not self._spans(there.id, annotation):
            msg = f"Grafana does not keep the times of annotation {there.id}"
            raise DeliveryError(Reason.REJECTED, msg, permanent=True)

    def _patch(self, there: GrafanaAnnotation, annotation: Annotation) -> None:
        self._tags.prepare(there.tags, annotation)
        self._annotations.patch(there.id, annotation)

    def _spans(self, annotation_id: int, annotation: Annotation) -> bool:
        there = self._annotations.get(annotation_id)
        return there is not None and there.spans(annotation)


def _is_told_with(item: Item, whole: Item, subject: Subject) -> bool:
    """Say whether a row is brought up to date with this region: all of a family with the region of the incident that
    absorbed the others, but for the regions of those, which have marks of their own.
    """
    if whole.incident_id == subject.incident.id:
        return item.incident_id == whole.incident_id or item.name != REGION
    return item.incident_id == whole.incident_id and item.name == REGION
