"""Real clusters on loopback: some masters, each with a replica or none. By hand: `make cluster`."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import redis

from tests.bench.servers import BINARIES

HOST = "127.0.0.1"
SLOTS = 16_384
#: ms after which a node that does not answer is taken for dead.
NODE_TIMEOUT = 2000
#: Seconds to wait for servers to start, find each other and agree.
_PATIENCE = 60.0


class NodeEndedError(Exception):
    """A server ended by itself; its log says why."""


class Node:
    """One server of a cluster, on a port, in a folder of its own."""

    def __init__(self, binary: str, folder: Path, port: int, bus: int, *options: str) -> None:
        self.port = port
        #: The port on which the other nodes speak to this one.
        self.bus = bus
        self.folder = folder
        self._binary, self._options = binary, options
        #: What its process is told beside ours.
        self.environ: dict[str, str] = {}
        folder.mkdir()
        # fmt: off
        self._command = [
            binary, "--port", str(port), "--bind", HOST, "--cluster-enabled", "yes", "--cluster-port", str(bus),
            "--cluster-node-timeout", str(NODE_TIMEOUT), "--cluster-require-full-coverage", "no", "--dir", str(folder),
            "--save", "", "--appendonly", "yes", "--daemonize", "no", "--logfile", str(folder / "log"), *options,
        ]
        # fmt: on
        self._process: subprocess.Popen[bytes] | None = None

    def beside(self, port: int, bus: int) -> Node:
        """Another, of the same kind."""
        return Node(self._binary, self.folder.parent / str(port), port, bus, *self._options)

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        # Of a group of its own: Ctrl-C in a terminal is for whoever started it, who ends it.
        self._process = subprocess.Popen(self._command, process_group=0, env={**os.environ, **self.environ})

    def client(self) -> redis.Redis:
        return redis.Redis(HOST, self.port, socket_timeout=10)

    def ask(self, *words: str | int) -> bytes:
        """One command of this node, and its answer as it came."""
        client = self.client()
        client.response_callbacks.clear()  # which would read some of them
        try:
            answer: Any = client.execute_command(*words)  # type: ignore[no-untyped-call]
        finally:
            client.close()
        return answer if isinstance(answer, bytes) else str(answer).encode()

    def id(self) -> str:
        return self.ask("CLUSTER MYID").decode()

    def answers(self) -> bool:
        if self._process is not None and (code := self._process.poll()) is not None:
            log = self.folder / "log"
            raise NodeEndedError(f"a node ended with {code}: {log.read_text() if log.exists() else 'no log'}")
        try:
            self.ask("PING")
        except redis.RedisError:
            return False
        return True

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class Cluster:
    """Made by start(), gone after remove(), which ends its servers by their ids."""

    def __init__(self, binary: str, masters: int = 3, replicas: int = 0, *options: str) -> None:
        """`replicas`: of each master."""
        self.folder = Path(tempfile.mkdtemp(prefix="ts-cluster-"))
        count = masters * (1 + replicas)
        ports = _free_ports(2 * count)
        self.nodes = [
            Node(binary, self.folder / str(port), port, bus, *options)
            for port, bus in zip(ports[:count], ports[count:], strict=True)
        ]
        self.masters = self.nodes[:masters]
        #: The n-th, and every further one by the number of masters, is of the n-th master.
        self.replicas = self.nodes[masters:]

    @property
    def url(self) -> str:
        return f"redis+cluster://{','.join(node.address for node in self.nodes)}"

    def start(self) -> Cluster:
        try:
            for node in self.nodes:
                node.start()
            _wait(lambda: all(node.answers() for node in self.nodes), "the servers to start")
            self._introduce()
            self._share_slots()
            for number, replica in enumerate(self.replicas):
                replica.ask("CLUSTER REPLICATE", self.masters[number % len(self.masters)].id())
            _wait(self.agrees, "the cluster to agree")
        except BaseException:
            self.remove()
            raise
        return self

    def _introduce(self) -> None:
        first = self.nodes[0]
        for epoch, node in enumerate(self.nodes, 1):
            node.ask("CLUSTER SET-CONFIG-EPOCH", epoch)
            if node is not first:
                node.ask("CLUSTER MEET", HOST, first.port, first.bus)
        _wait(lambda: all(_known(node) == len(self.nodes) for node in self.nodes), "the nodes to know each other")

    def _share_slots(self) -> None:
        bounds = [round(n * SLOTS / len(self.masters)) for n in range(len(self.masters) + 1)]
        for master, first, end in zip(self.masters, bounds, bounds[1:], strict=False):
            master.ask("CLUSTER ADDSLOTSRANGE", first, end - 1)

    def agrees(self) -> bool:
        """Each node knows who has which slots, and each replica follows its master."""
        return all(
            b"cluster_state:ok" in node.ask("CLUSTER INFO")
            and f"cluster_slots_assigned:{SLOTS}".encode() in node.ask("CLUSTER INFO")
            and b"fail" not in node.ask("CLUSTER NODES")
            and node.ask("CLUSTER NODES").count(b" slave ") + node.ask("CLUSTER NODES").count(b"myself,slave ")
            == len(self.replicas)
            for node in self.nodes
        ) and all(b"master_link_status:up" in node.ask("INFO", "replication") for node in self.replicas)

    def is_replicated(self) -> bool:
        """Each replica has all that its master has done by now."""
        return all(
            _said(replica, "slave_repl_offset") >= _said(self.masters[number % len(self.masters)], "master_repl_offset")
            for number, replica in enumerate(self.replicas)
        )

    def flush(self) -> None:
        for node in self.masters:
            node.ask("FLUSHALL")

    def remove(self) -> None:
        for node in self.nodes:
            node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def _said(node: Node, name: str) -> int:
    """A number of INFO replication."""
    lines = node.ask("INFO", "replication").decode().splitlines()
    return int(next(line.partition(":")[2] for line in lines if line.startswith(f"{name}:")))


def _known(node: Node) -> int:
    """Nodes that it knows and has spoken to."""
    lines = node.ask("CLUSTER NODES").decode().splitlines()
    return sum("handshake" not in line and "noaddr" not in line for line in lines)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for it in sockets:
            it.bind((HOST, 0))
        return [it.getsockname()[1] for it in sockets]


def _wait(is_so: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + _PATIENCE
    while not is_so():
        if time.monotonic() > until:
            raise TimeoutError(f"{what} took longer than {_PATIENCE:g} s")
        time.sleep(0.02)


@contextlib.contextmanager
def running(kind: str, masters: int, replicas: int) -> Iterator[Cluster]:
    binary = BINARIES[kind]
    if binary is None:
        raise SystemExit(f"{kind}-server is not installed: apt-get install {kind}-server")
    cluster = _started(binary, masters, replicas)
    try:
        yield cluster
    finally:
        cluster.remove()


def _started(binary: str, masters: int, replicas: int) -> Cluster:
    """On other ports, if somebody took one of those that were free a moment before."""
    for _ in range(4):
        with contextlib.suppress(NodeEndedError):
            return Cluster(binary, masters, replicas).start()
    return Cluster(binary, masters, replicas).start()


def main() -> None:
    parser = argparse.ArgumentParser(prog="make cluster", description="A real cluster on this machine, until Ctrl-C.")
    parser.add_argument("--masters", type=int, default=3)
    parser.add_argument("--replicas", type=int, default=1, help="of each master")
    parser.add_argument("--server", choices=sorted(BINARIES), default="valkey")
    args = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    with running(args.server, args.masters, args.replicas) as cluster:
        for node in cluster.nodes:
            role = "master" if node in cluster.masters else "replica"
            print(f"{role:8} {node.address}  pid {node.pid}")
        print(
            f'\nmake run ARGS="--redis-url {cluster.url}"\n\nCtrl-C ends the cluster, and all that it holds.',
            flush=True,
        )
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
