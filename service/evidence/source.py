"""What every source of evidence is: something that puts files into a box, and may fail alone."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from service.evidence.subject import Subject
from service.settings.placeholders import MissingLabel, with_labels


class SourceFailed(Exception):
    """The source gave nothing, or no more; the text says why and what to change, and carries no secret."""


class File(Protocol):
    """One file of the archive while it is written. Memory stays small whatever its size."""

    def write(self, data: bytes) -> None:
        """Append bytes; what is beyond the source's bound is left out, and the file marked truncated."""

    def truncated(self, reason: str) -> None:
        """Note that the file lacks something, and why."""

    def clean(self, text: str) -> str:
        """Return a text without what is sensitive, for a file that is `made`; counted with the file."""

    @property
    def full(self) -> bool:
        """Say whether the bound is reached, so that the source can stop reading."""


class Box(Protocol):
    """Where one source puts its files, under a folder of its name in the archive."""

    def text(
        self,
        path: str,
        *,
        query: str | None = None,
        modified_at: datetime | None = None,
        notes: Mapping[str, object] | None = None,
    ) -> AbstractContextManager[File]:
        """Begin a file of UTF-8 text that is redacted line by line on its way into the archive.

        `path` is relative to the source's folder. `query` says how it was asked for; `notes` go into the manifest.
        """

    def verbatim(
        self,
        path: str,
        *,
        query: str | None = None,
        modified_at: datetime | None = None,
        notes: Mapping[str, object] | None = None,
    ) -> AbstractContextManager[File]:
        """Begin a file that is kept byte for byte. Raises SourceFailed unless verbatim files were allowed."""

    def made(
        self,
        path: str,
        *,
        query: str | None = None,
        modified_at: datetime | None = None,
        notes: Mapping[str, object] | None = None,
    ) -> AbstractContextManager[File]:
        """Begin a file of our own making, such as a picture or a table of numbers, that is kept as it is written.

        Whatever texts of others go into it are to pass the file's `clean` first.
        """

    def failed(self, what: str, reason: str) -> None:
        """Note that one part of the source failed (a file, a query) while the others go on."""

    def found(self, name: str, values: frozenset[str]) -> None:
        """Hand what was found to later sources, such as `order_id`."""

    def looked_up(self, name: str) -> frozenset[str]:
        """Return what earlier sources found of that name."""


class Source(Protocol):
    """Collects one kind of evidence. `name` is the folder in the archive and what the manifest calls it."""

    name: str

    def collect(self, subject: Subject, box: Box) -> None:
        """Put what there is of the subject into the box. Raises SourceFailed; what is in the box by then stays."""


def with_incident_labels(query: str, subject: Subject) -> str:
    """Put the incident's labels into a query. Raises SourceFailed where the incident lacks one."""
    try:
        return with_labels(query, subject.labels)
    except MissingLabel as error:
        msg = f"the incident has no label {', '.join(error.names)}, which the query asks for"
        raise SourceFailed(msg) from error
