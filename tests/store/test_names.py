"""Keys and tags: one unfinished timer has a key; a tag leads to every timer that carries it, until it is forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler import Attempt, Claim, KeyTaken, Outcome, Query, Reschedule, Settlement, TooManyPending, UnknownTimer
from scheduler.store.record import destination_tag
from scheduler.store.timers import Timers
from tests.bench.servers import Server
from tests.bench.store import KEEP, LEASE, START, Bench


def _settle(
    bench: Bench, claim: Claim, outcome: Outcome = Outcome.DELIVERED, reschedule: Reschedule | None = None
) -> None:
    attempt = Attempt(number=claim.number, outcome=outcome)
    ended = Settlement(timer_id=claim.id, fence=claim.fence, attempt=attempt, retry_ms=None, reschedule=reschedule)
    assert bench.claims.settle([ended]) == []


def test_key_and_tags_read_back_as_they_were_set(bench: Bench) -> None:
    timer = bench.schedule(5, key="order:17", tags=("a", "b@c"), body=b"x key=no tags=no\n")
    found = bench.timers.get(timer.id)
    assert (found.key, found.tags, found.webhook.body) == ("order:17", ("a", "b@c"), b"x key=no tags=no\n")
    assert bench.timers.find("order:17") == timer.id
    bench.check()


def test_a_taken_key_names_the_timer_that_has_it(bench: Bench) -> None:
    holder = bench.schedule(5, key="k")
    with pytest.raises(KeyTaken) as caught:
        bench.schedule(5, key="k")
    assert caught.value.timer_id == holder.id
    bench.check()


def test_of_two_with_one_key_in_one_call_the_first_gets_it(bench: Bench) -> None:
    one, two = (bench.draft(5, key="k") for _ in range(2))
    first, second = bench.timers.set_each([one, two])
    assert not isinstance(first, KeyTaken)
    assert isinstance(second, KeyTaken)
    assert second.timer_id == one.id


def test_a_key_is_free_again_once_its_timer_is_cancelled(bench: Bench) -> None:
    bench.timers.cancel(bench.schedule(5, key="k").id)
    with pytest.raises(UnknownTimer):
        bench.timers.find("k")
    assert bench.schedule(5, key="k").id == bench.timers.find("k")
    bench.check()


@pytest.mark.parametrize("outcome", [Outcome.DELIVERED, Outcome.PERMANENT])
def test_a_key_is_free_again_once_its_timer_has_ended(bench: Bench, outcome: Outcome) -> None:
    bench.schedule(key="k")
    (claim,) = bench.claims.claim(1).claims
    with pytest.raises(KeyTaken):
        bench.schedule(key="k")
    _settle(bench, claim, outcome)
    bench.schedule(key="k")
    bench.check()


def test_a_key_is_free_again_once_lost_leases_have_failed_its_timer(bench: Bench) -> None:
    timer = bench.schedule(key="k")
    for _ in range(3):
        bench.claims.claim(1)
        bench.alive(LEASE + 1)
    bench.claims.claim(1)
    assert bench.where(timer.id) == ["failed"]
    bench.schedule(key="k")
    bench.check()


def test_the_keys_of_timers_that_end_together_are_freed_together(server: Server) -> None:
    client: Any = server.client()
    bench = Bench(client)
    for number in range(40):
        bench.schedule(key=f"k{number}")
    claims = bench.claims.claim(40).claims

    def calls() -> int:
        found = client.info("commandstats")
        return sum(found.get(f"cmdstat_{command}", {"calls": 0})["calls"] for command in ("hget", "hdel"))

    before = calls()
    bench.claims.settle([Settlement(it.id, it.fence, Attempt(1, Outcome.DELIVERED), None) for it in claims])
    assert calls() <= before + 2
    assert client.hlen("timers:{0}:keys") == 0
    client.close()


def test_a_tag_is_forgotten_with_its_timer(bench: Bench) -> None:
    bench.schedule(key="k", tags=("t",))
    bench.timers.cancel(bench.schedule(10, tags=("t",)).id)
    (claim,) = bench.claims.claim(1).claims
    _settle(bench, claim)
    assert len(bench.listing.page(Query(tag="t")).timers) == 2
    bench.alive(KEEP + 1)
    assert bench.listing.page(Query(tag="t")).timers == []
    bench.check()


def test_a_tag_follows_a_timer_that_its_receiver_wants_again(bench: Bench) -> None:
    bench.schedule(tags=("t",))
    (claim,) = bench.claims.claim(1).claims
    _settle(bench, claim, reschedule=Reschedule(delay_ms=5000))
    (again,) = bench.listing.page(Query(tag="t", due_after=START + 5000)).timers
    assert again.due_at == START + 5000
    bench.check()


@pytest.mark.one_partition
def test_no_more_timers_than_allowed_are_pending_and_each_that_ends_makes_room(bench: Bench) -> None:
    few = Timers(bench.link, keep_cancelled_ms=KEEP, max_pending=2 * bench.link.partitions)
    first, _, third = few.set_each([bench.draft(5) for _ in range(3)])
    assert isinstance(third, TooManyPending)
    assert not isinstance(first, Exception)
    few.cancel(first.id)
    few.set(bench.draft(5))
    bench.advance(5)
    bench.claims.claim(2, [destination_tag("http://receiver/")])
    with pytest.raises(TooManyPending):  # those that wait behind their destination are pending too
        few.set(bench.draft(5))
    bench.check()
