"""The poller's loop, one pass at a time: a real store, and a transport in the test's hand."""

from __future__ import annotations

import logging
import signal
import time
from unittest.mock import Mock

import pytest

from scheduler import Attempt, Claims, Delivery, Link, Outcome, Poller, Settlement, StoreUnavailable, connect
from scheduler.store.record import destination_tag
from scheduler.store.room import BATCH
from tests.bench.processes import wait_until
from tests.bench.servers import Server
from tests.bench.store import LEASE, Bench, HandSetRedis
from tests.bench.transports import HandTransport


@pytest.fixture
def bench(own_server: Server) -> Bench:
    return Bench(HandSetRedis(unix_socket_path=str(own_server.socket)))


@pytest.fixture
def transport() -> HandTransport:
    return HandTransport(slots=3)


@pytest.fixture
def poller(bench: Bench, transport: HandTransport) -> Poller:
    return Poller(bench.claims, transport, name="one", lease=LEASE / 1000, grace=0.2)


def until_back(poller: Poller) -> None:
    """One pass, once the store answers again."""
    deadline = time.monotonic() + 60
    while True:
        try:
            poller.run_once()
            return
        except StoreUnavailable:
            assert time.monotonic() < deadline


def collect(poller: Poller, transport: HandTransport) -> None:
    poller._collect(transport.wait(0))


def test_it_claims_no_more_than_it_has_free_slots_for(bench: Bench, poller: Poller, transport: HandTransport) -> None:
    for _ in range(5):
        bench.schedule()
    poller.run_once()
    assert len(transport.sent) == 3
    poller.run_once()
    assert len(transport.sent) == 3
    transport.end(transport.sent[0])
    collect(poller, transport)
    poller.run_once()
    assert len(transport.sent) == 4
    assert bench.timers.stats().delivered == 1


def test_it_sleeps_until_the_next_timer_is_due_and_at_most_a_second(bench: Bench, poller: Poller) -> None:
    assert poller.run_once() == pytest.approx(1.0)
    bench.schedule(250)
    assert poller.run_once() == pytest.approx(0.25, abs=0.01)


def test_a_full_batch_is_followed_by_the_next_pass_at_once(bench: Bench) -> None:
    poller = Poller(bench.claims, HandTransport(slots=2000), name="one", lease=LEASE / 1000, grace=0)
    for _ in range(BATCH + 50):
        bench.schedule()
    assert poller.run_once() == 0
    assert poller.run_once() > 0
    assert bench.timers.stats().delivering == BATCH + 50


def roomy(bench: Bench, transport: HandTransport) -> Poller:
    return Poller(bench.claims, transport, name="one", lease=LEASE / 1000, grace=0.2)


def test_while_more_is_due_the_store_claims_the_next_before_these_are_sent(bench: Bench) -> None:
    transport = HandTransport(slots=2000)
    poller = roomy(bench, transport)
    for _ in range(2 * BATCH + 50):
        bench.schedule()
    poller.run_once()
    assert len(transport.sent) == BATCH
    wait_until(lambda: bench.timers.stats().delivering == 2 * BATCH, 20, "the store claims what was asked for")
    poller.run_once()
    assert len(transport.sent) == 2 * BATCH


def test_while_answers_come_no_more_than_a_batch_is_under_way(bench: Bench) -> None:
    """Else all slots are in use where a few would do, and each request costs twice as much."""
    transport = HandTransport(slots=2000)
    poller = roomy(bench, transport)
    for _ in range(4 * BATCH):
        bench.schedule()
    poller.run_once()
    poller.run_once()
    poller._answers_come = True
    assert poller.run_once() == 0
    assert len(transport.sent) == 2 * BATCH
    for claim in transport.sent[: BATCH + 1]:
        transport.end(claim)
    collect(poller, transport)
    poller.run_once()
    assert len(transport.sent) == 3 * BATCH
    poller._answers_come = False  # receivers that are slow
    poller.run_once()
    assert len(transport.sent) == 4 * BATCH


def test_stop_gives_back_what_the_store_has_claimed_meanwhile(bench: Bench) -> None:
    transport = HandTransport(slots=2000)
    poller = roomy(bench, transport)
    for _ in range(BATCH + 9):
        bench.schedule()
    poller.run_once()
    for claim in transport.sent:
        transport.end(claim)
    poller.stop()
    poller.run()
    found = bench.timers.stats()
    assert (found.delivered, found.scheduled, found.delivering) == (BATCH, 9, 0)


