"""One primary, two replicas and three sentinels on loopback: real servers, ended by their ids.

    python -m tests.bench.sentinels

starts them, says their URL, and ends them with Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from tests.bench.processes import free_port, wait_until
from tests.bench.servers import BINARIES, Server

NAME = "mymaster"
#: Seconds after which the sentinels take a primary that does not answer for down.
DOWN_AFTER = 2.0


class Sentinel:
    """One sentinel. `start` begins it, also anew; its file keeps what it has learned."""

    def __init__(self, binary: str, folder: Path, primary: int, port: str, options: Mapping[str, str]) -> None:
        """`primary`: the port of the first. `port`: what its own is called. `options`: lines of its configuration."""
        self.port = free_port()
        self._folder = folder
        self._file = folder / f"{self.port}.conf"
        lines = {
            port: str(self.port),
            "bind": "127.0.0.1",
            "dir": str(folder),
            "logfile": str(folder / f"{self.port}.log"),
            f"sentinel monitor {NAME}": f"127.0.0.1 {primary} 2",
            f"sentinel down-after-milliseconds {NAME}": str(round(1000 * DOWN_AFTER)),
            f"sentinel failover-timeout {NAME}": "10000",
            **options,
        }
        self._file.write_text("".join(f"{name} {value}\n" for name, value in lines.items()))
        self._command = [binary, str(self._file), "--sentinel"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


class Watched:
    """Servers of one data set, and the sentinels that watch them. The first server begins as the primary."""

    def __init__(
        self,
        kind: str,
        *options: str,
        sentinel_options: Mapping[str, str] | None = None,
        tls: bool = False,
        **client: Any,
    ) -> None:
        """`kind`: of BINARIES. `options`: of each server. `client`: what redis-py needs to get into a sentinel."""
        binary = BINARIES[kind]
        assert binary is not None
        self._client = client
        self.folder = Path(tempfile.mkdtemp(prefix="ts-"))
        self.ports = [free_port() for _ in range(3)]
        common = ("--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0", "--min-replicas-to-write", "1", *options)
        port_is = "tls-port" if tls else "port"
        self.servers = [Server(binary, f"--{port_is}", str(port), *common) for port in self.ports]
        for server in self.servers[1:]:
            server.options += ["--replicaof", f"127.0.0.1 {self.ports[0]}"]
        self.sentinels = [
            Sentinel(binary, self.folder, self.ports[0], port_is, sentinel_options or {}) for _ in range(3)
        ]
        places = ",".join(f"127.0.0.1:{it.port}" for it in self.sentinels)
        #: Without what is needed to get in.
        self.url = f"{'rediss' if tls else 'redis'}+sentinel://{places}/{NAME}"

    def start(self) -> Watched:
        try:
            for server in self.servers:
                server.start()
            wait_until(lambda: self._is_in_sync(self.servers[0]), 20, "replicas in sync")
            for sentinel in self.sentinels:
                sentinel.start()
            wait_until(self._is_complete, 20, "sentinels that know each other and all servers")
        except BaseException:
            self.remove()
            raise
        return self

    def ask(self, *words: str, number: int = 0) -> Any:
        """What one of the sentinels answers."""
        options = {"port": self.sentinels[number].port, "socket_timeout": 5, **self._client}
        with redis.Redis("127.0.0.1", decode_responses=True, **options) as client:
            return client.execute_command("SENTINEL", *words)

    def primary(self, number: int = 0) -> Server:
        """The one that this sentinel names."""
        _, port = self.ask("GET-MASTER-ADDR-BY-NAME", NAME, number=number)
        return self.servers[self.ports.index(int(port))]

    def failed_over(self, old: Server) -> None:
        """Wait until all sentinels name another."""
        wait_until(lambda: all(self.primary(it) is not old for it in range(3)), 20, "another primary")

    def healed(self) -> None:
        """Wait until the primary has two replicas in sync, and every sentinel takes all for well."""
        wait_until(lambda: self._is_in_sync(self.primary()) and self._is_complete(), 40, "replicas in sync")

    def settle(self, server: Server) -> None:
        """Let it answer no write for a moment, so that what it has answered is on its way to the replicas.

        Replication is asynchronous: what a primary that is killed has answered in its last 0.1 ms may be lost, and that
        is no defect of ours.
        """
        with server.client() as client:
            client.client_pause(2000, all=False)
            client.ping()
            client.ping()

    def remove(self) -> None:
        for sentinel in self.sentinels:
            sentinel.kill()
        for server in self.servers:
            server.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_in_sync(self, primary: Server) -> bool:
        with primary.client() as client:
            found: Any = client.info("replication")
        slaves = [found[f"slave{it}"] for it in range(2) if f"slave{it}" in found]
        return found["role"] == "master" and [it["state"] for it in slaves] == ["online"] * 2

    def _is_complete(self) -> bool:
        try:
            said = [self.ask("MASTER", NAME, number=it) for it in range(3)]
            replicas = [self.ask("REPLICAS", NAME, number=it) for it in range(3)]
        except redis.RedisError:
            return False
        well = {"num-other-sentinels": "2", "num-slaves": "2", "flags": "master"}
        known = all({name: str(it[name]) for name in well} == well for it in said)
        return known and all(
            (it["flags"], it["master-link-status"]) == ("slave", "ok") for many in replicas for it in many
        )


@contextmanager
def watched(kind: str, *options: str, **more: Any) -> Iterator[Watched]:
    it = Watched(kind, *options, **more).start()
    try:
        yield it
    finally:
        it.remove()


def main(kind: str = "valkey") -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), watched(kind) as it:
        print(it.url, flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main(*sys.argv[1:])
