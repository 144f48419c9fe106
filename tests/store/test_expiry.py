"""What says until when it makes sense is never sent later: it ends failed, with the reason `expired`, and tells of it.

Tried: never claimed, behind a saturated destination, with a retry to come, after lost leases, given back unsent, moved,
fired, replayed, with a key and tags, with a callback; a great many at once; a call that the store refuses in its
middle; a version that knows no expiry.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scheduler import (
    Attempt,
    Callback,
    Claim,
    Draft,
    Expired,
    ExpiresTooSoon,
    LaterFormat,
    Outcome,
    Query,
    Reason,
    Settlement,
    Status,
    Store,
    StoreUnavailable,
    Timer,
)
from scheduler.store import record, scripts
from scheduler.store.record import destination_tag
from scheduler.store.room import SUSPECTS
from tests.bench.servers import Server
from tests.bench.store import LEASE, START, Bench, link_over
from tests.store.test_half_done import allow, limited

URL = "http://receiver/hook"
BEHIND = f"waiting:{destination_tag(URL)}"
#: ms, seconds.
LATE, LATE_S = 2000, 2
#: Each asks for the same end of a timer that is due now.
WAYS: dict[str, dict[str, Any]] = {"a moment": {"expires_at": START + LATE}, "a lateness": {"max_lateness": LATE_S}}


def claimed(bench: Bench, *saturated: str) -> list[Claim]:
    """By a poller's pass."""
    bench.claims.end_expired()
    return bench.claims.claim(10, saturated).claims


def settle(bench: Bench, claim: Claim, outcome: Outcome, retry_ms: int | None = None, **said: Any) -> None:
    settlement = Settlement(claim.id, claim.fence, Attempt(claim.number, outcome), retry_ms, **said)
    assert bench.claims.settle([settlement]) == []


def wait_behind_its_destination(bench: Bench) -> None:
    assert claimed(bench, destination_tag(URL)) == []


def has_expired(bench: Bench, timer: Timer, attempts: int = 0) -> bool:
    found = bench.timers.get(timer.id)
    bench.check()
    return (found.status, found.reason, found.ended_at, found.attempts, found.next_attempt_at) == (
        Status.FAILED,
        Reason.EXPIRED,
        bench.now,
        attempts,
        None,
    )


@pytest.mark.parametrize("way", WAYS)
def test_until_it_expires_it_is_sent_and_a_moment_later_it_is_not(bench: Bench, way: str) -> None:
    in_time, too_late = bench.schedule(**WAYS[way]), bench.schedule(**WAYS[way])
    bench.set_clock(START + LATE, us=999)
    assert [claim.expires_at for claim in bench.claims.claim(1).claims] == [START + LATE]
    bench.set_clock(START + LATE + 1)
    assert claimed(bench) == []
    (left,) = {in_time.id, too_late.id} - {it.id for it in bench.listing.page(Query(status=Status.DELIVERING)).timers}
    assert has_expired(bench, bench.timers.get(left))


def test_a_poller_knows_by_its_own_clock_until_when_it_may_send(bench: Bench) -> None:
    bench.schedule(max_lateness=LATE_S)
    bench.advance(500)
    (claim,) = claimed(bench)
    assert claim.send_by == pytest.approx(claim.claimed_at + 1.5)
    bench.schedule()
    assert [(it.send_by, it.expires_at) for it in claimed(bench)] == [(None, None)]


@pytest.mark.parametrize("way", WAYS)
def test_what_waits_behind_its_destination_ends_though_nobody_has_room_for_it(bench: Bench, way: str) -> None:
    timer, other = bench.schedule(**WAYS[way]), bench.schedule()
    wait_behind_its_destination(bench)
    assert bench.where(timer.id) == [BEHIND]
    bench.check()
    bench.advance(LATE)
    wait_behind_its_destination(bench)
    assert bench.where(timer.id) == [BEHIND]
    bench.advance(1)
    wait_behind_its_destination(bench)
    assert has_expired(bench, timer)
    assert bench.where(other.id) == [BEHIND]
    assert bench.members("expiring") == []


