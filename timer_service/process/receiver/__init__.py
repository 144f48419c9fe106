"""A receiver of webhooks for trying things out: `timer-service receive` prints them, `timer-service up` keeps them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable

from scheduler import read_as, watched_file
from timer_service import inbox_address
from timer_service.printable import printable
from timer_service.process.receiver.connections import serve
from timer_service.process.receiver.control import Control
from timer_service.process.receiver.inbox import Arrival, Inbox
from timer_service.standard_streams import LineWriter

#: Connections that wait to be accepted: of a thousand timers due at once the kernel would lose most of what does not
#: fit, and try again seconds later.
_BACKLOG = 1024


def receive(host: str, port: int) -> None:
    """Print every request, until a signal. Raises OSError if it cannot listen there."""
    with socket.create_server((host, port), backlog=_BACKLOG) as listener:
        print(f"receiving on http://{host}:{listener.getsockname()[1]}", file=sys.stderr, flush=True)
        out = LineWriter(1, lambda dropped: b"%d lines were dropped: nobody read them in time\n" % dropped)
        inbox = Inbox(tell=lambda it: out.write(f"{line_of(it)}\n".encode("utf-8", "backslashreplace")))
        _run(listener, inbox, Control(inbox, ""))


def keep(descriptor: int) -> None:
    """Keep the newest requests for whoever has the token, until a signal. `descriptor` is a socket that listens."""
    address = inbox_address.read()
    assert address is not None, "`up` tells it"
    with socket.socket(fileno=descriptor) as listener:
        inbox = Inbox(_secrets())
        _run(listener, inbox, Control(inbox, address.token))


def _secrets() -> Callable[[], str]:
    """Those that the pollers of the same `up` sign with. Raises SettingsError."""
    if path := os.environ.get("TIMER_SIGNING_SECRETS_FILE", "").strip():
        return watched_file.WatchedFile("TIMER_SIGNING_SECRETS_FILE", path, read_as.signing_secrets).value
    secrets = os.environ.get("TIMER_SIGNING_SECRETS", "")
    return lambda: secrets


def line_of(it: Arrival) -> str:
    late = "no timer" if it.late_ms is None else f"{it.late_ms:.1f} ms after due"
    again = it.header("timer-redelivery")
    return printable(
        f"{it.method} {it.target}  {late}  id={it.header('webhook-id')} attempt={it.header('timer-attempt')}"
        f"{f' redelivery={again}' if again else ''}  {it.body[:200].decode('utf-8', 'replace')}"
    )


def _run(listener: socket.socket, inbox: Inbox, control: Control) -> None:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # at once, also as process 1 of a container
    asyncio.run(serve(listener, inbox, control))
