"""The receiver for trying things out that `up` starts beside the service, where timers may call it."""

from __future__ import annotations

import socket

from scheduler import Settings, guard_before_look_ups
from timer_service.inbox_address import HOST

#: Where `timer-service receive` listens too; any free one if it is taken.
_PORT = 9000
_BACKLOG = 1024


def listen(settings: Settings) -> socket.socket | None:
    """Its socket; None if it is not wanted, or if no timer may call it. `settings` are those of the pollers."""
    guard = guard_before_look_ups(settings)
    for port in (_PORT, 0) if settings.inbox else ():
        if port and not guard.permits(HOST, port):  # a poller may be about to take it for its metrics
            continue
        try:
            listener = socket.create_server((HOST, port), backlog=_BACKLOG)
        except OSError:
            continue
        if guard.permits(HOST, listener.getsockname()[1]):
            return listener
        listener.close()
    return None
