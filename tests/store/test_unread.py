"""What a history has yet to read: it is noted as timers end, stays until it is read, and is given up within bounds."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler import Claim, Claims, Outcome, Reason, Settings, Settlement, Status, Store
from scheduler.store import keys
from scheduler.store.memory import Memory
from scheduler.store.unread import Backlog, Ended, Reading, Unread
from scheduler.store.unread_limit import UnreadLimit
from scheduler.timer import Attempt
from tests.bench.store import KEEP, LEASE, SHARE, Bench


@pytest.fixture
def unread(bench: Bench) -> Unread:
    unread = Unread(bench.link)
    unread.begin()
    return unread


def keeper(bench: Bench, **settings: Any) -> Claims:
    """A poller with bounds of its own."""
    keep = KEEP / 1000
    said = Settings(lease=LEASE / 1000, keep_delivered=keep, keep_failed=keep, keep_cancelled=keep, **settings)
    return Store(said, bench.link).claims("keeper", SHARE)


def settled(it: Claim, outcome: Outcome = Outcome.DELIVERED) -> Settlement:
    attempt = Attempt(number=it.number, outcome=outcome, status_code=200, response_body="ok")
    return Settlement(it.id, it.fence, attempt, retry_ms=None)


def deliver(bench: Bench, count: int = 1) -> list[str]:
    """Ends so many timers, one a millisecond."""
    ids = []
    for _ in range(count):
        ids.append(bench.schedule().id)
        bench.claims.settle([settled(it) for it in bench.claims.claim(10).claims])
        bench.advance(1)
    return ids


def read(unread: Unread, most: int = 1000) -> list[Reading]:
    return [unread.read(partition, most) for partition in range(unread.partitions)]


def ended(unread: Unread) -> dict[str, Ended]:
    return {it.timer.id: it for reading in read(unread) for it in reading.ended}


def mark_all_read(unread: Unread) -> int:
    return sum(unread.mark_read(reading.marks) for reading in read(unread))


def test_without_a_history_no_end_is_noted(bench: Bench) -> None:
    deliver(bench)
    assert not list(bench.client.scan_iter("*:unread"))
    assert Unread(bench.link).backlog().is_noted is None


def test_every_end_is_noted_once_and_told_with_its_attempts(bench: Bench, unread: Unread) -> None:
    (delivered,) = deliver(bench)
    cancelled = bench.schedule(1000)
    bench.timers.cancel(cancelled.id)
    bench.timers.cancel(cancelled.id)
    failed = bench.schedule()
    (it,) = bench.claims.claim(10).claims
    for _ in range(2):  # the reply was lost, and it is said again
        bench.claims.settle([settled(it, Outcome.PERMANENT)])
    expired = bench.schedule(0, max_lateness=1)
    bench.advance(1010)
    bench.claims.claim(10)
    replaced = bench.schedule(5000, key="k")
    bench.timers.cancel(replaced.id)
    found = ended(unread)
    assert {it.timer.id: it.timer.reason for it in found.values()} == {
        delivered: Reason.DELIVERED,
        cancelled.id: Reason.CANCELLED,
        failed.id: Reason.PERMANENT,
        expired.id: Reason.EXPIRED,
        replaced.id: Reason.CANCELLED,
    }
    assert found[delivered].timer == bench.timers.get(delivered)
    assert all(it.timer.last_attempt == (it.attempts[-1] if it.attempts else None) for it in found.values())
    assert all(list(it.attempts) == bench.timers.attempts(timer_id) for timer_id, it in found.items())
    assert unread.backlog().unread == 5


def test_a_last_lost_lease_is_noted_with_all_its_attempts(bench: Bench, unread: Unread) -> None:
    timer = bench.schedule()
    for _ in range(3):
        bench.claims.claim(10)
        bench.alive(LEASE + 1)
    bench.claims.claim(10)
    (it,) = ended(unread).values()
    assert (it.timer.id, it.timer.reason, it.timer.attempts) == (timer.id, Reason.LEASE_LOST, 3)
    assert [attempt.number for attempt in it.attempts] == [1, 2, 3]


@pytest.mark.one_partition
def test_those_that_ended_first_are_told_first_and_the_oldest_says_how_far_behind_it_is(
    bench: Bench, unread: Unread
) -> None:
    ids = deliver(bench, 5)
    told = unread.read(bench.home, 3)
    assert [it.timer.id for it in told.ended] == ids[:3]
    bench.advance(95)
    backlog = unread.backlog()
    assert (backlog.unread, backlog.oldest_ms, backlog.given_up, backlog.is_noted) == (5, 100, 0, True)
    assert unread.mark_read(told.marks) == 3
    assert unread.mark_read(told.marks) == 0
    assert unread.backlog().oldest_ms == 97


@pytest.mark.one_partition
def test_large_ones_are_told_in_several_calls_and_all_of_them(bench: Bench, unread: Unread) -> None:
    for _ in range(5):
        bench.schedule(body=b"x" * 100_000)
        bench.claims.settle([settled(it) for it in bench.claims.claim(10).claims])
    assert len(ended(unread)) == 5


def test_what_ends_again_after_it_was_read_stays_unread(bench: Bench, unread: Unread) -> None:
    (timer_id,) = deliver(bench)
    before = read(unread)
    bench.timers.replay(bench.timers.get(timer_id))
    assert ended(unread) == {}
    assert unread.backlog().unread == 0
    bench.claims.settle([settled(it) for it in bench.claims.claim(10).claims])
    assert sum(unread.mark_read(reading.marks) for reading in before) == 0
    assert ended(unread)[timer_id].timer.attempts == 2
    assert mark_all_read(unread) == 1
    assert ended(unread) == {}


def test_what_a_version_replayed_that_knows_no_history_is_passed_over(bench: Bench, unread: Unread) -> None:
    (timer_id,) = deliver(bench)
    root = bench.prefix(timer_id)
    score = bench.client.zscore(f"{root}unread", timer_id)
    bench.timers.replay(bench.timers.get(timer_id))
    bench.client.zadd(f"{root}unread", {timer_id: score})
    assert ended(unread) == {}
    assert mark_all_read(unread) == 1
    assert unread.backlog().given_up == 0


def test_what_was_forgotten_unread_all_the_same_is_counted_as_given_up(bench: Bench, unread: Unread) -> None:
    (timer_id,) = deliver(bench)
    bench.client.delete(f"{bench.prefix(timer_id)}timer:{timer_id}")
    assert ended(unread) == {}
    assert mark_all_read(unread) == 1
    assert unread.backlog()[:3] == (0, 0, 1)


def test_an_unread_timer_is_kept_beyond_its_time_and_forgotten_once_it_is_read(bench: Bench, unread: Unread) -> None:
    (timer_id,) = deliver(bench)
    bench.advance(2 * KEEP)
    for _ in range(3):
        assert bench.claims.claim(10).next_due is None  # nobody comes again at once for what only a history can end
    assert bench.timers.get(timer_id).status is Status.DELIVERED
    mark_all_read(unread)
    bench.claims.claim(10)
    for _ in range(bench.partitions):
        bench.claims.claim(10)
    assert bench.where(timer_id) == []
    bench.check()


@pytest.mark.one_partition
def test_unread_timers_are_kept_above_the_number_of_those_that_are_kept_else(bench: Bench, unread: Unread) -> None:
    claims = keeper(bench, keep_finished=2 * bench.partitions)
    ids = deliver(bench, 6)
    claims.claim(1)
    claims.claim(1)
    assert len(bench.members("delivered")) == 6
    first = unread.read(bench.home, 3)
    unread.mark_read(first.marks)
    for _ in range(bench.partitions):
        claims.claim(1)
    assert [bool(bench.where(timer_id)) for timer_id in ids] == [False] * 3 + [True] * 3
    assert unread.backlog().given_up == 0
    bench.check()


@pytest.mark.one_partition
def test_of_more_unread_timers_than_may_wait_the_oldest_are_given_up_and_counted(bench: Bench, unread: Unread) -> None:
    claims = keeper(bench, keep_finished=0, unread_most=4 * bench.partitions)
    ids = deliver(bench, 10)
    for _ in range(bench.partitions):
        claims.claim(1)
    assert [bool(bench.where(timer_id)) for timer_id in ids] == [False] * 6 + [True] * 4
    assert (unread.backlog().unread, unread.backlog().given_up) == (4, 6)
    assert sorted(ended(unread)) == sorted(ids[6:])
    bench.check()


@pytest.mark.one_partition
def test_in_a_store_that_is_nearly_full_unread_timers_make_room(
    bench: Bench, unread: Unread, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = keeper(bench, keep_finished=0, max_bytes=1000)
    ids = deliver(bench, 3)
    monkeypatch.setattr("scheduler.store.memory.StoreMemory.read", lambda self: self.last)
    for used, kept in ((899, 3), (900, 0)):
        claims._memory.last = Memory(used=used)
        for _ in range(bench.partitions):
            claims.claim(1)
        assert sum(bool(bench.where(timer_id)) for timer_id in ids) == kept
    assert unread.backlog().given_up == 3


def test_what_is_kept_anyway_is_never_given_up(bench: Bench, unread: Unread) -> None:
    claims = keeper(bench, unread_most=0)
    ids = deliver(bench, 3)
    for _ in range(bench.partitions):
        claims.claim(10)
    assert sorted(ended(unread)) == sorted(ids)
    assert unread.backlog().given_up == 0


def test_a_history_that_is_switched_off_leaves_nothing_and_can_be_begun_again(bench: Bench, unread: Unread) -> None:
    deliver(bench, 3)
    unread.end()
    unread.end()
    deliver(bench)
    assert unread.backlog()[:4] == (0, 0, 0, False)
    assert not list(bench.client.scan_iter("*:unread"))
    unread.begin()
    deliver(bench)
    assert unread.backlog()[:2] == (1, 1)
    for partition in range(bench.partitions):
        assert bench.client.get(keys.layout(partition)).count(b" history=") == 1


@pytest.mark.parametrize(
    ("noted", "all_of_them"),
    [((True, True), True), ((True, None), None), ((None, False), False), ((False, True), False), ((None, None), None)],
)
def test_ends_are_noted_only_where_all_partitions_say_so(noted: list[bool | None], all_of_them: bool | None) -> None:
    """Else what begins a history would take a part of it for all, where it came back empty."""
    parts = [Backlog(1, oldest, 2, it, 5) for oldest, it in enumerate(noted)]
    assert Backlog.total(parts) == Backlog(2, 1, 4, all_of_them, 5)


def test_a_store_that_came_back_empty_says_that_no_ends_are_noted(bench: Bench, unread: Unread) -> None:
    bench.client.flushall()
    bench.set_clock(bench.now)
    assert unread.backlog().is_noted is None
    unread.begin()
    assert unread.backlog().is_noted is True


@pytest.mark.parametrize(
    ("memory", "max_bytes", "limit"),
    [
        (Memory(), 1000, 5),
        (Memory(used=899), 1000, 5),
        (Memory(used=900), 1000, 0),
        (Memory(used=900), 0, 5),
        (Memory(used=719, most=1000), 0, 5),
        (Memory(used=720, most=1000), 0, 0),
        (Memory(is_refused=True), 1000, 5),
    ],
)
def test_none_is_kept_beyond_its_time_from_nine_tenths_of_the_budget_on(
    memory: Memory, max_bytes: int, limit: int
) -> None:
    assert UnreadLimit(10, max_bytes).of(memory, 2) == limit
