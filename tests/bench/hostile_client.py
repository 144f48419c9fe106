"""Clients that do the API all the harm they can, beside honest ones whose waits are counted.

    python -m tests.bench.hostile_client --seconds 20

One Valkey, one `timer-service api` with one worker and keys, no poller: without an attack, then with all at once. The
bytes and moments of the attacks come from the seed. With another checkout in PYTHONPATH the service is that one.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench.processes import Service
from timer_service.web.access.api_keys import new_key

#: Answers of ours that blame the server.
_BLAMED = range(500, 600)


@dataclass(slots=True)
class Seen:
    """What honest clients saw."""

    livez: list[float] = field(default_factory=list)
    posts: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    #: Calls that ended without an answer, by what happened.
    failures: Counter[str] = field(default_factory=Counter)
    #: MiB of the worker, at most.
    rss: float = 0.0

    @property
    def blamed(self) -> int:
        return sum(count for status, count in self.statuses.items() if status in _BLAMED)

    def row(self) -> str:
        return (
            f"livez max {max(self.livez, default=99):7.3f} s   POST p50 {_ms(self.posts, 50):7.1f} ms  "
            f"p99 {_ms(self.posts, 99):8.1f} ms   5xx {self.blamed}   failed {dict(self.failures)}   "
            f"posts {len(self.posts)}   RSS {self.rss:.0f} MiB"
        )


class Attack:
    """Goes on until told to stop; each client of it is a thread, which may fail as it likes."""

    def __init__(self, url: str, reader: str, writer: str, seed: int) -> None:
        parts = urlsplit(url)
        self.address = (parts.hostname or "", parts.port or 80)
        self.reader, self.writer = reader, writer
        self.stop = threading.Event()
        self._seed = seed
        self._threads: list[threading.Thread] = []

    def clients(self, count: int, behave: Callable[[Attack, random.Random], None]) -> None:
        for _ in range(count):
            chance = random.Random(f"{self._seed} {len(self._threads)}")
            self._threads.append(threading.Thread(target=self._again, args=(behave, chance), daemon=True))
            self._threads[-1].start()

    def end(self) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join(20)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=5)

    def post(self, writer: str = "", path: str = "/timers") -> bytes:
        key = f"Authorization: Bearer {writer}\r\n" if writer else ""
        return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{key}Content-Type: application/json\r\n".encode()

    def _again(self, behave: Callable[[Attack, random.Random], None], chance: random.Random) -> None:
        while not self.stop.is_set():
            with contextlib.suppress(OSError, HTTPException):
                behave(self, chance)
            self.stop.wait(0.05)


def silent(attack: Attack, _: random.Random) -> None:
    """400 connections in four threads; those that are closed are opened again."""
    socks: list[socket.socket] = []
    try:
        while not attack.stop.wait(0.1):
            for sock in filter(_closed, socks.copy()):
                socks.remove(sock)
                sock.close()
            while len(socks) < 100:
                socks.append(attack.connect())
    finally:
        for sock in socks:
            sock.close()


def half_sent(attack: Attack, _: random.Random) -> None:
    with attack.connect() as sock:
        sock.sendall(attack.post() + b"Content-Length: 100\r\n\r\n{")
        while not (attack.stop.wait(0.2) or _closed(sock)):
            pass


def dripped_head(attack: Attack, chance: random.Random) -> None:
    _drip(attack, b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 1000, chance)


def dripped_body(attack: Attack, chance: random.Random) -> None:
    with attack.connect() as sock:
        sock.sendall(attack.post() + b"Content-Length: 1000\r\n\r\n")
        _drip(attack, b" " * 1000, chance, sock)


def unread(attack: Attack, _: random.Random) -> None:
    """Pipelines GETs of 1.4 MB each, for which no key is needed, and reads nothing."""
    with attack.connect() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
        began = time.monotonic()
        while not attack.stop.wait(0.2) and time.monotonic() < began + 15:
            pass


_CHUNKS = (
    b"5\r\nhel",
    b"FFFFFFFFFFFFFFFF0\r\n",
    b"-5\r\n{}\r\n",
    b"zz\r\n",
    b"2\r\n{}xx0\r\n\r\n",
    b"5\nhello\n",
    b"\r\n\r\n",
)


def malformed_chunks(attack: Attack, chance: random.Random) -> None:
    with attack.connect() as sock:
        sock.sendall(attack.post(attack.writer) + b"Transfer-Encoding: chunked\r\n\r\n" + chance.choice(_CHUNKS))
        if chance.random() < 0.5:
            sock.shutdown(socket.SHUT_WR)
            sock.recv(65536)


def strange_json(attack: Attack, chance: random.Random) -> None:
    body = chance.choice(
        (b"[" * 100_000, b"[" + b"[]," * 300_000 + b"[]]", json.dumps(dict.fromkeys(map(str, range(9999)))).encode())
    )
    with attack.connect() as sock:
        sock.sendall(attack.post(attack.writer) + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        sock.recv(65536)


def large_halves(attack: Attack, _: random.Random) -> None:
    """Half of the largest body that there may be, and then nothing more."""
    with attack.connect() as sock:
        sock.sendall(attack.post(path="/timers/batch") + b"Content-Length: 8000000\r\n\r\n" + b" " * 4_000_000)
        while not (attack.stop.wait(0.2) or _closed(sock)):
            pass
    attack.stop.wait(1)


def lists(attack: Attack, __: random.Random) -> None:
    connection = HTTPConnection(*attack.address, timeout=20)
    for _ in range(20):
        connection.request("GET", "/timers?limit=1000", headers={"Authorization": f"Bearer {attack.reader}"})
        connection.getresponse().read()
        if attack.stop.is_set():
            break
    connection.close()


#: Name -> clients at once, and what each does.
ATTACKS: Mapping[str, tuple[tuple[int, Callable[[Attack, random.Random], None]], ...]] = {
    "none": (),
    "silent": ((4, silent),),
    "half-sent": ((40, half_sent),),
    "dripped": ((20, dripped_head), (20, dripped_body)),
    "unread": ((40, unread),),
    "chunks": ((4, malformed_chunks),),
    "json": ((2, strange_json),),
    "large": ((30, large_halves),),
    "lists": ((8, lists),),
}


@contextmanager
def attacked(service: Service, names: list[str], keys: tuple[str, str], seed: int) -> Iterator[None]:
    attack = Attack(service.url, *keys, seed)
    try:
        for name in names:
            for count, behave in ATTACKS[name]:
                attack.clients(count, behave)
        time.sleep(0.5)  # most of them are there
        yield
    finally:
        attack.end()


def honest(service: Service, key: str, seconds: float, clients: int = 4) -> Seen:
    """Probes on connections of their own, and timers on kept ones, about 20 a second by each client."""
    seen = Seen()
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=_probe, args=(service, seen, until))]
    threads += [threading.Thread(target=_set_timers, args=(service, key, seen, until)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        seen.rss = max(seen.rss, sum(_rss(pid) for pid in service.parts[0].children()))
        time.sleep(0.2)
    return seen


@contextmanager
def served(folder: Path, **environ: str) -> Iterator[tuple[Service, tuple[str, str]]]:
    """A service, and its keys: one that may read, one that may write."""
    (reader, read), (writer, write) = new_key("reader", "read"), new_key("writer", "write")
    service = Service(folder, None, TIMER_API_KEYS=f"{read},{write}", **environ)
    try:
        service.api()
        yield service, (reader, writer)
    finally:
        service.remove()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=[*ATTACKS, "all"], nargs="*", default=["none", "all"])
    parser.add_argument("--each", action="store_true", help="every kind alone, too")
    options = parser.parse_args()
    for name in [*ATTACKS, "all"] if options.each else options.only:
        with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as (service, keys):
            service.set(2000, "http://127.0.0.1:2/hook", 86_400_000)
            with attacked(service, [*ATTACKS] if name == "all" else [name], keys, options.seed):
                seen = honest(service, keys[1], options.seconds)
            print(f"{name:10} {seen.row()}", flush=True)


def _drip(attack: Attack, data: bytes, chance: random.Random, sock: socket.socket | None = None) -> None:
    with sock or attack.connect() as sock:
        for number in range(len(data)):
            sock.sendall(data[number : number + 1])
            if attack.stop.wait(chance.uniform(2, 4)) or _closed(sock):
                return


def _closed(sock: socket.socket) -> bool:
    """Whether the server has said that it is over; its last answer is read."""
    sock.setblocking(False)
    try:
        while sock.recv(65536):
            pass
    except BlockingIOError:
        sock.settimeout(5)
        return False
    except OSError:
        pass
    return True


def _probe(service: Service, seen: Seen, until: float) -> None:
    while time.monotonic() < until:
        _call(service, seen, seen.livez, lambda connection: connection.request("GET", "/livez"))
        time.sleep(0.1)


def _set_timers(service: Service, key: str, seen: Seen, until: float) -> None:
    body = json.dumps({"delay": 86_400, "url": "http://127.0.0.1:9000/hook", "body": {"a": 1}})
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection = HTTPConnection(*_where(service), timeout=30)
    while time.monotonic() < until:
        _call(service, seen, seen.posts, lambda it: it.request("POST", "/timers", body, headers), connection)
        time.sleep(0.04)
    connection.close()


def _call(
    service: Service,
    seen: Seen,
    waits: list[float],
    ask: Callable[[HTTPConnection], None],
    kept: HTTPConnection | None = None,
) -> None:
    connection = kept or HTTPConnection(*_where(service), timeout=30)
    begun = time.monotonic()
    try:
        ask(connection)
        answer = connection.getresponse()
        answer.read()
        seen.statuses[answer.status] += 1
    except (OSError, HTTPException) as error:
        seen.failures[type(error).__name__] += 1
        connection.close()
    waits.append(time.monotonic() - begun)
    if kept is None:
        connection.close()


def _where(service: Service) -> tuple[str, int]:
    parts = urlsplit(service.url)
    return parts.hostname or "", parts.port or 80


def _rss(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 2**20
    except (OSError, IndexError):
        return 0.0


def _ms(waits: list[float], percent: int) -> float:
    return 1000 * sorted(waits)[min(len(waits) - 1, len(waits) * percent // 100)] if waits else 99_999.0


if __name__ == "__main__":
    main()
