"""The service as its users run it: real processes of the real command, ended by their own ids."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import requests

from scheduler import Draft, Settings, Store, Webhook
from tests.bench.cluster import Cluster
from tests.bench.receiver import HELD_UP, SECRET
from tests.bench.servers import BINARIES, Server

COMMAND = str(Path(sys.executable).with_name("timer-service"))


#: Seconds within which a process must have started.
START = 10.0


def wait_until(true: Callable[[], Any], seconds: float, what: str) -> Any:
    """What is found once it is true. It may take so long on a quiet machine, and HELD_UP times that on any."""
    until = time.monotonic() + HELD_UP * seconds
    while not (found := true()):
        assert time.monotonic() < until, f"not within {HELD_UP * seconds} s: {what}"
        time.sleep(0.02)
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # it may go between opening and reading
        return False


#: Below those that a kernel gives to connections and to whoever asks for any port. They begin anywhere, for others who
#: run tests at the same time take some of them too.
_PORTS = itertools.cycle(range(20_000, 32_000))
next(itertools.islice(_PORTS, random.SystemRandom().randrange(12_000), None))


def free_port() -> int:
    """One that nobody listens on, and that nobody is given by chance before it is used."""
    for port in _PORTS:
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


class Part:
    """One process of the service and its output."""

    def __init__(self, *words: str, log: Path, command: Sequence[str] = (COMMAND,), **environ: str) -> None:
        self.log = log
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TIMER_")}
        clean |= {"TIMER_SIGNING_SECRETS": SECRET, "TIMER_EGRESS_ALLOW": "127.0.0.0/8"}
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [*command, *words], env={**clean, **environ}, stdout=out, stderr=subprocess.STDOUT, process_group=0
            )

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def output(self) -> str:
        return self.log.read_text()

    def stop(self, seconds: float = 10) -> int:
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        return self.process.wait(HELD_UP * seconds)

    def obeys_sigterm(self) -> bool:
        """Whether it has a handler for it by now: before that SIGTERM ends any process at once, with -15."""
        caught = Path(f"/proc/{self.process.pid}/status").read_text().partition("SigCgt:")[2].split()[0]
        return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)

    def kill(self) -> None:
        """kill -9 for the whole group."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def children(self) -> dict[int, str]:
        """pid -> command line of what this process has started, and what that has started."""
        found: dict[int, str] = {}
        parents = {self.process.pid}
        for _ in range(3):
            for entry in Path("/proc").glob("[0-9]*/stat"):
                try:
                    parent = int(entry.read_text().rpartition(")")[2].split()[1])
                    if parent in parents:
                        found[int(entry.parent.name)] = (entry.parent / "cmdline").read_text().replace("\0", " ")
                except (FileNotFoundError, ProcessLookupError):
                    continue
            parents |= found.keys()
        return found


def _wait_for(part: Part, begun: Callable[[], Any], what: str) -> None:
    """Until a process has begun; what it wrote, should it end before."""
    wait_until(lambda: part.process.poll() is not None or begun(), START, what)
    assert part.process.poll() is None, f"{what} ended with {part.process.poll()}: {part.output()}"


class Service:
    """A store of its own, an API, and pollers on top."""

    def __init__(self, folder: Path, store: Server | Cluster | None = None, **environ: str) -> None:
        assert BINARIES["valkey"] is not None
        self.folder = folder
        self.store: Any = store or Server(BINARIES["valkey"]).start()
        self.environ = {"TIMER_REDIS_URL": self.store.url, "TIMER_LOG_LEVEL": "warning", **environ}
        clock = environ.get("TIMER_CLOCK", "real")
        self.timers = Store(Settings(redis_url=self.store.url, clock=clock, store_timeout=5, keep_cancelled=60)).timers
        self.parts: list[Part] = []
        self.url = ""

    def start(self, *words: str, command: Sequence[str] = (COMMAND,), **environ: str) -> Part:
        log = self.folder / f"{len(self.parts)}-{words[0]}.log"
        part = Part(*words, log=log, command=command, **{**self.environ, **environ})
        self.parts.append(part)
        return part

    def api(self, *, command: Sequence[str] = (COMMAND,), **environ: str) -> Part:
        port = environ.setdefault("TIMER_PORT", str(free_port()))
        part = self.start("api", command=command, **environ)
        self.url = f"http://127.0.0.1:{port}"
        _wait_for(part, lambda: _status(f"{self.url}/livez") == 200, f"an API on {self.url}")
        return part

    def poisoned_poller(self, **environ: str) -> Part:
        """One that dies of a timer for `/poison`."""
        return self.start("poisoned", command=(sys.executable, "-m", "tests.bench.poisoned_poller"), **environ)

    def poller(self, *, command: Sequence[str] = (COMMAND,), **environ: str) -> Part:
        """A poller that has begun its loop."""
        alive = self.folder / f"{len(self.parts)}-alive"
        part = self.start("poller", command=command, TIMER_HEARTBEAT_FILE=str(alive), **environ)
        _wait_for(part, lambda: alive.exists() and part.obeys_sigterm(), "a poller's loop")
        return part

    def set(self, count: int, url: str, delay_ms: int, **webhook: Any) -> list[str]:
        """Timers straight into the store, as fast as it takes them."""
        drafts = [
            Draft(id=self.timers.new_id(), webhook=Webhook(url=url, **webhook), delay_ms=delay_ms) for _ in range(count)
        ]
        for start in range(0, count, 200):
            self.timers.set(*drafts[start : start + 200])
        return [draft.id for draft in drafts]

    def post(self, **asked: Any) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/timers", json=asked, timeout=30)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def finished(self, count: int, seconds: float) -> None:
        """Wait until so many timers have been delivered."""
        wait_until(lambda: self.timers.stats().delivered >= count, seconds, f"{count} delivered: {self.timers.stats()}")

    def remove(self) -> None:
        for part in self.parts:
            part.kill()
        self.store.remove()


class Up(Part):
    """`timer-service up`, with its embedded store."""

    def __init__(self, folder: Path, *words: str, command: Sequence[str] = (COMMAND,), **environ: str) -> None:
        folder.mkdir(exist_ok=True)
        self.data_dir = folder / "data"
        options = ["--data-dir", str(self.data_dir), "--port", "0"]
        super().__init__(
            "up", *options, *words, log=folder / f"up-{time.monotonic_ns()}.log", command=command, **environ
        )

    def url(self) -> str:
        """Where it listens, once it says so."""
        said = wait_until(lambda: re.search(r"api +(http://\S+)\n(?s:.*)Ctrl-C", self.output()), START, "a banner")
        found: str = said[1]
        return found


def _status(url: str) -> int:
    try:
        return requests.get(url, timeout=2).status_code
    except requests.RequestException:
        return 0
