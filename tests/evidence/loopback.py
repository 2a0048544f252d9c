"""An HTTP server on a loopback port, for the stores that evidence is read from: `answer` is what they are."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


class Refused(Exception):
    """An answer that is none of the good ones: a text as it is, or JSON."""

    def __init__(self, status, body):
        super().__init__(body)
        self.status = status
        self.body = body


class Loopback:
    """Starts listening at once. `asked` holds (path, parameters, headers) of each request."""

    def __init__(self):
        self.asked = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.store = self
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
        self._server.server_close()

    def answer(self, path, query, headers):
        raise NotImplementedError


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.store.asked.append((parts.path, query, headers))
        try:
            status, answer = 200, self.server.store.answer(parts.path, query, headers)
        except Refused as refused:
            status, answer = refused.status, refused.body
        plain = isinstance(answer, str)
        body = answer.encode() if plain else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8" if plain else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass
