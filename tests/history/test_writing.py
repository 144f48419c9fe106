"""What a history holds of ended timers, on each database."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import DateTime, Table, select, text, update
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

from scheduler import Outcome, Reason, Status, Webhook, rfc3339
from tests.history.ended import MARCH, attempt, ended, timer_id
from timer_service.history.columns import Moment
from timer_service.history.database import History, open_history
from timer_service.history.engine import engine_of
from timer_service.history.errors import HistoryUnavailable, HistoryUnsuitable
from timer_service.history.schema import ATTEMPTS, TAGS, TIMERS, VERSION


@pytest.fixture
def history(url: str) -> Iterator[History]:
    it = open_history(url)
    yield it
    it.close()


def rows(url: str, table: Table) -> Sequence[Any]:
    engine = engine_of(url)
    with engine.begin() as connection:
        found = connection.execute(select(table).order_by(*table.primary_key)).all()
    engine.dispose()
    return found


def test_a_timer_stands_in_one_row_and_each_attempt_and_tag_in_one_of_its_own(history: History, url: str) -> None:
    attempts = [attempt(1, outcome=Outcome.RETRYABLE, status_code=500, response_body="no"), attempt(2, final=True)]
    history.write([(ended(tags=("a", "b"), key="k", schedule="s", attempts=2), attempts)])
    (timer,) = rows(url, TIMERS)
    assert (timer.ended_at, timer.status, timer.reason) == (MARCH, "delivered", "delivered")
    assert (timer.destination, timer.key, timer.schedule) == ("https:api.example.com:443", "k", "s")
    assert json.loads(timer.timer)["tags"] == ["a", "b"]
    assert [row.tag for row in rows(url, TAGS)] == ["a", "b"]
    assert [(it.number, it.outcome, it.response_body) for it in rows(url, ATTEMPTS)] == [
        (1, "retryable", "no"),
        (2, "delivered", None),
    ]


def test_written_twice_it_is_there_once(history: History, url: str) -> None:
    for _ in range(2):
        history.write([(ended(tags=("a",)), [attempt(1)])] * 2)
    assert [len(rows(url, table)) for table in (TIMERS, TAGS, ATTEMPTS)] == [1, 1, 1]


def test_an_end_that_is_written_late_does_not_replace_a_later_one(history: History, url: str) -> None:
    first = ended(status=Status.FAILED, reason=Reason.PERMANENT, tags=("old",))
    history.write([(ended(at=MARCH + 1000, tags=("new",)), [attempt(1), attempt(2)])])
    history.write([(first, [attempt(1)]), (ended(2), [])])
    assert [(row.id, row.status) for row in rows(url, TIMERS)] == [
        (timer_id(1), "delivered"),
        (timer_id(2), "delivered"),
    ]
    assert [row.tag for row in rows(url, TAGS)] == ["new"]


def test_a_timer_that_ended_anew_keeps_the_attempts_of_its_first_end(history: History, url: str) -> None:
    history.write([(ended(), [attempt(number) for number in range(1, 11)])])
    history.write([(ended(at=MARCH + 1, attempts=20), [attempt(number) for number in range(11, 21)])])
    assert [row.number for row in rows(url, ATTEMPTS)] == list(range(1, 21))


def test_secrets_do_not_stand_in_it(history: History, url: str) -> None:
    webhook = Webhook(
        url="https://a.example/hook?code=sesame",
        headers={"authorization": "Bearer sesame", "x-own": "sesame"},
        write_only=("x-own",),
    )
    history.write([(ended(webhook=webhook), [])])
    assert "sesame" not in str(rows(url, TIMERS))


def test_what_no_database_takes_in_its_texts_is_told_as_well_as_it_can_be(history: History, url: str) -> None:
    body = rb'{"nul": "\u0000", "half": "\ud800", "number": 1e999999, "digits": 1.000}'
    webhook = Webhook(url="https://a.example/", body=body, metadata={"half \ud800": "nul \0"})
    history.write([(ended(webhook=webhook), [attempt(1, response_body="nul \0 half \udfff é")])])
    (timer,), (tried,) = rows(url, TIMERS), rows(url, ATTEMPTS)
    told = json.loads(timer.timer)
    assert told["body"]["nul"] == "\0"
    assert told["metadata"] == {"half \ud800": "nul \0"}
    assert "1e999999" in timer.timer
    assert tried.response_body == "nul \ufffd half \ufffd é"


def test_the_largest_timer_and_the_last_moment_fit(history: History, url: str) -> None:
    webhook = Webhook(url="https://a.example/" + "x" * 2000, body=json.dumps("x" * 256 * 1024).encode())
    history.write([(ended(webhook=webhook, due_at=253_402_300_799_999), [])])
    (timer,) = rows(url, TIMERS)
    assert timer.due_at == 253_402_300_799_999
    assert len(timer.timer) > 256 * 1024


@pytest.mark.parametrize("ms", [0, 1, 999, MARCH, MARCH + 120, rfc3339.LATEST, rfc3339.LATEST + 1])
def test_sqlite_holds_a_moment_as_its_own_date_and_time_would_be(ms: int) -> None:
    """What was written before, and what a question compares with, are in the same digits."""
    dialect = sqlite_dialect()
    moment = datetime(1970, 1, 1) + timedelta(milliseconds=min(ms, rfc3339.LATEST))
    theirs, ours = DateTime().dialect_impl(dialect).bind_processor(dialect), Moment().bind_processor(dialect)
    assert theirs is not None
    assert ours is not None
    assert ours(ms) == theirs(moment)
    assert ours(None) is None


def test_of_many_that_are_written_at_once_only_those_stay_behind_that_ended_earlier(history: History, url: str) -> None:
    history.write([(ended(n, MARCH + 10, tags=("before",)), []) for n in (1, 3)])
    history.write([(ended(n, MARCH + 5 * n, tags=("after",)), []) for n in (1, 2, 3)])
    kept = {it.id: it.ended_at for it in rows(url, TIMERS)}
    assert kept == {timer_id(1): MARCH + 10, timer_id(2): MARCH + 10, timer_id(3): MARCH + 15}
    tags = {it.id: it.tag for it in rows(url, TAGS)}
    assert tags == {timer_id(1): "before", timer_id(2): "after", timer_id(3): "after"}


def test_a_timer_that_nobody_can_read_has_a_row(history: History, url: str) -> None:
    unreadable = ended(webhook=Webhook(url=""), unreadable=True, last_attempt=None, reason=None, attempts=0)
    history.write([(unreadable, [attempt(0, outcome=None, error="unreadable")] * 2)])
    assert [row.destination for row in rows(url, TIMERS)] == [""]


def test_others_may_have_the_core_every_few_timers_of_a_batch_and_of_its_attempts(history: History, url: str) -> None:
    calls: list[str] = []
    history.write([(ended(number), [attempt(1)]) for number in range(100)], lambda: calls.append("others"))
    assert len(calls) == 20
    assert [len(rows(url, table)) for table in (TIMERS, ATTEMPTS)] == [100, 100]


def test_what_ended_before_a_moment_is_removed_with_all_of_its_rows(history: History, url: str) -> None:
    history.write([(ended(number, at=MARCH + number, tags=("a",)), [attempt(1)]) for number in range(2500)])
    assert history.forget(MARCH + 2400) == 2400
    assert history.forget(MARCH + 2400) == 0
    assert [len(rows(url, table)) for table in (TIMERS, TAGS, ATTEMPTS)] == [100, 100, 100]


def test_several_that_make_the_tables_and_write_at_once_do_not_get_in_each_others_way(url: str) -> None:
    failures: list[BaseException] = []

    def write(number: int) -> None:
        it = open_history(url)
        try:
            for turn in range(5):
                it.write([(ended(n, at=MARCH + turn, tags=("a",)), [attempt(1)]) for n in range(100 * number, 300)])
        except BaseException as error:
            failures.append(error)
        finally:
            it.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [len(rows(url, table)) for table in (TIMERS, TAGS, ATTEMPTS, VERSION)] == [300, 300, 300, 1]


def test_a_new_sqlite_file_that_another_holds_just_then_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE theirs (number)")
    other.execute("BEGIN IMMEDIATE")
    later = threading.Timer(0.3, other.execute, ("COMMIT",))
    later.start()
    history = open_history(f"sqlite:///{path}")
    history.write([(ended(), [])])
    assert len(rows(f"sqlite:///{path}", TIMERS)) == 1
    later.join()
    history.close()
    other.close()


def test_tables_of_a_later_version_are_left_alone(history: History, url: str) -> None:
    history.write([(ended(), [])])
    engine = engine_of(url)
    with engine.begin() as connection:
        connection.execute(update(VERSION).values(version=99))
    engine.dispose()
    later = open_history(url)
    with pytest.raises(HistoryUnsuitable, match="a later version"):
        later.write([(ended(2), [])])
    later.close()


def test_a_database_that_lost_its_tables_gets_them_anew(history: History, url: str) -> None:
    history.write([(ended(), [])])
    engine = engine_of(url)
    with engine.begin() as connection:
        for name in ("timer_history_tags", "timer_history_attempts", "timer_history", "timer_history_version"):
            connection.execute(text(f"DROP TABLE {name}"))
    engine.dispose()
    with pytest.raises(HistoryUnavailable):
        history.write([(ended(2), [])])
    history.write([(ended(2), [])])
    assert len(rows(url, TIMERS)) == 1


def test_a_database_that_is_not_there_is_unavailable_and_its_password_is_not_told(tmp_path: Path) -> None:
    away = open_history("postgresql://me:sesame@127.0.0.1:1/db")
    with pytest.raises(HistoryUnavailable) as told:
        away.write([(ended(), [])])
    assert "sesame" not in str(told.value)
    away.close()
    (tmp_path / "file").write_text(
        "no database, by far: more than the hundred bytes of its head are other than those" * 9
    )
    broken = open_history(f"sqlite:///{tmp_path}/file")
    with pytest.raises(Exception, match="not a database"):
        broken.write([(ended(), [])])
    broken.close()


@pytest.mark.parametrize("url", ["", "mysql://x/y", "sqlite://", "sqlite:///:memory:", "nonsense", "postgres:/sesame"])
def test_a_url_that_names_no_such_database_is_refused(url: str) -> None:
    with pytest.raises(HistoryUnsuitable, match="TIMER_HISTORY_URL: sqlite:///path") as told:
        open_history(url)
    assert "sesame" not in str(told.value)
