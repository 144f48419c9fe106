"""The API under gunicorn, in a worker class that serves many clients while some of them wait for a frozen store."""

from __future__ import annotations

import gc
import logging
import sys
from itertools import count
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from scheduler import Settings
from timer_service.process.child import die_with
from timer_service.process.server.cores import Core
from timer_service.process.server.worker import Worker
from timer_service.tracing.choice import check_traces
from timer_service.web.access.request_counts import RequestCounts
from timer_service.web.access.settings_files import open_files
from timer_service.web.app import create_app, webhook_rules
from timer_service.web.compiled_templates import load_soon

log = logging.getLogger(__name__)


class Server(BaseApplication):  # type: ignore[misc]
    """The API on a listening socket. Call run(); it returns when the server has been told to stop.

    Raises SettingsError for settings that only the application can judge.
    """

    def __init__(self, settings: Settings, descriptor: int) -> None:
        webhook_rules(settings)  # what is refused is told here in one line, and not by each worker
        check_traces(settings)
        self._settings = settings
        self._files = open_files(settings)
        self._bind = f"fd://{descriptor}"
        self._counts = RequestCounts()
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": self._bind,
            "workers": self._settings.api_workers,
            "worker_class": Worker,
            "threads": self._settings.api_threads,
            "graceful_timeout": 10,
            "loglevel": "warning",
            "errorlog": None,  # what gunicorn has to say goes where our own lines go
            "on_starting": lambda _: setattr(logging.getLogger("gunicorn.error"), "propagate", True),
            "control_socket_disable": True,
            "forwarder_headers": "",  # nobody tells us by a header who they are
            "forwarded_allow_ips": "",
            "when_ready": _say_where,
            "pre_fork": self._before_fork,
            "post_fork": self._begin_worker,
            "worker_exit": _end_worker,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        app = create_app(self._settings, counts=self._counts, files=self._files)
        # What is there now stays; looking through it again and again for garbage took 5 % of a batch.
        gc.collect()
        gc.freeze()
        load_soon(app)
        return app

    def _before_fork(self, arbiter: Any, worker: Any) -> None:
        _choose_slot(arbiter, worker)
        self._files.problems()  # the worker begins with what is read here, should the file be broken by then

    def _begin_worker(self, arbiter: Any, worker: Any) -> None:
        _die_with(arbiter.pid)
        if sys.platform == "linux":
            worker.core = Core()
        self._counts.use(worker.slot)


def _end_worker(arbiter: Any, worker: Any) -> None:
    """Its last spans are sent, for a few seconds at most."""
    app: Flask | None = getattr(worker, "wsgi", None)
    if app is not None and app.extensions["traces"] is not None:
        app.extensions["traces"].close()


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
