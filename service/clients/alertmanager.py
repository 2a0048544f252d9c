"""Alertmanager's HTTP API (version 2): alerts and silences."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter

from service.clients.http import JsonApi
from service.domain.silences import Matcher, Silence, made_at


@dataclass(frozen=True, slots=True)
class AlertmanagerAlert:
    """An alert that is firing now, silenced or not."""

    fingerprint: str
    starts_at: datetime
    labels: Mapping[str, str]


class _MatcherJson(BaseModel):
    name: str
    value: str
    is_regex: Annotated[bool, Field(alias="isRegex")]
    is_equal: Annotated[bool, Field(alias="isEqual")] = True


class _SilenceJson(BaseModel):
    id: str
    created_by: str = Field(default="", alias="createdBy")
    starts_at: AwareDatetime = Field(alias="startsAt")
    ends_at: AwareDatetime = Field(alias="endsAt")
    updated_at: AwareDatetime = Field(alias="updatedAt")
    matchers: list[_MatcherJson]


class _AlertJson(BaseModel):
    fingerprint: str
    labels: dict[str, str]
    starts_at: AwareDatetime = Field(alias="startsAt")


_SILENCES = TypeAdapter(list[_SilenceJson])
_ALERTS = TypeAdapter(list[_AlertJson])


class AlertmanagerApi:
    """Client of one Alertmanager. Every method raises RequestFailed."""

    def __init__(self, api: JsonApi) -> None:
        self._api = api

    def silences(self) -> list[Silence]:
        """Return all silences, including expired ones that Alertmanager still keeps."""
        return [_silence(silence) for silence in self._api.validated(_SILENCES, self._api.get("/api/v2/silences"))]

    def alerts(self) -> list[AlertmanagerAlert]:
        """Return the alerts that are firing now, including silenced and inhibited ones."""
        alerts = self._api.validated(_ALERTS, self._api.get("/api/v2/alerts"))
        return [AlertmanagerAlert(a.fingerprint, a.starts_at.astimezone(UTC), a.labels) for a in alerts]


def _silence(silence: _SilenceJson) -> Silence:
    return Silence(
        id=silence.id,
        made_at=made_at(silence.starts_at, silence.updated_at).astimezone(UTC),
        author=silence.created_by,
        sets=(tuple(Matcher(m.name, m.value, m.is_regex, m.is_equal) for m in silence.matchers),),
        starts_at=silence.starts_at.astimezone(UTC),
        ends_at=silence.ends_at.astimezone(UTC),
    )
