"""When a poller looks at schedules: rarely where there are none, at once where one is due, not in the way of timers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from scheduler import Overlap, Plan, Planning, Poller, ScheduleDraft, StoreUnavailable, Webhook
from tests.bench.servers import Server
from tests.bench.store import LEASE, START, Bench, HandSetRedis
from tests.bench.transports import HandTransport

MINUTE = 60_000


class Loop:
    """A poller whose monotonic clock is in the test's hand, and what it asks of the store."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bench = bench
        self.asked: Counter[str] = Counter()
        self.refused = ""
        self.now = 100.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)
        run, send_each = bench.link.run, bench.link.send_each

        def asking(name: str, partition: int, args: Any = ()) -> Any:
            self.asked[name] += 1
            if name == self.refused:
                raise StoreUnavailable("the store refuses script runs: OOM", kind="full")
            return run(name, partition, args)

        def asking_each(name: str, calls: Any) -> Any:
            self.asked[name] += len(calls)
            return send_each(name, calls)

        monkeypatch.setattr(bench.link, "run", asking)
        monkeypatch.setattr(bench.link, "send_each", asking_each)
        self.transport = HandTransport(slots=50)
        self.planning = Planning(bench.plans)
        self.poller = Poller(
            bench.claims, self.transport, name="one", lease=LEASE / 1000, grace=0, planning=self.planning
        )

    def let(self, seconds: float) -> None:
        ms = max(1, round(1000 * seconds))  # the same for both clocks
        self.now += ms / 1000
        self.bench.advance(ms)


@pytest.fixture
def loop(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Loop:
    return Loop(bench, monkeypatch)


def put(loop: Loop, name: str = "s", overlap: Overlap = Overlap.SKIP) -> None:
    plan = Plan(every_ms=MINUTE)
    loop.bench.schedules.put(ScheduleDraft(name=name, plan=plan, webhook=Webhook(url="http://r/"), overlap=overlap))


def test_without_schedules_each_partition_is_asked_once_a_second_whatever_the_passes(loop: Loop) -> None:
    for _ in range(40):
        loop.poller.run_once()
        loop.let(0.05)
    looks = loop.asked["plan"] + loop.asked["peek"]  # of several partitions at once, and of their timers too
    assert 2 <= looks / loop.bench.partitions <= 4
    assert loop.asked["runs"] == 0


def test_a_pass_makes_the_run_of_a_moment_and_claims_it(loop: Loop) -> None:
    put(loop)
    loop.poller.run_once()
    for _ in range(200):
        if loop.transport.sent:
            break
        loop.let(min(1.0, max(0.001, loop.poller.run_once())))
    (claim,) = loop.transport.sent
    assert (claim.schedule, claim.due_at) == ("s", START + MINUTE)
    assert claim.claimed_at == pytest.approx(160.0, abs=0.01)
    assert loop.poller.runs_made == 1


def test_it_sleeps_no_longer_than_until_the_next_schedule_is_to_be_looked_at(loop: Loop) -> None:
    put(loop)
    loop.poller.run_once()
    loop.let(59.7)
    loop.poller.run_once()
    assert loop.poller.run_once() == pytest.approx(0.3, abs=0.01)


def test_a_schedule_that_was_set_is_looked_at_by_the_next_pass_after_the_ring(loop: Loop) -> None:
    loop.poller.run_once()
    put(loop, overlap=Overlap.ALLOW)
    before = loop.asked["runs"]
    loop.planning.look_soon()
    loop.poller.run_once()
    assert loop.asked["runs"] == before + 1


def test_a_full_batch_of_schedules_is_followed_by_the_next_pass_at_once(loop: Loop) -> None:
    for n in range(40):
        put(loop, f"s{n}")
    if loop.bench.partitions == 1:
        assert loop.poller.run_once() == 0
        assert loop.asked["plan"] == 1
    for _ in range(5):
        loop.poller.run_once()
    assert loop.bench.look() == 0
    assert loop.asked["runs"] <= 5 * loop.bench.partitions


def test_a_full_store_makes_no_runs_holds_up_no_timer_and_makes_up_for_them_later(
    own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = HandSetRedis(unix_socket_path=str(own_server.socket))
    loop = Loop(Bench(client), monkeypatch)
    for n in range(8):
        put(loop, f"s{n}")
    loop.poller.run_once()
    loop.let(55)
    due = [loop.bench.schedule(1000 * n).id for n in range(0, 15, 5)]
    full = client.info("memory")["used_memory"] // 2
    for _ in range(15):
        client.config_set("maxmemory", full)
        loop.poller.run_once()
        client.config_set("maxmemory", 0)  # the clock of the bench could not be set
        loop.let(1)
    assert [claim.id for claim in loop.transport.sent] == due
    for _ in range(3):
        loop.poller.run_once()
        loop.let(1)
    runs = loop.transport.sent[len(due) :]
    assert sorted(claim.schedule or "" for claim in runs) == sorted(f"s{n}" for n in range(8))
    assert {(claim.due_at, claim.missed) for claim in runs} == {(START + MINUTE, 0)}
    client.close()


def test_a_store_that_refuses_runs_holds_up_no_timer_and_they_are_made_later(loop: Loop) -> None:
    put(loop)
    loop.poller.run_once()
    loop.let(60)
    loop.refused = "runs"
    timer = loop.bench.schedule()
    loop.poller.run_once()
    assert [claim.id for claim in loop.transport.sent] == [timer.id]
    loop.refused = ""
    loop.let(6)
    loop.poller.run_once()
    assert [claim.schedule for claim in loop.transport.sent] == [None, "s"]
