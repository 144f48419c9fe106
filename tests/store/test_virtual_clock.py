"""A store goes by one clock, real or virtual, for as long as it lasts, and its scripts ask one function for it."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from scheduler import (
    Attempt,
    Callback,
    Claim,
    ClockBusy,
    ClockRange,
    Draft,
    Link,
    Outcome,
    Poller,
    Reason,
    Settings,
    Settlement,
    Status,
    Store,
    StoreUnavailable,
    StoreUnsuitable,
    Timer,
    VirtualClock,
    Webhook,
    connect,
    destination,
)
from scheduler.delivery.own_signing import Signers
from scheduler.delivery.signing import Signer
from scheduler.destinations import DestinationSettings, ResumeAt, Signing
from scheduler.store import keys, layout
from scheduler.store.scripts import source
from scheduler.store.turning import Turning
from scheduler.store.virtual_clock import LATEST
from tests.bench.processes import wait_until
from tests.bench.servers import Server
from tests.bench.transports import HandTransport

SCRIPTS = sorted(path.stem for path in Path(layout.__file__).with_name("lua").glob("*.lua"))
#: They try which commands the store allows, TIME among them.
TRYING = {"check", "permissions"}
_ROOT = r"local ROOT = .*\nlocal SCHEDULED.*\nlocal PROGRESS.*\n"
DAY = 86_400_000
BOTH_WAYS = [(layout.REAL, layout.VIRTUAL), (layout.VIRTUAL, layout.REAL)]


@pytest.mark.parametrize("script", sorted({*SCRIPTS} - TRYING))
def test_a_script_asks_one_function_for_the_time_and_that_of_a_real_store_knows_no_other_clock(script: str) -> None:
    """Red with a TIME in any script, or a real store whose scripts look how far a clock is ahead."""
    real, virtual = source(script), source(script, clock=layout.VIRTUAL)
    asks = "now_us()" in re.sub(r"--.*", "", real)
    assert real.count("'TIME'") == virtual.count("'TIME'") == asks
    assert virtual.count("'GET', ROOT .. 'ahead'") == asks
    without = virtual.replace("clock=virtual ", "").replace(" + (redis.call('GET', ROOT .. 'ahead') or 0)", "")
    # Scripts in the slot of a destination need a partition's root for that, and for nothing else.
    assert re.sub(_ROOT, "", _flat(without)) == re.sub(_ROOT, "", _flat(real))


def _flat(text: str) -> str:
    """A script whose functions are not nested: where they are depends on how many there are."""
    return re.sub(r"^return \(function\(\)\n|(end\)\(\) )+$", "", text, flags=re.MULTILINE)


@pytest.fixture
def empty(valkey_server: Server) -> Server:
    valkey_server.client().flushall()
    return valkey_server


def store(server: Server, clock: str, partitions: int = 1) -> Store:
    return Store(Settings(clock=clock), Link(connect(server.url, 5), partitions, clock=clock))


def draft(store: Store, delay_ms: int) -> Draft:
    return Draft(id=store.timers.new_id(), webhook=Webhook(url="http://receiver/hook"), delay_ms=delay_ms)


@pytest.mark.parametrize(("first", "other"), BOTH_WAYS)
def test_who_goes_by_the_other_clock_is_refused_by_name_and_writes_nothing(
    empty: Server, first: str, other: str
) -> None:
    one = store(empty, first)
    one.timers.set(draft(one, DAY))
    before = set(empty.client().keys("*"))
    wrong = store(empty, other)
    with pytest.raises(StoreUnsuitable, match=f"clock is {first}.*goes by the {other}.*TIMER_CLOCK={first}"):
        wrong.timers.set(draft(one, 0))
    assert set(empty.client().keys("*")) == before


@pytest.mark.parametrize(("first", "other"), BOTH_WAYS)
def test_a_process_under_way_serves_no_store_that_came_back_with_the_other_clock(
    empty: Server, first: str, other: str
) -> None:
    """Red with a layout of one clock that begins like that of the other."""
    one, another = store(empty, first), store(empty, other)
    one.timers.set(draft(one, 0))
    claims = one.claims("one", 1)
    empty.client().flushall()
    another.timers.set(draft(another, 0))
    for call in (lambda: one.timers.set(draft(another, 0)), lambda: claims.claim(1)):
        with pytest.raises(StoreUnsuitable, match=f"clock is {other}"):
            call()


@pytest.fixture(params=[1, 4])
def turned(empty: Server, request: pytest.FixtureRequest) -> Iterator[Store]:
    it = store(empty, layout.VIRTUAL, request.param)
    yield it
    it.close()


def clock_of(store: Store) -> VirtualClock:
    assert store.clock is not None
    return store.clock


def test_the_clock_of_every_partition_is_turned_and_goes_on_from_there(turned: Store) -> None:
    begun = clock_of(turned).now()
    found = clock_of(turned).advance_by(30 * DAY)
    assert begun + 30 * DAY <= found.to <= found.now
    assert (found.attempts, found.due, found.delivering, found.stopped_by) == (0, 0, 0, None)
    set_at = [it.created_at for it in turned.timers.set(*(draft(turned, DAY) for _ in range(40)))]
    assert found.now <= min(set_at) <= max(set_at) <= clock_of(turned).now() + 1  # created_at is rounded up


def test_the_clock_is_never_turned_back_and_not_beyond_what_lua_counts_exactly(turned: Store) -> None:
    clock = clock_of(turned)
    clock.advance_by(30 * DAY)
    now = clock.now()
    for moment in (0, now - DAY, now, LATEST + 1):
        with pytest.raises(ClockRange, match=r"^(Not later than|Later than .* 2200-01-01T00:00:00Z)"):
            clock.advance_to(moment)
    turned.link.run_at_once("turn", [1])  # as a process does that was frozen since long ago
    assert clock.now() >= now
    assert clock.advance_to(LATEST).now - LATEST < 60_000


def test_one_call_turns_the_clock_at_a_time_also_of_other_processes(turned: Store) -> None:
    name = keys.turning()
    turned.link.client.set(name, "another", px=60_000)
    with pytest.raises(ClockBusy):
        clock_of(turned).advance_by(DAY)
    assert turned.link.client.get(name) == b"another"
    turned.link.client.delete(name)
    clock_of(turned).advance_by(DAY)
    assert turned.link.client.get(name) is None


def test_a_call_that_was_frozen_leaves_the_clock_to_whoever_turns_it_by_now(
    turned: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red with an end that looks not whose turn it is."""
    name, run = keys.turning(), Turning.run

    def freeze(*args: Any) -> object:
        turned.link.client.set(name, "another", px=60_000)
        return run(*args)

    monkeypatch.setattr(Turning, "run", freeze)
    clock_of(turned).advance_by(DAY)
    assert turned.link.client.get(name) == b"another"


