"""The fixtures that carry the suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.bench import needed
from tests.bench.processes import Service
from tests.bench.receiver import Receiver, receiving
from tests.bench.servers import BINARIES, Server
from tests.bench.session import pytest_configure, pytest_unconfigure
from tests.bench.store import Bench, HandSetFake, HandSetRedis

__all__ = ["pytest_configure", "pytest_unconfigure"]

#: What needs no process of the service and no real store: `make quick`.
_QUICK = ("tests/unit", "tests/api", "tests/store", "tests/client")
_PROCESSES = {"service", "up", "receiver", "server", "valkey_server", "redis_server"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        kind = getattr(item, "callspec", None) and item.callspec.params.get("client")  # type: ignore[attr-defined]
        fixtures = set(getattr(item, "fixturenames", ()))
        if kind == "redis" or "redis_server" in fixtures:
            item.add_marker("elsewhere")
        alone = not fixtures & _PROCESSES and kind in (None, "fake")
        if alone and item.nodeid.startswith(_QUICK) and not item.get_closest_marker("slow"):
            item.add_marker("quick")


def start(kind: str) -> Server:
    binary = BINARIES[kind]
    if binary is None:
        needed.missing(f"{kind}-server is not installed: apt-get install {kind}-server")
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
