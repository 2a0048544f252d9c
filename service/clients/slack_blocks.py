"""A message with buttons as Slack's blocks (Block Kit)."""

import textwrap
from collections.abc import Sequence
from typing import Any

from service.render.buttons import ACTION_PREFIX, Button

LONGEST_SECTION = 3000
MAX_SECTIONS = 4
"""Characters of one section, and sections of a message: Slack accepts about 13,000 characters in all its blocks."""


def blocks_of(text: str, buttons: Sequence[Button]) -> list[dict[str, Any]]:
    """Return a message with buttons as blocks; a text longer than a block continues in the next one."""
    parts = textwrap.wrap(text, LONGEST_SECTION, replace_whitespace=False, expand_tabs=False, break_on_hyphens=False)
    sections = [{"type": "section", "text": {"type": "mrkdwn", "text": part}} for part in parts[:MAX_SECTIONS]]
    return [*sections, {"type": "actions", "elements": [_element(button) for button in buttons]}]


def _element(button: Button) -> dict[str, Any]:
    element: dict[str, Any] = {"action_id": f"{ACTION_PREFIX}{button.action}"}
    if button.options:
        options = [{"text": _plain(label), "value": value} for label, value in button.options]
        return element | {"type": "static_select", "placeholder": _plain(button.label), "options": options}
    element |= {"type": "button", "text": _plain(button.label), "value": button.value}
    if button.confirm:
        question, yes, no = button.confirm
        element["confirm"] = {
            "title": _plain(button.label),
            "text": _plain(question),
            "confirm": _plain(yes),
            "deny": _plain(no),
        }
    return element


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}
