"""The doorbell: rung whenever an earlier moment exists, and only then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from scheduler import Attempt, Draft, Outcome, Settlement, Webhook
from scheduler.store import keys
from tests.bench.store import START, Bench, link_over
from tests.store.schedules import AHEAD, MINUTE, put


@pytest.fixture
def bell(client: redis.Redis, partitions: int) -> Iterator[Any]:
    """A function: what was rung since it was last called, moments from START on."""
    subscriptions = []
    link = link_over(client, partitions)  # kept: its connections close with the last that refers to it
    for server, rung_by in link.by_server():
        subscription = server.client.pubsub()  # type: ignore[no-untyped-call]
        for partition in rung_by:
            subscription.ssubscribe(keys.bell(partition))
            subscription.get_message(timeout=5)
        subscriptions.append(subscription)

    def rung() -> list[int | str]:
        rings: list[int | str] = []
        for subscription in subscriptions:
            while message := subscription.get_message(timeout=0.05):
                said = message["data"].decode()
                rings.append(int(said) - START if said.isdecimal() else said)
        return rings

    yield rung
    for subscription in subscriptions:
        subscription.close()
    link.close()


def retried(bench: Bench, wait: int) -> None:
    (it,) = bench.claims.claim(1).claims
    attempt = Attempt(number=it.number, outcome=Outcome.RETRYABLE)
    bench.claims.settle([Settlement(timer_id=it.id, fence=it.fence, attempt=attempt, retry_ms=wait)])


def test_the_first_timer_of_an_empty_schedule_rings(bench: Bench, bell: Any) -> None:
    bench.schedule(500)
    assert bell() == [500]


@pytest.mark.one_partition
def test_an_earlier_timer_rings_and_a_later_one_does_not(bench: Bench, bell: Any) -> None:
    bench.schedule(500)
    bench.schedule(600)
    bench.schedule(400)
    bench.schedule(400)
    assert bell() == [500, 400]


@pytest.mark.one_partition
def test_many_timers_ring_once_with_the_earliest(bench: Bench, bell: Any) -> None:
    webhook = Webhook(url="http://h/")
    bench.timers.set(*(Draft(id=bench.new_id(), webhook=webhook, delay_ms=ms) for ms in (300, 100, 200)))
    assert bell() == [100]


def test_a_timer_that_is_set_again_does_not_ring_again(bench: Bench, bell: Any) -> None:
    draft = Draft(id=bench.timers.new_id(), webhook=Webhook(url="http://h/"), delay_ms=100)
    bench.timers.set(draft)
    bench.timers.set(draft)
    assert bell() == [100]


@pytest.mark.one_partition
def test_a_retry_rings_if_it_is_now_the_earliest(bench: Bench, bell: Any) -> None:
    bench.schedule()
    bench.schedule(5000)
    assert bell() == [0]
    retried(bench, 700)
    assert bell() == [700]
    bench.advance(700)
    retried(bench, 9000)
    assert bell() == []


def test_a_release_rings(bench: Bench, bell: Any) -> None:
    bench.schedule()
    bell()
    bench.claims.release(bench.claims.claim(1).claims)
    assert bell() == [0]


def test_each_change_of_a_schedule_rings_for_pollers_to_look_at_it(bench: Bench, bell: Any) -> None:
    put(bench)
    bench.schedules.pause("report", "deploy", "ann")
    bench.schedules.resume("report")
    assert bell() == ["planned"] * 3


def test_a_run_of_a_schedule_rings_made_of_a_moment_or_by_hand(bench: Bench, bell: Any) -> None:
    put(bench)
    bench.advance(MINUTE - AHEAD)
    bell()
    bench.look()
    assert bell() == [MINUTE]
    bench.schedules.fire("report")
    assert bell() == [MINUTE - AHEAD]
