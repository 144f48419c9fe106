"""Receivers that are processes, kept running: one that is killed, or kills itself, is started again."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading
from pathlib import Path
from typing import Protocol, Self

from scheduler import BreakerMode, DestinationSettings, Settings, Store
from tests.bench.processes import Part, accepts, free_port, wait_until
from tests.bench.servers import BINARIES, Server
from tests.faults.field import Field
from tests.faults.once_receiver import LIST
from tests.faults.received import secret_of


class Effects(Protocol):
    """Where a receiver acts."""

    kind: str
    place: Path

    def restart(self) -> None: ...

    def numbers(self) -> list[int]: ...

    def remove(self) -> None: ...


class InSqlite:
    """A file, which has nothing to restart and goes with its folder."""

    kind = "sqlite"

    def __init__(self, folder: Path) -> None:
        self.place = folder / "effects.sqlite"

    def restart(self) -> None:
        pass

    def numbers(self) -> list[int]:
        connection = sqlite3.connect(self.place, timeout=60)
        found = [number for (number,) in connection.execute("SELECT number FROM effects")]
        connection.close()
        return found

    def remove(self) -> None:
        pass


class InRedis:
    """A Valkey of its own that has written what it answers for."""

    kind = "redis"

    def __init__(self, _: Path) -> None:
        assert BINARIES["valkey"] is not None
        self._server = Server(BINARIES["valkey"], "--appendfsync", "always").start()
        self.place = self._server.socket

    def restart(self) -> None:
        self._server.kill()
        self._server.start()

    def numbers(self) -> list[int]:
        with self._server.client() as client:
            return [int(it) for it in client.lrange(LIST, 0, -1)]

    def remove(self) -> None:
        self._server.remove()


class Kept:
    """One receiver; from start() to stop() a thread keeps it running."""

    def __init__(self, field: Field, effects: Effects, *, with_helper: bool) -> None:
        self.effects = effects
        self.with_helper = with_helper
        self._field = field
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._notes = field.folder / f"notes-{effects.kind}"
        how = "once" if with_helper else "bare"
        self._words = (effects.kind, str(self._port), str(effects.place), how, str(self._notes))
        self._over = threading.Event()
        self._part: Part | None = None
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def start(self) -> Self:
        store = Store(Settings(redis_url=self._field.store.url))
        # Else it would be left alone for a minute once it was killed a few times.
        store.destinations.put(f"http:127.0.0.1:{self._port}", DestinationSettings(breaker=BreakerMode.OFF))
        store.close()
        self._thread.start()
        wait_until(lambda: accepts(self._port), 20, f"a receiver with {self.effects.kind}")
        return self

    def stop(self) -> None:
        self._over.set()
        self._thread.join(60)
        if self._part is not None:
            self._part.kill()
        self.effects.remove()

    def kill(self) -> None:
        """kill -9; it is back as soon as it has started."""
        part = self._part
        if part is not None and part.process.poll() is None:
            os.kill(part.process.pid, signal.SIGKILL)

    def notes(self) -> list[str]:
        """Its lines, whole ones only."""
        return self._notes.read_text().split("\n")[:-1] if self._notes.exists() else []

    def shown(self) -> bool:
        """Whether a webhook has come again whose effect was done: it was dropped, or done again."""
        numbers = self.effects.numbers()
        return len(numbers) > len(set(numbers)) or any(line.startswith("known") for line in self.notes())

    def _keep(self) -> None:
        command = (sys.executable, "-m", "tests.faults.once_receiver")
        secrets = ",".join(secret_of(f"p{n}") for n in range(_MOST_POLLERS))
        while not self._over.is_set():
            if self._part is None or self._part.process.poll() is not None:
                self._part = self._field.start(*self._words, command=command, TIMER_SIGNING_SECRETS=secrets)
            self._over.wait(0.05)


#: In a run; each signs with a secret of its own.
_MOST_POLLERS = 1000
