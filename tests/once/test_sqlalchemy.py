"""Through SQLAlchemy Core: mark and effect are there both or neither."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, select, text, update
from sqlalchemy.exc import DBAPIError

from tests.once.databases import Database
from tests.once.effects import EFFECTS, act, one_waits, stored
from timer_service.once.sqlalchemy import MARKS, Busy, NotInOneTransaction, create_table, first_time, forget


class Failure(Exception):
    """What an effect ends with."""


def test_a_webhook_has_its_effect_once_however_often_it_comes(engine: Engine) -> None:
    told = []
    for _ in range(3):
        with engine.begin() as connection:
            told.append(first := first_time(connection, "a"))
            if first:
                act(connection, "a")
    assert told == [True, False, False]
    assert stored(engine) == (1, 1)


def test_an_effect_that_fails_takes_its_mark_with_it(engine: Engine) -> None:
    with suppress(Failure), engine.begin() as connection:
        assert first_time(connection, "a")
        act(connection, "a")
        raise Failure
    assert stored(engine) == (0, 0)
    with engine.begin() as connection:
        assert first_time(connection, "a")


def test_a_repeat_in_the_same_transaction_is_one_too(engine: Engine) -> None:
    with engine.begin() as connection:
        assert [first_time(connection, "a"), first_time(connection, "a")] == [True, False]


def test_a_connection_that_nobody_commits_leaves_neither(engine: Engine) -> None:
    with engine.connect() as connection:
        assert first_time(connection, "a")
        act(connection, "a")
    assert stored(engine) == (0, 0)


def test_ids_are_told_apart_by_case_by_occurrence_and_by_scope(engine: Engine) -> None:
    with engine.begin() as connection:
        for webhook_id in ("abc", "ABC", "abc-2", "abc-", "x" * 255, "'; DROP TABLE effects; --".replace(" ", ".")):
            assert first_time(connection, webhook_id), webhook_id
            assert first_time(connection, webhook_id, scope="orders"), webhook_id
            assert first_time(connection, webhook_id, scope="Orders"), webhook_id
            assert not first_time(connection, webhook_id)
    assert stored(engine) == (0, 18)


def test_an_id_that_cannot_be_one_leaves_the_transaction_as_it_was(engine: Engine) -> None:
    with engine.begin() as connection:
        act(connection, "a")
        for wrong in ("", "x" * 256, "a\0b"):
            with pytest.raises(ValueError, match="webhook_id"):
                first_time(connection, wrong)
    assert stored(engine) == (1, 0)


@pytest.mark.parametrize("commits", [True, False])
def test_a_repeat_that_comes_meanwhile_waits_and_acts_only_if_the_first_is_rolled_back(
    engine: Engine, commits: bool
) -> None:
    begun = threading.Event()

    def repeat() -> bool:
        with engine.begin() as connection:
            begun.set()
            if first := first_time(connection, "a"):
                act(connection, "a")
            return first

    with ThreadPoolExecutor(1) as one, engine.connect() as connection:
        assert first_time(connection, "a")
        act(connection, "a")
        other = one.submit(repeat)
        assert begun.wait(60)
        one_waits(engine)
        if commits:
            connection.commit()
        else:
            connection.rollback()
        assert other.result(60) is not commits
    assert stored(engine) == (1, 1)


def test_of_eight_that_come_at_once_one_acts_whatever_isolation_they_have(engine: Engine) -> None:
    levels = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]
    if engine.dialect.name == "sqlite":
        levels = ["SERIALIZABLE"]
    together = threading.Barrier(8)

    def receive(number: int) -> None:
        together.wait(60)
        while True:
            try:
                with engine.connect() as connection:
                    connection.execution_options(isolation_level=levels[number % len(levels)])
                    connection.execute(select(MARKS.c.done_at).where(MARKS.c.webhook_id == "-"))  # takes its snapshot
                    if first_time(connection, "a"):
                        act(connection, "a")
                    connection.commit()
                return
            except Busy:  # the service would send it again
                time.sleep(0.01)

    with ThreadPoolExecutor(8) as eight:
        list(eight.map(receive, range(8)))
    assert stored(engine) == (1, 1)


def test_whoever_cannot_wait_any_longer_is_told_to_have_it_sent_again(database: Database, engine: Engine) -> None:
    impatient = create_engine(database.url.replace("timeout=60", "timeout=0"))
    limit = {"postgresql": "SET lock_timeout = '10ms'", "mysql": "SET innodb_lock_wait_timeout = 1"}
    with engine.connect() as first, impatient.connect() as second:
        assert first_time(first, "a")
        if engine.dialect.name in limit:
            second.execute(text(limit[engine.dialect.name]))
        with pytest.raises(Busy, match="webhook-id a: ") as told:
            first_time(second, "a")
        assert isinstance(told.value.__cause__, DBAPIError)
        second.rollback()
        first.commit()
        assert not first_time(second, "a")
    impatient.dispose()


def test_in_a_snapshot_from_before_the_first_commit_a_repeat_is_sent_again(postgres: Database, engine: Engine) -> None:
    if engine.dialect.name != "postgresql":
        pytest.skip("others see what was committed since")
    with engine.connect() as old, engine.begin() as first:
        old.execution_options(isolation_level="REPEATABLE READ")
        assert old.execute(select(MARKS)).all() == []
        assert first_time(first, "a")
        first.commit()
        with pytest.raises(Busy):
            first_time(old, "a")
        old.rollback()
        assert not first_time(old, "a")


def test_an_error_that_waiting_does_not_mend_stays_what_it_is(engine: Engine) -> None:
    MARKS.drop(engine)
    with engine.connect() as connection, pytest.raises(DBAPIError, match=r"webhook_marks"):
        first_time(connection, "a")


def test_of_another_database_a_savepoint_tells_a_repeat_and_leaves_the_transaction_whole(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("its driver has savepoints only where a transaction was begun by hand")
    monkeypatch.setattr(engine.dialect, "name", "another")
    with engine.begin() as connection:
        act(connection, "a")
        assert [first_time(connection, "a"), first_time(connection, "a")] == [True, False]
        act(connection, "b")
    assert stored(engine) == (2, 1)


# Savepoints.


def test_a_mark_in_a_savepoint_goes_with_it_and_with_the_transaction_around_it(engine: Engine) -> None:
    with suppress(Failure), engine.begin() as connection:
        act(connection, "-")
        savepoint = connection.begin_nested()
        if engine.dialect.name == "sqlite":
            with pytest.raises(NotInOneTransaction, match="in a savepoint"):
                first_time(connection, "a")
        else:
            assert first_time(connection, "a")
            savepoint.rollback()
            with connection.begin_nested():
                assert first_time(connection, "a")
        raise Failure
    assert stored(engine) == (0, 0)


def test_a_mark_before_a_savepoint_stays_when_that_is_rolled_back(engine: Engine) -> None:
    with engine.begin() as connection:
        assert first_time(connection, "a")
        savepoint = connection.begin_nested()
        act(connection, "a")
        savepoint.rollback()
        act(connection, "a")
    assert stored(engine) == (1, 1)


def _begun_by_hand(file: Path) -> Engine:
    """As SQLAlchemy's page on SQLite says how savepoints are had of it."""
    engine = create_engine(f"sqlite:///{file}")

    @event.listens_for(engine, "connect")
    def connected(driver: Any, _: object) -> None:
        driver.isolation_level = None

    @event.listens_for(engine, "begin")
    def begun(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def test_sqlite_whose_transactions_are_begun_by_hand_has_savepoints(tmp_path: Path) -> None:
    engine = _begun_by_hand(tmp_path / "db")
    create_table(engine)
    EFFECTS.create(engine)
    with suppress(Failure), engine.begin() as connection:
        with connection.begin_nested():
            assert first_time(connection, "a")
        act(connection, "a")
        raise Failure
    assert stored(engine) == (0, 0)
    with engine.begin() as connection, connection.begin_nested():
        assert first_time(connection, "a")
    assert stored(engine) == (0, 1)
    engine.dispose()


# Retention.


def test_what_is_older_is_forgotten_in_batches_the_oldest_first_and_nothing_else(engine: Engine) -> None:
    with engine.begin() as connection:
        for n in range(10):
            assert first_time(connection, f"id-{n}", scope=f"s{n % 2}")
            aged = MARKS.c.done_at - 86400 * n
            connection.execute(update(MARKS).where(MARKS.c.webhook_id == f"id-{n}").values(done_at=aged))
    counts: list[int] = []
    while not counts or counts[-1]:
        with engine.begin() as connection:
            counts.append(forget(connection, timedelta(days=2, hours=12), limit=4))
            left = sorted(connection.scalars(select(MARKS.c.webhook_id)))
        if len(counts) == 1:
            assert left == [f"id-{n}" for n in range(6)]
    assert counts == [4, 3, 0]
    assert left == ["id-0", "id-1", "id-2"]


def test_forgetting_without_a_length_keeps_what_may_come_again(engine: Engine) -> None:
    with engine.begin() as connection:
        assert first_time(connection, "a")
        connection.execute(update(MARKS).values(done_at=MARKS.c.done_at - 59 * 86400))
        assert forget(connection) == 0
        connection.execute(update(MARKS).values(done_at=MARKS.c.done_at - 2 * 86400))
        assert forget(connection) == 1


def test_the_table_is_made_once_however_often_it_is_asked_for(engine: Engine) -> None:
    create_table(engine)
    with engine.begin() as connection:
        create_table(connection)
        assert first_time(connection, "a")
