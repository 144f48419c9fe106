"""Clients that set timers through the API at a steady rate, cancel some of them, and write down what they were told."""

from __future__ import annotations

import heapq
import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from scheduler import rfc3339 as moment
from tests.faults.field import Record
from tests.faults.history import Cancel, Create, Verdict

#: Seconds after which a client gives up.
_PATIENCE = 5.0
_THREADS = 8


@dataclass(frozen=True, kw_only=True)
class Mix:
    """What the timers are like."""

    #: A second.
    rate: float = 200.0
    #: Seconds until due, at most.
    delay: float = 5.0
    #: The part that receivers hold for up to a second, and for up to five.
    short: float = 0.2
    long: float = 0.1
    #: The part that is cancelled, some before their time and some a little after it.
    cancelled: float = 0.1
    #: The part whose first attempt is answered with a 500.
    flaky: float = 0.02
    #: The part that is asked for under an idempotency key, again and again until somebody knows what became of it.
    persistent: float = 0.5
    #: The part that has a key and two tags.
    named: float = 0.2
    #: The part that has a head start of up to a minute.
    urgent: float = 0.1
    #: The part that is not to be sent later than some seconds after it is due.
    expiring: float = 0.1


class Client:
    """One keep-alive connection to one API after another: where one does not listen, the next is asked."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._hosts = [urlsplit(url).netloc for url in urls]
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[Verdict, int, Any]:
        for _ in self._hosts:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(self._hosts[0], timeout=_PATIENCE)
                try:
                    self._connection.connect()
                except OSError:  # nothing was sent
                    self.close()
                    self._hosts.append(self._hosts.pop(0))
                    continue
            if body is not None:
                headers["Content-Type"] = "application/json"
            return self._ask(self._connection, method, path, None if body is None else json.dumps(body), headers)
        return Verdict.FAIL, 0, None

    def _ask(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: str | None,
        headers: dict[str, str],
    ) -> tuple[Verdict, int, Any]:
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            said = json.loads(answer.read() or b"null")
        except (OSError, http.client.HTTPException, ValueError):
            self.close()
            return Verdict.UNKNOWN, 0, None
        if answer.status < 300:
            return Verdict.OK, answer.status, said
        if answer.status == 503 and "not known" in said["detail"]:
            return Verdict.UNKNOWN, answer.status, said
        return Verdict.FAIL, answer.status, said

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class Place(Protocol):
    """Where timers are sent, and what is written down."""

    @property
    def record(self) -> Record: ...
    @property
    def url_of(self) -> Callable[..., str]: ...


class Load:
    """Runs from start() to stop(), in threads."""

    def __init__(self, field: Place, urls: Sequence[str], mix: Mix, seed: int) -> None:
        self._field = field
        self._urls = urls
        self._mix = mix
        self._seed = seed
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(_THREADS)]
        #: Answers that no fault explains.
        self.surprises: list[str] = []

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)
        assert not self.surprises, self.surprises[:3]

    def _run(self, lane: int) -> None:
        chance = random.Random(self._seed * _THREADS + lane)
        client = Client([self._urls[(lane + n) % len(self._urls)] for n in range(len(self._urls))])
        cancels: list[tuple[float, str]] = []
        begun, number = time.monotonic(), lane
        while not self._over.is_set():
            due = begun + number / self._mix.rate
            if due < time.monotonic() - 1:
                begun += time.monotonic() - due  # it was held up: the rate is kept, not caught up with
                continue
            while cancels and cancels[0][0] <= time.time():
                self._cancel(client, heapq.heappop(cancels)[1])
            if due > time.monotonic():
                self._over.wait(min(0.01, due - time.monotonic()))
                continue
            create = self._create(client, number, chance)
            number += _THREADS
            if create.timer_id and chance.random() < self._mix.cancelled:
                heapq.heappush(
                    cancels, (create.end + chance.uniform(0, create.due - create.end + 0.05), create.timer_id)
                )
        client.close()

    def _create(self, client: Client, number: int, chance: random.Random) -> Create:
        mix = self._mix
        delay = round(chance.uniform(0, mix.delay), 3)
        kind = chance.random()
        hold = chance.uniform(1, 5) if kind < mix.long else chance.uniform(0, 1) if kind < mix.long + mix.short else 0.0
        more = ("once-500",) if chance.random() < mix.flaky else ()
        url = self._field.url_of(number, round(1000 * hold), *more, host=number)
        asked: dict[str, object] = {"delay": delay, "url": url, "backoff": [1]}
        if chance.random() < mix.named:
            asked |= {"key": f"key-{number}", "tags": ["all", f"tag-{number % 7}"]}
        if chance.random() < mix.urgent:
            asked["priority"] = chance.randint(1, 60)
        lateness = round(chance.uniform(1, 10), 3) if chance.random() < mix.expiring else None
        if lateness:
            asked["max_lateness"] = lateness
        start = time.time()
        if chance.random() < mix.persistent:
            verdict, status, said = self._insist(client, number, asked)
        else:
            verdict, status, said = client.ask("POST", "/timers", asked)
        done = verdict is Verdict.OK
        due_at = moment.parse(said["due_at"]) / 1000 if done else None
        create = Create(
            number=number,
            start=start,
            end=time.time(),
            verdict=verdict,
            delay=delay,
            timer_id=said["id"] if done else None,
            due_at=due_at,
            expires_at=due_at + lateness if due_at and lateness else None,
        )
        self._field.record.creates.append(create)
        if status not in (0, 201, 503):
            self.surprises.append(f"{status} to a create: {said}")
        return create

    def _insist(self, client: Client, number: int, asked: object) -> tuple[Verdict, int, Any]:
        """Ask until it is known; a refusal is no answer to an earlier try."""
        until = time.monotonic() + 3 * _PATIENCE
        verdict, status, said = client.ask("POST", "/timers", asked, **{"Idempotency-Key": str(number)})
        while verdict is Verdict.UNKNOWN and time.monotonic() < until:
            time.sleep(0.2)
            again, status, said = client.ask("POST", "/timers", asked, **{"Idempotency-Key": str(number)})
            verdict = again if again is Verdict.OK else Verdict.UNKNOWN
        return verdict, status, said

    def _cancel(self, client: Client, timer_id: str) -> None:
        start = time.time()
        verdict, status, said = client.ask("DELETE", f"/timers/{timer_id}")
        self._field.record.cancels.append(Cancel(timer_id=timer_id, start=start, end=time.time(), verdict=verdict))
        if status not in (0, 204, 409, 503):
            self.surprises.append(f"{status} to a cancel: {said}")
