"""Messages as CDEvents (cdevents.dev 0.5.1), in binary mode of CloudEvents: that an incident was detected or resolved.

CDEvents has no words for updates, postmortems and reminders: those are not sent.
"""

from typing import Any
from urllib.parse import quote

from service.clients.bearer import Secret
from service.clients.chat import NO_MESSAGE_ID, ChatMessage, PostOnlyChat
from service.clients.http import HttpClient

SPECIFICATION = "0.5.1"
ENVIRONMENT = "production"
"""CDEvents requires an environment, and defines an incident as a problem in a production environment."""
_URI_SIGNS = ":/?#[]@!$&'()*+,;=%"
_DETECTED, _RESOLVED = (f"dev.cdevents.incident.{predicate}.0.3.0" for predicate in ("detected", "resolved"))
_TYPES = {"first": _DETECTED, "again": _DETECTED, "over": _RESOLVED, "dismissed": _RESOLVED}
"""By the kind of the message. An incident that was none is recalled, which `resolved` includes."""


class CDEventsWebhook(PostOnlyChat):
    """One address, with a bearer token if one is configured; `source` is the URI of this service."""

    def __init__(self, http: HttpClient, url: Secret, source: str) -> None:
        super().__init__(http, url)
        self._source = quote(source, safe=_URI_SIGNS)

    def post(self, message: ChatMessage, thread: int | None) -> int:  # noqa: ARG002 - the subject groups events
        """Send it, if CDEvents has a word for it. Any 2xx means that it was accepted."""
        event = cdevent(message, self._source)
        if event is None:
            return NO_MESSAGE_ID
        response = self._http.send("POST", self._url.value(), json=event, headers=_headers(event))
        if not response.is_ok:
            raise response.error()
        return NO_MESSAGE_ID


def cdevent(message: ChatMessage, source: str) -> dict[str, Any] | None:
    """Return a message as a CDEvent; None if there is none for it."""
    kind = message.payload["kind"]
    if kind not in _TYPES:
        return None
    incident = message.payload["incident"]
    is_over = _TYPES[kind] == _RESOLVED
    return {
        "context": {
            "specversion": SPECIFICATION,
            "id": message.key,
            "source": source,
            "type": _TYPES[kind],
            "timestamp": (incident["ended_at"] if is_over else None) or incident["began_at"],
        },
        "subject": {
            "id": incident["id"],
            "source": source,
            "content": {"description": incident["title"], "environment": {"id": ENVIRONMENT}},
        },
        "customData": {"kind": kind, "incident": dict(incident), "text": message.text},
        "customDataContentType": "application/json",
    }


def _headers(event: dict[str, Any]) -> dict[str, str]:
    context = event["context"]
    return {
        "ce-specversion": "1.0",
        "ce-id": context["id"],
        "ce-source": context["source"],
        "ce-type": context["type"],
        "ce-subject": event["subject"]["id"],
        "ce-time": context["timestamp"],
        "Idempotency-Key": context["id"],
    }
