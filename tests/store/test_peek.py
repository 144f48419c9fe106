"""A peek tells when a claim has something to do, so that a poller with nothing to do need not claim to find out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scheduler import (
    Attempt,
    Claim,
    Claims,
    Outcome,
    Plan,
    PollerSeen,
    ScheduleDraft,
    Settlement,
    StoreUnavailable,
    Webhook,
)
from scheduler.store import keys
from scheduler.store.record import destination_tag
from scheduler.store.room import Load
from tests.bench.store import KEEP, LEASE, START, Bench, link_over

URL = "http://receiver:80/hook"


def wait(bench: Bench, claims: Claims | None = None) -> float | None:
    """Seconds until the first of all partitions has something to do."""
    found = (claims or bench.claims).peek(range(bench.partitions)).waits
    assert sorted(found) == list(range(bench.partitions))
    return min((it for it in found.values() if it is not None), default=None)


def claim(bench: Bench) -> list[Claim]:
    return bench.claims.claim(50, partitions=range(bench.partitions)).claims


def end(bench: Bench) -> None:
    """Deliver what is due."""
    done = Attempt(1, Outcome.DELIVERED)
    bench.claims.settle([Settlement(it.id, it.fence, done, None) for it in claim(bench)])


def test_it_tells_the_moment_of_the_first_timer_and_takes_none(bench: Bench) -> None:
    assert wait(bench) is None
    bench.schedule(2500)
    bench.schedule(500)
    assert wait(bench) == 0.5
    bench.advance(500)
    assert wait(bench) == 0
    assert len(claim(bench)) == 1
    assert wait(bench) == 2
    bench.check()


def its_lease_has_ended(bench: Bench) -> None:
    claim(bench)
    bench.alive(LEASE)


def it_waits_behind_a_destination_at_its_share(bench: Bench) -> None:
    bench.claims.claim(1, saturated={destination_tag(URL)}, partitions=range(bench.partitions))


def its_destination_is_held(bench: Bench) -> None:
    bench.destinations.pause("http:receiver:80", "they are down", "ann")
    assert claim(bench) == []


def it_was_kept_for_long_enough(bench: Bench) -> None:
    end(bench)
    assert wait(bench) is None
    bench.advance(KEEP)


def more_are_kept_than_may_be(bench: Bench) -> None:
    end(bench)
    assert wait(bench, bench.poller("one", keep_finished=1)) is None
    bench.timers.set(*(bench.draft(0)._replace(id=keys.id_in(0)) for _ in range(2)))
    end(bench)


@pytest.mark.parametrize(
    "happens",
    [
        its_lease_has_ended,
        it_waits_behind_a_destination_at_its_share,
        its_destination_is_held,
        it_was_kept_for_long_enough,
        more_are_kept_than_may_be,
    ],
)
def test_what_only_a_claim_sees_to_makes_one_due_at_once(bench: Bench, happens: Callable[[Bench], None]) -> None:
    bench.schedule(url=URL)
    happens(bench)
    assert wait(bench, bench.poller("one", keep_finished=1)) == 0
    bench.check()


def test_a_claim_whose_reply_was_lost_is_to_be_made_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    timer = bench.schedule()
    link = link_over(bench.client, bench.partitions)
    claims = Claims(
        link, poller="one", share=9, lease_ms=LEASE, keep_delivered_ms=KEEP, keep_failed_ms=KEEP, keep_finished=100
    )
    send_each = link.send_each

    def lossy(name: str, calls: Any) -> Callable[[], list[Any]]:
        replies = send_each(name, calls)()
        return lambda: [StoreUnavailable("the reply was lost", maybe_done=True) for _ in replies]

    claims.peek([0])  # else the loss would be that of a look at what the store allows
    claims.claim(0, partitions=[bench.partition(timer.id)])
    monkeypatch.setattr(link, "send_each", lossy)
    with pytest.raises(StoreUnavailable):
        claims.claim(1, partitions=[bench.partition(timer.id)])
    monkeypatch.undo()
    assert claims.peek([bench.partition(timer.id)]).waits == {bench.partition(timer.id): 0.0}
    (again,) = claims.claim(1, partitions=[bench.partition(timer.id)]).claims
    assert again.id == timer.id


def test_it_tells_when_a_schedule_is_to_be_looked_at(bench: Bench) -> None:
    bench.schedules.put(ScheduleDraft(name="s", plan=Plan(every_ms=60_000), webhook=Webhook(url=URL)))
    there = keys.partition_of_key("s", bench.partitions)
    planned = bench.claims.peek(range(bench.partitions)).planned
    assert planned[there] == 0
    bench.look()
    planned = bench.claims.peek(range(bench.partitions)).planned
    assert {it: wait for it, wait in planned.items() if wait is not None} == {there: bench.plans.look(there).wait}


def test_a_poller_that_only_looks_is_seen_and_keeps_leases_ending(bench: Bench) -> None:
    bench.schedule()
    (lost,) = claim(bench)
    other = bench.poller("other")
    for _ in range(8):
        bench.advance(LEASE // 4)
        other.peek(range(bench.partitions), Load(3, 64))
    assert PollerSeen("other", bench.now, 3, 64) in bench.activity.pollers().pollers
    assert [it.id for it in other.claim(9, partitions=range(bench.partitions)).claims] == [lost.id]
    assert bench.now == START + 2 * LEASE
