"""Changing what is scheduled: moved or rewritten in place, fired, replayed; each against a poller that wants it too."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler import (
    AlreadySent,
    Attempt,
    Claim,
    Draft,
    KeyTaken,
    Outcome,
    Query,
    Redelivery,
    Settlement,
    Status,
    Timer,
    UnknownTimer,
    WrongState,
)
from scheduler.store.record import destination_tag
from scheduler.store.room import SUSPECTS
from tests.bench.store import LEASE, START, Bench


def _end(bench: Bench, claim: Claim, outcome: Outcome, retry_ms: int | None = None) -> None:
    attempt = Attempt(number=claim.number, outcome=outcome)
    bench.claims.settle([Settlement(timer_id=claim.id, fence=claim.fence, attempt=attempt, retry_ms=retry_ms)])


def _moved(timer: Timer, delay_ms: int | None, **webhook: Any) -> Draft:
    tags = webhook.pop("tags", timer.tags)
    changed = timer.webhook._replace(**webhook)
    return Draft(id=timer.id, webhook=changed, delay_ms=delay_ms, key=timer.key, tags=tags)


def _retrying(bench: Bench, **webhook: Any) -> Timer:
    timer = bench.schedule(**webhook)
    (claim,) = bench.claims.claim(1).claims
    _end(bench, claim, Outcome.RETRYABLE, retry_ms=5000)
    return bench.timers.get(timer.id)


def test_a_moved_timer_is_due_then_and_only_then(bench: Bench) -> None:
    timer = bench.schedule(1000, tags=("t",))
    found = bench.changes.change(timer.id, lambda it: _moved(it, 9000))
    assert (found.due_at, found.created_at) == (START + 9000, START)
    bench.advance(5000)
    assert bench.claims.claim(1).claims == []
    bench.advance(4000)
    assert [claim.id for claim in bench.claims.claim(1).claims] == [timer.id]
    bench.check()


def test_what_was_attempted_while_a_change_was_made_of_it_is_not_changed_any_more(bench: Bench) -> None:
    timer = bench.schedule()

    def merge(it: Timer) -> Draft:
        if not it.attempts:
            (claim,) = bench.claims.claim(1).claims
            _end(bench, claim, Outcome.RETRYABLE, retry_ms=5000)
        return _moved(it, None, body=b"new")

    with pytest.raises(AlreadySent):
        bench.changes.change(timer.id, merge)
    assert bench.timers.get(timer.id).webhook == timer.webhook
    bench.check()


def test_what_is_sent_changes_in_place_and_the_moment_stays(bench: Bench) -> None:
    timer = bench.schedule(1000, tags=("a", "b"))
    new: dict[str, Any] = {"url": "http://other/", "body": b"new", "tags": ("b", "c")}
    found = bench.changes.change(timer.id, lambda it: _moved(it, None, **new))
    assert (found.webhook.url, found.webhook.body) == ("http://other/", b"new")
    assert (found.tags, found.due_at) == (("b", "c"), START + 1000)
    bench.advance(1000)
    (claim,) = bench.claims.claim(1).claims
    assert (claim.webhook.url, claim.webhook.body) == ("http://other/", b"new")
    bench.check()


def test_a_change_made_meanwhile_is_not_overwritten(bench: Bench) -> None:
    timer = bench.schedule(1000)
    looks = []

    def merge(it: Timer) -> Draft:
        looks.append(it)
        if len(looks) == 1:  # another client comes in between the look and the write
            bench.changes.change(timer.id, lambda it: _moved(it, None, metadata={"by": "another"}))
        return _moved(it, None, body=b"ours")

    found = bench.changes.change(timer.id, merge)
    assert len(looks) == 2
    assert (found.webhook.body, found.webhook.metadata) == (b"ours", {"by": "another"})


def test_a_claim_in_flight_wins_over_a_change(bench: Bench) -> None:
    timer = bench.schedule()

    def merge(it: Timer) -> Draft:
        bench.claims.claim(1)
        return _moved(it, 9000)

    with pytest.raises(WrongState) as caught:
        bench.changes.change(timer.id, merge)
    assert caught.value.status == "delivering"
    bench.check()


def test_what_is_sent_stays_once_an_attempt_was_made(bench: Bench) -> None:
    timer = _retrying(bench)
    with pytest.raises(AlreadySent):
        bench.changes.change(timer.id, lambda it: _moved(it, 1, body=b"new"))
    assert bench.changes.change(timer.id, lambda it: _moved(it, None, timeout=3.0)).webhook.timeout == 3.0


def test_a_retry_that_is_moved_starts_its_tries_anew_and_says_so(bench: Bench) -> None:
    timer = _retrying(bench)
    found = bench.changes.change(timer.id, lambda it: _moved(it, 2000))
    assert (found.due_at, found.next_attempt_at, found.attempts) == (START + 2000, None, 1)
    bench.alive(2000)
    (claim,) = bench.claims.claim(1).claims
    assert (claim.number, claim.attempts_since_due, claim.redelivery) == (2, 1, Redelivery.RESCHEDULED)


def test_a_timer_that_waits_behind_its_destination_can_be_moved_away(bench: Bench) -> None:
    timer = bench.schedule(url="http://a/")
    bench.claims.claim(5, [destination_tag(timer.webhook.url)])
    assert bench.where(timer.id) == [f"waiting:{destination_tag(timer.webhook.url)}"]
    bench.changes.change(timer.id, lambda it: _moved(it, 3000, url="http://b/"))
    assert bench.where(timer.id) == ["scheduled"]
    assert bench.claims.claim(5).claims == []
    bench.check()


def test_a_suspect_that_is_moved_is_still_one(bench: Bench) -> None:
    timer = bench.schedule()
    for _ in range(2):
        bench.claims.claim(1)
        bench.alive(LEASE + 1)
    bench.claims.claim(1, [SUSPECTS])
    assert bench.where(timer.id) == [f"waiting:{SUSPECTS}"]
    bench.changes.change(timer.id, lambda it: _moved(it, 1000))
    bench.alive(1000)
    assert bench.claims.claim(1, [SUSPECTS]).claims == []
    assert [claim.suspect for claim in bench.claims.claim(1).claims] == [True]
    bench.check()


def test_put_makes_a_timer_then_replaces_it_under_the_same_id(bench: Bench) -> None:
    first, is_new = bench.changes.put("k", bench.draft(1000, key="k"))
    assert is_new
    for delay in (3000, 2000):
        again, is_new = bench.changes.put("k", bench.draft(delay, key="k", url="http://other/", tags=("t",)))
        assert (again.id, is_new, again.due_at, again.webhook.url) == (first.id, False, START + delay, "http://other/")
        bench.check()
    assert bench.timers.stats().scheduled == 1


def test_put_of_something_else_after_an_attempt_makes_a_new_timer_and_withdraws_the_old(bench: Bench) -> None:
    old = _retrying(bench, key="k")
    new, is_new = bench.changes.put("k", bench.draft(1000, key="k", body=b"else"))
    assert is_new
    assert new.id != old.id
    assert bench.timers.get(old.id).status is Status.CANCELLED
    assert bench.timers.find("k") == new.id
    bench.check()


def test_put_of_the_same_after_an_attempt_moves_the_timer(bench: Bench) -> None:
    old = _retrying(bench, key="k")
    same, is_new = bench.changes.put("k", bench.draft(1000, key="k"))
    assert (same.id, is_new) == (old.id, False)
    bench.check()


def test_put_waits_for_no_delivery(bench: Bench) -> None:
    bench.schedule(key="k")
    bench.claims.claim(1)
    with pytest.raises(WrongState) as caught:
        bench.changes.put("k", bench.draft(1000, key="k"))
    assert caught.value.status == "delivering"


def test_a_fired_timer_is_due_at_once_also_when_a_retry_waits(bench: Bench) -> None:
    one, two = bench.schedule(60_000, tags=("t",)), _retrying(bench)
    for timer in (one, two):
        bench.timers.fire(timer)
        assert bench.timers.get(timer.id).due_at == START
    assert {claim.id for claim in bench.claims.claim(5).claims} == {one.id, two.id}
    bench.check()


def test_firing_again_what_was_attempted_since_is_done_already(bench: Bench) -> None:
    timer = bench.schedule(60_000)
    bench.timers.fire(timer)
    bench.claims.claim(1)
    bench.timers.fire(timer)
    with pytest.raises(WrongState):
        bench.timers.fire(bench.timers.get(timer.id))
    with pytest.raises(UnknownTimer):
        bench.timers.fire(timer._replace(id="0" * 22))


@pytest.mark.parametrize("outcome", [Outcome.DELIVERED, Outcome.PERMANENT])
def test_a_replayed_timer_is_sent_once_more_with_its_tries_counted_anew(bench: Bench, outcome: Outcome) -> None:
    timer = bench.schedule(max_attempts=1, key="k", tags=("t",))
    (claim,) = bench.claims.claim(1).claims
    _end(bench, claim, outcome)
    finished = bench.timers.get(timer.id)
    bench.timers.replay(finished)
    bench.timers.replay(finished)
    (again,) = bench.claims.claim(5).claims
    assert (again.id, again.number, again.attempts_since_due, again.redelivery) == (timer.id, 2, 1, Redelivery.REPLAY)
    bench.timers.replay(finished)  # the reply was lost long ago
    _end(bench, again, Outcome.DELIVERED)
    bench.timers.replay(finished)
    assert bench.claims.claim(5).claims == []
    bench.check()


def test_a_replay_needs_a_finished_timer_whose_key_is_still_free(bench: Bench) -> None:
    timer = bench.schedule(key="k")
    with pytest.raises(WrongState):
        bench.timers.replay(timer)
    (claim,) = bench.claims.claim(1).claims
    _end(bench, claim, Outcome.DELIVERED)
    holder = bench.schedule(9, key="k")
    with pytest.raises(KeyTaken) as caught:
        bench.timers.replay(bench.timers.get(timer.id))
    assert caught.value.timer_id == holder.id
    bench.check()


def test_one_call_cancels_what_it_can_and_says_what_became_of_each(bench: Bench) -> None:
    one, two = bench.schedule(5), bench.schedule()
    bench.claims.claim(1)
    asked = [one.id, two.id, "0" * 22, "nonsense", one.id]
    assert bench.timers.cancel_each(asked) == ["cancelled", "delivering", "", "", "cancelled"]
    assert bench.listing.page(Query(status=Status.CANCELLED)).total == 1
    bench.check()
