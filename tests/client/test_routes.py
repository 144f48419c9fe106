"""Each method of the client against a real API, store and poller."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPResponse
from uuid import uuid4

import pytest

from tests.bench.processes import Service, wait_until
from tests.bench.raw import RawReceiver, raw_receiving
from tests.bench.receiver import Receiver
from tests.client.both import new_client
from timer_service.client import (
    Conflict,
    Count,
    Forbidden,
    Invalid,
    NewTimer,
    NotFound,
    Timer,
    TimerClient,
    TimerServiceError,
    Unauthorized,
    timer_id_of,
)

#: Each of them is a test of both clients.
pytestmark = pytest.mark.usefixtures("both")

LATER = timedelta(hours=1)
HOOK = "http://127.0.0.1:2/hook"


@pytest.fixture
def name() -> str:
    """A key or a tag that no other test has."""
    return uuid4().hex


def same(timer: Timer, other: Timer) -> bool:
    """But for the time that is left: a second may have begun in between."""
    return replace(timer, time_left=other.time_left) == other


def ended(client: TimerClient, timer: Timer) -> Timer:
    found: Timer = wait_until(lambda: (now := client.get(timer.id)).ended and now, 20, f"{timer.id} has ended")
    return found


def test_what_was_asked_comes_back(client: TimerClient, name: str) -> None:
    due_at = datetime.now(UTC).replace(microsecond=0) + LATER
    timer = client.create(
        HOOK,
        due_at=due_at,
        method="PUT",
        headers={"X-Mine": "1", "X-Token": "2"},
        body={"a": [1, None]},
        timeout=timedelta(seconds=2.5),
        max_attempts=3,
        backoff=[1, timedelta(minutes=1)],
        delivery="at_most_once",
        key=name,
        tags=["a", "b"],
        metadata={"who": "me"},
    )
    for found in (client.get(timer.id), client.get_by_key(name)):
        assert same(found, timer)
    assert (timer.status, timer.due_at, timer.url, timer.method) == ("scheduled", due_at, HOOK, "PUT")
    assert timer.headers == {"X-Mine": "1", "X-Token": "***"}
    assert (timer.body, timer.timeout, timer.max_attempts) == ({"a": [1, None]}, timedelta(seconds=2.5), 3)
    assert (timer.backoff, timer.delivery, timer.key, timer.tags) == ([1, 60], "at_most_once", name, ("a", "b"))
    assert (timer.metadata, timer.attempts, timer.last_attempt) == ({"who": "me"}, 0, None)
    assert LATER - timedelta(minutes=1) < timer.time_left <= LATER


def test_a_delivered_timer_has_its_attempt(client: TimerClient, receiver: Receiver) -> None:
    timer = ended(client, client.create(f"{receiver.url}/hook", delay=0, body=b"\xff\x00"))
    assert receiver.hits[0].body == timer.body == b"\xff\x00"
    (attempt,) = client.attempts(timer.id)
    assert attempt == timer.last_attempt
    assert (timer.status, attempt.number, attempt.outcome, attempt.status_code) == ("delivered", 1, "delivered", 204)
    assert attempt.lateness is not None
    assert attempt.started_at is not None
    assert attempt.started_at - attempt.lateness == timer.due_at


def test_a_repeat_with_the_same_idempotency_key_makes_no_second_timer(client: TimerClient, name: str) -> None:
    one, two = (client.create(HOOK, delay=LATER, idempotency_key=name) for _ in range(2))
    assert one.id == two.id
    with pytest.raises(Invalid):
        client.create(HOOK, delay=LATER, body=1, idempotency_key=name)


@contextmanager
def losing_first_answers(service: Service) -> Iterator[str]:
    """Something between client and service that passes on every request, but loses the answer to every other."""
    host, port = service.url.removeprefix("http://").split(":")

    def behave(receiver: RawReceiver, sock: socket.socket) -> None:
        with socket.create_connection((host, int(port))) as onward:
            onward.sendall(receiver.requests[-1])
            answer = HTTPResponse(onward)
            answer.begin()
            body = answer.read()
        if len(receiver.requests) % 2:
            sock.shutdown(socket.SHUT_RDWR)
        else:
            head = f"HTTP/1.1 {answer.status} X\r\nContent-Length: {len(body)}\r\n\r\n"
            sock.sendall(head.encode() + body)

    with raw_receiving(behave) as between:
        yield between.url


def test_an_answer_that_is_lost_makes_no_second_timer(service: Service, client: TimerClient, name: str) -> None:
    with losing_first_answers(service) as url, new_client(url) as unlucky:
        one = unlucky.create(HOOK, delay=LATER, tags=[name])
        two = unlucky.create_many([{"url": HOOK, "delay": LATER, "tags": [name]} for _ in range(2)])
        assert {timer.id for timer in client.list(tag=name)} == {
            one.id,
            *(timer.id for timer in two if isinstance(timer, Timer)),
        }
        unlucky.cancel(one.id)
        assert client.get(one.id).status == "cancelled"


def test_a_taken_key_names_the_timer_that_has_it(client: TimerClient, name: str) -> None:
    first = client.create(HOOK, delay=LATER, key=name)
    with pytest.raises(Conflict) as caught:
        client.create(HOOK, delay=LATER, key=name)
    assert caught.value.timer_id == first.id


def test_a_refused_field_is_named(client: TimerClient) -> None:
    with pytest.raises(Invalid) as caught:
        client.create("nonsense", delay=-1, backoff=[1, -1])
    assert {error.pointer for error in caught.value.errors} == {"/url", "/delay", "/backoff/1"}


def test_a_batch_of_more_than_a_call_holds_comes_back_in_order(client: TimerClient, name: str) -> None:
    asked: list[NewTimer] = [{"url": HOOK, "delay": LATER, "body": number, "tags": [name]} for number in range(1500)]
    asked[700]["url"] = "nonsense"
    made = client.create_many(asked, idempotency_key=name)
    assert [timer.body for timer in made if isinstance(timer, Timer)] == [*range(700), *range(701, 1500)]
    error = made[700]
    assert isinstance(error, Invalid)
    assert [one.pointer for one in error.errors] == ["/url"]
    again = client.create_many(asked, idempotency_key=name)
    assert [timer.id for timer in again if isinstance(timer, Timer)] == [
        timer.id for timer in made if isinstance(timer, Timer)
    ]
    found = [timer.id for timer in client.list(tag=name, page_size=400)]
    assert sorted(found) == sorted(timer.id for timer in made if isinstance(timer, Timer))
    cancelled = client.cancel_many(tag=name)
    assert (cancelled.matched, cancelled.changed, cancelled.skipped) == (1499, 1499, 0)


def test_a_list_has_filters_and_an_order(client: TimerClient, name: str) -> None:
    now = datetime.now(UTC)
    hours = [client.create(HOOK, due_at=now + hour * LATER, tags=[name]).id for hour in (1, 2, 3)]
    assert [timer.id for timer in client.list(tag=name)] == hours
    assert [timer.id for timer in client.list(tag=name, order="desc", page_size=1)] == hours[::-1]
    assert [timer.id for timer in client.list(tag=name, due_after=now + 2 * LATER)] == hours[1:]
    assert [timer.id for timer in client.list(tag=name, due_before=now + 2 * LATER)] == hours[:1]
    assert [timer.id for timer in client.list(tag=name, destination="http://127.0.0.1:10")] == []
    assert [timer.id for timer in client.list(tag=name, destination=HOOK)] == hours
    client.cancel(hours[0])
    assert [timer.id for timer in client.list(tag=name, status="cancelled")] == hours[:1]
    with pytest.raises(Invalid, match="/limit"):
        client.page(limit=1001)


def test_a_page_says_where_the_next_begins(client: TimerClient, name: str) -> None:
    two = [client.create(HOOK, delay=hours * LATER, tags=[name]).id for hours in (1, 2)]
    first = client.page(tag=name, limit=1)
    assert [timer.id for timer in first.timers] == two[:1]
    second = client.page(tag=name, limit=1, cursor=first.next_cursor)
    assert [timer.id for timer in second.timers] == two[1:]
    assert first.total in (2, None)


def test_a_timer_that_waits_can_be_moved_and_changed(client: TimerClient) -> None:
    timer = client.create(HOOK, delay=LATER, headers={"x-mine": "1"}, body=1)
    moved = client.reschedule(timer.id, delay=2 * LATER)
    assert moved.due_at - timer.due_at >= LATER
    due_at = datetime.now(UTC).replace(microsecond=0) + LATER
    changed = client.update(timer.id, due_at=due_at, body=b"\x00", method="PUT", tags=["t"])
    assert (changed.due_at, changed.body, changed.method, changed.tags) == (due_at, b"\x00", "PUT", ("t",))
    assert same(changed, client.get(timer.id))
    with pytest.raises(Invalid, match="/url"):
        client.update(timer.id, url="nonsense")
    client.cancel(timer.id)
    with pytest.raises(Conflict) as caught:
        client.reschedule(timer.id, delay=LATER)
    assert caught.value.timer_status == "cancelled"


def test_none_takes_a_field_back_to_its_default(client: TimerClient) -> None:
    timer = client.create(HOOK, delay=LATER, headers={"x-mine": "1"}, max_attempts=2, metadata={"a": 1, "b": 2})
    changed = client.update(timer.id, headers=None, max_attempts=None, metadata={"a": None})
    assert (changed.headers, changed.max_attempts, changed.metadata) == ({}, 8, {"b": 2})


def test_put_by_key_is_a_debounce_and_cancel_by_key_disarms_it(client: TimerClient, name: str) -> None:
    first = client.put(name, HOOK, delay=LATER, body=1)
    second = client.put(name, HOOK, delay=2 * LATER, body=2)
    assert (second.id, second.body) == (first.id, 2)
    assert same(client.get_by_key(name), client.get(first.id))
    client.cancel_by_key(name)
    for call in (client.get_by_key, client.cancel_by_key):
        with pytest.raises(NotFound):
            call(name)
    assert client.get(first.id).status == "cancelled"


def test_while_it_is_delivering_a_keyed_timer_says_when_to_come_again(
    client: TimerClient, receiver: Receiver, name: str
) -> None:
    client.put(name, f"{receiver.url}/held", delay=0)
    receiver.wait_for(1, 20)
    with pytest.raises(Conflict) as caught:
        client.put(name, HOOK, delay=LATER)
    assert caught.value.retry_after == 1
    receiver.release.set()


def test_keys_of_every_allowed_letter_reach_their_timer(client: TimerClient, name: str) -> None:
    key = f"a.B_c:@~-{name}"
    timer = client.put(key, HOOK, delay=LATER)
    assert timer.key == key
    assert client.get_by_key(key).id == timer.id


def test_fire_makes_it_due_now_and_replay_sends_it_once_more(client: TimerClient, receiver: Receiver) -> None:
    timer = client.create(f"{receiver.url}/hook", delay=LATER)
    fired = client.fire(timer.id)
    assert fired.due_at < timer.due_at
    assert ended(client, timer).status == "delivered"
    with pytest.raises(Conflict):
        client.fire(timer.id)
    client.replay(timer.id)
    first, second = receiver.wait_for(2, 20)
    assert (first.webhook_id, second.webhook_id) == (timer.id, f"{timer.id}-2")
    assert first.timer_id == second.timer_id == timer_id_of(second.webhook_id) == timer.id
    assert (second.headers["timer-redelivery"], second.headers["timer-occurrence"]) == ("replay", "2")
    assert ended(client, timer).attempts == 2


def test_cancel_may_be_repeated_and_is_refused_once_it_was_sent(client: TimerClient, receiver: Receiver) -> None:
    timer = client.create(HOOK, delay=LATER)
    for _ in range(2):
        client.cancel(timer.id)
    sent = ended(client, client.create(f"{receiver.url}/hook", delay=0))
    with pytest.raises(Conflict) as caught:
        client.cancel(sent.id)
    assert caught.value.timer_status == "delivered"
    with pytest.raises(NotFound):
        client.cancel("nonsense")


def test_failed_ones_of_a_tag_are_replayed_together(client: TimerClient, receiver: Receiver, name: str) -> None:
    url = f"{receiver.url}/status/410"
    timers = [client.create(url, delay=0, tags=[name]) for _ in range(3)]
    for timer in timers:
        assert ended(client, timer).status == "failed"
    changed = client.replay_many(tag=name)
    assert (changed.matched, changed.changed, changed.skipped) == (3, 3, 0)
    receiver.wait_for(6, 20)
    assert set(receiver.counts().values()) == {2}
    with pytest.raises(Invalid):
        client.replay_many()


def test_by_ids_what_does_not_allow_it_is_skipped(client: TimerClient) -> None:
    waiting, gone = (client.create(HOOK, delay=LATER).id for _ in range(2))
    client.cancel(gone)
    changed = client.cancel_many([waiting])
    assert (changed.matched, changed.changed, changed.skipped) == (1, 1, 0)
    replayed = client.replay_many([waiting, gone])
    assert (replayed.changed, replayed.skipped) == (0, 2)


def test_counts_and_readiness(client: TimerClient) -> None:
    before = client.stats().scheduled
    client.create(HOOK, delay=LATER)
    assert client.stats().scheduled == before + 1
    assert client.stats().oldest_overdue >= timedelta(0)
    readiness = client.ready()
    assert readiness
    assert isinstance(readiness.warnings, tuple)


def test_threads_may_share_a_client(client: TimerClient) -> None:
    with ThreadPoolExecutor(8) as eight:
        timers = list(eight.map(lambda number: client.create(HOOK, delay=LATER, body=number), range(100)))
    assert [timer.body for timer in timers] == list(range(100))
    assert len({timer.id for timer in timers}) == 100


def test_keys_decide_who_may_do_what(service: Service, keys: dict[str, str]) -> None:
    with new_client(keys["url"], keys["read"]) as reader, new_client(keys["url"], keys["write"]) as writer:
        timer = writer.create(HOOK, delay=LATER)
        assert reader.get(timer.id) == timer
        with pytest.raises(Forbidden):
            reader.cancel(timer.id)
    for wrong in (None, "tk_nonsense"):
        with new_client(keys["url"], wrong) as nobody:
            with pytest.raises(Unauthorized):
                nobody.stats()
            assert nobody.ready()


def test_everything_the_service_refuses_is_of_one_tree(client: TimerClient) -> None:
    with pytest.raises(TimerServiceError):
        client.get("nonsense")


def test_counting_and_listing_all(client: TimerClient, name: str) -> None:
    one, two = (client.create("http://h/", delay=60, tags=[name]) for _ in range(2))
    client.cancel(two.id)
    assert client.count(tag=name) == Count(count=2, exact=True)
    assert client.count(tag=name, status="cancelled").count == 1
    everything = [timer.id for timer in client.list(status="any", page_size=100)]
    assert everything.index(one.id) < everything.index(two.id)


def test_the_service_tells_of_its_pollers_its_minutes_and_its_store(client: TimerClient, receiver: Receiver) -> None:
    before = sum(minute.delivered for minute in client.minutes().minutes)
    sent = ended(client, client.create(f"{receiver.url}/hook", delay=0))
    found = client.minutes(5)
    assert len(found.minutes) == 5
    assert sum(minute.delivered for minute in client.minutes().minutes) > before
    assert any(minute.lateness_worst is not None for minute in found.minutes)
    pollers = client.pollers()
    assert pollers.read_at >= sent.due_at
    (poller,) = [it for it in pollers.pollers if it.name == sent.last_attempt.poller]  # type: ignore[union-attr]
    assert poller.slots > 0
    assert pollers.read_at - poller.seen_at < timedelta(minutes=1)
    store = client.store()
    assert (store.write_ok, store.append_only, store.when_full) == (True, True, "refuses")
    assert store.write_time is not None


def test_a_forecast_counts_what_was_set(client: TimerClient) -> None:
    start = datetime(2100, 1, 1, tzinfo=UTC)
    made = [client.create(HOOK, due_at=start + timedelta(minutes=minutes)).id for minutes in (0, 1, 1)]
    found = client.forecast(from_=start, to=start + timedelta(minutes=3))
    assert [(bucket.at - start, bucket.count) for bucket in found.buckets] == [
        (timedelta(minutes=0), 1),
        (timedelta(minutes=1), 2),
        (timedelta(minutes=2), 0),
    ]
    assert client.forecast(from_=start, to=start + timedelta(days=1), by="day").buckets[0].count == 3
    with pytest.raises(Invalid, match="/to"):
        client.forecast(from_=start, to=start + timedelta(days=1), by="second")
    with pytest.raises(Invalid, match="/minutes"):
        client.minutes(0)
    client.cancel_many(made)  # the other client finds none


def test_failures_name_where_it_fails_and_what_to_replay(client: TimerClient, receiver: Receiver) -> None:
    timers = [ended(client, client.create(f"{receiver.url}/status/410", delay=0)) for _ in range(2)]
    destination = receiver.url.replace("://", ":")
    (group,) = [it for it in client.failures().groups if it.destination == destination]
    assert (group.count, group.reason, group.status_code, group.newest) == (2, "permanent", 410, timers[1])
    assert group.ids == (timers[1].id, timers[0].id)
    (failing,) = [it for it in client.failures().failing if it.destination == destination]
    assert (failing.failures, failing.status_code) == (2, 410)
    ended(client, client.create(f"{receiver.url}/hook", delay=0))
    assert destination not in [it.destination for it in client.failures().failing]
