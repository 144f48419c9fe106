"""What a history tells, on each database."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import text

from scheduler import Outcome, Reason, Redelivery, Status, Webhook
from tests.bench.processes import wait_until
from tests.history.ended import MARCH, attempt, ended, timer_id
from timer_service.history.database import open_history
from timer_service.history.engine import engine_of
from timer_service.history.errors import HistoryUnavailable
from timer_service.history.queries import HistoryQuery
from timer_service.history.reader import HistoryReader


@pytest.fixture
def reader(url: str) -> Iterator[HistoryReader]:
    """Of 40 timers that ended one ms after the other, but for the last two, which ended at once."""
    history = open_history(url)
    rows = []
    for number in range(40):
        failed = number % 4 == 0
        timer = ended(
            number,
            at=MARCH + min(number, 38),
            webhook=Webhook(url=f"https://api{number % 3}.example.com/hook?code=sesame"),
            status=Status.FAILED if failed else Status.DELIVERED,
            reason=Reason.PERMANENT if failed else Reason.DELIVERED,
            tags=("even",) if number % 2 == 0 else (),
            schedule="nightly" if number % 5 == 0 else None,
            key=f"key-{number}",
        )
        rows.append((timer, [attempt(1, outcome=Outcome.RETRYABLE), attempt(2, redelivery=Redelivery.RETRY)]))
    history.write(rows)
    history.close()
    it = HistoryReader(url, patience=30)
    yield it
    it.close()


def numbers(reader: HistoryReader, query: HistoryQuery) -> list[int]:
    return [int(it) for it in reader.page(query).ids]


def test_a_timer_is_told_as_it_stood_at_its_end(reader: HistoryReader) -> None:
    told = json.loads(reader.timer(timer_id(5)) or "")
    assert (told["id"], told["status"], told["key"]) == (timer_id(5), "delivered", "key-5")
    assert told["url"] == "https://api2.example.com/hook?code=***"
    assert reader.timer(timer_id(99)) is None


def test_its_attempts_are_told_as_the_store_told_them(reader: HistoryReader) -> None:
    assert reader.attempts(timer_id(5)) == [
        attempt(1, outcome=Outcome.RETRYABLE),
        attempt(2, redelivery=Redelivery.RETRY),
    ]
    assert reader.attempts(timer_id(99)) is None


def test_pages_tell_each_timer_once_the_latest_end_first(reader: HistoryReader) -> None:
    found: list[int] = []
    query = HistoryQuery(limit=7)
    while True:
        page = reader.page(query)
        found += map(int, page.ids)
        if page.next is None:
            break
        query = query._replace(after=page.next)
    assert found == list(range(39, -1, -1))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (HistoryQuery(status="failed"), range(36, -1, -4)),
        (HistoryQuery(reason="permanent"), range(36, -1, -4)),
        (HistoryQuery(destination="https:api1.example.com:443"), range(37, 0, -3)),
        (HistoryQuery(tag="even"), range(38, -1, -2)),
        (HistoryQuery(tag="even", status="failed", schedule="nightly"), (20, 0)),
        (HistoryQuery(schedule="nightly"), range(35, -1, -5)),
        (HistoryQuery(key="key-7"), (7,)),
        (HistoryQuery(ended_after=MARCH + 10, ended_before=MARCH + 13), (12, 11, 10)),
        (HistoryQuery(tag="even", ended_after=MARCH + 10, ended_before=MARCH + 13), (12, 10)),
        (HistoryQuery(tag="unknown"), ()),
    ],
)
def test_filters_find_what_matches(reader: HistoryReader, query: HistoryQuery, expected: Sequence[int]) -> None:
    assert numbers(reader, query) == list(expected)


def test_before_anything_was_written_it_tells_nothing(url: str) -> None:
    it = HistoryReader(url, patience=30)
    assert (it.timer(timer_id(1)), it.attempts(timer_id(1)), it.page(HistoryQuery()).ids) == (None, None, ())
    history = open_history(url)
    history.write([(ended(), [])])
    history.close()
    assert it.timer(timer_id(1))
    it.close()


def test_a_database_that_accepts_and_says_nothing_holds_nobody_longer_than_its_patience() -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    it = HistoryReader(f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/db", patience=0.2)
    refused: list[str] = []

    def ask() -> None:
        try:
            it.timer(timer_id(1))
        except HistoryUnavailable as error:
            refused.append(str(error))

    asking = [threading.Thread(target=ask) for _ in range(20)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(timeout=30)
    assert len(refused) == 20
    assert all("slow" in it or "in time" in it or "a moment ago" in it for it in refused)
    silent.close()
    until = time.monotonic() + 30
    while True:  # those that still waited are told that it is gone, and then others may ask
        with pytest.raises(HistoryUnavailable) as told:
            it.timer(timer_id(1))
        if "refused" in str(told.value) or time.monotonic() > until:
            break
        time.sleep(0.05)
    assert "refused" in str(told.value)
    it.close()


@pytest.mark.parametrize("pause", [0.1, 600])
def test_after_a_failure_nobody_asks_for_a_while_and_then_an_answer_ends_that(url: str, pause: float) -> None:
    reader = HistoryReader(url, patience=60, pause=pause)
    history = open_history(url)
    history.write([(ended(), [])])
    history.close()
    assert reader.timer(timer_id(1))
    rename(url, "timer_history", "away")
    with pytest.raises(HistoryUnavailable, match="timer_history"):
        reader.timer(timer_id(1))
    rename(url, "away", "timer_history")
    if pause < 1:
        wait_until(lambda: tells(reader), 60, "the history")
    else:
        with pytest.raises(HistoryUnavailable, match="a moment ago"):
            reader.timer(timer_id(1))
    reader.close()


def test_where_no_thread_can_be_started_it_is_unavailable_until_one_can(
    reader: HistoryReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        for _ in range(10):
            reader._again_at = None
            with pytest.raises(HistoryUnavailable, match="no more threads"):
                reader.timer(timer_id(1))
    reader._again_at = None
    assert reader.timer(timer_id(1))


def test_a_failure_is_logged_once_and_not_for_each_who_is_refused_after_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    away = HistoryReader("postgresql://me:sesame@127.0.0.1:1/db", pause=600)
    for _ in range(20):
        with pytest.raises(HistoryUnavailable):
            away.timer(timer_id(1))
    (said,) = caplog.messages
    assert "sesame" not in said
    away.close()


def rename(url: str, table: str, to: str) -> None:
    engine = engine_of(url)
    with engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {table} RENAME TO {to}"))
    engine.dispose()


def tells(reader: HistoryReader) -> bool:
    try:
        return reader.timer(timer_id(1)) is not None
    except HistoryUnavailable:
        return False


def test_a_page_of_large_timers_is_short_and_says_where_it_goes_on(url: str) -> None:
    history = open_history(url)
    webhook = Webhook(url="https://a.example/", body=json.dumps("x" * 256 * 1024).encode())
    history.write([(ended(number, webhook=webhook), []) for number in range(40)])
    history.close()
    reader = HistoryReader(url, patience=30)
    first = reader.page(HistoryQuery(limit=1000))
    assert 16 <= len(first.ids) < 30
    rest = reader.page(HistoryQuery(limit=1000, after=first.next))
    third = reader.page(HistoryQuery(limit=1000, after=rest.next))
    assert sorted([*first.ids, *rest.ids, *(third.ids if rest.next else ())]) == [timer_id(it) for it in range(40)]
    reader.close()


def test_each_filter_is_found_by_an_index_in_its_order(postgres_url: str) -> None:
    """Where there are many rows: PostgreSQL is told not to sort, which it does gladly with forty."""
    history = open_history(postgres_url)
    history.write([(ended(), [])])
    history.close()
    engine = engine_of(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        connection.execute(text("SET LOCAL enable_sort = off"))
        connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        for column in ("status", "reason", "destination", "schedule", "key"):
            asked = f"SELECT id FROM timer_history WHERE {column} = 'x' ORDER BY ended_at DESC, id DESC LIMIT 11"
            plan = "\n".join(connection.scalars(text(f"EXPLAIN {asked}")))
            assert f"Index Only Scan Backward using timer_history_{column}" in plan
    engine.dispose()
