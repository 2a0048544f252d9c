"""A message with buttons as Slack's blocks (Block Kit)."""

from collections.abc import Mapping, Sequence
from typing import Any

from service.render.buttons import ACTION_PREFIX, Button

LONGEST_SECTION = 3000
MAX_SECTIONS = 4
"""Characters of one section, and sections of a message: Slack accepts about 13,000 characters in all its blocks."""


def blocks_of(text: str, buttons: Sequence[Button]) -> list[dict[str, Any]]:
    """Return a message with buttons as blocks; a text longer than a block continues in the next one.

    A text that is too long for blocks, which hold less than a message, has none, and so no buttons.
    """
    parts = _parts(text)
    if len(parts) > MAX_SECTIONS:
        return []
    elements = [_element(button, number) for number, button in enumerate(buttons)]
    return [*map(_section, parts), {"type": "actions", "elements": elements}]


def _parts(text: str) -> list[str]:
    """Return a text in parts of whole lines, as long as a section may be; only a longer line is cut."""
    parts = [""]
    for line in text.splitlines():
        for start in range(0, len(line), LONGEST_SECTION):
            piece = line[start : start + LONGEST_SECTION]
            if parts[-1] and len(parts[-1]) + len(piece) >= LONGEST_SECTION:
                parts.append("")
            parts[-1] = f"{parts[-1]}\n{piece}" if parts[-1] else piece
    return parts


def with_answer(blocks: Sequence[Mapping[str, Any]], value: str, line: str) -> list[Mapping[str, Any]]:
    """Return a message's blocks with a line in place of the buttons that report about the same: those whose value has
    the same first word as `value`.
    """
    about = value.partition(" ")[0]
    kept: list[Mapping[str, Any]] = []
    for block in blocks:
        elements = [e for e in block.get("elements", ()) if str(e.get("value", "")).partition(" ")[0] != about]
        if block.get("type") != "actions":
            kept.append(block)
        elif elements:
            kept.append({**block, "elements": elements})
    return [*kept, _section(line)]


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _element(button: Button, number: int) -> dict[str, Any]:
    element: dict[str, Any] = {"action_id": f"{ACTION_PREFIX}{button.action}.{number}"}
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
