"""Whether a connection of SQLAlchemy commits each statement by itself, by what its driver says now."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection


def commits_by_itself(connection: Connection) -> bool:
    """Also where it commits at the end of a savepoint what was to be undone with the whole."""
    if str(connection.get_execution_options().get("isolation_level", "")).upper() == "AUTOCOMMIT":
        return True
    pooled = connection.connection
    if connection.dialect.name == "sqlite":
        return _sqlite_does(pooled.driver_connection, connection.in_nested_transaction())
    return _driver_does(pooled.dbapi_connection)


def _sqlite_does(driver: Any, in_savepoint: bool) -> bool:
    """Without an isolation level sqlite3 begins no transaction, but users may: SQLAlchemy's pages say how. With one it
    begins at the first statement that writes, which SAVEPOINT is not: then the savepoint is the whole transaction."""
    autocommit = getattr(driver, "autocommit", None)  # since Python 3.12; -1 for the older way
    if driver.isolation_level is None or autocommit is True:
        return not driver.in_transaction
    return in_savepoint and autocommit is not False


def _driver_does(driver: Any) -> bool:
    """A method is how drivers of MySQL set it; these say it by another."""
    said = getattr(driver, "autocommit", None)
    if callable(said):
        said = driver.get_autocommit()
    return bool(said)
