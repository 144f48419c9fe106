"""Moves ended timers from the store into a history: read, written, and only then marked as read."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from scheduler import Attempt, Backlog, StoreUnavailable, Timer, Unread, giving_way
from timer_service.history.errors import HistoryError, HistoryUnavailable

log = logging.getLogger(__name__)

#: Timers that are written in one transaction, about.
BATCH = 1000
#: Seconds between two looks where nothing is left: of 2,000 timers a second that takes half the CPU of looking again at
#: once, which finds a few for a transaction of their own. And after a failure, doubled with each to the most.
_LOOK, _LONGEST = 0.5, 5.0
#: Seconds between two looks at how far the history is behind, and two signs of life, while the database is away.
_TICK = 2.0
#: Seconds since the first that is unread ended, after which it no longer gives way to others: of cores that they never
#: leave it gets an eighth of its share by that, and the store keeps what is unread within bounds.
_BEHIND = 5.0
#: Seconds between two times that what is too old is removed.
_FORGET_EVERY = 600.0

Rows = Sequence[tuple[Timer, Sequence[Attempt]]]


class Database(Protocol):
    """What a recorder asks of a history. Each raises HistoryUnavailable for what trying again later may mend, and
    another HistoryError for what it cannot."""

    def write(self, rows: Rows, give_way: Callable[[], None]) -> None:
        """In one transaction; a timer that is known already is written over. It calls `give_way` now and then."""

    def forget(self, before: int) -> int:
        """Remove timers that ended before this moment, ms; returns how many it removed."""


def _nothing() -> None:
    pass


class Recorder:
    """pass_once() is one pass of run(), which stop() ends, also from another thread or a signal.

    Killed at any point it has lost nothing: what was written and not marked is written once more, over itself.
    """

    def __init__(
        self,
        unread: Unread,
        database: Database,
        keep: float,
        beat: Callable[[], None] = _nothing,
        give_way: Callable[[], None] = giving_way.to_nobody,
    ) -> None:
        """`keep`: seconds after its end that a timer is kept. `beat` is called at least every few seconds, `give_way`
        while it writes, where others may go first."""
        self._unread = unread
        self._database = database
        self._keep_ms = round(1000 * keep)
        self._beat = beat
        self._let_others_run = give_way
        #: From when on it no longer gives way, by the monotonic clock.
        self._behind_at = 0.0
        self._stop = threading.Event()
        self._forget_at = 0.0
        #: As of the last pass.
        self.backlog = Backlog()
        self.written = 0
        #: Timers that the database refused for what they hold.
        self.refused = 0
        #: Whether it took what it was given last.
        self.database_up = True

    def stop(self) -> None:
        self._stop.set()

    def run(self) -> None:
        """Until stop(), or until somebody has switched histories off. Raises a HistoryError that stays."""
        wait = 0.0
        noted = False
        while not self._stop.is_set():
            self._beat()
            try:
                if not noted or self.backlog.is_noted is None:  # or the store came back empty
                    self._unread.begin()
                    noted = True
                self.pass_once()
                self._forget()
                wait = 0.0 if self.backlog.unread else _LOOK
            except (StoreUnavailable, HistoryUnavailable) as error:
                wait = self._failed(wait, error)
            if noted and self.backlog.is_noted is False:
                log.warning("the history was switched off: nothing more is written")
                return
            self._sleep(wait)

    def pass_once(self) -> int:
        """Write what is unread, a batch of each partition at most; returns how many were marked as read.

        Raises StoreUnavailable or HistoryUnavailable; then all that was marked is written. Where a server of the store
        is away, what lives on others is written all the same.
        """
        backlogs: list[Backlog] = []
        done = 0
        rows: list[tuple[Timer, Sequence[Attempt]]] = []
        marks: list[tuple[str, int]] = []
        away: StoreUnavailable | None = None
        self._behind_at = _behind_at(self.backlog)
        for partition in range(self._unread.partitions):
            try:
                reading = self._unread.read(partition, BATCH, self._give_way)
            except StoreUnavailable as error:
                away = error
                continue
            backlogs.append(reading.backlog)
            self._behind_at = min(self._behind_at, _behind_at(reading.backlog))
            rows += reading.ended
            marks += reading.marks
            if len(rows) >= BATCH:
                done += self._record(rows, marks)
                rows, marks = [], []
        done += self._record(rows, marks)
        if away is not None:
            raise away
        backlog = Backlog.total(backlogs)
        left = max(0, backlog.unread - done)
        self.backlog = backlog._replace(unread=left, oldest_ms=backlog.oldest_ms if left else 0)
        return done

    def _record(self, rows: Rows, marks: Sequence[tuple[str, int]]) -> int:
        if rows:
            self._write(rows)
        return self._unread.mark_read(marks) if marks else 0

    def _write(self, rows: Rows) -> None:
        try:
            self._database.write(rows, self._give_way)
            self.written += len(rows)
        except HistoryError:
            self.database_up = False
            raise
        except Exception as error:
            self._write_each(rows, error)
        self.database_up = True

    def _write_each(self, rows: Rows, error: Exception) -> None:
        """Of a batch that was refused as a whole. What holds something that the database never takes must not keep
        all others waiting; but one that takes nothing at all is at fault itself."""
        refused: dict[str, Exception] = {}
        for row in rows:
            try:
                self._database.write([row], self._give_way)
            except HistoryError:
                self.database_up = False
                raise
            except Exception as reason:
                refused[row[0].id] = reason
        if len(refused) == len(rows):
            self.database_up = False
            raise HistoryUnavailable(f"the database refuses everything: {_one_line(error)}") from error
        self.written += len(rows) - len(refused)
        self.refused += len(refused)
        for timer_id, why in refused.items():
            log.error("timer %s is not in the history: the database refuses it: %s", timer_id, _one_line(why))

    def _give_way(self) -> None:
        if time.monotonic() < self._behind_at and not self._stop.is_set():
            self._let_others_run()

    def _forget(self) -> None:
        if time.monotonic() < self._forget_at or not self.backlog.read_at:
            return
        self._database.forget(self.backlog.read_at - self._keep_ms)
        self._forget_at = time.monotonic() + _FORGET_EVERY

    def _failed(self, wait: float, error: Exception) -> float:
        if not wait or wait == _LOOK:
            log.warning("the history waits: %s", _one_line(error))
        return min(_LONGEST, max(2 * wait, 2 * _LOOK))

    def _sleep(self, seconds: float) -> None:
        """With signs of life, and looks at how far behind the history is."""
        until = time.monotonic() + seconds * random.uniform(0.75, 1)
        while (left := until - time.monotonic()) > 0 and not self._stop.wait(min(left, _TICK)):
            self._beat()
            if seconds > _LOOK:
                try:
                    self.backlog = self._unread.backlog()
                except StoreUnavailable:
                    continue


def _behind_at(backlog: Backlog) -> float:
    """By the monotonic clock."""
    return time.monotonic() + _BEHIND - backlog.oldest_ms / 1000


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:500] or type(error).__name__
