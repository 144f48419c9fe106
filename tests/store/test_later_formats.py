"""Timers whose records need a later format than a process knows, as beside a newer version: left to those who know it.

Tried with `v=` in the first line, a caller of today and one that knows the next format: claims of both in turn, many
such timers ahead of healthy ones, lost leases, suspects, retries; cancel, change, put, fire and replay; lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scheduler import (
    Attempt,
    Claim,
    Delivery,
    KeyTaken,
    LaterFormat,
    Outcome,
    Overlap,
    Query,
    Settings,
    Settlement,
    Skipped,
    Status,
    Store,
    Timer,
)
from scheduler.store import record, scripts
from scheduler.store.claims import Claims
from scheduler.store.record import FORMAT
from scheduler.store.room import SUSPECTS
from tests.bench.store import KEEP, LEASE, Bench, link_over
from tests.store.schedules import MINUTE, pass_time, put

pytestmark = pytest.mark.one_partition
NEXT = FORMAT + 1


class Newer:
    """A poller of the next version, over the same store."""

    def __init__(self, bench: Bench, partitions: int) -> None:
        keep = KEEP / 1000
        settings = Settings(lease=LEASE / 1000, keep_delivered=keep, keep_failed=keep, keep_cancelled=keep)
        self._store = Store(settings, link_over(bench.client, partitions))
        self._claims: dict[str, Claims] = {}

    @contextmanager
    def running(self) -> Iterator[Store]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(record, "FORMAT", NEXT)
            patch.setattr(scripts, "FORMAT", NEXT)
            scripts.source.cache_clear()
            yield self._store
        scripts.source.cache_clear()

    def claim(
        self, limit: int = 10, saturated: tuple[str, ...] = (), poller: str = "newer", share: int = 100
    ) -> list[Claim]:
        with self.running() as store:
            claims = self._claims[poller] = store.claims(poller, share)
            return claims.claim(limit, saturated).claims

    def settle(self, claim: Claim, outcome: Outcome, retry_ms: int | None = None) -> None:
        settlement = Settlement(claim.id, claim.fence, Attempt(number=claim.number, outcome=outcome), retry_ms)
        with self.running():
            assert self._claims["newer"].settle([settlement]) == []


@pytest.fixture
def newer(bench: Bench, partitions: int) -> Newer:
    return Newer(bench, partitions)


def _later(bench: Bench, delay_ms: int = 0, **webhook: object) -> Timer:
    return _needing_next(bench, bench.schedule(delay_ms, **webhook))


def _needing_next(bench: Bench, timer: Timer) -> Timer:
    """The timer, of the next format from now on."""
    name = f"{bench.prefix(timer.id)}timer:{timer.id}"
    first, rest = bench.client.get(name).split(b"\n", 1)
    bench.client.set(name, first + f" v={NEXT}\n".encode() + rest)
    return timer


def _claim(bench: Bench, limit: int = 10, poller: str = "one", share: int = 1000) -> list[str]:
    return [claim.id for claim in bench.poller(poller, share=share).claim(limit).claims]


def test_what_only_a_newer_version_can_send_is_left_to_it_and_stays_scheduled(bench: Bench, newer: Newer) -> None:
    timer, other = _later(bench), bench.schedule()
    assert _claim(bench) == [other.id]
    assert bench.where(timer.id) == [f"waiting:!v{NEXT}"]
    found = bench.timers.get(timer.id)
    assert (found.status, found.attempts, found.unreadable) == (Status.SCHEDULED, 0, True)
    assert [claim.id for claim in newer.claim()] == [timer.id]
    bench.check()


def test_one_of_a_format_that_nobody_there_knows_waits_for_ever_and_harms_nobody(bench: Bench, newer: Newer) -> None:
    timer = bench.schedule()
    name = f"{bench.prefix(timer.id)}timer:{timer.id}"
    bench.client.set(name, bench.client.get(name).replace(b"\n", f" v={NEXT + 7}\n".encode(), 1))
    for _ in range(3):
        assert _claim(bench) == []
        assert newer.claim() == []
    assert bench.where(timer.id) == [f"waiting:!v{NEXT + 7}"]
    bench.check()


def test_it_does_not_make_an_older_poller_spin_or_the_timers_behind_it_late(bench: Bench, newer: Newer) -> None:
    later = {_later(bench).id for _ in range(150)}
    bench.advance(1)
    healthy = {bench.schedule().id for _ in range(50)}
    found: set[str] = set()
    for _ in range(3):
        batch = bench.claims.claim(96)
        found |= {claim.id for claim in batch.claims}
    assert found == healthy
    assert bench.claims.claim(96).next_due is None
    served = [claim for _ in range(4) for claim in newer.claim(96, share=1000)]
    assert {claim.id for claim in served} == later
    assert len(served) == len(later)
    bench.check()


def test_one_that_can_be_read_is_not_late_however_many_destinations_wait_before_it(bench: Bench, newer: Newer) -> None:
    bench.timers.set(*(bench.draft(0, url=f"http://h{number}/") for number in range(250)))
    full = tuple(record.destination_tag(f"http://h{number}/") for number in range(250))
    while bench.claims.claim(96, full).next_due == 0:
        pass
    bench.advance(1)
    timer = _later(bench, url="http://other/")
    assert bench.claims.claim(96, full).claims == []
    assert [claim.id for claim in newer.claim(96, full)] == [timer.id]


def test_a_newer_poller_keeps_to_its_share_of_what_was_left_to_it(bench: Bench, newer: Newer) -> None:
    for _ in range(3):
        _later(bench)
    assert _claim(bench) == []
    assert len(newer.claim(share=2)) == 2
    assert bench.timers.stats().waiting_destinations == 1
    bench.check()


def test_a_lost_lease_is_noted_by_an_older_poller_and_taken_up_by_a_newer(bench: Bench, newer: Newer) -> None:
    timer = _later(bench)
    for number in (1, 2):
        (claim,) = newer.claim(poller=f"doomed{number}")
        assert (claim.id, claim.number, claim.suspect) == (timer.id, number, False)
        bench.alive(LEASE + 1)
        assert _claim(bench) == []
        assert bench.where(timer.id) == [f"waiting:!v{NEXT}"]
    assert newer.claim(saturated=(SUSPECTS,)) == []
    assert bench.where(timer.id) == [f"waiting:{SUSPECTS}"]
    (claim,) = newer.claim()
    assert (claim.number, claim.suspect, claim.redelivery) == (3, True, "lease-expired")
    bench.alive(LEASE + 1)
    assert _claim(bench) == []
    assert bench.timers.get(timer.id).status is Status.SCHEDULED
    assert newer.claim() == []
    found = bench.timers.get(timer.id)
    assert (found.status, found.reason, found.attempts) == (Status.FAILED, "lease-lost", 3)
    assert [(it.number, it.error) for it in bench.timers.attempts(timer.id)] == [(n, "lease-lost") for n in (1, 2, 3)]
    bench.check()


def test_at_most_once_is_ended_by_the_newer_version_that_knows_how(bench: Bench, newer: Newer) -> None:
    timer = _later(bench, delivery=Delivery.AT_MOST_ONCE, key="k")
    newer.claim()
    bench.alive(LEASE + 1)
    assert _claim(bench) == []
    assert bench.timers.get(timer.id).status is Status.SCHEDULED
    assert newer.claim() == []
    assert bench.timers.get(timer.id).reason == "outcome-unknown"
    bench.check()


def test_a_retry_or_a_release_goes_by_the_same_rule(bench: Bench, newer: Newer) -> None:
    timer = _later(bench)
    (claim,) = newer.claim()
    newer.settle(claim, Outcome.RETRYABLE, retry_ms=10)
    bench.advance(10)
    assert _claim(bench) == []
    (claim,) = newer.claim()
    assert (claim.number, claim.redelivery) == (2, "retry")
    newer.settle(claim, Outcome.DELIVERED)
    assert bench.timers.get(timer.id).status is Status.DELIVERED
    bench.check()


def test_nobody_who_does_not_know_its_format_changes_or_ends_it(bench: Bench, newer: Newer) -> None:
    """Tried: while it is scheduled, and while it waits for those who can send it."""
    timer = _later(bench, 1000, key="k")
    before = bench.client.get(f"{bench.prefix(timer.id)}timer:{timer.id}")
    for moved in (False, True):
        if moved:
            bench.advance(1000)
            assert _claim(bench) == []
        with pytest.raises(LaterFormat):
            bench.timers.cancel(timer.id)
        with pytest.raises(LaterFormat):
            bench.timers.fire(timer)
        with pytest.raises(LaterFormat):
            bench.changes.change(timer.id, lambda it: bench.draft(5)._replace(id=it.id))
        with pytest.raises(LaterFormat):
            bench.changes.put("k", bench.draft(5, key="k"))
        args: list[str | int | bytes] = [timer.id, 0, KEEP, bench.timers.new_id("k"), bench.now, b"x"]
        assert bench.link.run("supersede", bench.partition(timer.id), args) == f"format {NEXT}".encode()
        assert bench.link.run("change", bench.partition(timer.id), [timer.id, before, 0, b"x", ""]).startswith(
            b"format"
        )
        assert bench.client.get(f"{bench.prefix(timer.id)}timer:{timer.id}") == before
        assert bench.timers.get(timer.id).status is Status.SCHEDULED
    (claim,) = newer.claim()
    newer.settle(claim, Outcome.DELIVERED)
    with pytest.raises(LaterFormat):
        bench.timers.replay(bench.timers.get(timer.id))
    with newer.running() as store:
        store.timers.replay(store.timers.get(timer.id))
        store.timers.cancel(timer.id)
    bench.check()


def test_a_run_of_it_is_neither_replaced_nor_cancelled_with_its_schedule(bench: Bench) -> None:
    """Red with a script for schedules that does not look at the format of the runs that it ends."""
    put(bench, overlap=Overlap.REPLACE)
    run = _needing_next(bench, bench.schedules.fire("report"))
    pass_time(bench, MINUTE)
    assert bench.schedules.get("report").skipped == Skipped(overlap=1)
    bench.schedules.delete("report")
    assert bench.timers.get(run.id).status is Status.SCHEDULED
    bench.check()


def test_it_is_listed_and_told_by_its_first_line_wherever_it_waits(bench: Bench) -> None:
    timer = _later(bench, key="k", tags=("t",), url="http://there/")
    assert _claim(bench) == []
    for query in (Query(), Query(tag="t"), Query(destination="http://there/")):
        assert [(it.id, it.key, it.tags) for it in bench.listing.page(query).timers] == [(timer.id, "k", ("t",))]
    stats = bench.timers.stats()
    assert (stats.scheduled, stats.overdue, stats.waiting_destinations) == (1, 1, 0)


def test_one_that_stands_where_only_a_newer_version_looks_is_known_and_keeps_its_key(bench: Bench) -> None:
    """As in a set of timers with a priority: an older API does not make another in its place."""
    timer = _later(bench, 1000, key="k", tags=("t",))
    root = bench.prefix(timer.id)
    bench.client.zrem(f"{root}scheduled", timer.id)
    bench.client.zadd(f"{root}ahead", {timer.id: timer.due_at})
    before = bench.client.get(f"{root}timer:{timer.id}")
    found = bench.timers.get(timer.id)
    assert (found.status, found.key, bench.timers.find("k")) == (Status.SCHEDULED, "k", timer.id)
    assert [it.id for it in bench.listing.page(Query(tag="t")).timers] == [timer.id]
    for change in (
        lambda: bench.timers.cancel(timer.id),
        lambda: bench.timers.fire(timer),
        lambda: bench.changes.put("k", bench.draft(5, key="k")),
    ):
        with pytest.raises(LaterFormat):
            change()
    with pytest.raises(KeyTaken):
        bench.schedule(key="k")
    bench.timers.set(bench.draft(0, key="k")._replace(id=timer.id))
    assert bench.client.get(f"{root}timer:{timer.id}") == before
    assert bench.client.zscore(f"{root}scheduled", timer.id) is None
