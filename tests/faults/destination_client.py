"""A client that limits and pauses destinations, has their receivers fail, and notes what it was told and when."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any, TypeVar

from scheduler import (
    Backoff,
    DestinationSettings,
    DestinationState,
    Draft,
    Rate,
    ResumeAt,
    Settings,
    Store,
    StoreUnavailable,
    TimerError,
    Webhook,
    destination,
)
from scheduler.store.destinations import Destinations
from tests.faults.field import Field
from tests.faults.history import Break, Create, Limit, Outage, Pause, Verdict
from tests.faults.planted import PlantedLink

#: The numbers of these timers; those of a load begin at 0, and schedules and those of later versions have others.
_FIRST = 3 * 10**9
#: Seconds for which it repeats a call: longer than any fault.
_PATIENCE = 60.0
_BACKOFF = Backoff(steps=(1,))
_T = TypeVar("_T")
_Known = TypeVar("_Known", Limit, Pause, Outage)


class DestinationClient:
    """Destinations by their numbers, from 0. Each call but `send` is repeated until it is answered."""

    def __init__(self, field: Field, bug: str = "") -> None:
        self._field = field
        self._record = field.record
        self._store = Store(Settings(redis_url=field.api_wire.url))
        self._destinations = self._store.destinations
        if bug:
            self._destinations = Destinations(PlantedLink(self._store.link.client, bug))
        self._number = _FIRST

    def close(self) -> None:
        self._store.close()

    def id(self, host: int) -> str:
        return destination(self._field.own_url(host))

    def send(self, host: int, count: int = 1, delay: float = 0.0, hold_ms: int = 0, *more: str) -> None:
        """So many timers, of each of which it is noted whether it was set."""
        for _ in range(count):
            self._number += 1
            self._set(
                host, delay, Webhook(url=self._field.own_url(host, self._number, hold_ms, *more), backoff=_BACKOFF)
            )

    def send_alike(self, host: int, status: int, count: int = 1, delay: float = 0.0, attempts: int = 1) -> None:
        """So many timers of one path, each of which gets this status at every of its attempts."""
        for _ in range(count):
            self._number += 1
            url = self._field.own_url(host, "all", 0, f"always-{status}?{self._number}")
            self._set(host, delay, Webhook(url=url, backoff=_BACKOFF, max_attempts=attempts))

    def _set(self, host: int, delay: float, webhook: Webhook) -> None:
        """The timer of the latest number."""
        start = time.time()
        draft = Draft(self._store.timers.new_id(), webhook, delay_ms=round(1000 * delay))
        timer_id, due_at, verdict = None, None, Verdict.UNKNOWN
        try:
            (timer,) = self._store.timers.set(draft)
            timer_id, due_at, verdict = timer.id, timer.due_at / 1000, Verdict.OK
        except StoreUnavailable:
            pass
        except TimerError:
            verdict = Verdict.FAIL
        self._record.creates.append(
            Create(
                number=self._number,
                start=start,
                end=time.time(),
                verdict=verdict,
                delay=delay,
                timer_id=timer_id,
                due_at=due_at,
                destination=self.id(host),
            )
        )

    def limit(self, host: int, rate: int | None = None, burst: int = 1, concurrency: int | None = None) -> None:
        """At most so many a second, so many at once; and so many under way."""
        self._change(self._record.limits, host, end=time.time())
        settings = DestinationSettings(rate=None if rate is None else Rate(rate, burst=burst), concurrency=concurrency)
        self._insist(lambda: self._destinations.put(self.id(host), settings))
        each = 0.0 if rate is None else 1.2 / rate
        if concurrency is not None:
            each = max(each, 0.5)  # whoever is refused a permit looks again after a second
        it = Limit(destination=self.id(host), start=time.time(), rate=rate, burst=burst, concurrency=concurrency)
        self._record.limits.append(replace(it, each=each))

    def pause(self, host: int, seconds: float | None = None) -> None:
        """For so long, or until it is resumed."""
        asked = time.time()
        until = None if seconds is None else round(1000 * (asked + seconds))
        self._insist(lambda: self._destinations.pause(self.id(host), "to see what happens", "a client", until))
        end = inf if until is None else until / 1000
        is_slow = seconds is not None
        it = Pause(destination=self.id(host), asked=asked, start=time.time(), end=end, over=end, slow=is_slow)
        self._record.pauses.append(it)

    def resume(self, host: int, at: ResumeAt = ResumeAt.SLOW) -> None:
        asked = time.time()
        self._insist(lambda: self._destinations.resume(self.id(host), at))
        self._change(self._record.pauses, host, end=asked, over=time.time(), slow=at is ResumeAt.SLOW)

    def away(self, host: int, seconds: float, status: int = 500, hold_ms: int = 0) -> None:
        """Whatever its receiver is sent for so long gets this status after so many ms, or if that is 0 no answer."""
        start = time.time()
        with urllib.request.urlopen(self._field.own_url(host, "away", seconds, status, hold_ms), timeout=10):
            pass
        self._record.outages.append(Outage(destination=self.id(host), start=start, end=start + seconds))

    def note_whether_broken(self, host: int) -> bool:
        """Look whether the breaker has opened, while its receiver is away."""
        last = next((it for it in reversed(self._record.outages) if it.destination == self.id(host)), None)
        if last is None or last.broken_at is not None or time.time() > last.end:
            return last is not None and last.broken_at is not None
        if self._broken_since(host) is None:
            return False
        self._change(self._record.outages, host, broken_at=time.time())
        return True

    def note_break(self, host: int) -> None:
        """Look whether the breaker has opened, though nobody has its receiver away."""
        since = self._broken_since(host)
        if since is not None:
            found = Break(destination=self.id(host), at=since)
            if found not in self._record.breaks:
                self._record.breaks.append(found)

    def _broken_since(self, host: int) -> float | None:
        """None also where the store is away."""
        try:
            it = self._destinations.get(self.id(host))
        except StoreUnavailable:
            return None
        is_broken = it.state in (DestinationState.BROKEN, DestinationState.PROBING)
        return it.since / 1000 if is_broken and it.since is not None else None

    def _change(self, known: list[_Known], host: int, **more: Any) -> None:
        """What is known of the last one of this destination, if there is one."""
        for place in reversed(range(len(known))):
            if known[place].destination == self.id(host):
                known[place] = replace(known[place], **more)
                return

    def _insist(self, call: Callable[[], _T]) -> _T:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                return call()
            except StoreUnavailable:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
