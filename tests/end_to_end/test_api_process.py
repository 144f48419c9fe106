"""The API as a process: what gunicorn sees before Flask does."""

from __future__ import annotations

import json
import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.bench.processes import Service, free_port, wait_until

POST = b"POST /timers HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def speak(service: Service, raw: bytes) -> tuple[int, dict[str, object]]:
    """Status and JSON of the answer to these bytes, which must be a problem."""
    with socket.create_connection(_address(service), timeout=15) as sock:
        sock.sendall(raw)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while more := sock.recv(65536):
            answer += more
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head, answer
    return int(head.split()[1]), json.loads(body)


def _address(service: Service) -> tuple[str, int]:
    host, _, port = service.url.removeprefix("http://").partition(":")
    return host, int(port)


# fmt: off
MALFORMED = [
    (b"nonsense\r\n\r\n", 400),
    (b"get /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nA b: c\r\n\r\n", 400),
    (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
    (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
    (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 90_000 + b"\r\n\r\n", 431),
    (b"POST /timers HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: nonsense\r\n\r\n", 501),
    (CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n", 400),
    (CHUNKED + b"-5\r\n{}\r\n0\r\n\r\n", 400),
    (CHUNKED + b"2\r\n{}xx0\r\n\r\n", 400),
    (CHUNKED + b"2;" + b"x" * 20_000 + b"\r\n{}\r\n0\r\n\r\n", 400),
    (CHUNKED + b"100000\r\n" + b" " * 0x100000 + b"\r\n2\r\n{}\r\n0\r\n\r\n", 413),
    (POST + b"Content-Length: 300\r\n\r\n{}", 400),
]
# fmt: on


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Service:
    it = Service(tmp_path_factory.mktemp("api"), TIMER_API_THREADS="8")
    it.api()
    return it


@pytest.fixture(scope="module", autouse=True)
def _removed(api: Service) -> object:
    yield
    api.remove()


@pytest.mark.parametrize(("raw", "status"), MALFORMED, ids=[repr(raw[:40]) for raw, _ in MALFORMED])
def test_what_is_no_http_is_a_problem_like_any_other(api: Service, raw: bytes, status: int) -> None:
    found, problem = speak(api, raw)
    assert (found, problem["status"], bool(problem["instance"])) == (status, status, True)
    assert "Traceback" not in api.parts[0].output()


def test_no_header_of_a_client_moves_the_application(api: Service) -> None:
    answer = requests.get(f"{api.url}/livez", headers={"SCRIPT_NAME": "/foo", "X-Forwarded-Proto": "https"}, timeout=30)
    assert answer.status_code == 200


def test_a_client_may_ask_whether_any_server_is_here(api: Service) -> None:
    with socket.create_connection(_address(api), timeout=15) as sock:
        sock.sendall(b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 204 ")


def test_whoever_asks_for_another_protocol_is_answered_in_this_one(api: Service) -> None:
    """A WebSocket, as browsers ask for it."""
    asked = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "eA==",
    }
    answer = requests.get(f"{api.url}/livez", headers=asked, timeout=30)
    assert (answer.status_code, answer.headers.get("Upgrade")) == (200, None)


def test_a_second_api_on_the_port_is_refused_at_once_in_one_line(api: Service) -> None:
    _, port = _address(api)
    second = api.start("api", TIMER_PORT=str(port))
    assert second.process.wait(20) == 1
    words = "Address already in use; choose another TIMER_HOST or TIMER_PORT"
    assert second.output() == f"Error: cannot listen on 127.0.0.1:{port}: {words}\n"


def test_a_keep_alive_client_is_served_again_and_again(api: Service) -> None:
    with requests.Session() as session, ThreadPoolExecutor(4) as four:
        answers = list(four.map(lambda _: session.get(f"{api.url}/livez", timeout=5).status_code, range(100)))
    assert answers == [200] * 100


def test_every_line_of_every_process_is_one_json_object_when_nobody_watches(service: Service) -> None:
    service.environ["TIMER_LOG_LEVEL"] = "debug"
    service.api()
    service.poller()
    requests.get(f"{service.url}/stats", timeout=30)
    speak(service, b"nonsense\r\n\r\n")
    codes = [part.stop() for part in service.parts]
    assert codes == [0, 0]
    for part in service.parts:
        lines = [json.loads(line) for line in part.output().splitlines()]
        assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    statuses = [json.loads(line).get("status") for line in service.parts[0].output().splitlines()]
    assert {200, 400} <= set(statuses)


def test_metrics_are_those_of_all_workers_also_of_one_that_died(service: Service) -> None:
    service.environ["TIMER_API_WORKERS"] = "2"
    api = service.api()

    def counted() -> float:
        text = requests.get(f"{service.url}/metrics", timeout=30).text
        lines = [
            line for line in text.splitlines() if line.startswith('timer_api_requests_total{method="GET",route="/st')
        ]
        return float(lines[0].rpartition(" ")[2]) if lines else 0

    def ask(count: int) -> None:
        with ThreadPoolExecutor(8) as eight:
            list(eight.map(lambda _: requests.get(f"{service.url}/stats", timeout=30), range(count)))

    ask(40)
    assert counted() == 40
    workers = [pid for pid, command in api.children().items() if "timer-service" in command]
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    wait_until(lambda: len(api.children().keys() - {workers[0]}) == 2, 10, "a new worker")
    ask(40)
    assert counted() == 80


def test_a_callback_of_the_service_that_may_not_be_called_stops_the_api_with_one_line(service: Service) -> None:
    part = service.start("api", TIMER_ON_FAILED="http://127.0.0.1:1/", TIMER_PORT=str(free_port()))
    assert part.process.wait(30) == 1
    (line,) = [it for it in part.output().splitlines() if not it.startswith("{")]
    assert line.startswith("Error: TIMER_ON_FAILED is refused: Port 1 ")
