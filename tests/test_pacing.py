"""What pollers do about destinations with a rule: several over one store, whose clocks are in the test's hand."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest

from scheduler import Claim, Delivery, Poller, StoreUnavailable, VersionChanged
from scheduler.destinations import BreakerMode, DestinationSettings, Permit, Rate, ResumeAt, Rule
from scheduler.store import keys
from scheduler.store.held import Held
from scheduler.store.permits import Permits
from scheduler.store.record import destination_tag
from scheduler.store.rules import Rules
from tests.bench.servers import Server
from tests.bench.store import LEASE, Bench, HandSetRedis
from tests.bench.transports import HandTransport
from tests.store.test_permits import broken

A = "http://a/"
ID = "http:a:80"
TAG = destination_tag(A)
DELIVERING = f"{keys.prefix(0)}delivering"


class Pollers:
    """Four pollers that take turns; what they send is noted with its moment, and answered after `answers_in` ms."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch, count: int = 4, slots: int = 50) -> None:
        self.bench = bench
        self.now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        self.answers_in = 0
        self.answer: tuple[int | None, str | None, dict[str, str]] = (204, None, {})
        self.sent: list[tuple[int, Claim]] = []
        self._under_way: list[tuple[int, HandTransport, Claim]] = []
        self.transports = [HandTransport(slots) for _ in range(count)]
        self.pollers = [
            Poller(bench.poller(f"p{number}"), it, name=f"p{number}", lease=LEASE / 1000, grace=0)
            for number, it in enumerate(self.transports)
        ]
        self.most_under_way = 0

    def let(self, ms: int) -> None:
        self.now += ms / 1000
        self.bench.advance(ms)

    def turn(self) -> float:
        """One pass of each, and again while one asks for the next at once. Seconds until the first is to come again."""
        pauses = []
        for poller, transport in zip(self.pollers, self.transports, strict=True):
            seen = len(transport.sent)
            for _ in range(60):
                pause = poller.run_once()
                if pause > 0:
                    break
            pauses.append(pause)
            for claim in transport.sent[seen:]:
                self.sent.append((self.bench.now, claim))
                self._under_way.append((self.bench.now + self.answers_in, transport, claim))
        self.most_under_way = max(self.most_under_way, len(self._under_way))
        for at, transport, claim in list(self._under_way):
            if at <= self.bench.now:
                self._under_way.remove((at, transport, claim))
                status, error, headers = self.answer
                transport.end(claim, status, error, headers)
                pauses.append(0)  # whoever hears an answer passes again
        for poller, transport in zip(self.pollers, self.transports, strict=True):
            poller._collect(transport.wait(0))
        if self._under_way:
            pauses.append(max(0.001, (min(at for at, *_ in self._under_way) - self.bench.now) / 1000))
        return min(pauses)

    def run(self, seconds: float, late_ms: int = 1) -> None:
        until = self.now + seconds
        while self.now < until:
            pause = self.turn()
            self.let(max(1, round(1000 * min(pause, until - self.now)) + late_ms))


@pytest.fixture
def bench(valkey_server: Server, partitions: int) -> Iterator[Bench]:
    client = HandSetRedis(unix_socket_path=str(valkey_server.socket))
    client.flushall()
    yield Bench(client, partitions)
    client.close()


