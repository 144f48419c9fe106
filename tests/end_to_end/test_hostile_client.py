"""What strangers do on their connections harms nobody else. The long form: python -m tests.bench.hostile_client."""

from __future__ import annotations

import re
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.bench.hostile_client import attacked, honest, served
from tests.bench.processes import COMMAND, Part, Service, Up, accepts, free_port, wait_until
from timer_service.client import TimerClient, TooLarge
from timer_service.web.access.api_keys import new_key

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


@pytest.mark.clock
def test_a_storm_of_hostile_clients_stops_neither_probes_nor_timers(tmp_path: Path) -> None:
    """400 silent connections, half-sent and dripped requests, unread answers, malformed chunks, lists in a loop."""
    kinds = ["silent", "half-sent", "dripped", "unread", "chunks", "lists"]
    with served(tmp_path) as (service, keys):
        service.set(300, "http://127.0.0.1:2/hook", 86_400_000)
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
        b"\r\nG",
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
    while time.monotonic() - begun < DEADLINE - 2:
        time.sleep(0.5)
        dripping.sendall(b"x")
        assert requests.get(f"{api.url}/livez", timeout=20).status_code == 200
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


@pytest.mark.clock
def test_while_every_thread_waits_for_a_frozen_store_livez_is_answered(tmp_path: Path) -> None:
    service = Service(tmp_path, TIMER_API_THREADS="8", TIMER_STORE_TIMEOUT="3")
    try:
        service.api()
        timer = {"delay": 3600, "url": "http://127.0.0.1:2/"}
        service.post(**timer)  # a warm connection
        service.store.signal(signal.SIGSTOP)
        with ThreadPoolExecutor(20) as twenty:
            waiting = [twenty.submit(requests.post, f"{service.url}/timers", json=timer, timeout=30) for _ in range(20)]
            time.sleep(0.5)  # every thread has one
            for _ in range(10):
                assert requests.get(f"{service.url}/livez", timeout=2).status_code == 200
            assert not any(call.done() for call in waiting)
            service.store.signal(signal.SIGCONT)
            assert all(call.result().status_code in (201, 503) for call in waiting)
    finally:
        service.remove()