def test_what_waits_is_sent_when_there_is_room_and_leaves_no_trace(bench: Bench) -> None:
    timer = bench.schedule(max_lateness=LATE_S)
    wait_behind_its_destination(bench)
    (claim,) = claimed(bench)
    assert (claim.id, bench.members("expiring")) == (timer.id, [])
    bench.check()
    settle(bench, claim, Outcome.DELIVERED)
    bench.advance(LATE + 1)
    assert claimed(bench) == []
    assert bench.timers.get(timer.id).status is Status.DELIVERED


def test_an_end_counts_frees_the_key_and_keeps_the_tags_and_tells_its_callback(bench: Bench) -> None:
    timer = bench.schedule(max_lateness=LATE_S, key="k", tags=("t",), on_failed=Callback("http://ended/failed"))
    wait_behind_its_destination(bench)
    bench.advance(LATE + 1)
    (callback,) = claimed(bench, destination_tag(URL))
    assert has_expired(bench, timer)
    assert bench.timers.stats().ended[Reason.EXPIRED] == 1
    assert bench.schedule(60_000, key="k").id != timer.id
    assert [it.id for it in bench.listing.page(Query(tag="t")).timers] == [timer.id]
    told = json.loads(callback.webhook.body or b"")
    assert (callback.callback_for, told["type"], told["last_attempt"]) == (timer.id, "timer.failed", None)
    assert (told["timer"]["reason"], told["timer"]["max_lateness"], told["timer"]["attempts"]) == ("expired", 2, 0)


def test_a_callback_of_an_older_end_is_made_once_for_each_end(bench: Bench) -> None:
    timer = bench.schedule(max_lateness=LATE_S, on_failed=Callback("http://ended/failed"))
    bench.advance(LATE + 1)
    (first,) = claimed(bench, destination_tag(URL))
    settle(bench, first, Outcome.DELIVERED)
    bench.timers.replay(bench.timers.get(timer.id))
    (claim,) = claimed(bench)
    settle(bench, claim, Outcome.PERMANENT)
    (second,) = claimed(bench)
    assert second.id != first.id
    bench.check()


def test_a_retry_that_comes_too_late_is_not_sent(bench: Bench) -> None:
    timer = bench.schedule(expires_at=START + LATE)
    (claim,) = claimed(bench)
    settle(bench, claim, Outcome.RETRYABLE, retry_ms=LATE)  # by the poller's own clock it was in time
    bench.advance(LATE + 5)
    assert claimed(bench) == []
    assert has_expired(bench, timer, attempts=1)


def test_an_attempt_can_be_the_last_because_the_next_would_be_too_late(bench: Bench) -> None:
    timer = bench.schedule(max_lateness=LATE_S, on_failed=Callback("http://ended/failed"))
    settle(bench, claimed(bench)[0], Outcome.RETRYABLE, reason=Reason.EXPIRED)
    assert has_expired(bench, timer, attempts=1)
    (callback,) = claimed(bench)
    assert json.loads(callback.webhook.body or b"")["last_attempt"]["final"] is True


def test_what_was_lost_with_its_poller_is_not_sent_again_too_late(bench: Bench) -> None:
    timer = bench.schedule(max_lateness=LATE_S, key="k")
    assert len(bench.poller("doomed").claim(1).claims) == 1
    bench.alive(LEASE + 1)
    assert claimed(bench) == []
    assert has_expired(bench, timer, attempts=1)
    (attempt,) = bench.timers.attempts(timer.id)
    assert (attempt.error, attempt.final) == ("lease-lost", True)


