"""All connections of a transport: opened, watched by epoll, kept for the next request, closed."""

from __future__ import annotations

import errno
import logging
import select
import ssl
from functools import partial

from scheduler.delivery.descriptors import idle_connections
from scheduler.delivery.early_closes import EarlyCloses
from scheduler.delivery.sockets import tls
from scheduler.delivery.sockets.call import Call
from scheduler.delivery.sockets.connection import Connection, Secure
from scheduler.delivery.sockets.idle_connections import IdleConnections
from scheduler.delivery.transport import most_idle
from scheduler.timer import Delivery

#: What is wrong with this machine, and not with the way to a receiver.
_NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.ENOSPC}

log = logging.getLogger(__name__)


class Connections:
    """For the transport's thread. Moments are seconds of the monotonic clock."""

    def __init__(self, epoll: select.epoll, slots: int) -> None:
        self._epoll = epoll
        self._by_descriptor: dict[int, Connection] = {}
        self._idle = IdleConnections(idle_connections(slots))
        self._closes = EarlyCloses()
        self._context: ssl.SSLContext | None = None
        #: Descriptors that were opened since epoll was last asked: what it said of them was of connections before.
        self.opened: set[int] = set()

    def __len__(self) -> int:
        """All, the idle ones among them."""
        return len(self._by_descriptor)

    @property
    def idle(self) -> int:
        """How many carry nothing."""
        return len(self._idle)

    def told_of(self, descriptor: int) -> Connection | None:
        """The connection that epoll tells of."""
        return None if descriptor in self.opened else self._by_descriptor.get(descriptor)

    def take(self, call: Call, address: str, now: float) -> Connection | None:
        """An idle one that this call may be sent on."""
        once = call.claim.webhook.delivery is Delivery.AT_MOST_ONCE
        limit = most_idle(call.claim, once and self._closes.expected(call.root, now))
        while connection := self._idle.take((call.root, address), limit, now):
            # At most once, it cannot be sent again: a look more, of 2 us. epoll may have told of the answer alone.
            if not (once and connection.is_spoiled()):
                return connection
            self.met_close(connection, now)
            self.close(connection)
        return None

    def open(self, call: Call, address: str) -> Connection:
        """A new one, which begins to connect. Raises OSError."""
        try:
            connection = Connection((call.root, address), call.origin[1], self._secure(call.root))
            try:
                self._epoll.register(connection.descriptor, connection.watched)
            except OSError:
                connection.close()
                raise
        except OSError as error:
            if error.errno in _NO_ROOM:
                log.error("no connection can be opened: %s", error.strerror)
            raise
        self._by_descriptor[connection.descriptor] = connection
        self.opened.add(connection.descriptor)
        return connection

    def watch(self, connection: Connection, events: int) -> None:
        """epoll is to tell of these."""
        if events != connection.watched:
            self._epoll.modify(connection.descriptor, events)
            connection.watched = events

    def keep(self, connection: Connection, now: float) -> None:
        """It carries nothing from now on. If there are too many, the one that is idle for the longest is closed."""
        if spare := self._idle.add(connection, now):
            self.close(spare)

    def look_at_idle(self, connection: Connection, now: float) -> None:
        """epoll tells of one that is idle."""
        if connection.is_spoiled():
            self._closes.note(connection.key[0], now - connection.idle_since, now)
            self.close(connection)

    def met_close(self, connection: Connection, now: float) -> None:
        """The request that it carried, or was to carry, met a close."""
        self._closes.note(connection.key[0], connection.idle, now)

    def close(self, connection: Connection) -> None:
        """Whatever it carries; an idle one is not kept any more."""
        self._idle.remove(connection)
        if self._by_descriptor.get(connection.descriptor) is connection:
            del self._by_descriptor[connection.descriptor]
        connection.close()

    def next(self) -> float | None:
        """The moment at which close_old() is to be called."""
        return self._idle.next()

    def close_old(self, now: float) -> None:
        """Those that have been idle for too long."""
        for connection in self._idle.old(now):
            self.close(connection)

    def close_all(self) -> None:
        self._idle.old(float("inf"))
        for connection in list(self._by_descriptor.values()):
            self.close(connection)

    def _secure(self, root: str) -> Secure | None:
        if not root.lower().startswith("https:"):
            return None
        if self._context is None:
            self._context = tls.context()
        return partial(tls.wrap, self._context, root)
