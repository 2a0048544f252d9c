"""`mttx serve`: start the service under Granian, and stop it so that nothing taken in is lost and nothing stays behind.

Two processes: this one listens for signals and starts the worker, which holds the application. Their ends are tied
together: the worker leaves when this process is gone, even after `kill -9`, and this one leaves when the worker dies.
"""

import atexit
import logging
import multiprocessing
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from service import __version__, logs
from service.cli.params import config_option
from service.settings import Loaded, Settings, SettingsError, load_tokens
from service.settings.sources import read

# Idle connections are closed after this long too, and a client that sends its headers byte by byte gets no longer.
HEADERS_WITHIN_MS = 5_000
# Docker kills ten seconds after SIGTERM; a client that sends its body byte by byte must not hold us until then.
DRAIN_SECONDS = 8
PASSED_ON_WITHIN_SECONDS = 0.5
BACKLOG = 4096  # connections that the kernel queues for us
CONNECTIONS = 16_384  # open at once; fewer where the process may have fewer than twice as many descriptors

_ORDERS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}

_SERVER_LOGS = {"debug": "debug", "error": "error"}  # at info it announces every step of its own

_stopping = threading.Lock()
_before_the_stop: list[Callable[[], None]] = []
_log = logging.getLogger(__name__)


@click.command()
@config_option
@click.option("--listen", metavar="HOST:PORT", help="The address to serve on; overrides `listen`.")
def serve(path: Path | None, listen: str | None) -> None:
    """Take in alerts and serve the metrics, until SIGTERM or Ctrl-C."""
    os.umask(0o077)  # the database and what is made of it is for the service's user alone
    environ = {**os.environ, "MTTX_LISTEN": listen} if listen else os.environ
    loaded = read(Settings, path, environ)
    settings = loaded.settings
    if settings.tokens_file:
        load_tokens(settings.tokens_file)
    address, claim = claim_address(settings)
    logs.configure(settings.log.level)
    exit_on_sigterm()
    _greet(loaded)
    with claim:
        run(settings, address)


def exit_on_sigterm() -> None:
    """Leave at SIGTERM until the server takes it: the first process of a container gets none without a handler."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def claim_address(settings: Settings) -> tuple[str, socket.socket]:
    """Return the IP address to listen on, if it is free, and the socket that keeps it so as long as it is open.

    Granian shares ports (SO_REUSEPORT): a second server would not notice, and each would get some of the connections.
    The worker listens only when it has loaded everything; until then this socket, which nobody can connect to, refuses
    the address to others. It lets in who shares ports, since it does so itself from the moment that it is bound.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        claim = socket.socket(family, kind)
        try:
            _bind(claim, address)
        except OSError:
            claim.close()
            raise
    except OSError as error:
        raise click.ClickException(f"cannot listen on {settings.listen}: {error.strerror or error}") from error
    if sys.platform == "linux":
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    else:
        claim.close()
    return str(address[0]), claim


def _bind(claim: socket.socket, address: Any) -> None:
    """Bind it, for itself alone; connections of a server that was here before may still be in the kernel's care."""
    try:
        claim.bind(address)
    except OSError:
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        claim.bind(address)
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)


def _greet(loaded: Loaded[Settings]) -> None:
    settings = loaded.settings
    _log.info("mttx %s starts on %s", __version__, settings.listen)
    if not sys.stderr.isatty():
        return
    base = settings.public_url or f"http://{settings.listen}"
    click.echo(
        f"mttx {__version__}\n"
        f"  pages          {base}/\n"
        f"  metrics        {base}/metrics\n"
        f"  webhook        {base}/webhooks/alertmanager\n"
        f"  database       {settings.database_shown}\n"
        f"  configuration  {loaded.file or 'the defaults'} (mttx config show)",
        err=True,
    )
    if not settings.tokens_file:
        click.echo(
            "  No tokens are configured: only this machine can reach it, and everybody on it may write.", err=True
        )


def run(settings: Settings, address: str) -> None:
    """Serve until told to stop."""
    from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
    from granian.http import HTTP1Settings
    from granian.log import LogLevels
    from granian.server.mp import MPServer

    server = MPServer(
        "service.app:create_app",
        address=address,
        port=settings.port,
        interface=Interfaces.RSGI,
        loop=Loops.asyncio,
        runtime_mode=RuntimeModes.mt,  # its one thread besides the loop's leaves Python's lock alone
        workers=1,  # one writer, one set of counters (docs/decisions.md)
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADERS_WITHIN_MS),
        websockets=False,
        backlog=BACKLOG,
        backpressure=_connections(),
        log_level=LogLevels(_SERVER_LOGS.get(settings.log.level, "warning")),
        log_dictconfig=logs.dict_config(settings.log.level),
        log_access=settings.log.access,
        log_access_format='%(addr)s "%(method)s %(path)s" %(status)d %(dt_ms).1f ms',
        workers_kill_timeout=DRAIN_SECONDS,
    )
    server.on_startup(partial(_take_orders, server.signal_handler_interrupt))
    # Our own loader: Granian's puts the working directory before the installed packages.
    server.serve(spawn_target=_work, target_loader=partial(_load, settings), wrap_loader=False)
    _log.info("mttx has stopped")


