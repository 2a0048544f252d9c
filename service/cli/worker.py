"""The worker of `mttx serve`: runs the application, and stops once, without losing accepted requests."""

import atexit
import gc
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from service.settings.errors import SettingsError
from service.settings.model import Settings
from service.settings.web_config import WebConfig

# Docker kills ten seconds after SIGTERM; a client that sends its body byte by byte must not block the stop until then.
DRAIN_SECONDS = 8
PASSED_ON_WITHIN_SECONDS = 0.5
ORDERS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}

_stopping = threading.Lock()
_before_the_stop: list[Callable[[], None]] = []
_log = logging.getLogger(__name__)


def url_of(settings: Settings, web_config: WebConfig) -> str:
    """Return the URL of the service by the address that it listens on."""
    return f"{'https' if web_config.tls_server_config else 'http'}://{settings.listen}"


def application(settings: Settings, web_config: WebConfig) -> Any:
    """Return the RSGI application that Granian serves: the service behind its front.

    What is loaded stays: searching it for garbage takes a seventh of the start; later searches leave it out.
    """
    gc.disable()
    try:
        return _application(settings, web_config)
    finally:
        gc.freeze()
        gc.enable()


def _application(settings: Settings, web_config: WebConfig) -> Any:
    from service.app import create_app
    from service.store.readers import READERS
    from service.web.front import Front
    from service.web.lanes import Lanes, lane_sizes

    app = create_app(settings, web_config)
    front = Front(
        app,
        Lanes(lane_sizes(settings.threads, READERS)),
        app.extensions["mttx.webhook_handler"],
        body_bytes=settings.limits.body_bytes,
        on_ready=partial(_log.info, "ready on %s", url_of(settings, web_config)),
    )
    _before_the_stop.append(front.hurry)
    return front


def work(*arguments: Any) -> None:
    """Serve until a stop signal, then run the application's atexit functions, which a forked process skips."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # not the main process's handler, which a fork inherits
    if hasattr(signal, "sigwaitinfo"):
        signal.pthread_sigmask(signal.SIG_BLOCK, ORDERS)  # before any thread starts, so that all inherit it
        threading.Thread(target=_stop_when_requested, name="stop-when-requested", daemon=True).start()
    else:  # macOS: the server's own handlers have to suffice
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ORDERS)
    threading.Thread(target=_stop_with_parent, name="stop-with-parent", daemon=True).start()
    from granian.server.mp import MPServer  # a slow import

    from service.store import StoreRefused

    try:
        MPServer._spawn_rsgi_worker(*arguments)
    except (SettingsError, StoreRefused) as error:
        _log.critical("cannot start: %s", error)
        sys.exit(1)
    except Exception:  # the process ends here: nothing else would log it
        _log.critical("cannot start", exc_info=True)
        sys.exit(1)
    finally:
        atexit._run_exitfuncs()


def _stop_when_requested() -> None:
    """Stop at the main process's signal; after one from elsewhere, wait briefly for the main process's own.

    Ctrl-C and systemd signal both processes. Signalled twice, Granian 2.8 may hang, and a worker that exits before the
    main process's signal is taken for crashed. Two equal signals may arrive as one.
    """
    if signal.sigwaitinfo(ORDERS).si_pid != os.getppid():
        signal.sigtimedwait(ORDERS, PASSED_ON_WITHIN_SECONDS)
    _stop()


def _stop_with_parent() -> None:
    """Stop when the main process ends, which its closed end of a pipe shows at once."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101 - a worker has one
    parent.join()
    _log.error("the main process is gone; stopping")
    _stop()
    time.sleep(DRAIN_SECONDS)
    os._exit(1)


def _stop() -> None:
    """Invoke the server's own handler, once; before it is installed nothing was accepted and nothing is lost.

    The handler is the event loop's, which is woken by a signal to any thread.
    """
    if not _stopping.acquire(blocking=False):
        return
    if not callable(signal.getsignal(signal.SIGTERM)):
        os._exit(0)
    for prepare in _before_the_stop:
        prepare()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    signal.raise_signal(signal.SIGTERM)
