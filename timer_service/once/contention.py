"""Tells from a database driver's error that others were in the way, and that the same may well work later. Pure."""

from __future__ import annotations

#: PostgreSQL: serialization failure, deadlock, lock not available, cancelled by a time limit.
_SQLSTATES = {"40001", "40P01", "55P03", "57014"}
#: MySQL and MariaDB: lock wait timeout, deadlock, NOWAIT, and MariaDB's "record has changed since last read".
_MYSQL = {1205, 1213, 3572, 1020}
#: SQLite, of the lower byte: busy, locked.
_SQLITE = {5, 6}


def is_contention(error: BaseException | None) -> bool:
    """`error`: what the driver raised, of psycopg, psycopg2, asyncpg, sqlite3, mysqlclient, PyMySQL or others alike."""
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if state in _SQLSTATES:
        return True
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int):
        return code & 0xFF in _SQLITE
    number = error.args[0] if error is not None and error.args else None
    return number in _MYSQL if isinstance(number, int) else False
