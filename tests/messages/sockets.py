"""The other half of a loopback Slack: Socket Mode's connections, and people who press buttons and write commands.

What is assumed of Slack, from its documentation (docs.slack.dev: Socket Mode, interaction payloads, slash commands,
verifying requests, handling user interaction):

* `apps.connections.open` takes the app-level token and returns a WebSocket address, good for one connection. An app may
  have up to ten connections; each envelope goes over one of them.
* A connection begins with `hello`. Envelopes have `type`, `envelope_id`, `payload`, `accepts_response_payload`. One
  that is not acknowledged by its `envelope_id` within three seconds shows the person an error; it is not sent again.
  An acknowledgement may carry a `payload` where the envelope accepts one, as those of slash commands do.
* Before Slack closes a connection it sends `disconnect`, with the reason `warning` or `refresh_requested`.
* A signed request has `X-Slack-Request-Timestamp` and `X-Slack-Signature`, `v0=` and the HMAC of `v0:<time>:<body>`.
  Interactions have their JSON in the form field `payload`; the fields of a command are the form itself. Anything but
  200 within three seconds shows the person an error.
* `block_actions` has `team`, `user`, `actions` with one action and its `action_ts`, `response_url`, `message`. A
  `response_url` takes up to five messages within half an hour.
"""

import base64
import hashlib
import itertools
import json
import socketserver
import struct
import threading
from urllib.parse import urlencode

