"""What Slack sends when a person does something."""

import json
from contextlib import suppress
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.intake.reasons import Failure
from service.intake.slack import read_command, read_form, read_press
from service.intake.wire import PayloadError
from tests.builders import at

ACTION = {"type": "button", "action_id": "mttx-acknowledge", "action_ts": "1772442060.000100", "value": "INC-7 3"}
PRESS = {
    "type": "block_actions",
    "team": {"id": "T0123456789", "domain": "example"},
    "user": {"id": "U0", "username": "aiko", "team_id": "T0123456789"},
    "trigger_id": "1.2.3",
    "response_url": "https://hooks.slack.com/actions/T0/1/2",
    "actions": [ACTION],
}


def press(action=(), **changes):
    return read_press({**PRESS, "actions": [{**ACTION, **dict(action)}], **changes}, at(5))


def test_it_reads_a_press():
    read = press()
    assert (read.action, read.incident_id, read.rest) == ("acknowledge", 7, "3")
    assert (read.user, read.team, read.response_url) == ("aiko", "T0123456789", PRESS["response_url"])
    assert read.at.timestamp() == pytest.approx(1772442060.0001)
    option = {"action_id": "mttx-severity", "selected_option": {"text": {}, "value": "INC-7 3 SEV-1"}}
    assert press(option).rest == "3 SEV-1"
    assert press({"value": "INC-7"}).rest == ""


def test_it_reads_a_press_without_what_may_be_missing():
    read = press(team=None, user={"id": "U0"})
    assert (read.user, read.team) == ("U0", "")


def test_a_press_is_known_by_its_button_whoever_pressed_and_when():
    assert press().press_id == press({"action_ts": "1772442061.000100"}, user={"id": "U1"}).press_id
    ids = {press(change).press_id for change in ({}, {"value": "INC-7 4"}, {"action_id": "mttx-resolve"})}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"action_ts": "1772449999.0"}, Failure.FUTURE),
        ({"action_ts": "1.0"}, Failure.INVALID_PAYLOAD),
        ({"action_ts": "-5"}, Failure.INVALID_PAYLOAD),
        ({"action_id": "other"}, Failure.INVALID_PAYLOAD),
        ({"value": "INC-07 1"}, Failure.INVALID_PAYLOAD),
        ({"value": None}, Failure.INVALID_PAYLOAD),
    ],
)
def test_it_refuses_what_it_cannot_read(change, reason):
    with pytest.raises(PayloadError) as caught:
        press(change)
    assert caught.value.reason is reason


def test_it_reads_both_kinds_of_forms():
    assert read_form(urlencode({"payload": json.dumps(PRESS)}).encode()) == PRESS
    assert read_form(b"command=%2Fmttx&text=&team_id=T0") == {"command": "/mttx", "text": "", "team_id": "T0"}


@given(st.binary() | st.builds(lambda text: urlencode({"payload": text}).encode(), st.text()))
def test_it_raises_nothing_else(body):
    with suppress(PayloadError):
        read_press(read_form(body), at(5))


@pytest.mark.parametrize("body", [b"no form", b"\xff=", b"payload=no+JSON", b"payload=[]"])
def test_it_refuses_a_body_that_is_not_slacks(body):
    with pytest.raises(PayloadError):
        read_form(body)


def test_it_reads_a_command():
    fields = {"command": "/mttx", "user_id": "U0", "user_name": "aiko", "trigger_id": "1.2", "team_id": "T0"}
    read = read_command({**fields, "text": " ACK  INC-7 &amp; more\0 "})
    assert (read.verb, read.rest, read.user, read.team) == ("ack", "INC-7 & more", "aiko", "T0")
    bare = read_command({"command": "/mttx", "user_id": "U0", "trigger_id": "1.3"})
    assert (bare.verb, bare.rest, bare.user) == ("", "", "U0")
    assert bare.command_id != read.command_id == read_command({**fields, "text": "help"}).command_id
    with pytest.raises(PayloadError):
        read_command({"command": "/mttx", "user_id": "U0"})
