"""Callbacks by real processes: pollers killed around an end, a lease lost three times, a receiver that is down.

Every webhook that arrives is verified by the reference library.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace

from scheduler import Callback, Query, Settings, Status, Store
from tests.bench.processes import Service, free_port, wait_until
from tests.bench.receiver import Receiver, receiving


def _callbacks(receiver: Receiver) -> dict[str, list[str]]:
    """By the timer that they tell of: the ids of the callbacks that arrived."""
    found: dict[str, list[str]] = {}
    for hit in list(receiver.hits):
        if parent := hit.headers.get("timer-callback-for"):
            found.setdefault(parent, []).append(hit.timer_id)
    return found


def test_the_callback_of_a_timer_whose_poller_was_killed_three_times_arrives_though_nobody_saw_the_end(
    service: Service, receiver: Receiver
) -> None:
    service.environ |= {"TIMER_LEASE": "2", "TIMER_STORE_TIMEOUT": "0.6"}
    ended = Callback(f"{receiver.url}/ended", {"x-trace": "17"})
    (poison,) = service.set(1, f"{receiver.url}/poison", 0, on_failed=ended, metadata={"order": 17})
    deaths, poller = 0, service.poisoned_poller()

    def over() -> bool:
        nonlocal deaths, poller
        if poller.process.poll() is not None:
            deaths += 1
            poller = service.poisoned_poller()
        return len(receiver.hits) > 0

    wait_until(over, 60, "the callback")
    assert deaths == 3
    (hit,) = receiver.hits
    body = json.loads(hit.body)
    assert (hit.path, hit.method, hit.headers["x-trace"]) == ("/ended", "POST", "17")
    assert (hit.headers["timer-callback-for"], hit.headers["timer-attempt"]) == (poison, "1")
    assert (body["type"], body["timer"]["id"], body["timer"]["reason"]) == ("timer.failed", poison, "lease-lost")
    assert (body["last_attempt"]["error"], body["timer"]["metadata"]) == ("lease-lost", {"order": 17})


def test_each_end_has_one_callback_however_often_pollers_are_killed_around_it(
    service: Service, receiver: Receiver
) -> None:
    """Wherever a poller is: before its settle, after it, before it hears the reply."""
    service.environ |= {"TIMER_LEASE": "2", "TIMER_STORE_TIMEOUT": "0.6"}
    count = 100
    ended = Callback(f"{receiver.url}/ended")
    for n in range(count // 10):
        service.set(10, f"{receiver.url}/{n}", 60 * n, on_delivered=ended, on_failed=ended)
    poller = service.poller()
    for _ in range(2):  # a third lost lease would fail what it had
        already = len(receiver.hits)
        wait_until(lambda seen=already: len(receiver.hits) > seen + 3, 20, "something to interrupt")  # type: ignore[misc]
        poller.kill()
        poller = service.poller()
    wait_until(lambda: service.timers.stats().delivered == 2 * count, 60, "every end, and every callback's")
    stored = _stored(service)
    parents = [it for it, callback_for in stored.items() if callback_for is None]
    made = [callback_for for callback_for in stored.values() if callback_for is not None]
    assert (len(parents), sorted(made)) == (count, sorted(parents))
    assert set(_callbacks(receiver)) == set(parents)
    assert all(len(set(ids)) == 1 for ids in _callbacks(receiver).values())


def _stored(service: Service) -> dict[str, str | None]:
    """Every timer that is kept, and whose end it tells."""
    store = Store(Settings(redis_url=service.store.url, store_timeout=5))
    found: dict[str, str | None] = {}
    query = Query(status=Status.DELIVERED, limit=1000)
    while True:
        page = store.listing.page(query)
        found |= {timer.id: timer.callback_for for timer in page.timers}
        if page.next is None:
            store.close()
            return found
        query = replace(query, after=page.next)


def test_a_callback_whose_receiver_is_down_is_tried_again_as_any_timer(service: Service, receiver: Receiver) -> None:
    port = free_port()
    service.poller()
    (timer_id,) = service.set(1, receiver.url, 0, on_delivered=Callback(f"http://127.0.0.1:{port}/ended"))
    service.finished(1, 20)
    started = time.time()

    def tried() -> bool:
        waiting = service.timers.stats()
        return waiting.scheduled == 1 and waiting.tried_before == 1

    wait_until(tried, 20, "an attempt that finds nobody")
    with receiving(port) as there:
        (hit,) = there.wait_for(1, 30)
        assert (hit.headers["timer-callback-for"], hit.headers["timer-redelivery"]) == (timer_id, "retry")
        service.finished(2, 10)
    assert hit.at - started < 30
