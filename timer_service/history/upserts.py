"""Many rows at once, written over those of the same primary key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Table, select, table, text
from sqlalchemy.dialects import postgresql, sqlite

from timer_service.history.rows import Row


def upsert(connection: Connection, into: Table, rows: Iterable[Row]) -> None:
    """The rows of one call have different keys."""
    if connection.dialect.name == "postgresql":
        _copy(connection, into, rows)
        connection.execute(_replacing("postgresql", into))
    else:
        _driver(connection).executemany(_sqlite_text(_replacing("sqlite", into)), _values(connection, into, rows))


def upsert_later(connection: Connection, into: Table, rows: Iterable[Row], moment: str) -> set[Any]:
    """Unless what is there is later by its column `moment`. The first column, of those that were written."""
    if connection.dialect.name == "postgresql":
        _copy(connection, into, rows)
        replacing = _replacing_earlier("postgresql", into, moment).returning(*list(into.c)[:1])
        return set(connection.execute(replacing).scalars())
    insert = _sqlite_text(_replacing_earlier("sqlite", into, moment))
    cursor = _driver(connection).cursor()
    return {row[0] for row in _values(connection, into, rows) if cursor.execute(insert, row).rowcount}


def _copy(connection: Connection, into: Table, rows: Iterable[Row]) -> None:
    """Into a table of this connection's own: a third of the time that it takes as parameters of an INSERT."""
    connection.execute(text(f"CREATE TEMP TABLE IF NOT EXISTS {_own(into)} (LIKE {into.name}) ON COMMIT DELETE ROWS"))
    connection.execute(text(f"DELETE FROM {_own(into)}"))
    names = ", ".join(f'"{column.name}"' for column in into.c)
    with _driver(connection).cursor() as cursor, cursor.copy(f"COPY {_own(into)} ({names}) FROM STDIN") as copy:
        for values in _values(connection, into, rows):
            copy.write_row(values)


def _driver(connection: Connection) -> Any:
    """The driver's own connection: what SQLAlchemy does with parameters took a sixth of a history's CPU."""
    return connection.connection.driver_connection


def _values(connection: Connection, into: Table, rows: Iterable[Row]) -> Iterator[tuple[Any, ...]]:
    """Of each row, in the order of the columns and as the driver takes them."""
    columns: list[tuple[str, Any]] = [(it.name, it.type.bind_processor(connection.dialect)) for it in into.c]
    for row in rows:
        yield tuple(
            [
                value if (value := row[name]) is None or processed is None else processed(value)
                for name, processed in columns
            ]
        )


def _own(into: Table) -> str:
    return f"{into.name}_new"


@cache
def _replacing(dialect: str, into: Table) -> Any:
    made, others = _insert(dialect, into), _others(into)
    if not others:
        return made.on_conflict_do_nothing()
    said = {column.name: made.excluded[column.name] for column in others}
    return made.on_conflict_do_update(index_elements=list(into.primary_key), set_=said)


@cache
def _replacing_earlier(dialect: str, into: Table, moment: str) -> Any:
    made = _insert(dialect, into)
    return made.on_conflict_do_update(
        index_elements=list(into.primary_key),
        set_={column.name: made.excluded[column.name] for column in _others(into)},
        where=made.excluded[moment] >= into.c[moment],
    )


@cache
def _sqlite_text(statement: Any) -> str:
    return str(statement.compile(dialect=sqlite.dialect()))


def _insert(dialect: str, into: Table) -> Any:
    if dialect != "postgresql":
        return sqlite.insert(into)
    columns: list[Column[Any]] = [Column(it.name) for it in into.c]
    return postgresql.insert(into).from_select(list(into.c), select(table(_own(into), *columns)))


def _others(into: Table) -> list[Column[Any]]:
    return [column for column in into.c if not column.primary_key]
