"""Incidents as annotations in Grafana: which annotations there should be, and how to have exactly one of each.

Grafana's POST is not idempotent. So an annotation is created only if it cannot exist: after an attempt with an unknown
result it is searched for by its key first, and adopted if it exists.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from service.clients.errors import Reason, RequestFailed
from service.clients.grafana import Annotations, GrafanaAnnotation
from service.delivery.grafana_inventory import Inventory
from service.delivery.grafana_tags import TagMaker
from service.delivery.receiver import DeliveryPlan, LeaseLost
from service.domain.incident import Incident
from service.domain.policy import Severity
from service.render.annotation_texts import View
from service.render.annotations import Annotation, annotations_of, duplicate, retired_annotation
from service.render.item_keys import ItemKey, OutboxKind
from service.store.outbox_rows import Claim, OutboxIncident, PlannedRow

GRAFANA = "grafana"


@dataclass(frozen=True, slots=True)
class DashboardCopies:
    """A dashboard that shows copies of annotations; no severities mean all, and all `labels` must match: each the
    label that all alerts share, or the incident's value of that dimension.
    """

    dashboard_uid: str
    severities: frozenset[Severity] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)

    def includes(self, incident: Incident) -> bool:
        """Return whether the dashboard shows the incident."""
        in_severity = not self.severities or incident.severity in self.severities
        return in_severity and all(
            value in (incident.labels.get(name), incident.dimensions.get(name)) for name, value in self.labels.items()
        )


@dataclass
class GrafanaReceiver:
    """Shows incidents in Grafana. `inventory`: what existed when a resync began, which saves a search for each.

    `close` closes the connections.
    """

    annotations: Annotations
    view: View
    copies: Sequence[DashboardCopies] = ()
    close: Callable[[], None] = lambda: None
    inventory: Inventory | None = None
    name: str = GRAFANA
    _tags: TagMaker = field(init=False)

    def __post_init__(self) -> None:
        """Create missing tags for updates."""
        self._tags = TagMaker(self.annotations)

    def plan(self, claim: Claim, incident: OutboxIncident | None, now: datetime) -> DeliveryPlan:
        """Return what an annotation should be; with the region of an incident, plan the points that it needs."""
        if incident is None:
            return DeliveryPlan()
        history = incident.history
        dashboard_uids = [c.dashboard_uid for c in self.copies if c.includes(history.incident)]
        annotations = annotations_of(history, dashboard_uids, self.view, now)
        key = claim.key
        annotation = annotations.get(key) or retired_annotation(history, key, self.view)
        is_region = key.kind is OutboxKind.INCIDENT and not key.dashboard_uid
        planned = self._outdated(incident, annotations, key) if is_region else ()
        return DeliveryPlan(annotation.digest, planned, partial(self._send, claim, annotation))

    def _outdated(
        self, incident: OutboxIncident, annotations: Mapping[ItemKey, Annotation], region: ItemKey
    ) -> tuple[PlannedRow, ...]:
        """Return the rows besides the region whose annotations are outdated or do not exist yet."""
        history = incident.history
        digests = {row.key: row.digest for row in incident.rows}
        keys = {key for key in digests if _belongs_to(key, region, history.incident)}
        if region.incident_id == history.incident.id:
            keys |= annotations.keys()
        outdated = [
            key
            for key in (*annotations, *digests)
            if key in keys
            and key != region
            and digests.get(key) != (annotations.get(key) or retired_annotation(history, key, self.view)).digest
        ]
        return tuple(map(PlannedRow, dict.fromkeys(outdated)))

    def _send(self, claim: Claim, annotation: Annotation, is_still_claimed: Callable[[], bool]) -> int | None:
        """Ensure that Grafana has exactly this annotation, and return its id; None: none is needed.

        A token that may not write to one dashboard may still write to others.
        """
        try:
            return self._ensure(claim, annotation, is_still_claimed)
        except RequestFailed as error:
            if claim.key.dashboard_uid and error.reason is Reason.FORBIDDEN:
                raise RequestFailed(str(error), error.reason, permanent=True) from error
            raise

    def _ensure(self, claim: Claim, annotation: Annotation, is_still_claimed: Callable[[], bool]) -> int | None:
        if self.inventory is not None and claim.remote_id is None:
            annotation_id = self.inventory.id_of(annotation)
            if annotation_id is not None:
                return annotation_id
        current = self._find(claim, annotation)
        if current is not None:
            self._update(current, annotation)
            return current.id
        if annotation.retired:
            return None
        uid = claim.key.dashboard_uid
        if uid and not self.annotations.has_dashboard(uid):
            msg = f"Grafana has no dashboard {uid!r} that is visible to the token"
            raise RequestFailed(msg, Reason.REJECTED, permanent=True)
        if not is_still_claimed():
            raise LeaseLost
        return self.annotations.add(annotation, uid or None)

    def _find(self, claim: Claim, annotation: Annotation) -> GrafanaAnnotation | None:
        """Return the annotation, by its id if that still has our key, else by its key; duplicates are hidden."""
        if claim.remote_id is not None:
            current = self.annotations.get(claim.remote_id)
            if current is not None and current.key == annotation.key:
                return current
        elif not claim.attempts or self._is_missing(claim, annotation):
            return None
        matches = self.annotations.find(annotation.key)
        for other in matches[1:]:
            self._patch(other, duplicate(annotation))
        return matches[0] if matches else None

    def _is_missing(self, claim: Claim, annotation: Annotation) -> bool:
        """Return whether a resync may create it without a search: it did not exist, and there was no attempt since it
        was enqueued, which counts as one.
        """
        return self.inventory is not None and claim.attempts == 1 and self.inventory.is_absent(annotation.key)

    def _update(self, current: GrafanaAnnotation, annotation: Annotation) -> None:
        """Change an annotation if it differs, and read it back: some versions keep or lose the end on a PATCH."""
        if current.shows(annotation):
            return
        self._patch(current, annotation)
        if self._spans(current.id, annotation):
            return
        self.annotations.put(current.id, annotation)
        if not self._spans(current.id, annotation):
            msg = f"Grafana does not keep the times of annotation {current.id}"
            raise RequestFailed(msg, Reason.REJECTED, permanent=True)

    def _patch(self, current: GrafanaAnnotation, annotation: Annotation) -> None:
        self._tags.prepare(current.tags, annotation)
        self.annotations.patch(current.id, annotation)

    def _spans(self, annotation_id: int, annotation: Annotation) -> bool:
        current = self.annotations.get(annotation_id)
        return current is not None and current.spans(annotation)


def _belongs_to(key: ItemKey, region: ItemKey, incident: Incident) -> bool:
    """Return whether a row is updated along with a region: with that of `incident`, all rows of the incidents merged
    into it, except their regions, which are enqueued on their own.
    """
    if region.incident_id == incident.id:
        return key.incident_id == region.incident_id or key.kind is not OutboxKind.INCIDENT
    return key.incident_id == region.incident_id and key.kind is OutboxKind.INCIDENT
