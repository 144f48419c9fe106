"""The application over a real store: these tests are about HTTP, so one kind is enough."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from flask.testing import FlaskClient

from scheduler import Settings
from tests.bench.servers import Server
from tests.bench.store import Bench, HandSetRedis
from timer_service import create_app


@pytest.fixture
def client(valkey_server: Server) -> Iterator[redis.Redis]:
    real = HandSetRedis(unix_socket_path=str(valkey_server.socket))
    real.flushall()
    yield real
    real.close()


@pytest.fixture
def http(bench: Bench) -> FlaskClient:
    return create_app(Settings(), bench.link).test_client()
