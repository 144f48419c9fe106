"""What one attempt costs, stage by stage: CPU microseconds of the poller's process, and the store's for its scripts.

    python -m benchmarks.stages --quick

The poller's own parts, one after the other, each for all timers before the next: so each has its caches to itself, and
in a poller, which does all in turn beside two busy neighbours, the sum is larger. `libcurl alone` is no part of it: it
sends the same requests by as many connections, with as little Python as pycurl allows, to compare the sending with.
"""

from __future__ import annotations

import gc
import os
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, TypeVar

from benchmarks import bare_curl, part
from benchmarks.figures import Row, median
from benchmarks.filling import fill
from benchmarks.part import Options, Part, say
from benchmarks.sink import Sink, sink
from scheduler import Claim, Claims, Settings, Settlement, Store, open_transport
from scheduler.delivery.request import build
from scheduler.delivery.signing import Signer
from scheduler.delivery.transport import Answer, Transport
from scheduler.poller.attempt_log import attempt_line
from scheduler.poller.counts import PollerCounts
from scheduler.poller.settlements import settlement
from scheduler.store.room import BATCH
from tests.bench.receiver import SECRET
from tests.bench.servers import BINARIES, Server

T = TypeVar("T")


def measure(options: Options) -> tuple[list[Row], dict[str, Any]]:
    binary = BINARIES["valkey"]
    assert binary is not None
    rounds = []
    for number in range(1, options.rounds + 1):
        with sink() as there, ExitStack() as ended:
            server = Server(binary).start()
            ended.callback(server.remove)
            rounds.append(_Stages(there, server, options.size(20_000, 1000)).measure())
        say(f"  {number} of {options.rounds}")
    return [median(rows) for rows in zip(*rounds, strict=True)], {}


class _Stages:
    """Every stage's time, in the order of a timer's way."""

    def __init__(self, there: Sink, server: Server, count: int) -> None:
        self._count = count
        self._store = server.client()
        self._settings = Settings(
            redis_url=server.url,
            store_timeout=30,
            egress_allow="127.0.0.0/8",
            signing_secrets=SECRET,
            lease=600,
            keep_delivered=600,
            keep_failed=600,
            keep_finished=count,
        )
        self._rows: list[Row] = []
        fill(server.url, there.url, count, time.time_ns() // 1_000_000)

    def measure(self) -> list[Row]:
        claims = Store(self._settings).claims("stages", share=self._count)
        held = self._timed("claim: call, read, decode", lambda: _all(claims))
        signer, now = Signer(SECRET), claims.clock.now_us() // 1000
        requests = self._timed("prepare: headers, signature", lambda: [build(it, now, signer) for it in held])
        transport = open_transport(self._settings, claims.clock, signer)
        answers = self._timed("send and receive, prepared again", lambda: _sent(transport, held))
        transport.close()
        ended = self._timed("judge", lambda: [settlement(it, it.started_at or 0, "stages") for it in answers])
        with open(os.devnull, "w") as log:
            logged = list(zip(_batches(ended), _batches([it.claim for it in answers]), strict=True))
            self._timed("log", lambda: [log.write("\n".join(map(attempt_line, some, its))) for some, its in logged])
        counts = PollerCounts()
        self._timed("count", lambda: _count(counts, ended))
        self._timed("settle: encode, call", lambda: [claims.settle(some) for some in _batches(ended)])
        self._timed("libcurl alone, the same requests", lambda: bare_curl.send(requests, 2 * BATCH))
        return self._rows

    def _timed(self, stage: str, run: Callable[[], T]) -> T:
        self._store.config_resetstat()
        gc.collect()
        gc.freeze()  # as a poller does: it has not as much to look through
        before = resource.getrusage(resource.RUSAGE_SELF)
        found = run()
        after = resource.getrusage(resource.RUSAGE_SELF)
        kernel, user = after.ru_stime - before.ru_stime, after.ru_utime - before.ru_utime
        script = self._store.info("commandstats").get("cmdstat_evalsha", {"usec": 0})
        each = 1_000_000 / self._count
        self._rows.append(
            {
                "stage": stage,
                "cpu_us": (user + kernel) * each,
                "of it in the kernel": kernel * each,
                "store_us": script["usec"] / self._count,
            }
        )
        return found


def _count(counts: PollerCounts, ended: Sequence[Settlement]) -> None:
    counts.ended([it.attempt for it in ended])
    counts.settled(ended)


def _all(claims: Claims) -> list[Claim]:
    held: list[Claim] = []
    while more := claims.claim(BATCH).claims:
        held += more
    return held


def _sent(transport: Transport, claims: Sequence[Claim]) -> list[Answer]:
    """As many under way as a poller has that is never short of due timers."""
    answers: list[Answer] = []
    for some in _batches(claims):
        for claim in some:
            transport.submit(claim)
        answers += transport.wait(0)
    while len(answers) < len(claims):
        answers += transport.wait(1)
    return answers


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


PART = Part("stages", __doc__, measure)

if __name__ == "__main__":
    part.main(PART)
