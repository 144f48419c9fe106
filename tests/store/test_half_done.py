"""Calls that a store refuses in their middle, as one whose access list lacks a command, and that are made again or not.

None is sent twice for it, or lost, and what stands in two sets meanwhile leaves one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import redis

from scheduler import (
    Attempt,
    CatchUp,
    Claim,
    Draft,
    Outcome,
    Overlap,
    Plan,
    Query,
    Reason,
    Reschedule,
    ScheduleDraft,
    Settlement,
    Status,
    StoreUnavailable,
    Webhook,
)
from scheduler.store.record import destination_tag
from scheduler.store.unread import Unread
from tests.bench.servers import Server
from tests.bench.store import LEASE, Bench, HandSetRedis

_WAIT_MS = 3 * LEASE


def allow(server: Server, *rules: str) -> None:
    client = server.client()
    client.execute_command("ACL", "SETUSER", "limited", "on", ">secret", "~*", "&*", "+@all", *rules)  # type: ignore[no-untyped-call]


def limited(server: Server) -> redis.Redis:
    return HandSetRedis(unix_socket_path=str(server.socket), username="limited", password="secret")


def delivered(claim: Claim) -> Settlement:
    return Settlement(
        claim.id, claim.fence, Attempt(claim.number, Outcome.DELIVERED, lateness_ms=1), None, None, Reason.DELIVERED
    )


def retried(claim: Claim) -> Settlement:
    return Settlement(claim.id, claim.fence, Attempt(claim.number, Outcome.RETRYABLE), _WAIT_MS, None, None)


@pytest.mark.parametrize("names", [{}, {"key": "k", "tags": ("t",)}], ids=["plain", "named"])
@pytest.mark.parametrize("command", ["hset", "zadd", "zrem", "hincrby", "lpush", "ltrim"])
def test_what_was_delivered_and_half_settled_is_not_sent_again(
    server: Server, command: str, names: dict[str, Any]
) -> None:
    allow(server)
    bench = Bench(limited(server))
    timer = bench.schedule(**names)
    (claim,) = bench.claims.claim(1).claims
    allow(server, f"-{command}")
    with pytest.raises(StoreUnavailable):
        bench.claims.settle([delivered(claim)])
    allow(server)
    assert bench.claims.settle([delivered(claim)]) == []
    bench.alive(2 * LEASE)
    assert bench.poller("two").claim(1).claims == []
    found = bench.timers.get(timer.id)
    assert (found.status, found.reason, found.attempts) == (Status.DELIVERED, Reason.DELIVERED, 1)
    assert [it.outcome for it in bench.timers.attempts(timer.id)] == [Outcome.DELIVERED]
    bench.check()
    bench.client.close()


@pytest.mark.parametrize("command", ["hset", "zadd", "zrem", "hincrby", "lpush", "ltrim"])
def test_a_retry_that_was_half_settled_is_made_once_and_not_for_a_lost_lease(server: Server, command: str) -> None:
    allow(server)
    bench = Bench(limited(server))
    timer = bench.schedule()
    (claim,) = bench.claims.claim(1).claims
    allow(server, f"-{command}")
    try:
        bench.claims.settle([retried(claim)])
    except StoreUnavailable:
        allow(server)
        assert bench.claims.settle([retried(claim)]) == []
    allow(server)
    bench.alive(2 * LEASE + _WAIT_MS)
    (again,) = bench.poller("two").claim(1).claims
    assert (again.id, again.number, again.redelivery) == (timer.id, 2, "retry")
    bench.check()
    bench.client.close()


@pytest.mark.parametrize("command", ["hset", "zadd", "zrem"])
def test_what_was_rescheduled_and_half_settled_is_not_sent_before_its_new_moment(server: Server, command: str) -> None:
    allow(server)
    bench = Bench(limited(server))
    timer = bench.schedule()
    (claim,) = bench.claims.claim(1).claims
    attempt = Attempt(claim.number, Outcome.DELIVERED, lateness_ms=1)
    again = Settlement(claim.id, claim.fence, attempt, None, Reschedule(delay_ms=_WAIT_MS))
    allow(server, f"-{command}")
    with pytest.raises(StoreUnavailable):
        bench.claims.settle([again])
    allow(server)
    assert bench.claims.settle([again]) == []
    bench.alive(2 * LEASE)
    assert bench.poller("two").claim(1).claims == []
    bench.alive(_WAIT_MS)
    (second,) = bench.poller("two").claim(1).claims
    assert (second.id, second.occurrence, second.redelivery) == (timer.id, 2, "rescheduled")
    bench.check()
    bench.client.close()


def refused(server: Server, command: str, call: Callable[[], object]) -> None:
    """Make a call that the store refuses in its middle, as it refuses this command."""
    allow(server, f"-{command}")
    with pytest.raises(StoreUnavailable):
        call()
    allow(server)


@pytest.fixture
def bench(server: Server) -> Iterator[Bench]:
    allow(server)
    bench = Bench(limited(server))
    assert bench.claims.claim(0).claims == []  # it asks once whether it may; what follows is forbidden later
    yield bench
    bench.client.close()


@pytest.mark.parametrize("command", ["hset", "zadd", "zrem", "hincrby"])
def test_an_end_that_was_half_settled_is_noted_for_a_history(server: Server, bench: Bench, command: str) -> None:
    unread = Unread(bench.link)
    unread.begin()
    timer = bench.schedule()
    (claim,) = bench.claims.claim(1).claims
    refused(server, command, lambda: bench.claims.settle([delivered(claim)]))
    bench.claims.settle([delivered(claim)])
    bench.alive(LEASE + 1)  # then at the latest it is put right where it ended
    bench.claims.claim(1)
    reading = unread.read(0, 10)
    assert [(it.timer.id, it.timer.reason) for it in reading.ended] == [(timer.id, Reason.DELIVERED)]
    assert unread.mark_read(reading.marks) == 1
    bench.check()


@pytest.mark.parametrize("command", ["hset", "zadd", "zrem"])
@pytest.mark.parametrize("poller", ["one", "two"])
def test_a_claim_that_was_broken_off_counts_no_attempt_that_was_not_made(
    server: Server, bench: Bench, command: str, poller: str
) -> None:
    timer = bench.schedule()
    refused(server, command, lambda: bench.claims.claim(1))
    if command == "zrem" and poller == "two":  # to this one it looks as if another had it
        assert bench.poller("two").claim(1).claims == []
        bench.check()
        return
    (claim,) = (bench.claims if poller == "one" else bench.poller("two")).claim(1).claims
    assert (claim.id, claim.number, claim.redelivery) == (timer.id, 1, None)
    assert bench.claims.settle([delivered(claim)]) == []
    assert bench.timers.get(timer.id).attempts == 1
    bench.check()


def test_a_timer_that_stands_in_two_sets_is_claimed_once(server: Server, bench: Bench) -> None:
    timer = bench.schedule()
    tag = destination_tag(timer.webhook.url)
    refused(server, "zrem", lambda: bench.claims.claim(10, (tag,)))
    assert bench.where(timer.id) == ["scheduled", f"waiting:{tag}"]
    (claim,) = bench.poller("two").claim(10).claims
    bench.alive(LEASE - 1)
    assert claim.id == timer.id
    bench.check()


def test_a_timer_that_another_poller_holds_is_not_taken_from_where_it_still_stands(
    server: Server, bench: Bench
) -> None:
    timer = bench.schedule()
    bench.poller("other").claim(1)
    bench.client.zadd(f"{bench.prefix(timer.id)}scheduled", {timer.id: bench.now})
    assert bench.claims.claim(10).claims == []
    bench.check()


def test_a_lease_that_was_taken_back_by_half_is_lost_once(server: Server, bench: Bench) -> None:
    timer = bench.schedule()
    for name in ("dead1", "dead2"):
        bench.poller(name).claim(1)
        bench.alive(LEASE + 1)
    refused(server, "zadd", lambda: bench.claims.claim(1))
    (claim,) = bench.claims.claim(1).claims
    assert (claim.id, claim.number, claim.suspect) == (timer.id, 3, True)
    assert [it.number for it in bench.timers.attempts(timer.id)] == [1, 2]
    bench.check()


@pytest.mark.parametrize("command", ["hset", "zadd", "zrem", "hincrby"])
def test_a_cancel_that_was_broken_off_and_not_repeated_leaves_a_timer_in_one_place(
    server: Server, bench: Bench, command: str
) -> None:
    timer = bench.schedule(1000, key="k", tags=("t",))
    refused(server, command, lambda: bench.timers.cancel(timer.id))
    bench.advance(1000)
    claims = bench.claims.claim(1).claims
    assert (bench.timers.get(timer.id).status is Status.CANCELLED) == (claims == [])
    assert bool(claims) == (command == "hset")  # before that nothing was written
    bench.check()


def test_a_timer_whose_cancel_was_broken_off_is_sent_if_it_is_changed_or_fired_since(
    server: Server, bench: Bench
) -> None:
    changed, fired = bench.schedule(1000), bench.schedule(1000)
    for timer in (changed, fired):
        refused(server, "zadd", lambda timer=timer: bench.timers.cancel(timer.id))  # type: ignore[misc]
    bench.changes.change(changed.id, lambda it: Draft(id=it.id, webhook=it.webhook, delay_ms=0))
    bench.timers.fire(bench.timers.get(fired.id))
    assert {claim.id for claim in bench.claims.claim(10).claims} == {changed.id, fired.id}
    bench.check()


@pytest.mark.parametrize("command", ["hset", "zadd", "zrem"])
@pytest.mark.parametrize("outcome", [Outcome.DELIVERED, Outcome.PERMANENT])
def test_a_replay_that_was_broken_off_and_repeated_is_one(
    server: Server, bench: Bench, command: str, outcome: Outcome
) -> None:
    timer = bench.schedule()
    (claim,) = bench.claims.claim(1).claims
    bench.claims.settle([Settlement(claim.id, claim.fence, Attempt(1, outcome), None)])
    timer = bench.timers.get(timer.id)
    refused(server, command, lambda: bench.timers.replay(timer))
    bench.timers.replay(timer)
    assert bench.where(timer.id) == ["scheduled"]
    assert bench.timers.get(timer.id).occurrence == (2 if outcome is Outcome.DELIVERED else 1)
    bench.check()


def test_a_replay_that_was_broken_off_and_claimed_stands_in_one_place(server: Server, bench: Bench) -> None:
    timer = bench.schedule()
    (claim,) = bench.claims.claim(1).claims
    bench.claims.settle([Settlement(claim.id, claim.fence, Attempt(1, Outcome.PERMANENT), None)])
    timer = bench.timers.get(timer.id)
    refused(server, "zrem", lambda: bench.timers.replay(timer))
    (claim,) = bench.claims.claim(1).claims
    assert bench.where(timer.id) == ["delivering"]
    bench.claims.settle([delivered(claim)])
    bench.check()


@pytest.mark.parametrize("command", ["set", "hset", "zrem"])
def test_a_change_that_was_broken_off_leaves_the_key_with_its_timer(server: Server, bench: Bench, command: str) -> None:
    timer = bench.schedule(1000, key="k", tags=("a", "b"))
    draft = Draft(timer.id, timer.webhook._replace(timeout=3), delay_ms=9, key="k", tags=("b", "c"))
    refused(server, command, lambda: bench.changes.change(timer.id, lambda _: draft))
    assert bench.timers.find("k") == timer.id
    bench.changes.change(timer.id, lambda _: draft)
    assert (bench.timers.find("k"), bench.timers.get(timer.id).tags) == (timer.id, ("b", "c"))
    bench.check()


def test_an_attempt_that_a_broken_settle_noted_is_told_once(server: Server, bench: Bench) -> None:
    timer = bench.schedule()
    (claim,) = bench.claims.claim(1).claims
    bench.claims.settle([retried(claim)])
    bench.advance(_WAIT_MS)
    bench.claims.claim(0)
    (claim,) = bench.claims.claim(1).claims
    refused(server, "hset", lambda: bench.claims.settle([delivered(claim)]))
    assert bench.claims.settle([delivered(claim)]) == []
    assert [it.number for it in bench.timers.attempts(timer.id)] == [1, 2]


@pytest.mark.parametrize("command", ["hset", "zadd", "zrem", "hincrby", "hmget", "del", "lpush", "ltrim"])
def test_what_was_half_settled_is_counted_once_or_not_at_all_and_what_is_told_can_be_read(
    server: Server, bench: Bench, command: str
) -> None:
    bench.schedule()
    bench.schedule(url="http://another/")
    one, two = bench.claims.claim(2).claims
    bench.alive(60_000)  # another minute begins, whose hash of the day before is emptied
    for number in range(1440):
        bench.client.hset(f"timers:{{0}}:minute:{number}", "at", 1)
    one, two = bench.poller("two").claim(2).claims
    failed = Settlement(two.id, two.fence, Attempt(two.number, Outcome.PERMANENT), None, None, Reason.PERMANENT)
    allow(server, f"-{command}")
    try:
        bench.claims.settle([delivered(one), failed])
    except StoreUnavailable:
        allow(server)
        assert bench.claims.settle([delivered(one), failed]) == []
    allow(server)
    bench.alive(2 * LEASE)
    assert bench.poller("three").claim(2).claims == []  # puts right where they stand
    minutes = bench.activity.minutes(10).minutes
    assert sum(it.delivered for it in minutes) in (0, 1)
    assert sum(it.failed for it in minutes) in (0, 1)
    assert sum(it.attempts for it in minutes) in (2, 4)  # two leases were lost before
    assert [len(it.ids) for it in bench.activity.failures().groups] == [1]
    assert len(bench.activity.failures().failing) in (0, 1)
    bench.check()


@pytest.mark.parametrize("command", ["zadd", "hset"])
def test_a_timer_that_was_half_set_is_counted_when_it_stands(server: Server, bench: Bench, command: str) -> None:
    draft = bench.draft(1000, key="k")
    refused(server, command, lambda: bench.timers.set(draft))
    for _ in range(2):
        bench.timers.set(draft)
    assert bench.activity.minutes(1).minutes[0].set == 1


@pytest.mark.parametrize("overlap", list(Overlap))
@pytest.mark.parametrize("command", ["set", "hset", "zadd", "hdel", "zrem", "hincrby"])
def test_a_look_at_schedules_that_was_broken_off_makes_each_run_once_all_the_same(
    server: Server, bench: Bench, command: str, overlap: Overlap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has made the next look leaves as it is. Red with ids of runs that are random."""
    plan = Plan(every_ms=4000)
    hook = Webhook(url="http://r/")
    bench.schedules.put(ScheduleDraft(name="s", plan=plan, webhook=hook, overlap=overlap, catch_up=CatchUp.ALL))
    bench.look()
    bench.advance(4000)
    run = bench.link.run

    def broken_off(name: str, partition: int, args: Any = ()) -> Any:
        if name == "runs":
            allow(server, f"-{command}")
        return run(name, partition, args)

    with monkeypatch.context() as patched, suppress(StoreUnavailable):
        patched.setattr(bench.link, "run", broken_off)
        bench.look()
    allow(server)
    bench.advance(5000)
    bench.look()
    runs = bench.listing.page(Query(schedule="s", any_status=True)).timers
    due = [it.due_at for it in runs if it.status is Status.SCHEDULED and it.due_at <= bench.now]
    assert len(set(due)) == len(due)
    found = bench.schedules.get("s")
    moments = (bench.now - found.draft.plan.starts_at) // 4000
    made = sum(it.due_at <= bench.now for it in runs)
    assert made + found.skipped.overlap == moments
    bench.check()


