"""A message with buttons, as Slack's blocks."""

from service.clients.slack_blocks import blocks_of, with_answer
from service.render.buttons import Button
from tests.messages.loopback import is_valid

BUTTONS = (
    Button("reviewed", "INC-4 reviewed", "INC-4 2026-03-02"),
    Button("reviewed", "INC-41 reviewed", "INC-41 2026-03-02"),
    Button("severity", "Severity…", options=(("SEV-1", "INC-4 0 SEV-1"),)),
    Button("resolve", "Resolve…", "INC-5 0", confirm=("Is it?", "Yes", "No")),
)


def texts(blocks):
    return [block["text"]["text"] for block in blocks if block["type"] == "section"]


def test_a_long_text_continues_in_the_next_block_and_one_that_is_too_long_has_none():
    lines = "\n".join(f"{n} " + "x" * 200 for n in range(40))
    blocks = blocks_of(lines, BUTTONS)
    assert is_valid(blocks)
    assert "\n".join(texts(blocks)) == lines
    assert is_valid(blocks_of("漢" * 9_000, BUTTONS))
    assert blocks_of("x" * 13_000, BUTTONS) == []


def test_an_answer_takes_the_place_of_the_buttons_about_the_same():
    answered = with_answer(blocks_of("The list", BUTTONS[:2]), "INC-4 2026-03-02", "done")
    assert texts(answered) == ["The list", "done"]
    [actions] = [block for block in answered if block["type"] == "actions"]
    assert [element["value"] for element in actions["elements"]] == ["INC-41 2026-03-02"]
    assert texts(with_answer(answered, "INC-41 2026-03-02", "too")) == ["The list", "done", "too"]
    assert not any(block["type"] == "actions" for block in with_answer(answered, "INC-41 2026-03-02", "too"))
