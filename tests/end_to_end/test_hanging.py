"""Receivers that hang, and their neighbours: whoever answers is served all the same.

Tried beside what stands here: 10,000 hanging timers of one destination and 1,000 destinations with one each (both in
benchmarks/hang.py), 50 with 50 each, 1,050 with two each of 250 kB, some that answered well until they hung (in
tests/unit/test_fairness.py), 10,000 addresses that hang.
"""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.bench.processes import Service, wait_until
from tests.bench.receiver import Receiver, receiving
from tests.bench.silence import silence, silent_hosts


@pytest.mark.parametrize(("destinations", "each"), [(4, 600), (800, 3)])
def test_hanging_destinations_leave_room_for_one_never_heard_of_that_answers(
    service: Service, receiver: Receiver, destinations: int, each: int
) -> None:
    with silence(destinations) as urls:
        service.poller()
        for url in urls:
            service.set(each, url, 0, timeout=300)
        wait_until(lambda: _stands_still(service), 30, "as many hang as may")
        for number in range(1, 11):
            service.set(1, receiver.url, 0)
            receiver.wait_for(number, 10)


def test_one_never_heard_of_waits_seconds_however_many_of_its_kind_hang(service: Service) -> None:
    """One turn in 60 s / 384; three of four go to who waits shortest."""
    with silent_hosts(3000) as urls, ExitStack() as stack:
        service.poller()
        for url in urls:
            service.set(1, url, 0, timeout=60)
        wait_until(lambda: _all_looked_at(service), 30, "as many hang as may, but for turns")
        waits = []
        for _ in range(5):
            receiver = stack.enter_context(receiving())
            begun = time.monotonic()
            service.set(1, receiver.url, 0)
            receiver.wait_for(1, 15)
            waits.append(time.monotonic() - begun)
        assert sorted(waits)[2] < 15, waits


def test_large_timers_that_hang_take_no_more_memory_than_a_poller_may_use(service: Service, receiver: Receiver) -> None:
    with silence(40) as urls:
        poller = service.poller()
        for url in urls:
            service.set(30, url, 0, timeout=300, body=b"x" * 250_000)
        wait_until(lambda: _stands_still(service), 30, "as many hang as may")
        service.set(1, receiver.url, 0)
        receiver.wait_for(1, 10)
        peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{poller.process.pid}/status").read_text())
        assert peak
        assert int(peak[1]) < 300 * 1024


def test_a_timer_larger_than_all_bytes_in_flight_is_sent_and_so_are_those_behind_it(
    service: Service, receiver: Receiver
) -> None:
    service.poller(TIMER_MAX_IN_FLIGHT_BYTES="1000")
    service.set(5, receiver.url, 0, body=b"x" * 250_000)
    service.set(20, receiver.url, 0)
    service.finished(25, 20)


def _stands_still(service: Service) -> bool:
    """Whether all that is due was looked at, and nothing more is taken."""
    before = service.timers.stats().delivering
    time.sleep(0.5)
    return 0 < before == service.timers.stats().delivering and _all_looked_at(service)


def _all_looked_at(service: Service) -> bool:
    return not service.store.client().zcard("timers:{0}:scheduled")
