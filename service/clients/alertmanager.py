"""Alertmanager's HTTP API (version 2), as far as we read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter, ValidationError

from service.clients.json_api import AskingFailed, JsonApi
from service.domain.silences import Matcher, Silence, made_at


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """An alert that fires now, silenced or not."""

    fingerprint: str
    starts_at: datetime
    labels: Mapping[str, str]


class _Matcher(BaseModel):
    name: str
    value: str
    is_regex: Annotated[bool, Field(alias="isRegex")]
    is_equal: Annotated[bool, Field(alias="isEqual")] = True


class _Silence(BaseModel):
    id: str
    created_by: str = Field(default="", alias="createdBy")
    starts_at: AwareDatetime = Field(alias="startsAt")
    ends_at: AwareDatetime = Field(alias="endsAt")
    updated_at: AwareDatetime = Field(alias="updatedAt")
    matchers: list[_Matcher]


class _Alert(BaseModel):
    fingerprint: str
    labels: dict[str, str]
    starts_at: AwareDatetime = Field(alias="startsAt")


_SILENCES = TypeAdapter(list[_Silence])
_ALERTS = TypeAdapter(list[_Alert])


class Alertmanager:
    """Reads one Alertmanager. Every method raises AskingFailed."""

    def __init__(self, api: JsonApi) -> None:
        self._api = api

    def silences(self) -> list[Silence]:
        """Return its silences, also those that have ended and are still kept."""
        return [_silence(one) for one in self._as(_SILENCES, self._api.get("/api/v2/silences"))]

    def alerts(self) -> list[ActiveAlert]:
        """Return the alerts that fire now, also those that are silenced or inhibited."""
        found = self._as(_ALERTS, self._api.get("/api/v2/alerts"))
        return [ActiveAlert(one.fingerprint, one.starts_at.astimezone(UTC), one.labels) for one in found]

    def _as(self, adapter: TypeAdapter[Any], value: object) -> Any:
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            raise AskingFailed(f"{self._api.url}: answered in another form than Alertmanager does") from error


def _silence(told: _Silence) -> Silence:
    return Silence(
        id=told.id,
        made_at=made_at(told.starts_at, told.updated_at).astimezone(UTC),
        author=told.created_by,
        sets=(tuple(Matcher(m.name, m.value, m.is_regex, m.is_equal) for m in told.matchers),),
        starts_at=told.starts_at.astimezone(UTC),
        ends_at=told.ends_at.astimezone(UTC),
    )
