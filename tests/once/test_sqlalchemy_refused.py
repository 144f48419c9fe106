"""What is no single transaction is refused, with nothing stored."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, create_engine

from tests.once.databases import Database
from tests.once.effects import stored
from timer_service.once.sqlalchemy import NotInOneTransaction, first_time

#: What a driver is given so that each statement is a transaction of its own.
_BY_DRIVER: dict[str, dict[str, Any]] = {
    "sqlite": {"isolation_level": None},
    "postgresql": {"autocommit": True},
    "mysql": {"autocommit": True},
}


def test_an_engine_that_commits_each_statement_is_refused(database: Database, engine: Engine) -> None:
    by_itself = create_engine(database.url, isolation_level="AUTOCOMMIT")
    with by_itself.connect() as connection, pytest.raises(NotInOneTransaction, match="AUTOCOMMIT"):
        first_time(connection, "a")
    by_itself.dispose()
    assert stored(engine) == (0, 0)


def test_so_is_one_that_became_so_by_an_option(engine: Engine) -> None:
    changed = engine.execution_options(isolation_level="AUTOCOMMIT")
    with changed.begin() as connection, pytest.raises(NotInOneTransaction):
        first_time(connection, "a")
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        with pytest.raises(NotInOneTransaction):
            first_time(connection, "a")
    assert stored(engine) == (0, 0)
    with engine.begin() as connection:  # the same of the pool, as it was
        assert first_time(connection, "a")


def test_so_is_one_whose_driver_was_told_so_behind_its_back(database: Database, engine: Engine) -> None:
    by_itself = create_engine(database.url, connect_args=_BY_DRIVER[engine.dialect.name])
    with by_itself.begin() as connection, pytest.raises(NotInOneTransaction):
        first_time(connection, "a")
    by_itself.dispose()
    assert stored(engine) == (0, 0)


def test_one_that_commits_each_statement_but_not_here_is_taken(database: Database, engine: Engine) -> None:
    by_itself = create_engine(database.url, isolation_level="AUTOCOMMIT")
    with by_itself.connect() as connection:
        connection.execution_options(isolation_level="SERIALIZABLE")
        assert first_time(connection, "a")
        connection.rollback()
    by_itself.dispose()
    assert stored(engine) == (0, 0)


@pytest.mark.parametrize("kind", [Engine, str, None])
def test_what_is_neither_a_connection_nor_a_session_is_refused(engine: Engine, kind: Any) -> None:
    given = {Engine: engine, str: "sqlite://", None: None}[kind]
    with pytest.raises(TypeError, match="a Connection or a Session is needed"):
        first_time(given, "a")  # type: ignore[arg-type]
