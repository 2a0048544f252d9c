"""What every source of evidence is: something that writes files into its folder of the archive and fails alone."""

from typing import Protocol

from service.evidence.staging import SourceFailed, SourceFiles
from service.evidence.window import EvidenceWindow
from service.settings.placeholders import MissingLabel, with_labels


class EvidenceSource(Protocol):
    """Collects one kind of evidence. `name` is its folder in the archive and its name in the manifest."""

    name: str

    def collect(self, window: EvidenceWindow, files: SourceFiles) -> None:
        """Write what the source has of the window. Raises SourceFailed; files written before that are kept."""


def with_incident_labels(query: str, window: EvidenceWindow) -> str:
    """Put the incident's labels into a query. Raises SourceFailed if the incident lacks one of them."""
    try:
        return with_labels(query, window.labels)
    except MissingLabel as error:
        msg = f"the incident has no label {', '.join(error.names)}, which the query uses"
        raise SourceFailed(msg) from error
