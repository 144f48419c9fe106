"""The API under gunicorn, in a worker class that serves many clients while some of them wait for a frozen store."""

from __future__ import annotations

import gc
import logging
import os
import select
import socket
import struct
import sys
from itertools import count
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from scheduler import Settings
from timer_service import access, create_app
from timer_service.logs import fields
from timer_service.problems import plain_response
from timer_service.supervisor import die_with
from timer_service.tally import Tally

log = logging.getLogger(__name__)

#: Seconds for which one read from a client may last: a client that stops in mid-request holds a thread for no longer.
_PATIENCE = 10
#: ms for which a thread waits on a connection for its next request, while there is a thread for each.
_LINGER = 50
#: What gunicorn refuses before Flask sees it; every other of its ParseExceptions is a 400.
_STATUSES = {
    errors.ExpectationFailed: 417,
    errors.LimitRequestHeaders: 431,
    errors.LimitRequestLine: 414,
    errors.UnsupportedTransferCoding: 501,
}


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    def handle(self, conn: Any) -> Any:
        if not conn.initialized:
            # Not settimeout(): gunicorn makes the socket blocking again.
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", _PATIENCE, 0))
        kept = super().handle(conn)
        while kept is True and self._lingers(conn):
            kept = super().handle(conn)
        return kept

    def _lingers(self, conn: Any) -> bool:
        """Whether the next request comes so soon that it spares us the way through the poller and back to a thread."""
        if not self.alive or self.nr_conns > self.cfg.threads or conn.parser.unreader.buf.getvalue():
            return False
        ahead = select.poll()
        ahead.register(conn.sock, select.POLLIN)
        return bool(ahead.poll(_LINGER))

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """A problem of ours instead of gunicorn's HTML."""
        status = _STATUSES.get(type(exc), 400 if isinstance(exc, errors.ParseException) else 500)
        if status == 500:
            log.error("a request failed outside of the application", exc_info=exc)
        request_id = os.urandom(16).hex()
        access.log.info("request", extra=fields(request_id=request_id, status=status, refused=type(exc).__name__))
        try:
            client.sendall(plain_response(status, request_id))
        except OSError:
            log.debug("the client did not wait for its %d", status)


class Server(BaseApplication):  # type: ignore[misc]
    """Call run(); it returns when the server has been told to stop."""

    def __init__(self, settings: Settings, bind: str) -> None:
        self._settings = settings
        self._bind = bind
        self._tally = Tally()
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": self._bind,
            "workers": self._settings.api_workers,
            "worker_class": Worker,
            "threads": self._settings.api_threads,
            "keepalive": 75,  # seconds; longer than the idle time of common proxies
            "graceful_timeout": 10,
            "loglevel": "warning",
            "errorlog": None,  # what gunicorn has to say goes where our own lines go
            "on_starting": lambda _: setattr(logging.getLogger("gunicorn.error"), "propagate", True),
            "control_socket_disable": True,
            "forwarder_headers": "",  # nobody tells us by a header who they are
            "forwarded_allow_ips": "",
            "when_ready": _say_where,
            "pre_fork": _choose_slot,
            "post_fork": self._begin_worker,
        }
        for name, value in options.items():
            self.cfg.set(name, value)
        logging.getLogger("gunicorn.error").addFilter(_no_impatience)

    def load(self) -> Flask:
        app = create_app(self._settings, tally=self._tally)
        # What is there now stays; looking through it again and again for garbage took 5 % of a batch.
        gc.collect()
        gc.freeze()
        return app

    def _begin_worker(self, arbiter: Any, worker: Any) -> None:
        _die_with(arbiter.pid)
        _stay_on_one_core(arbiter.pid + worker.slot)
        self._tally.use(worker.slot)


def _stay_on_one_core(number: int) -> None:
    """Threads of one interpreter take turns; across cores they spend a third of their time on handing over.

    0.64 CPU s per 1,000 POST /timers instead of 1.0, and 1,550 a second instead of 1,000, with 16 clients on 2 cores.
    """
    if sys.platform == "linux":
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})


def _say_where(server: Any) -> None:
    log.info("listening on %s", ", ".join(map(str, server.LISTENERS)))


def _choose_slot(arbiter: Any, worker: Any) -> None:
    """Where the new worker counts."""
    taken = {other.slot for other in arbiter.WORKERS.values()}
    worker.slot = next(slot for slot in count() if slot not in taken)


def _die_with(arbiter: int) -> None:
    """A worker that outlives its arbiter would keep the port."""
    if ask_kernel := die_with(arbiter):
        ask_kernel()


def _no_impatience(record: logging.LogRecord) -> bool:
    """gunicorn reports a client that was too slow with a traceback; it is no failure of ours."""
    return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError))
