"""`timer-service up`: the store, the API and the pollers of one machine, in one command."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from scheduler import VERSION, Settings, Store, StoreUnavailable, is_loopback
from timer_service.inbox_address import InboxAddress
from timer_service.process import inbox as inboxes
from timer_service.process.child import Child
from timer_service.process.embedded_store import ALLOCATOR, EmbeddedError, EmbeddedStore
from timer_service.process.history_file import BESIDE, history_url
from timer_service.process.listener import listen
from timer_service.process.probe import api_answers, bracketed
from timer_service.process.supervisor import Supervisor
from timer_service.supervisor_notes import Notes
from timer_service.tracing.choice import check_traces
from timer_service.web.access.settings_files import open_files

log = logging.getLogger(__name__)

#: Seconds in which the embedded store loads its append-only file: some 100 bytes a timer, a million in 2 s.
_LOAD_PATIENCE = 600.0
_START_PATIENCE = 30.0
#: What timers may call, beside public addresses, when only this machine can set them.
_LOOPBACK = "127.0.0.0/8,::1/128"
#: Seconds beyond a part's own grace before it is killed.
_STOP_PATIENCE = 5.0


class StartFailed(Exception):
    """A part refused to start for the first time; the message says what to do."""


def _tell_nobody(_address: str) -> None:
    pass


def run(settings: Settings, store: EmbeddedStore | None, tell_address: Callable[[str], object] = _tell_nobody) -> None:
    """Run until a signal; without a `store` of ours that of TIMER_REDIS_URL is used. `tell_address` is called with the
    API's, where it answers soon.

    Raises SettingsError, EmbeddedError or StartFailed with one line that says what to do.
    """
    open_files(settings)  # what is refused is told before anything has begun
    check_traces(settings)
    os.umask(0o077)  # what the store writes holds the secrets of its users
    lock = store.lock() if store else None
    # Ours, not the API's: clients wait while that restarts.
    listener = listen(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    egress_allow = settings.egress_allow or (_LOOPBACK if is_loopback(settings.host) else "")
    inbox_listener = inboxes.listen(replace(settings, port=port, egress_allow=egress_allow))
    inbox = InboxAddress(inbox_listener.getsockname()[1]) if inbox_listener else None
    notes = Notes()
    supervisor = Supervisor(tell=notes.tell)
    try:
        if store and lock is not None and not _start_store(supervisor, store, lock):
            return
        environ = {
            "TIMER_REDIS_URL": store.url if store else settings.redis_url,
            "TIMER_PORT": str(port),
            "TIMER_EGRESS_ALLOW": egress_allow,
        }
        data_dir = store.data_dir if store else Path(settings.data_dir)
        if settings.history_url:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            environ["TIMER_HISTORY_URL"] = history_url(settings.history_url, data_dir)
            _note_ends(replace(settings, redis_url=environ["TIMER_REDIS_URL"]))
        if settings.metrics_port:  # each knows its own port, and not those of the others
            count = settings.pollers + bool(settings.history_url)
            ports = range(settings.metrics_port, settings.metrics_port + count)
            metrics = [f"{bracketed(settings.metrics_host)}:{port}" for port in ports]
            environ["TIMER_EGRESS_DENY"] = ",".join(filter(None, [settings.egress_deny, *metrics]))
        for number in range(settings.pollers):
            patience = settings.grace + _STOP_PATIENCE
            # One port each, from the one of the settings on.
            own = {"TIMER_METRICS_PORT": str(settings.metrics_port + number if settings.metrics_port else 0)}
            poller = Child(f"poller {number + 1}", _ourselves("poller"), 1, patience, environ=environ | own)
            supervisor.start(poller)
        if settings.history_url:
            own = {"TIMER_METRICS_PORT": str(settings.metrics_port + settings.pollers if settings.metrics_port else 0)}
            supervisor.start(Child("history", _ourselves("history"), 1, 3 * _STOP_PATIENCE, environ=environ | own))
        command = [*_ourselves("api"), "--fd", str(listener.fileno())]
        fds = [listener.fileno(), notes.descriptor]
        api_environ = environ | notes.environ | (inbox.environ if inbox else {})
        address = f"http://{bracketed(host)}:{port}"
        tell_address(address)
        api = Child("api", command, 2, 10 + _STOP_PATIENCE, environ=api_environ, pass_fds=fds)
        if supervisor.start(api, lambda: api_answers(host, port), _START_PATIENCE):
            print(_banner(settings, address, store, inbox), flush=True)
        elif api.refused():
            raise StartFailed("the API did not start; what it said above tells why")
        elif not supervisor.stopping:
            log.warning("the API does not answer yet")
        if inbox and inbox_listener:
            supervisor.start(_inbox_child(inbox, inbox_listener))
        supervisor.run()
    finally:
        listener.close()  # or the kernel goes on to take clients whom nobody will serve
        if inbox_listener:
            inbox_listener.close()
        supervisor.stop()
        if store:
            store.tidy()


def _start_store(supervisor: Supervisor, store: EmbeddedStore, lock: int) -> bool:
    """False if we are to stop meanwhile."""
    child = Child(
        "store",
        store.command(),
        0,
        30.0,
        hurried=10.0,
        environ=ALLOCATOR,
        pass_fds=[lock],
        prepare=store.prepare,
        reachable=store.socket.exists,
        log=str(store.log),
    )
    if supervisor.start(child, store.answers, _LOAD_PATIENCE):
        return True
    if supervisor.stopping:
        return False
    raise EmbeddedError(f"the embedded store did not start; the end of {store.log}:\n{store.last_words()}")


def _note_ends(settings: Settings) -> None:
    """Before the first timer ends: the history's own process takes a second to start."""
    with contextlib.suppress(StoreUnavailable):  # it does so itself once the store is there
        store = Store(settings)
        store.unread.begin()
        store.close()


