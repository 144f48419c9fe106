"""Looks names up for a loop that must not wait: each once for all calls, and remembers the addresses for a while."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import lru_cache
from queue import Empty, SimpleQueue
from urllib.parse import urlsplit

from scheduler.delivery.addresses import Origin
from scheduler.delivery.details import NAME_SERVER_FAILED
from scheduler.delivery.egress import literal
from scheduler.delivery.sockets.agenda import Agenda
from scheduler.delivery.sockets.call import Call
from scheduler.delivery.sockets.resolver import Found, open_resolver
from scheduler.origin import before_path

#: Seconds for which the addresses of a name are used again; the guard judges them each time.
_REMEMBER = 10.0
_MOST_REMEMBERED = 4096
#: Seconds after which it is seen that other name servers are to be asked.
_LOOK_AGAIN = 1.0

log = logging.getLogger(__name__)


class Lookups:
    """Looks names up, each once for all calls that wait for it. `close` ends its resolver.

    Used by one thread; `ring` is called from any when there are answers to take. Raises ValueError for a URL that names
    no host, and nothing else.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._resolver = open_resolver()
        self._answers: SimpleQueue[tuple[Origin, Found]] = SimpleQueue()
        #: The calls that wait for each name.
        self._waiting: dict[Origin, dict[Call, None]] = {}
        #: The oldest first.
        self._known: OrderedDict[Origin, tuple[float, list[str]]] = OrderedDict()
        self._deadlines: Agenda[Call] = Agenda()
        self._look_again_at = 0.0

    def addresses(self, url: str) -> tuple[Origin, list[str] | None]:
        """Where a URL leads, and the addresses of its host if they are known without asking."""
        origin, address = _origin(before_path(url))
        if address is not None:
            return origin, [address]
        now = time.monotonic()
        self._look_for_changes(now)
        until, found = self._known.get(origin, (0.0, None))
        return origin, found if now < until else None

    def ask(self, call: Call, origin: Origin) -> None:
        """Let a call wait until the name is looked up, or its own deadline is over."""
        call.origin = origin
        self._deadlines.add(call.deadline, call)
        if origin in self._waiting:
            self._waiting[origin][call] = None
            return
        self._waiting[origin] = {call: None}

        def answered(addresses: Found) -> None:
            self._answers.put((origin, addresses))
            self._ring()

        try:
            self._resolver.ask(*origin, answered)
        except Exception:  # whatever one name does, the poller goes on
            log.exception("a name cannot be looked up")
            answered(NAME_SERVER_FAILED)

    def answered(self) -> Iterator[tuple[Call, Origin, Found]]:
        """The calls whose names have been looked up; or why there are none."""
        while True:
            try:
                origin, addresses = self._answers.get_nowait()
            except Empty:
                return
            if addresses and not isinstance(addresses, str):
                self._remember(origin, addresses)
            for call in self._waiting.pop(origin, ()):
                self._deadlines.drop(call)
                yield call, origin, addresses

    def next_deadline(self) -> float | None:
        """The moment at which overdue() is to be called."""
        at = self._deadlines.next()
        return min(at, self._look_again_at) if at is not None and self._waiting else at

    def overdue(self, now: float) -> Iterator[Call]:
        """The calls that have waited for their names until their deadlines."""
        if self._waiting:  # it may be for a server that is not asked any more
            self._look_for_changes(now)
        for call in self._deadlines.due(now):
            del self._waiting[call.origin][call]
            yield call

    def close(self) -> None:
        self._resolver.close()

    def _look_for_changes(self, now: float) -> None:
        if now >= self._look_again_at:
            self._look_again_at = now + _LOOK_AGAIN
            if self._resolver.look_for_changes():
                self._known.clear()

    def _remember(self, origin: Origin, addresses: list[str]) -> None:
        self._known[origin] = (time.monotonic() + _REMEMBER, addresses)
        self._known.move_to_end(origin)
        if len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)


@lru_cache(4096)
def _origin(prefix: str) -> tuple[Origin, str | None]:
    """Host and port of what a URL says before its path, and the address if the host is one."""
    parts = urlsplit(prefix)
    host = parts.hostname or ""  # a dot at its end means that no domain is to be searched for it
    return (host, parts.port or (443 if parts.scheme == "https" else 80)), literal(host.removesuffix("."))
