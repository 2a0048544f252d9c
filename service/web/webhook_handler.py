"""Webhooks on the event loop: no thread waits for their commits, and Flask is left out unless one is rejected."""

import asyncio
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from functools import partial

from flask import Request

from service.intake.sources import webhook_path
from service.recorder.commands import Command, Outcome
from service.recorder.writer import COMMIT_TIMEOUT_SECONDS, Ticket, not_committed
from service.settings.tokens import Token
from service.web.deadlines import Deadlines
from service.web.edge import Edge, check_encoding, request_id, response_headers
from service.web.receipts import completed
from service.web.responses import JSON, json_of
from service.web.services import Services
from service.web.webhooks import Webhook

Answered = asyncio.Future[tuple[Outcome, ...]]


class WebhookHandler:
    """Receives webhooks for the front. Call from its event loop only, once `start` was called with it."""

    def __init__(self, webhooks: Iterable[Webhook], services: Services, edge: Edge) -> None:
        self._by_address = {
            (method.upper(), webhook.route.path): webhook
            for webhook in webhooks
            for method in webhook.route.methods
            if not webhook.route.reads_store
        }
        self._sources = {webhook_path(source): source for source in services.sources.profiles}
        self._counters = services.counters
        self._edge = edge
        self._recorder = services.recorder
        self._loop: asyncio.AbstractEventLoop
        self._deadlines = Deadlines()
        self._done: deque[tuple[Answered, Ticket]] = deque()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Use this event loop."""
        self._loop = loop

    def admit(self, request: Request, path: str) -> Token | None:
        """Decide whether the body of a POST or PUT is read, and return its token. Raises Denied."""
        return self._edge.admit(request, self._sources.get(path))

    def at(self, method: str, path: str) -> Webhook | None:
        """Return the webhook at an address if it can be received here.

        It cannot if it may ask the store first, nor once half the queue is taken: then senders wait for threads, which
        keeps short crowds from being rejected.
        """
        return self._by_address.get((method, path)) if self._recorder.has_room else None

    async def receive(
        self, webhook: Webhook, request: Request, token: Token | None, body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Record an admitted webhook, and return status, headers and body of the response.

        Raises what the application answers and counts as a rejection.
        """
        self._edge.limit(request)
        check_encoding(request)
        receipt = await completed(webhook.receive(request, token, body), self._commit)
        self._counters.request(webhook.route.source)
        headers = [("Content-Type", JSON), *response_headers(request_id(request))]
        return receipt.status, headers, json_of(receipt.content)

    async def _commit(self, command: Command) -> tuple[Outcome, ...]:
        """Return the outcomes of a command once it is committed; raises as `Recorder.submit`."""
        answered: Answered = self._loop.create_future()
        self._recorder.enqueue(command, partial(self._take, answered))
        deadline = self._deadlines.set(COMMIT_TIMEOUT_SECONDS, partial(_expire, answered))
        try:
            return await answered
        finally:
            self._deadlines.clear(deadline)

    def _take(self, answered: Answered, ticket: Ticket) -> None:
        """Take a ticket that is done, in the recorder's thread. The tickets of one commit wake the event loop once."""
        self._done.append((answered, ticket))
        if len(self._done) == 1:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        while self._done:
            answered, ticket = self._done.popleft()
            if answered.done():
                continue
            if ticket.error is not None:
                answered.set_exception(ticket.error)
            else:
                answered.set_result(ticket.outcomes)


def _expire(answered: Answered) -> None:
    if not answered.done():
        answered.set_exception(not_committed())