@pytest.fixture
def pollers(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Pollers:
    return Pollers(bench, monkeypatch)


def fill(bench: Bench, count: int, url: str = A) -> None:
    drafts = [bench.draft(0, url=url) for _ in range(count)]
    for first in range(0, count, 100):
        bench.timers.set(*drafts[first : first + 100])


def test_four_pollers_together_send_as_many_as_the_rate_says_and_others_at_once(bench: Bench, pollers: Pollers) -> None:
    bench.destinations.put(ID, DestinationSettings(rate=Rate(10)))
    fill(bench, 150)
    fill(bench, 20, "http://b/")
    pollers.run(10)
    counts = Counter(claim.destination for _, claim in pollers.sent)
    assert counts[TAG] == pytest.approx(100, abs=1)
    assert [at for at, it in pollers.sent if it.destination != TAG] == [pollers.sent[0][0]] * 20
    assert {it.number for _, it in pollers.sent} == {1}


def test_never_are_more_under_way_than_the_concurrency_says_and_all_are_sent(bench: Bench, pollers: Pollers) -> None:
    bench.destinations.put(ID, DestinationSettings(concurrency=3))
    fill(bench, 30)
    pollers.answers_in = 100
    pollers.run(1.5)
    assert pollers.most_under_way == 3
    assert bench.timers.stats().delivered == 30
    assert bench.destinations.rule(ID).permits == 0


@pytest.mark.parametrize("partitions", [1, 16], indirect=True)
def test_one_that_goes_on_slowly_gets_all_in_the_end_and_is_not_held_any_more(bench: Bench, pollers: Pollers) -> None:
    bench.destinations.pause(ID, "down", "ann", until=bench.now + 3000)
    fill(bench, 40)
    pollers.run(2.9)
    assert pollers.sent == []
    pollers.run(20)
    assert bench.timers.stats().delivered == 40
    begun = pollers.sent[0][0]
    by_second = Counter((at - begun) // 1000 for at, _ in pollers.sent)
    assert all(sent <= 2 * 2**second for second, sent in by_second.items()), by_second
    fill(bench, 1)
    pollers.run(1)
    assert bench.client.hgetall(f"{keys.prefix(0)}held") == {}
    assert bench.timers.stats().delivered == 41


def test_of_a_poller_that_dies_with_permits_others_get_them_with_their_lease(bench: Bench, pollers: Pollers) -> None:
    bench.destinations.put(ID, DestinationSettings(concurrency=2))
    fill(bench, 4)
    pollers.answers_in = 10**9
    pollers.pollers[0].run_once()  # asks
    pollers.pollers[0].run_once()  # and claims
    assert len(pollers.transports[0].sent) == 2
    dead = pollers.pollers.pop(0), pollers.transports.pop(0)
    pollers.answers_in = 0
    pollers.run(2 * LEASE / 1000 + 5)
    assert bench.timers.stats().delivered == 4
    assert len(dead[1].sent) == 2


@pytest.mark.parametrize("partitions", [1, 16], indirect=True)
def test_a_paused_destination_costs_pollers_no_question(bench: Bench, pollers: Pollers) -> None:
    asked = Counter[str]()
    run_on = bench.link.run_on

    def counting(name: str, key: str, args: Any = ()) -> Any:
        asked[name] += 1
        return run_on(name, key, args)

    bench.link.run_on = counting  # type: ignore[method-assign]
    bench.destinations.pause(ID, "down", "ann")
    fill(bench, 50)
    pollers.run(5)
    assert asked["permits"] == 0


def test_what_was_claimed_before_a_pause_is_given_back_by_the_transport_and_waits(
    bench: Bench, pollers: Pollers
) -> None:
    fill(bench, 2)
    poller, transport = pollers.pollers[0], pollers.transports[0]
    poller.run_once()
    bench.destinations.pause(ID, "down", "ann")
    for claim in transport.sent:
        transport.hand_back(claim)
    poller._collect(transport.wait(0))
    for _ in range(5):
        poller.run_once()
    assert len(transport.sent) == 2
    assert bench.timers.stats().scheduled == 2


def test_what_goes_on_just_after_its_pause_was_changed_is_sent_and_does_not_lose_its_turn(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Holds are read twice a second. What was claimed by a newer one was given back: of a rate of one an hour an hour
    late, and nothing had been sent."""
    pollers = Pollers(bench, monkeypatch, count=1)
    bench.destinations.put(ID, DestinationSettings(rate=Rate(1, 3_600_000)))
    bench.destinations.pause(ID, "down", "ann")
    fill(bench, 1)
    pollers.run(1)
    bench.destinations.pause(ID, "still down", "ann")
    pollers.turn()
    pollers.let(100)
    bench.destinations.resume(ID, ResumeAt.FULL)
    poller, transport = pollers.pollers[0], pollers.transports[0]
    for partition in range(bench.partitions):
        poller.rang(partition)
    for _ in range(10):
        poller.run_once()
    assert len(transport.sent) == 1
    assert poller._claims.held.lets(transport.sent[0], pollers.now)


@pytest.mark.parametrize("is_paused_meanwhile", [False, True])
def test_a_turn_of_a_rate_is_not_lost_with_a_claim_that_was_not_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, is_paused_meanwhile: bool
) -> None:
    pollers = Pollers(bench, monkeypatch, count=1)
    bench.destinations.put(ID, DestinationSettings(rate=Rate(1, 3_600_000)))
    fill(bench, 2)
    poller, transport = pollers.pollers[0], pollers.transports[0]
    while not transport.sent:
        poller.run_once()
    if is_paused_meanwhile:
        bench.destinations.pause(ID, "down", "ann")
    transport.hand_back(transport.sent[0])
    poller._collect(transport.wait(0))
    pollers.run(1)
    if is_paused_meanwhile:
        bench.destinations.resume(ID, ResumeAt.FULL)
    pollers.run(5)
    assert len(transport.sent) == 2
    pollers.run(5)
    assert len(transport.sent) == 2


@pytest.mark.parametrize("is_claimed", [True, False])
def test_a_probe_that_was_not_sent_gives_back_no_turn_of_the_rate_for_it_has_taken_none(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, is_claimed: bool
) -> None:
    pollers = Pollers(bench, monkeypatch, count=1)
    poller, transport = pollers.pollers[0], pollers.transports[0]
    bench.destinations.put(ID, DestinationSettings(rate=Rate(1, 3_600_000)))
    fill(bench, 1)
    pollers.run(1)
    taken = bench.client.hget(keys.destination(TAG), "tat")
    assert taken
    broken(bench)
    pollers.let(60_000)
    waits = bench.draft(0, url=A)
    bench.timers.set(waits)
    while not poller._pacing._left(TAG):
        poller.run_once()
    if is_claimed:
        while len(transport.sent) < 2:
            poller.run_once()
        transport.hand_back(transport.sent[1])
        poller._collect(transport.wait(0))
    else:
        bench.timers.cancel(waits.id)
    poller.run_once()
    assert not poller._pacing._left(TAG)
    assert bench.client.hget(keys.destination(TAG), "tat") == taken


def test_where_the_slot_of_a_rule_is_away_its_destination_waits_and_no_other(bench: Bench, pollers: Pollers) -> None:
    bench.destinations.put(ID, DestinationSettings(rate=Rate(10)))
    fill(bench, 5)
    fill(bench, 5, "http://b/")
    run_on = bench.link.run_on

    def away(name: str, key: str, args: Any = ()) -> Any:
        if key.startswith("timers:destination:"):
            raise StoreUnavailable("the store is away")
        return run_on(name, key, args)

    bench.link.run_on = away  # type: ignore[method-assign]
    pollers.run(2)
    assert {it.destination for _, it in pollers.sent} == {destination_tag("http://b/")}
    bench.link.run_on = run_on  # type: ignore[method-assign]
    pollers.run(2.5)
    assert bench.timers.stats().delivered == 10


def test_a_stopped_poller_gives_back_what_it_did_not_use(bench: Bench, pollers: Pollers) -> None:
    bench.destinations.put(ID, DestinationSettings(concurrency=5))
    fill(bench, 3)
    poller = pollers.pollers[0]
    poller.run_once()
    assert bench.destinations.rule(ID).permits == 3
    poller.stop()
    poller.run()
    assert bench.destinations.rule(ID).permits == 0


@pytest.mark.parametrize("partitions", [1, 16], indirect=True)
def test_a_slow_start_after_a_pause_by_hand_is_as_after_its_end(bench: Bench, pollers: Pollers) -> None:
    bench.destinations.pause(ID, "down", "ann")
    fill(bench, 3)
    pollers.run(1)
    bench.destinations.resume(ID, ResumeAt.SLOW)
    pollers.run(0.9)
    assert len(pollers.sent) == 1


def reach(pollers: Pollers, status: int | None, error: str | None = None, **headers: str) -> None:
    pollers.answer = (status, error, headers)


def test_a_dead_host_gets_no_more_than_a_few_probes_and_all_when_it_is_back(
    bench: Bench, pollers: Pollers, caplog: pytest.LogCaptureFixture
) -> None:
    fill(bench, 250)
    reach(pollers, None, "connect")
    pollers.run(76)
    dead = len(pollers.sent)
    assert dead <= 4 * 50 + 5
    assert bench.timers.stats().failed == 0
    rule = bench.destinations.rule(ID)
    assert rule.broken is not None
    assert "in a row failed" in rule.broken.because
    probes = [at for at, it in pollers.sent if it.permit]
    assert [(later - at) // 1000 for at, later in pairwise(probes)][:3] == [10, 20, 40]
    reach(pollers, 204)
    pollers.run(75)
    after = [it.id for _, it in pollers.sent[dead:]]
    assert (len(after), len(set(after)), bench.timers.stats().scheduled) == (250, 250, 0)
    assert bench.destinations.rule(ID).broken is None
    opened, closed = [it.getMessage() for it in caplog.records if it.name == "scheduler.poller.reports"]
    assert opened.startswith(f"nothing but probes is sent to {ID}: 1")
    assert closed == f"{ID} is back, and gets its timers slowly at first"
    back = Counter(at // 1000 - pollers.sent[dead][0] // 1000 for at, _ in pollers.sent[dead + 1 :])
    assert back[0] <= 2
    assert back[1] <= 4
    assert back[2] <= 8


def test_behind_a_dead_host_that_gets_nothing_but_at_most_once_a_probe_goes_after_a_minute(
    bench: Bench, pollers: Pollers
) -> None:
    """Red if no such timer is a probe: they would wait until somebody says otherwise."""
    broken(bench)
    bench.timers.set(*(bench.draft(0, url=A, delivery=Delivery.AT_MOST_ONCE) for _ in range(20)))
    reach(pollers, None, "connect")
    pollers.run(58)
    assert pollers.sent == []
    pollers.run(5)
    assert len(pollers.sent) == 1
    reach(pollers, 204)
    pollers.run(75)
    assert (len({it.id for _, it in pollers.sent}), bench.timers.stats().scheduled) == (20, 0)
    assert bench.destinations.rule(ID).broken is None


@pytest.mark.parametrize("partitions", [1, 16], indirect=True)
def test_a_broken_destination_is_tried_again_though_the_clock_was_a_year_ahead_when_it_broke(
    bench: Bench, pollers: Pollers
) -> None:
    """Red with a hold that lasts until the probe that such a clock set: nobody would ask for a year."""
    real = bench.now
    bench.set_clock(real + 365 * 86_400_000)
    broken(bench)
    fill(bench, 3)
    for poller in pollers.pollers:
        poller.run_once()
    bench.set_clock(real)
    bench.timers.set(*(bench.draft(0, url=A) for _ in range(3)))
    pollers.run(20)
    assert bench.destinations.rule(ID).broken is None
    assert len(pollers.sent) >= 3


def test_where_the_slot_of_one_rule_is_away_what_attempts_say_of_other_destinations_is_told(
    bench: Bench, pollers: Pollers
) -> None:
    """Red where the first report in turn is tried again and again."""
    away = keys.destination(TAG)
    run_on = bench.link.run_on

    def without(name: str, key: str, args: Sequence[str | bytes | int | float] = ()) -> object:
        if key == away:
            raise StoreUnavailable("its node is away")
        return run_on(name, key, args)

    bench.link.run_on = without  # type: ignore[method-assign]
    fill(bench, 12)
    reach(pollers, None, "connect")
    pollers.turn()
    fill(bench, 12, "http://b/")
    pollers.run(8)
    assert bench.destinations.rule("http:b:80").broken is not None


def test_a_4xx_opens_nothing_and_a_tasks_endpoint_that_speaks_for_a_timer_neither(
    bench: Bench, pollers: Pollers
) -> None:
    fill(bench, 30)
    reach(pollers, 404)
    pollers.run(1)
    reach(pollers, 503, None, **{"timer-scope": "timer", "retry-after": "60"})
    pollers.run(30)
    assert bench.destinations.rule(ID).revision == 0
    assert len(pollers.sent) > 30


@pytest.mark.parametrize("reuses", [True, False])
def test_what_meets_the_close_of_a_used_connection_does_not_break_its_destination(
    bench: Bench, pollers: Pollers, reuses: bool
) -> None:
    fill(bench, 30)
    for transport in pollers.transports:
        transport.reuses = reuses
    reach(pollers, None, "reset")
    pollers.run(3)
    assert len(pollers.sent) >= 30
    assert (bench.destinations.rule(ID).broken is None) is reuses


def a_poller_has_reported_that_this_was_answered(pollers: Pollers, *urls: str) -> None:
    """And another has begun in its place."""
    for url in urls:
        fill(pollers.bench, 3, url)
    pollers.run(7)
    (transport,) = pollers.transports
    pollers.pollers = [Poller(pollers.bench.poller("new"), transport, name="new", lease=LEASE / 1000, grace=0)]


@pytest.mark.parametrize("paths", [1, 20])
@pytest.mark.parametrize("partitions", [1, 16], indirect=True)
def test_what_one_tenant_refuses_a_poller_that_has_just_begun_opens_no_gateway_that_answers_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, paths: int
) -> None:
    """Others' answers were another's. Much of what fails is due at once."""
    pollers = Pollers(bench, monkeypatch, count=1)
    a_poller_has_reported_that_this_was_answered(pollers, f"{A}other")
    reach(pollers, 500)
    for _ in range(2):
        for number in range(20):
            fill(bench, 1, f"{A}tenant/{number % paths}")
        pollers.run(0.2)
    assert len(pollers.sent) == 3 + 40
    assert bench.destinations.rule(ID).broken is None
    reach(pollers, 204)
    fill(bench, 1, f"{A}other")
    pollers.run(10)
    assert bench.timers.stats().delivered == 44


@pytest.mark.parametrize("answered", [[], [f"{A}tenant"], [f"{A}other", f"{A}tenant"]])
def test_what_refuses_all_that_a_poller_knows_of_is_left_alone_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, answered: list[str]
) -> None:
    """It may have been answered at that path lately, and lately enough by another."""
    pollers = Pollers(bench, monkeypatch, count=1)
    a_poller_has_reported_that_this_was_answered(pollers, *answered)
    reach(pollers, 500)
    for url in answered or [f"{A}tenant"]:
        fill(bench, 40, url)
    pollers.run(0.2)
    assert bench.destinations.rule(ID).broken is not None


def test_a_gateway_that_refuses_all_its_tenants_is_left_alone_though_it_answered_another_poller(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pollers = Pollers(bench, monkeypatch, count=1)
    a_poller_has_reported_that_this_was_answered(pollers, f"{A}other")
    reach(pollers, 500)
    for number in range(40):
        fill(bench, 1, f"{A}{number % 5}")
    pollers.run(3)  # and their retries
    assert bench.destinations.rule(ID).broken is not None


def test_a_host_that_is_not_to_be_reached_is_left_alone_at_once_though_it_answered_another_poller(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pollers = Pollers(bench, monkeypatch, count=1)
    a_poller_has_reported_that_this_was_answered(pollers, f"{A}other")
    reach(pollers, None, "connect")
    fill(bench, 10, f"{A}tenant")
    pollers.run(0.2)
    assert bench.destinations.rule(ID).broken is not None


def test_no_poller_asks_what_others_were_answered_but_when_it_would_leave_a_destination_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pollers = Pollers(bench, monkeypatch, count=1)
    a_poller_has_reported_that_this_was_answered(pollers, f"{A}other")
    asked: list[str] = []
    run = bench.link.run

    def counting(name: str, partition: int, args: Sequence[str | bytes | int | float] = ()) -> object:
        asked.append(name)
        return run(name, partition, args)

    monkeypatch.setattr(bench.link, "run", counting)
    reach(pollers, 500)
    fill(bench, 9, f"{A}tenant")
    pollers.run(0.2)
    assert "destinations" not in asked
    fill(bench, 400, f"{A}tenant")
    pollers.run(0.5)
    assert asked.count("destinations") == 1


def test_a_retry_after_holds_the_destination_until_then_and_not_one_timer_alone(bench: Bench, pollers: Pollers) -> None:
    fill(bench, 1)
    reach(pollers, 429, None, **{"retry-after": "30"})
    pollers.run(1)
    fill(bench, 5)
    reach(pollers, 204)
    pollers.run(28)
    assert len(pollers.sent) == 1
    pollers.run(3)
    assert bench.timers.stats().delivered == 6
    assert bench.client.hgetall(f"{keys.prefix(0)}held") == {}


def test_where_the_breaker_is_off_failures_hold_nothing(bench: Bench, pollers: Pollers) -> None:
    bench.destinations.put(ID, DestinationSettings(breaker=BreakerMode.OFF))
    fill(bench, 60)
    reach(pollers, None, "connect")
    pollers.run(1)
    assert len(pollers.sent) >= 60
    assert bench.destinations.rule(ID).broken is None


def test_what_pollers_have_seen_of_a_destination_is_told_a_few_seconds_later(bench: Bench, pollers: Pollers) -> None:
    fill(bench, 7)
    pollers.run(1)
    fill(bench, 2)
    reach(pollers, 500)
    pollers.run(0.5)
    reach(pollers, 204)
    pollers.run(12)  # a retry follows within 5 s, a report then
    observed = bench.destinations.get(ID).observed
    assert (observed.attempts, observed.failures, observed.last_error) == (11, 2, "500")
    assert [it.id for it in bench.destinations.page().destinations] == [ID]


@contextmanager
def cut_short(bench: Bench) -> Iterator[None]:
    """Whoever changes a rule dies before the first partition knows."""
    run = bench.link.run

    def dies(name: str, partition: int, args: Sequence[str | bytes | int | float] = ()) -> object:
        if name == "hold":
            raise StoreUnavailable("it was killed")
        return run(name, partition, args)

    bench.link.run = dies  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        yield
    bench.link.run = run  # type: ignore[method-assign]


@pytest.mark.parametrize("partitions", [1, 16], indirect=True)
def test_a_resume_that_was_cut_short_is_made_good_by_pollers(bench: Bench, pollers: Pollers) -> None:
    """Red without check(): no partition would ever learn that the pause is over."""
    bench.destinations.pause(ID, "down", "ann")
    fill(bench, 3)
    pollers.run(1)
    with cut_short(bench):
        bench.destinations.resume(ID, ResumeAt.FULL)
    pollers.run(5)
    assert len(pollers.sent) == 3


@pytest.mark.parametrize("partitions", [1, 16], indirect=True)
def test_a_pause_that_was_cut_short_is_made_good_by_pollers_though_no_partition_knows_of_it(
    bench: Bench, pollers: Pollers
) -> None:
    """Red without a note made before: it would stand in the rule, and everything would be sent."""
    with cut_short(bench):
        bench.destinations.pause(ID, "down", "ann")
    fill(bench, 1)
    pollers.run(4)
    assert len(pollers.sent) == 1
    pollers.run(5 + bench.partitions)
    fill(bench, 3)
    pollers.run(5)
    assert len(pollers.sent) == 1
    assert [bench.client.zcard(keys.untold(it)) for it in range(bench.partitions)] == [0] * bench.partitions
    assert len(bench.client.hgetall(f"{keys.prefix(bench.partitions - 1)}held")) == 1


def test_of_a_change_that_all_partitions_know_no_note_is_left(bench: Bench) -> None:
    bench.destinations.pause(ID, "down", "ann")
    bench.destinations.resume(ID)
    bench.destinations.put(ID, DestinationSettings(rate=Rate(10)))
    assert not list(bench.client.scan_iter("*untold"))


def test_of_a_change_that_is_refused_because_another_was_first_no_note_is_left(bench: Bench) -> None:
    """Of twenty clients that set limits under If-Match each that lost left one, and pollers told each anew."""
    version = bench.destinations.put(ID, DestinationSettings(rate=Rate(10))).version
    asked = 0

    def other_is_first(before: DestinationSettings) -> DestinationSettings:
        nonlocal asked
        asked += 1
        if asked == 1:
            bench.destinations.put(ID, DestinationSettings(rate=Rate(20)))
        return DestinationSettings(rate=Rate(30))

    with pytest.raises(VersionChanged):
        bench.destinations.change(ID, other_is_first, version)
    assert not list(bench.client.scan_iter("*untold"))


@pytest.mark.parametrize("partitions", [1, 16], indirect=True)
def test_a_resume_that_was_answered_with_an_error_works_when_it_is_made_again(bench: Bench) -> None:
    bench.destinations.pause(ID, "down", "ann")
    run = bench.link.run

    def refuses(name: str, partition: int, args: Sequence[str | bytes | int | float] = ()) -> object:
        if name == "hold":
            raise StoreUnavailable("the store is away")
        return run(name, partition, args)

    bench.link.run = refuses  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        bench.destinations.resume(ID, ResumeAt.FULL)
    bench.link.run = run  # type: ignore[method-assign]
    bench.destinations.resume(ID, ResumeAt.FULL)
    assert [bench.client.hlen(f"{keys.prefix(it)}held") for it in range(bench.partitions)] == [0] * bench.partitions


def test_permits_for_which_a_poller_has_no_room_make_it_neither_spin_nor_keep_them(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its share of a destination that hangs is used up. Red where it is asked for permits whatever room there is."""
    pollers = Pollers(bench, monkeypatch, count=1)
    bench.destinations.put(ID, DestinationSettings(concurrency=200))
    fill(bench, 150)
    fill(bench, 10, "http://b/")
    pollers.answers_in = 10**9
    pollers.run(20)
    asked = Counter[str]()
    run_on = bench.link.run_on

    def counting(name: str, key: str, args: Sequence[str | bytes | int | float] = ()) -> object:
        asked[name] += 1
        return run_on(name, key, args)

    bench.link.run_on = counting  # type: ignore[method-assign]
    pollers.run(10)
    sent = sum(it.destination == TAG for _, it in pollers.sent)
    assert sent < 50
    assert bench.destinations.rule(ID).permits == sent
    assert asked["claim"] + asked["permits"] < 250


def test_attempts_from_before_a_break_that_end_after_it_do_not_break_it_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They waited for their deadlines while the host was away. Red without _counts_from."""
    pollers = Pollers(bench, monkeypatch, count=1, slots=200)
    (transport,) = pollers.transports
    fill(bench, 45)
    pollers.answers_in = 10**9
    pollers.run(0.1)
    old = list(transport.sent)
    for claim in old[:10]:
        transport.end(claim, None, "timeout")
    pollers.run(1.5)
    assert bench.destinations.rule(ID).broken is not None
    pollers.answers_in = 0
    pollers.run(7)
    assert bench.destinations.rule(ID).broken is None
    assert len(old[10:]) >= 10
    for claim in old[10:]:
        transport.end(claim, None, "timeout")
    pollers.run(1.5)
    assert bench.destinations.rule(ID).broken is None


def test_however_slowly_the_store_answers_for_many_destinations_a_poller_renews_its_leases_in_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pollers = Pollers(bench, monkeypatch, count=1)
    for number in range(16):
        bench.destinations.put(f"http:h{number}:80", DestinationSettings(rate=Rate(5)))
        fill(bench, 10, f"http://h{number}/")
    fill(bench, 1, "http://b/")
    pollers.answers_in = 2 * LEASE
    left: list[float] = []
    take = Permits.take

    def slow(*said: Any) -> Permit:
        pollers.let(LEASE // 10)
        left.extend(ends - bench.now for _, ends in bench.client.zrange(DELIVERING, 0, 0, withscores=True))
        return take(*said)

    monkeypatch.setattr(Permits, "take", slow)
    pollers.run(4 * LEASE / 1000)
    assert min(left) > 0
    assert len({claim.destination for _, claim in pollers.sent}) == 17


def test_however_slowly_the_store_takes_that_many_hosts_are_broken_a_poller_renews_its_leases_in_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pollers = Pollers(bench, monkeypatch, count=1, slots=400)
    fill(bench, 1, "http://b/")
    pollers.answers_in = 2 * LEASE
    pollers.turn()
    (under_way,) = bench.client.zrange(DELIVERING, 0, -1)
    pollers.answers_in, pollers.answer = 0, (None, "connect", {})
    for number in range(8):
        fill(bench, 12, f"http://h{number}/")
    left: list[float] = []
    change = Rules.change

    def slow(*said: Any) -> Rule:
        pollers.let(LEASE // 6)
        left.append(bench.client.zscore(DELIVERING, under_way) - bench.now)
        return change(*said)

    monkeypatch.setattr(Rules, "change", slow)
    pollers.run(0.6 * LEASE / 1000)
    assert min(left) > 0
    assert len(left) >= 8
    assert {bench.destinations.rule(f"http:h{number}:80").broken is None for number in range(8)} == {False}


def test_a_poller_whose_store_answers_slowly_tells_holds_again_in_a_small_part_of_its_time(
    bench: Bench, pollers: Pollers, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.destinations.pause(ID, "it is down", "ann")
    pollers.run(1)
    began: list[float] = []
    spread = Rules.spread

    def slow(*said: Any) -> Rule:
        began.append(pollers.now)
        pollers.let(500)
        return spread(*said)

    monkeypatch.setattr(Rules, "spread", slow)
    pollers.run(25)
    assert 4 <= len(began) <= 4 * 3  # of four pollers, each once in ten seconds


def test_what_was_claimed_is_sent_though_the_store_goes_away_before_a_poller_has_read_the_holds(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pollers = Pollers(bench, monkeypatch, count=1)
    fill(bench, 5)

    def away(_: Held, claims: Sequence[Claim]) -> None:
        raise StoreUnavailable(f"the store is away for {claims}")

    monkeypatch.setattr(Held, "look", away)
    pollers.run(1)
    assert len(pollers.sent) == 5
    assert bench.timers.stats().delivered == 5


def test_leases_are_renewed_in_time_while_destinations_are_told_of_though_the_store_answers_slowly(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pollers = Pollers(bench, monkeypatch, count=1)
    bench.timers.set(*(bench.draft(0, url="http://b/", timeout=300) for _ in range(8)))
    pollers.answers_in = 30 * LEASE
    pollers.run(0.1)
    assert len(pollers.sent) == 8
    pollers.answers_in, pollers.answer = 0, (None, "connect", {})
    dead = [f"d{number}" for number in range(12)]
    for host in dead:
        fill(bench, 12, f"http://{host}/")
    renewed = [bench.now]

    def slow(ask: Callable[..., Any]) -> Callable[..., Any]:
        def slowly(script: str, *args: Any) -> Any:
            pollers.let(LEASE // 12)
            if script == "renew":
                renewed.append(bench.now)
            return ask(script, *args)

        return slowly

    for name in ("run_on", "send_each"):
        monkeypatch.setattr(bench.link, name, slow(getattr(bench.link, name)))
    pollers.run(20 * LEASE / 1000)
    assert all(bench.destinations.rule(f"http:{host}:80").broken for host in dead)
    assert max(later - earlier for earlier, later in pairwise(renewed)) < LEASE
