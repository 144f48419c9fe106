"""The application over a real store: these tests are about HTTP, so one kind is enough."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from flask.testing import FlaskClient

from scheduler import Attempt, Outcome, Settings, Settlement
from tests.bench.many_applications import many_applications
from tests.bench.servers import Server
from tests.bench.store import Bench, HandSetRedis
from timer_service import create_app

HOOK = {"url": "http://localhost:9000/hook"}


def settle(bench: Bench, outcome: Outcome, retry_ms: int | None = None, **attempt: Any) -> None:
    (it,) = bench.claims.claim(1).claims
    ended = Attempt(number=it.number, outcome=outcome, **attempt)
    assert bench.claims.settle([Settlement(timer_id=it.id, fence=it.fence, attempt=ended, retry_ms=retry_ms)]) == []


@pytest.fixture(scope="session", autouse=True)
def _many_applications() -> Iterator[None]:
    with many_applications():
        yield


@pytest.fixture
def client(valkey_server: Server) -> Iterator[redis.Redis]:
    real = HandSetRedis(unix_socket_path=str(valkey_server.socket))
    real.flushall()
    yield real
    real.close()


@pytest.fixture
def http(bench: Bench) -> FlaskClient:
    return create_app(Settings(), bench.link).test_client()