def test_a_suspect_that_is_given_back_waits_and_expires(bench: Bench) -> None:
    timer = bench.schedule(max_lateness=30)
    for name in ("doomed", "doomed too"):
        assert len(bench.poller(name).claim(1).claims) == 1
        bench.alive(LEASE + 1)
    (claim,) = claimed(bench)
    assert claim.suspect
    bench.claims.release([claim])
    assert bench.where(timer.id) == [f"waiting:{SUSPECTS}"]
    bench.check()
    bench.alive(30_001 + START - bench.now)
    assert claimed(bench, SUSPECTS) == []
    assert has_expired(bench, timer, attempts=2)


def test_what_is_given_back_unsent_expires_without_an_attempt(bench: Bench) -> None:
    timer = bench.schedule(max_lateness=LATE_S)
    bench.claims.release(claimed(bench))
    bench.advance(LATE + 1)
    assert claimed(bench) == []
    assert has_expired(bench, timer)


@pytest.mark.parametrize("waits", [False, True])
def test_a_cancelled_one_does_not_expire(bench: Bench, waits: bool) -> None:
    timer = bench.schedule(max_lateness=LATE_S)
    if waits:
        wait_behind_its_destination(bench)
    bench.timers.cancel(timer.id)
    bench.check()
    bench.advance(LATE + 1)
    wait_behind_its_destination(bench)
    assert bench.timers.get(timer.id).reason is Reason.CANCELLED
    assert bench.members("expiring") == []


def _change(bench: Bench, timer: Timer, due_at: int | None = None, **webhook: Any) -> Timer:
    return bench.changes.change(timer.id, lambda it: Draft(it.id, it.webhook._replace(**webhook), due_at=due_at))


def test_a_lateness_goes_with_the_moment_at_which_a_timer_is_due(bench: Bench) -> None:
    timer = bench.schedule(max_lateness=LATE_S)
    wait_behind_its_destination(bench)
    _change(bench, timer, due_at=START + 60_000)
    bench.check()
    bench.set_clock(START + 60_000 + LATE)
    assert [claim.id for claim in claimed(bench)] == [timer.id]


def test_an_expiry_can_be_put_off_moved_forward_and_taken_away_while_a_timer_waits(bench: Bench) -> None:
    later, sooner, never = (bench.schedule(expires_at=START + LATE) for _ in range(3))
    wait_behind_its_destination(bench)
    _change(bench, later, expires_at=START + 3 * LATE)
    _change(bench, sooner, expires_at=START + 100)
    _change(bench, never, expires_at=None)
    bench.check()
    wait_behind_its_destination(bench)
    bench.advance(101)
    wait_behind_its_destination(bench)
    assert has_expired(bench, sooner)
    bench.advance(2 * LATE)
    assert {claim.id for claim in claimed(bench)} == {later.id, never.id}


def test_a_waiting_retry_ends_by_an_expiry_that_is_set_before_it(bench: Bench) -> None:
    timer = bench.schedule(max_attempts=3)
    settle(bench, claimed(bench)[0], Outcome.RETRYABLE, retry_ms=50_000)
    _change(bench, timer, expires_at=START + LATE)
    bench.advance(LATE)
    assert claimed(bench) == []
    bench.advance(1)
    assert claimed(bench) == []
    assert has_expired(bench, timer, attempts=1)


def test_a_timer_that_is_fired_expires_so_long_after_that(bench: Bench) -> None:
    timer = bench.schedule(60_000, max_lateness=LATE_S)
    bench.advance(1000)
    bench.timers.fire(bench.timers.get(timer.id))
    bench.advance(LATE + 1)
    assert claimed(bench) == []
    assert has_expired(bench, timer)


@pytest.mark.parametrize("delay_ms", [0, LATE + 1])
def test_what_would_expire_before_it_is_due_is_refused_and_the_others_of_a_call_are_stored(
    bench: Bench, delay_ms: int
) -> None:
    bench.set_clock(START + LATE)
    well, wrong = bench.draft(delay_ms), bench.draft(delay_ms, expires_at=START + LATE, key="k")
    first, second = bench.timers.set_each([well, wrong])
    assert isinstance(first, Timer)
    assert isinstance(second, ExpiresTooSoon)
    bench.check()
    assert isinstance(bench.timers.set_each([bench.draft(0, expires_at=bench.now + 1, key="k")])[0], Timer)


