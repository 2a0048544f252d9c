"""A Slack on a loopback port: an incoming webhook and the methods of its Web API that we use, as documented, and told
to fail as the loopback Grafana is (`tests/grafana/loopback.py`).

Beside them `/hook` takes any JSON, as the receiver of the generic webhook does.
"""

import json
import threading
from urllib.parse import parse_qs, urlsplit

from tests.grafana.http import Server

TOKEN = "xoxb-0000-token"
CHANNEL = "C0123456789"
HOOK = "/services/T0/B0/secret"


class Slack:
    """Starts listening at once. `messages` are those of the channel by ts; `hooked` what the webhooks were sent."""

    def __init__(self, port=0):
        self.asked = []
        self.faults = lambda asked, when: None
        self.messages = {}
        self.hooked = []
        self.scopes = {"chat:write", "channels:history"}
        self.now = 1_772_442_000.0
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
        return [json.loads(one.body) for one in self.asked if one.path.endswith(method)]

    def channel(self):
        """Return what stands in the channel: (text, [answers])."""
        heads = [ts for ts, one in self.messages.items() if not one.get("thread_ts")]
        return [(self.messages[ts]["text"], self.answers(ts)) for ts in heads]

    def answers(self, ts):
        return [one["text"] for one in self.messages.values() if one.get("thread_ts") == ts]

    def said(self):
        """Return the first line of everything, in the order in which it was said first."""
        return [one["text"].splitlines()[0] for one in (*self.messages.values(), *self.hooked)]

    # -- the API -----------------------------------------------------------------------------------------------------

    def answer(self, asked):
        url = urlsplit(asked.path)
        with self._lock:
            if url.path.startswith("/services/"):
                return self._hook(url.path, json.loads(asked.body))
            if url.path == "/hook":
                self.hooked.append(json.loads(asked.body))
                return 202, {"taken": True}
            if asked.headers.get("authorization") != f"Bearer {TOKEN}":
                return 200, {"ok": False, "error": "invalid_auth"}
            given = {name: values[0] for name, values in parse_qs(url.query).items()}
            given |= json.loads(asked.body) if asked.body else {}
            handle = getattr(self, "_" + url.path.removeprefix("/api/").replace(".", "_"), None)
            return 200, handle(given) if handle else {"ok": False, "error": "unknown_method"}

    def _hook(self, path, body):
        if path != HOOK:
            return 404, "no_service"
        if not body.get("text"):
            return 400, "no_text"
        self.hooked.append(body)
        return 200, "ok"

    def _chat_postMessage(self, given):  # noqa: N802 - Slack's name
        if given["channel"] != CHANNEL:
            return {"ok": False, "error": "channel_not_found"}
        if not given.get("text"):
            return {"ok": False, "error": "no_text"}
        if len(given["text"]) > 40_000:
            return {"ok": False, "error": "msg_too_long"}
        self.now += 1
        ts = f"{self.now:.6f}"
        self.messages[ts] = {**given, "ts": ts}
        return {"ok": True, "channel": CHANNEL, "ts": ts}

    def _chat_update(self, given):
        if given["ts"] not in self.messages:
            return {"ok": False, "error": "message_not_found"}
        self.messages[given["ts"]]["text"] = given["text"]
        return {"ok": True, "channel": CHANNEL, "ts": given["ts"]}

    def _conversations_history(self, given):
        if "channels:history" not in self.scopes:
            return {"ok": False, "error": "missing_scope", "needed": "channels:history"}
        found = [one for one in self.messages.values() if not one.get("thread_ts")]
        return self._page([one for one in found if float(one["ts"]) > float(given["oldest"])][::-1], given)

    def _conversations_replies(self, given):
        if "channels:history" not in self.scopes:
            return {"ok": False, "error": "missing_scope", "needed": "channels:history"}
        if given["ts"] not in self.messages:
            return {"ok": False, "error": "thread_not_found"}
        found = [one for ts, one in self.messages.items() if given["ts"] in (ts, one.get("thread_ts"))]
        return self._page(found, given)

    def _page(self, found, given):
        begin, limit = int(given.get("cursor", 0)), min(int(given["limit"]), 2)
        shown = [{k: v for k, v in one.items() if k != "metadata"} for one in found[begin : begin + limit]]
        if given.get("include_all_metadata") == "true":
            shown = found[begin : begin + limit]
        more = str(begin + limit) if len(found) > begin + limit else ""
        return {"ok": True, "messages": shown, "response_metadata": {"next_cursor": more}}

    def _auth_test(self, given):
        return {"ok": True, "user": "mttx", "team": "Example"}
