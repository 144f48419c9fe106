"""The service under load while its primary is replaced, and what came of it.

    python -m tests.sentinel.failovers [valkey|redis] [fault ...]

prints a table of what each fault cost; docs/scaling.md has one.
"""

from __future__ import annotations

import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from scheduler import rfc3339 as moment
from tests.bench.processes import Service, wait_until
from tests.bench.receiver import Receiver, receiving
from tests.bench.sentinels import NAME, Watched, watched

_THREADS = 4
#: Creates a second, and seconds until they are due.
_RATE, _DELAY = 80.0, 3.0


@dataclass(frozen=True, slots=True)
class Create:
    began: float
    ended: float
    #: None: it failed.
    timer_id: str | None = None
    due_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a fault cost. Seconds are counted from the fault."""

    fault: str
    acknowledged: int
    failed: int
    #: Acknowledged, and never delivered.
    lost: int
    #: Sent again under the same webhook-id, and not said to be.
    unmarked: int
    marked: int
    #: Until the last create that failed.
    creates_fail: float
    #: Until the first delivery of a timer that was due after the fault.
    deliveries_resume: float
    #: The most that one of the timers was late.
    latest: float


@dataclass
class Load:
    """Creates timers at a steady rate, in threads, from start() to stop()."""

    url: str
    receiver: str
    creates: list[Create] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self._threads = [threading.Thread(target=self._run, args=(it,), daemon=True) for it in range(_THREADS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self, seed: int) -> None:
        chance = random.Random(seed)
        with requests.Session() as session:
            while not self._over.wait(chance.expovariate(_RATE / _THREADS)):
                asked = {"delay": round(chance.uniform(0, _DELAY), 3), "url": self.receiver}
                self.creates.append(_create(session, f"{self.url}/timers", asked))


def _create(session: requests.Session, url: str, asked: dict[str, Any]) -> Create:
    began = time.time()
    answer = session.post(url, json=asked, timeout=20)
    if answer.status_code != 201:
        assert answer.status_code == 503, answer.text
        return Create(began, time.time())
    said = answer.json()
    return Create(began, time.time(), said["id"], moment.parse(said["due_at"]) / 1000)


class Site:
    """The service, its receiver and the servers that it follows."""

    def __init__(self, servers: Watched, folder: Path, receiver: Receiver) -> None:
        self.servers = servers
        self.receiver = receiver
        self.service = Service(
            folder, servers.servers[0], TIMER_REDIS_URL=servers.url, TIMER_EGRESS_ALLOW="127.0.0.0/8"
        )
        self.service.api()
        self.service.poller()

    def suffer(self, fault: str) -> Seen:
        """Load, the fault, and time for all timers to be delivered."""
        load = Load(self.service.url, self.receiver.url)
        load.start()
        old = self.servers.primary()
        wait_until(lambda: any(it.timer_id in self.receiver.counts() for it in list(load.creates)), 10, "a delivery")
        at = time.time()
        FAULTS[fault](self.servers)
        self.servers.failed_over(old)
        wait_until(
            lambda: any(it.timer_id and it.began > at + 2 for it in list(load.creates)), 20, "creates that succeed"
        )
        time.sleep(_DELAY + 1)  # the load goes on for a while: an old primary may come back
        load.stop()
        made = {it.timer_id for it in load.creates if it.timer_id}
        if fault not in LOSES:
            wait_until(lambda: made <= self.receiver.counts().keys(), 20, "all that was acknowledged is delivered")
        else:
            time.sleep(15)
        return self._seen(fault, at, load.creates)

    def _seen(self, fault: str, at: float, creates: list[Create]) -> Seen:
        due = {it.timer_id: it.due_at for it in creates if it.timer_id}
        sends: dict[str, list[str]] = {}
        first: dict[str, float] = {}
        for hit in list(self.receiver.hits):
            if hit.timer_id in due:
                first.setdefault(hit.timer_id, hit.at)
                sends.setdefault(hit.webhook_id, []).append(hit.headers.get("timer-redelivery", ""))
        again = [mark for marks in sends.values() for mark in marks[1:]]
        return Seen(
            fault=fault,
            acknowledged=len(due),
            failed=len(creates) - len(due),
            lost=len(due.keys() - first.keys()),
            unmarked=again.count(""),
            marked=len(again) - again.count(""),
            creates_fail=max((it.ended - at for it in creates if not it.timer_id), default=0.0),
            deliveries_resume=min(first[it] - at for it in first if due[it] > at),
            latest=max(first[it] - due[it] for it in first),
        )


def _coordinated(servers: Watched) -> None:
    servers.ask("FAILOVER", NAME, "COORDINATED")


def _plain(servers: Watched) -> None:
    servers.ask("FAILOVER", NAME)


def _paused(servers: Watched) -> None:
    """As `coordinated`, where that is not known: the writes are stopped by hand."""
    with servers.primary().client() as client:
        client.client_pause(10_000, all=False)
    servers.ask("FAILOVER", NAME)


def _killed(servers: Watched) -> None:
    old = servers.primary()
    servers.settle(old)
    old.signal(signal.SIGKILL)


def _frozen(servers: Watched) -> None:
    """Until the others have a new primary, and a moment longer: then it thaws, and takes itself for the primary."""
    old = servers.primary()
    servers.settle(old)
    old.signal(signal.SIGSTOP)
    servers.failed_over(old)
    old.signal(signal.SIGCONT)


FAULTS: Mapping[str, Callable[[Watched], None]] = {
    "coordinated": _coordinated,
    "plain": _plain,
    "paused": _paused,
    "killed": _killed,
    "frozen": _frozen,
}
#: What a living primary that nobody has told answers until it hears of its successor, is lost.
LOSES = {"plain"}


@contextmanager
def site(kind: str, folder: Path, **more: Any) -> Any:
    with watched(kind, **more) as servers, receiving() as receiver:
        it = Site(servers, folder, receiver)
        try:
            yield it
        finally:
            it.service.remove()


_HEAD = (
    "| store | fault | acknowledged | failed | lost | repeats unmarked | marked "
    "| creates fail, s | deliveries resume, s | latest, s |"
)


def main(kind: str = "valkey", *faults: str) -> None:
    print(_HEAD)
    with tempfile.TemporaryDirectory() as folder, site(kind, Path(folder)) as it:
        for fault in faults or FAULTS:
            seen = it.suffer(fault)
            counts = [seen.acknowledged, seen.failed, seen.lost, seen.unmarked, seen.marked]
            seconds = [f"{it:.1f}" for it in (seen.creates_fail, seen.deliveries_resume, seen.latest)]
            print(f"| {' | '.join(map(str, [kind, fault, *counts, *seconds]))} |", flush=True)
            if fault == "killed":
                break  # of three servers two are left, of which neither may be lost
            it.servers.healed()


if __name__ == "__main__":
    main(*sys.argv[1:])
