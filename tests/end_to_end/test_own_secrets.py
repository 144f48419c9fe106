"""Receivers with secrets of their own, through real processes: by the reference library each verifies with the one that
it was given, and refuses every other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from scheduler import Backoff, Callback, DestinationSettings, Settings, Signing, Store, destination
from tests.bench.processes import Service
from tests.bench.receiver import SECRET, Receiver, receiving, verified

OWN = DestinationSettings(signing=Signing.OWN)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Two pollers for all tests: each has receivers of its own, so destinations, and secrets."""
    it = Service(tmp_path_factory.mktemp("service"))
    for _ in range(2):
        it.poller()
    yield it
    it.remove()


@pytest.fixture
def service_of_its_own(tmp_path: Path) -> Iterator[Service]:
    it = Service(tmp_path)
    yield it
    it.remove()


@pytest.fixture(scope="module")
def store(service: Service) -> Iterator[Store]:
    with closing(store_of(service)) as it:
        yield it


def store_of(service: Service) -> Store:
    return Store(Settings(redis_url=service.store.url))


def own(store: Store, receiver: Receiver) -> str:
    """A secret of its own, which it verifies with from now on."""
    receiver.secret = store.destinations.rotate_secret(destination(receiver.url)).secret.value
    store.destinations.put(destination(receiver.url), OWN)
    return receiver.secret


def test_two_receivers_verify_with_the_secret_each_was_given_and_with_no_other(
    service: Service, receiver: Receiver, store: Store
) -> None:
    with receiving() as one, receiving() as two:
        secrets = [own(store, one), own(store, two), SECRET]
        for it in (one, two, receiver):
            service.set(20, it.url, 0)
            service.set(1, f"{it.url}/status/500", 0, max_attempts=2, backoff=Backoff(steps=(0.1,)))
            service.set(1, f"{receiver.url}/status/410", 0, on_failed=Callback(it.url))
        for it, its in zip((one, two, receiver), secrets, strict=True):
            for hit in it.wait_for(23 if it is not receiver else 26, 20):
                assert [verified(hit.body, hit.headers, secret) for secret in secrets] == [its == it for it in secrets]


def test_while_secrets_are_rotated_under_load_everything_that_arrives_can_be_verified(
    service: Service, store: Store
) -> None:
    """With the new secret by who has it for two seconds, and with the first by who has heard of no other."""
    with receiving() as receiver:
        first = own(store, receiver)
        service.set(1, receiver.url, 0)
        for delay_ms in range(0, 4000, 20):
            service.set(2, receiver.url, delay_ms)
        given = [(0.0, first)]
        for _ in range(2):
            time.sleep(0.4)
            made = store.destinations.rotate_secret(destination(receiver.url), 60_000).secret.value
            given.append((time.time(), made))
        hits = receiver.wait_for(401, 20)
    assert len({hit.timer_id for hit in hits}) == len(hits)
    assert {hit.headers["timer-attempt"] for hit in hits} == {"1"}
    told = 0
    for hit in hits:
        sent_at = int(hit.headers["webhook-timestamp"])
        for answered_at, secret in given:
            if sent_at >= answered_at + 2:
                assert verified(hit.body, hit.headers, secret)
                told += secret != first
    assert told > 50


def test_a_secret_that_is_known_to_others_signs_nothing_once_another_has_replaced_it_at_once(
    service: Service, store: Store
) -> None:
    with receiving() as receiver:
        known = own(store, receiver)
        service.set(1, receiver.url, 0)
        receiver.wait_for(1, 20)
        receiver.secret = store.destinations.rotate_secret(destination(receiver.url), old_for=0).secret.value
        service.set(20, receiver.url, 0)
        hits = receiver.wait_for(21, 20)
    assert not [hit for hit in hits[1:] if verified(hit.body, hit.headers, known)]


def test_no_process_tells_a_secret_of_a_destinations_own(service_of_its_own: Service, receiver: Receiver) -> None:
    service = service_of_its_own
    service.environ["TIMER_LOG_LEVEL"] = "debug"
    service.api()
    service.poller()
    rotate = f"{service.url}/destinations/{destination(receiver.url)}/rotate-secret"
    made = receiver.secret = requests.post(rotate, timeout=30).json()["secret"]
    with closing(store_of(service)) as store:
        store.destinations.put(destination(receiver.url), OWN)
    service.set(5, receiver.url, 0)
    service.set(1, f"{receiver.url}/status/410", 0)
    receiver.wait_for(6, 20)
    assert requests.post(rotate, json={"old_for": "soon"}, timeout=30).status_code == 422
    other = requests.post(rotate, timeout=30).json()["secret"]
    for part in service.parts:
        assert part.stop() == 0
    logs = "".join(part.output() for part in service.parts)
    assert logs
    assert "rotate-secret" in logs
    assert made[6:] not in logs
    assert other[6:] not in logs
