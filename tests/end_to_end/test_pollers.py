"""Pollers that die, freeze, stop, race and lose their store, over real processes and sockets."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from collections import Counter

import pytest
import requests

from scheduler import Backoff, Delivery
from scheduler.rfc3339 import rfc3339
from tests.bench.processes import Service, free_port, wait_until
from tests.bench.receiver import Receiver, receiving


def test_a_poller_killed_in_mid_attempt_has_its_timer_sent_again_once_with_the_same_id_and_marked(
    service: Service, receiver: Receiver
) -> None:
    service.environ["TIMER_LEASE"] = "3"
    victim = service.poller()
    (timer_id,) = service.set(1, f"{receiver.url}/held", 0)
    (first,) = receiver.wait_for(1, 10)
    victim.kill()
    service.poller()
    _, second = receiver.wait_for(2, 15)
    receiver.release.set()
    service.finished(1, 10)
    assert first.timer_id == second.timer_id == timer_id
    assert (first.headers["timer-attempt"], second.headers["timer-attempt"]) == ("1", "2")
    assert "timer-redelivery" not in first.headers
    assert second.headers["timer-redelivery"] == "lease-expired"
    assert len(receiver.hits) == 2
    assert [attempt.error for attempt in service.timers.attempts(timer_id)] == ["lease-lost", None]


def test_of_300_timers_one_that_kills_its_poller_fails_and_299_are_delivered(
    service: Service, receiver: Receiver
) -> None:
    """Without suspects all that died beside it would fail with it."""
    # It takes three leases; they may be as short as three of the store's timeouts.
    service.environ |= {"TIMER_LEASE": "2", "TIMER_STORE_TIMEOUT": "0.6"}
    ids = service.set(150, receiver.url, 0)
    (poison,) = service.set(1, f"{receiver.url}/poison", 0)
    ids += service.set(149, receiver.url, 0)
    deaths = 0
    poller = service.poisoned_poller()

    def over() -> bool:
        nonlocal deaths, poller
        if poller.process.poll() is not None:
            deaths += 1
            poller = service.poisoned_poller()
        stats = service.timers.stats()
        return stats.failed == 1 and stats.delivered == 299

    wait_until(over, 60, "299 delivered and 1 failed")
    assert deaths == 3
    found = service.timers.get(poison)
    assert found.last_attempt is not None
    assert (found.reason, found.last_attempt.error) == ("lease-lost", "lease-lost")
    assert set(receiver.counts()) == set(ids)


def test_at_most_once_is_not_sent_again_after_a_kill_in_mid_attempt(service: Service, receiver: Receiver) -> None:
    service.environ["TIMER_LEASE"] = "3"
    victim = service.poller()
    (timer_id,) = service.set(1, f"{receiver.url}/held", 0, delivery=Delivery.AT_MOST_ONCE)
    receiver.wait_for(1, 10)
    victim.kill()
    service.poller()
    wait_until(lambda: service.timers.stats().failed == 1, 20, "its failure")
    receiver.release.set()
    found = service.timers.get(timer_id)
    assert found.last_attempt is not None
    assert (found.reason, found.last_attempt.error, found.last_attempt.outcome) == (
        "outcome-unknown",
        "lease-lost",
        None,
    )
    assert len(receiver.hits) == 1


def test_at_most_once_is_tried_again_while_certainly_nothing_was_sent(service: Service, receiver: Receiver) -> None:
    service.poller()
    once = {"delivery": Delivery.AT_MOST_ONCE, "max_attempts": 3, "backoff": _quick()}
    (refused,) = service.set(1, f"http://127.0.0.1:{free_port()}/", 0, **once)
    (answered,) = service.set(1, f"{receiver.url}/status/503", 0, **once)
    wait_until(lambda: service.timers.stats().failed == 2, 10, "the end of both")
    assert [attempt.error for attempt in service.timers.attempts(refused)] == ["connect"] * 3
    assert [attempt.status_code for attempt in service.timers.attempts(answered)] == [503]


def test_a_refused_destination_ends_its_timer_at_once_and_is_not_told(service: Service, receiver: Receiver) -> None:
    poller = service.poller(TIMER_EGRESS_ALLOW="", TIMER_LOG_LEVEL="debug")
    port = receiver.url.rpartition(":")[2]
    literal, named = service.set(1, receiver.url, 0) + service.set(1, f"http://localhost:{port}/", 0)
    wait_until(lambda: service.timers.stats().failed == 2, 10, "the end of both")
    for timer_id in (literal, named):
        (attempt,) = service.timers.attempts(timer_id)
        assert (attempt.outcome, attempt.error, attempt.status_code) == ("permanent", "blocked", None)
        assert timer_id == literal or "127.0.0.1" not in str(attempt)  # it may say what the client said
    said = [line for line in poller.output().splitlines() if literal not in line]
    assert any(named in line for line in said)
    assert "127.0.0.1" not in "".join(said).replace(service.store.url, "")
    assert receiver.hits == []


def test_300_destinations_that_hang_with_one_timer_each_cost_a_healthy_one_nothing(
    service: Service, receiver: Receiver
) -> None:
    service.poller()
    with contextlib.ExitStack() as stack:
        # They never accept: the kernel shakes hands, and that is all.
        silent = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(300)]
        for listener in silent:
            service.set(1, f"http://127.0.0.1:{listener.getsockname()[1]}/", 0, timeout=60)
        wait_until(lambda: service.timers.stats().delivering == 300, 20, "all of them under way")
        assert _lateness(service, receiver) < 5


def test_a_receiver_that_asks_for_a_timer_again_gets_it_as_often_as_the_timer_allows(
    service: Service, receiver: Receiver
) -> None:
    """Each occurrence under a webhook-id of its own, so that a receiver that drops repeats takes it; here one that asks
    each time. The signature is over that id: the reference library verifies each hit."""
    service.poller()
    (timer_id,) = service.set(1, f"{receiver.url}/again/1s", 0, max_attempts=1, max_occurrences=2)
    (single,) = service.set(1, f"{receiver.url}/again/1s", 0)
    (far,) = service.set(1, f"{receiver.url}/again/9999-12-31T23:59:59Z", 0, max_occurrences=2)
    service.finished(2, 10)
    first, second = [hit for hit in receiver.hits if hit.timer_id == timer_id]
    assert second.at - first.at >= 1
    assert (first.webhook_id, second.webhook_id) == (timer_id, f"{timer_id}-2")
    assert (first.headers.get("timer-occurrence"), second.headers["timer-occurrence"]) == (None, "2")
    assert (first.headers.get("timer-redelivery"), second.headers["timer-redelivery"]) == (None, "rescheduled")
    for ended, occurrence in ((timer_id, 2), (single, 1)):
        found = service.timers.get(ended)
        assert (found.status, found.occurrence, found.attempts) == ("delivered", occurrence, occurrence)
        assert found.last_attempt is not None
        assert (found.last_attempt.final, found.last_attempt.asked_reschedule) == (True, "1s")
    assert (service.timers.get(far).status, service.timers.get(far).occurrence) == ("scheduled", 2)
    assert len(receiver.hits) == 4


def test_four_pollers_send_2000_timers_due_at_once_each_exactly_once_and_each_takes_its_share(
    service: Service, receiver: Receiver
) -> None:
    for _ in range(4):
        service.poller(TIMER_SLOTS="16")
    # Each answer takes a while, so the slots of a poller bound what it takes of those that a busy machine lets wait.
    ids = service.set(2000, f"{receiver.url}/sleep/0.05", 3000)
    receiver.wait_for(2000, 60)
    service.finished(2000, 10)
    assert receiver.counts() == dict.fromkeys(ids, 1)
    shares = Counter(service.timers.attempts(timer_id)[0].poller for timer_id in ids)
    assert len(shares) == 4
    assert min(shares.values()) >= 200  # a quarter is 500; a poller of a busy machine may have had less of it
    due = {timer_id: service.timers.get(timer_id).due_at for timer_id in ids[:50]}
    assert all(1000 * hit.at >= due[hit.timer_id] for hit in receiver.hits if hit.timer_id in due)


def test_a_store_frozen_for_longer_than_the_lease_makes_two_live_pollers_send_nothing_twice(
    service: Service, receiver: Receiver
) -> None:
    for _ in range(2):
        service.poller(TIMER_LEASE="3")
    ids = service.set(20, f"{receiver.url}/sleep/2", 0)
    receiver.wait_for(20, 10)
    service.store.signal(signal.SIGSTOP)
    time.sleep(7)  # the fault itself: more than two leases
    service.store.signal(signal.SIGCONT)
    service.finished(20, 20)
    assert receiver.counts() == dict.fromkeys(ids, 1)


def test_an_attempt_longer_than_its_lease_is_renewed_and_sent_once(service: Service, receiver: Receiver) -> None:
    for _ in range(2):
        service.poller(TIMER_LEASE="3")
    (timer_id,) = service.set(1, f"{receiver.url}/sleep/5", 0)
    service.finished(1, 20)
    assert receiver.counts() == {timer_id: 1}


def test_sigterm_under_load_loses_nothing_and_repeats_nothing(service: Service, receiver: Receiver) -> None:
    pollers = [service.poller(), service.poller()]
    ids = service.set(600, f"{receiver.url}/sleep/0.1", 0)
    receiver.wait_for(100, 20)
    for old in pollers:
        service.poller()
        assert old.stop() == 0
    service.finished(600, 30)
    assert receiver.counts() == dict.fromkeys(ids, 1)


def test_a_poller_told_to_stop_while_its_claim_is_unanswered_gives_the_timers_back(
    service: Service, receiver: Receiver
) -> None:
    poller = service.poller()
    once = service.set(1, receiver.url, 1500, delivery=Delivery.AT_MOST_ONCE)
    service.store.signal(signal.SIGSTOP)
    time.sleep(3)  # the claim of what fell due lies in the store's socket by now, and its caller has given up waiting
    poller.signal(signal.SIGTERM)
    service.store.signal(signal.SIGCONT)
    assert poller.process.wait(30) == 0
    assert service.timers.stats().scheduled == 1
    service.poller()
    service.finished(1, 10)
    assert receiver.counts() == dict.fromkeys(once, 1)
    assert service.timers.stats().delivering == 0


@pytest.mark.clock
def test_a_stopping_poller_leaves_a_hanging_attempt_to_its_lease_when_its_grace_is_over(
    service: Service, receiver: Receiver
) -> None:
    poller = service.poller(TIMER_GRACE="1")
    service.set(1, f"{receiver.url}/held", 0)
    receiver.wait_for(1, 10)
    begun = time.monotonic()
    assert poller.stop() == 0
    assert 1 <= time.monotonic() - begun < 4
    assert service.timers.stats().delivering == 1


def test_one_hanging_destination_costs_its_neighbours_nothing(service: Service, receiver: Receiver) -> None:
    slots, share = 256, 64
    with receiving() as hanging:
        service.poller(TIMER_SLOTS=str(slots))
        service.set(2000, f"{hanging.url}/held", 0, timeout=60)
        hanging.wait_for(share, 20)
        assert _lateness(service, receiver) < 5
        # Its share, and what the first batch added.
        assert share <= len(hanging.hits) < slots


def test_a_cancelled_timer_is_silent(service: Service, receiver: Receiver) -> None:
    service.api()
    service.poller()
    silent = service.post(seconds=3, url=receiver.url)
    assert requests.delete(f"{service.url}/timers/{silent['id']}", timeout=30).status_code == 204
    other = service.post(due_at=rfc3339(service.timers.get(silent["id"]).due_at + 200), url=receiver.url)
    receiver.wait_for(1, 10)
    assert receiver.counts() == {other["id"]: 1}


def test_a_failing_receiver_is_tried_again_and_then_the_timer_fails_with_a_written_reason(
    service: Service, receiver: Receiver
) -> None:
    service.poller()
    (timer_id,) = service.set(1, f"{receiver.url}/status/500", 0, max_attempts=3, backoff=_quick())
    wait_until(lambda: service.timers.stats().failed == 1, 10, "its failure")
    hits = receiver.hits
    assert [hit.headers["timer-attempt"] for hit in hits] == ["1", "2", "3"]
    assert [hit.headers.get("timer-redelivery") for hit in hits] == [None, "retry", "retry"]
    assert {hit.timer_id for hit in hits} == {timer_id}
    last = service.timers.get(timer_id).last_attempt
    assert last is not None
    assert (last.number, last.status_code, last.outcome, last.next_attempt_at) == (3, 500, "retryable", None)


@pytest.mark.clock
def test_a_timer_set_while_every_poller_sleeps_is_sent_at_once(service: Service, receiver: Receiver) -> None:
    """Without the doorbell a sleeping poller would find it up to a second later, half a second on average."""
    service.poller()
    service.set(1, receiver.url, 3_600_000)
    late = []
    for number in range(20):
        time.sleep(0.037 * (number % 5))  # another place in the poller's sleep each time
        begun = time.time()
        service.set(1, receiver.url, 0)
        late.append(receiver.wait_for(number + 1, 5)[-1].at - begun)
    assert sorted(late)[15] < 0.4  # without the doorbell 0.75


@pytest.mark.clock
def test_a_poller_waits_for_a_store_that_is_away_and_goes_on_when_it_is_back(
    service: Service, receiver: Receiver
) -> None:
    poller = service.poller()
    ids = service.set(5, receiver.url, 1500)
    service.store.kill()
    time.sleep(2)  # the fault itself
    assert poller.process.poll() is None
    before = _cpu(poller.process.pid)
    time.sleep(2)
    assert _cpu(poller.process.pid) - before < 0.4  # seconds: it neither exits nor spins
    service.store.start()
    service.finished(5, 10)
    assert receiver.counts() == dict.fromkeys(ids, 1)
    assert poller.stop() == 0


def test_a_frozen_poller_that_thaws_does_not_overwrite_what_another_has_done(
    service: Service, receiver: Receiver
) -> None:
    frozen = service.poller(TIMER_LEASE="3")
    (timer_id,) = service.set(1, f"{receiver.url}/held", 0)
    receiver.wait_for(1, 10)
    other = service.poller(TIMER_LEASE="3")
    frozen.signal(signal.SIGSTOP)
    receiver.wait_for(2, 15)
    receiver.release.set()
    service.finished(1, 10)
    frozen.signal(signal.SIGCONT)
    wait_until(lambda: f"settle of timer {timer_id} refused" in frozen.output(), 10, "a refused settle")
    assert service.timers.get(timer_id).attempts == 2
    assert len(receiver.hits) == 2
    assert (frozen.stop(), other.stop()) == (0, 0)


def _quick() -> object:
    return Backoff(steps=(0.05,))


def _lateness(service: Service, receiver: Receiver) -> float:
    """Seconds, of the middle one of fifty timers: of one the machine itself may make much."""
    late = []
    for number in range(50):
        due = time.time() + 0.05
        service.set(1, receiver.url, 50)
        late.append(receiver.wait_for(number + 1, 5)[-1].at - due)
    return sorted(late)[25]


def _cpu(pid: int) -> float:
    """Seconds of processor time so far."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
