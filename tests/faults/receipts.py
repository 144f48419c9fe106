"""`python -m tests.faults.receipts`: what each `durability` survived, on real servers; five minutes.

Eight clients set timers all the time. Then the store is struck, and it is counted how many timers that were answered
with 201 are not there afterwards. docs/guarantees.md has the table.

killed store     kill -9, whatever it had in its buffers; started again with its own append-only file. 5 times
killed machine   the primary and all that was under way to its replica are gone, the replica is promoted. The way to the
                 replica takes 10 ms, and nothing passes it in the last 0.2 s. 3 times
power loss       at 20 moments right after a 201: the append-only file cut back to what fdatasync() had answered for by
                 then, as strace saw it (tests/faults/synced.py), and loaded

`python -m tests.faults.receipts waitaof [SERVER...]`: how often a server's WAITAOF answers before any sync.
"""

from __future__ import annotations

import logging
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import redis

from tests.bench.processes import free_port, wait_until
from tests.bench.relay import Relay
from tests.bench.replication import replicated
from tests.bench.servers import BINARIES, Server
from tests.faults.receipt_load import Acknowledged, load, lost_of
from tests.faults.synced import STRACE, Synced

#: Lost of acknowledged.
Lost = tuple[int, int]
_KILLS, _MACHINES, _MOMENTS, _WAITS = 5, 3, 20, 25
_REPLICA_IS_LATE = 0.01


def kill_store(binary: str, append_fsync: str, durability: str) -> Lost:
    lost = acknowledged = 0
    with replicated(binary, "--appendfsync", append_fsync) as pair:
        for _ in range(_KILLS):
            with load(pair.primary, durability) as made:
                time.sleep(1)
                pair.primary.kill_at_once()
            pair.primary.start()
            client = pair.primary.client()
            lost, acknowledged = lost + lost_of(made, client), acknowledged + len(made)
            client.close()
            pair.wait_until_replicated()
    return lost, acknowledged


def kill_machine(binary: str, append_fsync: str, durability: str) -> Lost:
    lost = acknowledged = 0
    for _ in range(_MACHINES):
        port = free_port()
        options = ("--bind", "127.0.0.1", "--appendfsync", append_fsync, "--repl-diskless-sync-delay", "0")
        primary, relay = Server(binary, *options, "--port", str(port)).start(), Relay(port, _REPLICA_IS_LATE)
        replica = Server(binary, *options, "--port", str(free_port()), "--replicaof", "127.0.0.1", str(relay.port))
        try:
            client = replica.start().client()
            wait_until(partial(_follows, client), 60, "the replica follows")
            with load(primary, durability) as made:
                time.sleep(2)
                relay.hold()
                time.sleep(0.2)
                primary.kill_at_once()
                relay.cut()
            client.replicaof("NO", "ONE")
            lost, acknowledged = lost + lost_of(made, client), acknowledged + len(made)
            client.close()
        finally:
            relay.cut()
            replica.remove()
            primary.remove()
    return lost, acknowledged


def _follows(replica: redis.Redis) -> bool:
    return bool(replica.info("replication")["master_link_status"] == "up")


def lose_power(binary: str, append_fsync: str, durability: str) -> Lost:
    """The worst of the moments."""
    with tempfile.TemporaryDirectory(prefix="tp-") as folder:
        trace = Path(folder) / "trace"
        with replicated(binary, "--appendfsync", append_fsync, before=(*STRACE, str(trace))) as pair:
            with load(pair.primary, durability) as made:
                time.sleep(4)
            time.sleep(1.5)  # the last sync
            pair.primary.kill_traced()
            synced = Synced(trace.read_text().splitlines())
            chosen = sorted(random.Random(1).sample(range(len(made)), min(_MOMENTS, len(made))))
            return max(_after_power_loss(binary, pair.primary, synced.at(made[n].at), made[: n + 1]) for n in chosen)


def _after_power_loss(binary: str, of: Server, size: int, made: Sequence[Acknowledged]) -> Lost:
    left = Server(binary)
    try:
        shutil.copytree(of.folder / "appendonlydir", left.folder / "appendonlydir")
        (file,) = (left.folder / "appendonlydir").glob("*.incr.aof")
        with file.open("r+b") as it:
            it.truncate(size)
        client = left.start().client()
        lost = lost_of(made, client)
        client.close()
        return lost, len(made)
    finally:
        left.remove()


def early_answers(binary: str) -> str:
    with tempfile.TemporaryDirectory(prefix="tp-") as folder:
        trace = Path(folder) / "trace"
        server = Server(binary, "--appendfsync", "everysec", before=(*STRACE, str(trace))).start()
        client, chance = server.client(), random.Random(1)
        try:
            waits = []
            for number in range(_WAITS):
                time.sleep(0.6 * chance.random())
                began = time.time()
                calls = client.pipeline(transaction=False)
                calls.set(f"a{number}", "b")
                calls.execute_command("WAITAOF", 1, 0, 5000)  # type: ignore[no-untyped-call]
                assert calls.execute()[1][0] == 1
                waits.append((began, time.time()))
            info = client.info("server")
            client.close()
            time.sleep(1.5)
            server.kill_traced()
            synced = Synced(trace.read_text().splitlines())
        finally:
            server.remove()
    name = f"valkey {info['valkey_version']}" if "valkey_version" in info else f"redis {info['redis_version']}"
    early = sum(not synced.between(*wait) for wait in waits)
    slowest = max(last - first for first, last in waits)
    return f"{name}: of {len(waits)} answers {early} came before any sync; the slowest took {slowest:.2f} s"


#: What is tried, and with which settings of the store; `fsync` is refused with everysec by this Valkey.
ROWS = [
    *(("everysec", it) for it in ("memory", "replicas:1")),
    *(("always", it) for it in ("memory", "fsync", "replicas:1")),
]
STRIKES: Sequence[tuple[str, Callable[[str, str, str], Lost]]] = [
    ("killed store", kill_store),
    ("killed machine", kill_machine),
    ("power loss", lose_power),
]


def main(words: Sequence[str]) -> None:
    logging.disable(logging.WARNING)  # that the store is away is what is asked for
    binary = BINARIES["valkey"]
    assert binary is not None
    if shutil.which("strace") is None:
        sys.exit("strace is needed: apt-get install strace")
    if words[:1] == ["waitaof"]:
        for each in words[1:] or [binary]:
            print(early_answers(each), flush=True)
        return
    print("lost of acknowledged:", *(name for name, _ in STRIKES), sep="\t")
    for append_fsync, durability in ROWS:
        found = [strike(binary, append_fsync, durability) for _, strike in STRIKES]
        print(append_fsync, durability, *(f"{lost} of {of}" for lost, of in found), sep="\t", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
