"""A primary with a replica, each a real server of its own on a loopback port."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.bench.processes import free_port, wait_until
from tests.bench.servers import Server


@dataclass(frozen=True)
class Pair:
    primary: Server
    replica: Server

    def wait_until_replicated(self) -> None:
        """The replica is there, and has acknowledged all that was written so far."""
        client = self.primary.client()
        wait_until(lambda: client.info("replication").get("connected_slaves") == 1, 60, "the replica is connected")
        wait_until(lambda: client.info("replication")["slave0"]["state"] == "online", 60, "the replica is online")
        client.close()


@contextmanager
def replicated(binary: str, *options: str, before: Sequence[str] = ()) -> Iterator[Pair]:
    """`options`: of both; `before`: what the primary is run by."""
    port = free_port()
    primary = Server(binary, "--port", str(port), "--bind", "127.0.0.1", *options, before=before)
    # The replica asks again for its primary each second, and is sent a full copy at once.
    replica = Server(binary, "--port", str(free_port()), "--bind", "127.0.0.1", *options)
    replica.options += ["--replicaof", "127.0.0.1", str(port)]
    primary.options += ["--repl-diskless-sync-delay", "0"]
    try:
        pair = Pair(primary.start(), replica.start())
        pair.wait_until_replicated()
        yield pair
    finally:
        replica.remove()
        primary.remove()
