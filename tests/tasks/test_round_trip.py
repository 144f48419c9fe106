"""The whole way: a function is set, the service calls it, and its result comes back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import pytest

from tests.bench.processes import Service
from tests.bench.receiver import HELD_UP, SECRET
from timer_service.tasks import Tasks


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def tasks(service: Service) -> Iterator[Tasks]:
    """Served by a WSGI server in this process, called by a real service."""
    server = _Server(("127.0.0.1", 0), _Quiet)
    service.api()
    service.poller()
    it = Tasks(service.url, f"http://127.0.0.1:{server.server_port}/tasks", SECRET)
    server.set_app(it.wsgi_app)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield it
    server.shutdown()
    server.server_close()
    thread.join()
    it.client.close()


def test_a_result_comes_back(tasks: Tasks) -> None:
    @tasks.task(name="add")
    def add(a: int, b: int) -> int:
        return a + b

    assert add.delay(2, 3).get(timeout=HELD_UP * 20) == 5
