"""Destinations with rules, through real pollers: silence after a pause, a breaker that opens and closes, permits of a
poller that was killed."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from scheduler import BreakerMode, DestinationSettings, DestinationState, Rate, ResumeAt, Settings, Store, destination
from tests.bench.processes import Service, free_port, wait_until
from tests.bench.receiver import Receiver, receiving


@pytest.fixture
def store(service: Service) -> Iterator[Store]:
    it = Store(Settings(redis_url=service.store.url))
    yield it
    it.close()


@pytest.mark.clock
def test_nothing_arrives_later_than_two_seconds_after_a_pause_was_answered_and_all_after_it(
    service: Service, receiver: Receiver, store: Store
) -> None:
    for _ in range(2):
        service.poller()
    for delay_ms in range(500, 3500, 100):
        service.set(30, receiver.url, delay_ms)
    receiver.wait_for(200, 20)
    store.destinations.pause(destination(receiver.url), "we deploy", "ann")
    answered = time.monotonic(), len(receiver.hits)
    time.sleep(2)
    silent = len(receiver.hits)
    assert silent < 900
    time.sleep(2)
    assert len(receiver.hits) == silent
    assert answered[1] <= silent
    store.destinations.resume(destination(receiver.url), ResumeAt.FULL)
    hits = receiver.wait_for(900, 20)
    assert len({hit.timer_id for hit in hits}) == len(hits) == 900
    assert {hit.headers["timer-attempt"] for hit in hits} == {"1"}


def test_a_host_that_was_away_gets_all_its_timers_by_a_probe_and_then_ever_faster(
    service: Service, store: Store
) -> None:
    service.poller()
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    service.set(60, url, 0, max_attempts=3)
    it = destination(url)
    broken = wait_until(
        lambda: store.destinations.get(it).state is DestinationState.BROKEN and store.destinations.get(it),
        10,
        "the breaker opens",
    )
    assert "in a row failed, the last one: connect" in broken.because
    with receiving(port=port) as back:
        hits = back.wait_for(60, 40)
    assert len({hit.timer_id for hit in hits}) == 60
    assert store.timers.stats().failed == 0


def test_of_a_poller_that_is_killed_with_permits_another_gets_them_with_their_lease(
    service: Service, receiver: Receiver, store: Store
) -> None:
    it = destination(receiver.url)
    store.destinations.put(it, DestinationSettings(concurrency=2, breaker=BreakerMode.OFF))
    doomed = service.poller(TIMER_LEASE="3")
    service.set(2, f"{receiver.url}/held", 0)
    receiver.wait_for(2, 10)
    assert store.destinations.get(it).in_flight == 2
    doomed.kill()
    service.set(3, receiver.url, 0)
    service.poller(TIMER_LEASE="3")
    receiver.release.set()
    service.finished(5, 20)
    wait_until(lambda: store.destinations.get(it).in_flight == 0, 5, "the permits are given back")


@pytest.mark.clock
def test_four_pollers_hold_a_rate_of_ten_a_second(service: Service, receiver: Receiver, store: Store) -> None:
    store.destinations.put(destination(receiver.url), DestinationSettings(rate=Rate(10)))
    for _ in range(4):
        service.poller()
    service.set(60, receiver.url, 0)
    hits = receiver.wait_for(30, 10)
    at = [hit.at for hit in hits[:30]]
    for first in range(0, 30, 3):
        for last in range(first + 1, 30, 3):
            assert last - first + 1 <= 1 + 10 * (at[last] - at[first] + 0.1) + 1  # and one that was held up on its way
