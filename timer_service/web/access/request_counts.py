"""What the workers of one API count together, in memory that their arbiter makes and all of them share.

prometheus-client would keep files in a folder named by a variable that is read when it is first imported. Here there is
nothing to clean up, and what a worker counted before it died still counts.
"""

from __future__ import annotations

import mmap
import re
import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from scheduler import REFUSAL_KINDS

#: Seconds: the upper ends of the histogram's buckets, but for the last, which has none.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other")
_OTHER_METHOD = METHODS.index("other")
#: The route of a request that found none.
NO_ROUTE = "none"

_CLASSES = ("2xx", "3xx", "4xx", "5xx")
#: One row: requests by class of their status, then by bucket of their duration, then the sum of these.
_ROW = len(_CLASSES) + len(BUCKETS) + 2
#: Workers at once, at least; a page that nobody writes to takes no memory.
_SLOTS = 256
_ROUTES = 64
#: Before the rows: 1 in a slot that a worker had; requests answered with 503; the calls that the store failed, by kind.
_ERRORS, _FAILURES = 1, 2
_HEAD = _FAILURES + len(REFUSAL_KINDS)
_SLOT = _HEAD + _ROUTES * len(METHODS) * _ROW


@dataclass(frozen=True, slots=True)
class Row:
    """What was counted of one route and method."""

    route: str
    method: str
    #: Class of the status -> requests.
    statuses: dict[str, float]
    #: Requests in each bucket of BUCKETS, and in the one beyond.
    durations: Sequence[float]
    seconds: float


@lru_cache(256)  # of the routes there are; each request has one
def route_name(rule: str) -> str:
    """A route as it is counted: /timers/<timer_id>, without the converter that Flask's rule may have."""
    return re.sub(r"<\w+:", "<", rule)


class RequestCounts:
    """Counts of all workers. Each adds in a slot of its own, its threads one at a time; a reader sums the slots.

    Made by the arbiter before it forks; the memory ends with the last of the processes. Raises nothing.
    """

    def __init__(self) -> None:
        self._numbers = memoryview(mmap.mmap(-1, 8 * _SLOTS * _SLOT)).cast("d")
        self._lock = threading.Lock()
        self._routes: dict[str, int] = {}
        self.use(0)

    def use(self, slot: int) -> None:
        """The slot of this worker. One that no living worker has: what a dead one left there is added to."""
        self._base = slot % _SLOTS * _SLOT
        self._numbers[self._base] = 1

    def name_routes(self, routes: Sequence[str]) -> None:
        """The same in every worker, for a row is found by the place of its route among them."""
        self._routes = {route: number for number, route in enumerate([NO_ROUTE, *sorted(set(routes))])}
        assert len(self._routes) <= _ROUTES

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        kind = METHODS.index(method) if method in METHODS else _OTHER_METHOD
        row = self._base + _HEAD + (self._routes[route] * len(METHODS) + kind) * _ROW
        duration = row + len(_CLASSES) + bisect_left(BUCKETS, seconds)
        with self._lock:
            self._numbers[row + min(max(status // 100, 2), 5) - 2] += 1
            self._numbers[duration] += 1
            self._numbers[row + _ROW - 1] += seconds

    def store_error(self) -> None:
        with self._lock:
            self._numbers[self._base + _ERRORS] += 1

    def store_errors(self) -> float:
        return self._sum(_ERRORS)

    def store_failure(self, kind: str) -> None:
        """A call that the store did not do, whatever the request was answered with."""
        with self._lock:
            self._numbers[self._base + _FAILURES + REFUSAL_KINDS.index(kind)] += 1

    def store_failures(self) -> dict[str, float]:
        return {kind: self._sum(_FAILURES + number) for number, kind in enumerate(REFUSAL_KINDS)}

    def rows(self) -> Iterator[Row]:
        """Of every route and method that was ever asked for: 2 ms for each worker."""
        slots = [at for at in range(0, _SLOTS * _SLOT, _SLOT) if self._numbers[at]]
        total = [sum(each) for each in zip(*(self._numbers[at : at + _SLOT].tolist() for at in slots), strict=True)]
        for route, number in self._routes.items():
            for kind, method in enumerate(METHODS):
                at = _HEAD + (number * len(METHODS) + kind) * _ROW
                *numbers, seconds = total[at : at + _ROW]
                by_class, durations = numbers[: len(_CLASSES)], numbers[len(_CLASSES) :]
                if any(by_class):
                    yield Row(route, method, dict(zip(_CLASSES, by_class, strict=True)), durations, seconds)

    def _sum(self, at: int) -> float:
        return sum(self._numbers[at::_SLOT])
