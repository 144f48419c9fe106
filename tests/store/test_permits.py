"""Leave to send to a destination with a rule: as much as its rate and its concurrency have, over all who ask."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from scheduler import Delivery
from scheduler.destinations import Break, DestinationSettings, PermitKind, Rate, ResumeAt, Rule
from scheduler.holds.slow_start import SECONDS
from scheduler.store import keys
from scheduler.store.held import Held
from scheduler.store.permits import Permits
from scheduler.store.record import destination_tag
from scheduler.store.room import Permitted
from scheduler.store.rule_record import state_fields
from tests.bench.store import LEASE, START, Bench

A = "http://a/"
ID = "http:a:80"
TAG = destination_tag(A)


@pytest.fixture
def permits(bench: Bench) -> Permits:
    return Permits(bench.link, poller="one", lease_ms=LEASE)


def rule(bench: Bench, **settings: Any) -> None:
    bench.destinations.put(ID, DestinationSettings(**settings))


def test_a_rate_gives_one_after_the_other_whoever_asks(bench: Bench, permits: Permits) -> None:
    rule(bench, rate=Rate(10))
    other = Permits(bench.link, poller="two", lease_ms=LEASE)
    assert [permits.take(TAG, 5).granted, other.take(TAG, 5).granted] == [1, 0]
    bench.advance(99)
    assert other.take(TAG, 5).granted == 0
    bench.advance(1)
    assert [other.take(TAG, 5).granted, permits.take(TAG, 5).granted] == [1, 0]


def test_whoever_is_refused_is_told_when_the_next_one_is_there(bench: Bench, permits: Permits) -> None:
    rule(bench, rate=Rate(10))
    bench.advance(1000)
    permits.take(TAG, 1)
    refused = permits.take(TAG, 1)
    bench.set_clock(refused.ask_at - 1)
    assert permits.take(TAG, 1).granted == 0
    bench.set_clock(refused.ask_at)
    assert permits.take(TAG, 1).granted == 1


@pytest.mark.parametrize("late", [0, 7, 70])
def test_a_rate_is_held_though_those_who_ask_come_a_little_late(bench: Bench, permits: Permits, late: int) -> None:
    """Red with LATE = 0: of 10 a second 9 would go."""
    rule(bench, rate=Rate(10))
    begun, sent = bench.now, list[int]()
    while bench.now < begun + 60_000:
        permit = permits.take(TAG, 3)
        sent += [bench.now] * permit.granted
        bench.set_clock(max(permit.ask_at + late, bench.now + 1))
    assert len(sent) == pytest.approx(600, abs=2)
    assert min(later - at for at, later in pairwise(sent)) >= 100 - 75


@pytest.mark.parametrize(("requests", "burst"), [(10, None), (10, 5), (1000, None), (3, 1)])
def test_no_window_holds_more_than_the_burst_and_what_the_rate_gives(
    bench: Bench, permits: Permits, requests: int, burst: int | None
) -> None:
    rule(bench, rate=Rate(requests, burst=burst))
    sent = list[int]()
    for step in [0, 500, *[3] * 300, 2000, *[1] * 100]:
        bench.advance(step)
        sent += [bench.now] * permits.take(TAG, 100).granted
    allowed = max(burst or 1, requests // 100)
    for first in range(0, len(sent), 3):
        for last in range(first, len(sent), 3):
            window = (sent[last] - sent[first]) / 1000
            assert last - first + 1 <= allowed + requests * (window + 0.1)


def test_what_a_rate_granted_and_nobody_used_goes_back_to_it(bench: Bench, permits: Permits) -> None:
    rule(bench, rate=Rate(1, burst=5))
    bench.advance(10_000)
    assert permits.take(TAG, 5).granted == 5
    assert permits.take(TAG, 5, unused=3).granted == 3


def test_a_concurrency_gives_so_many_at_once_and_what_comes_back_again(bench: Bench, permits: Permits) -> None:
    rule(bench, concurrency=3)
    permit = permits.take(TAG, 10)
    assert (permit.granted, permit.is_leased) == (3, True)
    assert permits.take(TAG, 1).granted == 0
    assert permits.take(TAG, 10, back=[f"{permit.id}:2"]).granted == 1
    assert bench.destinations.rule(ID).permits == 3


def test_permits_of_a_poller_that_died_come_back_with_their_lease_and_those_in_use_do_not(
    bench: Bench, permits: Permits
) -> None:
    rule(bench, concurrency=3)
    dead = Permits(bench.link, poller="dead", lease_ms=LEASE).take(TAG, 2)
    mine = permits.take(TAG, 1)
    assert (dead.granted, mine.granted) == (2, 1)
    for _ in range(3):
        bench.advance(LEASE)
        permits.renew({TAG: [f"{mine.id}:1"]})
        permits.renew({TAG: [f"{dead.id}:9"]})
    assert permits.take(TAG, 10).granted == 2


def test_a_repeat_of_a_lost_reply_takes_nothing_more(bench: Bench) -> None:
    rule(bench, concurrency=5)
    args: list[str | int] = ["one", "permit", 2, 2 * LEASE, 0]
    key = keys.destination(TAG)
    assert bench.link.run_on("permits", key, args) == bench.link.run_on("permits", key, args)
    assert bench.destinations.rule(ID).permits == 2


def test_a_claim_takes_of_a_held_destination_what_its_permits_name_and_nothing_else(bench: Bench) -> None:
    rule(bench, rate=Rate(10))
    for _ in range(7):
        bench.schedule(url=A)
    free = bench.schedule(url="http://b/")
    ready: dict[str, int] = {}
    got = list[str]()
    for _ in range(2 * bench.partitions):
        batch = bench.claims.claim(50)
        got += [it.id for it in batch.claims]
        ready |= batch.ready
    assert (got, ready) == ([free.id], {TAG: 7})
    batch = bench.claims.claim(50, permits=[Permitted(TAG, 3, bench.now + 100)])
    assert [it.destination for it in batch.claims] == [TAG] * 3
    assert bench.claims.claim(50).ready == {}
    bench.check()
    bench.advance(100)
    assert bench.claims.claim(50).ready == {TAG: 4}
    bench.check()


def test_of_held_destinations_that_are_ready_each_is_told_in_its_turn(bench: Bench) -> None:
    """Red with a score that stays where it was: the first sixteen would be told for ever."""
    for number in range(40):
        bench.destinations.put(f"http:h{number}:80", DestinationSettings(rate=Rate(10)))
        bench.schedule(url=f"http://h{number}/")
    told: set[str] = set()
    said: list[Permitted] = []
    for _ in range(6):
        batch = bench.claims.claim(50, permits=said)
        said = [Permitted(tag, 0, bench.now + 100) for tag in batch.ready]
        told |= batch.ready.keys()
    assert len(told) == 40


def test_a_destination_that_goes_on_slowly_gets_one_in_its_first_second_then_twice_as_many_each(
    bench: Bench, permits: Permits
) -> None:
    bench.destinations.pause(ID, "down", "ann")
    bench.advance(60_000)
    bench.destinations.resume(ID, ResumeAt.SLOW)
    begun = bench.now
    by_second = [0] * SECONDS
    while (elapsed := bench.now - begun) < 1000 * SECONDS:
        by_second[elapsed // 1000] += permits.take(TAG, 100).granted
        bench.advance(5)
    for second, sent in enumerate(by_second):
        assert 2**second <= sent + 1, by_second
        assert sent <= 2 * 2**second, by_second
    permit = permits.take(TAG, 100)
    assert (permit.granted, permit.kind) == (0, PermitKind.OVER)


def test_while_it_is_paused_nobody_gets_a_permit_and_is_told_when_to_ask_again(bench: Bench, permits: Permits) -> None:
    rule(bench, rate=Rate(1000))
    bench.destinations.pause(ID, "down", "ann", until=bench.now + 5000)
    permit = permits.take(TAG, 1)
    assert (permit.granted, permit.ask_at, permit.kind) == (0, bench.now + 5000, PermitKind.USUAL)
    bench.advance(5000)
    assert permits.take(TAG, 1).kind is PermitKind.OVER


def test_whoever_finds_that_something_is_over_writes_it_and_the_hold_goes(bench: Bench, permits: Permits) -> None:
    bench.schedule(url=A)
    bench.destinations.pause(ID, "down", "ann", until=bench.now + 1000)
    bench.advance(1000)
    after = bench.claims.rules.refresh(TAG)
    assert (after.pause, after.slow_since) == (None, bench.now)
    bench.advance(1000 * SECONDS)
    assert bench.claims.rules.refresh(TAG).slow_since is None
    assert [it.destination for _ in range(bench.partitions) for it in bench.claims.claim(5).claims] == [TAG]


def test_settings_that_change_keep_a_pause_and_a_pause_keeps_settings(bench: Bench) -> None:
    bench.destinations.pause(ID, "down", "ann")
    one = bench.destinations.put(ID, DestinationSettings(rate=Rate(10), concurrency=4))
    assert one.pause is not None
    two = bench.destinations.resume(ID, ResumeAt.FULL)
    assert (two.settings, two.version) == (DestinationSettings(rate=Rate(10), concurrency=4), one.version)
    assert bench.destinations.put(ID, DestinationSettings(rate=Rate(10), concurrency=4)).version == one.version
    assert bench.destinations.put(ID, DestinationSettings()).version != one.version


def broken(bench: Bench) -> None:
    def fields(rule: Rule) -> dict[str, str | int]:
        return state_fields(replace(rule, broken=Break(rule.read_at, "10 in a row failed", rule.read_at + 5000)))

    bench.claims.rules.change(TAG, fields)


def test_of_a_broken_destination_one_probe_goes_in_the_whole_system(bench: Bench, permits: Permits) -> None:
    broken(bench)
    other = Permits(bench.link, poller="two", lease_ms=LEASE)
    assert (permits.take(TAG, 9).granted, permits.take(TAG, 9).ask_at) == (0, bench.now + 5000)
    bench.advance(5000)
    probe = permits.take(TAG, 9)
    assert (probe.granted, probe.kind) == (1, PermitKind.PROBE)
    for _ in range(4):
        assert other.take(TAG, 9).granted == 0
        bench.advance(LEASE)
        permits.renew({TAG: [f"{probe.id}:1"]})
    assert other.take(TAG, 9).granted == 0


def test_a_probe_that_is_lost_is_followed_by_another_and_not_before_its_time(bench: Bench, permits: Permits) -> None:
    broken(bench)
    bench.advance(5000)
    kinds, waits = [], []
    for _ in range(5):
        kinds.append(permits.take(TAG, 1).kind)
        refused = permits.take(TAG, 1)
        assert refused.granted == 0
        waits.append((refused.ask_at - bench.now) // 1000)
        bench.set_clock(refused.ask_at)
    assert waits == [20, 20, 40, 60, 60]
    assert kinds == [*[PermitKind.PROBE] * 3, *[PermitKind.ANY_PROBE] * 2]


def test_a_probe_for_which_there_was_no_timer_goes_back_and_is_had_again_soon(bench: Bench, permits: Permits) -> None:
    broken(bench)
    bench.advance(5000)
    probe = permits.take(TAG, 1)
    assert permits.take(TAG, 0, back=[f"{probe.id}:1"]).granted == 0
    bench.advance(1000)
    assert permits.take(TAG, 1).kind is PermitKind.PROBE


def test_a_probe_is_by_any_timer_once_a_destination_has_been_broken_for_a_minute(
    bench: Bench, permits: Permits
) -> None:
    broken(bench)
    probe, any_probe = PermitKind.PROBE, PermitKind.ANY_PROBE
    for ms, kind in ((5000, probe), (54_999, probe), (1, any_probe)):
        bench.advance(ms)
        permit = permits.take(TAG, 1)
        assert (permit.granted, permit.kind) == (1, kind)
        permits.take(TAG, 0, back=[f"{permit.id}:1"])
        bench.destinations.resume(ID)  # it is to be tried at once


def test_a_probe_by_any_timer_is_one_that_is_sent_at_most_once_only_where_no_other_is_due(bench: Bench) -> None:
    bench = Bench(bench.client, bench.partitions, home=3)
    broken(bench)
    once = [bench.schedule(url=A, delivery=Delivery.AT_MOST_ONCE).id for _ in range(2)]
    may = [bench.schedule(url=A).id for _ in range(2)]
    assert bench.claims.claim(9).claims == []
    probe = [Permitted(TAG, 1, bench.now + 5000, PermitKind.ANY_PROBE)]
    found = [it.id for _ in range(4) for it in bench.claims.claim(9, permits=probe).claims]
    assert (sorted(found[:2]), sorted(found[2:])) == (sorted(may), sorted(once))
    bench.check()


def test_before_that_a_probe_is_never_a_timer_that_is_sent_at_most_once(bench: Bench) -> None:
    broken(bench)
    for _ in range(3):
        bench.schedule(url=A, delivery=Delivery.AT_MOST_ONCE)
    for _ in range(bench.partitions):
        bench.claims.claim(9)
    probe = [Permitted(TAG, 1, bench.now + 5000, PermitKind.PROBE)]
    assert bench.claims.claim(9, permits=probe).claims == []
    late = bench.schedule(url=A)
    for _ in range(bench.partitions):
        bench.claims.claim(9)
    assert [it.id for it in bench.claims.claim(9, permits=probe).claims] == [late.id]
    bench.check()


def test_who_resumes_a_broken_destination_by_hand_has_it_tried_at_once(bench: Bench, permits: Permits) -> None:
    broken(bench)
    after = bench.destinations.resume(ID)
    assert after.broken is not None
    assert permits.take(TAG, 1).kind is PermitKind.PROBE


def test_however_often_it_is_resumed_by_hand_no_probe_goes_beside_another(bench: Bench, permits: Permits) -> None:
    """Twenty on call at once, and a receiver that hangs: each was a probe more."""
    broken(bench)
    bench.destinations.resume(ID)
    probe = permits.take(TAG, 1)
    assert probe.kind is PermitKind.PROBE
    for number in range(20):
        bench.destinations.resume(ID)
        assert Permits(bench.link, poller=f"p{number}", lease_ms=LEASE).take(TAG, 1).granted == 0
    bench.advance(2 * LEASE)  # whoever made it has died
    bench.destinations.resume(ID)
    assert permits.take(TAG, 1).kind is PermitKind.PROBE


YEAR = 365 * 86_400_000


@pytest.mark.parametrize("settings", [DestinationSettings(rate=Rate(10)), DestinationSettings(concurrency=1)])
def test_a_clock_that_was_a_year_ahead_for_a_moment_blocks_no_destination(
    bench: Bench, permits: Permits, settings: DestinationSettings
) -> None:
    """Red without the looks at what was written by such a clock: nothing would go for a year."""
    bench.destinations.put(ID, settings)
    bench.set_clock(START + YEAR)
    assert permits.take(TAG, 1).granted == 1
    bench.set_clock(START)
    assert permits.take(TAG, 1).granted == 1


@pytest.mark.parametrize("field", ["slow_since", "retry_until", "probe_at"])
def test_what_was_to_begin_or_end_by_such_a_clock_is_over(bench: Bench, permits: Permits, field: str) -> None:
    fields: dict[str, str | int] = {"id": ID, field: START + YEAR}
    if field == "probe_at":
        fields |= {"broken": START + YEAR, "because": "10 in a row failed"}
    bench.claims.rules.change(TAG, lambda _: fields)
    permit = permits.take(TAG, 1)
    assert permit.kind is (PermitKind.ANY_PROBE if field == "probe_at" else PermitKind.OVER)
    if permit.kind is PermitKind.OVER:
        after = bench.claims.rules.refresh(TAG)
        assert (after.slow_since, after.retry_after) == (None, None)


def test_timers_behind_a_rate_are_asked_for_again_though_the_clock_was_set_back(bench: Bench) -> None:
    """Red with a hold that is told again and changes nothing."""
    rule(bench, rate=Rate(10))
    bench.schedule(url=A)
    for _ in range(bench.partitions):
        bench.claims.claim(9)
    bench.claims.claim(9, permits=[Permitted(TAG, 0, START + YEAR)])
    assert all(bench.claims.claim(9).ready == {} for _ in range(bench.partitions))
    bench.claims.rules.spread(TAG)
    assert any(bench.claims.claim(9).ready == {TAG: 1} for _ in range(bench.partitions))


def test_of_any_number_of_destinations_that_were_held_once_nothing_is_left_of_their_rules(
    bench: Bench, permits: Permits
) -> None:
    """Whoever may set timers has any number of hosts ask to be left alone. What a client has set stays."""

    def asked(rule: Rule) -> dict[str, str | int]:
        return {"id": "", **state_fields(replace(rule, retry_after=rule.read_at + 1000))}

    def gives_up(rule: Rule) -> dict[str, str | int]:
        return state_fields(replace(rule, broken=Break(rule.read_at, "10 in a row failed", rule.read_at + 5000)))

    def holds() -> int:
        return sum(bench.client.hlen(f"{keys.prefix(it)}held") for it in range(bench.partitions))

    rule(bench, rate=Rate(10))
    for number in range(20):
        bench.claims.rules.change(f"t{number}", asked)
        bench.claims.rules.change(f"b{number}", gives_up)
    assert len(list(bench.client.scan_iter("timers:destination:*"))) == 41
    bench.advance(86_410_000)
    for _ in range(bench.partitions):
        bench.claims.claim(1)
    for _ in range(2000):  # by chance, one after the other
        if holds() == bench.partitions:
            break
        known = Held(bench.link, bench.claims.clock)
        known.look()
        for tag in known.some():
            bench.claims.rules.refresh(tag)
    assert list(bench.client.scan_iter("timers:destination:*")) == [keys.destination(TAG).encode()]
    assert [*bench.client.hgetall(f"{keys.prefix(bench.home)}held")] == [TAG.encode()]


def test_one_that_was_paused_before_anything_was_sent_there_is_known_when_it_goes_on(bench: Bench) -> None:
    bench.destinations.pause(ID, "down", "ann")
    for _ in range(2):
        bench.destinations.resume(ID, ResumeAt.FULL)
        assert bench.destinations.find(ID) is not None
    assert [it.id for it in bench.destinations.page().destinations] == [ID]


def test_what_a_later_version_has_written_of_a_rule_stops_nobody(bench: Bench, permits: Permits) -> None:
    later: dict[str, str | int] = {
        "id": ID,
        "settings": '{"breaker":"fancy","quota":[]}',
        "version": "x",
        "interval": 100_000,
    }
    bench.claims.rules.change(TAG, lambda _: later)
    assert bench.destinations.get(ID).settings == DestinationSettings(rate=Rate(1, 100))
    assert permits.take(TAG, 5).granted == 1
    for partition in range(bench.partitions):
        bench.link.run("hold", partition, [TAG, 10**13, 0, "quota 0 more\nwords"])
    timer = bench.schedule(url=A)
    held = bench.timers.get(timer.id).held
    assert held is not None
