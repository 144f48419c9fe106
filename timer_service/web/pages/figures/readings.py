"""Reads for all who look at once: at most once a second, in one thread, and only while somebody looks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from scheduler import StoreUnavailable

#: Seconds for which a reading is shown again without another.
_EVERY = 1.0
#: Seconds that a viewer waits for a reading, counted from its beginning: what takes longer is shown once it is there.
_PATIENCE = 1.0
#: Seconds for which one is good enough for those who come while the next is under way.
_GOOD_ENOUGH = 3.0


class HasMoment(Protocol):
    """What is read from the store, with its clock's moment, ms."""

    @property
    def read_at(self) -> int: ...


T = TypeVar("T", bound=HasMoment)


@dataclass(frozen=True, slots=True)
class Away:
    """The store was asked and did not answer, or refused."""

    #: ms, by the store's clock if that is known: the first time it did not.
    since: int
    reason: str
    #: `away`, or a word for why it refused.
    kind: str


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What was read last."""

    #: None if nothing was ever read.
    value: T | None
    #: None if the store answered when it was asked last.
    away: Away | None
    #: The store's clock, ms: when `value` was read.
    as_of: int


class Readings(Generic[T]):
    """Gives viewers the latest reading. Shared by threads; owns none while nobody looks.

    A store that is slow or away holds no viewer for longer than _PATIENCE: they are given the last reading.
    """

    def __init__(self, read: Callable[[], T], clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._changed = threading.Condition()
        #: Of the clock: when the reading under way, or else the last one, began; and from when on the next is due.
        self._began_at = self._due_at = float("-inf")
        self._under_way = False
        #: Of the clock: when the last one ended.
        self._told_at = float("-inf")
        self._last: Reading[T] | None = None
        self._error: Exception | None = None
        #: ms of the store's clock at 0 of ours; of this machine's until the store has told its own.
        self._offset = time.time() * 1000 - 1000 * clock()

    def latest(self) -> Reading[T]:
        """Raises what reading raised, but for StoreUnavailable, which is a reading too."""
        with self._changed:
            now = self._clock()
            is_ours = not self._under_way and now >= self._due_at
            if is_ours:
                self._under_way, self._began_at, self._due_at = True, now, now + _EVERY
                threading.Thread(target=self._read_once, name="page", daemon=True).start()
            if self._under_way and (is_ours or self._last is None or now - self._told_at >= _GOOD_ENOUGH):
                self._changed.wait_for(lambda: not self._under_way, self._began_at + _PATIENCE - now)
            if self._error:
                raise self._error
            if self._last is None:
                began = self._moment(self._began_at)
                return Reading(None, Away(began, "no answer yet", "away"), began)
            return self._last

    def expire(self) -> None:
        """Whoever comes next waits for a new reading: what was read has been changed."""
        with self._changed:
            self._due_at = self._told_at = float("-inf")

    def _read_once(self) -> None:
        began_at, error, last = self._began_at, None, self._last
        try:
            value = self._read()
            self._offset = value.read_at - 1000 * self._clock()
            last = Reading(value, None, value.read_at)
        except StoreUnavailable as refusal:
            now = self._moment(began_at)
            since = last.away.since if last and last.away else now
            away = Away(since, str(refusal), refusal.kind)
            last = Reading(last.value, away, last.as_of) if last and last.value else Reading(None, away, now)
        except Exception as problem:  # told to whoever looks: this thread has nobody
            error = problem
        with self._changed:
            self._last, self._error, self._under_way = last, error, False
            self._told_at = self._clock()
            self._changed.notify_all()

    def _moment(self, at: float) -> int:
        """ms of the store's clock."""
        return round(1000 * at + self._offset)