def _inbox_child(inbox: InboxAddress, listener: socket.socket) -> Child:
    """It ends after the pollers, whose last requests may go to it."""
    command = [*_ourselves("receive"), "--fd", str(listener.fileno())]
    return Child("inbox", command, 0, _STOP_PATIENCE, environ=inbox.environ, pass_fds=[listener.fileno()])


def _ourselves(command: str) -> list[str]:
    """Our own sub-command, so that `ps` shows `timer-service api`."""
    return [sys.executable, str(Path(sys.executable).with_name("timer-service")), command]


def _banner(settings: Settings, address: str, store: EmbeddedStore | None, inbox: InboxAddress | None) -> str:
    where = f"embedded Valkey, append-only file in {store.data_dir}" if store else "the server of TIMER_REDIS_URL"
    clock = "virtual: POST /clock/advance turns it, for tests" if settings.clock == "virtual" else "of the store"
    if is_loopback(settings.host) and not settings.egress_allow:
        egress = "timers may call this machine, for trying things out; no other address that is not public"
    else:
        egress = f"public addresses, and {settings.egress_allow or 'no others'}"
    history = (
        ""
        if not settings.history_url
        else "\n  history  "
        + ("an SQLite file beside it" if settings.history_url == BESIDE else "the database of TIMER_HISTORY_URL")
    )
    signed = "yes" if settings.signs else "no: set TIMER_SIGNING_SECRETS"
    key = "-H 'authorization: Bearer <key>' " if settings.has_keys else ""
    if inbox:
        arrives, hook = "it arrives in the inbox, which the page shows:", inbox.url
    else:
        arrives = f"a receiver prints it ({Path(sys.executable).with_name('timer-service')} receive):"
        hook = "http://localhost:9000/hook"
    after = "this store is removed then" if store and store.is_removed_at_the_end else "what is scheduled stays"
    return f"""
timer-service {VERSION}
  page     {address}/ui
  api      {address}
  inbox    {inbox.url if inbox else "none"}
  pollers  {settings.pollers}
  store    {where}{history}
  clock    {clock}
  egress   {egress}
  signed   {signed}

Try it on the page, or set a timer from another terminal. In five seconds {arrives}

  curl -X POST {address}/timer -H 'content-type: application/json' {key}\\
    -d '{{"hours":0,"minutes":0,"seconds":5,"url":"{hook}"}}'

Ctrl-C stops everything; {after}."""


__all__ = ["EmbeddedError", "EmbeddedStore", "StartFailed", "run"]
