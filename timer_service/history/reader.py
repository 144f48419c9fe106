"""Reads ended timers from SQL, for many threads, within a time that somebody waits."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Select, select

from scheduler import Attempt, Outcome, Redelivery
from timer_service.history.engine import engine_of, is_passing, one_line
from timer_service.history.errors import HistoryUnavailable
from timer_service.history.migrations import version_of
from timer_service.history.page_select import page_select
from timer_service.history.queries import HistoryPage, HistoryPlace, HistoryQuery
from timer_service.history.schema import ATTEMPTS, TIMERS

log = logging.getLogger(__name__)

#: Questions under way at once; further ones are refused: a database that hangs must not hold all threads of an API.
_AT_ONCE = 4
#: Seconds for an answer.
_PATIENCE = 5.0
#: Seconds that a question waits for its turn.
_TURN = 1.0
#: Seconds in which nobody asks, once an answer failed; then one question tries.
_PAUSE = 2.0
#: Bytes of timers after which a page ends, and rows that are fetched at once: one may hold 350 KiB.
_PAGE_BYTES, _FETCHED = 4 * 1024 * 1024, 20


class HistoryReader:
    """Connects when it is first asked. Raises HistoryUnavailable."""

    def __init__(self, url: str, patience: float = _PATIENCE, pause: float = _PAUSE) -> None:
        """Raises HistoryUnsuitable for a URL that names no such database."""
        self._engine = engine_of(url)
        self._patience = patience
        self._paused_for = pause
        self._free = threading.BoundedSemaphore(_AT_ONCE)
        self._is_made = False
        self._lock = threading.Lock()
        #: On the monotonic clock, in seconds; None: the last answer came.
        self._again_at: float | None = None

    def timer(self, timer_id: str, occurrence: int = 1) -> str | None:
        """As JSON; None: there is none of this id that came to this occurrence."""
        asked = _of(timer_id, occurrence)
        found: str | None = self._ask(lambda connection: connection.scalar(asked))
        return found

    def attempts(self, timer_id: str, occurrence: int = 1) -> list[Attempt] | None:
        """All that are kept, oldest first; None as of a timer."""
        found: list[Attempt] | None = self._ask(lambda connection: _attempts(connection, timer_id, occurrence))
        return found

    def page(self, query: HistoryQuery) -> HistoryPage:
        """Some that match. A short one may have a next, too: its timers are large. It is None on the last page."""
        found: HistoryPage | None = self._ask(lambda connection: _page(connection, query))
        return found or HistoryPage((), (), None)

    def close(self) -> None:
        self._engine.dispose()

    def _ask(self, question: Callable[[Connection], Any]) -> Any:
        """None where there are no tables: what writes them makes them before the first timer."""
        self._pause()
        if not self._free.acquire(timeout=_TURN):
            raise HistoryUnavailable("the history's database is slow: too many questions are under way")
        answer = _Answer()
        # A thread for each: nothing else ends the wait for a server that is frozen. It is 0.1 ms of some 2.
        try:
            threading.Thread(target=self._answer, args=(question, answer), daemon=True, name="history").start()
        except RuntimeError:
            self._free.release()
            raise self._failed("the history cannot be asked: the machine allows no more threads") from None
        if not answer.is_there.wait(self._patience):
            raise self._failed("the history's database did not answer in time")
        if answer.error is not None:
            raise answer.error
        return answer.value

    def _pause(self) -> None:
        """Raises HistoryUnavailable while nobody is to ask; of those that come after it, one may."""
        with self._lock:
            now = time.monotonic()
            if self._again_at is None:
                return
            if now < self._again_at:
                raise HistoryUnavailable("the history's database did not answer a moment ago")
            self._again_at = now + self._patience

    def _failed(self, reason: str) -> HistoryUnavailable:
        """Begins a pause: so it is logged once for all who are refused meanwhile."""
        with self._lock:
            self._again_at = time.monotonic() + self._paused_for
        log.warning("%s", reason)
        return HistoryUnavailable(reason)

    def _answer(self, question: Callable[[Connection], Any], answer: _Answer) -> None:
        try:
            with self._engine.connect() as connection:
                self._is_made = self._is_made or version_of(connection) is not None
                if self._is_made:
                    answer.value = question(connection)
            self._again_at = None
        except Exception as error:
            answer.error = error
            if is_passing(self._engine, error):
                self._is_made = False
                answer.error = self._failed(f"the history's database: {one_line(error)}")
        finally:
            self._free.release()
            answer.is_there.set()


class _Answer:
    """Of one question: a value, or why there is none."""

    def __init__(self) -> None:
        self.is_there = threading.Event()
        self.value: Any = None
        self.error: Exception | None = None


def _page(connection: Connection, query: HistoryQuery) -> HistoryPage:
    ids: list[str] = []
    timers: list[str] = []
    last, size = None, 0
    with connection.execution_options(yield_per=_FETCHED).execute(page_select(query)) as rows:
        for row in rows:
            if last is not None and (len(ids) == query.limit or size > _PAGE_BYTES):
                return HistoryPage(timers, ids, last)
            last, size = HistoryPlace(row.ended_at, row.id), size + len(row.timer)
            ids.append(row.id)
            timers.append(row.timer)
    return HistoryPage(timers, ids, None)


def _of(timer_id: str, occurrence: int) -> Select[tuple[str]]:
    return select(TIMERS.c.timer).where(TIMERS.c.id == timer_id, TIMERS.c.occurrence >= occurrence)


def _attempts(connection: Connection, timer_id: str, occurrence: int) -> list[Attempt] | None:
    if connection.scalar(_of(timer_id, occurrence).with_only_columns(TIMERS.c.id)) is None:
        return None
    found = select(*ATTEMPTS.c).where(ATTEMPTS.c.id == timer_id).order_by(ATTEMPTS.c.number)
    return [_attempt(dict(row)) for row in connection.execute(found).mappings()]


def _attempt(row: dict[str, Any]) -> Attempt:
    del row["id"]
    outcome, redelivery = row.pop("outcome"), row.pop("redelivery")
    return Attempt(
        outcome=None if outcome is None else Outcome(outcome),
        redelivery=None if redelivery is None else Redelivery(redelivery),
        **row,
    )
