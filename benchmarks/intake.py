"""How fast the API takes timers in: one by one over kept connections, in batches, and through `TimerClient`.

    python -m benchmarks.intake --quick

One Valkey and `timer-service api` with one and two gunicorn workers; no poller, as all is due in a day. The client of
the first two is bare sockets in this process: its cost stands in the last column. A quick run has two workers in the
first way only.
"""

from __future__ import annotations

import http.client
import importlib
import itertools
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks import part
from benchmarks.cpu import Meter, columns
from benchmarks.figures import Row, percentile
from benchmarks.filling import webhook
from benchmarks.hammer import hammer, request
from benchmarks.part import Options, Part, repeat, say
from tests.bench.processes import COMMAND, Service

_HOOK = "http://127.0.0.1:9000/hook"
_BATCH = 500
SINGLE = "POST /timers, 16 connections"
BATCHES = f"POST /timers/batch, {_BATCH} each, 4 connections"
#: Prepared requests that are sent again and again.
_PREPARED = 64

#: From the URL of the API and some seconds: timers taken, seconds that it took, seconds of each answer.
Way = Callable[[str, float], tuple[int, float, list[float]]]


def measure(options: Options) -> tuple[list[Row], dict[str, Any]]:
    rows: list[Row] = []
    ms = options.size(3000, 300)
    for workers in (1, 2):
        for what, one in WAYS.items():
            if options.quick and workers == 2 and what != SINGLE:
                continue
            row: Row = {"what": what, "workers": float(workers)}
            try:
                row = {
                    **row,
                    **repeat(f"{what}, {workers} workers", options.rounds, partial(served, workers, one, ms / 1000)),
                }
            except Absent as reason:
                say(f"  {what}: absent, {reason}")
                row = {**row, "absent": str(reason)}
            rows.append(row)
    return rows, {}


class Absent(Exception):
    """This version has no such way in."""


def served(workers: int, one: Way, seconds: float, command: Sequence[str] = (COMMAND,), **environ: str) -> Row:
    """`command` starts the API."""
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder), None, TIMER_API_WORKERS=str(workers), **environ)
        try:
            api = service.api(command=command)
            one(service.url, 0.3)  # until every worker has loaded all that it needs
            meter, own = Meter(api=api.process.pid, store=service.store.pid), time.process_time()
            count, took, waits = one(service.url, seconds)
            spent = {**meter.spent(), "client": time.process_time() - own}
        finally:
            service.remove()
    waits.sort()
    return {
        "timers_per_second": count / took,
        "p50_ms": 1000 * percentile(waits, 50),
        "p99_ms": 1000 * percentile(waits, 99),
        **columns(spent, count),
    }


def _timer() -> dict[str, Any]:
    """The JSON of a timer that looks like those of users."""
    it = webhook(_HOOK)
    return {"delay": 86_400, "url": it.url, "body": json.loads(it.body or b"")}


def _prepared(url: str, bodies: Iterator[Any]) -> Iterator[bytes]:
    return itertools.cycle(
        [request(url, json.dumps(body).encode(), {}) for body in itertools.islice(bodies, _PREPARED)]
    )


def _single(url: str, seconds: float) -> tuple[int, float, list[float]]:
    requests = _prepared(f"{url}/timers", (_timer() for _ in itertools.count()))
    tally = hammer(url, requests, 16, seconds)
    assert set(tally.statuses) == {201}, tally.statuses
    return tally.statuses[201], tally.seconds, tally.waits


def _batches(url: str, seconds: float) -> tuple[int, float, list[float]]:
    bodies = ({"timers": [_timer() for _ in range(_BATCH)]} for _ in itertools.count())
    path = f"{url}/timers/batch"
    _must_accept(path, next(bodies))
    tally = hammer(url, _prepared(path, itertools.islice(bodies, 8)), 4, seconds)
    assert set(tally.statuses) == {200}, tally.statuses
    return _BATCH * tally.statuses[200], tally.seconds, tally.waits


def _must_accept(url: str, body: Any) -> None:
    """A batch is 200 as a whole even if none of its timers was taken: look into one. Raises Absent."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request("POST", parts.path, json.dumps(body), {"content-type": "application/json"})
    answer = connection.getresponse()
    said = json.loads(answer.read())
    connection.close()
    if answer.status in (404, 405):
        raise Absent("no POST /timers/batch")
    assert answer.status == 200, said
    assert {result["status"] for result in said["results"]} == {201}, said["results"][0]


def _client(url: str, seconds: float) -> tuple[int, float, list[float]]:
    """One thread, one call after the other."""
    timers = itertools.cycle([_timer() for _ in range(_PREPARED)])
    with _timer_client(url) as client:
        return _again(lambda: client.create(**next(timers)), 1, seconds)


def _client_batches(url: str, seconds: float) -> tuple[int, float, list[float]]:
    timers = [_timer() for _ in range(_BATCH)]
    with _timer_client(url) as client:
        return _again(lambda: client.create_many(timers), _BATCH, seconds)


def _again(call: Callable[[], object], timers: int, seconds: float) -> tuple[int, float, list[float]]:
    waits = []
    begun = time.monotonic()
    while (sent := time.monotonic()) < begun + seconds:
        call()
        waits.append(time.monotonic() - sent)
    return timers * len(waits), time.monotonic() - begun, waits


def _timer_client(url: str) -> Any:
    try:
        return importlib.import_module("timer_service.client").TimerClient(url)
    except ImportError:
        raise Absent("no timer_service.client") from None


WAYS: Mapping[str, Way] = {
    SINGLE: _single,
    BATCHES: _batches,
    "TimerClient.create, one thread": _client,
    "TimerClient.create_many, one thread": _client_batches,
}
PART = Part("intake", __doc__, measure)

if __name__ == "__main__":
    part.main(PART)
