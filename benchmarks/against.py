"""The same work by what users would otherwise pick: a heap due at once, lateness, bytes, and a kill -9.

    python -m benchmarks.against --only arq --only BullMQ

Everyone has one worker process and, on its own Redis with an append-only file, the same posts to the same sink. CPU
seconds are those of the worker and of the store from before the posts are set until the last has arrived. A quick run
measures all at once, and waits for less after a kill.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import part
from benchmarks.cpu import Meter
from benchmarks.figures import Figure, Row, histogram, late, rounded
from benchmarks.part import Options, Part, repeat, say
from benchmarks.peers.registry import PEERS, Absent, Peer
from benchmarks.peers.rig import Rig
from benchmarks.sink import Arrival, sink

#: Seconds after a kill in which all may still arrive: BullMQ looks for what stalled every 30 s, and acts when it sees
#: it again. Not waited for: arq, until its job_timeout of 300 s is over, and Dramatiq, which looks once in a thousand
#: calls.
_PATIENCE = 100
_HOUR_MS = 3_600_000


def measure(options: Options) -> tuple[list[Row], dict[str, Any]]:
    peers = [peer for peer in PEERS if not options.only or peer.name in options.only]
    samples: dict[str, list[float]] = {}
    # One after the other, but in a quick run, whose rates nobody compares.
    with ThreadPoolExecutor(options.size(1, len(peers))) as pool:
        found = list(pool.map(lambda it: measured(it, options, samples), peers))
    rows = dict(zip((peer.name for peer in peers), found, strict=True))
    present = {peer.name: peer for peer in peers if "absent" not in rows[peer.name]}
    # All at once: this counts posts and compares no rates, and each waits for what may still come.
    with ThreadPoolExecutor(len(present) or 1) as pool:
        for name, row in zip(present, pool.map(lambda it: crash(it, options), present.values()), strict=True):
            rows[name] |= row
    lateness = {name: histogram(samples[name]) for name in rows if name in samples}
    return list(rows.values()), {"lateness_ms": lateness}


def measured(peer: Peer, options: Options, samples: dict[str, list[float]]) -> dict[str, Figure]:
    """All but the kill; what was found until it turned out to be absent."""
    row: dict[str, Figure] = {"peer": peer.name, "how": peer.how}
    try:
        row["version"] = peer.install()
        say(f"{peer.name} {row['version']}")
        per_post, more = footprint(peer, options.size(10_000, 500))
        row |= more
        row |= repeat(
            f"{peer.name}, a heap", options.rounds, partial(heap, peer, options.size(peer.heap, 100), per_post)
        )
        row |= repeat(
            f"{peer.name}, lateness", options.rounds, partial(spread_out, peer, options.size(500, 25), samples)
        )
    except Absent as reason:
        row["absent"] = str(reason)
        say(f"{peer.name} is absent: {reason}")
    return row


def footprint(peer: Peer, count: int) -> tuple[float, Row]:
    """The seconds that setting one post takes, and the store's bytes for one that is due in an hour."""
    with _rig(peer) as rig:
        client = rig.store.client()
        before = client.info("memory")["used_memory"]
        took = rig.set("http://127.0.0.1:9000/hook", count, _now_ms() + _HOUR_MS)
        size = (client.info("memory")["used_memory"] - before) / count
        client.close()
    return took / count, {"bytes_per_pending": round(size)}


def heap(peer: Peer, count: int, per_post: float) -> Row:
    """So many due at the same moment: the rate until the last has arrived, and what it cost."""
    with _rig(peer) as rig, sink() as there:
        rig.work()
        rig.warm(there)
        meter = Meter(worker=_pid(rig), store=rig.store.pid)
        due = _now_ms() + round(1500 * per_post * count) + 2000
        rig.set(there.url, count, due)
        if not there.wait_for(count, 180, rig.alive):
            raise Absent(f"only {there.count()} of {count} arrived in three minutes")
        cost = meter.cost(count)
        last = max(arrival.at_ms for arrival in there.arrivals())
    return {"count": count, "per_second": count / (last - due) * 1000, **cost}


def spread_out(peer: Peer, count: int, samples: dict[str, list[float]]) -> Row:
    """Lateness of posts that fall due one by one, at 50 a second."""
    with _rig(peer) as rig, sink() as there:
        rig.work()
        rig.warm(there)
        rig.set(there.url, count, _now_ms() + 2000, spread_ms=count * 20)
        if not there.wait_for(count, 60, rig.alive):
            raise Absent(f"only {there.count()} of {count} arrived in a minute")
        ms = [arrival.late_ms for arrival in there.arrivals()]
    samples.setdefault(peer.name, []).extend(ms)
    return {f"late_{name}": value for name, value in late(ms).items()} | {"early": sum(value < 0 for value in ms)}


def crash(peer: Peer, options: Options) -> Row:
    """kill -9 once a tenth has been answered, another worker at once, and more than a minute of waiting."""
    count = options.size(peer.doomed, peer.doomed // 10)
    with _rig(peer) as rig, sink() as there:
        try:
            rig.work()
            rig.warm(there)
            rig.set(there.slow_urls[0], count, _now_ms() + options.size(5000, 2000))
        except Absent as reason:  # one peer's failure shall not cost what was found of the others
            return {"absent": f"kill -9: {reason}"}
        there.wait_for(count // 10, 30, rig.alive)
        rig.kill()
        killed = time.time() * 1000
        say(f"  {peer.name} killed")
        rig.work()
        time.sleep(options.size(_PATIENCE, 3))  # a repeat may come at any time
        arrivals = there.arrivals()
    return aftermath(arrivals, count, killed)


def aftermath(arrivals: Sequence[Arrival], count: int, killed: float) -> Row:
    """How many of so many posts have not arrived, or twice, and seconds from the kill to the last."""
    times = Counter(arrival.timer for arrival in arrivals)
    again = [arrival.at_ms for arrival in arrivals if times[arrival.timer] > 1 and arrival.at_ms > killed]
    return {
        "killed_of": count,
        "not_arrived": count - len(times),
        "twice": sum(number > 1 for number in times.values()),
        "last_twice_s": rounded((max(again) - killed) / 1000) if again else None,
        "last_arrival_s": rounded((max(arrival.at_ms for arrival in arrivals) - killed) / 1000) if arrivals else None,
    }


@contextmanager
def _rig(peer: Peer) -> Iterator[Rig]:
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(peer, Path(folder) / "worker.log")
        try:
            yield rig
        finally:
            rig.remove()


def _pid(rig: Rig) -> int:
    assert rig.worker is not None
    return rig.worker.pid


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


PART = Part("against", __doc__, measure)

if __name__ == "__main__":
    part.main(PART, names=[peer.name for peer in PEERS])
