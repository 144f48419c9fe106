"""One call that turns a virtual clock: from one due moment to the next, once all that was due before has been done."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from scheduler.errors import StoreUnavailable
from scheduler.store.link import Link

#: Seconds after which one call goes no further, and after which it waits no longer for what is under way.
_TIME, _PATIENCE = 15.0, 20.0
#: Seconds in which nobody takes what is due after which there is no poller: each looks at least once a second.
_NOBODY = 5.0
#: Seconds without an answer after which the store is away. On a busy machine it may just be slow: looks are repeated.
_AWAY = 4.0
#: Seconds between two looks at what pollers do: at first, and at most.
_PAUSE, _LONGEST_PAUSE = 0.0005, 0.02


@dataclass(frozen=True, slots=True)
class Advance:
    """How far a call has turned the clock. Moments are ms."""

    now: int
    #: What was asked for.
    to: int
    #: Attempts that were over meanwhile.
    attempts: int
    #: Timers and schedules that are due and not taken; and those of which an attempt is not over.
    due: int
    delivering: int

    @property
    def stopped_by(self) -> str | None:
        """None if the clock is where it was to be, and all has been done. `delivering`: an attempt was not over in
        time; `due`: no poller takes what is due; `time`: there is more to do than one call does."""
        if self.delivering:
            return "delivering"
        if self.due:
            return "due"
        return None if self.now >= self.to else "time"


class Step(Enum):
    """What a look at the clock found."""

    #: Something is to be sent first.
    DUE = auto()
    TURNED = auto()
    #: It is as far as it was to be, or others have attempts under way.
    DONE = auto()


class TurnReply(NamedTuple):
    """What turn.lua tells of one partition."""

    #: us, as `ahead`; `next_due` is ms, or -1.
    now: int
    ahead: int
    due: int
    delivering: int
    next_due: int
    minute: int
    attempts: int
    before: int


class Turning:
    """Turns the clock and counts what is done meanwhile. For one thread and one call.

    Each method raises StoreUnavailable; then the clock may have been turned.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        #: Attempts by partition and minute, as they were told last.
        self._attempts: dict[tuple[int, int], int] = {}
        self._look()
        self._attempts_before = sum(self._attempts.values())

    @property
    def now(self) -> int:
        """ms, when the store was looked at last: of the partition that is least far."""
        return self._now // 1000

    @property
    def ahead(self) -> int:
        """ms by which it was ahead of the server's clock then."""
        return self._ahead // 1000

    def run(self, to: int, heartbeat: Callable[[], object]) -> Advance:
        """Turn it to this moment, ms, or as far as time and pollers allow. `heartbeat` is called again and again."""
        begun = time.monotonic()
        while True:
            try:
                self._go_on(to, begun, heartbeat)
                break
            except StoreUnavailable as error:
                if error.kind != "away" or time.monotonic() >= self._looked_at + _AWAY:
                    raise
                time.sleep(_LONGEST_PAUSE)
        attempts = sum(self._attempts.values()) - self._attempts_before
        return Advance(self.now, to, attempts, self._due, self._delivering)

    def _go_on(self, to: int, begun: float, heartbeat: Callable[[], object]) -> None:
        while self._is_all_done(begun + _PATIENCE, heartbeat) and self._now < 1000 * to:
            if time.monotonic() >= begun + _TIME:
                break
            self._turn(to)

    def step(self, to: int) -> Step:
        """One look for whoever sends what is due himself; the clock goes to the next due moment, or to this one, ms, if
        nothing is due and nothing under way."""
        self._look()
        if self._due:
            return Step.DUE
        if self._delivering or self._now >= 1000 * to:
            return Step.DONE
        self._turn(to)
        return Step.TURNED

    def _turn(self, to: int) -> None:
        moment = 1000 * to if self._next_due is None else min(1000 * to, self._next_due)
        self._look(self._ahead + moment - self._now)

    def _is_all_done(self, until: float, heartbeat: Callable[[], object]) -> bool:
        """Wait until nothing is due and nothing under way; false if that takes too long."""
        pause, nobody_at = _PAUSE, time.monotonic() + _NOBODY
        heartbeat()
        while self._due or self._delivering:
            time.sleep(pause)
            pause = min(_LONGEST_PAUSE, 1.2 * pause)
            due, attempts = self._due, sum(self._attempts.values())
            self._look()
            heartbeat()
            now = time.monotonic()
            if self._delivering or (due, attempts) != (self._due, sum(self._attempts.values())):
                nobody_at = now + _NOBODY
            if now >= min(until, nobody_at):
                return not (self._due or self._delivering)
        return True

    def _look(self, ahead: int = 0) -> None:
        """At all partitions at once, whose clocks are first set so many us ahead of the server's if they are less, and
        if nothing is due or under way there. One that was busy is behind the others, and goes on by itself."""
        replies = [TurnReply(*reply) for reply in self._link.run_at_once("turn", [ahead])]
        self._looked_at = time.monotonic()
        behind = min(replies, key=lambda it: it.now)
        self._now, self._ahead = behind.now, behind.ahead
        self._due = sum(it.due for it in replies)
        self._delivering = sum(it.delivering for it in replies)
        self._next_due = min((1000 * it.next_due for it in replies if it.next_due >= 0), default=None)
        for partition, it in enumerate(replies):
            self._attempts[partition, it.minute] = it.attempts
            self._attempts[partition, it.minute - 1] = it.before
