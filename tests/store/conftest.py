"""A real server of each kind, on which a test may limit a user: its access list is taken back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bench.servers import Server


@pytest.fixture(params=["valkey", "redis"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    running: Server = request.getfixturevalue(f"{request.param}_server")
    running.client().flushall()
    yield running
    running.client().acl_deluser("limited")
