"""What a webhook is answered, in two steps: the command to commit, and the receipt for its outcomes."""

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass

from pydantic import BaseModel

from service.recorder.commands import Command, Outcome


@dataclass(frozen=True, slots=True)
class Receipt:
    """The content and the status of a response."""

    content: BaseModel
    status: int = 200


Reception = Generator[Command, tuple[Outcome, ...], Receipt]
"""Receives a webhook: yields a command, if there is anything to record, is sent its outcomes, and returns the receipt.

So the same code serves a thread that waits for the commit and the event loop, which does not.
"""


async def completed(reception: Reception, commit: Callable[[Command], Awaitable[tuple[Outcome, ...]]]) -> Receipt:
    """Return the receipt of a reception; the event loop goes on with other requests until the commit."""
    try:
        command = next(reception)
        while True:
            try:
                outcomes = await commit(command)
            except Exception as error:  # the reception decides what it means
                command = reception.throw(error)
            else:
                command = reception.send(outcomes)
    except StopIteration as end:
        receipt: Receipt = end.value
        return receipt


def complete(reception: Reception, submit: Callable[[Command], tuple[Outcome, ...]]) -> Receipt:
    """Return the same in a thread that waits for the commit, without an event loop."""

    async def commit(command: Command) -> tuple[Outcome, ...]:
        return submit(command)

    try:
        completed(reception, commit).send(None)
    except StopIteration as end:
        receipt: Receipt = end.value
        return receipt
    raise AssertionError  # nothing in it waits for an event loop
