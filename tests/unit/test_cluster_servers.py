"""The nodes of a cluster as many threads meet them, without one."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import Mock

import pytest

from scheduler.settings import Settings
from scheduler.store.cluster_nodes import ClusterNodes
from scheduler.store.slot_map import SlotMap
from scheduler.store.store import Store
from scheduler.store_address import Host

FIRST = [Host("known", port) for port in range(30)]


@pytest.fixture
def often() -> Iterator[None]:
    """Threads that take turns all the time."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("often")
def test_nodes_are_met_by_one_thread_while_another_reads_who_has_which_slot() -> None:
    nodes = ClusterNodes(FIRST, lambda host, doubt: Mock(is_away=False))
    found = SlotMap(tuple(FIRST), [FIRST[0]] * 16384, dict.fromkeys(FIRST, ()))
    until = time.monotonic() + 2
    failed: list[BaseException] = []

    def run(what: Callable[[int], Any]) -> None:
        number = 0
        try:
            while time.monotonic() < until and not failed:
                number += 1
                what(number)
        except RuntimeError as error:
            failed.append(error)

    threads = [
        threading.Thread(target=run, args=[lambda number: nodes._use(found)]),
        threading.Thread(target=run, args=[lambda number: nodes._server(Host("new", number))]),
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failed == []


def test_the_memory_of_a_cluster_that_nobody_tells_of_is_unknown_and_no_error() -> None:
    it = Store(Settings(redis_url="redis+cluster://127.0.0.1:1"))
    assert it.capacity.usage().used is None
    it.close()
