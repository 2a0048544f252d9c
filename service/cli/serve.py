"""`mttx serve`: run the service under Granian, and stop it without losing accepted requests or leaving processes.

Two processes: this one handles signals and starts the worker (`worker.py`), which runs the application. The worker
exits when this process is gone, even after `kill -9`, and this one exits when the worker dies.
"""

import logging
import multiprocessing
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import click

from service import __version__, logs
from service.cli.params import config_option
from service.cli.web_config import WebConfigWatch, tls_options, wait_until_valid
from service.cli.worker import DRAIN_SECONDS, ORDERS, application, url_of, work
from service.settings.model import Settings
from service.settings.sources import Loaded, read
from service.settings.tokens import load_tokens
from service.settings.web_config import WebConfig, load_web_config

# Also the limit for idle connections, and for clients that send their headers byte by byte.
HEADERS_WITHIN_MS = 5_000
BACKLOG = 4096  # connections queued by the kernel
CONNECTIONS = 16_384  # open at once; fewer if the limit of descriptors is below twice as many

_SERVER_LOGS = {"debug": "debug", "error": "error"}  # at info it logs every step of its own

_log = logging.getLogger(__name__)


@click.command()
@config_option
@click.option("--listen", metavar="HOST:PORT", help="The address to serve on; overrides `listen`.")
@click.option(
    "--web.config.file", "web_config_file", metavar="FILE", help="TLS and users; overrides `web_config_file`."
)
def serve(path: Path | None, listen: str | None, web_config_file: str | None) -> None:
    """Take in alerts and serve the metrics, until SIGTERM or Ctrl-C."""
    os.umask(0o077)  # the database and files derived from it are for the service's user only
    options = {"MTTX_LISTEN": listen, "MTTX_WEB_CONFIG_FILE": web_config_file}
    loaded = read(path, {**os.environ, **{name: value for name, value in options.items() if value}})
    settings = loaded.settings
    if settings.tokens_file:
        load_tokens(settings.tokens_file)
    web_config = load_web_config(settings.web_config_file)
    address, claim = claim_address(settings)
    logs.configure(settings.log.level)
    exit_at(signal.SIGTERM)
    _greet(loaded, url_of(settings, web_config))
    with claim:
        while run(settings, web_config, address):
            exit_at(*ORDERS)
            _log.info("web.config.file changed: starting again with it")
            web_config = wait_until_valid(settings.web_config_file)
    _log.info("mttx has stopped")


def exit_at(*orders: signal.Signals) -> None:
    """Exit at these signals until the server handles them: PID 1 of a container ignores SIGTERM without a handler."""
    for order in orders:
        signal.signal(order, lambda *_: sys.exit(0))


def claim_address(settings: Settings) -> tuple[str, socket.socket]:
    """Return the IP address to listen on, if it is free, and a socket that reserves it while open.

    Granian shares ports (SO_REUSEPORT): a second server would not notice, and each would get some of the connections.
    The worker listens only once everything is loaded; until then this bound socket, which accepts no connections,
    keeps others from the address. It sets SO_REUSEPORT itself once bound, so that the worker can bind too.
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
    """Bind exclusively; the kernel may still hold connections of a previous server."""
    try:
        claim.bind(address)
    except OSError:
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        claim.bind(address)
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)


def _greet(loaded: Loaded, url: str) -> None:
    settings = loaded.settings
    _log.info("mttx %s starts on %s", __version__, settings.listen)
    if not sys.stderr.isatty():
        return
    base = settings.public_url or url
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


def run(settings: Settings, web_config: WebConfig, address: str) -> bool:
    """Serve until a stop signal, or until the files of TLS and users change: then return True."""
    from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
    from granian.http import HTTP1Settings
    from granian.log import LogLevels
    from granian.server.mp import MPServer

    if sys.platform == "linux":  # from 3.14 on, Python prefers what starts more slowly and shares no memory
        multiprocessing.set_start_method("fork", force=True)
    server = MPServer(
        "service.app:create_app",
        address=address,
        port=settings.port,
        interface=Interfaces.RSGI,
        loop=Loops.asyncio,
        runtime_mode=RuntimeModes.mt,  # its one thread besides the loop's does not take Python's GIL
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
        **tls_options(web_config.tls_server_config),
    )
    stop = _Stop(server.signal_handler_interrupt)
    watch = WebConfigWatch(settings.web_config_file, web_config, stop.now)
    server.on_startup(stop.take_orders)
    server.on_startup(watch.start)
    # A custom loader: Granian's puts the working directory before the installed packages.
    server.serve(spawn_target=work, target_loader=partial(application, settings, web_config), wrap_loader=False)
    return watch.has_changed and not stop.is_ordered


def _connections() -> int:
    """Return the maximum of open connections: half the limit of descriptors, which is raised to the hard limit.

    Ten thousand silent connections then block no one; each costs some kilobytes and ends after `HEADERS_WITHIN_MS`.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptors = 2 * CONNECTIONS
    descriptors = descriptors if hard == resource.RLIM_INFINITY else min(descriptors, hard)
    if soft != resource.RLIM_INFINITY and soft < descriptors:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))
        soft = descriptors
    return CONNECTIONS if soft == resource.RLIM_INFINITY else min(CONNECTIONS, soft // 2)


class _Stop:
    """Stops the server at the first request and ignores later ones.

    Granian's handler takes a lock; a second signal during it, as forwarded by make or a shell, would deadlock.
    """

    def __init__(self, stop: Callable[..., None]) -> None:
        self._stop = stop
        self._once = threading.Lock()
        self.is_ordered = False

    def by_signal(self, *_: Any) -> None:
        """Stop for good."""
        self.is_ordered = True
        self.now()

    def now(self) -> None:
        """Stop, to start again unless a signal comes as well."""
        if self._once.acquire(blocking=False):
            self._stop()

    def take_orders(self) -> None:
        """Stop at SIGHUP too: Granian would start a second worker beside the first; a closed terminal means stop."""
        for order in ORDERS:
            signal.signal(order, self.by_signal)
        _block_orders_during_forks()


@cache
def _block_orders_during_forks() -> None:
    """Block signals during the fork of the worker: those arriving before it can handle them would be lost."""
    os.register_at_fork(
        before=partial(signal.pthread_sigmask, signal.SIG_BLOCK, ORDERS),
        after_in_parent=partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, ORDERS),
    )
