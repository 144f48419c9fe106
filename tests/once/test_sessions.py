"""Through SQLAlchemy's ORM: the mark is in the transaction of the session, of the database that the effect is in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import aiosqlite
import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError, UnboundExecutionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine
from sqlalchemy.orm import Mapped, Session, mapped_column, scoped_session, sessionmaker

from tests.once.databases import Database
from tests.once.effects import EFFECTS, Base, Effect, stored
from timer_service.once.sqlalchemy import MARKS, NotInOneTransaction, create_table, first_time


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)


class Failure(Exception):
    """What an effect ends with."""


@pytest.fixture
def others(tmp_path: Path) -> Iterator[Engine]:
    """Another database with the same tables."""
    it = create_engine(f"sqlite:///{tmp_path / 'other'}")
    create_table(it)
    EFFECTS.create(it)
    yield it
    it.dispose()


def test_a_webhook_has_its_effect_once(engine: Engine) -> None:
    for n in range(3):
        with Session(engine) as session, session.begin():
            if first := first_time(session, "a"):
                session.add(Effect(webhook_id="a"))
            assert first is (n == 0)
    assert stored(engine) == (1, 1)


def test_a_session_that_is_in_a_transaction_goes_on_with_it(engine: Engine) -> None:
    with Session(engine) as session:
        session.add(Effect(webhook_id="before"))
        session.flush()
        assert first_time(session, "a")
        session.add(Effect(webhook_id="a"))
        session.rollback()
        assert stored(engine) == (0, 0)
        assert first_time(session, "a")
        session.add(Effect(webhook_id="a"))
        session.commit()
    assert stored(engine) == (1, 1)


def test_what_fails_when_it_is_flushed_at_the_commit_takes_the_mark_with_it(engine: Engine) -> None:
    with Session(engine) as session:
        assert first_time(session, "a")
        session.add(Effect(webhook_id=None))
        with pytest.raises(DBAPIError):
            session.commit()
    assert stored(engine) == (0, 0)


def test_a_savepoint_that_is_rolled_back_after_the_mark_leaves_it(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        assert first_time(session, "a")
        with suppress(Failure), session.begin_nested():
            session.add(Effect(webhook_id="a"))
            raise Failure
        session.add(Effect(webhook_id="a"))
    assert stored(engine) == (1, 1)


def test_a_scoped_session_is_taken_for_that_of_its_thread(engine: Engine) -> None:
    scoped = scoped_session(sessionmaker(engine))
    assert first_time(scoped, "a")
    scoped.add(Effect(webhook_id="a"))
    scoped.commit()
    assert not first_time(scoped, "a")
    scoped.remove()
    assert stored(engine) == (1, 1)


def test_a_session_on_a_connection_marks_in_the_transaction_of_that(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.begin()
        with Session(connection) as session, session.begin():
            assert first_time(session, "a")
        connection.rollback()
    assert stored(engine) == (0, 0)


# Several databases.


@pytest.mark.parametrize("default", [True, False])
def test_a_session_of_several_databases_that_names_none_for_the_marks_is_refused(
    engine: Engine, others: Engine, default: bool
) -> None:
    session = Session(others, binds={Effect: engine}) if default else Session(binds={Effect: engine, Note: others})
    with session, pytest.raises(NotInOneTransaction, match="say in its binds which one MARKS is in"):
        first_time(session, "a")
    assert stored(engine) == stored(others) == (0, 0)


def test_one_that_names_it_marks_there_in_the_transaction_of_the_effect(engine: Engine, others: Engine) -> None:
    with Session(others, binds={Effect: engine, MARKS: engine}) as session:
        assert first_time(session, "a")
        session.add(Effect(webhook_id="a"))
        session.flush()
        assert stored(others) == (0, 0)
        session.rollback()
        assert stored(engine) == (0, 0)
        assert first_time(session, "a")
        session.add(Effect(webhook_id="a"))
        session.commit()
    assert (stored(engine), stored(others)) == ((1, 1), (0, 0))


def test_the_connection_of_the_effect_says_which_database_is_meant(engine: Engine, others: Engine) -> None:
    with Session(others, binds={Effect: engine}) as session, session.begin():
        assert first_time(session.connection(bind_arguments={"mapper": Effect}), "a")
        session.add(Effect(webhook_id="a"))
    assert (stored(engine), stored(others)) == ((1, 1), (0, 0))


def test_one_database_by_several_names_is_one(engine: Engine) -> None:
    with Session(binds={Effect: engine}) as session, session.begin():
        assert first_time(session, "a")
    with Session(engine, binds={Effect: engine}) as session, session.begin():
        assert not first_time(session, "a")


def test_a_session_without_a_database_says_so() -> None:
    with Session() as session, pytest.raises(UnboundExecutionError):
        first_time(session, "a")


# Where each statement is committed.


def test_a_session_that_commits_each_statement_is_refused(database: Database, engine: Engine) -> None:
    by_itself = create_engine(database.url, isolation_level="AUTOCOMMIT")
    with Session(by_itself) as session, pytest.raises(NotInOneTransaction, match="AUTOCOMMIT"):
        first_time(session, "a")
    by_itself.dispose()
    with Session(engine) as session:
        session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        with pytest.raises(NotInOneTransaction, match="AUTOCOMMIT"):
            first_time(session, "a")
    assert stored(engine) == (0, 0)


# Asynchronous.


def _asynchronous(database: Database) -> str:
    assert aiosqlite.__version__  # the driver, which is named in the URL alone
    return database.url.replace("sqlite:", "sqlite+aiosqlite:")


async def _twice_in_a_session(url: str) -> list[bool]:
    engine = create_async_engine(url)
    told = []
    for _ in range(2):
        async with AsyncSession(engine) as session, session.begin():
            told.append(first := await session.run_sync(first_time, "a"))
            if first:
                session.add(Effect(webhook_id="a"))
    await engine.dispose()
    return told


async def _rolled_back_on_a_connection(url: str) -> bool:
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        first = await connection.run_sync(first_time, "b")
        await connection.rollback()
    await engine.dispose()
    return first


async def _committed_by_itself(url: str) -> None:
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            await connection.run_sync(first_time, "c")
    finally:
        await engine.dispose()


def test_asynchronous_ones_are_used_by_run_sync(database: Database, engine: Engine) -> None:
    if engine.dialect.name == "mysql":
        pytest.skip("no asynchronous driver of it is installed")
    url = _asynchronous(database)
    assert asyncio.run(_twice_in_a_session(url)) == [True, False]
    assert asyncio.run(_rolled_back_on_a_connection(url))
    with pytest.raises(NotInOneTransaction):
        asyncio.run(_committed_by_itself(url))
    assert stored(engine) == (1, 1)


def test_given_as_they_are_they_are_refused_with_how_to_do_it() -> None:
    async_engine = create_async_engine("sqlite+aiosqlite://")
    for it in (AsyncSession(async_engine), AsyncConnection(async_engine)):
        with pytest.raises(TypeError, match=r"await it\.run_sync\(first_time, webhook_id\)"):
            first_time(it, "a")  # type: ignore[arg-type]
