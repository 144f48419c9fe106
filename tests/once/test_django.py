"""Through Django's connection: mark and effect are there both or neither."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation
from django.db import DatabaseError, NotSupportedError, connection, connections, transaction
from sqlalchemy import Engine, create_engine

from tests.once.databases import Database, sqlite
from tests.once.django_databases import configured
from tests.once.effects import EFFECTS, one_waits, stored
from timer_service.once import sqlalchemy
from timer_service.once.django import Busy, NotInOneTransaction, create_table, first_time, forget


@pytest.fixture(autouse=True)
def other(database: Database, engine: Engine, tmp_path: Path) -> Iterator[Engine]:
    """Django on the database of the test, and on a second one, `other`."""
    second = sqlite(tmp_path / "other.sqlite")
    reached = create_engine(second.url)
    EFFECTS.create(reached)
    with configured(default=database.django, other=second.django):
        create_table()
        create_table("other")
        yield reached
    reached.dispose()


class Failure(Exception):
    """What an effect ends with."""


def act(using: str = "default") -> None:
    with connections[using].cursor() as cursor:
        cursor.execute("INSERT INTO effects (webhook_id) VALUES ('a')")


def test_a_webhook_has_its_effect_once_however_often_it_comes(engine: Engine) -> None:
    told = []
    for _ in range(3):
        with transaction.atomic():
            told.append(first := first_time("a"))
            if first:
                act()
    assert told == [True, False, False]
    assert stored(engine) == (1, 1)


def test_an_effect_that_fails_takes_its_mark_with_it(engine: Engine) -> None:
    with suppress(Failure), transaction.atomic():
        assert first_time("a")
        act()
        raise Failure
    assert stored(engine) == (0, 0)


def test_in_a_savepoint_the_mark_goes_with_it_and_with_the_transaction_around_it(engine: Engine) -> None:
    with suppress(Failure), transaction.atomic():
        with suppress(Failure), transaction.atomic():
            assert first_time("a")
            raise Failure
        with transaction.atomic():
            assert first_time("a")
        act()
        raise Failure
    assert stored(engine) == (0, 0)


@pytest.mark.parametrize("kept", [True, False])
def test_outside_of_a_transaction_it_is_refused(engine: Engine, kept: bool) -> None:
    """Also where Django was told to commit nothing by itself."""
    connection.set_autocommit(not kept)
    with pytest.raises(NotInOneTransaction, match=r"transaction\.atomic\(\), or set ATOMIC_REQUESTS"):
        first_time("a")
    connection.set_autocommit(True)
    assert stored(engine) == (0, 0)


def test_a_transaction_of_another_database_is_none(engine: Engine, other: Engine) -> None:
    with transaction.atomic(), pytest.raises(NotInOneTransaction, match="database 'other' is not in a transaction"):
        first_time("a", using="other")
    with transaction.atomic("other"):
        assert first_time("a", using="other")
        act("other")
    assert (stored(engine), stored(other)) == ((0, 0), (1, 1))


def test_ids_are_told_apart_by_case_and_by_scope() -> None:
    with transaction.atomic():
        for webhook_id in ("abc", "ABC", "abc-2", "%s", "';.DROP"):
            assert first_time(webhook_id)
            assert first_time(webhook_id, scope="orders")
            assert not first_time(webhook_id)
        with pytest.raises(ValueError, match="webhook_id"):
            first_time("")


@pytest.mark.parametrize("commits", [True, False])
def test_a_repeat_that_comes_meanwhile_waits_and_acts_only_if_the_first_is_rolled_back(
    engine: Engine, commits: bool
) -> None:
    begun = threading.Event()

    def repeat() -> bool:
        try:
            with transaction.atomic():
                begun.set()
                if first := first_time("a"):
                    act()
                return first
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as one:
        with suppress(Failure), transaction.atomic():
            assert first_time("a")
            act()
            later = one.submit(repeat)
            assert begun.wait(60)
            one_waits(engine)
            if not commits:
                raise Failure
        assert later.result(60) is not commits
    assert stored(engine) == (1, 1)


def test_whoever_cannot_wait_any_longer_is_told_to_have_it_sent_again_and_stores_nothing(engine: Engine) -> None:
    limit = {"postgresql": "SET lock_timeout = '10ms'", "mysql": "SET innodb_lock_wait_timeout = 1"}
    with engine.connect() as first:
        assert sqlalchemy.first_time(first, "a")
        with connection.cursor() as cursor:
            cursor.execute(limit.get(connection.vendor, "PRAGMA busy_timeout = 10"))
        with transaction.atomic():
            with pytest.raises(Busy, match="webhook-id a: "):
                first_time("a")
            with suppress(DatabaseError):
                act()
        first.commit()
    connection.close()
    assert stored(engine) == (0, 1)


def test_an_error_that_waiting_does_not_mend_stays_what_it_is(engine: Engine) -> None:
    sqlalchemy.MARKS.drop(engine)
    with pytest.raises(DatabaseError, match="webhook_marks"), transaction.atomic():
        first_time("a")


def test_both_helpers_know_the_marks_of_each_other(engine: Engine) -> None:
    with transaction.atomic():
        assert first_time("a")
    with engine.begin() as reached:
        assert not sqlalchemy.first_time(reached, "a")
        assert sqlalchemy.first_time(reached, "b")
    with transaction.atomic():
        assert not first_time("b")


def test_asynchronous_code_marks_in_a_function_of_sync_to_async(engine: Engine) -> None:
    def receive() -> bool:
        try:
            with transaction.atomic():
                return first_time("a")
        finally:
            connection.close()

    async def ask() -> bool:
        with pytest.raises(SynchronousOnlyOperation):
            receive()
        return await sync_to_async(receive)()

    assert asyncio.run(ask())
    assert stored(engine) == (0, 1)


def test_what_is_older_is_forgotten_in_batches_the_oldest_first_and_nothing_else() -> None:
    with transaction.atomic():
        for n in range(10):
            assert first_time(f"id-{n}", scope=f"s{n % 2}")
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE webhook_marks SET done_at = done_at - %s WHERE webhook_id = %s", [86400 * n, f"id-{n}"]
                )
    assert forget() == 0
    assert [forget(timedelta(days=2, hours=12), limit=4) for _ in range(3)] == [4, 3, 0]
    with connection.cursor() as cursor:
        cursor.execute("SELECT webhook_id FROM webhook_marks ORDER BY webhook_id")
        assert [row[0] for row in cursor.fetchall()] == ["id-0", "id-1", "id-2"]


def test_the_table_is_made_once_and_as_sqlalchemy_makes_it(engine: Engine) -> None:
    sqlalchemy.MARKS.drop(engine)
    create_table()
    create_table()
    sqlalchemy.create_table(engine)
    test_ids_are_told_apart_by_case_and_by_scope()


def test_a_database_that_nobody_tried_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(connections["default"]), "vendor", "oracle")
    with transaction.atomic(), pytest.raises(NotSupportedError, match="not made for oracle"):
        first_time("a")