@pytest.mark.parametrize("command", ["set", "zadd", "hset"])
def test_a_run_by_hand_that_was_broken_off_is_one_and_is_told_once_it_is_repeated(
    server: Server, bench: Bench, command: str
) -> None:
    """Red with a repeat that leaves what stands as it is: the run is sent, and its schedule does not know it."""
    bench.schedules.put(ScheduleDraft(name="s", plan=Plan(every_ms=4000), webhook=Webhook(url="http://r/")))
    bench.look()  # two runs are made ahead
    run = bench.schedules.new_run_id("s")
    refused(server, command, lambda: bench.schedules.fire("s", run))
    bench.advance(5000)
    for _ in range(2):
        bench.schedules.fire("s", run)
    found = bench.schedules.get("s")
    assert (found.runs, [it.timer_id for it in found.previous].count(run)) == (3, 1)
    assert [it.due_at for it in found.previous] == sorted((it.due_at for it in found.previous), reverse=True)
    bench.check()


def test_a_run_by_hand_that_is_no_longer_told_is_not_counted_again(bench: Bench) -> None:
    """A repeat that comes after eleven others."""
    bench.schedules.put(ScheduleDraft(name="s", plan=Plan(every_ms=86_400_000), webhook=Webhook(url="http://r/")))
    first, *_ = runs = [bench.schedules.new_run_id("s") for _ in range(12)]
    for run in runs:
        bench.schedules.fire("s", run)
        bench.advance(1)
    bench.schedules.fire("s", first)
    found = bench.schedules.get("s")
    assert (found.runs, first in [it.timer_id for it in found.previous]) == (12, False)
