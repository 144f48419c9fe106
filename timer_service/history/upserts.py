"""Many rows at once, written over those of the same primary key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Table, select, table, text
from sqlalchemy.dialects import postgresql, sqlite

from timer_service.history.rows import Row


def upsert(connection: Connection, into: Table, rows: Sequence[Row]) -> None:
    """The rows of one call have different keys."""
    if rows:
        _upsert(connection, _replacing, into, rows)


def upsert_later(connection: Connection, into: Table, rows: Sequence[Row], moment: str) -> set[Any]:
    """Unless what is there is later by its column `moment`. The first column, of those that were written."""
    return set(_upsert(connection, _replacing_earlier, into, rows, moment).scalars()) if rows else set()


def _upsert(connection: Connection, statement: Callable[..., Any], into: Table, rows: Sequence[Row], *more: str) -> Any:
    made = statement(connection.dialect.name, into, *more)
    if connection.dialect.name != "postgresql":
        return connection.execute(made, rows)
    _copy(connection, into, rows)
    return connection.execute(made)


def _copy(connection: Connection, into: Table, rows: Sequence[Row]) -> None:
    """Into a table of this connection's own: a third of the time that it takes as parameters of an INSERT."""
    connection.execute(text(f"CREATE TEMP TABLE IF NOT EXISTS {_own(into)} (LIKE {into.name}) ON COMMIT DELETE ROWS"))
    connection.execute(text(f"DELETE FROM {_own(into)}"))
    columns = [(column.name, column.type.bind_processor(connection.dialect)) for column in into.c]
    driver: Any = connection.connection.driver_connection
    names = ", ".join(f'"{name}"' for name, _ in columns)
    with driver.cursor() as cursor, cursor.copy(f"COPY {_own(into)} ({names}) FROM STDIN") as copy:
        for values in _values(columns, rows):
            copy.write_row(values)


def _values(columns: Sequence[tuple[str, Any]], rows: Sequence[Row]) -> Iterator[list[Any]]:
    for row in rows:
        yield [row[name] if processed is None else processed(row[name]) for name, processed in columns]


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
    ).returning(*list(into.c)[:1])


def _insert(dialect: str, into: Table) -> Any:
    if dialect != "postgresql":
        return sqlite.insert(into)
    columns: list[Column[Any]] = [Column(it.name) for it in into.c]
    return postgresql.insert(into).from_select(list(into.c), select(table(_own(into), *columns)))


def _others(into: Table) -> list[Column[Any]]:
    return [column for column in into.c if not column.primary_key]
