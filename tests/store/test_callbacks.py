"""The end of a timer that asks for it makes one timer of its own, in the call that ends it, and tells of that very end.

Tried: each way to end, replays, retries, keys and tags; a settle made twice, one whose reply is lost, and one that the
store refuses in its middle; a full store and a limit of pending timers; a parent that is changed, sent again or
forgotten meanwhile; bodies of any size; a version that knows no callbacks.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
import redis

from scheduler import (
    Attempt,
    Callback,
    Claim,
    Claims,
    Delivery,
    Draft,
    LaterFormat,
    Link,
    Outcome,
    Query,
    Reschedule,
    Settlement,
    Status,
    StoreUnavailable,
    Timer,
    Timers,
    TimerTooLarge,
    Webhook,
)
from scheduler.delivery.request import build
from scheduler.delivery.signing import Signer
from scheduler.store import record, scripts
from tests.bench.servers import Server
from tests.bench.store import KEEP, LEASE, Bench, HandSetFake, link_over
from tests.store.test_half_done import allow, limited

DELIVERED, FAILED = Callback("http://ended/delivered"), Callback("http://ended/failed", {"x-trace": "17"}, 3, 4)
#: More than one call claims or settles, and than a page of a list has.
MANY = 300
BOTH: dict[str, Any] = {"on_delivered": DELIVERED, "on_failed": FAILED}


def claim_one(bench: Bench) -> Claim:
    (claim,) = bench.claims.claim(10).claims
    return claim


def settlement_of(claim: Claim, outcome: Outcome, retry_ms: int | None = None, **said: Any) -> Settlement:
    return Settlement(claim.id, claim.fence, Attempt(claim.number, outcome, lateness_ms=1, **said), retry_ms)


def _end(bench: Bench, outcome: Outcome, **said: Any) -> None:
    assert bench.claims.settle([settlement_of(claim_one(bench), outcome, **said)]) == []


def _callbacks(bench: Bench, status: Status = Status.SCHEDULED) -> list[Timer]:
    return [it for it in bench.listing.page(Query(status=status, limit=100)).timers if it.callback_for]


def _told(timer: Timer) -> Any:
    assert timer.webhook.body is not None
    return json.loads(timer.webhook.body)


@pytest.mark.parametrize(("outcome", "asked"), [(Outcome.DELIVERED, DELIVERED), (Outcome.PERMANENT, FAILED)])
@pytest.mark.parametrize("names", [{}, {"key": "k", "tags": ("t",)}], ids=["plain", "named"])
def test_an_end_makes_the_callback_that_was_asked_for_due_now(
    bench: Bench, outcome: Outcome, asked: Callback, names: dict[str, Any]
) -> None:
    timer = bench.schedule(**BOTH, **names, body=b'{"n":1.50}')
    _end(bench, outcome, status_code=410)
    (made,) = _callbacks(bench)
    assert (made.callback_for, made.due_at, made.key, made.tags) == (timer.id, bench.now, None, ())
    assert Callback(*(getattr(made.webhook, name) for name in Callback._fields)) == asked
    told = _told(made)
    assert told["type"] == f"timer.{bench.timers.get(timer.id).status}"
    assert (told["timer"]["id"], told["timer"]["reason"]) == (timer.id, bench.timers.get(timer.id).reason)
    assert (told["last_attempt"]["status_code"], told["last_attempt"]["number"]) == (410, 1)
    assert bench.partition(made.id) == bench.partition(timer.id)
    bench.check()
    claim = claim_one(bench)
    assert (claim.id, claim.webhook, claim.redelivery) == (made.id, made.webhook, None)
    sent = build(claim, bench.now, Signer("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    assert (sent.headers["timer-callback-for"], sent.headers["webhook-id"]) == (timer.id, made.id)
    assert "webhook-signature" in sent.headers
    assert sent.body == made.webhook.body


def test_only_the_end_that_was_asked_about_makes_one(bench: Bench) -> None:
    bench.schedule(on_failed=FAILED)
    _end(bench, Outcome.DELIVERED)
    bench.schedule(on_delivered=DELIVERED)
    _end(bench, Outcome.PERMANENT)
    bench.schedule()
    _end(bench, Outcome.PERMANENT)
    assert _callbacks(bench) == []
    assert bench.timers.stats().scheduled == 0


def test_attempts_that_are_not_the_last_make_none(bench: Bench) -> None:
    timer = bench.schedule(**BOTH)
    for _ in range(3):
        _end(bench, Outcome.RETRYABLE, retry_ms=5)
        assert _callbacks(bench) == []
        bench.advance(5)
    _end(bench, Outcome.RETRYABLE, status_code=503)
    (made,) = _callbacks(bench)
    told = _told(made)
    assert (made.callback_for, told["timer"]["attempts"], told["last_attempt"]["number"]) == (timer.id, 4, 4)
    bench.check()


def test_a_third_lost_lease_makes_one_though_no_poller_sees_the_end(bench: Bench) -> None:
    timer = bench.schedule(on_failed=FAILED, body=b"x", body_is_json=False)
    for number in (1, 2, 3):
        (claim,) = bench.poller(f"doomed{number}").claim(10).claims
        assert claim.id == timer.id
        bench.alive(LEASE + 1)
    made = claim_one(bench)  # in the call that ends it
    assert (made.callback_for, made.webhook.url) == (timer.id, FAILED.url)
    told = json.loads(made.webhook.body or b"")
    assert (told["type"], told["timer"]["reason"], told["timer"]["attempts"]) == ("timer.failed", "lease-lost", 3)
    assert (told["last_attempt"]["error"], told["timer"]["body_base64"]) == ("lease-lost", "eA==")
    bench.check()


def test_a_lost_lease_that_ends_one_that_is_sent_at_most_once_makes_one(bench: Bench) -> None:
    timer = bench.schedule(on_failed=FAILED, delivery=Delivery.AT_MOST_ONCE)
    bench.poller("doomed").claim(1)
    bench.alive(LEASE + 1)
    made = claim_one(bench)
    assert made.callback_for == timer.id
    assert json.loads(made.webhook.body or b"")["timer"]["reason"] == "outcome-unknown"
    bench.check()


def test_a_cancel_makes_none_also_after_attempts(bench: Bench) -> None:
    first, second = bench.schedule(5, **BOTH), bench.schedule(**BOTH)
    bench.timers.cancel(first.id)
    _end(bench, Outcome.RETRYABLE, retry_ms=5)
    bench.timers.cancel(second.id)
    assert _callbacks(bench) == []
    bench.check()


def test_each_end_of_a_replayed_timer_makes_another(bench: Bench) -> None:
    timer = bench.schedule(**BOTH)
    for outcome in (Outcome.PERMANENT, Outcome.PERMANENT, Outcome.DELIVERED, Outcome.DELIVERED):
        while (claim := claim_one(bench)).id != timer.id:
            bench.claims.settle([settlement_of(claim, Outcome.DELIVERED)])
        bench.claims.settle([settlement_of(claim, outcome)])
        _end(bench, Outcome.DELIVERED)
        bench.timers.replay(bench.timers.get(timer.id))
    made = _callbacks(bench, Status.DELIVERED)
    assert sorted(_told(it)["timer"]["attempts"] for it in made) == [1, 2, 3, 4]
    assert len({it.id for it in made}) == 4
    assert {it.callback_for for it in made} == {timer.id}
    bench.check()


@pytest.mark.parametrize("names", [{}, {"key": "k", "tags": ("t",)}], ids=["plain", "named"])
def test_the_callback_of_its_last_end_is_found_from_a_timer(bench: Bench, names: dict[str, Any]) -> None:
    if isinstance(bench.client, HandSetFake):
        pytest.skip("it has no SHA-1")
    timer = bench.schedule(**BOTH, **names, max_occurrences=2)
    assert bench.timers.callback_of(timer) is None
    claim, again = claim_one(bench), Reschedule(delay_ms=1000)
    bench.claims.settle([Settlement(claim.id, claim.fence, Attempt(1, Outcome.DELIVERED), None, again)])
    assert bench.timers.callback_of(bench.timers.get(timer.id)) is None
    bench.advance(1000)
    for outcome in (Outcome.PERMANENT, Outcome.DELIVERED, Outcome.PERMANENT):
        _end(bench, outcome)
        (made,) = _callbacks(bench)
        assert bench.timers.callback_of(bench.timers.get(timer.id)) == made.id
        _end(bench, Outcome.DELIVERED)
        assert bench.timers.callback_of(bench.timers.get(timer.id)) == made.id
        bench.timers.replay(bench.timers.get(timer.id))
        assert bench.timers.callback_of(bench.timers.get(timer.id)) is None
    other = bench.schedule(on_delivered=DELIVERED)
    bench.timers.cancel(other.id)
    assert bench.timers.callback_of(bench.timers.get(other.id)) is None
    _end(bench, Outcome.PERMANENT)
    ended = bench.timers.get(timer.id)
    _end(bench, Outcome.DELIVERED)
    bench.advance(2 * KEEP)
    bench.alive(LEASE)
    assert bench.timers.callback_of(ended) is None  # it is forgotten


def test_an_occurrence_that_goes_on_makes_none_and_the_last_makes_one(bench: Bench) -> None:
    bench.schedule(**BOTH, max_occurrences=2)
    claim = claim_one(bench)
    attempt = Attempt(1, Outcome.DELIVERED, lateness_ms=1)
    bench.claims.settle([Settlement(claim.id, claim.fence, attempt, None, Reschedule(delay_ms=1000))])
    assert _callbacks(bench) == []
    bench.advance(1000)
    _end(bench, Outcome.DELIVERED)
    assert [_told(it)["timer"]["occurrence"] for it in _callbacks(bench)] == [2]


def test_a_settle_made_again_makes_no_second(bench: Bench) -> None:
    bench.schedule(**BOTH)
    claim = claim_one(bench)
    for _ in range(3):
        assert bench.claims.settle([settlement_of(claim, Outcome.DELIVERED)]) == []
        bench.advance(7)
    assert len(_callbacks(bench)) == 1
    _end(bench, Outcome.DELIVERED)
    assert bench.claims.settle([settlement_of(claim, Outcome.DELIVERED)]) == []
    assert (_callbacks(bench), len(_callbacks(bench, Status.DELIVERED))) == ([], 1)
    assert bench.poller("late").settle([settlement_of(claim._replace(fence="x"), Outcome.DELIVERED)]) != []
    assert bench.timers.stats().scheduled == 0


@pytest.mark.parametrize("command", ["exists", "set", "hset", "zadd", "zrem", "hincrby", "lpush", "ltrim"])
def test_a_settle_that_the_store_refuses_in_its_middle_makes_exactly_one_when_it_is_made_again(
    server: Server, command: str
) -> None:
    """Red if the record is written before its place, or what was called back after the progress."""
    allow(server)
    bench = Bench(limited(server))
    timer = bench.schedule(**BOTH)
    claim = claim_one(bench)
    allow(server, f"-{command}")
    with pytest.raises(StoreUnavailable):
        bench.claims.settle([settlement_of(claim, Outcome.DELIVERED)])
    allow(server)
    bench.advance(5)
    assert bench.claims.settle([settlement_of(claim, Outcome.DELIVERED)]) == []
    assert [it.callback_for for it in _callbacks(bench)] == [timer.id]
    bench.alive(2 * LEASE)
    (made,) = bench.poller("two").claim(10).claims
    assert made.callback_for == timer.id
    assert bench.poller("two").settle([settlement_of(made, Outcome.DELIVERED)]) == []
    bench.check()
    bench.client.close()


def _soon(claims: Claims) -> Claim:
    """What is due within the next millisecond of a clock that goes."""
    while not (found := claims.claim(1).claims):
        pass
    return found[0]


@pytest.mark.parametrize("store", ["valkey", "redis"])
def test_a_full_store_makes_it_too(request: pytest.FixtureRequest, store: str) -> None:
    server: Server = request.getfixturevalue(f"{store}_server")
    client: Any = server.client()
    client.flushall()
    link = Link(client)
    bench = Bench(client)
    bench.link = link
    timers = Timers(link, keep_cancelled_ms=KEEP)
    claims = bench.store().claims("real", 10)
    timers.set(Draft(timers.new_id(), Webhook("http://a/", on_failed=FAILED), delay_ms=0))
    claim = _soon(claims)
    try:
        client.config_set("maxmemory", 1)
        with pytest.raises(StoreUnavailable):
            timers.set(Draft(timers.new_id(), Webhook("http://a/"), delay_ms=0))
        assert claims.settle([settlement_of(claim, Outcome.PERMANENT)]) == []
        made = _soon(claims)
        assert made.callback_for == claim.id
        assert claims.settle([settlement_of(made, Outcome.DELIVERED)]) == []
    finally:
        client.config_set("maxmemory", 0)
        client.flushall()
        client.close()


def test_as_many_pending_timers_as_there_may_be_stop_none(bench: Bench) -> None:
    timers = Timers(bench.link, keep_cancelled_ms=KEEP, max_pending=1)
    timers.set(bench.draft(0, **BOTH))
    claim = claim_one(bench)
    bench.claims.settle([settlement_of(claim, Outcome.DELIVERED)])
    assert len(_callbacks(bench)) == 1


def test_many_that_end_at_once_make_as_many(bench: Bench) -> None:
    timers = bench.timers.set(*(bench.draft(0, **BOTH) for _ in range(MANY)))
    ended: set[str] = set()
    while len(ended) < MANY:
        claims = [it for it in bench.claims.claim(96).claims if it.callback_for is None]
        assert bench.claims.settle([settlement_of(it, Outcome.PERMANENT) for it in claims]) == []
        ended |= {it.id for it in claims}
    found = [*_all(bench, Status.SCHEDULED), *_all(bench, Status.DELIVERING)]
    assert sorted(it.callback_for or "" for it in found) == sorted(it.id for it in timers)
    bench.check()


def _all(bench: Bench, status: Status) -> list[Timer]:
    found: list[Timer] = []
    page = bench.listing.page(Query(status=status, limit=200))
    found += page.timers
    while page.next is not None:
        page = bench.listing.page(Query(status=status, limit=200, after=page.next))
        found += page.timers
    return found


def test_it_tells_of_its_own_end_whatever_becomes_of_the_timer(bench: Bench) -> None:
    """Tried: its timer replayed and failed by now; forgotten by now."""
    timer = bench.schedule(on_delivered=DELIVERED, metadata={"order": 17})
    _end(bench, Outcome.DELIVERED, status_code=200)
    (made,) = _callbacks(bench)
    told = _told(made)
    bench.timers.replay(bench.timers.get(timer.id))
    for claim in bench.claims.claim(10).claims:
        if claim.id == timer.id:
            bench.claims.settle([settlement_of(claim, Outcome.PERMANENT)])
        else:
            bench.claims.settle([settlement_of(claim, Outcome.RETRYABLE, retry_ms=3 * KEEP)])
    bench.advance(2 * KEEP)
    bench.alive(LEASE)
    assert bench.where(timer.id) == []
    assert _told(bench.timers.get(made.id)) == told
    assert (told["timer"]["metadata"], told["timer"]["status"]) == ({"order": 17}, "delivered")
    bench.check()


@pytest.mark.parametrize(
    ("size", "is_told"), [(0, True), (1500, True), (16_384, True), (16_385, False), (250_000, False)]
)
def test_bodies_of_up_to_16_kib_are_told_and_longer_ones_left_out(bench: Bench, size: int, is_told: bool) -> None:
    bench.schedule(on_failed=FAILED, body=b"y" * size, body_is_json=False, metadata={"a": [1, {}]}, headers={"x": "é"})
    _end(bench, Outcome.PERMANENT)
    (made,) = _callbacks(bench)
    told = _told(made)["timer"]
    assert ("body_base64" in told) is is_told
    assert (told["metadata"], told["on_failed"]["url"]) == ({"a": [1, {}]}, FAILED.url)
    assert len(bench.client.get(f"{bench.prefix(made.id)}timer:{made.id}")) <= record.MAX_BYTES


def test_a_callback_that_is_too_large_beside_all_else_is_refused_and_named(bench: Bench) -> None:
    large = Callback("http://a/", {f"x-{n}": "v" * 8000 for n in range(17)})
    with pytest.raises(TimerTooLarge) as refused:
        bench.schedule(on_failed=large)
    assert refused.value.part == "on_failed"
    bench.schedule(on_failed=large._replace(headers=dict([*large.headers.items()][:15])))
    _end(bench, Outcome.PERMANENT)
    assert len(_callbacks(bench)) == 1


def test_one_that_was_asked_for_after_an_attempt_is_made_and_one_that_was_taken_back_is_not(bench: Bench) -> None:
    timer = bench.schedule()
    for webhook, made in (({"on_failed": FAILED}, 1), ({"on_failed": None}, 1)):
        _end(bench, Outcome.RETRYABLE, retry_ms=5)
        changed = bench.timers.get(timer.id).webhook._replace(**webhook)
        bench.changes.change(timer.id, partial(_with, changed))
        bench.advance(5)
        _end(bench, Outcome.PERMANENT)
        assert len(_callbacks(bench)) + len(_callbacks(bench, Status.DELIVERED)) == made
        if _callbacks(bench):
            _end(bench, Outcome.DELIVERED)
        bench.timers.replay(bench.timers.get(timer.id))


def _with(webhook: Webhook, timer: Timer) -> Draft:
    return Draft(timer.id, webhook)


def test_a_callback_is_a_timer_retried_cancelled_changed_and_replayed_as_any(bench: Bench) -> None:
    timer = bench.schedule(on_failed=FAILED)
    _end(bench, Outcome.PERMANENT)
    (made,) = _callbacks(bench)
    body = made.webhook.body
    _end(bench, Outcome.RETRYABLE, retry_ms=1000)
    changed = bench.changes.change(made.id, lambda it: Draft(it.id, it.webhook._replace(timeout=9)))
    assert (changed.webhook.body, changed.webhook.timeout, changed.callback_for) == (body, 9, timer.id)
    bench.advance(1000)
    claim = claim_one(bench)
    assert (claim.number, claim.redelivery, claim.webhook.body, claim.callback_for) == (2, "retry", body, timer.id)
    bench.claims.settle([settlement_of(claim, Outcome.PERMANENT)])
    assert _callbacks(bench) == []
    bench.timers.replay(bench.timers.get(made.id))
    bench.timers.cancel(made.id)
    assert bench.timers.get(made.id).status is Status.CANCELLED
    bench.check()


def test_a_cancelled_callback_of_a_long_record_is_still_read(bench: Bench) -> None:
    bench.schedule(on_failed=FAILED, body=b"1" * 3000)
    _end(bench, Outcome.PERMANENT)
    (made,) = _callbacks(bench)
    bench.timers.cancel(made.id)
    found = bench.timers.get(made.id)
    assert (found.status, found.webhook.body, found.unreadable) == (Status.CANCELLED, None, False)


def test_a_version_that_knows_no_callbacks_leaves_both_to_those_that_do(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record says that its reader has to know the second format only where it must."""
    plain = bench.schedule(1000, key="plain")
    asking, other = bench.schedule(**BOTH), bench.schedule(**BOTH)
    for claim in bench.claims.claim(10).claims:
        if claim.id == other.id:
            bench.claims.settle([settlement_of(claim, Outcome.DELIVERED)])
        else:
            bench.claims.release([claim])
    (made,) = _callbacks(bench)
    assert b" v=" not in bench.client.get(f"{bench.prefix(plain.id)}timer:{plain.id}")
    with monkeypatch.context() as older:
        for module in (record, scripts):
            older.setattr(module, "FORMAT", 1)
        scripts.source.cache_clear()
        old = Bench.__new__(Bench)
        old.__dict__ |= vars(bench)
        old.link = link_over(bench.client, bench.partitions)
        store = old.store()
        assert store.claims("old", 10).claim(10).claims == []
        with pytest.raises(LaterFormat):
            store.timers.cancel(asking.id)
    scripts.source.cache_clear()
    assert [bench.where(it) for it in (asking.id, made.id)] == [["waiting:!v2"]] * 2
    found: list[Claim] = []
    for _ in range(bench.partitions):
        found += bench.claims.claim(10).claims
    assert {it.id for it in found} == {asking.id, made.id}
    bench.check()


def test_a_lost_reply_of_a_claim_that_ended_a_timer_loses_no_callback(bench: Bench, client: redis.Redis) -> None:
    timer = bench.schedule(on_failed=FAILED, delivery=Delivery.AT_MOST_ONCE)
    bench.poller("doomed").claim(1)
    bench.alive(LEASE + 1)
    partition = bench.partition(timer.id)
    args: list[Any] = ["two", "claim-1", 10, 10, LEASE, KEEP, 1000, 10**6, "", "*", 0, 0, 0, 8, ""]
    first = bench.link.run("claim", partition, args)
    again = bench.link.run("claim", partition, args)
    assert first[4] == again[4] != timer.id.encode()
    (made,) = _callbacks(bench, Status.DELIVERING)
    assert made.callback_for == timer.id
