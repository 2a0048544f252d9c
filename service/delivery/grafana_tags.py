"""Tags of an update, created beforehand if Grafana cannot create a tag during an update.

Up to 10.0 on SQLite it creates a tag over a second connection, which waits for the lock that the update holds; after
five seconds it answers 500, on every attempt. A POST creates tags on every Grafana.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from service.clients.grafana import Annotations
from service.render.annotations import COPY_TAG, TAG, VOCABULARY, Annotation, tag_carrier


@dataclass(frozen=True, slots=True)
class TagMaker:
    """Creates missing tags. A process usually needs a single annotation for that: it carries every tag that the states,
    severities and types of incidents need, and no dashboard shows it.
    """

    annotations: Annotations
    _existing: set[str] = field(init=False, default_factory=lambda: {TAG, COPY_TAG})

    def prepare(self, before: Collection[str], update: Annotation) -> None:
        """Create every tag that an update adds to an annotation with the tags `before`."""
        added = set(update.tags).difference(before, self._existing)
        if not added or not self.annotations.needs_tags_first():
            return
        missing = {tag for tag in added if not self.annotations.has_tag(tag)}
        if missing:
            self.annotations.add(tag_carrier(missing, update.starts_at))
            self._existing.update(VOCABULARY)
        self._existing.update(added)