def _connections() -> int:
    """Return how many connections to keep open: half of the descriptors that we may have, which we raise to all.

    Ten thousand that say nothing then hold up nobody; each costs some kilobytes and ends after `HEADERS_WITHIN_MS`.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptors = 2 * CONNECTIONS
    descriptors = descriptors if hard == resource.RLIM_INFINITY else min(descriptors, hard)
    if soft != resource.RLIM_INFINITY and soft < descriptors:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))
        soft = descriptors
    return CONNECTIONS if soft == resource.RLIM_INFINITY else min(CONNECTIONS, soft // 2)


def _take_orders(stop: Callable[..., None]) -> None:
    """Stop at SIGHUP too: Granian would start a second worker beside the first; a closed terminal means stop.

    Signals wait while the worker is forked: what reached it before it can listen would be lost.
    """
    handler = _once(stop)
    for order in _ORDERS:
        signal.signal(order, handler)
    os.register_at_fork(
        before=partial(signal.pthread_sigmask, signal.SIG_BLOCK, _ORDERS),
        after_in_parent=partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, _ORDERS),
    )


def _once(stop: Callable[..., None]) -> Callable[..., None]:
    """Return a handler that stops at the first order alone.

    Granian's takes a lock; at an order that interrupts it, as make and a shell pass one on, it would wait for itself.
    """
    stop_requested = threading.Lock()

    def handler(*_: Any) -> None:
        if stop_requested.acquire(blocking=False):
            stop()

    return handler


# --- in the worker's process ----------------------------------------------------------------------------------------


def _load(settings: Settings) -> Any:
    from service.app import create_app
    from service.store.readers import READERS
    from service.web.front import Front
    from service.web.lanes import Lanes, lane_sizes

    app = create_app(settings)
    front = Front(
        app,
        Lanes(lane_sizes(settings.threads, READERS)),
        body_bytes=settings.limits.body_bytes,
        admit=app.extensions["mttx.admission"],
    )
    _before_the_stop.append(front.hurry)
    return front


def _work(*arguments: Any) -> None:
    """Serve until told to stop, then run what the application registered with atexit: a forked process skips it."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # not the main process's handler, which a fork inherits
    if hasattr(signal, "sigwaitinfo"):
        signal.pthread_sigmask(signal.SIG_BLOCK, _ORDERS)  # before any thread starts, so that it holds for all
        threading.Thread(target=_stop_when_requested, name="stop-when-told", daemon=True).start()
    else:  # macOS; there the server's own handlers have to do
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ORDERS)
    threading.Thread(target=_stop_with_parent, name="stop-with-parent", daemon=True).start()
    from granian.server.mp import MPServer  # from here on it takes a while

    from service.store import StoreRefused

    try:
        MPServer._spawn_rsgi_worker(*arguments)
    except (SettingsError, StoreRefused) as error:
        _log.critical("cannot start: %s", error)
        sys.exit(1)
    except Exception:  # the end of this process: what is not told here is told by nobody
        _log.critical("cannot start", exc_info=True)
        sys.exit(1)
    finally:
        atexit._run_exitfuncs()


def _stop_when_requested() -> None:
    """Stop at the main process's order, and leave it a moment to give it where somebody else spoke first.

    Ctrl-C and systemd signal both processes. Twice told, Granian 2.8 may wait for ever; and a worker that ends before
    the main process has told it to is taken for one that has crashed. Two equal signals may arrive as one.
    """
    if signal.sigwaitinfo(_ORDERS).si_pid != os.getppid():
        signal.sigtimedwait(_ORDERS, PASSED_ON_WITHIN_SECONDS)
    _stop()


def _stop_with_parent() -> None:
    """Wait for the end of the main process, of which its end of a pipe tells at once."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101 - a worker has one
    parent.join()
    _log.error("the main process is gone; stopping")
    _stop()
    time.sleep(DRAIN_SECONDS)
    os._exit(1)


def _stop() -> None:
    """Have the server's own handler called, once; before there is one, nothing was taken in and nothing is lost.

    The handler is the event loop's, which hears of a signal from whichever thread it comes to.
    """
    if not _stopping.acquire(blocking=False):
        return
    if not callable(signal.getsignal(signal.SIGTERM)):
        os._exit(0)
    for prepare in _before_the_stop:
        prepare()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    signal.raise_signal(signal.SIGTERM)
