"""Each method of the client about destinations against a real API, store and poller."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.bench.processes import Service, wait_until
from tests.bench.receiver import Receiver, receiving
from tests.client.both import new_client
from tests.client.test_routes import losing_first_answers
from timer_service.client import Forbidden, Invalid, NotFound, PreconditionFailed, TimerClient

#: Each of them is a test of both clients.
pytestmark = pytest.mark.usefixtures("both")


@pytest.fixture
def there() -> str:
    """A destination that no other test has."""
    return f"https:{uuid4().hex}.example:443"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as it:
        yield it


def test_what_was_set_comes_back_and_a_change_leaves_what_it_does_not_name(client: TimerClient, there: str) -> None:
    with pytest.raises(NotFound):
        client.destination(there)
    made = client.update_destination(
        there, rate={"requests": 10, "per": timedelta(minutes=1), "burst": 2}, concurrency=5, breaker={"mode": "off"}
    )
    assert client.destination(there) == made
    assert (made.id, made.state, made.because) == (there, "limited", "at most 10 in 60 s, 5 at once")
    assert (made.rate, made.concurrency, made.breaker) == (
        {"requests": 10, "per": "1m", "burst": 2},
        5,
        {"mode": "off"},
    )
    assert (made.waiting, made.in_flight, made.attempts, made.failures) == (0, 0, 0, 0)
    assert (made.duration, made.last_error, made.oldest_waiting_at, made.paused) == (timedelta(), None, None, None)
    changed = client.update_destination(there, rate={"requests": 20}, concurrency=None)
    assert (changed.rate, changed.concurrency) == ({"requests": 20, "per": "1m", "burst": 2}, None)
    assert client.update_destination(there, rate=None, breaker=None).state == "flowing"


def test_a_change_of_another_version_than_was_read_is_refused(client: TimerClient, there: str) -> None:
    first = client.update_destination(there, concurrency=1)
    assert client.update_destination(there, concurrency=1).version == first.version
    second = client.update_destination(there, concurrency=2, if_version=first.version)
    with pytest.raises(PreconditionFailed):
        client.update_destination(there, concurrency=3, if_version=first.version)
    assert client.destination(there) == second


def test_a_pause_tells_its_reason_and_its_end_and_is_ended_by_resume(client: TimerClient, there: str) -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    paused = client.pause_destination(there, reason="a release", until=until)
    assert paused.paused is not None
    assert (paused.state, paused.because, paused.next_at) == ("paused", "paused: a release", until)
    assert (paused.paused.reason, paused.paused.until, paused.paused.at) == ("a release", until, paused.since)
    assert [it.id for it in client.destinations(state="paused") if it.id == there] == [there]
    resumed = client.resume_destination(there)
    assert (resumed.state, resumed.paused) == ("limited", None)
    client.pause_destination(there)
    assert client.resume_destination(there, at="full").state == "flowing"
    assert there not in [it.id for it in client.destinations(state="paused", page_size=1)]


def test_a_timer_that_is_held_says_why_and_arrives_once_its_destination_goes_on(
    client: TimerClient, receiver: Receiver
) -> None:
    there = receiver.url.replace("://", ":")
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    client.pause_destination(there, reason="they move", until=until)
    timer = client.create(receiver.url, delay=0)
    wait_until(lambda: client.destination(there).waiting == 1, 20, "it waits")
    found = client.get(timer.id)
    assert found.held is not None
    assert (found.held.by, found.held.until, found.held.because) == ("pause", until, "paused: they move")
    assert (found.expected_at, found.status, found.attempts) == (until, "scheduled", 0)
    client.resume_destination(there, at="full")
    wait_until(lambda: client.get(timer.id).status == "delivered", 20, "it is delivered")
    found = client.get(timer.id)
    assert (found.held, found.expected_at, found.attempts) == (None, None, 1)
    wait_until(lambda: client.destination(there).attempts == 1, 20, "the poller has reported it")
    assert client.destination(there).duration > timedelta()


def test_a_repeat_after_a_lost_answer_sets_the_same(service: Service, client: TimerClient, there: str) -> None:
    with losing_first_answers(service) as url, new_client(url) as unlucky:
        limited = unlucky.update_destination(there, concurrency=7)
        paused = unlucky.pause_destination(there, reason="a release")
        assert client.destination(there) == paused
        assert paused.version == limited.version
        assert unlucky.resume_destination(there, at="full").state == "limited"


def test_what_is_refused_is_named(client: TimerClient, there: str) -> None:
    with pytest.raises(Invalid) as caught:
        client.update_destination(there, rate={"requests": 0}, concurrency=-1)
    assert {error.pointer for error in caught.value.errors} == {"/rate/requests", "/concurrency"}
    with pytest.raises(Invalid, match=r"Write it as https:api\.example\.com:443\."):
        client.pause_destination("https://api.example.com/hook")
    for id in ("", ".", ".."):
        with pytest.raises(ValueError, match="no id"):
            client.destination(id)
    with pytest.raises(NotFound):
        client.resume_destination(there)


def test_an_id_of_ipv6_is_reached(client: TimerClient) -> None:
    assert client.update_destination("http:[2001:db8::1]:8080", concurrency=1).id == "http:[2001:db8::1]:8080"
    assert client.destination("http:[2001:db8::1]:8080").concurrency == 1


def test_a_key_that_may_only_read_limits_nothing(keys: dict[str, str], there: str) -> None:
    with new_client(keys["url"], keys["write"]) as writer, new_client(keys["url"], keys["read"]) as reader:
        paused = writer.pause_destination(there)
        assert paused.paused is not None
        assert paused.paused.by == "write"
        assert reader.destination(there) == paused
        for call in (reader.update_destination, reader.pause_destination, reader.resume_destination):
            with pytest.raises(Forbidden):
                call(there)
