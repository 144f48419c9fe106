"""A destination that is held: its due timers wait, in nobody's way, and are as they were when it goes on."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from scheduler import Draft, Query, Status, StoreClock, Timers, TooManyPending
from scheduler.destinations import Break, DestinationSettings, Rate, ResumeAt, Rule
from scheduler.hold import HeldBy, Hold
from scheduler.store import keys
from scheduler.store.claims import Claims
from scheduler.store.held import TRUSTED, Held, read_holds
from scheduler.store.record import destination_tag, tag_of
from scheduler.store.rule_record import hold_args, state_fields
from scheduler.store.scripts import COUNTED
from tests.bench.claims import a_claim
from tests.bench.store import LEASE, START, Bench

A, B = "http://a/", "http://b/"
ID = "http:a:80"
TAG = destination_tag(A)
#: None; one of a rate, of a concurrency, and of a probe.
PERMITS = ("", "-", "abc:1", "probe:abc:1")


def claimed(claims: Claims, limit: int = 50) -> list[str]:
    """Ids, until a claim brings nothing."""
    found: list[str] = []
    while True:
        batch = claims.claim(limit)
        found += [it.id for it in batch.claims]
        if not batch.claims and batch.next_due != 0:
            return found


def pause(bench: Bench, *destinations: str, until: int | None = None) -> None:
    for it in destinations or [ID]:
        bench.destinations.pause(it, "they are down", "ann", until)


def behind(bench: Bench) -> Iterable[bytes]:
    return [tag for partition in range(bench.partitions) for tag in bench.client.zrange(keys.behind(partition), 0, -1)]


def test_due_timers_of_a_paused_destination_wait_and_those_of_others_are_claimed(bench: Bench) -> None:
    waits, goes = bench.schedule(url=A), bench.schedule(url=B)
    pause(bench)
    assert claimed(bench.claims) == [goes.id]
    assert bench.where(waits.id) == [f"waiting:{TAG}"]
    assert bench.timers.get(waits.id).status == "scheduled"
    bench.check()


def test_a_destination_that_goes_on_is_sent_all_that_waited_as_first_attempts(bench: Bench) -> None:
    ids = [bench.schedule(url=A).id for _ in range(30)]
    pause(bench)
    assert claimed(bench.claims) == []
    bench.alive(3 * LEASE)
    bench.destinations.resume(ID, ResumeAt.FULL)
    found = []
    while more := bench.claims.claim(50).claims:
        found += more
    assert {it.id for it in found} == set(ids)
    assert {it.number for it in found} == {1}
    bench.check()


def test_a_pause_is_answered_when_no_claim_takes_what_it_holds_any_more(bench: Bench) -> None:
    """Whoever claims looks for himself. Red without `held` in claim.lua."""
    timers = [bench.schedule(url=A) for _ in range(20)]
    rule = bench.destinations.pause(ID, "they are down", "ann")
    assert (rule.pause and rule.pause.reason, rule.id) == ("they are down", ID)
    assert claimed(bench.poller("another")) == []
    assert {it.status for it in map(bench.timers.get, [it.id for it in timers])} == {"scheduled"}


def test_sixty_held_destinations_with_due_timers_hide_none_that_is_not(bench: Bench) -> None:
    hosts = [f"h{number}" for number in range(60)]
    for host in hosts:
        for _ in range(5):
            bench.schedule(url=f"http://{host}/")
    pause(bench, *(f"http:{host}:80" for host in hosts))
    good = [bench.schedule(1, url=B).id for _ in range(10)]
    bench.advance(1)
    assert sorted(claimed(bench.claims)) == sorted(good)
    assert len(set(behind(bench))) == 60
    bench.check()


def test_one_at_its_share_that_is_paused_and_goes_on_again_waits_as_it_did(bench: Bench) -> None:
    timer = bench.schedule(url=A)
    for _ in range(bench.partitions):
        bench.claims.claim(5, {TAG})
    assert behind(bench) == []
    pause(bench)
    assert behind(bench) == [TAG.encode()]
    bench.check()
    assert claimed(bench.claims) == []
    bench.destinations.resume(ID, ResumeAt.FULL)
    assert behind(bench) == []
    bench.check()
    assert claimed(bench.claims) == [timer.id]


def test_what_waits_behind_a_hold_can_be_cancelled_moved_fired_and_listed(bench: Bench) -> None:
    gone, moved, stays = (bench.schedule(url=A) for _ in range(3))
    pause(bench)
    claimed(bench.claims)
    assert {it.id for it in bench.listing.page(Query(status=Status.SCHEDULED)).timers} == {gone.id, moved.id, stays.id}
    assert bench.timers.stats().scheduled == 3
    assert bench.timers.stats().waiting_destinations == len(list(behind(bench)))
    bench.timers.cancel(gone.id)
    bench.changes.change(moved.id, lambda it: Draft(it.id, it.webhook, delay_ms=60_000))
    bench.timers.fire(stays)
    assert (bench.where(gone.id), bench.where(moved.id)) == (["cancelled"], ["scheduled"])
    bench.check()
    bench.timers.cancel(stays.id)
    assert behind(bench) == []
    bench.check()


def test_a_lease_that_is_lost_while_its_destination_is_paused_waits_for_it(bench: Bench) -> None:
    timer = bench.schedule(url=A)
    assert claimed(bench.poller("doomed")) == [timer.id]
    pause(bench)
    bench.alive(LEASE + 1)
    assert claimed(bench.claims) == []
    assert bench.where(timer.id) == [f"waiting:{TAG}"]
    bench.destinations.resume(ID, ResumeAt.FULL)
    assert claimed(bench.claims) == [timer.id]
    assert bench.timers.get(timer.id).attempts == 2
    bench.check()


def test_a_suspect_of_a_paused_destination_waits_for_it_and_not_among_the_suspects(bench: Bench) -> None:
    """Else it would be claimed and given back again and again. Red with a look at losses alone."""
    timer = bench.schedule(url=A)
    for _ in range(2):
        assert claimed(bench.poller("doomed")) == [timer.id]
        bench.alive(LEASE + 1)
        for _ in range(bench.partitions):
            bench.poller("other").claim(0)
    pause(bench)
    bench.alive(LEASE + 1)
    assert claimed(bench.claims) == []
    assert bench.where(timer.id) == [f"waiting:{TAG}"]
    bench.check()


def test_what_is_given_back_unsent_because_of_a_pause_waits_and_has_used_no_attempt(bench: Bench) -> None:
    timer = bench.schedule(url=A)
    (claim,) = [it for _ in range(bench.partitions) for it in bench.claims.claim(5).claims]
    pause(bench)
    bench.claims.release([claim])
    assert claimed(bench.claims) == []
    assert (bench.where(timer.id), bench.timers.get(timer.id).attempts) == ([f"waiting:{TAG}"], 0)


def test_a_pause_with_an_end_is_over_then_and_goes_on_slowly(bench: Bench) -> None:
    bench.schedule(url=A)
    pause(bench, until=bench.now + 5000)
    batch = bench.claims.claim(50)
    assert batch.claims == []
    bench.advance(4999)
    assert all(not bench.claims.claim(50).ready for _ in range(bench.partitions))
    bench.advance(1)
    ready = [tag for _ in range(bench.partitions) for tag in bench.claims.claim(50).ready]
    assert TAG in ready


def test_an_older_writer_does_not_undo_what_a_newer_one_left(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first has written the pause and is slow to tell the partitions; it was ended meanwhile. Red without the
    second read of Rules.spread."""
    run, resumed = bench.link.run, False

    def interrupted(name: str, partition: int, args: Any = ()) -> Any:
        nonlocal resumed
        if name == "hold" and not resumed:
            resumed = True
            bench.destinations.resume(ID, ResumeAt.FULL)
        return run(name, partition, args)

    monkeypatch.setattr(bench.link, "run", interrupted)
    timer = bench.schedule(url=A)
    pause(bench)
    assert claimed(bench.claims) == [timer.id]


