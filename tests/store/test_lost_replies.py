"""A reply that is lost after the script has run: asked again, nothing is done twice and nothing is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import redis

from scheduler import Claim, Claims, Link, StoreUnavailable, Timers
from tests.bench.cluster_store import ClusterClient, HandSetClusterLink
from tests.bench.store import LEASE, Bench


class Lossy:
    """Loses the replies of one script, so many times."""

    lose: dict[tuple[str, int], int]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.lose = {}

    def run(self, name: str, partition: int, args: Any = ()) -> Any:
        (reply,) = self.send_each(name, [(partition, args)])()
        if isinstance(reply, StoreUnavailable):
            raise reply
        return reply

    def send_each(self, name: str, calls: Any) -> Callable[[], list[Any]]:
        replies = super().send_each(name, calls)()  # type: ignore[misc]
        for place, (partition, _) in enumerate(calls):
            if self.lose.get((name, partition), 0) > 0:
                self.lose[name, partition] -= 1
                replies[place] = StoreUnavailable("the reply was lost", maybe_done=True)
        return lambda: replies


class LossyLink(Lossy, Link):
    """To one server."""


class LossyClusterLink(Lossy, HandSetClusterLink):
    """To the nodes of a cluster."""


def lossy(client: Any, partitions: int) -> LossyLink | LossyClusterLink:
    if isinstance(client, ClusterClient):
        return client.link_as(LossyClusterLink, partitions)
    return LossyLink(client, partitions)


@pytest.fixture
def link(client: redis.Redis, partitions: int) -> LossyLink:
    return lossy(client, partitions)  # type: ignore[return-value]  # both have `lose`


@pytest.fixture
def claims(link: LossyLink) -> Claims:
    times = {"lease_ms": LEASE, "keep_delivered_ms": 1000, "keep_failed_ms": 1000}
    return Claims(link, poller="one", share=1000, keep_finished=1000, **times)


def claim_lost(claims: Claims) -> None:
    """One of whose partition's reply is lost: where others of other nodes were heard, they have nothing."""
    with suppress(StoreUnavailable):
        assert claims.claim(5).claims == []
    assert claims.unanswered


@pytest.mark.one_partition
def test_a_lost_claim_is_asked_for_again_and_returns_the_same_batch(
    bench: Bench, link: LossyLink, claims: Claims
) -> None:
    ids = {bench.schedule().id for _ in range(5)}
    link.lose["claim", bench.home] = 2
    for _ in range(2):
        claim_lost(claims)
    bench.schedule()
    assert {it.id for it in claims.claim(5).claims} == ids
    assert not claims.unanswered
    assert bench.timers.stats().delivering == 5


@pytest.mark.one_partition
def test_a_claim_counts_its_lease_from_before_it_was_first_sent(
    bench: Bench, link: LossyLink, claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    bench.schedule()
    link.lose["claim", bench.home] = 1
    claim_lost(claims)
    now += 7
    (it,) = claims.claim(1).claims
    assert it.claimed_at == 100.0


@pytest.mark.one_partition
def test_a_recall_brings_what_a_lost_reply_claimed_and_nothing_more(
    bench: Bench, link: LossyLink, claims: Claims
) -> None:
    first = bench.schedule()
    link.lose["claim", bench.home] = 1
    claim_lost(claims)
    bench.schedule()
    assert [it.id for it in claims.recall()] == [first.id]
    assert not claims.unanswered
    assert bench.timers.stats().scheduled == 1


def test_a_partition_that_fails_does_not_take_the_batch_of_another_with_it(client: redis.Redis) -> None:
    bench = Bench(client, partitions=2)
    for _ in range(20):
        bench.schedule()
    link = lossy(client, partitions=2)
    times = {"lease_ms": LEASE, "keep_delivered_ms": 1000, "keep_failed_ms": 1000}
    claims = Claims(link, poller="one", share=1000, keep_finished=1000, **times)
    link.lose = {("claim", 0): 1}
    got: list[Claim] = []
    while len(got) < 20:
        try:
            got += claims.claim(20).claims
        except StoreUnavailable:
            continue
    assert len({it.id for it in got}) == 20
    assert bench.timers.stats().delivering == 20


def test_a_recall_that_one_partition_fails_gives_back_what_the_others_told(client: redis.Redis) -> None:
    """What was forgotten here was left to its lease: one with at_most_once fails then, and was never sent."""
    bench = Bench(client, partitions=2)
    for _ in range(20):
        bench.schedule()
    link = lossy(client, partitions=2)
    times = {"lease_ms": LEASE, "keep_delivered_ms": 1000, "keep_failed_ms": 1000}
    claims = Claims(link, poller="one", share=1000, keep_finished=1000, **times)
    link.lose = {("claim", 0): 1, ("claim", 1): 1}
    while len(claims._claiming.open.partitions) < 2:
        with pytest.raises(StoreUnavailable):
            claims.claim(20)
    link.lose = {("claim", claims._claiming.open.partitions[1]): 1}
    recalled = [it.id for it in claims.recall() + claims.recall()]
    assert len(set(recalled)) == bench.timers.stats().delivering == 20


def test_one_suspect_is_handed_out_however_many_partitions_have_one(client: redis.Redis) -> None:
    bench = Bench(client, partitions=4)
    for _ in range(40):
        bench.schedule()
    for _ in range(2):
        bench.claims.claim(40)
        bench.alive(LEASE)
    assert [it.suspect for it in bench.claims.claim(40).claims] == [True]


@pytest.mark.one_partition
def test_a_timer_whose_answer_was_lost_is_set_once(bench: Bench, link: LossyLink) -> None:
    draft = bench.draft(100)
    link.lose["set", bench.home] = 1
    timers = Timers(link, keep_cancelled_ms=1000)
    with pytest.raises(StoreUnavailable):
        timers.set(draft)
    timers.set(draft)
    assert bench.timers.stats().scheduled == 1


def test_of_a_batch_that_fails_half_way_it_is_not_said_that_nothing_was_done(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(client, partitions=2)
    drafts = [bench.draft(100) for _ in range(20)]
    run, calls = bench.link.run, []

    def fails_the_second_time(name: str, partition: int, args: Any = ()) -> Any:
        calls.append(partition)
        if len(calls) == 2:
            raise StoreUnavailable("refused unasked")
        return run(name, partition, args)

    monkeypatch.setattr(bench.link, "run", fails_the_second_time)
    with pytest.raises(StoreUnavailable) as raised:
        bench.timers.set_each(drafts)
    assert raised.value.maybe_done
