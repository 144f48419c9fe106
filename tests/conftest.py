"""The fixtures that carry the suite."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.bench.processes import Service
from tests.bench.receiver import Receiver, receiving
from tests.bench.servers import BINARIES, Server
from tests.bench.store import Bench, HandSetFake, HandSetRedis


def start(kind: str) -> Server:
    binary = BINARIES[kind]
    if binary is None:
        if os.environ.get("CI"):
            pytest.fail(f"{kind}-server is not installed, and CI must have it")
        pytest.skip(f"{kind}-server is not installed")
    return Server(binary).start()


@pytest.fixture(params=["fake", "valkey", "redis"])
def client(request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    """An empty store of each kind, with a clock that the test sets."""
    if request.param == "fake":
        fake = HandSetFake()
        yield fake
        fake.close()
        return
    running = request.getfixturevalue(f"{request.param}_server")
    real = HandSetRedis(unix_socket_path=str(running.socket))
    real.flushall()
    yield real
    real.close()


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Server]:
    running = start("valkey")
    yield running
    running.remove()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    running = start("redis")
    yield running
    running.remove()


@pytest.fixture
def bench(client: redis.Redis) -> Bench:
    return Bench(client)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as it:
        yield it


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    it = Service(tmp_path)
    yield it
    it.remove()