def test_a_store_that_dies_with_a_claim_and_a_settle_under_way_loses_neither(
    bench: Bench, own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.store.memory._GOOD_FOR", 600.0)  # it is not asked while it is stopped
    transport = HandTransport(slots=2000)
    poller = roomy(bench, transport)
    count = 2 * BATCH + 9
    for _ in range(count):
        bench.schedule()
    poller.run_once()
    for claim in transport.sent[:9]:
        transport.end(claim)
    collect(poller, transport)
    poller._settling.send()  # on a connection of its own, for a claim is under way
    poller._settling.read()
    own_server.signal(signal.SIGSTOP)
    for claim in transport.sent[9:]:
        transport.end(claim)
    collect(poller, transport)
    poller._settling.send()
    own_server.kill_at_once()
    with pytest.raises(StoreUnavailable):
        poller.run_once()
    own_server.start()
    until_back(poller)
    ended = BATCH
    for _ in range(9):
        for claim in transport.sent[ended:]:
            transport.end(claim)
        ended = len(transport.sent)
        collect(poller, transport)
        poller.run_once()
    assert bench.timers.stats().delivered == len(transport.sent) == count


def test_a_poller_without_a_free_slot_does_not_spin(bench: Bench, poller: Poller) -> None:
    for _ in range(5):
        bench.schedule()
    poller.run_once()
    assert poller.run_once() > 0.5


def test_what_waits_expires_while_all_slots_of_the_only_poller_are_taken(bench: Bench, poller: Poller) -> None:
    """Red if only claims ended it: a poller without a free slot makes none."""
    for _ in range(3):
        bench.schedule()
    poller.run_once()
    assert poller.in_flight == 3
    waits = bench.schedule(url="http://busy/", max_lateness=2)
    bench.poller("two").claim(1, {destination_tag("http://busy/")})
    bench.advance(2001)
    poller._expire_at = 0.0  # five seconds later
    poller.run_once()
    assert bench.timers.get(waits.id).reason == "expired"
    assert 0 < poller._expire_at - time.monotonic() <= 5


def test_what_was_to_be_given_back_is_kept_while_the_store_is_away(
    bench: Bench, poller: Poller, transport: HandTransport, own_server: Server
) -> None:
    bench.schedule()
    poller.run_once()
    transport.hand_back(transport.sent[0])
    collect(poller, transport)
    own_server.kill()
    with pytest.raises(StoreUnavailable):
        poller.run_once()
    own_server.start()
    until_back(poller)
    assert [claim.number for claim in transport.sent] == [1, 1]


def test_what_fails_is_tried_again_until_its_attempts_are_used_up(
    bench: Bench, poller: Poller, transport: HandTransport
) -> None:
    timer = bench.schedule(max_attempts=2)
    for _ in range(2):
        poller.run_once()
        transport.end(transport.sent[-1], None, "timeout")
        collect(poller, transport)
        poller.run_once()
        bench.advance(6000)
    found = bench.timers.get(timer.id)
    assert (found.status, found.attempts) == ("failed", 2)
    assert found.last_attempt is not None
    assert (found.last_attempt.error, found.last_attempt.outcome) == ("timeout", Outcome.RETRYABLE)
    assert found.last_attempt.poller == "one"


def test_what_the_transport_did_not_send_is_given_back(bench: Bench, poller: Poller, transport: HandTransport) -> None:
    timer = bench.schedule()
    poller.run_once()
    transport.hand_back(transport.sent[0])
    collect(poller, transport)
    poller.run_once()
    assert [claim.number for claim in transport.sent] == [1, 1]
    assert bench.timers.attempts(timer.id) == []


def test_an_outcome_is_kept_while_the_store_is_away_and_settled_when_it_is_back(
    bench: Bench, poller: Poller, transport: HandTransport, own_server: Server
) -> None:
    timer = bench.schedule()
    poller.run_once()
    transport.end(transport.sent[0])
    collect(poller, transport)
    own_server.kill()
    with pytest.raises(StoreUnavailable):
        poller.run_once()
    own_server.start()
    until_back(poller)
    assert bench.timers.get(timer.id).status == "delivered"
    assert len(transport.sent) == 1


def test_while_the_store_is_away_it_looks_again_before_any_lease_can_have_ended(poller: Poller) -> None:
    """Of a store away for just less than half a lease it is not known that it was: whoever is back first takes back."""

    def away() -> float:
        raise StoreUnavailable("away")

    pauses = [poller._guarded(away) for _ in range(20)]
    assert max(pauses) <= LEASE / 1000 / 6 / 2
    assert min(pauses[5:]) > 0.2  # and it does not spin


def test_it_holds_at_most_one_suspect(bench: Bench, poller: Poller, transport: HandTransport) -> None:
    for _ in range(3):
        bench.schedule()
    for _ in range(2):
        bench.poller("doomed").claim(10)
        bench.alive(LEASE)
    poller.run_once()
    poller.run_once()
    assert [claim.suspect for claim in transport.sent] == [True]
    transport.end(transport.sent[0])
    collect(poller, transport)
    poller.run_once()
    assert [claim.suspect for claim in transport.sent] == [True, True]


def test_leases_are_renewed_every_third_and_no_longer_than_the_deadline_and_five_seconds(
    bench: Bench, poller: Poller, transport: HandTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.schedule(timeout=20)
    poller.run_once()
    begun, passed = time.monotonic(), 0.0
    monkeypatch.setattr(time, "monotonic", lambda: begun + passed)
    ends = []
    for _ in range(8):
        passed += LEASE / 3000 + 0.001
        bench.advance(round(LEASE / 3))
        poller.run_once()
        ((_, end),) = bench.client.zrange("timers:{0}:delivering", 0, -1, withscores=True)
        ends.append((end - bench.now) / 1000 + passed)
    assert ends[:4] == pytest.approx([13.3, 16.7, 20.0, 23.3], abs=0.1)
    assert max(ends) == pytest.approx(30, abs=0.2)  # it may have begun 5 s after its claim


def test_stop_lets_what_runs_end_and_settles_it(bench: Bench, poller: Poller, transport: HandTransport) -> None:
    timer = bench.schedule()
    poller.run_once()
    transport.end(transport.sent[0])
    poller.stop()
    poller.run()
    assert transport.closed
    assert bench.timers.get(timer.id).status == "delivered"


def test_stop_gives_back_what_was_claimed_but_not_sent(bench: Bench, poller: Poller, transport: HandTransport) -> None:
    bench.schedule()
    poller.stop()
    poller.run_once()  # the claim was under way when the signal came
    assert transport.sent == []
    poller.run()
    assert bench.timers.stats().scheduled == 1
    assert bench.timers.stats().delivering == 0


RECORDS = [
    b"1 dest0001\n[]\n",
    b'1 dest0001\n"later"\n',
    b"1 dest0001\n" + 20_000 * b"[" + b"\n",
    b'1 dest0001\n{"url":"http://receiver/","backoff":[]}\n',
    b'1 dest0001\n{"url":"http://receiver/","backoff":"fibonacci"}\n',
    b'1 dest0001\n{"url":"http://receiver/","backoff":["fibonacci",5,60,null]}\n',
    b'1 dest0001\n{"url":"http://receiver/","backoff":[5,3,NaN,null]}\n',
    b"1\nhttp://receiver/\n",
    b"1 -\n{}\n",
    b"no record",
    b'1 dest0002\n{"url":"http://receiver:port/"}\n',
]


@pytest.mark.parametrize("record", RECORDS, ids=range(len(RECORDS)))
def test_no_record_stops_the_poller(
    bench: Bench, poller: Poller, transport: HandTransport, record: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """It is put off, or sent and retried. The same in the attempt's planning, and in its line of the log."""
    caplog.set_level(logging.INFO, "scheduler.attempts")
    planted, other = bench.schedule(), bench.schedule()
    bench.client.set(f"timers:{{0}}:timer:{planted.id}", record)
    poller.run_once()
    for claim in transport.sent:
        transport.end(claim, 204 if claim.id == other.id else None, None if claim.id == other.id else "protocol")
    collect(poller, transport)
    poller.run_once()
    assert bench.timers.get(other.id).status == "delivered"


def test_a_record_that_cannot_be_put_off_takes_no_others_with_it(
    bench: Bench, poller: Poller, transport: HandTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One with at_most_once that was claimed beside it would end as outcome-unknown, and was never sent."""
    planted, other = bench.schedule(), bench.schedule(delivery=Delivery.AT_MOST_ONCE)
    bench.client.set(f"timers:{{0}}:timer:{planted.id}", b"1 dest0001\n[]\n")

    def away(_: object) -> None:
        raise StoreUnavailable("the store is away")

    monkeypatch.setattr(bench.claims, "settle", away)
    poller.run_once()
    assert [claim.id for claim in transport.sent] == [other.id]


def test_a_poller_whose_store_has_stopped_answering_waits_for_what_it_settles_alone(
    bench: Bench, own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How full the store is is asked once a second: another timeout each, while no attempt goes on."""
    monkeypatch.setattr("scheduler.store.memory._GOOD_FOR", 0.0)
    link = Link(connect(f"unix://{own_server.socket}", 0.2), pause=0)
    asked = Mock(side_effect=link.client.info)
    monkeypatch.setattr(link.client, "info", asked)
    claims = Claims(link, poller="one", share=9, lease_ms=LEASE, keep_delivered_ms=9, keep_failed_ms=9, keep_finished=9)
    claims.claim(1)
    asked.reset_mock()
    ended = [Settlement("0" * 22, "f", Attempt(1, Outcome.DELIVERED), None)]
    own_server.signal(signal.SIGSTOP)
    try:
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                claims.settle(ended)
    finally:
        own_server.signal(signal.SIGCONT)
    assert asked.call_count == 1


def test_stop_settles_what_ends_in_the_last_moment_even_without_any_grace(
    bench: Bench, transport: HandTransport
) -> None:
    poller = Poller(bench.claims, transport, name="one", lease=LEASE / 1000, grace=0)
    bench.schedule()
    poller.run_once()
    transport.end(transport.sent[0])
    poller.stop()
    poller.run()
    assert bench.timers.stats().delivered == 1


def test_stop_leaves_what_hangs_to_its_lease_when_the_grace_is_over(
    bench: Bench, poller: Poller, transport: HandTransport
) -> None:
    bench.schedule()
    poller.run_once()
    poller.stop()
    poller.run()
    assert transport.closed
    assert bench.timers.stats().delivering == 1
