"""One HTTP exchange, closed when it is over. No proxies, no redirects, no pools: what was sent is what is meant."""

import http.client
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Response:
    """An answer that was read to its end."""

    status: int
    body: bytes

    def json(self):
        return json.loads(self.body)

    def expect(self, *statuses):
        assert self.status in statuses, f"answered {self.status}, not one of {statuses}: {self.body[:2000]!r}"
        return self


def request(method, url, body=None, headers=None, timeout=60.0):
    """Send one request and return the Response. Raises OSError also where http.client would raise its own error."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    if body is not None and not isinstance(body, bytes):
        body, headers = json.dumps(body).encode(), {**JSON, **(headers or {})}
    try:
        connection.request(method, target, body, headers or {})
        answer = connection.getresponse()
        return Response(answer.status, answer.read())
    except http.client.HTTPException as error:
        raise ConnectionError(f"{method} {url}: {error!r}") from error
    finally:
        connection.close()
