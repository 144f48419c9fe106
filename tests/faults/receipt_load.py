"""Clients that set timers with a durability, all the time, and note when each was acknowledged."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import redis

from scheduler import Link, Settings, connect
from scheduler.store import keys
from tests.bench.servers import Server
from timer_service import create_app

_TIMER = {"url": "http://localhost:9000/hook", "hours": 1}
_CLIENTS = 8


class Acknowledged(NamedTuple):
    timer_id: str
    #: Seconds since the epoch at which the 201 was there.
    at: float


@contextmanager
def load(server: Server, durability: str) -> Iterator[list[Acknowledged]]:
    """What was acknowledged so far; it ends when the context does. A 503 acknowledges nothing."""
    settings = Settings(redis_url=server.url, store_timeout=2, durability_timeout=3)
    app = create_app(settings, Link(connect(server.url, 2)))
    made: list[Acknowledged] = []
    is_over = threading.Event()

    def client() -> None:
        http = app.test_client()
        while not is_over.is_set():
            answer = http.post("/timers", json={**_TIMER, "durability": durability})
            if answer.status_code == 201:
                made.append(Acknowledged(answer.get_json()["id"], time.time()))
            elif answer.status_code == 422:
                raise AssertionError(answer.get_json())

    threads = [threading.Thread(target=client) for _ in range(_CLIENTS)]
    for it in threads:
        it.start()
    try:
        yield made
    finally:
        is_over.set()
        for it in threads:
            it.join(30)


def lost_of(made: Sequence[Acknowledged], client: redis.Redis) -> int:
    """How many of these the store has not."""
    pipeline = client.pipeline(transaction=False)
    for it in made:
        pipeline.zscore(keys.root(0), it.timer_id)
    return pipeline.execute().count(None)
