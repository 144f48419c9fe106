"""Writes ended timers into SQL, and removes the old ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, delete, select

from scheduler import Attempt, Timer, giving_way
from timer_service.history.engine import engine_of, for_writing, is_passing, one_line
from timer_service.history.errors import HistoryUnavailable, HistoryUnsuitable
from timer_service.history.migrations import migrate
from timer_service.history.rows import attempt_rows, last_of_each, tag_rows, timer_row
from timer_service.history.schema import ATTEMPTS, TAGS, TIMERS
from timer_service.history.upserts import upsert, upsert_later

#: Timers that are removed in one transaction, which nobody waits for long.
_REMOVED_AT_ONCE = 1000


def open_history(url: str) -> History:
    """Connects to nothing yet. Raises HistoryUnsuitable for a URL that names no such database."""
    return History(for_writing(engine_of(url)))


class History:
    """One thread's. The tables are made, or brought up to date, before the first write.

    Raises HistoryUnavailable for what trying again later may mend, HistoryUnsuitable for a database of a later version,
    and what SQLAlchemy or the driver raise for rows that the database refuses.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_migrated = False

    def write(
        self, ended: Sequence[tuple[Timer, Sequence[Attempt]]], give_way: Callable[[], None] = giving_way.to_nobody
    ) -> None:
        """In one transaction. Repeatable: a timer that is known is written over, but by an earlier end of itself.

        `give_way` is called every few timers.
        """
        latest = last_of_each(ended)
        if not latest:
            return
        with self._writing() as connection:
            rows = (timer_row(timer) for timer, _ in giving_way.each(latest, give_way))
            written = upsert_later(connection, TIMERS, rows, "ended_at")
            latest = [it for it in latest if it[0].id in written]
            connection.execute(delete(TAGS).where(TAGS.c.id.in_(sorted(written))))
            if tags := [row for timer, _ in latest for row in tag_rows(timer)]:
                upsert(connection, TAGS, tags)
            upsert(connection, ATTEMPTS, (row for it in giving_way.each(latest, give_way) for row in attempt_rows(*it)))

    def forget(self, before: int) -> int:
        """Remove timers that ended before this moment, ms, with all their attempts; returns how many."""
        removed = 0
        while True:
            with self._writing() as connection:
                old = select(TIMERS.c.id).where(TIMERS.c.ended_at < before)
                ids = connection.scalars(old.order_by(TIMERS.c.ended_at).limit(_REMOVED_AT_ONCE)).all()
                for table in (ATTEMPTS, TAGS, TIMERS):
                    connection.execute(delete(table).where(table.c.id.in_(ids)))
            removed += len(ids)
            if len(ids) < _REMOVED_AT_ONCE:
                return removed

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction, with its failures as ours."""
        try:
            if not self._is_migrated:
                with self._engine.begin() as connection:
                    migrate(connection)
                self._is_migrated = True
            with self._engine.begin() as connection:
                yield connection
        except HistoryUnsuitable:
            raise
        except Exception as error:  # also the driver's own, of a COPY
            if is_passing(self._engine, error):
                self._is_migrated = False  # who knows what is there when it comes back
                raise HistoryUnavailable(f"the history's database: {one_line(error)}") from error
            raise
