from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bench.processes import Service
from tests.client.both import Awaiting, as_kind, new_client
from timer_service.client import TimerClient
from timer_service.web.access.api_keys import new_key


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """An API and a poller, as processes, over a real store, for all tests of the client."""
    it = Service(tmp_path_factory.mktemp("client"))
    it.api()
    it.poller()
    yield it
    it.remove()


@pytest.fixture(params=[TimerClient, Awaiting], ids=["waits", "awaits"])
def both(request: pytest.FixtureRequest) -> Iterator[None]:
    """Runs a test with each of the two clients; a file asks for it with `usefixtures`."""
    with as_kind(request.param):
        yield


@pytest.fixture
def client(service: Service) -> Iterator[TimerClient]:
    with new_client(service.url) as it:
        yield it


@pytest.fixture(scope="session")
def keys(service: Service) -> dict[str, str]:
    """A second API over the same store that wants keys: its `url`, and a `read` and a `write` key."""
    (read, reader), (write, writer) = (new_key(scope, scope) for scope in ("read", "write"))
    url = service.url
    service.api(TIMER_API_KEYS=f"{reader},{writer}")
    service.url, url = url, service.url
    return {"url": url, "read": read, "write": write}
