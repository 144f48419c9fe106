from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bench.processes import Service
from timer_service.client import TimerClient


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """An API and a poller, as processes, over a real store, for all tests of the client."""
    it = Service(tmp_path_factory.mktemp("client"))
    it.api()
    it.poller()
    yield it
    it.remove()


@pytest.fixture
def client(service: Service) -> Iterator[TimerClient]:
    with TimerClient(service.url) as it:
        yield it
