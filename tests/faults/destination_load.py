"""Destinations with limits, pauses and receivers that fail, under a steady load of timers."""

from __future__ import annotations

import random
import threading
import time

from scheduler import ResumeAt
from tests.faults.destination_client import DestinationClient
from tests.faults.field import Field

#: Timers a second to each, and seconds until they are due at most.
_PER_SECOND, _DELAY = 3.0, 2.0
#: ms until a timer is answered, at the one with a concurrency.
_HOLD_MS = 200
#: Timers that are due at once when a receiver begins to fail: each poller sees ten failures soon.
_AT_ONCE = 40
#: By number: what each of the destinations is for.
_RATE, _BURST, _CONCURRENCY, _PAUSED, _PAUSED_UNTIL, _RATE_AND_PAUSE, _REFUSING, _SILENT, _GATEWAY, _NOT_FOUND = range(
    10
)
#: Of the timers to a gateway those of the one tenant whose receiver fails: each is tried twice. With ten of them in a
#: row a poller takes the gateway for broken if it has just begun, and no other has told of an answer there.
_FAILING = 0.2


class DestinationLoad:
    """Runs from start() to stop(), in a thread; about two calls a second beside the timers."""

    def __init__(self, field: Field, seed: int) -> None:
        self._client = DestinationClient(field)
        self._chance = random.Random(seed)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        #: By destination when something else is to happen there, by the monotonic clock.
        self._next: dict[int, float] = {}
        self._paused: set[int] = set()
        self._failure: Exception | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """When all goes well again."""
        self._over.set()
        self._thread.join(120)
        if self._failure is not None:
            raise self._failure
        for host in self._paused:
            self._client.resume(host, ResumeAt.FULL)
        self._client.close()

    def _run(self) -> None:
        try:
            self._set_limits()
            while not self._over.wait(self._chance.expovariate(10 * _PER_SECOND)):
                self._send(self._chance.randrange(10), round(self._chance.uniform(0, _DELAY), 3))
                self._strike()
                for failing in (_REFUSING, _SILENT):
                    self._client.note_whether_broken(failing)
        except Exception as error:  # of another thread: stop() raises it where somebody sees it
            self._failure = error

    def _send(self, host: int, delay: float) -> None:
        if host == _GATEWAY:
            self._client.send_alike(host, 500 if self._chance.random() < _FAILING else 204, 1, delay, attempts=2)
        elif host == _NOT_FOUND:
            self._client.send_alike(host, 404, 1, delay, attempts=2)
        else:
            self._client.send(host, 1, delay, _HOLD_MS if host == _CONCURRENCY else 0)

    def _set_limits(self) -> None:
        self._client.limit(_RATE, 8)
        self._client.limit(_BURST, 8, burst=5)
        self._client.limit(_CONCURRENCY, concurrency=2)
        self._client.limit(_RATE_AND_PAUSE, 10)

    def _strike(self) -> None:
        """Whatever is to happen by now."""
        now = time.monotonic()
        for host in (_RATE, _PAUSED, _PAUSED_UNTIL, _RATE_AND_PAUSE, _REFUSING, _SILENT, _GATEWAY, _NOT_FOUND):
            if now >= self._next.setdefault(host, now + self._chance.uniform(0, 10)):
                self._next[host] = now + self._happens(host)

    def _happens(self, host: int) -> float:
        """Seconds until something else is to happen there."""
        chance, client = self._chance, self._client
        if host == _RATE:
            client.limit(host, chance.randrange(6, 20))
        elif host == _PAUSED_UNTIL:
            client.pause(host, chance.uniform(4, 8))
        elif host in (_REFUSING, _SILENT):
            seconds = chance.uniform(10, 16)
            client.away(host, seconds, *((503, 700) if host == _REFUSING else (0, 200)))
            client.send(host, _AT_ONCE)
            return seconds + 45.0  # by then it has been probed, and has all that waited
        elif host in (_GATEWAY, _NOT_FOUND):
            client.note_break(host)
            return 2.0  # one that is taken for broken is so for 5 s at least
        elif host in self._paused:
            client.resume(host, chance.choice(list(ResumeAt)))
            self._paused.discard(host)
        else:
            client.pause(host)
            self._paused.add(host)
            return chance.uniform(4, 10)
        return chance.uniform(12, 20)
