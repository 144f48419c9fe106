"""The connection to a history's database: which URLs, which options, and which failures pass by themselves."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from timer_service.history.errors import HistoryUnsuitable

#: Seconds to connect; for one statement in PostgreSQL; and for a lock in SQLite.
_CONNECT, _STATEMENT, _LOCKED = 5, 30, 30
#: PostgreSQL's classes of errors that say nothing of the rows: connection, resources, an operator's doing, the system,
#: read-only transactions (a standby), passwords and rights, tables that are missing, locks and deadlocks.
_PASSING = ("08", "25", "28", "40", "42", "53", "55", "57", "58")
_KINDS = "sqlite:///path/to/history.sqlite or postgresql://user:password@host/database"


def engine_of(url: str) -> Engine:
    """Connects to nothing yet. Raises HistoryUnsuitable, whose text never repeats a password."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise HistoryUnsuitable(f"TIMER_HISTORY_URL: {_KINDS}") from None
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        return _postgresql(parsed)
    if parsed.drivername == "sqlite" and parsed.database and parsed.database != ":memory:":
        return _sqlite(parsed)
    raise HistoryUnsuitable(f"TIMER_HISTORY_URL: {_KINDS}")


def _postgresql(url: URL) -> Engine:
    try:
        import psycopg
    except ModuleNotFoundError:
        raise HistoryUnsuitable("a history in PostgreSQL needs: pip install 'timer-service[history]'") from None
    # Moments as UTC, whatever the server's zone: of one ahead of it the last day of the year 9999 cannot be read.
    options = f"-c timezone=UTC -c statement_timeout={1000 * _STATEMENT} -c lock_timeout={1000 * _STATEMENT}"
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        module=psycopg,
        connect_args={
            "connect_timeout": _CONNECT,
            "options": options,
            "application_name": "timer-service",
            # A machine that is gone answers nothing: found out after 30 s, not after hours.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 4,
            "tcp_user_timeout": 1000 * _STATEMENT,
        },
        pool_pre_ping=True,
    )


def _sqlite(url: URL) -> Engine:
    assert url.database is not None
    # Opened for each transaction, in 0.3 ms: a file needs no connections that wait, which nobody would close.
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": _LOCKED})

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: object) -> None:
        """Readers and the writer do not wait for each other; what is committed has reached the disk."""
        connection.isolation_level = None  # it begins no transaction by itself
        _use_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "do_connect")
    def _make_folder(*_options: object) -> None:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)

    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """A new file is changed by whoever comes first: for the others' locks SQLite does not wait by itself then."""
    until = time.monotonic() + _LOCKED
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(0.01)


def for_writing(engine: Engine) -> Engine:
    """In SQLite a transaction has to take its lock at once: one that has read by then may not wait for it."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def is_passing(engine: Engine, error: Exception) -> bool:
    """Whether it says nothing of what was to be written: the same may be taken later."""
    driver: Any = engine.dialect.dbapi
    cause = _cause(error)
    state: str | None = getattr(cause, "sqlstate", None)
    if state is not None:
        return state.startswith(_PASSING)
    # SQLite's full disk and locks are operational, too; and so is a connection that broke or was never made.
    return isinstance(cause, driver.OperationalError | driver.InterfaceError | driver.InternalError)


def one_line(error: Exception) -> str:
    """Why, in at most 300 characters, without the statement and its values."""
    cause = _cause(error)
    return " ".join(str(cause).split())[:300] or type(cause).__name__


def _cause(error: Exception) -> BaseException | None:
    """As the driver said it."""
    return error.orig if isinstance(error, DBAPIError) else error