APP_TOKEN = "xapp-1-0000-token"
SIGNING_SECRET = "0123456789abcdef0123456789abcdef"
TEAM = "T0123456789"
ACKNOWLEDGED_WITHIN = 3.0
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Link(socketserver.BaseRequestHandler):
    """One WebSocket connection, as its server sees it."""

    def handle(self):
        self.sending = threading.Lock()
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.request.recv(1) or b"\r\n\r\n"
        lines = head.decode().splitlines()
        if lines[0].split("?ticket=")[-1].split()[0] not in self.server.tickets:
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return
        self.server.tickets.discard(lines[0].split("?ticket=")[-1].split()[0])
        key = next(line.split(": ")[1] for line in lines if line.lower().startswith("sec-websocket-key"))
        accept = base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()
        self.request.sendall(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        self.send({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A0"}})
        self.server.links.append(self)
        try:
            while self._receive():
                pass
        except OSError:
            pass
        finally:
            if self in self.server.links:
                self.server.links.remove(self)

    def send(self, message, opcode=1):
        content = message if isinstance(message, bytes) else json.dumps(message).encode()
        length = len(content)
        sizes = bytes([length]) if length < 126 else b"\x7e" + struct.pack("!H", length)
        with self.sending:
            self.request.sendall(bytes([0x80 | opcode]) + sizes + content)

    def drop(self):
        self.request.shutdown(2)

    def _receive(self):
        first, second = self._read(2)
        length = second & 0x7F
        length = struct.unpack("!H", self._read(2))[0] if length == 126 else length
        mask = self._read(4)
        content = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self._read(length)))
        match first & 0x0F:
            case 9:
                self.send(content, opcode=10)
            case 8:
                return False
            case 1:
                answer = json.loads(content)
                self.server.answered(answer["envelope_id"], answer.get("payload") or {})
        return True

    def _read(self, count):
        content = b""
        while len(content) < count:
            piece = self.request.recv(count - len(content))
            if not piece:
                raise OSError("closed")
            content += piece
        return content


class Sockets(socketserver.ThreadingTCPServer):
    """Socket Mode's server. `links` are the open connections."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Link)
        self.links = []
        self.tickets = set()
        self._numbers = itertools.count(1)
        self._waiting = {}
        self._answers = {}
        self.acknowledged_within = ACKNOWLEDGED_WITHIN
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def handle_error(self, request, client_address):
        """Say nothing when the other side goes away."""

    def open(self):
        """Answer `apps.connections.open`."""
        ticket = f"ticket-{next(self._numbers)}"
        self.tickets.add(ticket)
        return {"ok": True, "url": f"ws://127.0.0.1:{self.server_address[1]}/link/?ticket={ticket}"}

    def send(self, kind, payload, link=None):
        """Send a payload over one connection; answers what it was acknowledged with, None where it was not."""
        if not self.links:
            return None
        number = next(self._numbers)
        envelope_id = f"envelope-{number}"
        self._waiting[envelope_id] = threading.Event()
        envelope = {"envelope_id": envelope_id, "type": kind, "payload": payload}
        envelope["accepts_response_payload"] = kind == "slash_commands"
        (link or self.links[number % len(self.links)]).send(envelope)
        if not self._waiting[envelope_id].wait(self.acknowledged_within):
            return None
        return self._answers[envelope_id]

    def answered(self, envelope_id, payload):
        self._answers[envelope_id] = payload
        self._waiting[envelope_id].set()

    def refresh(self):
        """Tell every connection that it will be closed, and close it."""
        for link in list(self.links):
            link.send({"type": "disconnect", "reason": "refresh_requested", "debug_info": {"host": "wss-1"}})

    def close(self):
        self.shutdown()
        for link in list(self.links):
            link.drop()
        self.server_close()


class Person:
    """Somebody in the workspace. What reaches Slack goes over Socket Mode, or to `client` in signed requests.

    `saw` is what only this person was shown; Slack's own error is "⚠".
    """

    def __init__(self, slack, name="aiko", client=None, team=TEAM):
        self.slack, self.name, self.client, self.team = slack, name, client, team
        self.saw = []
        self._numbers = itertools.count(1)

    def press(self, ts, action, option=None, at=None, link=None):
        """Press a button of a message, or choose an option of a menu; answers the payload."""
        payload = self.payload(ts, action, option, at)
        self.send("interactive", payload, link)
        return payload

    def payload(self, ts, action, option=None, at=None):
        message = self.slack.messages[ts]
        element = next(
            element
            for block in message["blocks"]
            if block["type"] == "actions"
            for element in block["elements"]
            if element["action_id"].removeprefix("mttx-").partition(".")[0] == action
            and option in (None, *_labels(element), element.get("text", {}).get("text"))
        )
        chosen = next((o for o in element.get("options", ()) if o["text"]["text"] == option), None)
        used = {"selected_option": chosen} if chosen else {"value": element["value"]}
        action_ts = at if at is not None else self.slack.stamp()
        return {
            "type": "block_actions",
            "team": {"id": self.team, "domain": "example"},
            "user": {"id": "U012AB3CD", "username": self.name, "name": self.name, "team_id": self.team},
            "api_app_id": "A0",
            "token": "deprecated",
            "container": {"type": "message", "message_ts": ts, "channel_id": message["channel"], "is_ephemeral": False},
            "trigger_id": "1.2.expired",
            "channel": {"id": message["channel"], "name": "ops"},
            "message": {"type": "message", "bot_id": "B0", "ts": ts, **message},
            "state": {"values": {}},
            "response_url": self.slack.response_url(self, ts),
            "actions": [
                {
                    "type": element["type"],
                    "block_id": "b",
                    "action_id": element["action_id"],
                    "action_ts": action_ts,
                    **used,
                }
            ],
        }

    def command(self, text, link=None):
        """Write `/mttx` and a text; answers what is shown to this person."""
        number = next(self._numbers)
        payload = {
            "token": "deprecated",
            "team_id": self.team,
            "team_domain": "example",
            "channel_id": "C0123456789",
            "channel_name": "ops",
            "user_id": "U012AB3CD",
            "user_name": self.name,
            "command": "/mttx",
            "text": text,
            "api_app_id": "A0",
            "is_enterprise_install": "false",
            "response_url": self.slack.response_url(self, None),
            "trigger_id": f"1.{number}.{self.name}",
        }
        self.send("slash_commands", payload, link)
        return self.saw[-1]

    def send(self, kind, payload, link=None):
        answer = self._sent(kind, payload, link)
        if answer is None:
            self.saw.append("⚠")
        elif answer.get("text"):
            assert answer["response_type"] == "ephemeral"
            self.saw.append(answer["text"])

    def _sent(self, kind, payload, link):
        if self.client is None:
            return self.slack.sockets.send(kind, payload, link)
        body = urlencode({"payload": json.dumps(payload)} if kind == "interactive" else payload).encode()
        answer = self.client.post("/webhooks/slack", data=body, headers=signed(body, self.slack.clock()))
        return (answer.get_json(silent=True) or {}) if answer.status_code == 200 else None


def signed(body, now, secret=SIGNING_SECRET):
    """Sign a request as Slack does, by Slack's own library."""
    from slack_sdk.signature import SignatureVerifier

    stamp = str(int(now))
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body),
    }


def _labels(element):
    return [option["text"]["text"] for option in element.get("options", ())]
