"""A Slack on a loopback port: an incoming webhook and the methods of its Web API that we use, as documented, and told
to fail as the loopback Grafana is (`tests/grafana/loopback.py`).

Beside them `/hook` takes any JSON, as the receiver of the generic webhook does.
"""

import json
import threading
import time
from urllib.parse import parse_qs, urlsplit

from tests.grafana.http import Server
from tests.messages.sockets import APP_TOKEN, Sockets

TOKEN = "xoxb-0000-token"
CHANNEL = "C0123456789"
HOOK = "/services/T0/B0/secret"


class Slack:
    """Starts listening at once. `messages` are those of the channel by ts; `hooked` what the webhooks were sent."""

    def __init__(self, port=0):
        self.asked = []
        self.faults = lambda asked, when: None
        self.messages = {}
        self.channels = {CHANNEL}
        self.hooked = []
        self.scopes = {"chat:write", "channels:history"}
        self.now = 1_772_442_000.0
        self.clock = time.time
        self.sockets = Sockets()
        self._people = {}
        self.page_length = 2
        self._lock = threading.Lock()
        self._server = Server(port, self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.sockets.close()
        self._server.shutdown()
        self._thread.join()
        self._server.drop_all()
        self._server.server_close()

    def fail_while(self, outcome, when="before", path=""):
        """Have every request (to a path) end in `outcome` until `work_again`."""
        self.faults = lambda asked, now: outcome if now == when and path in asked.path else None

    def fail_once(self, outcome, when="before", path=""):
        left = [outcome]
        self.faults = lambda asked, now: left.pop() if left and now == when and path in asked.path else None

    def work_again(self):
        self.faults = lambda asked, when: None

    def calls(self, method):
        return [json.loads(message.body) for message in self.asked if message.path.endswith(method)]

    def channel(self, channel=CHANNEL):
        """Return a channel: (text, [replies])."""
        heads = [ts for ts, m in self.messages.items() if m["channel"] == channel and not m.get("thread_ts")]
        return [(self.messages[ts]["text"], self.answers(ts)) for ts in heads]

    def answers(self, ts):
        return [message["text"] for message in self.messages.values() if message.get("thread_ts") == ts]

    def texts(self):
        """Return the first line of everything, in the order of posting."""
        return [message["text"].splitlines()[0] for message in (*self.messages.values(), *self.hooked)]

    # -- the API -----------------------------------------------------------------------------------------------------

    def answer(self, asked):
        url = urlsplit(asked.path)
        with self._lock:
            if url.path.startswith("/services/"):
                return self._hook(url.path, json.loads(asked.body))
            if url.path == "/hook":
                self.hooked.append(json.loads(asked.body))
                return 202, {"taken": True}
            if url.path.startswith("/actions/"):
                return self._respond(url.path, json.loads(asked.body))
            if url.path.endswith("/apps.connections.open"):
                is_ours = asked.headers.get("authorization") == f"Bearer {APP_TOKEN}"
                return 200, self.sockets.open() if is_ours else {"ok": False, "error": "invalid_auth"}
            if asked.headers.get("authorization") != f"Bearer {TOKEN}":
                return 200, {"ok": False, "error": "invalid_auth"}
            arguments = {name: values[0] for name, values in parse_qs(url.query).items()}
            arguments |= json.loads(asked.body) if asked.body else {}
            handle = getattr(self, "_" + url.path.removeprefix("/api/").replace(".", "_"), None)
            return 200, handle(arguments) if handle else {"ok": False, "error": "unknown_method"}

    def _hook(self, path, body):
        if path != HOOK:
            return 404, "no_service"
        if not body.get("text"):
            return 400, "no_text"
        self.hooked.append(body)
        return 200, "ok"

    def stamp(self):
        """The time of an act of a person, as Slack writes it."""
        return f"{self.clock():.6f}"

    def response_url(self, person, ts):
        self._people[f"/actions/{len(self._people)}"] = (person, ts)
        return f"{self.url}/actions/{len(self._people) - 1}"

    def _respond(self, path, body):
        person, ts = self._people[path]
        if body.get("replace_original"):
            self.messages[ts] |= {"text": body["text"], "blocks": body["blocks"]}
        else:
            assert body["response_type"] == "ephemeral"
            person.saw.append(body["text"])
        return 200, "ok"

    def _chat_postMessage(self, arguments):  # noqa: N802 - Slack's name
        if arguments["channel"] not in self.channels:
            return {"ok": False, "error": "channel_not_found"}
        if arguments.get("thread_ts") and not self._is_in(arguments["thread_ts"], arguments):
            return {"ok": False, "error": "thread_not_found"}
        if not arguments.get("text"):
            return {"ok": False, "error": "no_text"}
        if len(arguments["text"]) > 40_000:
            return {"ok": False, "error": "msg_too_long"}
        if not is_valid(arguments.get("blocks", [])):
            return {"ok": False, "error": "invalid_blocks"}
        self.now = self.now + 1
        ts = f"{self.now:.6f}"
        self.messages[ts] = {**arguments, "ts": ts}
        return {"ok": True, "channel": arguments["channel"], "ts": ts}

    def _is_in(self, ts, arguments):
        return ts in self.messages and self.messages[ts]["channel"] == arguments["channel"]

    def _chat_update(self, arguments):
        if not self._is_in(arguments["ts"], arguments):
            return {"ok": False, "error": "message_not_found"}
        if not is_valid(arguments.get("blocks", [])):
            return {"ok": False, "error": "invalid_blocks"}
        self.messages[arguments["ts"]] |= {"text": arguments["text"], "blocks": arguments.get("blocks", [])}
        return {"ok": True, "channel": arguments["channel"], "ts": arguments["ts"]}

    def _conversations_history(self, arguments):
        if "channels:history" not in self.scopes:
            return {"ok": False, "error": "missing_scope", "needed": "channels:history"}
        if arguments["channel"] not in self.channels:
            return {"ok": False, "error": "not_in_channel"}
        oldest = float(arguments.get("oldest", 0))
        heads = [m for ts, m in self.messages.items() if self._is_in(ts, arguments) and not m.get("thread_ts")]
        return self._page([message for message in heads if float(message["ts"]) > oldest][::-1], arguments)

    def _conversations_replies(self, arguments):
        if "channels:history" not in self.scopes:
            return {"ok": False, "error": "missing_scope", "needed": "channels:history"}
        if not self._is_in(arguments["ts"], arguments):
            return {"ok": False, "error": "thread_not_found"}
        messages = [
            message for ts, message in self.messages.items() if arguments["ts"] in (ts, message.get("thread_ts"))
        ]
        return self._page(messages, arguments)

    def _page(self, messages, arguments):
        begin, limit = int(arguments.get("cursor", 0)), min(int(arguments["limit"]), self.page_length)
        shown = [{k: v for k, v in message.items() if k != "metadata"} for message in messages[begin : begin + limit]]
        if arguments.get("include_all_metadata") == "true":
            shown = messages[begin : begin + limit]
        more = str(begin + limit) if len(messages) > begin + limit else ""
        return {"ok": True, "messages": shown, "response_metadata": {"next_cursor": more}}

    def _auth_test(self, arguments):
        return {"ok": True, "user": "mttx", "team": "Example"}


def is_valid(blocks):
    """Whether blocks keep to Slack's limits, as documented for each kind of block and element."""
    elements = [element for block in blocks if block["type"] == "actions" for element in block["elements"]]
    sections = [block["text"]["text"] for block in blocks if block["type"] == "section"]
    options = [option for element in elements for option in element.get("options", ())]
    values = [element["action_id"] for element in elements]
    return (
        len(blocks) <= 50
        and len(json.dumps(blocks, ensure_ascii=False)) <= 13_200
        and all(0 < len(text) <= 3000 for text in sections)
        and all(0 < len(block["elements"]) <= 25 for block in blocks if block["type"] == "actions")
        and len(set(values)) == len(values)
        and all(len(element["action_id"]) <= 255 and len(element.get("value", "")) <= 2000 for element in elements)
        and all(len(element["text"]["text"]) <= 75 for element in elements if "text" in element)
        and all(len(option["value"]) <= 150 and len(option["text"]["text"]) <= 75 for option in options)
        and all(len(element["confirm"]["text"]["text"]) <= 300 for element in elements if "confirm" in element)
    )
