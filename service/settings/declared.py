"""The section of declared sources: which field of a sender's bodies says what. The expressions are not read here."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from service.domain.policy import Severity
from service.settings.credentials import require_at_most_one
from service.settings.inbound import Header, Secrets
from service.settings.section import SettingsSection, problem_at
from service.settings.values import LabelName, Zone

Auth = Literal["token", "hmac", "standard-webhooks"]
EventRuleKind = Literal[
    "firing",
    "started",
    "detected",
    "acknowledged",
    "mitigated",
    "resolved",
    "reopened",
    "dismissed",
    "severity_changed",
    "note",
    "postmortem_drafted",
    "postmortem_finalized",
]


def _words(value: object) -> object:
    """Return one word, or several, as they are compared: texts in lower case."""
    words = value if isinstance(value, list) else [value]
    if not words or any(isinstance(word, bool) or not isinstance(word, str | int) for word in words):
        raise ValueError("should be a word or a number, or a list of them; put true, false, yes and no in quotes")
    return tuple(str(word).casefold() for word in words)


def _source_name(name: str) -> str:
    if not re.fullmatch("[a-z][a-z0-9_]{0,22}", name):
        raise ValueError("should consist of 1 to 23 characters from a-z, 0-9 and _, and begin with a letter")
    return name


def _lower(value: object) -> object:
    return {str(word).casefold(): severity for word, severity in value.items()} if isinstance(value, dict) else value


class _ShownAsSet(SettingsSection):
    """A section that is shown with the keys that are set."""

    @model_serializer(mode="wrap")
    def _only_what_is_set(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        names = {
            field.alias or name for name, field in type(self).model_fields.items() if name in self.model_fields_set
        }
        return {name: value for name, value in handler(self).items() if name in names}


class EventRuleSettings(_ShownAsSet):
    """Which bodies report an event of one kind, and when it happened."""

    kind: EventRuleKind
    is_: Annotated[tuple[str, ...], BeforeValidator(_words)] | None = Field(None, alias="is")
    when: str | None = None
    at: str
    since: str | None = None
    automated: str | None = None
    text: str | None = None


class DeclaredSourceSettings(_ShownAsSet):
    """One declared source. What is left out is that of the shipped declaration with its name."""

    about: str | None = None
    auth: Auth | None = None
    secrets: Secrets | None = None
    secrets_file: Path | None = None
    header: Header | None = None
    prefix: str | None = None
    timestamp_prefix: str | None = None
    separator: str | None = None
    event: str | None = None
    when: str | None = None
    subject: str | None = None
    key: str | None = None
    title: str | None = None
    severity: str | None = None
    severities: Annotated[dict[str, Severity], BeforeValidator(_lower)] = Field(default={})
    labels: dict[LabelName, str] = Field(default={})
    alias: str | None = None
    timezone: Zone | None = None
    events: tuple[EventRuleSettings, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        require_at_most_one(self, "secrets", "secrets_file")
        kinds = {rule.kind for rule in self.events}
        if "firing" in kinds and kinds - {"firing", "resolved"}:
            raise problem_at("events", "either firing and resolved, for alerts, or the events of incidents; not both")
        return self


DeclaredSources = Annotated[
    dict[
        Annotated[str, AfterValidator(_source_name)],
        Annotated[DeclaredSourceSettings, BeforeValidator(lambda value: {} if value is None else value)],
    ],
    BeforeValidator(lambda value: {} if value is None else value),
]
"""Declared sources by name; one without any key is the shipped declaration of that name."""
