"""HTTP servers inside the test: what Prometheus watches, and what stands between Alertmanager and the exporter."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.real.http import request
from tests.real.processes import free_port


class Loopback:
    """An HTTP server in a thread; a subclass answers `reply(method, path, body)` with (status, content type, body)."""

    def __init__(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 30

            def handle_request(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, content_type, answer = outer.reply(self.command, self.path, body)
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = handle_request  # noqa: N815 - http.server's names

            def log_message(self, *args):
                pass

        class QuietServer(ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                """Say nothing when the other side hangs up: it is what the tests do to it."""

        self.server = QuietServer(("127.0.0.1", free_port()), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.1})

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    @property
    def address(self):
        return f"127.0.0.1:{self.server.server_port}"

    @property
    def url(self):
        return f"http://{self.address}"

    def reply(self, method, path, body):
        raise NotImplementedError


class Target(Loopback):
    """A service with one gauge, `demo_broken`, that the test sets."""

    broken = 0

    def reply(self, method, path, body):
        return 200, "text/plain; version=0.0.4", f"# TYPE demo_broken gauge\ndemo_broken {self.broken}\n".encode()


class Gate(Loopback):
    """A proxy in front of the exporter that answers 503 until it is opened, and keeps the statuses that it let pass."""

    def __init__(self, upstream):
        super().__init__()
        self.upstream = upstream
        self.opened = threading.Event()
        self.refused = 0
        self.passed = []

    def reply(self, method, path, body):
        if not self.opened.is_set():
            self.refused += 1
            return 503, "text/plain", b"try again\n"
        answer = request(method, self.upstream + path, body, {"Content-Type": "application/json"})
        self.passed.append(answer.status)
        return answer.status, "application/json", answer.body
