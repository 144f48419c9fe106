"""Settles that a store refuses in their middle, and that are made again: none is sent once more for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from scheduler import Attempt, Claim, Outcome, Reason, Reschedule, Settlement, Status, StoreUnavailable
from tests.bench.servers import Server
from tests.bench.store import LEASE, Bench, HandSetRedis

_WAIT_MS = 3 * LEASE


@pytest.fixture(params=["valkey", "redis"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    running: Server = request.getfixturevalue(f"{request.param}_server")
    running.client().flushall()
    yield running
    running.client().acl_deluser("limited")


def allow(server: Server, *rules: str) -> None:
    client = server.client()
    client.execute_command("ACL", "SETUSER", "limited", "on", ">secret", "~*", "&*", "+@all", *rules)  # type: ignore[no-untyped-call]


def limited(server: Server) -> redis.Redis:
    return HandSetRedis(unix_socket_path=str(server.socket), username="limited", password="secret")


def delivered(claim: Claim) -> Settlement:
    return Settlement(
        claim.id, claim.fence, Attempt(claim.number, Outcome.DELIVERED, lateness_ms=1), None, None, Reason.DELIVERED
    )


def retried(claim: Claim) -> Settlement:
    return Settlement(claim.id, claim.fence, Attempt(claim.number, Outcome.RETRYABLE), _WAIT_MS, None, None)


@pytest.mark.parametrize("names", [{}, {"key": "k", "tags": ("t",)}], ids=["plain", "named"])
@pytest.mark.parametrize("command", ["hset", "zadd", "zrem", "hincrby", "lpush", "ltrim"])
def test_what_was_delivered_and_half_settled_is_not_sent_again(
    server: Server, command: str, names: dict[str, Any]
) -> None:
    allow(server)
    bench = Bench(limited(server))
    timer = bench.schedule(**names)
    (claim,) = bench.claims.claim(1).claims
    allow(server, f"-{command}")
    with pytest.raises(StoreUnavailable):
        bench.claims.settle([delivered(claim)])
    allow(server)
    assert bench.claims.settle([delivered(claim)]) == []
    bench.alive(2 * LEASE)
    assert bench.poller("two").claim(1).claims == []
    found = bench.timers.get(timer.id)
    assert (found.status, found.reason, found.attempts) == (Status.DELIVERED, Reason.DELIVERED, 1)
    assert [it.outcome for it in bench.timers.attempts(timer.id)] == [Outcome.DELIVERED]
    bench.check()
    bench.client.close()


@pytest.mark.parametrize("command", ["hset", "zadd", "zrem", "hincrby", "lpush", "ltrim"])
def test_a_retry_that_was_half_settled_is_made_once_and_not_for_a_lost_lease(server: Server, command: str) -> None:
    allow(server)
    bench = Bench(limited(server))
    timer = bench.schedule()
    (claim,) = bench.claims.claim(1).claims
    allow(server, f"-{command}")
    try:
        bench.claims.settle([retried(claim)])
    except StoreUnavailable:
        allow(server)
        assert bench.claims.settle([retried(claim)]) == []
    allow(server)
    bench.alive(2 * LEASE + _WAIT_MS)
    (again,) = bench.poller("two").claim(1).claims
    assert (again.id, again.number, again.redelivery) == (timer.id, 2, "retry")
    bench.check()
    bench.client.close()


@pytest.mark.parametrize("command", ["hset", "zadd", "zrem"])
def test_what_was_rescheduled_and_half_settled_is_not_sent_before_its_new_moment(server: Server, command: str) -> None:
    allow(server)
    bench = Bench(limited(server))
    timer = bench.schedule()
    (claim,) = bench.claims.claim(1).claims
    attempt = Attempt(claim.number, Outcome.DELIVERED, lateness_ms=1)
    again = Settlement(claim.id, claim.fence, attempt, None, Reschedule(delay_ms=_WAIT_MS))
    allow(server, f"-{command}")
    with pytest.raises(StoreUnavailable):
        bench.claims.settle([again])
    allow(server)
    assert bench.claims.settle([again]) == []
    bench.alive(2 * LEASE)
    assert bench.poller("two").claim(1).claims == []
    bench.alive(_WAIT_MS)
    (second,) = bench.poller("two").claim(1).claims
    assert (second.id, second.occurrence, second.redelivery) == (timer.id, 2, "rescheduled")
    bench.check()
    bench.client.close()
