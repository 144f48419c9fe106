"""A worker that has much to do stays on one core, and leaves it when others need it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from timer_service.process.server.cores import core_to_use, free_shares


@pytest.mark.parametrize(
    ("free", "mine", "used", "found"),
    [
        ({0: 0.9, 1: 0.9}, None, 0.05, {None}),  # nothing to gain
        ({0: 0.2, 1: 0.9}, None, 0.5, {1}),
        ({0: 0.9, 1: 0.9}, None, 0.5, {0, 1}),
        ({0: 0.9, 1: 0.9}, 0, 0.05, {None}),  # nothing any more
        ({0: 0.7, 1: 0.9}, 0, 0.2, {0}),
        ({0: 0.0, 1: 0.9}, 0, 0.1, {1}),  # somebody else has nine tenths of it
        ({0: 0.0, 1: 0.0}, 0, 0.5, {0}),  # nowhere is better
        ({0: 0.0, 1: 1.0}, 0, 1.0, {0}),  # all that is done here is mine
        ({0: 0.0, 1: 0.5, 2: 1.0, 3: 0.95}, 0, 0.4, {2, 3}),
        ({0: 0.4, 1: 0.6}, 0, 0.1, {0}),  # not worth it
        ({1: 1.0}, 0, 0.5, {0}),  # nothing is known of mine
        ({0: 0.0}, 0, 0.5, {0}),
        ({}, 0, 0.5, {0}),
        ({}, None, 0.5, {None}),
    ],
)
def test_a_busy_worker_goes_where_most_is_free_and_stays_there_while_nothing_is_better(
    free: dict[int, float], mine: int | None, used: float, found: set[int | None]
) -> None:
    assert {core_to_use(free, mine, used) for _ in range(50)} == found


def test_shares_are_those_of_the_time_between_also_if_a_core_has_come_or_gone() -> None:
    assert free_shares({0: (100, 200), 1: (5, 10)}, {0: (150, 300), 2: (1, 1)}) == {0: 0.5}
    assert free_shares({0: (100, 200)}, {0: (100, 200)}) == {}


@pytest.mark.skipif(sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="needs Linux and two cores")
def test_all_threads_of_a_busy_process_stay_on_one_core_until_it_is_idle_again() -> None:
    code = """
import os, sys, threading, time
from timer_service.process.server import cores
cores._BUSY = cores._IDLE = 0.0001  # a busy machine gives us little
allowed = os.sched_getaffinity(0)
waiting = threading.Event()
threads = [threading.Thread(target=waiting.wait, daemon=True) for _ in range(3)]
[thread.start() for thread in threads]
def where():
    return {frozenset(os.sched_getaffinity(thread.native_id)) for thread in [threading.main_thread(), *threads]}
core = cores.Core()
assert where() == {frozenset(allowed)}
until = time.monotonic() + 20
while where() == {frozenset(allowed)} and time.monotonic() < until:
    core.look()
(found,) = where()
assert len(found) == 1 and found <= allowed, found
cores._BUSY = cores._IDLE = 2.0
while where() != {frozenset(allowed)} and time.monotonic() < until:
    time.sleep(0.1)
    core.look()
assert where() == {frozenset(allowed)}
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
