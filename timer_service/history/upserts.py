"""Many rows at once, written over those of the same primary key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Table, select, table, text
from sqlalchemy.dialects import postgresql, sqlite

from timer_service.history.rows import Row


def upsert(connection: Connection, into: Table, rows: Sequence[Row]) -> None:
    """The rows of one call have different keys."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        _copy(connection, into, rows)
        connection.execute(_replacing("postgresql", into))
    else:
        _insert_each(connection, into, rows)


def upsert_later(connection: Connection, into: Table, rows: Sequence[Row], moment: str) -> set[Any]:
    """Unless what is there is later by its column `moment`. The first column, of those that were written."""
    if not rows:
        return set()
    if connection.dialect.name == "postgresql":
        _copy(connection, into, rows)
        return set(connection.execute(_replacing_earlier(into, moment)).scalars())
    first = into.c[0]  # nobody else writes between the two: a transaction of SQLite has its lock from its beginning on
    known = connection.execute(select(first, into.c[moment]).where(first.in_([row[first.name] for row in rows])))
    latest = {row[0]: row[1] for row in known}
    later = [row for row in rows if row[moment] >= latest.get(row[first.name], row[moment])]
    upsert(connection, into, later)
    return {row[first.name] for row in later}


def _insert_each(connection: Connection, into: Table, rows: Sequence[Row]) -> None:
    """By the driver itself: what SQLAlchemy does with parameters took a sixth of a history's CPU."""
    connection.exec_driver_sql(_insert_text(into), list(_values(connection, into, rows)))


def _copy(connection: Connection, into: Table, rows: Sequence[Row]) -> None:
    """Into a table of this connection's own: a third of the time that it takes as parameters of an INSERT."""
    connection.execute(text(f"CREATE TEMP TABLE IF NOT EXISTS {_own(into)} (LIKE {into.name}) ON COMMIT DELETE ROWS"))
    connection.execute(text(f"DELETE FROM {_own(into)}"))
    driver: Any = connection.connection.driver_connection
    names = ", ".join(f'"{column.name}"' for column in into.c)
    with driver.cursor() as cursor, cursor.copy(f"COPY {_own(into)} ({names}) FROM STDIN") as copy:
        for values in _values(connection, into, rows):
            copy.write_row(values)


def _values(connection: Connection, into: Table, rows: Sequence[Row]) -> Iterator[tuple[Any, ...]]:
    """Of each row, in the order of the columns and as the driver takes them."""
    columns: list[tuple[str, Any]] = [(it.name, it.type.bind_processor(connection.dialect)) for it in into.c]
    for row in rows:
        yield tuple([row[name] if processed is None else processed(row[name]) for name, processed in columns])


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
def _insert_text(into: Table) -> str:
    return str(_replacing("sqlite", into).compile(dialect=sqlite.dialect()))


@cache
def _replacing_earlier(into: Table, moment: str) -> Any:
    made = _insert("postgresql", into)
    return made.on_conflict_do_update(
        index_elements=list(into.primary_key),
        set_={column.name: made.excluded[column.name] for column in _others(into)},
        where=made.excluded[moment] >= into.c[moment],
    ).returning(*list(into.c)[:1])


def _insert(dialect: str, into: Table) -> Any:
    if dialect != "postgresql":
        return sqlite.insert(into)
    columns: list[Column[Any]] = [Column(it.name) for it in into.c]
    return postgresql.insert(into).from_select(list(into.c), select(table(_own(into), *columns)))


def _others(into: Table) -> list[Column[Any]]:
    return [column for column in into.c if not column.primary_key]