def test_where_no_poller_takes_what_is_due_the_clock_stands_there_and_says_so(
    turned: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red with a clock that goes on: what was due first would be sent last."""
    monkeypatch.setattr("scheduler.store.turning._NOBODY", 0.5)
    first, _ = turned.timers.set(draft(turned, DAY), draft(turned, 2 * DAY))
    found = clock_of(turned).advance_by(30 * DAY)
    assert (found.due, found.attempts, found.stopped_by) == (1, 0, "due")
    assert first.due_at <= found.now < first.due_at + DAY


def test_what_waits_behind_a_pause_stops_no_clock_and_what_ends_at_a_moment_is_met_there(turned: Store) -> None:
    """Red with a count of what is due that has what is held among it."""
    claims = turned.claims("one", 1)
    turned.timers.set(draft(turned, DAY))
    (timer,) = turned.timers.set(draft(turned, DAY))
    begun = clock_of(turned).now()
    turned.destinations.pause(destination(timer.webhook.url), "down", "ann", until=begun + 10 * DAY)
    met: list[int] = []

    def meanwhile() -> None:
        if claims.claim(9).ready:
            met.append(clock_of(turned).now())
            turned.destinations.resume(destination(timer.webhook.url), ResumeAt.FULL)
            turned.destinations.pause(destination(timer.webhook.url), "down", "ann")

    turning = Turning(turned.link)
    found = turning.run(begun + 30 * DAY, meanwhile)
    assert (found.stopped_by, found.due) == (None, 0)
    assert [round((at - begun) / DAY) for at in met] == [10]


def test_what_expires_behind_a_pause_ends_at_its_moment_and_its_callback_is_sent_before_the_clock_goes_on(
    turned: Store,
) -> None:
    """Red with a clock that is not stopped by what expires: pollers look for that each 5 s, and not by this clock."""
    webhook = Webhook("http://receiver/hook", max_lateness=60, on_failed=Callback("http://other/failed"))
    (timer,) = turned.timers.set(Draft(id=turned.timers.new_id(), webhook=webhook, delay_ms=DAY))
    turned.destinations.pause(destination(webhook.url), "down", "ann")
    transport, now = HandTransport(9), clock_of(turned).now
    poller = Poller(turned.claims("one", 9), transport, name="one", lease=10, grace=0)
    sent_at: list[int] = []

    def meanwhile() -> None:
        for partition in range(turned.link.partitions):
            poller.rang(partition)
        poller.run_once()
        for claim in transport.sent[len(sent_at) :]:
            sent_at.append(now())
            transport.end(claim, 204)
        poller._collect(transport.wait(0))

    assert Turning(turned.link).run(now() + 30 * DAY, meanwhile).stopped_by is None
    ended = turned.timers.get(timer.id)
    assert (ended.status, ended.reason) == (Status.FAILED, Reason.EXPIRED)
    assert ended.ended_at is not None
    for moment in (ended.ended_at, *sent_at):
        assert timer.due_at + 60_000 < moment < timer.due_at + 90_000
    assert len(sent_at) == 1


def test_an_old_secret_of_a_destinations_own_ends_by_the_clock_that_is_turned(turned: Store) -> None:
    claims = turned.claims("one", 1)
    url = "http://receiver/hook"
    made = [turned.destinations.rotate_secret(destination(url), DAY).secret.value for _ in range(2)]
    turned.destinations.put(destination(url), DestinationSettings(signing=Signing.OWN))
    signers = Signers(Signer(""), claims.held.own_secrets.of)
    signed: list[int] = []

    def meanwhile() -> None:
        for claim in claims.claim(9).claims:
            by = signers.of(claim)
            assert by is not None
            signed.append((by.sign(claim.id, claims.clock.now_us() // 1_000_000, b"") or "").count("v1,"))
            claims.settle([Settlement(claim.id, claim.fence, Attempt(1, Outcome.DELIVERED), None)])

    turned.timers.set(draft(turned, DAY // 2), draft(turned, 2 * DAY))
    Turning(turned.link).run(clock_of(turned).now() + 3 * DAY, meanwhile)
    assert signed == [2, 1]
    assert [it.until is None for it in turned.destinations.get(destination(url)).secrets] == [True]
    assert made[0] != made[1]


def test_a_timer_that_is_set_and_taken_while_the_clock_is_turned_keeps_its_lease(turned: Store) -> None:
    """Red with a clock that is turned by what was seen before: the lease ended, and the timer was sent twice."""
    claims = turned.claims("one", 1)
    taken: list[Claim] = []
    settled_after = iter(range(5))

    def meanwhile() -> None:
        if not taken:  # between the look that saw nothing and the turn
            turned.timers.set(draft(turned, 0))
            while not taken:  # its due_at is rounded up: it is due within a millisecond
                taken.extend(claims.claim(10_000).claims)
        elif next(settled_after, None) == 3:
            claims.settle([Settlement(it.id, it.fence, Attempt(it.number, Outcome.DELIVERED), None) for it in taken])

    turning = Turning(turned.link)
    begun = turning.now
    found = turning.run(begun + DAY, meanwhile)
    assert (found.attempts, found.stopped_by) == (1, None)
    assert found.now >= begun + DAY
    ended = turned.timers.get(taken[0].id)
    assert (ended.status, ended.attempts) == (Status.DELIVERED, 1)
    assert ended.ended_at is not None
    assert ended.ended_at < begun + DAY


def test_the_clock_is_turned_over_no_timer_that_was_set_since_it_looked(
    turned: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red with a clock that is turned by what was seen before: the timer was sent days late."""
    monkeypatch.setattr("scheduler.store.turning._NOBODY", 0.2)
    made: list[Timer] = []

    def meanwhile() -> None:
        if not made:
            made.extend(turned.timers.set(draft(turned, DAY)))

    turning = Turning(turned.link)
    found = turning.run(turning.now + 30 * DAY, meanwhile)
    assert (found.due, found.stopped_by) == (1, "due")
    assert made[0].due_at <= found.now < made[0].due_at + DAY


def test_an_idempotency_key_stands_for_24_hours_of_the_clock(turned: Store) -> None:
    """Red with keys that go by the server's own clock: the second request would be refused."""
    first = turned.repeats.begin("test", "nightly", {"night": 1})
    clock_of(turned).advance_by(DAY - 60_000)
    assert turned.repeats.begin("test", "nightly", {"night": 1}).seed == first.seed
    clock_of(turned).advance_by(60_000)
    assert turned.repeats.begin("test", "nightly", {"night": 2}).seed != first.seed


def test_keys_that_a_call_left_unaged_which_was_killed_are_aged_by_the_next(
    turned: Store, empty: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no other: one that came after the kill stands for its 24 hours."""
    monkeypatch.setattr("scheduler.store.virtual_clock._HELD_MS", 200)
    clock, to = clock_of(turned), clock_of(turned).now() + DAY
    first = turned.repeats.begin("test", "first", 1)
    if not (killed := os.fork()):
        run = Turning.run
        monkeypatch.setattr(Turning, "run", lambda *args: (run(*args), os._exit(0)))
        try:
            clock_of(store(empty, layout.VIRTUAL, turned.link.partitions)).advance_to(to)
        finally:
            os._exit(1)
    assert os.waitpid(killed, 0)[1] == 0
    assert clock.now() >= to
    second = turned.repeats.begin("test", "second", 2)
    wait_until(lambda: not turned.link.client.get(keys.turning()), 10, "the hold of the dead one to end")
    with pytest.raises(ClockRange):
        clock.advance_to(to)
    names = set(turned.link.client.scan_iter(match=keys.ANY_IDEMPOTENCY))
    assert names == {second.name.encode()}, first
    clock.advance_by(DAY - 60_000)
    assert turned.repeats.begin("test", "second", 2).seed == second.seed
    clock.advance_by(60_000)
    assert not list(turned.link.client.scan_iter(match=keys.ANY_IDEMPOTENCY))


def test_a_store_that_goes_away_on_the_way_leaves_it_open_how_far_the_clock_was_turned(
    own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red with an answer that nothing was done: who then says the same `by` again turns it twice."""
    monkeypatch.setattr("scheduler.store.turning._AWAY", 1)
    turned = store(own_server, layout.VIRTUAL)
    turned.timers.set(draft(turned, DAY))

    def kill() -> None:
        wait_until(lambda: turned.timers.stats().overdue, 20, "the clock is where the timer is due")
        own_server.kill()

    killing = Thread(target=kill)
    killing.start()
    with pytest.raises(StoreUnavailable) as raised:
        clock_of(turned).advance_by(30 * DAY)
    killing.join(20)
    assert raised.value.maybe_done


def test_a_store_that_does_not_answer_for_a_while_ends_no_turn(
    own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red with a call that ends with the first look which a busy machine leaves unanswered."""
    monkeypatch.setattr("scheduler.store.turning._NOBODY", 3)
    turned = Store(Settings(clock=layout.VIRTUAL), Link(connect(own_server.url, 1), 1, clock=layout.VIRTUAL))
    turned.timers.set(draft(turned, DAY))

    def freeze() -> None:
        wait_until(lambda: turned.timers.stats().overdue, 20, "the clock is where the timer is due")
        own_server.signal(signal.SIGSTOP)
        time.sleep(2)
        own_server.signal(signal.SIGCONT)

    freezing = Thread(target=freeze)
    freezing.start()
    found = clock_of(turned).advance_by(2 * DAY)
    freezing.join(20)
    assert (found.due, found.stopped_by) == (1, "due")


def test_many_idempotency_keys_are_aged_by_one_call(turned: Store) -> None:
    for number in range(2500):
        turned.repeats.begin("test", str(number), number)
    clock_of(turned).advance_by(DAY)
    assert not list(turned.link.client.scan_iter(match=keys.ANY_IDEMPOTENCY))


def test_a_long_call_keeps_others_out_for_as_long_as_it_takes(turned: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Red with a hold that is not renewed."""
    monkeypatch.setattr("scheduler.store.virtual_clock._HELD_MS", 1000)
    monkeypatch.setattr("scheduler.store.virtual_clock._RENEW", 0.05)
    monkeypatch.setattr("scheduler.store.turning._NOBODY", 3)
    turned.timers.set(draft(turned, DAY))
    begun = Event()

    def advance() -> None:
        begun.set()
        clock_of(turned).advance_by(2 * DAY)  # 3 s: nobody takes what is due

    thread = Thread(target=advance)
    thread.start()
    begun.wait(60)
    refused = 0
    while thread.is_alive():
        if turned.link.client.get(keys.turning()):
            try:
                clock_of(turned).advance_by(1)
            except ClockBusy:
                refused += 1
            else:  # after three seconds; or, with the bug, after one
                break
        thread.join(0.2)
    assert refused > 5
