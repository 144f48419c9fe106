"""One peer with a store of its own and its worker, ready to be measured."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from benchmarks.peers.registry import ROOT, Absent, Ours, Peer
from benchmarks.peers.work import Order
from benchmarks.sink import Sink
from tests.bench.processes import free_port
from tests.bench.servers import BINARIES, Server


class Rig:
    """A Redis with an append-only file on loopback; ours has the embedded Valkey on a Unix socket, as it comes."""

    def __init__(self, peer: Peer, log: Path) -> None:
        self.peer = peer
        self._log = log
        own = isinstance(peer, Ours)
        binary = BINARIES["valkey"] if own else BINARIES["redis"] or BINARIES["valkey"]
        assert binary is not None
        port = free_port()
        options = () if own else ("--port", str(port), "--bind", "127.0.0.1")
        self.store = Server(binary, *options).start()
        self.url = self.store.url if own else f"redis://127.0.0.1:{port}/0"
        self.worker: subprocess.Popen[bytes] | None = None

    def set(self, hook: str, count: int, due_ms: int, spread_ms: int = 0) -> float:
        """Set an order; returns the seconds that it took."""
        begun = time.monotonic()
        order = Order(self.url, hook, count, due_ms, spread_ms)
        command = [*self.peer.setting(), order.dump()]
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=self._environ(), capture_output=True, text=True, timeout=120, check=False
            )
        except subprocess.TimeoutExpired:
            raise Absent(f"it cannot set {count} posts in two minutes") from None
        if done.returncode:
            raise Absent(f"it cannot set: {(done.stderr.strip().splitlines() or ['no word'])[-1]}")
        return time.monotonic() - begun

    def work(self) -> int:
        """Start the worker; its process id."""
        with self._log.open("ab") as log:
            self.worker = subprocess.Popen(
                self.peer.working(), cwd=ROOT, env=self._environ(), stdout=log, stderr=log, process_group=0
            )
        return self.worker.pid

    def warm(self, sink: Sink) -> None:
        """Wait until the worker has sent a first post. Raises Absent if it does not."""
        self.set(sink.url, 1, time.time_ns() // 1_000_000)
        if not sink.wait_for(1, 30, self.alive):
            raise Absent(f"its worker sends nothing; the end of its log: {self._log.read_text()[-500:]!r}")
        sink.clear()

    def alive(self) -> bool:
        return self.worker is not None and self.worker.poll() is None

    def kill(self) -> None:
        """kill -9 for the worker and what it has started."""
        if self.worker is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.worker.pid, signal.SIGKILL)
            self.worker.wait()

    def remove(self) -> None:
        self.kill()
        self.store.remove()

    def _environ(self) -> dict[str, str]:
        names = ("PATH", "HOME", "LANG")
        kept = {name: os.environ[name] for name in names if name in os.environ}
        ours = {"PYTHONPATH": str(ROOT), "PEER_STORE": self.url, "PEER_HOME": str(self.peer.home)}
        return {**kept, **ours, "TIMER_REDIS_URL": self.url, "RQ_REDIS_URL": self.url, **self.peer.environ}
