"""A poller among hostile receivers, with honest timers beside them.

    python -m tests.bench.hostile --seed 1 --timers 20000

Prints what came of it, and fails if the poller did not live to the end, a timer did not end, the log says what nobody
can explain, or an honest timer was late.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import IO

from scheduler import Backoff, Draft, Status, Webhook
from scheduler.store.timers import Timers
from tests.bench.hostile_receiver import HOSTS
from tests.bench.processes import Service, accepts, alive, free_port, wait_until

#: Seconds of an attempt, of which there are two.
_TIMEOUT = 1.0
#: Hostile timers of one host in ten seconds, at most: fewer attempts than a breaker wants to see, which is ten.
#: With ten in a row that fail it rightly opens, and the log tells of it.
_EACH_HOST = 4
#: A second, of the honest timers.
_HONEST = 20


@dataclass(frozen=True)
class Outcome:
    timers: int
    seconds: float
    #: What came of the hostile timers, by status.
    ends: dict[str, int]
    #: Of those that failed, by the error of the last attempt or its status.
    reasons: dict[str, int]
    honest: int
    #: Milliseconds from the due moments of the honest timers to their arrivals.
    lateness: Sequence[float]
    #: The same poller, from the beginning to the end.
    survived: bool
    cpu_ms_per_attempt: float
    #: Lines of the poller's log at warning and above, and whatever else it wrote.
    log: Sequence[str]

    def late(self, part: float) -> float:
        return sorted(self.lateness)[min(len(self.lateness) - 1, int(part * len(self.lateness)))]

    def __str__(self) -> str:
        return (
            f"{self.timers} hostile timers in {self.seconds:.0f} s, "
            f"ends {self.ends}, failed {self.reasons}\n"
            f"poller {'lives' if self.survived else 'DIED'}, {len(self.log)} log lines, "
            f"{self.cpu_ms_per_attempt:.2f} ms of CPU a timer\n"
            f"{self.honest} honest timers: {len(self.lateness)} arrived, "
            f"p50 {self.late(0.5):.1f} ms, p99 {self.late(0.99):.1f} ms, worst {self.late(1):.1f} ms"
        )


@contextmanager
def process(module: str, *words: str, ready: bool = False, out: IO[bytes] | None = None) -> Iterator[None]:
    it = subprocess.Popen([sys.executable, "-m", module, *words], stdout=out or subprocess.PIPE)
    try:
        if ready:
            assert it.stdout is not None
            assert it.stdout.readline() == b"ready\n"
        yield
    finally:
        it.kill()
        it.wait()
        if it.stdout:
            it.stdout.close()


def storm(folder: Path, timers: int, rate: float, seed: int, kind: str = "") -> Outcome:
    """`rate` hostile timers a second, all of one kind if it is said."""
    hostile, honest = free_port(), free_port()
    arrivals = folder / "arrivals"
    service = Service(folder, TIMER_LOG_LEVEL="warning")
    begun = time.monotonic()
    try:
        with (
            arrivals.open("wb") as out,
            process("tests.bench.hostile_receiver", str(hostile), str(seed), ready=True),
            process("tests.faults.sink", str(honest), out=out),
        ):
            wait_until(lambda: accepts(honest), 20, "a sink")
            poller = service.poller()
            drafts = list(_hostile(service.timers, timers, rate, hostile, kind))
            beside = list(_honest(service.timers, timers / rate, f"http://127.0.0.1:{honest}"))
            both = sorted([*drafts, *beside], key=lambda draft: draft.delay_ms or 0)
            for start in range(0, len(both), 500):
                service.timers.set(*both[start : start + 500])
            survived = _wait_for_the_end(service, poller.process.pid, timers / rate + 60)
            cpu = _cpu(poller.process.pid) if survived else 0.0
            ends, reasons = _ends(service.timers, [draft.id for draft in drafts])
            survived = survived and poller.stop() == 0
            log = poller.output().splitlines()
    finally:
        service.remove()
    return Outcome(
        timers,
        time.monotonic() - begun,
        ends,
        reasons,
        len(beside),
        list(_lateness(arrivals)),
        survived,
        1000 * cpu / timers,
        log,
    )


def _hostile(timers: Timers, count: int, rate: float, port: int, kind: str) -> Iterator[Draft]:
    hosts = HOSTS[1 : 1 + ceil(min(count, 10 * rate) / _EACH_HOST)]
    for number in range(count):
        url = f"http://{hosts[number % len(hosts)]}:{port}/{number}" + (f"/{kind}" if kind else "")
        webhook = Webhook(url=url, timeout=_TIMEOUT, max_attempts=2, backoff=Backoff(steps=(0.5,)))
        yield Draft(id=timers.new_id(), webhook=webhook, delay_ms=2000 + round(1000 * number / rate))


def _honest(timers: Timers, seconds: float, url: str) -> Iterator[Draft]:
    for number in range(round(_HONEST * seconds)):
        webhook = Webhook(url=f"{url}/{number}/0")
        yield Draft(id=timers.new_id(), webhook=webhook, delay_ms=2000 + round(1000 * number / _HONEST))


def _wait_for_the_end(service: Service, pid: int, seconds: float) -> bool:
    """Whether the poller lived while every timer came to its end."""
    until = time.monotonic() + seconds
    while alive(pid):
        stats = service.timers.stats()
        if stats.scheduled + stats.delivering == 0:
            return alive(pid)
        assert time.monotonic() < until, f"not all have ended: {stats}"
        time.sleep(0.1)
    return False


def _ends(timers: Timers, ids: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
    ends: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for timer_id in ids:
        timer = timers.get(timer_id)
        ends[timer.status] += 1
        if timer.status is Status.FAILED:
            last = timers.attempts(timer_id)[-1]
            reasons[last.error or str(last.status_code)] += 1
    return dict(ends), dict(reasons)


def _lateness(arrivals: Path) -> Iterator[float]:
    for line in arrivals.read_text().splitlines():
        hit = json.loads(line)
        yield 1000 * (hit["at"] - datetime.fromisoformat(hit["headers"]["timer-due-at"]).timestamp())


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--timers", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=300, help="hostile timers a second")
    parser.add_argument("--kind", default="", help="of hostility; drawn from the seed unless said")
    asked = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as folder:
        outcome = storm(Path(folder), asked.timers, asked.rate, asked.seed, asked.kind)
    print(outcome)
    for line in outcome.log[:20]:
        print(f"  {line}")
    well = outcome.survived and not outcome.log and len(outcome.lateness) >= outcome.honest
    return 0 if well and outcome.late(0.99) < 50 else 1


if __name__ == "__main__":
    sys.exit(main())
