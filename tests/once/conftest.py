from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, delete

from tests.once import databases
from tests.once.databases import Database
from tests.once.effects import EFFECTS
from timer_service.once.sqlalchemy import MARKS, create_table

SQL = ("sqlite", "postgres", "mariadb")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Database]:
    it = databases.postgres()
    yield it.database
    it.remove()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Database]:
    it = databases.mariadb()
    yield it.database
    it.remove()


@pytest.fixture
def sqlite(tmp_path: Path) -> Database:
    return databases.sqlite(tmp_path / "db.sqlite")


@pytest.fixture(params=SQL)
def database(request: pytest.FixtureRequest) -> Database:
    """One of each kind."""
    found: Database = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    """With empty tables."""
    it = create_engine(database.url)
    create_table(it)
    EFFECTS.create(it, checkfirst=True)
    with it.begin() as connection:
        connection.execute(delete(MARKS))
        connection.execute(delete(EFFECTS))
    yield it
    it.dispose()
