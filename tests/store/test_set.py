"""Setting, reading and cancelling timers: the API's side of the store."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler import Backoff, Delivery, Draft, Status, TimerTooLarge, UnknownTimer, Webhook, WrongState
from tests.bench.store import KEEP, START, Bench

WEBHOOK = Webhook(
    url="http://receiver/hook?a=1",
    method="PUT",
    headers={"x-empty": "", "X-Mixed": "Value"},
    body=b'{"a":[],"n":1}\n\x00\xff',
    body_is_json=False,
    timeout=2.5,
    max_attempts=3,
    backoff=Backoff(steps=(1, 2.5)),
    delivery=Delivery.AT_MOST_ONCE,
    metadata={"order": [1, {"é": None}]},
)


def test_a_timer_reads_back_as_it_was_set(bench: Bench) -> None:
    timer_id = bench.timers.new_id()
    bench.timers.set(Draft(id=timer_id, webhook=WEBHOOK, delay_ms=1500))
    timer = bench.timers.get(timer_id)
    assert timer.webhook == WEBHOOK
    assert (timer.status, timer.created_at, timer.due_at) == (Status.SCHEDULED, START, START + 1500)
    assert (timer.attempts, timer.last_attempt, timer.next_attempt_at) == (0, None, None)
    assert timer.time_left == 2
    bench.check()


@pytest.mark.parametrize("body", [None, b"", b"null", b"\n\n"])
def test_a_body_comes_back_byte_for_byte(bench: Bench, body: bytes | None) -> None:
    assert bench.timers.get(bench.schedule(1, body=body).id).webhook.body == body


@pytest.mark.parametrize("url", ["", "{", "http://h/\n", "http://h/x", "HTTP://h/é", '{"url":"http://h/"}'])
def test_any_url_comes_back_as_it_was(bench: Bench, url: str) -> None:
    assert bench.timers.get(bench.schedule(1, url=url, body=b"{}").id).webhook.url == url


def test_a_delay_counts_from_no_earlier_than_now(bench: Bench) -> None:
    bench.set_clock(START, us=1)
    assert bench.schedule(5).due_at == START + 1 + 5


def test_a_moment_in_the_past_means_now(bench: Bench) -> None:
    draft = Draft(id=bench.timers.new_id(), webhook=WEBHOOK, due_at=START - 1)
    assert bench.timers.set(draft)[0].due_at == START


def test_the_last_millisecond_of_the_year_9999_is_kept_exactly(bench: Bench) -> None:
    last = 253_402_300_799_999
    draft = Draft(id=bench.timers.new_id(), webhook=WEBHOOK, due_at=last)
    bench.timers.set(draft)
    assert bench.timers.get(draft.id).due_at == last
    bench.timers.cancel(draft.id)
    assert bench.timers.get(draft.id).due_at == last


def test_scheduling_twice_with_one_id_makes_one_timer_and_the_same_answer(bench: Bench) -> None:
    draft = Draft(id=bench.timers.new_id(), webhook=WEBHOOK, delay_ms=100)
    first = bench.timers.set(draft)
    bench.advance(50)
    again = bench.timers.set(draft)
    assert [timer.due_at for timer in again] == [timer.due_at for timer in first]
    assert bench.timers.stats().scheduled == 1


def test_a_repeated_schedule_does_not_bring_back_what_has_moved_on(bench: Bench) -> None:
    draft = Draft(id=bench.timers.new_id(), webhook=WEBHOOK, delay_ms=100)
    bench.timers.set(draft)
    bench.timers.cancel(draft.id)
    assert bench.timers.set(draft)[0].due_at == START + 100
    assert bench.where(draft.id) == ["cancelled"]


def test_many_timers_are_stored_in_one_call_and_answered_in_order(bench: Bench) -> None:
    drafts = [Draft(id=bench.timers.new_id(), webhook=WEBHOOK, delay_ms=ms) for ms in (300, 100, 200)]
    timers = bench.timers.set(*drafts)
    assert [timer.id for timer in timers] == [draft.id for draft in drafts]
    assert [timer.due_at - START for timer in timers] == [300, 100, 200]
    bench.check()


def test_a_timer_beyond_256_kib_is_refused_and_its_largest_part_named(bench: Bench) -> None:
    with pytest.raises(TimerTooLarge) as caught:
        bench.schedule(1, metadata={"notes": "x" * 300_000})
    assert caught.value.part == "metadata"


@pytest.mark.parametrize(
    "timer_id", ["", "x", "0" * 22, "12" + "0" * 20, "zz" + "0" * 20, "00{}:*\n" + "0" * 15, "é" * 22]
)
def test_an_unknown_id_is_an_unknown_timer(bench: Bench, timer_id: str) -> None:
    for ask in (bench.timers.get, bench.timers.attempts, bench.timers.cancel):
        with pytest.raises(UnknownTimer):
            ask(timer_id)
    bench.check()


def test_a_cancelled_timer_is_never_claimed(bench: Bench) -> None:
    timer = bench.schedule(10)
    bench.timers.cancel(timer.id)
    bench.timers.cancel(timer.id)
    bench.advance(20)
    assert bench.claims.claim(10).claims == []
    assert bench.timers.get(timer.id).status is Status.CANCELLED
    bench.check()


def test_a_timer_that_a_poller_holds_cannot_be_cancelled(bench: Bench) -> None:
    timer = bench.schedule()
    bench.claims.claim(1)
    with pytest.raises(WrongState) as caught:
        bench.timers.cancel(timer.id)
    assert caught.value.status == "delivering"


def test_a_cancelled_timer_is_forgotten_when_its_time_is_over(bench: Bench) -> None:
    timer = bench.schedule(10)
    bench.timers.cancel(timer.id)
    bench.alive(KEEP - 1)
    assert bench.where(timer.id) == ["cancelled"]
    bench.alive(1)
    assert bench.where(timer.id) == []
    bench.check()


@pytest.mark.one_partition
def test_stats_count_by_status_and_say_how_late_the_oldest_is(bench: Bench) -> None:
    bench.schedule(1000)
    bench.schedule(10)
    bench.schedule(20)
    bench.timers.cancel(bench.schedule(5).id)
    bench.advance(110)
    bench.claims.claim(1)
    stats = bench.timers.stats()
    assert (stats.scheduled, stats.overdue, stats.delivering, stats.cancelled) == (2, 1, 1, 1)
    assert stats.oldest_overdue_ms == 90


@pytest.mark.one_partition
@pytest.mark.parametrize(("body", "tags", "calls"), [(60_000, 0, 5), (250_000, 0, 20), (10, 100, 4), (10, 0, 1)])
def test_many_are_set_in_calls_that_hold_the_store_up_for_little_and_are_answered_in_order(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, body: int, tags: int, calls: int
) -> None:
    """By bytes of bodies, and of tags as much as they cost: 500 each."""
    drafts = [bench.draft(9, body=b"x" * body, tags=tuple(f"t{n}" for n in range(tags))) for _ in range(20)]
    sizes: list[int] = []
    run = bench.link.run

    def counting(name: str, partition: int, args: Any = ()) -> Any:
        if name == "set":
            sizes.append(len(args) // 4)
        return run(name, partition, args)

    monkeypatch.setattr(bench.link, "run", counting)
    assert [it.id for it in bench.timers.set(*drafts)] == [it.id for it in drafts]
    assert (len(sizes), sum(sizes)) == (calls, 20)
