"""Occurrences: a number for each time that a receiver is meant to act. And ends: when, why, and counted once.

Tried beside those named: a lost reply of each call that begins an occurrence or ends a timer, by asking again.
"""

from __future__ import annotations

from typing import Any

import pytest

from scheduler import (
    AlreadySent,
    Attempt,
    Claim,
    Delivery,
    Draft,
    Outcome,
    Reason,
    Reschedule,
    Settlement,
    Status,
    Timer,
    UnknownTimer,
    Webhook,
)
from scheduler.store.progress import read_progress
from scheduler.store.room import Load, Room
from tests.bench.store import LEASE, START, Bench, claim_rows

NONE_ENDED = dict.fromkeys(Reason, 0)


def end(bench: Bench, outcome: Outcome = Outcome.DELIVERED, error: str | None = None, **more: Any) -> Claim:
    """One attempt of what is due next, settled twice: the first reply was lost."""
    (it,) = bench.claims.claim(1).claims
    attempt = Attempt(number=it.number, outcome=outcome, error=error, occurrence=it.occurrence)
    settlement = Settlement(it.id, it.fence, attempt, more.get("retry_ms"), more.get("reschedule"))
    for _ in range(2):
        assert bench.claims.settle([settlement]) == []
    bench.check()
    return it


def again(bench: Bench) -> Claim:
    it = end(bench, reschedule=Reschedule(delay_ms=1000))
    bench.advance(1000)
    return it


def ends(bench: Bench) -> dict[Reason, int]:
    return {reason: count for reason, count in bench.timers.stats().ended.items() if count}


def replay(bench: Bench, timer_id: str) -> Timer:
    timer = bench.timers.get(timer_id)
    for _ in range(2):
        bench.timers.replay(timer)
    return bench.timers.get(timer_id)


def test_each_reschedule_by_the_receiver_is_an_occurrence_and_a_retry_is_none(bench: Bench) -> None:
    timer = bench.schedule(key="k", tags=("t",))
    again(bench)
    end(bench, Outcome.RETRYABLE, retry_ms=100)
    bench.advance(100)
    again(bench)
    (it,) = bench.claims.claim(1).claims
    assert (it.occurrence, it.reschedules, it.number, it.key) == (3, 2, 4, "k")
    assert [attempt.occurrence for attempt in bench.timers.attempts(timer.id)] == [1, 2, 2]
    assert (bench.timers.get(timer.id).occurrence, bench.timers.get(timer.id).occurrence_attempts) == (3, 1)


@pytest.mark.one_partition
def test_a_repeated_claim_and_a_release_leave_the_occurrence_as_it_is(bench: Bench) -> None:
    timer = bench.schedule()
    again(bench)
    (it,) = bench.claims.claim(1).claims
    args: list[str | int] = ["one", it.fence, 1, 1, LEASE, 1, 1, *Room().words(()), *Load(), ""]
    (row,) = claim_rows(bench.link.run("claim", bench.home, args))
    again_told = read_progress(row.progress)
    assert (again_told.lost, again_told.occurrence, again_told.reschedules) == (0, 2, 1)
    bench.claims.release([it])
    assert (bench.timers.get(timer.id).occurrence, bench.timers.get(timer.id).occurrence_attempts) == (2, 0)
    assert bench.claims.claim(1).claims[0].occurrence == 2


def test_a_lost_lease_repeats_the_occurrence_that_was_lost(bench: Bench) -> None:
    timer = bench.schedule()
    again(bench)
    bench.claims.claim(1)
    bench.alive(LEASE)
    (it,) = bench.claims.claim(1).claims
    assert (it.occurrence, it.reschedules, it.number) == (2, 1, 3)
    lost = bench.timers.attempts(timer.id)[-1]
    assert (lost.outcome, lost.error, lost.final, lost.occurrence) == (None, "lease-lost", False, 2)


def test_the_replay_of_a_delivered_timer_is_an_occurrence_that_does_not_count_against_the_most(bench: Bench) -> None:
    timer = bench.schedule()
    end(bench)
    assert replay(bench, timer.id).occurrence == 2
    it = end(bench)
    assert (it.occurrence, it.reschedules) == (2, 0)
    assert replay(bench, timer.id).occurrence == 3


def test_the_replay_of_a_failed_timer_is_none_for_its_receiver_has_not_accepted_it(bench: Bench) -> None:
    timer = bench.schedule()
    again(bench)
    end(bench, Outcome.PERMANENT)
    found = replay(bench, timer.id)
    assert (found.occurrence, found.occurrence_attempts) == (2, 1)
    assert end(bench).occurrence == 2


def test_what_is_sent_can_change_with_the_webhook_id_and_not_without(bench: Bench) -> None:
    """Tried too: a release hands the number back, and what was not sent may change; so may a replayed one."""
    timer = bench.schedule(key="k")

    def change(url: str) -> Timer:
        return bench.changes.change(timer.id, lambda it: Draft(id=it.id, webhook=Webhook(url=url), key="k"))

    end(bench, Outcome.RETRYABLE, retry_ms=100)
    with pytest.raises(AlreadySent):
        change("http://b/")
    bench.advance(100)
    again(bench)
    assert change("http://b/").webhook.url == "http://b/"
    put = Draft(id=bench.timers.new_id("k"), webhook=Webhook(url="http://c/"), delay_ms=0, key="k")
    assert bench.changes.put("k", put)[0].id == timer.id
    (it,) = bench.claims.claim(1).claims
    bench.claims.release([it])
    change("http://d/")
    end(bench, Outcome.PERMANENT)
    replay(bench, timer.id)
    with pytest.raises(AlreadySent):
        change("http://e/")
    found, is_new = bench.changes.put("k", put)
    assert (found.id, is_new, found.occurrence) == (put.id, True, 1)