def test_a_repeat_of_a_create_is_answered_though_the_timer_has_expired_by_now(bench: Bench) -> None:
    draft = bench.draft(0, expires_at=START + LATE)
    (timer,) = bench.timers.set(draft)
    bench.advance(LATE + 1)
    assert bench.timers.set(draft)[0].due_at == timer.due_at
    assert claimed(bench) == []
    assert bench.timers.set(draft)[0].due_at == timer.due_at


@pytest.mark.parametrize(
    "asked", [{"expires_at": START + LATE}, {"expires_at": START + 9000, "due_at": START + 9000}, {"expires_at": 1}]
)
def test_no_change_makes_a_timer_expire_before_it_is_due(bench: Bench, asked: dict[str, Any]) -> None:
    timer = bench.schedule(LATE, key="k")
    with pytest.raises(ExpiresTooSoon):
        _change(bench, timer, **asked)
    webhook, due_at = timer.webhook._replace(expires_at=asked["expires_at"]), asked.get("due_at", timer.due_at)
    with pytest.raises(ExpiresTooSoon):
        bench.changes.put("k", Draft(bench.timers.new_id("k"), webhook, due_at=due_at, key="k"))
    assert bench.timers.get(timer.id).webhook.expires_at is None


def test_one_that_is_too_late_already_can_still_be_changed_in_something_else(bench: Bench) -> None:
    timer = bench.schedule(expires_at=START + LATE)
    bench.advance(LATE + 1)
    assert _change(bench, timer, timeout=3).webhook.timeout == 3
    assert claimed(bench) == []
    assert has_expired(bench, timer)


def test_a_replay_counts_its_lateness_anew_and_is_refused_once_the_moment_has_passed(bench: Bench) -> None:
    again, never = bench.schedule(max_lateness=LATE_S), bench.schedule(expires_at=START + LATE, key="k")
    bench.advance(LATE + 1)
    assert claimed(bench) == []
    bench.timers.replay(bench.timers.get(again.id))
    with pytest.raises(Expired):
        bench.timers.replay(bench.timers.get(never.id))
    assert bench.timers.replay_each([bench.timers.get(never.id)]) == ["expired"]
    assert [claim.id for claim in claimed(bench)] == [again.id]
    bench.check()


def test_many_that_expire_at_once_while_they_wait_end_in_calls_that_say_that_there_are_more(bench: Bench) -> None:
    timers = bench.timers.set(*(bench.draft(0, max_lateness=LATE_S, url=URL) for _ in range(250)))
    wait_behind_its_destination(bench)
    while bench.claims.claim(10, (destination_tag(URL),)).next_due == 0:
        pass
    bench.advance(LATE + 1)
    looks = 1
    while bench.claims.end_expired():
        looks += 1
    assert looks == (3 if bench.partitions == 1 else 1)
    assert bench.timers.stats().failed == len(timers)
    bench.check()


