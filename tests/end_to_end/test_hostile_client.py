"""What strangers do on their connections harms nobody else. The long form: python -m tests.bench.hostile_client."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.bench.hostile_client import attacked, honest, served
from tests.bench.processes import Service

POST = b"POST /timers HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
GET_BUNDLE = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
#: Seconds of a request, from its first byte to its last.
DEADLINE = 10


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("api"), TIMER_API_THREADS="8")
    service.api()
    yield service
    service.remove()


def connect(service: Service) -> socket.socket:
    parts = urlsplit(service.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=20)


def rest(sock: socket.socket) -> bytes:
    """All that still comes."""
    found = b""
    while more := sock.recv(1 << 20):
        found += more
    return found


def test_a_storm_of_hostile_clients_stops_neither_probes_nor_timers(tmp_path: Path) -> None:
    """400 silent connections, half-sent and dripped requests, unread answers, malformed chunks, lists in a loop."""
    kinds = ["silent", "half-sent", "dripped", "unread", "chunks", "lists"]
    with served(tmp_path) as (service, keys):
        service.set(300, "http://127.0.0.1:9/hook", 86_400_000)
        with attacked(service, kinds, keys, seed=1):
            seen = honest(service, keys[1], 5)
        said = service.parts[0].output()
    assert max(seen.livez) < 2, seen
    assert set(seen.statuses) == {200, 201}, seen
    assert not seen.failures
    assert seen.rss < 256
    assert "Traceback" not in said


def test_a_request_that_does_not_come_whole_in_time_is_answered_408_and_costs_no_thread(api: Service) -> None:
    """Heads, bodies and chunks that stop, at their first byte or their last; one that drips has no longer.

    Beside them: silence is no request, and an answer that nobody reads is given up.
    """
    parts = (
        b"G",
        b"\r\n",
        b"GET /livez HTTP/1.1\r\nHost: loc",
        POST + b"Content-Length: 100\r\n\r\n{",
        POST + b"Content-Length: 100\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n",
    )
    stopped = [connect(api) for _ in 3 * parts]
    for sock, part in zip(stopped, 3 * parts, strict=True):
        sock.sendall(part)
    dripping, quiet, unread = connect(api), connect(api), connect(api)
    unread.sendall(GET_BUNDLE * 20)
    begun = time.monotonic()
    dripping.sendall(b"GET /livez HTTP/1.1\r\nX: ")
    for _ in range(DEADLINE - 1):
        time.sleep(1)
        dripping.sendall(b"x")
        assert requests.get(f"{api.url}/livez", timeout=2).status_code == 200
    assert time.monotonic() - begun > DEADLINE - 1.5
    for sock in [*stopped, dripping]:
        answer = rest(sock)
        assert answer.startswith(b"HTTP/1.1 408 "), answer
        assert answer.count(b"HTTP/1.1") == 1
        assert b"\r\nConnection: close\r\n" in answer
        assert b"application/problem+json" in answer
    assert time.monotonic() - begun > DEADLINE - 0.5
    quiet.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert rest(quiet).startswith(b"HTTP/1.1 200 ")
    until = time.monotonic() + 2 * DEADLINE
    while api_connections(api) and time.monotonic() < until:
        time.sleep(0.1)
    assert not api_connections(api)
    for sock in (*stopped, dripping, quiet, unread):
        sock.close()
    assert "Traceback" not in api.parts[0].output()


def test_while_every_thread_waits_for_a_frozen_store_probes_are_answered(tmp_path: Path) -> None:
    """/readyz with a 503; also beside clients that ask for it again and again."""
    service = Service(tmp_path, TIMER_API_THREADS="8", TIMER_STORE_TIMEOUT="3")
    try:
        service.api()
        service.post(delay=3600, url="http://127.0.0.1:9/")
        service.store.signal(signal.SIGSTOP)
        timer = {"delay": 3600, "url": "http://127.0.0.1:9/"}
        with ThreadPoolExecutor(20) as twenty:
            waiting = [twenty.submit(requests.post, f"{service.url}/timers", json=timer, timeout=30) for _ in range(20)]
            time.sleep(0.5)
            for _ in range(10):
                assert requests.get(f"{service.url}/livez", timeout=2).status_code == 200
            assert not all(call.done() for call in waiting)
            service.store.signal(signal.SIGCONT)
            assert all(call.result().status_code in (201, 503) for call in waiting)
    finally:
        service.remove()


def test_a_client_that_sends_many_requests_at_once_gets_the_answers_in_their_order(api: Service) -> None:
    paths = [f"/problems/{name}" for name in ("malformed", "forbidden", "not-found", "conflict")] * 25
    with connect(api) as sock:
        for path in paths[:-1]:
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        sock.sendall(f"GET {paths[-1]} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answers = rest(sock).decode().split("HTTP/1.1 200 OK")[1:]
    assert [answer.partition("\r\n\r\n")[2].split()[1] for answer in answers] == [path[10:] for path in paths]


def api_connections(service: Service) -> int:
    """How many sockets the API's worker has open to clients, by the kernel's own list."""
    port = urlsplit(service.url).port
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(f":{port:04X}" in line.split()[1] and line.split()[3] == "01" for line in lines)