def test_a_pause_of_one_that_is_paused_keeps_since_when_and_has_the_new_reason(bench: Bench) -> None:
    pause(bench)
    since = bench.now
    bench.advance(5000)
    rule = bench.destinations.pause(ID, "still down", "bob")
    assert rule.pause is not None
    assert (rule.pause.at, rule.pause.by, rule.pause.reason) == (since, "bob", "still down")


class Known:
    """What a poller knows of holds, with its own clock in the test's hand."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bench = bench
        self.now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        self.held = bench.claims.held
        self.claim = a_claim(A, id=bench.new_id(), destination=TAG)

    def lets(self) -> bool:
        return self.held.lets(self.claim, self.now)

    def claims_and_looks(self) -> None:
        for _ in range(self.bench.partitions):
            self.bench.claims.claim(0)
        self.held.look()


@pytest.fixture
def known(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Known:
    return Known(bench, monkeypatch)


def test_an_attempt_begins_only_while_it_was_known_a_moment_ago_that_nobody_held_it(bench: Bench, known: Known) -> None:
    assert not known.lets()
    known.claims_and_looks()
    assert known.lets()
    known.now += TRUSTED - 0.01
    assert known.lets()
    known.now += 0.02
    assert not known.lets()


def test_the_first_pass_after_a_pause_knows_of_it_and_lets_nothing_begin(bench: Bench, known: Known) -> None:
    known.claims_and_looks()
    pause(bench)
    known.claims_and_looks()
    assert not known.lets()
    hold = known.held.of(TAG)
    assert hold is not None
    assert (hold.by, hold.until, "they are down" in hold.because) == (HeldBy.PAUSE, None, True)
    known.now += 1
    bench.destinations.resume(ID, ResumeAt.FULL)
    known.claims_and_looks()
    assert known.lets()


def test_holds_that_change_all_the_time_are_read_twice_a_second_and_are_never_older_than_they_may_be(
    bench: Bench, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    known.claims_and_looks()
    run, reads = bench.link.run, 0

    def counting(name: str, partition: int, args: Any = ()) -> Any:
        nonlocal reads
        reads += name == "held"
        return run(name, partition, args)

    monkeypatch.setattr(bench.link, "run", counting)
    for number in range(40):
        pause(bench, f"http:h{number}:80")
        known.claims_and_looks()
        known.now += 0.05
        assert known.lets()
    assert reads <= 5 * bench.partitions


def test_without_claims_holds_are_looked_at_all_the_same(bench: Bench, known: Known) -> None:
    """As of a poller all of whose slots are taken."""
    known.claims_and_looks()
    pause(bench)
    known.now += 0.6
    known.held.look()
    assert not known.lets()


def test_a_poller_that_knows_nothing_yet_begins_nothing(bench: Bench) -> None:
    known = Held(bench.link, StoreClock())
    assert not known.lets(a_claim(A, id=bench.new_id(), destination=TAG), time.monotonic())


def test_a_due_timer_says_why_it_waits_wherever_it_stands_and_one_that_is_not_due_does_not(bench: Bench) -> None:
    due, later, other = bench.schedule(url=A), bench.schedule(60_000, url=A), bench.schedule(url=B)
    bench.destinations.pause(ID, "they are down", "ann", until=bench.now + 30_000)
    for _ in range(2):  # as it stands in the schedule, and behind its destination
        found = bench.timers.get(due.id)
        assert found.status == "scheduled"
        assert found.held is not None
        assert (found.held.by, found.held.until) == (HeldBy.PAUSE, bench.now + 30_000)
        assert (found.held.because, found.expected_at) == ("paused by ann: they are down", bench.now + 30_000)
        assert [bench.timers.get(it.id).held for it in (later, other)] == [None, None]
        claimed(bench.claims)
    listed = {it.id: it.held for it in bench.listing.page(Query(status=Status.SCHEDULED)).timers}
    assert listed[due.id] == bench.timers.get(due.id).held
    bench.destinations.resume(ID, ResumeAt.FULL)
    assert bench.timers.get(due.id).held is None


def test_a_timer_behind_a_rate_says_when_its_turn_is_likely_to_come(bench: Bench) -> None:
    bench.destinations.put(ID, DestinationSettings(rate=Rate(10)))
    for _ in range(6):
        drafts = [bench.draft(0, url=A)._replace(id=keys.id_in(number)) for number in range(bench.partitions)]
        bench.timers.set(*drafts)
        bench.advance(1)
    claimed(bench.claims)
    last = bench.timers.get(drafts[-1].id)
    assert last.held is not None
    assert (last.held.by, last.held.because) == (HeldBy.RATE, "at most 10 in 1 s")
    assert last.expected_at == bench.now + 500 * bench.partitions


def test_of_timers_behind_a_rate_that_are_due_at_the_same_moment_each_has_a_turn_of_its_own(bench: Bench) -> None:
    """Red with those alone that are due before: all would be expected at once."""
    bench.destinations.put(ID, DestinationSettings(rate=Rate(10)))
    drafts = [bench.draft(0, url=A)._replace(id=keys.id_in(0)) for _ in range(30)]
    bench.timers.set(*drafts)
    claimed(bench.claims)
    listed = {it.id: it for it in bench.listing.page(Query(status=Status.SCHEDULED)).timers}
    waits = sorted((listed[it.id].expected_at or 0) - bench.now for it in drafts)
    assert waits == [100 * bench.partitions * number for number in range(30)]
    assert {it.id: bench.timers.get(it.id).expected_at for it in drafts} == {
        it.id: listed[it.id].expected_at for it in drafts
    }


def test_who_looks_again_learns_what_has_changed_however_much_and_in_parts(bench: Bench) -> None:
    """Red with ends that are not remembered, and with a part that ends in the middle of a change."""
    hold = Hold(HeldBy.PAUSE, None, "down", 1)

    def change(first: int, last: int, it: Hold | None) -> None:
        for at in range(first, last, 100):
            words = [word for n in range(at, min(last, at + 100)) for word in hold_args(f"t{n}", it, 1)]
            bench.link.run("hold", 0, words)

    change(0, 1200, hold)
    known = read_holds(bench.link, 0)
    assert known.by_tag.keys() == {f"t{number}" for number in range(1200)}
    change(100, 700, None)
    change(2000, 2600, hold)
    again = read_holds(bench.link, 0, known)
    assert again.by_tag.keys() == known.by_tag.keys() - {f"t{n}" for n in range(100, 700)} | {
        f"t{n}" for n in range(2000, 2600)
    }
    assert again.by_tag == read_holds(bench.link, 0).by_tag


def test_who_was_away_while_more_ended_than_is_remembered_reads_all_anew(bench: Bench) -> None:
    hold = Hold(HeldBy.PAUSE, None, "down", 1)
    for first in range(0, 1500, 100):
        bench.link.run("hold", 0, [word for n in range(first, first + 100) for word in hold_args(f"t{n}", hold, 1)])
    known = read_holds(bench.link, 0)
    for first in range(0, 1400, 100):
        bench.link.run("hold", 0, [word for n in range(first, first + 100) for word in hold_args(f"t{n}", None, 1)])
    assert read_holds(bench.link, 0, known).by_tag.keys() == {f"t{n}" for n in range(1400, 1500)}


def test_who_knows_of_a_hold_that_the_store_has_lost_forgets_it(bench: Bench) -> None:
    """A replica took its primary's place, or a backup was restored. Red with changes alone: the poller would go on
    holding what is claimed, and give it back, for as long as it runs."""
    known = read_holds(bench.link, bench.home)
    bench.destinations.put("http:b:80", DestinationSettings(rate=Rate(10)))
    before = {key: bench.client.dump(key) for key in bench.client.scan_iter(f"{keys.prefix(bench.home)}*")}
    pause(bench)
    known = read_holds(bench.link, bench.home, known)
    assert TAG in known.by_tag
    for key in list(bench.client.scan_iter(f"{keys.prefix(bench.home)}*")):
        bench.client.delete(key)
    for key, value in before.items():
        bench.client.restore(key, 0, value)
    assert read_holds(bench.link, bench.home, known).by_tag.keys() == {tag_of("http:b:80")}


@pytest.mark.parametrize("is_all_lost", [False, True])
def test_where_the_slot_of_a_rule_has_lost_its_latest_writes_the_next_is_heeded_all_the_same(
    bench: Bench, is_all_lost: bool
) -> None:
    """Its revisions begin anew below those that partitions have been told. Red without the look at what stands there:
    it would be paused for ever, and a pause that was answered would stop nothing."""
    slot = keys.destination(TAG)
    bench.destinations.put(ID, DestinationSettings(rate=Rate(10)))
    bench.destinations.put(ID, DestinationSettings())
    before = bench.client.hgetall(slot)
    for _ in range(3):
        pause(bench)
    bench.client.delete(slot)
    if not is_all_lost:
        bench.client.hset(slot, mapping=before)
    timer = bench.schedule(url=A)
    assert claimed(bench.claims) == []
    bench.destinations.resume(ID, ResumeAt.FULL)
    assert claimed(bench.claims) == [timer.id]
    bench.client.delete(slot)
    pause(bench)
    bench.schedule(url=A)
    assert claimed(bench.claims) == []
    bench.check()


def test_no_permit_of_a_rate_lets_anything_begin_once_its_destination_is_broken(bench: Bench, known: Known) -> None:
    """It was had while it was well. Red where any permit is one of a probe."""

    def fields(rule: Rule) -> dict[str, str | int]:
        return state_fields(replace(rule, broken=Break(rule.read_at, "10 in a row failed", rule.read_at + 5000)))

    bench.claims.rules.change(TAG, fields)
    known.claims_and_looks()
    allowed = {permit: known.held.lets(known.claim._replace(permit=permit), known.now) for permit in PERMITS}
    assert allowed == {"": False, "-": False, "abc:1": False, "probe:abc:1": True}


def test_what_is_held_is_overdue_and_yet_alarms_nobody(bench: Bench) -> None:
    """An alarm on the oldest overdue timer tells that pollers are too few: a pause is none of that."""
    bench.schedule(url=A)
    pause(bench)
    assert claimed(bench.claims) == []
    bench.advance(3_600_000)
    stats = bench.timers.stats()
    assert (stats.overdue, stats.oldest_overdue_ms) == (1, 0)


def test_timers_are_pending_behind_however_many_held_destinations_they_wait(bench: Bench) -> None:
    """Red if those beyond the destinations that one call counts were not pending."""
    small, many = Bench(bench.client, home=0), COUNTED + 3
    with small.client.pipeline() as calls:  # as claims have left them
        for number in range(many):
            calls.zadd(keys.behind(0), {f"tag{number}": START})
            calls.zadd(f"{keys.prefix(0)}waiting:tag{number}", {f"id{number}": START})
        calls.execute()
    full, almost = (Timers(small.link, keep_cancelled_ms=1000, max_pending=most) for most in (many, many + 1))
    with pytest.raises(TooManyPending):
        full.set(small.draft(0))
    almost.set(small.draft(0))