def test_one_that_expired_and_was_forgotten_by_hand_is_not_looked_for_again(bench: Bench) -> None:
    timer = bench.schedule(max_lateness=LATE_S)
    wait_behind_its_destination(bench)
    bench.client.zrem(f"{bench.prefix(timer.id)}{BEHIND}", timer.id)
    bench.client.zrem(f"{bench.prefix(timer.id)}waiting", destination_tag(URL))
    bench.client.delete(f"{bench.prefix(timer.id)}timer:{timer.id}")
    keeps = bench.draft(0)._replace(id=timer.id[:2] + bench.new_id()[2:])
    bench.timers.set(keeps)
    wait_behind_its_destination(bench)
    bench.advance(LATE + 1)
    wait_behind_its_destination(bench)
    assert bench.members("expiring") == []


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("command", ["exists", "set", "hset", "zadd", "zrem", "hincrby"])
def test_an_end_that_the_store_refuses_in_its_middle_is_made_once_by_the_next_claim(
    server: Server, command: str, waits: bool
) -> None:
    allow(server)
    bench = Bench(limited(server))
    timer = bench.schedule(max_lateness=LATE_S, key="k", on_failed=Callback("http://ended/failed"))
    if waits:
        wait_behind_its_destination(bench)
    bench.advance(LATE + 1)
    allow(server, f"-{command}")
    with pytest.raises(StoreUnavailable):
        claimed(bench, destination_tag(URL))
    allow(server)
    bench.advance(5)
    found = [*claimed(bench, destination_tag(URL)), *bench.poller("two").claim(10).claims]
    assert [claim.callback_for for claim in found] == [timer.id]
    assert (bench.timers.get(timer.id).reason, bench.members("expiring")) == (Reason.EXPIRED, [])
    bench.check()
    bench.client.close()


@pytest.fixture
def knowing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Store]]:
    """A version over the same store whose highest format is that."""

    def know(most: int) -> Store:
        monkeypatch.setattr(record, "FORMAT", most)
        monkeypatch.setattr(scripts, "FORMAT", most)
        scripts.source.cache_clear()
        bench.link = link_over(bench.client, bench.partitions)
        return bench.store()

    yield know
    monkeypatch.undo()
    scripts.source.cache_clear()


@pytest.mark.one_partition
def test_an_older_version_that_knows_no_expiry_leaves_such_a_timer_to_newer_ones(
    bench: Bench, knowing: Callable[[int], Store]
) -> None:
    """It would send it however late. Tried: a claim, a change and a cancel of the older, then the newer ends it."""
    timer, plain = bench.schedule(max_lateness=LATE_S), bench.schedule()
    newest = record.FORMAT
    before = knowing(2)
    assert [claim.id for claim in before.claims("before", 10).claim(10).claims] == [plain.id]
    assert bench.where(timer.id) == ["waiting:!v3"]
    with pytest.raises(LaterFormat):
        before.timers.cancel(timer.id)
    bench.advance(LATE + 1)
    assert before.claims("before", 10).claim(10).claims == []
    assert before.timers.get(timer.id).status is Status.SCHEDULED
    assert knowing(newest).claims("after", 10).claim(10).claims == []
    assert has_expired(bench, timer)


@pytest.mark.one_partition
def test_a_callback_is_left_to_those_who_can_read_what_it_tells_of(
    bench: Bench, knowing: Callable[[int], Store]
) -> None:
    bench.schedule(max_lateness=LATE_S, on_failed=Callback("http://ended/failed"))
    settle(bench, claimed(bench)[0], Outcome.PERMANENT)
    newest = record.FORMAT
    assert knowing(2).claims("before", 10).claim(10).claims == []
    assert len(knowing(newest).claims("after", 10).claim(10).claims) == 1


def test_a_record_whose_expiry_makes_no_sense_is_unreadable_and_not_sent(bench: Bench) -> None:
    timer = bench.schedule(60_000, expires_at=START + 90_000)
    name = f"{bench.prefix(timer.id)}timer:{timer.id}"
    bench.client.set(name, bench.client.get(name).replace(b"expires=", b"expires=x"))
    assert bench.timers.get(timer.id).unreadable


@pytest.mark.one_partition
@pytest.mark.parametrize("waits", [False, True])
def test_a_claim_made_again_ends_nothing_twice(bench: Bench, waits: bool) -> None:
    bench.schedule(max_lateness=LATE_S, on_failed=Callback("http://ended/failed"))
    if waits:
        wait_behind_its_destination(bench)
    bench.advance(LATE + 1)
    assert len(claimed(bench)) == 1
    bench.alive(LEASE // 3)
    claimed(bench)
    assert bench.timers.stats().ended[Reason.EXPIRED] == 1
    assert bench.timers.stats().delivering == 1
