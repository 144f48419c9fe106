"""Names on their way to addresses, for a loop that must not wait: asked once for all calls, remembered for a while."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import count
from queue import Empty, SimpleQueue
from urllib.parse import urlsplit

from scheduler.delivery.cares import CaresResolver
from scheduler.delivery.curl_call import Call
from scheduler.delivery.egress import literal
from scheduler.origin import before_path

#: Seconds for which the addresses of a name are used again; the guard judges them each time.
_REMEMBER = 10.0
_MOST_REMEMBERED = 4096

#: Host and port.
Origin = tuple[str, int]


class Names:
    """Used by one thread; `ring` is called from any when there are answers to take."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._resolver = CaresResolver()
        self._answers: SimpleQueue[tuple[Origin, list[str]]] = SimpleQueue()
        self._waiting: dict[Origin, list[Call]] = {}
        self._known: dict[Origin, tuple[float, list[str]]] = {}
        self._deadlines: list[tuple[float, int, Call]] = []
        self._serial = count()

    def addresses(self, url: str) -> tuple[Origin, list[str] | None]:
        """Where a URL leads, and the addresses of its host if they are known without asking."""
        origin, address = _origin(before_path(url))
        if address is not None:
            return origin, [address]
        until, found = self._known.get(origin, (0.0, None))
        return origin, found if time.monotonic() < until else None

    def ask(self, call: Call, origin: Origin) -> None:
        """Let a call wait until the name is looked up, or its own deadline is over."""
        heapq.heappush(self._deadlines, (call.deadline, next(self._serial), call))
        if origin in self._waiting:
            self._waiting[origin].append(call)
            return
        self._waiting[origin] = [call]

        def answered(addresses: list[str]) -> None:
            self._answers.put((origin, addresses))
            self._ring()

        self._resolver.ask(*origin, answered)

    def answered(self) -> Iterator[tuple[Call, Origin, list[str]]]:
        """The calls whose names have been looked up; no address means that there is no such name."""
        while True:
            try:
                origin, addresses = self._answers.get_nowait()
            except Empty:
                return
            if addresses:
                self._remember(origin, addresses)
            for call in self._waiting.pop(origin, []):
                yield call, origin, addresses

    def next_deadline(self) -> float | None:
        return self._deadlines[0][0] if self._deadlines else None

    def overdue(self, now: float) -> Iterator[Call]:
        """The calls that have waited for their names until their deadlines."""
        while self._deadlines and self._deadlines[0][0] <= now:
            call = heapq.heappop(self._deadlines)[2]
            for calls in self._waiting.values():
                if call in calls:
                    calls.remove(call)
                    yield call

    def close(self) -> None:
        self._resolver.close()

    def _remember(self, origin: Origin, addresses: list[str]) -> None:
        now = time.monotonic()
        if len(self._known) >= _MOST_REMEMBERED:
            self._known = {key: entry for key, entry in self._known.items() if entry[0] > now}
        self._known[origin] = (now + _REMEMBER, addresses)


@lru_cache(4096)
def _origin(prefix: str) -> tuple[Origin, str | None]:
    """Host and port of what a URL says before its path, and the address if the host is one."""
    parts = urlsplit(prefix)
    host = (parts.hostname or "").removesuffix(".")
    return (host, parts.port or (443 if parts.scheme == "https" else 80)), literal(host)
