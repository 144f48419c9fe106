"""Stories of destinations with limits, pauses and receivers that fail, told as those of scenarios.py are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from scheduler import ResumeAt
from scheduler.store.record import tag_of
from tests.bench.processes import wait_until
from tests.faults.destination_client import DestinationClient
from tests.faults.field import Field


def two_pollers_share_a_rate_and_a_concurrency(field: Field, bug: str) -> None:
    with _destinations(field) as client:
        client.limit(0, rate=10)
        client.limit(1, concurrency=2)
        for _ in range(2):
            field.join(bug)
        # Due when the rules count what arrives: from BUNCHED on, or a quick machine is done before.
        client.send(0, 80, 2.5)
        # For much longer than a poller that was refused waits until it asks again, which is 1 s.
        client.send(1, 4, 2.5, hold_ms=4000)
        field.arrived(84, 20)


def a_destination_is_paused_and_goes_on(field: Field, bug: str) -> None:
    """Some of its timers were tried already."""
    with _destinations(field, bug) as client:
        for _ in range(2):
            field.join(bug)
        client.send(0, 5, 0.0, 0, "once-500")
        for n in range(40):
            client.send(0, 1, 1.5 + 0.1 * n)
        field.arrived(5, 20)
        client.pause(0)
        time.sleep(4.5)  # in which nothing is to arrive but at first
        client.resume(0, ResumeAt.FULL)


def a_receiver_is_away_and_comes_back(field: Field, bug: str) -> None:
    """Before the first probe, which it answers slowly."""
    with _destinations(field) as client:
        for _ in range(2):
            field.join(bug)
        client.away(0, 3.0)
        client.send(0, 30, hold_ms=1000)
        wait_until(lambda: client.note_whether_broken(0), 2, "a breaker that opens")


def a_paused_destination_goes_on_slowly(field: Field, bug: str) -> None:
    """One is resumed, and the pause of another ends by itself."""
    with _destinations(field, bug) as client:
        field.join(bug)
        client.pause(0)
        client.pause(1, 1.0)
        for host in (0, 1):
            client.send(host, 40)  # so many at once are too fast for some seconds
        client.resume(0, ResumeAt.SLOW)


def a_host_refuses_what_it_is_sent_and_a_gateway_what_is_for_one_tenant(field: Field, bug: str) -> None:
    """As many failures in a row as open a breaker where they count."""
    refusing, gateway = range(2)
    with _destinations(field) as client:
        field.join(bug)
        client.send_alike(gateway, 204)
        assert field.settled(20)
        client.send_alike(refusing, 404, 10)
        client.send_alike(gateway, 500, 10)
        assert field.settled(20)
        field.set_timers(1, 0)
        field.arrived(22, 20)  # then the pass of the poller that settled those before has told of them
        client.note_break(refusing)
        client.note_break(gateway)


def the_reply_to_a_claim_by_permits_is_lost(field: Field, bug: str) -> None:
    """Of a concurrency of two, whose permits are under a lease of twice 10 s."""
    with _destinations(field) as client:
        client.limit(0, concurrency=2)
        client.send(0, 6, hold_ms=200)
        permitted = f"{tag_of(client.id(0))}:2:".encode()
        wire = field.join(bug, lose=permitted, hang=True, TIMER_LEASE="10").wire
        field.arrived(2, 20)
    assert wire.lost == 1


@contextmanager
def _destinations(field: Field, bug: str = "") -> Iterator[DestinationClient]:
    client = DestinationClient(field, bug)
    yield client
    client.close()
