"""The sockets of libcurl's connections: which of them epoll watches, and since when those that are idle are."""

from __future__ import annotations

import logging
import select
import time

import pycurl

from scheduler.delivery.curl.connection import Connection, Ends, is_closed
from scheduler.delivery.early_closes import EarlyCloses

_EVENTS = {pycurl.POLL_IN: select.EPOLLIN, pycurl.POLL_OUT: select.EPOLLOUT}
_EVENTS[pycurl.POLL_INOUT] = select.EPOLLIN | select.EPOLLOUT
#: What epoll says, in libcurl's words.
FLAGS = [
    (pycurl.CSELECT_IN if events & select.EPOLLIN else 0)
    | (pycurl.CSELECT_OUT if events & select.EPOLLOUT else 0)
    | (pycurl.CSELECT_ERR if events & (select.EPOLLERR | select.EPOLLHUP) else 0)
    for events in range(32)
]

log = logging.getLogger(__name__)


class Sockets:
    """Used by one thread, that of the transport, which owns the epoll. Raises nothing: libcurl calls it."""

    def __init__(self, epoll: select.epoll) -> None:
        self._epoll = epoll
        self._closes = EarlyCloses()
        #: What each socket is watched for: most are used again soon for the same, and a call to epoll less is 2 us.
        self._watched: dict[int, int] = {}
        #: Sockets that libcurl has left, watched on.
        self.left: set[int] = set()
        #: Sockets that changed hands since epoll was last asked: what it said of them is about another connection.
        self.changed: set[int] = set()
        #: Until another socket has their numbers: libcurl says of no idle one that it has closed it.
        self._connections: dict[int, Connection] = {}
        self._by_ends: dict[Ends, Connection] = {}

    def opened(self, descriptor: int) -> None:
        """A new socket. Its number may be that of one which libcurl has closed, and epoll forgotten."""
        self._watched.pop(descriptor, None)
        before = self._connections.pop(descriptor, None)
        if before and self._by_ends.get(before.ends) is before:
            del self._by_ends[before.ends]

    def connected(self, descriptor: int, ends: Ends, origin: str) -> Connection:
        """A request to this origin is about to be sent on a new one."""
        connection = Connection(ends, origin, self._closes, descriptor)
        self._connections[descriptor] = self._by_ends[ends] = connection
        return connection

    def used_again(self, ends: Ends, origin: str) -> Connection:
        """A request is about to be sent on one that has carried another."""
        return self._by_ends.get(ends) or Connection(ends, origin, self._closes)

    def watch(self, event: int, descriptor: int, _multi: object, _assigned: object) -> None:
        """libcurl's callback. Must not raise: libcurl would never do anything again.

        What cannot be watched ends at its deadline.
        """
        if event == pycurl.POLL_REMOVE:
            self.changed.add(descriptor)
            self.left.add(descriptor)
            return
        self.left.discard(descriptor)
        if self._watched.get(descriptor) == event:  # the same connection: a new one is not in there
            return
        self.changed.add(descriptor)
        self._watched[descriptor] = event
        try:
            try:
                self._epoll.modify(descriptor, _EVENTS[event])
            except FileNotFoundError:  # new; or closed since, which epoll notices by itself
                self._epoll.register(descriptor, _EVENTS[event])
        except OSError as error:
            self._watched.pop(descriptor, None)
            log.error("a connection cannot be watched: %s", error.strerror)

    def hung_up(self, descriptor: int) -> None:
        """An idle connection became readable. If the peer closed it, remember that: libcurl looks once a second."""
        closed = is_closed(descriptor)
        try:
            if closed is False:  # it was watched for room to write, and there is some
                self._epoll.modify(descriptor, select.EPOLLIN)
                self._watched[descriptor] = pycurl.POLL_IN
                return
            self._epoll.unregister(descriptor)
        except OSError:  # libcurl closed it meanwhile, and says so of no idle one
            closed = None
        self.left.remove(descriptor)
        self._watched.pop(descriptor, None)
        connection = self._connections.get(descriptor)
        if connection and closed:
            connection.closed(time.monotonic())

    def forget_all(self) -> None:
        """All of them are closed, so that epoll has forgotten them."""
        self.left.clear()
        self.changed.clear()
        self._watched.clear()
        self._connections.clear()
        self._by_ends.clear()