def test_a_webhook_id_leads_to_its_timer_and_one_that_has_not_come_about_to_none(bench: Bench) -> None:
    timer = bench.schedule()
    again(bench)
    again(bench)
    assert [bench.timers.id_of(timer.id + end) for end in ("", "-2", "-3")] == [timer.id] * 3
    for end in ("-4", "-1", "-0", "-02", "-", "-2-2", "--2", "-2 ", "-x", "-²", "-" + "9" * 30):
        with pytest.raises(UnknownTimer):
            bench.timers.id_of(timer.id + end)
    with pytest.raises(UnknownTimer):
        bench.timers.id_of(f"{'0' * 22}-2")


@pytest.mark.parametrize(
    ("outcome", "error", "reason"),
    [
        (Outcome.DELIVERED, None, Reason.DELIVERED),
        (Outcome.RETRYABLE, "dns", Reason.ATTEMPTS_EXHAUSTED),
        (Outcome.PERMANENT, None, Reason.PERMANENT),
        (Outcome.PERMANENT, "blocked", Reason.BLOCKED),
        (Outcome.PERMANENT, "outcome-unknown", Reason.OUTCOME_UNKNOWN),
    ],
)
@pytest.mark.parametrize("names", [{}, {"key": "k", "tags": ("t",)}])
def test_an_end_is_dated_has_a_reason_and_is_counted_once_until_a_replay(
    bench: Bench, outcome: Outcome, error: str | None, reason: Reason, names: dict[str, Any]
) -> None:
    timer = bench.schedule(**names)
    assert (timer.ended_at, timer.reason) == (None, None)
    bench.advance(7)
    end(bench, outcome, error)
    found = bench.timers.get(timer.id)
    assert (found.status, found.ended_at, found.reason) == (reason.status, START + 7, reason)
    assert found.last_attempt is not None
    assert (found.last_attempt.final, found.last_attempt.outcome) == (True, outcome)
    assert ends(bench) == {reason: 1}
    bench.advance(10)
    found = replay(bench, timer.id)
    assert (found.status, found.ended_at, found.reason) == (Status.SCHEDULED, None, None)
    assert ends(bench) == {reason: 1}
    end(bench)
    assert sum(ends(bench).values()) == 2


def test_a_cancel_is_an_end_however_often_and_by_whichever_way(bench: Bench) -> None:
    once, twice = bench.schedule(5000), bench.schedule(key="k")
    for _ in range(2):
        bench.timers.cancel(once.id)
    assert ends(bench) == {Reason.CANCELLED: 1}
    found = bench.timers.get(once.id)
    assert (found.due_at, found.ended_at, found.reason) == (START + 5000, START, Reason.CANCELLED)
    end(bench, Outcome.RETRYABLE, retry_ms=1000)
    # A PUT of something else withdraws what was attempted.
    put = Draft(id=bench.timers.new_id("k"), webhook=Webhook(url="http://b/"), delay_ms=0, key="k")
    bench.changes.put("k", put)
    assert bench.timers.get(twice.id).reason is Reason.CANCELLED
    bench.timers.cancel_each([put.id, put.id, once.id])
    assert ends(bench) == {Reason.CANCELLED: 3}
    assert bench.timers.attempts(twice.id)[-1].final is False


@pytest.mark.parametrize(
    ("delivery", "losses", "reason"),
    [(Delivery.AT_LEAST_ONCE, 3, Reason.LEASE_LOST), (Delivery.AT_MOST_ONCE, 1, Reason.OUTCOME_UNKNOWN)],
)
def test_an_end_that_no_poller_sees_is_counted_too(
    bench: Bench, delivery: Delivery, losses: int, reason: Reason
) -> None:
    timer = bench.schedule(delivery=delivery)
    for _ in range(losses):
        assert len(bench.claims.claim(1).claims) == 1
        bench.alive(LEASE)
    bench.claims.claim(1)
    found = bench.timers.get(timer.id)
    assert (found.status, found.ended_at, found.reason) == (Status.FAILED, bench.now, reason)
    assert found.last_attempt is not None
    lost = found.last_attempt
    assert (lost.outcome, lost.error, lost.final) == (None, "lease-lost", True)
    assert ends(bench) == {reason: 1}


def test_what_cannot_be_read_is_tried_each_minute_and_never_fails_of_it(bench: Bench) -> None:
    timer = bench.schedule()
    record = f"{bench.prefix(timer.id)}timer:{timer.id}"
    whole = bench.client.get(record)
    bench.client.set(record, whole.replace(b'"url"', b'"uri"'))
    for _ in range(12):
        assert bench.claims.claim(1).claims == []
        bench.advance(60_000)
    assert bench.timers.stats().unreadable_claims == 12
    assert bench.timers.get(timer.id).status is Status.SCHEDULED
    bench.client.set(record, whole)
    (claim,) = bench.claims.claim(1).claims
    assert claim.id == timer.id


def test_many_ends_in_one_call_are_counted_by_their_reasons(bench: Bench) -> None:
    for _ in range(9):
        bench.schedule()
    settlements = []
    for n, it in enumerate(bench.claims.claim(9).claims):
        outcome = (Outcome.DELIVERED, Outcome.PERMANENT, Outcome.RETRYABLE)[n % 3]
        settlements.append(Settlement(it.id, it.fence, Attempt(it.number, outcome), None if n < 6 else 1000))
    stranger = settlements[0]._replace(fence="another")
    assert bench.claims.settle([*settlements, stranger]) == [stranger]
    assert bench.timers.stats().ended == NONE_ENDED | dict.fromkeys(
        [Reason.DELIVERED, Reason.PERMANENT, Reason.ATTEMPTS_EXHAUSTED], 2
    )