@pytest.mark.clock
def test_of_a_frozen_store_readyz_tells_within_2_s_also_several_that_ask_at_once(api: Service) -> None:
    timer = {"delay": 3600, "url": "http://127.0.0.1:2/"}
    api.post(**timer)
    api.store.signal(signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(30) as thirty:
            waiting = [thirty.submit(requests.post, f"{api.url}/timers", json=timer, timeout=30) for _ in range(20)]
            ready = [thirty.submit(requests.get, f"{api.url}/readyz", timeout=2) for _ in range(5)]
            assert {call.result().status_code for call in (*ready, *waiting)} == {503}
    finally:
        api.store.signal(signal.SIGCONT)
    wait_until(lambda: requests.get(f"{api.url}/readyz", timeout=30).status_code == 200, 10, "a store that is back")


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


def test_a_request_that_is_too_large_is_answered_and_the_answer_arrives_however_much_is_sent(api: Service) -> None:
    """With a length, in chunks, with `Expect: 100-continue`; by sockets and by TimerClient, whose next call works."""
    too_long = POST + b"Content-Length: 20000000\r\n\r\n" + b" " * 20_000_000
    chunks = POST + b"Transfer-Encoding: chunked\r\n\r\n" + (b"100000\r\n" + b" " * 0x100000 + b"\r\n") * 20
    for raw in (too_long, chunks, POST + b"Content-Length: 20000000\r\nExpect: 100-continue\r\n\r\n"):
        for _ in range(5):
            with connect(api) as sock:
                sock.sendall(raw)
                answer = rest(sock)
            assert answer.startswith(b"HTTP/1.1 413 ")
            assert answer.count(b"HTTP/1.1") == 1
            assert b"\r\nConnection: close\r\n" in answer
    with TimerClient(api.url) as client:
        for size in (2_000_000, 9_000_000) * 10:  # read by us to its end, and not
            with pytest.raises(TooLarge):
                client.create(url="http://localhost:2/", delay=3600, body="x" * size)
            assert client.create(url="http://localhost:2/", delay=3600).status == "scheduled"


def test_an_expected_100_comes_before_the_body_and_only_where_it_is_wanted(api: Service) -> None:
    with connect(api) as sock:
        sock.sendall(POST + b"Content-Length: 46\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        assert sock.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b'{"delay": 3600, "url": "http://localhost:2/a"}')
        assert rest(sock).startswith(b"HTTP/1.1 201 ")


@pytest.mark.parametrize("keys", [True, False])
def test_a_host_that_is_none_and_a_malformed_chunk_are_refused_once_with_keys_and_without(
    tmp_path: Path, keys: bool
) -> None:
    """To routes that read the body, that do not, that do not exist, and that need no key."""
    service = Service(tmp_path, None, **({"TIMER_API_KEYS": new_key("a", "write")[1]} if keys else {}))
    try:
        service.api()
        for host in (b"", b"Host:\r\n", b"Host: user@localhost\r\n", b"Host: localhost/x\r\n", b"Host: a, b\r\n"):
            assert statuses(service, b"GET /livez HTTP/1.1\r\n" + host + b"\r\n") == ["400"]
        for path in (b"/timers", b"/livez", b"/no/such/page"):
            head = b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            for chunk in (b"zz\r\n", b"FFFFFFFFFFFFFFFF0\r\n", b"5\r\nhel", b"2\r\n{}xx0\r\n\r\n"):
                assert statuses(service, head + chunk) == ["400"]
        assert "Traceback" not in service.parts[0].output()
    finally:
        service.remove()


@pytest.mark.clock
def test_calls_on_a_connection_made_while_the_service_starts_wait_for_no_acknowledgement(up: Callable[..., Up]) -> None:
    """40 ms each, without TCP_NODELAY on what the inherited socket accepts."""
    port = free_port()
    service = up("--port", str(port), "--pollers", "0")
    wait_until(lambda: accepts(port), 20, "a listening socket")
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    waits = []
    for _ in range(30):
        begun = time.monotonic()
        connection.request("GET", "/problems/malformed")
        assert connection.getresponse().read()
        waits.append(time.monotonic() - begun)
    connection.close()
    assert sorted(waits)[10] < 0.03, waits
    assert service.stop() == 0


def test_more_idle_clients_than_the_soft_limit_of_files_are_served(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] > 4096
    with limited(tmp_path, "ulimit -Sn 1024", 1100) as service:
        assert requests.get(f"{service.url}/livez", timeout=20).status_code == 200


def test_without_files_left_the_worker_closes_the_oldest_silent_connections_and_lives(tmp_path: Path) -> None:
    with limited(tmp_path, "ulimit -n 80", 300) as service:
        worker = set(service.parts[0].children())
        for _ in range(5):
            assert requests.get(f"{service.url}/livez", timeout=20).status_code == 200
        assert set(service.parts[0].children()) == worker


@contextmanager
def limited(folder: Path, limit: str, idle: int) -> Iterator[Service]:
    """A service under a limit of the shell, and so many clients that say nothing."""
    service = Service(folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    socks: list[socket.socket] = []
    try:
        service.api(command=("bash", "-c", f'{limit}; exec "$0" "$@"', COMMAND))
        for _ in range(idle):
            socks.append(connect(service))
        yield service
        assert "Traceback" not in service.parts[0].output()
    finally:
        for sock in socks:
            sock.close()
        service.remove()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def statuses(service: Service, raw: bytes) -> list[str]:
    """Of all answers that these bytes get, before the connection is closed."""
    with connect(service) as sock:
        sock.sendall(raw)
        sock.shutdown(socket.SHUT_WR)
        return re.findall(r"HTTP/1\.1 (\d+)", rest(sock).decode())


@pytest.mark.parametrize("words", ["api", "up"])
def test_a_stop_serves_whom_it_has_accepted_and_refuses_who_comes_then(
    words: str, tmp_path: Path, up: Callable[..., Up]
) -> None:
    """A request that is half there at SIGTERM is answered; meanwhile nobody is left to wait for a reset."""
    service = Service(tmp_path)
    part: Part
    if words == "up":
        part = started = up("--pollers", "0")
        url = started.url()
    else:
        part, url = service.api(), service.url
    at = ("127.0.0.1", int(url.rpartition(":")[2]))
    with socket.create_connection(at, timeout=20) as sock:
        sock.sendall(POST + b"Content-Length: 2\r\n\r\n{")
        assert requests.get(f"{url}/livez", timeout=30).status_code == 200
        part.signal(signal.SIGTERM)
        wait_until(lambda: not accepts(at[1]), 5, "a refusal")
        sock.sendall(b"}")
        answer = rest(sock)
    assert answer.startswith(b"HTTP/1.1 422 "), answer
    assert b"\r\nConnection: close\r\n" in answer
    assert part.stop() == 0
    service.remove()


def test_very_many_probes_at_once_on_one_connection_are_answered_in_turn(api: Service) -> None:
    """They are answered in the loop; neither deep recursion nor a long turn of it must come of that."""
    with connect(api) as sock:
        sock.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" * 5000)
        sock.shutdown(socket.SHUT_WR)
        answers = rest(sock)
    assert answers.count(b"HTTP/1.1 200 OK") == 5000
    assert "Traceback" not in api.parts[0].output()
