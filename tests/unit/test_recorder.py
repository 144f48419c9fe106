"""Ended timers move from the store into a history: written first, and only then marked as read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scheduler import Reading, StoreUnavailable, Unread
from scheduler.store import keys
from tests.bench.processes import wait_until
from tests.bench.rowed import Rowed
from tests.bench.store import START, Bench, HandSetFake
from timer_service.history.errors import HistoryUnavailable
from timer_service.process import recorder as module
from timer_service.process.recorder import Recorder, Rows


@pytest.fixture(params=[1, 16])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    client = HandSetFake()
    yield Bench(client, request.param)
    client.close()


@pytest.fixture
def database() -> Rowed:
    return Rowed()


@pytest.fixture
def recorder(bench: Bench, database: Rowed) -> Recorder:
    unread = bench.store().unread
    unread.begin()
    return Recorder(unread, database, keep=60)


def cancel(bench: Bench, count: int) -> set[str]:
    ids = [bench.schedule(1000).id for _ in range(count)]
    assert set(bench.timers.cancel_each(ids)) == {"cancelled"}
    return set(ids)


def test_what_ended_is_written_once_and_then_no_more(bench: Bench, recorder: Recorder, database: Rowed) -> None:
    ids = cancel(bench, 5)
    assert (recorder.pass_once(), recorder.pass_once()) == (5, 0)
    assert database.rows.keys() == ids
    assert (recorder.written, recorder.refused, recorder.database_up) == (5, 0, True)
    assert recorder.backlog.unread == 0


def test_more_than_a_batch_is_written_in_several(
    bench: Bench, recorder: Recorder, database: Rowed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 10)
    ids = cancel(bench, 35)
    while recorder.pass_once():
        pass
    assert database.rows.keys() == ids
    assert database.writes >= 3


def test_while_the_database_is_away_nothing_is_marked_as_read(
    bench: Bench, recorder: Recorder, database: Rowed
) -> None:
    ids = cancel(bench, 3)
    database.refuses = lambda _: HistoryUnavailable("away")
    for _ in range(2):
        with pytest.raises(HistoryUnavailable):
            recorder.pass_once()
    assert (database.rows, recorder.database_up) == ({}, False)
    database.refuses = lambda _: None
    assert recorder.pass_once() == 3
    assert (set(database.rows), recorder.database_up) == (ids, True)


def test_what_lives_on_other_servers_is_written_while_one_is_away(
    database: Rowed, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(HandSetFake(), 16)
    recorder = Recorder(bench.store().unread, database, keep=60)
    bench.store().unread.begin()
    ids = cancel(bench, 40)
    there = {timer_id for timer_id in ids if keys.partition_of(timer_id, bench.partitions) != 3}
    read = Unread.read

    def read_elsewhere(self: Unread, partition: int, *rest: Any) -> Reading:
        if partition == 3:
            raise StoreUnavailable("away")
        return read(self, partition, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(Unread, "read", read_elsewhere)
        with pytest.raises(StoreUnavailable):
            recorder.pass_once()
    assert database.rows.keys() == there
    assert bench.store().unread.backlog().unread == len(ids - there)
    recorder.pass_once()
    assert database.rows.keys() == ids


def test_one_that_died_between_writing_and_marking_is_followed_by_one_that_writes_the_same_again(
    bench: Bench, recorder: Recorder, database: Rowed, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = cancel(bench, 3)
    with monkeypatch.context() as patched:
        patched.setattr("scheduler.store.unread.Unread.mark_read", lambda *_: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            recorder.pass_once()
    assert Recorder(bench.store().unread, database, 60).pass_once() == 3
    assert database.rows.keys() == ids


def test_what_the_database_refuses_for_what_it_holds_is_told_and_keeps_nobody_else_waiting(
    bench: Bench, recorder: Recorder, database: Rowed, caplog: pytest.LogCaptureFixture
) -> None:
    one, other, *rest = sorted(cancel(bench, 4))
    reasons = {one: ValueError("a NUL"), other: ValueError("too large")}
    database.refuses = lambda timer: reasons.get(timer.id)
    while recorder.pass_once():
        pass
    assert sorted(database.rows) == rest
    assert (recorder.written, recorder.refused, recorder.backlog.unread) == (2, 2, 0)
    for timer_id, reason in reasons.items():
        assert [it for it in caplog.messages if timer_id in it and str(reason) in it]


def test_a_database_that_refuses_everything_is_at_fault_itself_and_nothing_is_dropped(
    bench: Bench, recorder: Recorder, database: Rowed
) -> None:
    cancel(bench, 3)
    database.refuses = lambda _: ValueError("no such column")
    with pytest.raises(HistoryUnavailable, match="refuses everything: no such column"):
        recorder.pass_once()
    assert (recorder.refused, recorder.database_up, bench.store().unread.backlog().unread) == (0, False, 3)


def test_it_writes_until_it_is_stopped_and_removes_what_is_too_old_by_the_clock_of_the_store(
    bench: Bench, recorder: Recorder, database: Rowed
) -> None:
    ids = cancel(bench, 3)
    thread = threading.Thread(target=recorder.run)
    thread.start()
    try:
        until = threading.Event()
        for _ in range(3000):
            if database.rows.keys() == ids and database.forgot:
                break
            until.wait(0.02)
    finally:
        recorder.stop()
        thread.join(60)
    assert not thread.is_alive()
    assert (set(database.rows), database.forgot) == (ids, [START - 60_000])


def test_what_ends_while_others_are_written_is_written_together_half_a_second_later(
    bench: Bench, recorder: Recorder, database: Rowed, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = database.write

    def write(rows: Rows, give_way: Callable[[], None]) -> None:
        time.sleep(0.04)
        at_once(rows, give_way)

    monkeypatch.setattr(database, "write", write)
    thread = threading.Thread(target=recorder.run)
    thread.start()
    ids: set[str] = set()
    passed = threading.Event()
    began = time.monotonic()
    while (taken := time.monotonic() - began) < 2:
        ids |= cancel(bench, 1)
        passed.wait(0.02)
    writes = database.writes
    recorder.stop()
    thread.join(60)
    assert not thread.is_alive()
    assert writes <= taken / 0.375 + 1  # half a second lies between two, or as little as three quarters of it
    while recorder.pass_once():
        pass
    assert database.rows.keys() == ids


def test_more_than_is_read_at_once_is_written_without_a_wait(
    bench: Bench, recorder: Recorder, database: Rowed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 10)
    monkeypatch.setattr(module, "_LOOK", 600)
    monkeypatch.setattr(module, "_TICK", 0.02)
    ids = cancel(bench, 400)
    thread = threading.Thread(target=recorder.run)
    thread.start()
    try:
        wait_until(lambda: database.rows.keys() == ids, 10, "all rows")
    finally:
        recorder.stop()
        thread.join(60)


def test_others_may_have_the_core_while_it_reads_and_writes(bench: Bench, database: Rowed) -> None:
    calls: list[str] = []
    unread = bench.store().unread
    unread.begin()
    cancel(bench, 100)
    Recorder(unread, database, 60, give_way=lambda: calls.append("others")).pass_once()
    assert len(calls) >= 10 + database.writes


def test_one_that_is_behind_takes_its_share_of_the_core_until_it_is_not(bench: Bench, database: Rowed) -> None:
    calls: list[str] = []
    unread = bench.store().unread
    unread.begin()
    recorder = Recorder(unread, database, 60, give_way=lambda: calls.append("others"))
    cancel(bench, 40)
    bench.set_clock(START + 5000)
    recorder.backlog = unread.backlog()
    assert recorder.pass_once() == 40
    assert calls == []
    cancel(bench, 10)
    bench.set_clock(START + 9000)
    recorder.pass_once()
    assert calls != []


def test_one_that_is_to_stop_gives_way_to_nobody(bench: Bench, database: Rowed) -> None:
    calls: list[str] = []
    unread = bench.store().unread
    unread.begin()
    cancel(bench, 10)
    recorder = Recorder(unread, database, 60, give_way=lambda: calls.append("others"))
    recorder.stop()
    assert recorder.pass_once() == 10
    assert calls == []


def test_it_ends_where_histories_were_switched_off(bench: Bench, recorder: Recorder) -> None:
    run_begins_again = recorder._unread.begin
    recorder._unread.begin = lambda: None  # type: ignore[method-assign]
    bench.store().unread.end()
    recorder.run()
    recorder._unread.begin = run_begins_again  # type: ignore[method-assign]
    assert recorder.backlog.is_noted is False


def test_a_store_that_came_back_empty_notes_ends_again(bench: Bench, recorder: Recorder) -> None:
    recorder.pass_once()
    bench.client.flushall()
    bench.set_clock(START)
    thread = threading.Thread(target=recorder.run)
    thread.start()
    unread, until = bench.store().unread, threading.Event()
    for _ in range(3000):
        if unread.backlog().is_noted:
            break
        until.wait(0.02)
    recorder.stop()
    thread.join(60)
    assert unread.backlog().is_noted
