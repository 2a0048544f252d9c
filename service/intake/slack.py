"""What Slack sends when a person does something, signed or over Socket Mode. Raises only PayloadError."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from html import unescape
from typing import Any, Literal
from urllib.parse import parse_qsl

from pydantic import Field, TypeAdapter

from service.domain.incident_ids import PUBLIC_ID
from service.intake.reasons import Failure
from service.intake.wire import PayloadError, WireModel, checked, invalid, read_json, unix_instant
from service.render.buttons import ACTION_PREFIX

_MAX_FIELDS = 50
_INCIDENT = re.compile(PUBLIC_ID + r"(?: (.*))?", re.ASCII | re.DOTALL)
_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


class SlackTeam(WireModel):
    """A workspace."""

    id: str


class SlackUser(WireModel):
    """The person, by the name that they have in the workspace."""

    id: str
    username: str = ""


class SlackOption(WireModel):
    """An option of a menu."""

    value: str


class SlackAction(WireModel):
    """The element that was used, and when."""

    action_id: str
    action_ts: str = Field(pattern=r"^[0-9]{1,12}(\.[0-9]{1,9})?$")
    value: str = ""
    selected_option: SlackOption | None = None


class SlackMessage(WireModel):
    """The message with the button."""

    text: str = ""
    blocks: list[dict[str, Any]] = Field(default=[])


class BlockActions(WireModel):
    """A payload of the type `block_actions`; it has one action."""

    type: Literal["block_actions"]
    team: SlackTeam | None = None
    user: SlackUser
    actions: list[SlackAction] = Field(min_length=1, max_length=1)
    response_url: str = ""
    message: SlackMessage | None = None


class SlashCommand(WireModel):
    """The fields of a command. Slack sends each once more if it is not sure, with the same `trigger_id`."""

    command: str
    text: str = ""
    team_id: str = ""
    user_id: str
    user_name: str = ""
    trigger_id: str = Field(min_length=1)
    response_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command: its first word in lower case, and the rest. `command_id` is its own, also if it is sent again."""

    verb: str
    rest: str
    user: str
    team: str
    response_url: str
    command_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A press on a button of ours at `at`: what it reports, about which incident. `rest` is what else it carries.

    `user` is the person's name in the workspace, `value` all that the button carries, `message` the one that it is in.
    `press_id` is the same for every press on the same button.
    """

    action: str
    incident_id: int
    rest: str
    at: datetime
    user: str
    team: str
    response_url: str
    press_id: str
    value: str
    message: SlackMessage


def read_form(body: bytes) -> dict[str, Any]:
    """Return the payload in the body of a signed request, which is a form."""
    try:
        form: dict[str, Any] = dict(
            parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=_MAX_FIELDS)
        )
    except ValueError:
        raise PayloadError(Failure.INVALID_PAYLOAD, "The body is no form, which Slack sends.") from None
    return read_json(_OBJECT, form["payload"].encode()) if "payload" in form else form


def read_press(payload: Mapping[str, Any], now: datetime) -> Press:
    """Return the press in a payload."""
    read = checked(BlockActions, payload)
    action = read.actions[0]
    path = ("actions", 0)
    if not action.action_id.startswith(ACTION_PREFIX):
        raise invalid("is no button of this service", *path, "action_id")
    value = action.selected_option.value if action.selected_option else action.value
    match = _INCIDENT.fullmatch(value)
    if match is None:
        raise invalid("names no incident", *path, "value")
    name = action.action_id.removeprefix(ACTION_PREFIX).partition(".")[0]
    return Press(
        action=name,
        incident_id=int(match[1]),
        rest=match[2] or "",
        at=unix_instant(float(action.action_ts), now, *path, "action_ts"),
        user=read.user.username or read.user.id,
        team=read.team.id if read.team else "",
        response_url=read.response_url,
        press_id=f"slack-{sha256(f'{name} {value}'.encode()).hexdigest()[:32]}",
        value=value,
        message=read.message or SlackMessage(),
    )


def read_command(payload: Mapping[str, Any]) -> Command:
    """Return the command in a payload; Slack writes `&`, `<` and `>` in its text as entities."""
    read = checked(SlashCommand, payload)
    verb, _, rest = unescape(read.text.replace("\0", "").strip()).partition(" ")
    return Command(
        verb=verb.lower(),
        rest=rest.strip(),
        user=read.user_name or read.user_id,
        team=read.team_id,
        response_url=read.response_url,
        command_id=f"slack-{sha256(read.trigger_id.encode()).hexdigest()[:32]}",
    )
