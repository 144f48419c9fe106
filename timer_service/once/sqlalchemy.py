"""Effects through SQLAlchemy, each once: the webhook-id is a row of the transaction that the effect is made in.

Tried on SQLite, PostgreSQL and MariaDB. Of another database a savepoint is used, which it must have.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Engine, MetaData, String, Table, delete, insert, select
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session, scoped_session

from timer_service.once.autocommit import commits_by_itself
from timer_service.once.contention import is_contention
from timer_service.once.marks import (
    KEEP,
    LONGEST_ID,
    LONGEST_SCOPE,
    SCOPE,
    TABLE,
    Busy,
    NotInOneTransaction,
    checked,
    cutoff,
)

__all__ = ["KEEP", "MARKS", "Busy", "NotInOneTransaction", "create_table", "first_time", "forget"]


def _text(length: int) -> String:
    """Upper and lower case are different, also where a database would not have it so."""
    binary = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return String(length).with_variant(binary, "mysql", "mariadb")


#: For Alembic: `MARKS.to_metadata(Base.metadata)`.
MARKS = Table(
    TABLE,
    MetaData(),
    Column("scope", _text(LONGEST_SCOPE), primary_key=True),
    Column("webhook_id", _text(LONGEST_ID), primary_key=True),
    Column("done_at", BigInteger, nullable=False, index=True),  # Unix seconds
    mysql_engine="InnoDB",  # the others know no transactions
)


def create_table(bind: Engine | Connection) -> None:
    """Unless it is there."""
    MARKS.create(bind, checkfirst=True)


def first_time(bind: Connection | Session | scoped_session[Any], webhook_id: str, *, scope: str = SCOPE) -> bool:
    """Whether this webhook-id has not been seen; if so it is stored in the transaction that `bind` is in.

    Make the effect in the same transaction if it says True, and commit. While another transaction has stored the same
    id and has not ended, this waits for it: True if that is rolled back, False if it is committed. `webhook_id` is what
    verify() returned. Different scopes know nothing of each other.

    Raises NotInOneTransaction where statements are committed one by one, or a Session has several databases and none
    for MARKS; Busy where waiting came to an end without an answer; TypeError, ValueError. Of an AsyncSession or an
    AsyncConnection: `await it.run_sync(first_time, webhook_id)`.
    """
    scope, webhook_id = checked(webhook_id, scope)
    connection = _connection(bind)
    if commits_by_itself(connection):
        raise NotInOneTransaction(
            "mark and effect would not be one transaction: this connection commits each statement by itself "
            "(AUTOCOMMIT), or it is one of SQLite in a savepoint, which must come after first_time"
        )
    row = {"scope": scope, "webhook_id": webhook_id, "done_at": int(time.time())}
    try:
        return _inserted(connection, row)
    except DBAPIError as error:
        if is_contention(error.orig):
            raise Busy(f"webhook-id {webhook_id}: {error.orig}") from error
        raise


def forget(connection: Connection, older_than: timedelta = KEEP, *, limit: int = 1000) -> int:
    """Delete marks that are older, at most so many; returns how many. Commit, and repeat until it is 0."""
    before = cutoff(time.time(), older_than, limit)
    names = (MARKS.c.scope, MARKS.c.webhook_id)
    # Always in the same order, so that two that forget at once do not wait for each other.
    old = select(*names).where(MARKS.c.done_at < before).order_by(MARKS.c.done_at, *names).limit(limit)
    found = connection.execute(old).all()
    for scope, webhook_id in found:
        connection.execute(delete(MARKS).where(MARKS.c.scope == scope, MARKS.c.webhook_id == webhook_id))
    return len(found)


def _connection(bind: Connection | Session | scoped_session[Any]) -> Connection:
    """The connection, in its transaction, that the mark belongs to. Raises TypeError, NotInOneTransaction."""
    if isinstance(bind, Connection):
        return bind
    session = bind() if isinstance(bind, scoped_session) else bind
    if not isinstance(session, Session):
        raise TypeError(
            f"a Connection or a Session is needed, not {type(bind).__name__}; "
            "of an AsyncSession or AsyncConnection: await it.run_sync(first_time, webhook_id)"
        )
    return session.connection(bind_arguments=_database(session))


def _database(session: Session) -> dict[str, Any]:
    """Which of a Session's databases has the marks: the one it names, or its only one. Raises NotInOneTransaction."""
    inside = vars(session)
    binds = inside["binds"] if "binds" in inside else inside["_Session__binds"]  # of SQLAlchemy 2.0
    if MARKS in binds:
        return {"clause": MARKS}
    if len({id(it) for it in (*binds.values(), session.bind) if it is not None}) > 1:
        raise NotInOneTransaction(
            "this Session has several databases: say in its binds which one MARKS is in, "
            "or give first_time the Connection that the effect is made on"
        )
    return {"clause": MARKS} if session.bind or not binds else {"bind": next(iter(binds.values()))}


def _inserted(connection: Connection, row: dict[str, Any]) -> bool:
    """Whether there was none. Raises DBAPIError."""
    kind = connection.dialect.name
    if kind in ("mysql", "mariadb"):
        statement: Any = insert(MARKS).prefix_with("IGNORE")
    elif kind == "postgresql":
        statement = postgresql.insert(MARKS).on_conflict_do_nothing()
    elif kind == "sqlite":
        statement = sqlite.insert(MARKS).on_conflict_do_nothing()
    else:
        return _inserted_in_a_savepoint(connection, row)
    done = connection.execute(statement.values(row), execution_options={"preserve_rowcount": True})
    return done.rowcount == 1


def _inserted_in_a_savepoint(connection: Connection, row: dict[str, Any]) -> bool:
    try:
        with connection.begin_nested():
            connection.execute(insert(MARKS).values(row))
    except IntegrityError:
        return False
    return True
