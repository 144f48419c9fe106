"""Real stores: of each test two that are empty, and nodes of a cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bench.cluster import Cluster
from tests.bench.moving import flush
from tests.bench.servers import Server
from tests.conftest import start


@pytest.fixture(scope="package")
def _other_server() -> Iterator[Server]:
    running = start("valkey")
    yield running
    running.remove()


@pytest.fixture
def one(valkey_server: Server) -> Server:
    flush(valkey_server)
    return valkey_server


@pytest.fixture
def other(_other_server: Server) -> Server:
    flush(_other_server)
    return _other_server


@pytest.fixture
def nodes(cluster: Cluster) -> Cluster:
    flush(cluster)
    return cluster
