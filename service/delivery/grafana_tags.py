"""Tags that an update may bring, made beforehand where Grafana cannot make a tag during an update.

Up to 10.0 on SQLite it makes a tag over a second connection, which waits for the lock that the update holds; after five
seconds it answers 500, as often as it is asked. A POST makes tags on every Grafana.
"""

from collections.abc import Collection
from typing import Protocol

from service.render.annotations import COPY_TAG, TAG, VOCABULARY, Annotation, tag_carrier


class Annotations(Protocol):
    """Grafana's annotations; every method raises `DeliveryError`."""

    def needs_tags_first(self) -> bool:
        """Say whether an update may fail on a tag that no annotation had before."""

    def has_tag(self, tag: str) -> bool:
        """Say whether any annotation has a tag."""

    def add(self, annotation: Annotation, dashboard_uid: str | None = None) -> int:
        """Create an annotation."""


class TagMaker:
    """Sees to it that tags are there. At most one annotation is made for all that a process updates, as a rule: it
    carries every tag that the states, severities and types of incidents need, and no dashboard shows it.
    """

    def __init__(self, annotations: Annotations) -> None:
        self._annotations = annotations
        self._there: set[str] = {TAG, COPY_TAG}

    def prepare(self, before: Collection[str], update: Annotation) -> None:
        """Have every tag made that an update of an annotation with the tags `before` brings."""
        brought = set(update.tags).difference(before, self._there)
        if not brought or not self._annotations.needs_tags_first():
            return
        missing = {tag for tag in brought if not self._annotations.has_tag(tag)}
        if missing:
            self._annotations.add(tag_carrier(missing, update.starts_at))
            self._there |= set(VOCABULARY)
        self._there |= brought
