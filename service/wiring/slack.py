"""What people do in Slack: what answers it, and over which connection it comes."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from service.chat.commands import Commands
from service.chat.presses import Presses
from service.chat.responder import Responder
from service.clients.http import HttpClient
from service.clients.slack import respond
from service.clients.slack_socket import SocketMode
from service.delivery.message_builder import MessageBuilder
from service.domain.policy import Policy
from service.intake.sources import Source
from service.intake.wire import PayloadError
from service.metrics.process_counters import ProcessCounters
from service.recorder.writer import Recorder
from service.settings.model import Settings
from service.store import Store
from service.wiring.messages import SLACK, chat_texts, message_templates

ANSWER_TIMEOUT = timedelta(seconds=3)
"""Timeout of an answer to a person, for which a stop of the service waits."""

log = logging.getLogger(__name__)


def slack_responder(
    settings: Settings,
    recorder: Recorder,
    store: Store,
    policy: Policy,
    *,
    counters: ProcessCounters,
    on_recorded: Callable[[], None],
) -> Responder | None:
    """Return what answers people in Slack, None without buttons."""
    keys, texts = settings.slack, chat_texts(settings)
    if texts is None:
        return None

    def send(response_url: str, body: Mapping[str, Any]) -> None:
        http = HttpClient(timeout=min(keys.timeout, ANSWER_TIMEOUT))
        try:
            respond(http, response_url, body)
        finally:
            http.close()

    names = keys.commander
    presses = Presses(
        recorder=recorder,
        store=store,
        policy=policy,
        texts=texts,
        zone=settings.display_timezone,
        names_commander=names,
    )
    builder = MessageBuilder(message_templates(SLACK, settings), policy, settings.public_url)
    return Responder(
        presses=presses,
        commands=Commands(presses, builder),
        respond=send,
        count_failure=lambda reason: counters.failure(Source.SLACK.value, reason),
        on_recorded=on_recorded,
        team=keys.team_id or "",
    )


def slack_socket(
    settings: Settings, responder: Responder, counters: ProcessCounters, clock: Callable[[], datetime]
) -> SocketMode | None:
    """Return the connection over which Slack sends what people do, not started yet; None without its token."""
    token = settings.slack.app_token
    if token is None:
        return None

    def answer(payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
        counters.request(Source.SLACK.value)
        try:
            return responder.answer(payload, clock())
        except PayloadError as error:
            counters.failure(Source.SLACK.value, error.reason.value)
            log.warning("refused: %s", error.detail, extra={"source": Source.SLACK.value, "reason": error.reason})
            return None

    return SocketMode(token.get_secret_value().strip(), settings.slack.api_url, answer)
