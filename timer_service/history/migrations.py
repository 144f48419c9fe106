"""Brings the tables of a history to what this version writes: by the program, whoever comes first."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, insert, inspect, select, text, update

from timer_service.history.errors import HistoryUnsuitable
from timer_service.history.schema import ATTEMPTS, TAGS, TIMERS, VERSION

#: An advisory lock of PostgreSQL for those that migrate at once; drawn at random.
_LOCK = 7_316_045_228_101_443


def _tables(connection: Connection) -> None:
    for table in (TIMERS, TAGS, ATTEMPTS):
        table.create(connection)


#: In their order; one that was released is never changed.
_MIGRATIONS: Sequence[Callable[[Connection], None]] = (_tables,)


def migrate(connection: Connection) -> None:
    """In the transaction of `connection`, which the caller ends. Raises HistoryUnsuitable, SQLAlchemyError."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    made = version_of(connection)
    if made is None:
        VERSION.create(connection, checkfirst=True)
        connection.execute(insert(VERSION).values(version=0))
        made = 0
    if made > len(_MIGRATIONS):
        raise HistoryUnsuitable(
            f"the history was made by a later version of timer-service: its tables are of version {made}, "
            f"and this one knows {len(_MIGRATIONS)}"
        )
    for migration in _MIGRATIONS[made:]:
        migration(connection)
    if made < len(_MIGRATIONS):
        connection.execute(update(VERSION).values(version=len(_MIGRATIONS)))


def version_of(connection: Connection) -> int | None:
    """How many migrations were made; None: there are no tables."""
    if not inspect(connection).has_table(VERSION.name):
        return None
    return connection.execute(select(VERSION.c.version)).scalar()
