"""A store with a virtual clock is emptied under those who serve it: nothing is left, and nobody goes by what was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from threading import Thread

import pytest

from scheduler import (
    Attempt,
    Claim,
    Claims,
    Draft,
    Outcome,
    ScheduleDraft,
    Settings,
    Settlement,
    Status,
    Store,
    StoreUnavailable,
    UnknownTimer,
    Webhook,
    connect,
    destination,
    empty_store,
)
from scheduler.destinations import DestinationSettings, Rate
from scheduler.schedule import Plan
from scheduler.store.held import read_holds
from scheduler.store.link import Link
from tests.bench.processes import wait_until
from tests.bench.servers import Server

URL = "https://one.example/hook"
DAY = 86_400_000
#: Less the names of pollers.
STAYS = {"layout", "ahead", "seen", "pollers", "loads", "holds", "signing", "signing_changes"}
STAYS |= {"lastclaim:", "reported:"}


@pytest.fixture(params=[1, 4])
def store(valkey_server: Server, request: pytest.FixtureRequest) -> Iterator[Store]:
    with valkey_server.client() as client:
        client.flushall()
    link = Link(connect(valkey_server.url, 5), request.param, clock="virtual")
    it = Store(Settings(clock="virtual", lease=300), link)  # no test outlasts that lease, on a machine of any speed
    yield it
    it.close()


def draft(store: Store, delay_ms: int = 0, key: str | None = None) -> Draft:
    return Draft(store.timers.new_id(key), Webhook(URL), delay_ms=delay_ms, key=key, tags=("a",))


def claimed(claims: Claims) -> list[Claim]:
    """What is due now: a moment is rounded up to the next millisecond."""
    found: list[Claim] = wait_until(lambda: claims.claim(10).claims, 5, "something is due")
    return found


def ended(claim: Claim) -> Settlement:
    return Settlement(claim.id, claim.fence, Attempt(claim.number, Outcome.DELIVERED), None)


def test_nothing_is_left_but_the_layout_the_clock_and_who_polls(store: Store) -> None:
    assert store.clock is not None
    claims = store.claims("one", 10)
    store.timers.set(*(draft(store, n * 1000, f"key {n}".replace(" ", "-")) for n in range(5)), draft(store))
    claims.settle([ended(claim) for claim in claimed(claims)])
    store.schedules.put(ScheduleDraft(name="daily", plan=Plan(every_ms=DAY), webhook=Webhook(URL)))
    store.destinations.change(destination(URL), lambda _: DestinationSettings(rate=Rate(1, 1000)))
    store.destinations.pause(destination("https://two.example"), "a test", "me")
    store.destinations.rotate_secret(destination(URL), 0)
    store.repeats.begin("", "once", {})
    before = store.clock.now()
    empty_store(store.link)
    found: list[bytes] = list(map(bytes, store.link.client.scan_iter()))
    names = {re.sub(r".*}:|(?<=:)one$", "", name.decode()) for name in found}
    assert names <= STAYS
    assert store.clock.now() >= before
    assert store.timers.stats().scheduled == 0
    assert store.schedules.page().schedules == []
    assert claims.claim(10).claims == []
    store.timers.set(draft(store, 0, "key-1"))
    assert len(claimed(claims)) == 1


def test_what_pollers_know_of_holds_and_secrets_is_forgotten_and_later_ones_are_heard_of(store: Store) -> None:
    """Red with changes that are numbered from 1 again: whoever knows of two hears of no other."""
    partitions = range(store.link.partitions)
    for name in ("one", "two", "three"):
        store.destinations.pause(destination(f"https://{name}.example"), "a test", "me")
    store.destinations.rotate_secret(destination(URL), 0)
    known = [read_holds(store.link, partition) for partition in partitions]
    assert all(len(it.by_tag) == 3 for it in known)
    empty_store(store.link)
    store.destinations.pause(destination("https://four.example"), "a test", "me")
    known = [read_holds(store.link, partition, it) for partition, it in zip(partitions, known, strict=True)]
    assert all(len(it.by_tag) == 1 for it in known)
    empty_store(store.link)
    known = [read_holds(store.link, partition, it) for partition, it in zip(partitions, known, strict=True)]
    assert all(len(it.by_tag) == 0 for it in known)


def test_attempts_under_way_are_waited_for_and_no_other_begins(store: Store) -> None:
    claims = store.claims("one", 10)
    store.timers.set(draft(store))
    (claim,) = claimed(claims)
    store.timers.set(draft(store))
    emptying = Thread(target=empty_store, args=(store.link, 60.0))
    emptying.start()
    wait_until(lambda: store.timers.stats().scheduled == 0, 5, "nothing is taken any more")
    assert claims.claim(10).claims == []
    assert store.timers.get(claim.id).status is Status.DELIVERING
    assert emptying.is_alive()
    assert claims.settle([ended(claim)]) == []
    emptying.join(60)
    assert not emptying.is_alive()
    with pytest.raises(UnknownTimer):
        store.timers.get(claim.id)


def test_an_attempt_that_does_not_end_is_not_waited_for_for_ever(store: Store) -> None:
    claims = store.claims("one", 10)
    store.timers.set(draft(store))
    (claim,) = claimed(claims)
    empty_store(store.link, patience=0.01)
    with pytest.raises(UnknownTimer):
        store.timers.get(claim.id)
    claims.settle([ended(claim)])
    assert store.timers.stats().delivered == 0


def test_a_store_that_goes_by_the_real_clock_is_never_emptied(valkey_server: Server) -> None:
    with valkey_server.client() as client:
        client.flushall()
    real = Store(Settings(), Link(connect(valkey_server.url, 5)))
    (timer,) = real.timers.set(draft(real, DAY))
    with pytest.raises(ValueError, match="virtual"):
        empty_store(real.link)
    with pytest.raises(StoreUnavailable):
        empty_store(Link(connect(valkey_server.url, 5), clock="virtual"))
    assert real.timers.get(timer.id).status is Status.SCHEDULED
    real.close()
