"""What a history of ended timers has yet to read: the store keeps these until it has, within bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from scheduler import giving_way
from scheduler.store import keys, layout
from scheduler.store.attempt_record import decode_attempts
from scheduler.store.each_alone import each_alone
from scheduler.store.link import Link
from scheduler.store.progress import read_progress
from scheduler.store.reading import TimerRow, read_timer
from scheduler.store.server import raise_first_error
from scheduler.timer import Attempt, Timer

#: Timers that one call tells at most, and those that one marks as read, each in 0.5 ms: the store serves nobody else
#: meanwhile.
_AT_ONCE, _MARKED = 50, 150
#: Calls for one batch: it holds 800 timers, or of the largest 10 MB.
_CALLS = 16
#: Unread ones that one call drops.
_DROPPED = 1000


class UnreadRow(NamedTuple):
    """What unread.lua tells of each timer."""

    id: bytes
    #: ms, the score under which it is unread.
    ended: bytes
    #: b"" of one that has not ended, or is unknown by now.
    status: bytes
    score: bytes
    record: bytes
    progress: bytes
    #: The JSON of each, those in the progress left out.
    attempts: Sequence[bytes]


class Ended(NamedTuple):
    """An ended timer as it was read."""

    timer: Timer
    #: The last ten that have ended, oldest first.
    attempts: Sequence[Attempt]


class Backlog(NamedTuple):
    """How far a history is behind; sums of all partitions."""

    unread: int = 0
    #: Since the first of them ended, ms; 0 if there are none.
    oldest_ms: int = 0
    #: Timers that were forgotten unread, since the store began.
    given_up: int = 0
    #: Whether ends are noted; None: nobody has said so.
    is_noted: bool | None = None
    #: ms, by the store's clock.
    read_at: int = 0

    @classmethod
    def total(cls, parts: Sequence[Backlog]) -> Backlog:
        """Of several partitions."""
        noted = {it.is_noted for it in parts}
        return cls(
            sum(it.unread for it in parts),
            max((it.oldest_ms for it in parts), default=0),
            sum(it.given_up for it in parts),
            # One that is switched off is so everywhere, or about to be; one that begins may have begun in a few.
            next((it for it in (False, None) if it in noted), True),
            max((it.read_at for it in parts), default=0),
        )


class Reading(NamedTuple):
    """What one call told."""

    ended: Sequence[Ended]
    #: What to mark as read once these are written, also of what was forgotten, or has not ended.
    marks: Sequence[tuple[str, int]]
    backlog: Backlog


class Unread:
    """Reads ended timers for a history. Several may read at once: each then writes some that others write as well.

    Every call is repeatable, and raises StoreUnavailable.
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    @property
    def partitions(self) -> int:
        return self._link.partitions

    def begin(self) -> None:
        """From now on all ends are noted, until end(). Where a server is away, this is said to all others."""
        self._each(lambda partition: self._link.run("history", partition, [1, 0]))

    def end(self) -> None:
        """Note no more ends, and drop what is unread. Where a server is away, this is said to all others."""
        self._each(self._end)

    def read(self, partition: int, most: int, give_way: Callable[[], None] = giving_way.to_nobody) -> Reading:
        """Those of one partition that ended first, about so many; fewer where they are large.

        `give_way` is called every few timers.
        """
        found: list[Ended] = []
        marks: list[tuple[str, int]] = []
        backlog = Backlog()
        for _ in range(_CALLS):
            asked = min(_AT_ONCE, most - len(marks))
            now, *told = self._link.run("unread", partition, [len(marks), asked])
            backlog, rows = _backlog(now, told[:4]), _rows(told[4:])
            for row in giving_way.each(rows, give_way):
                marks.append((row.id.decode(), int(row.ended)))
                if row.status:
                    found.append(_read(now, row))
            if not rows or len(marks) >= min(most, backlog.unread):
                break
        return Reading(found, marks, backlog)

    def mark_read(self, marks: Sequence[tuple[str, int]]) -> int:
        """Those that have not ended anew since; returns how many these are."""
        gone: int = 0
        for partition, batch in keys.batches(marks, lambda it: it[0], self._link.partitions, _MARKED):
            gone += self._link.run("mark_read", partition, [word for mark in batch for word in mark])
        return gone

    def backlog(self) -> Backlog:
        """How far a history is behind now, and whether there is one."""
        replies = self._link.run_each("unread", [(partition, [0, 0]) for partition in range(self._link.partitions)])
        return Backlog.total([_backlog(now, told[:4]) for now, *told in raise_first_error(replies)])

    def _end(self, partition: int) -> None:
        while self._link.run("history", partition, [0, _DROPPED]) == _DROPPED:
            pass

    def _each(self, ask: Callable[[int], object]) -> None:
        calls = [(partition, partition) for partition in range(self._link.partitions)]
        if error := each_alone(self._link, calls, lambda partition, _: ask(partition)).error:
            raise error


def _backlog(now: int, told: Sequence[Any]) -> Backlog:
    raw, unread, oldest, given_up = told
    try:
        is_noted = layout.read(raw).history
    except ValueError:  # it is gone, with all that was stored
        is_noted = None
    return Backlog(unread, max(0, now - oldest) if unread else 0, given_up, is_noted, now)


def _rows(values: Sequence[Any]) -> list[UnreadRow]:
    return [UnreadRow(*row) for row in zip(*[iter(values)] * len(UnreadRow._fields), strict=True)]


def _read(now: int, row: UnreadRow) -> Ended:
    last = row.attempts[-1] if row.attempts else b""
    timer = read_timer(now, TimerRow(row.id, row.status, row.score, row.record, row.progress, last))
    if not row.attempts:  # most have one, which stands in their progress and has been read just now
        return Ended(timer, [timer.last_attempt] if timer.last_attempt else [])
    first = read_progress(row.progress).first_attempt
    return Ended(timer, decode_attempts([first] if first else row.attempts))
