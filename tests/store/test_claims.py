"""Claim, renew, release, settle: the poller's side of the store."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from scheduler import (
    Attempt,
    Claim,
    Claims,
    Delivery,
    Draft,
    Outcome,
    Reason,
    Redelivery,
    Reschedule,
    Settlement,
    Status,
    UnknownTimer,
    Webhook,
)
from scheduler.store import keys
from scheduler.store.record import destination_tag
from scheduler.store.room import BATCH, SUSPECTS, Load, Room
from tests.bench.store import KEEP, LEASE, SHARE, START, Bench, claim_rows


def claim(claims: Claims, limit: int = 10, saturated: Collection[str] = ()) -> list[Claim]:
    return claims.claim(limit, saturated).claims


def ended(it: Claim, outcome: Outcome = Outcome.DELIVERED, retry_ms: int | None = None, text: str = "ok") -> Settlement:
    attempt = Attempt(
        number=it.number, outcome=outcome, started_at=START, lateness_ms=3, status_code=200, response_body=text
    )
    return Settlement(timer_id=it.id, fence=it.fence, attempt=attempt, retry_ms=retry_ms)


# Claiming


def test_nothing_is_claimed_before_its_time(bench: Bench) -> None:
    bench.schedule(10)
    bench.set_clock(START + 9, us=999)
    assert claim(bench.claims) == []
    bench.set_clock(START + 10)
    assert len(claim(bench.claims)) == 1


def test_a_claim_says_how_long_until_the_next_timer_to_the_microsecond(bench: Bench) -> None:
    assert bench.claims.claim(1).next_due is None
    bench.schedule(10)
    bench.set_clock(START + 2, us=250)
    assert bench.claims.claim(1).next_due == pytest.approx(0.00775, abs=1e-9)


def test_a_full_batch_is_followed_by_the_next_at_once(bench: Bench) -> None:
    for _ in range(3):
        bench.schedule()
    batch = bench.claims.claim(2)
    assert (len(batch.claims), batch.next_due) == (2, 0.0)


@pytest.mark.one_partition
def test_the_earliest_are_claimed_first(bench: Bench) -> None:
    timers = [bench.schedule(ms) for ms in (30, 10, 20)]
    bench.advance(100)
    assert [it.id for it in claim(bench.claims)] == [timers[1].id, timers[2].id, timers[0].id]


@pytest.mark.one_partition
def test_a_batch_holds_one_mebibyte_of_records_and_little_more(bench: Bench) -> None:
    for _ in range(8):
        bench.schedule(body=b"x" * 250_000)
    assert len(claim(bench.claims)) == 5


def test_a_claim_carries_what_is_needed_to_send(bench: Bench) -> None:
    timer = bench.schedule(10, body=b"{}", headers={"a": "b"})
    bench.advance(50)
    (it,) = claim(bench.claims)
    assert it.webhook == timer.webhook
    assert (it.number, it.due_at, it.planned_at) == (1, START + 10, START + 10)
    assert (it.redelivery, it.suspect) == (None, False)
    assert bench.timers.get(timer.id).status is Status.DELIVERING


def test_two_pollers_never_hold_the_same_timer(bench: Bench) -> None:
    for _ in range(20):
        bench.schedule()
    one, two = claim(bench.claims, 12), claim(bench.poller("two"), 12)
    assert len({it.id for it in one + two}) == 20
    bench.check()


@pytest.mark.one_partition
def test_a_claim_repeated_under_its_id_returns_the_same_batch(bench: Bench) -> None:
    """What redis-py does by itself when a reply is lost."""
    for _ in range(4):
        bench.schedule()
    args: list[str | int] = ["one", "the-claim", 2, SHARE, LEASE, KEEP, 1000, *Room().words(()), *Load(), ""]
    first, again = bench.link.run("claim", bench.home, args), bench.link.run("claim", bench.home, args)
    assert first[2:] == again[2:]
    assert bench.timers.stats().delivering == 2


def test_an_id_without_a_record_is_dropped_and_not_brought_back(bench: Bench) -> None:
    timer = bench.schedule()
    bench.client.delete(f"{bench.prefix(timer.id)}timer:{timer.id}")
    assert claim(bench.claims) == []
    assert bench.where(timer.id) == []


def test_a_record_that_cannot_be_read_is_put_off_alone(bench: Bench) -> None:
    """Another version may have written it, and may yet send it."""
    bad, good = bench.schedule(), bench.schedule(1)
    bench.client.set(f"{bench.prefix(bad.id)}timer:{bad.id}", f"{START} - tag\nnot json\n")
    bench.advance(1)
    (it,) = claim(bench.claims)
    assert it.id == good.id
    assert bench.where(bad.id) == ["scheduled"]
    assert claim(bench.claims) == []


@pytest.mark.one_partition
def test_progress_that_cannot_be_read_stops_nobody(bench: Bench) -> None:
    first, second = bench.schedule(), bench.schedule(1)
    bench.client.hset(f"{bench.prefix(first.id)}progress", first.id, "from another version")
    bench.client.hset(
        f"{bench.prefix(second.id)}progress", second.id, f"attempts=4 due={START} mood=good and more why=retry"
    )
    bench.advance(1)
    assert [(it.id, it.number) for it in claim(bench.claims)] == [(first.id, 1), (second.id, 5)]


@pytest.mark.parametrize(
    "names", [{"key": "k"}, {"tags": ("a", "b")}, {"key": "k", "tags": ("a",), "max_lateness": 60.0}]
)
def test_what_a_first_claim_writes_of_a_timer_with_names_is_read_without_a_look_at_each_word(
    bench: Bench, names: dict[str, Any]
) -> None:
    """Half of what a batch of them costs."""
    timer = bench.schedule(**names)
    (it,) = claim(bench.claims)
    written = bench.client.hget(f"{bench.prefix(timer.id)}progress", timer.id)
    assert written == f"attempts=1 due={timer.due_at} claim={it.fence} named=1".encode()


# Leases


def test_a_lease_that_ends_is_taken_up_again_and_says_so(bench: Bench) -> None:
    timer = bench.schedule()
    (first,) = claim(bench.claims)
    bench.alive(LEASE - 1)
    assert claim(bench.poller("two")) == []
    bench.alive(1)
    (second,) = claim(bench.poller("two"))
    assert (second.id, second.number, second.redelivery) == (timer.id, 2, Redelivery.LEASE_EXPIRED)
    assert second.fence != first.fence
    assert second.planned_at == first.planned_at
    (lost,) = bench.timers.attempts(timer.id)
    assert (lost.number, lost.outcome, lost.error, lost.final) == (1, None, "lease-lost", False)
    bench.check()


def test_a_renewed_lease_is_not_taken_up(bench: Bench) -> None:
    bench.schedule()
    (it,) = claim(bench.claims)
    for _ in range(5):
        bench.alive(LEASE - 1)
        assert bench.claims.renew([(it, LEASE)]) == set()
    assert claim(bench.poller("two")) == []


def test_renewing_what_was_lost_is_refused_and_changes_nothing(bench: Bench) -> None:
    bench.schedule()
    (it,) = claim(bench.claims)
    bench.alive(LEASE)
    claim(bench.poller("two"))
    assert bench.claims.renew([(it, 10 * LEASE)]) == {it.id}
    bench.alive(LEASE)
    assert len(claim(bench.poller("three"))) == 1


def test_a_store_that_was_away_takes_nothing_back_for_one_more_lease(bench: Bench) -> None:
    bench.schedule()
    (it,) = claim(bench.claims)
    bench.advance(3 * LEASE)  # nobody claimed or renewed: the store was frozen, or all were cut off
    assert claim(bench.poller("two")) == []
    assert bench.claims.settle([ended(it)]) == []
    assert bench.timers.get(it.id).status is Status.DELIVERED


def test_a_renewal_that_comes_first_after_the_store_was_away_spares_the_others_too(bench: Bench) -> None:
    bench.schedule()
    bench.schedule()
    (one,) = claim(bench.claims, 1)
    (two,) = claim(bench.poller("two"), 1)
    bench.advance(3 * LEASE)
    bench.claims.renew([(one, LEASE)])
    assert claim(bench.poller("three")) == []
    assert bench.poller("two").settle([ended(two)]) == []


def test_after_a_store_was_away_a_dead_pollers_timers_are_still_taken_up(bench: Bench) -> None:
    bench.schedule()
    claim(bench.claims)
    bench.advance(3 * LEASE)
    assert claim(bench.poller("two")) == []
    bench.alive(LEASE)
    assert len(claim(bench.poller("two"))) == 1


def test_a_timer_that_loses_three_leases_fails_with_a_written_reason(bench: Bench) -> None:
    timer = bench.schedule()
    for number in (1, 2, 3):
        (it,) = claim(bench.claims)
        assert (it.number, it.suspect) == (number, number == 3)
        bench.alive(LEASE)
    assert claim(bench.claims) == []
    found = bench.timers.get(timer.id)
    assert (found.status, found.attempts) == (Status.FAILED, 3)
    assert found.last_attempt is not None
    assert (found.last_attempt.outcome, found.last_attempt.error) == (None, "lease-lost")
    assert (found.reason, found.last_attempt.final) == (Reason.LEASE_LOST, True)
    assert [attempt.final for attempt in bench.timers.attempts(timer.id)] == [False, False, True]
    bench.check()


def test_suspects_are_handed_out_one_at_a_time(bench: Bench) -> None:
    for _ in range(5):
        bench.schedule()
    for _ in range(2):
        assert len(claim(bench.claims)) == 5
        bench.alive(LEASE)
    (first,) = claim(bench.claims)
    assert first.suspect
    assert claim(bench.claims, saturated={SUSPECTS}) == []
    assert bench.timers.stats().scheduled == 4
    bench.check()
    bench.claims.settle([ended(first)])
    (second,) = claim(bench.claims)
    assert second.suspect
    assert second.id != first.id


def test_an_attempt_that_was_judged_clears_the_lost_leases(bench: Bench) -> None:
    bench.schedule()
    for _ in range(2):
        claim(bench.claims)
        bench.alive(LEASE)
    (suspect,) = claim(bench.claims)
    bench.claims.settle([ended(suspect, Outcome.RETRYABLE, retry_ms=100)])
    bench.advance(100)
    (it,) = claim(bench.claims)
    assert (it.suspect, it.redelivery) == (False, Redelivery.RETRY)


def test_at_most_once_is_not_sent_again_when_its_lease_is_lost(bench: Bench) -> None:
    timer = bench.schedule(delivery=Delivery.AT_MOST_ONCE)
    claim(bench.claims)
    bench.alive(LEASE)
    assert claim(bench.claims) == []
    found = bench.timers.get(timer.id)
    assert (found.status, found.reason) == (Status.FAILED, Reason.OUTCOME_UNKNOWN)
    assert found.last_attempt is not None
    lost = found.last_attempt
    assert (lost.outcome, lost.error, lost.final) == (None, "lease-lost", True)
    bench.check()


# Releasing


def test_a_released_timer_is_due_at_once_with_its_number_handed_back(bench: Bench) -> None:
    bench.schedule(10)
    bench.advance(500)
    (it,) = claim(bench.claims)
    bench.claims.release([it])
    bench.claims.release([it])
    bench.check()
    (again,) = claim(bench.poller("two"))
    assert (again.number, again.planned_at, again.redelivery) == (1, START + 10, None)


def test_releasing_what_was_lost_changes_nothing(bench: Bench) -> None:
    bench.schedule()
    (old,) = claim(bench.claims)
    bench.alive(LEASE)
    (new,) = claim(bench.poller("two"))
    bench.claims.release([old])
    assert bench.poller("two").settle([ended(new)]) == []


def test_a_release_does_not_forget_that_an_earlier_send_may_have_arrived(bench: Bench) -> None:
    bench.schedule()
    claim(bench.claims)
    bench.alive(LEASE)
    (second,) = claim(bench.claims)
    bench.claims.release([second])
    (third,) = claim(bench.claims)
    assert (third.number, third.redelivery) == (2, Redelivery.LEASE_EXPIRED)


def test_a_released_suspect_stays_a_suspect(bench: Bench) -> None:
    for _ in range(2):
        bench.schedule()
    for _ in range(2):
        claim(bench.claims)
        bench.alive(LEASE)
    (suspect,) = claim(bench.claims)
    bench.claims.release([suspect])
    assert claim(bench.claims, saturated={SUSPECTS}) == []
    (again,) = claim(bench.claims)
    assert again.suspect


# Settling


@pytest.mark.one_partition
def test_a_delivered_timer_stays_readable_with_its_attempt_until_forgotten(bench: Bench) -> None:
    timer = bench.schedule()
    (it,) = claim(bench.claims)
    assert bench.claims.settle([ended(it, text='a "quoted" é')]) == []
    found = bench.timers.get(timer.id)
    assert (found.status, found.attempts, found.due_at, found.time_left) == (Status.DELIVERED, 1, START, 0)
    assert found.last_attempt is not None
    assert (found.last_attempt.status_code, found.last_attempt.response_body) == (200, 'a "quoted" é')
    bench.alive(KEEP)
    with pytest.raises(UnknownTimer):
        bench.timers.get(timer.id)
    bench.check()
    left = {key.decode().partition("}:")[2] for key in bench.client.keys("timers:*")}
    bounded = {"clock", "layout", "seen", "lateness", "counters", "lastclaim:one", "pollers", "loads"}
    assert {name for name in left if not name.startswith("minute:")} <= bounded


def test_a_retry_is_due_when_asked_and_says_when(bench: Bench) -> None:
    timer = bench.schedule(10)
    bench.advance(10)
    (it,) = claim(bench.claims)
    bench.claims.settle([ended(it, Outcome.RETRYABLE, retry_ms=700)])
    found = bench.timers.get(timer.id)
    assert (found.status, found.due_at, found.next_attempt_at) == (Status.SCHEDULED, START + 10, START + 710)
    assert found.last_attempt is not None
    assert found.last_attempt.next_attempt_at == START + 710
    bench.advance(699)
    assert claim(bench.claims) == []
    bench.advance(1)
    (again,) = claim(bench.claims)
    assert (again.number, again.redelivery, again.planned_at) == (2, Redelivery.RETRY, START + 710)


def test_a_repeated_settle_is_no_refusal_and_changes_nothing(bench: Bench) -> None:
    bench.schedule()
    (it,) = claim(bench.claims)
    settlement = ended(it, Outcome.RETRYABLE, retry_ms=100)
    bench.claims.settle([settlement])
    bench.advance(50)
    assert bench.claims.settle([settlement]) == []
    found = bench.timers.get(it.id)
    assert found.next_attempt_at == START + 100
    assert len(bench.timers.attempts(it.id)) == 1


def test_a_late_settle_without_the_fence_is_refused(bench: Bench) -> None:
    timer = bench.schedule()
    (old,) = claim(bench.claims)
    bench.alive(LEASE)
    (new,) = claim(bench.poller("two"))
    late = ended(old, Outcome.PERMANENT)
    assert bench.claims.settle([late]) == [late]
    assert bench.timers.get(timer.id).status is Status.DELIVERING
    assert bench.poller("two").settle([ended(new)]) == []
    assert bench.timers.get(timer.id).status is Status.DELIVERED


def test_a_late_settle_whose_fence_still_stands_is_accepted(bench: Bench) -> None:
    bench.schedule()
    (it,) = claim(bench.claims)
    bench.advance(5 * LEASE)
    assert bench.claims.settle([ended(it)]) == []


def test_the_last_ten_attempts_are_kept(bench: Bench) -> None:
    timer = bench.schedule()
    for _ in range(12):
        (it,) = claim(bench.claims)
        bench.claims.settle([ended(it, Outcome.RETRYABLE, retry_ms=1)])
        bench.advance(1)
    assert [attempt.number for attempt in bench.timers.attempts(timer.id)] == list(range(3, 13))
    assert bench.timers.get(timer.id).attempts == 12


@pytest.mark.one_partition
def test_more_finished_timers_than_are_kept_push_the_oldest_out(bench: Bench) -> None:
    claims = bench.poller("one", keep_finished=3)
    timers = []
    for _ in range(5):
        timers.append(bench.schedule())
        claims.settle([ended(it) for it in claim(claims)])
        bench.advance(1)
    claim(claims)
    assert [bool(bench.where(timer.id)) for timer in timers] == [False, False, True, True, True]
    bench.check()


@pytest.mark.one_partition
def test_stats_tell_of_lost_leases_refused_settles_and_destinations_that_wait(bench: Bench) -> None:
    few = bench.poller("few", share=1)
    for _ in range(2):
        bench.schedule(0, url="http://slow/")
    (slow,) = few.claim(10).claims
    stats = bench.timers.stats()
    assert (stats.waiting_destinations, stats.oldest_expired_lease_ms) == (1, 0)
    bench.alive(LEASE - 1)
    bench.advance(4)
    assert bench.timers.stats().oldest_expired_lease_ms == 3
    few.claim(10)
    ended = Attempt(number=1, outcome=Outcome.DELIVERED)
    assert few.settle([Settlement(timer_id=slow.id, fence=slow.fence, attempt=ended, retry_ms=None)]) != []
    stats = bench.timers.stats()
    assert (stats.lost_leases, stats.refused_settles, stats.oldest_expired_lease_ms) == (1, 1, 0)


def test_stats_tell_how_many_wait_to_be_sent_again(bench: Bench) -> None:
    def tried_before() -> int | None:
        return bench.timers.stats().tried_before

    bench.schedule(5000)
    assert tried_before() == 0
    for number in range(4):
        bench.schedule(number)
    bench.advance(4)
    taken = [it for _ in range(bench.partitions) for it in claim(bench.claims)]
    assert tried_before() == 0
    one, two, three, four = taken
    bench.claims.settle([ended(one, Outcome.RETRYABLE, 5000), ended(two, Outcome.PERMANENT), ended(three)])
    bench.claims.release([four])
    assert tried_before() == 2
    bench.timers.replay(bench.timers.get(two.id))
    assert tried_before() == 3
    bench.timers.cancel(one.id)
    assert tried_before() == 2


def test_stats_tell_how_late_the_latest_attempts_were(bench: Bench) -> None:
    for _ in range(3):
        bench.schedule()
    bench.claims.settle([ended(it) for it in claim(bench.claims)])
    stats = bench.timers.stats()
    assert (stats.delivered, stats.lateness_p50_ms, stats.lateness_p99_ms) == (3, 3, 3)


# Fairness


def urls(bench: Bench, url: str, count: int) -> list[str]:
    return [bench.schedule(url=url).id for _ in range(count)]


@pytest.mark.one_partition
def test_of_one_destination_a_claim_takes_no_more_than_a_share(bench: Bench) -> None:
    greedy = urls(bench, "http://greedy/", 10)
    healthy = urls(bench, "http://healthy/", 3)
    claims = claim(bench.poller("one", share=4), 20)
    assert sorted(it.id for it in claims) == sorted(set(healthy) | {it.id for it in claims if it.id in greedy})
    assert len(claims) == 7
    assert bench.timers.stats().scheduled == 6
    bench.check()


@pytest.mark.one_partition
def test_a_destination_at_its_share_waits_out_of_the_way_and_is_served_when_there_is_room(bench: Bench) -> None:
    greedy = urls(bench, "http://greedy/", 30)
    (held,) = claim(bench.claims, 1)
    tag = held.destination
    bench.advance(1)
    healthy = urls(bench, "http://healthy/", 3)
    batch = bench.claims.claim(3, {tag})
    assert sorted(it.id for it in batch.claims) == sorted(healthy)
    assert {name for i in greedy if i != held.id for name in bench.where(i)} == {f"waiting:{tag}"}
    assert bench.claims.claim(3, {tag}).next_due is None  # nothing to spin for
    assert {it.destination for it in claim(bench.claims, 3)} == {tag}
    bench.check()


def test_what_waits_is_scheduled_for_every_eye_and_can_be_cancelled(bench: Bench) -> None:
    first, second = urls(bench, "http://greedy/", 2)
    tag = claim(bench.claims, 1)[0].destination
    claim(bench.claims, saturated={tag})
    waiting = second if bench.where(second) == [f"waiting:{tag}"] else first
    found = bench.timers.get(waiting)
    assert (found.status, found.due_at, found.time_left) == (Status.SCHEDULED, START, 0)
    assert (bench.timers.stats().scheduled, bench.timers.stats().overdue) == (1, 1)
    bench.timers.cancel(waiting)
    assert claim(bench.claims) == []
    bench.check()


def test_a_retry_that_had_to_wait_knows_when_it_was_to_be_sent(bench: Bench) -> None:
    bench.schedule()
    (it,) = claim(bench.claims)
    bench.claims.settle([ended(it, Outcome.RETRYABLE, retry_ms=100)])
    bench.advance(100)
    assert claim(bench.claims, saturated={it.destination}) == []
    bench.advance(50)
    (again,) = claim(bench.claims)
    assert (again.planned_at, again.due_at) == (START + 100, START)


def test_what_waits_is_neither_early_nor_in_two_places_after_the_clock_was_set_back(bench: Bench) -> None:
    """As after a failover to a node whose clock is behind."""
    url = "http://receiver/hook"
    timer = bench.schedule(100, url=url)
    bench.advance(100)
    assert bench.claims.claim(1, {destination_tag(url)}).claims == []
    bench.set_clock(START + 50)
    bench.timers.fire(bench.timers.get(timer.id))
    bench.check()
    assert bench.claims.claim(2).claims == []
    bench.advance(50)
    assert [it.id for it in bench.claims.claim(2).claims] == [timer.id]


@pytest.mark.one_partition
def test_ten_thousand_timers_of_one_destination_are_moved_once_each_in_bounded_steps(bench: Bench) -> None:
    drafts = [Draft(id=bench.new_id(), webhook=Webhook(url="http://greedy/"), delay_ms=0) for _ in range(3000)]
    for start in range(0, 3000, 500):
        bench.timers.set(*drafts[start : start + 500])
    tag = claim(bench.claims, 1)[0].destination
    waits = []
    while (wait := bench.claims.claim(96, {tag}).next_due) is not None:
        waits.append(wait)
    assert waits == [0.0] * 10  # full looks of 288, then the rest
    assert bench.client.zcard(f"{keys.prefix(bench.home)}waiting:{tag}") == 2999


@pytest.mark.one_partition
def test_of_destinations_not_known_to_answer_a_claim_takes_one_each_and_few_more(bench: Bench) -> None:
    for number in range(18):
        bench.schedule(number, url=f"http://new{number // 3}/")
    bench.advance(18)
    good = urls(bench, "http://good/", 3)
    room = Room(answering={destination_tag("http://good/")}, newcomers=5, beyond_first=2)
    taken = bench.claims.claim(50, (), room).claims
    assert {it.id for it in taken} >= set(good)
    assert len(taken) == 3 + 5
    assert len({it.destination for it in taken}) == 1 + 4  # two of the first, and one each of three
    assert bench.timers.stats().scheduled == 13
    assert len(claim(bench.claims, 50)) == 13  # nothing is lost of what had to wait
    bench.check()


@pytest.mark.one_partition
def test_of_a_destination_not_known_to_answer_what_waits_is_taken_up_to_the_same_bounds(bench: Bench) -> None:
    url = "http://new/"
    urls(bench, url, 10)
    assert bench.claims.claim(50, {destination_tag(url)}).claims == []  # all of them wait from here on
    room = Room(answering=set(), newcomers=6, beyond_first=3)
    assert len(bench.claims.claim(50, (), room).claims) == 3
    bench.check()


@pytest.mark.one_partition
def test_a_claim_takes_no_more_bytes_than_there_is_room_for_but_always_one_timer(bench: Bench) -> None:
    for _ in range(4):
        bench.schedule(body=b"x" * 1000)
    assert [len(bench.claims.claim(10, (), Room(bytes=most)).claims) for most in (1, 1500)] == [1, 2]


def test_whoever_waits_behind_a_hundred_others_that_have_no_room_is_served_all_the_same(bench: Bench) -> None:
    bench.timers.set(*(bench.draft(0, url=f"http://d{number}/") for number in range(250)))
    tags = {destination_tag(f"http://d{number}/") for number in range(250)}
    while bench.claims.claim(50, tags).claims or bench.members("scheduled"):
        pass
    last = max(bench.members("waiting"))[0].decode()
    for us in range(40):
        bench.set_clock(bench.now + 50, us=37 * us)
        batch = bench.claims.claim(50, tags - {last})
        if batch.claims:
            break
        assert batch.next_due == 0.05  # it is to come again soon
    assert [it.destination for it in batch.claims] == [last]
    bench.check()


# Bounds


def test_the_store_counts_as_absent_after_exactly_half_a_lease(bench: Bench) -> None:
    for gap, spared in ((LEASE // 2, False), (LEASE // 2 + 1, True)):
        bench.schedule()
        claims = claim(bench.claims)
        bench.alive(LEASE - LEASE // 2)
        bench.advance(gap)
        assert (claim(bench.poller("two")) == []) is spared
        bench.claims.settle([ended(it) for it in claims])
        bench.client.flushall()
        bench.set_clock(START)


@pytest.mark.one_partition
def test_renewals_alone_show_that_the_store_is_there(bench: Bench) -> None:
    bench.schedule()
    bench.schedule()
    (mine,) = claim(bench.claims, 1)
    claim(bench.poller("doomed"), 1)
    for _ in range(3):  # a poller whose slots are full does not claim
        bench.advance(LEASE // 3)
        bench.claims.renew([(mine, LEASE)])
    bench.advance(10)
    assert len(claim(bench.poller("two"))) == 1


def test_a_renewal_never_shortens_a_lease(bench: Bench) -> None:
    bench.schedule()
    (it,) = claim(bench.claims)
    bench.claims.renew([(it, 100)])
    bench.alive(LEASE - 1)
    assert claim(bench.poller("two")) == []


@pytest.mark.one_partition
def test_a_claim_repeated_after_its_timers_moved_on_returns_only_what_is_still_its_own(bench: Bench) -> None:
    for _ in range(3):
        bench.schedule()
    args: list[str | int] = ["one", "the-claim", 3, SHARE, LEASE, KEEP, 1000, *Room().words(()), *Load(), ""]
    gone, *left = claim_rows(bench.link.run("claim", bench.home, args))
    first = Settlement(timer_id=gone.id.decode(), fence="the-claim", attempt=_attempt(), retry_ms=None)
    bench.claims.settle([first])
    assert claim_rows(bench.link.run("claim", bench.home, args)) == left


@pytest.mark.one_partition
def test_one_claim_forgets_a_bounded_number(bench: Bench) -> None:
    for _ in range(150):
        bench.timers.cancel(bench.schedule(5).id)
    bench.advance(KEEP)
    claim(bench.claims, 1)
    assert bench.timers.stats().cancelled == 50
    claim(bench.claims, 1)
    assert bench.timers.stats().cancelled == 0
    bench.check()


def test_one_that_answers_is_served_at_once_however_many_hanging_ones_wait_before_it(bench: Bench) -> None:
    """Found by chance alone, it waited for 60 claims behind 3,000 destinations."""
    nothing = Room(answering=(), newcomers=0)
    bench.timers.set(*(bench.draft(0, url=f"http://hanging-{number}/") for number in range(500)))
    bench.advance(1)
    honest = bench.schedule(url="http://honest/")
    for _ in range(6):
        assert bench.claims.claim(BATCH, (), nothing).claims == []
    room = Room(answering=(destination_tag("http://honest/"),), newcomers=0)
    assert [it.id for it in bench.claims.claim(BATCH, (), room).claims] == [honest.id]
    bench.check()


@pytest.mark.one_partition
def test_as_many_are_forgotten_as_end_however_many_tags_they_have(bench: Bench) -> None:
    """Full batches one after the other: else the store grows for as long as pollers are busy."""
    tags = tuple(f"tag-{number}" for number in range(10))
    claims = bench.poller("busy", keep_finished=100)
    for _ in range(5):
        bench.timers.set(*(bench.draft(0, tags=tags) for _ in range(BATCH)))
        bench.advance(1)
        taken = claim(claims, BATCH)
        assert len(taken) == BATCH
        claims.settle([ended(it) for it in taken])
    assert len(bench.members("delivered")) <= 100 + BATCH


@pytest.mark.one_partition
def test_an_idle_caller_comes_again_soon_while_there_is_more_to_forget_and_then_no_more(bench: Bench) -> None:
    """A million finished timers took 87 minutes at one call a second."""
    for _ in range(150):
        bench.timers.cancel(bench.schedule(5).id)
    assert bench.claims.claim(10).next_due is None
    bench.advance(KEEP + 10)
    assert bench.claims.claim(10).next_due == 0.05
    assert bench.claims.claim(10).next_due is None
    bench.schedule(20)
    for _ in range(150):
        bench.timers.cancel(bench.schedule(5000).id)
    bench.advance(KEEP)
    assert bench.claims.claim(1).next_due == 0.0


@pytest.mark.one_partition
def test_one_call_claims_no_more_than_a_batch_and_says_that_there_is_more(bench: Bench) -> None:
    bench.timers.set(*(bench.draft(0) for _ in range(300)))
    batch = bench.claims.claim(1000)
    assert (len(batch.claims), batch.next_due) == (BATCH, 0.0)


@pytest.mark.one_partition
def test_a_take_back_that_reads_a_full_batch_is_followed_by_the_next_at_once(bench: Bench) -> None:
    for _ in range(6):
        bench.schedule(delivery=Delivery.AT_MOST_ONCE)
    claim(bench.claims)
    bench.alive(LEASE)
    assert bench.claims.claim(3).next_due == 0.0
    bench.claims.claim(3)
    assert bench.timers.stats().failed == 6


@pytest.mark.one_partition
def test_the_lateness_of_a_thousand_attempts_is_remembered(bench: Bench) -> None:
    bench.timers.set(*(bench.draft(0) for _ in range(1100)))
    while claims := claim(bench.claims, 256):
        bench.claims.settle([ended(it) for it in claims])
    assert bench.client.llen(f"{keys.prefix(bench.home)}lateness") == 1000


def test_a_suspect_that_waits_can_be_cancelled(bench: Bench) -> None:
    for _ in range(2):
        bench.schedule()
    for _ in range(2):
        claim(bench.claims)
        bench.alive(LEASE)
    (held,) = claim(bench.claims)
    (waiting,) = [i.decode() for i, _ in bench.members(f"waiting:{SUSPECTS}")]
    bench.timers.cancel(waiting)
    bench.claims.settle([ended(held)])
    assert claim(bench.claims) == []
    bench.check()


def _attempt() -> Attempt:
    return Attempt(number=1, outcome=Outcome.DELIVERED)


# Rescheduled by the receiver


@pytest.mark.parametrize(
    ("reschedule", "due"),
    [
        (Reschedule(delay_ms=60_000), 60_010),
        (Reschedule(delay_ms=5), 1010),
        (Reschedule(due_at=START + 90_000), 90_000),
        (Reschedule(due_at=START), 1010),
    ],
)
def test_a_receiver_can_reschedule_to_a_second_from_now_at_the_soonest(
    bench: Bench, reschedule: Reschedule, due: int
) -> None:
    timer = bench.schedule(10, max_attempts=1)
    bench.advance(10)
    (it,) = claim(bench.claims)
    bench.claims.settle([ended(it)._replace(reschedule=reschedule)])
    found = bench.timers.get(timer.id)
    assert (found.status, found.due_at, found.next_attempt_at) == (Status.SCHEDULED, START + due, None)
    assert found.last_attempt is not None
    assert (found.last_attempt.outcome, found.last_attempt.next_attempt_at) == (Outcome.DELIVERED, START + due)
    bench.set_clock(START + due)
    (again,) = claim(bench.claims)
    assert (again.number, again.attempts_since_due, again.redelivery) == (2, 1, Redelivery.RESCHEDULED)
    assert (again.due_at, again.planned_at) == (START + due, START + due)
    bench.check()


def test_the_finished_timers_that_are_kept_are_shared_among_the_partitions(bench: Bench, partitions: int) -> None:
    claims = bench.poller("one", keep_finished=1)  # in each partition
    bench.timers.set(*(bench.draft(0) for _ in range(20 * partitions)))  # one of 16 is left without in 1 run of 10^7
    while taken := claim(bench.claims):
        bench.claims.settle([ended(it) for it in taken])
    bench.advance(1)
    for _ in range(partitions):
        claim(claims)
    assert bench.timers.stats().delivered == partitions
    bench.check()
