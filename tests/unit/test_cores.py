"""A worker leaves a core that others need, and no other."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from timer_service.server.cores import better_core, free_shares


@pytest.mark.parametrize(
    ("free", "mine", "used", "found"),
    [
        ({0: 0.0, 1: 0.9}, 0, 0.1, {1}),  # somebody else has nine tenths of it
        ({0: 0.0, 1: 0.0}, 0, 0.5, {None}),  # nowhere is better
        ({0: 0.0, 1: 1.0}, 0, 1.0, {None}),  # all that is done here is mine
        ({0: 0.0, 1: 0.5, 2: 1.0, 3: 0.95}, 0, 0.4, {2, 3}),
        ({0: 0.4, 1: 0.6}, 0, 0.1, {None}),  # not worth it
        ({1: 1.0}, 0, 0.1, {None}),  # nothing is known of mine
        ({0: 0.0}, 0, 0.1, {None}),
        ({}, 0, 0.1, {None}),
    ],
)
def test_a_worker_goes_where_more_is_free_and_stays_otherwise(
    free: dict[int, float], mine: int, used: float, found: set[int | None]
) -> None:
    assert {better_core(free, mine, used) for _ in range(50)} == found


def test_shares_are_those_of_the_time_between_also_if_a_core_has_come_or_gone() -> None:
    assert free_shares({0: (100, 200), 1: (5, 10)}, {0: (150, 300), 2: (1, 1)}) == {0: 0.5}
    assert free_shares({0: (100, 200)}, {0: (100, 200)}) == {}


@pytest.mark.skipif(sys.platform != "linux", reason="affinity of Linux")
def test_workers_of_one_api_begin_on_different_cores_and_every_thread_stays_there() -> None:
    code = """
import os, threading
from timer_service.server.cores import Core
allowed = os.sched_getaffinity(0)
waiting = threading.Event()
threads = [threading.Thread(target=waiting.wait, daemon=True) for _ in range(3)]
[thread.start() for thread in threads]
first = Core(7)
first.look()
found = {frozenset(os.sched_getaffinity(thread.native_id)) for thread in [threading.main_thread(), *threads]}
print(len(found), len(next(iter(found))), found <= {frozenset({core}) for core in allowed})
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["1", "1", "True"]
    assert os.sched_getaffinity(0)
