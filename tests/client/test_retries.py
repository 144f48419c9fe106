"""What the client sends again by itself, and what it leaves to its caller. The service is a script of raw answers."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from scheduler import Settings
from tests.bench.processes import free_port, wait_until
from tests.bench.raw import RawReceiver, raw_receiving
from tests.client.both import new_client
from tests.client.schedule_answers import SCHEDULE
from tests.delivery.test_certificates import tls_server
from timer_service import create_app
from timer_service.client import (
    Conflict,
    Forbidden,
    Invalid,
    Malformed,
    NewTimer,
    NotFound,
    RateLimited,
    TimerClient,
    TimerServiceError,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from timer_service.client.retries import FIRST, LONGEST, certainly_not_done, may_pass, pause

#: Each of them is a test of both clients.
pytestmark = pytest.mark.usefixtures("both")

TIMER = {
    "id": "00abc",
    "status": "scheduled",
    "time_left": 60,
    "due_at": "2026-01-01T00:01:00.500Z",
    "created_at": "2026-01-01T00:00:00.000Z",
    "attempts": 0,
    "last_attempt": None,
    "next_attempt_at": None,
    "url": "http://receiver/hook",
    "method": "POST",
    "headers": {},
    "timeout": 15.0,
    "max_attempts": 8,
    "backoff": {"initial": 5, "factor": 3, "max": 3600},
    "delivery": "at_least_once",
    "metadata": {},
    "a_field_of_tomorrow": 1,
}
#: Instead of an answer: the connection ends.
SILENCE = b""


def answer(status: int, value: Any = None, **headers: str) -> bytes:
    body = b"" if value is None else json.dumps(value).encode()
    lines = "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in headers.items())
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body


def problem(status: int, **members: Any) -> bytes:
    retry_after = members.pop("retry_after", None)
    headers = {} if retry_after is None else {"Retry_After": str(retry_after)}
    return answer(status, {"title": "T", "status": status, "detail": "D", "instance": "r", **members}, **headers)


@contextmanager
def answering(*answers: bytes, **options: Any) -> Iterator[tuple[TimerClient, RawReceiver]]:
    rest = list(answers)

    def behave(receiver: RawReceiver, sock: socket.socket) -> None:
        next_answer = rest.pop(0)
        if next_answer == SILENCE:
            sock.shutdown(socket.SHUT_RDWR)
        else:
            sock.sendall(next_answer)

    with raw_receiving(behave) as service, new_client(service.url, **options) as client:
        yield client, service


def heads(service: RawReceiver) -> list[dict[str, str]]:
    lines = (request.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:] for request in service.requests)
    return [{name.lower(): value for name, _, value in (line.partition(": ") for line in each)} for each in lines]


AWAY = [SILENCE, problem(503, retry_after=0), problem(503), answer(502), answer(504), problem(429, retry_after=0)]
CREATED = answer(201, TIMER)

Call = Callable[[TimerClient], Any]

REPEATED: list[tuple[Call, bytes]] = [
    (lambda client: client.create("http://receiver/", delay=1), CREATED),
    (lambda client: client.create_many([{"url": "http://receiver/", "delay": 1}]), answer(200, {"results": []})),
    (lambda client: client.get("00abc"), answer(200, TIMER)),
    (lambda client: client.get_by_key("k"), answer(200, TIMER)),
    (lambda client: client.attempts("00abc"), answer(200, {"data": []})),
    (lambda client: list(client.list()), answer(200, {"data": [], "next_cursor": None})),
    (lambda client: client.count(), answer(200, {"count": 1, "exact": True})),
    (lambda client: client.cancel("00abc"), answer(204)),
    (lambda client: client.set_schedule("a", cron="@daily", timer={"url": "http://h/"}), answer(200, SCHEDULE)),
    (lambda client: client.schedule("a"), answer(200, SCHEDULE)),
    (lambda client: list(client.schedules()), answer(200, {"data": [], "next_cursor": None})),
    (lambda client: client.preview_schedule(cron="@daily"), answer(200, {"description": "D", "moments": []})),
    (lambda client: list(client.schedule_runs("a")), answer(200, {"data": [], "next_cursor": None})),
    (lambda client: client.create_schedule(cron="@daily", timer={"url": "http://h/"}), answer(201, SCHEDULE)),
    (lambda client: client.fire_schedule("a"), answer(201, TIMER)),
    (lambda client: client.delete_schedule("a"), answer(204)),
]
#: Done twice they are not the same as done once.
NOT_REPEATED: list[Call] = [
    lambda client: client.fire("00abc"),
    lambda client: client.replay("00abc"),
    lambda client: client.reschedule("00abc", delay=1),
    lambda client: client.put("k", "http://receiver/", delay=1),
    lambda client: client.cancel_by_key("k"),
    lambda client: client.replay_many(status="failed"),
    lambda client: client.cancel_many(["00abc"]),
    lambda client: client.update_schedule("a", max_runs=None),
    lambda client: client.delete_schedule("a", if_version="v"),
    lambda client: client.pause_schedule("a"),
    lambda client: client.resume_schedule("a"),
]
#: Of those that are repeated, what is known again by its key.
KEYED = (0, 1, 13, 14)


@pytest.mark.parametrize("away", AWAY, ids=["silence", "503-0", "503", "502", "504", "429"])
@pytest.mark.parametrize("call", range(len(REPEATED)))
def test_what_is_safe_to_repeat_is_repeated_until_it_is_answered(away: bytes, call: int) -> None:
    do, good = REPEATED[call]
    with answering(away, away, good) as (client, service):
        do(client)
    assert len(service.requests) == 3
    keys = {head.get("idempotency-key") for head in heads(service)}
    assert len(keys) == 1, "a repeat under another key would make a second timer"
    assert (None in keys) == (call not in KEYED)


def test_there_is_a_method_for_every_route_about_timers_and_about_the_service() -> None:
    routes = create_app(Settings()).url_map
    more: list[Call] = [
        lambda client: client.stats(),
        lambda client: client.minutes(),
        lambda client: client.forecast(),
        lambda client: client.failures(),
        lambda client: client.pollers(),
        lambda client: client.store(),
        lambda client: client.ready(),
    ]
    reached = set()
    for call in [*(do for do, _ in REPEATED), *NOT_REPEATED, *more]:
        with answering(answer(404)) as (client, service), pytest.raises(NotFound):
            call(client)
        method, target, _ = service.requests[0].decode().split(" ", 2)
        reached.add(routes.bind("api").match(target.partition("?")[0], method)[0])
    about = ("/timers", "/schedules", "/stats", "/forecast", "/failures", "/pollers", "/store", "/readyz")
    assert reached == {rule.endpoint for rule in routes.iter_rules() if rule.rule.startswith(about)}


@pytest.mark.parametrize("call", range(len(NOT_REPEATED)))
@pytest.mark.parametrize("away", AWAY[:5], ids=["silence", "503-0", "503", "502", "504"])
def test_what_may_have_been_done_already_is_not_done_twice(away: bytes, call: int) -> None:
    with answering(away) as (client, service), pytest.raises(Unavailable):
        NOT_REPEATED[call](client)
    assert len(service.requests) == 1


def test_only_a_connection_that_never_came_about_is_certain_to_have_done_nothing() -> None:
    nowhere = new_client(f"http://127.0.0.1:{free_port()}", retries=0)
    with nowhere as client, pytest.raises(Unavailable) as refused:
        client.fire("00abc")
    with (
        answering(SILENCE) as (client, _),
        pytest.raises(Unavailable, match=r"closed connection|disconnected") as silent,
    ):
        client.fire("00abc")
    assert [certainly_not_done(error.value) for error in (refused, silent)] == [True, False]


def test_a_certificate_that_is_not_trusted_is_not_asked_for_again() -> None:
    untrusted = pytest.raises(Unavailable, match="certificate verify failed")
    with tls_server("self-signed") as (url, service), new_client(url) as client, untrusted as refused:
        client.get("00abc")
    assert not may_pass(refused.value)
    assert not certainly_not_done(refused.value), "else it would be repeated"
    assert service == []


def test_a_delete_that_may_have_been_done_has_been_where_its_repeat_finds_nothing() -> None:
    with answering(SILENCE, problem(429, retry_after=0), problem(404)) as (client, service):
        client.delete_schedule("a")
    assert len(service.requests) == 3
    for before in ([], [problem(429, retry_after=0)]):
        with answering(*before, problem(404)) as (client, _), pytest.raises(NotFound):
            client.delete_schedule("a")
    # A timer that was cancelled is found by a repeat: what is not found never was.
    with answering(SILENCE, problem(404)) as (client, _), pytest.raises(NotFound):
        client.cancel("00abc")


def test_what_was_refused_at_the_door_is_repeated_whatever_it_is() -> None:
    with answering(problem(429, retry_after=0), answer(202, TIMER)) as (client, service):
        client.fire("00abc")
    assert len(service.requests) == 2


def test_a_service_that_is_not_there_is_tried_a_bounded_number_of_times() -> None:
    refused = r"no answer from http://127.0.0.1:\d+: Connection refused"
    nowhere = new_client(f"http://127.0.0.1:{free_port()}", retries=2)
    with nowhere as client, pytest.raises(Unavailable, match=refused) as caught:
        client.fire("00abc")
    assert caught.value.status is None


def test_repeats_end_with_the_last_error() -> None:
    away = [problem(503, retry_after=0)] * 3
    with answering(*away, retries=2) as (client, service), pytest.raises(Unavailable, match="D") as caught:
        client.get("00abc")
    assert len(service.requests) == 3
    assert (caught.value.status, caught.value.retry_after, caught.value.request_id) == (503, 0, "r")


def test_a_wait_longer_than_a_caller_should_hang_is_raised_at_once() -> None:
    with answering(problem(429, retry_after=3600)) as (client, _), pytest.raises(RateLimited) as caught:
        client.get("00abc")
    assert caught.value.retry_after == 3600


def test_an_answer_that_takes_too_long_is_unavailable() -> None:
    def silent(receiver: RawReceiver, sock: socket.socket) -> None:
        receiver.over.wait()

    patience = timedelta(seconds=0.2)
    with raw_receiving(silent) as service, new_client(service.url, timeout=patience, retries=1) as client:
        with pytest.raises(Unavailable, match="it took too long"):
            client.get("00abc")
        wait_until(lambda: len(service.requests) == 2, 20, "it was asked twice")


class Narrow(HTTPAdapter):
    """Of whose calls the kernel keeps little."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        little = [(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**15)]
        super().init_poolmanager(*args, socket_options=little, **kwargs)


@pytest.mark.clock
def test_a_body_may_take_longer_than_the_timeout_while_the_service_takes_it() -> None:
    """8 MB over 1 Mbit/s take a minute."""

    def take_slowly() -> None:
        sock, _ = listener.accept()
        with sock:
            head, _, body = sock.recv(2**16).partition(b"\r\n\r\n")
            missing = int(head.lower().partition(b"content-length: ")[2].split()[0]) - len(body)
            while missing:
                time.sleep(0.02)  # the line is slow
                missing -= len(sock.recv(min(missing, 2**14)))
            sock.sendall(answer(200, {"results": []}))

    timers: list[NewTimer] = [{"url": "http://a/", "delay": 5, "body": "x" * 200_000}] * 10
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**15)
        threading.Thread(target=take_slowly, daemon=True).start()
        begun = time.monotonic()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with requests.Session() as session, TimerClient(url, timeout=1, retries=0, session=session) as client:
            session.mount("http://", Narrow())
            assert client.create_many(timers) == []
        assert time.monotonic() - begun > 1


def test_whether_it_is_ready_is_asked_once() -> None:
    with answering(problem(503, warnings=["it may evict"])) as (client, service):
        readiness = client.ready()
    assert (bool(readiness), readiness.warnings, readiness.detail) == (False, ("it may evict",), "D")
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("number", "retry_after", "chance", "seconds"),
    [
        (1, None, 0, FIRST / 2),
        (1, None, 1, FIRST),
        (4, None, 1, 8 * FIRST),
        (100, None, 1, LONGEST),
        (5000, None, 0, LONGEST / 2),  # 2.0**5000 is more than a float holds
        (1, 3, 0, 3 + FIRST / 2),
        (1, LONGEST, 1, LONGEST + FIRST),
        (1, LONGEST + 1, 1, None),
    ],
)
def test_waits_double_and_never_fall_short_of_retry_after(
    number: int, retry_after: float | None, chance: float, seconds: float | None
) -> None:
    assert pause(number, retry_after, chance) == (None if seconds is None else pytest.approx(seconds))


KINDS = [
    (400, Malformed),
    (401, Unauthorized),
    (403, Forbidden),
    (404, NotFound),
    (405, Malformed),
    (409, Conflict),
    (413, TooLarge),
    (415, Malformed),
    (422, Invalid),
    (500, TimerServiceError),
]


@pytest.mark.parametrize(("status", "kind"), KINDS)
def test_each_failure_is_one_exception_and_is_not_repeated(status: int, kind: type[TimerServiceError]) -> None:
    with answering(problem(status)) as (client, service), pytest.raises(TimerServiceError) as caught:
        client.get("00abc")
    assert type(caught.value) is kind
    assert (caught.value.status, str(caught.value), len(service.requests)) == (status, "D", 1)


def test_an_error_names_each_field_and_whatever_stands_in_the_way() -> None:
    errors = [{"pointer": "/url", "detail": "No."}, {"pointer": "", "detail": "Nor this."}]
    with answering(problem(422, errors=errors), problem(409, timer_id="00x", timer_status="failed")) as (client, _):
        with pytest.raises(Invalid, match=r"^/url: No\.; the whole: Nor this\.$") as refused:
            client.create("nonsense", delay=1)
        with pytest.raises(Conflict) as conflict:
            client.fire("00abc")
    assert [error.pointer for error in refused.value.errors] == ["/url", ""]
    assert (conflict.value.timer_id, conflict.value.timer_status) == ("00x", "failed")


@pytest.mark.parametrize("body", ["<html>", [], {"errors": "x"}, {"errors": [1, {}]}, None])
def test_an_error_that_something_in_between_wrote_is_an_error_all_the_same(body: Any) -> None:
    with answering(answer(404, body)) as (client, _), pytest.raises(NotFound):
        client.get("00abc")


def test_an_answer_that_is_no_json_says_that_this_is_no_timer_service() -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    with answering(page) as (client, _), pytest.raises(TimerServiceError, match="is no timer service"):
        client.get("00abc")


def test_a_redirect_is_an_error_because_a_post_would_be_followed_by_a_get() -> None:
    moved = answer(301, Location="https://elsewhere/")
    with answering(moved) as (client, service), pytest.raises(TimerServiceError, match="to https://elsewhere/"):
        client.create("http://receiver/", delay=1)
    assert len(service.requests) == 1


def test_the_key_is_sent_even_where_netrc_knows_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password other\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with answering(answer(200, TIMER), api_key="tk_1") as (client, service):
        client.get("00abc")
    assert heads(service)[0]["authorization"] == "Bearer tk_1"


def test_a_session_of_the_callers_own_is_used_and_left_open() -> None:
    session = requests.Session()
    session.headers["x-company"] = "ours"
    with answering(answer(200, TIMER), answer(200, TIMER), session=session) as (client, service):
        client.get("00abc")
        client.close()
        client.get("00abc")
    session.close()
    assert [head["x-company"] for head in heads(service)] == ["ours", "ours"]


def test_a_service_under_a_path_is_found_there() -> None:
    with answering(answer(200, TIMER)) as (_, service), new_client(f"{service.url}/timers-of-ours/") as inner:
        inner.get("a/b?c")
    assert service.requests[0].startswith(b"GET /timers-of-ours/timers/a%2Fb%3Fc HTTP/1.1\r\n")


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_would_lead_to_another_page_is_refused(name: str) -> None:
    with new_client() as client:
        for call in (client.get, client.cancel, client.get_by_key, client.cancel_by_key):
            with pytest.raises(ValueError, match="no id or key"):
                call(name)


@pytest.mark.parametrize("secret", ["tk_1\n", "", "tk 1", "tk_é"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(ValueError, match=r"^api_key: 1 to 255 visible ASCII characters"):
        new_client(api_key=secret)
    with new_client() as client, pytest.raises(ValueError, match=r"^idempotency_key: "):
        client.create("http://receiver/", delay=1, idempotency_key=secret or "a b")


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://localhost", "http://", "http://host/?a=1", "http://host:99999"]
)
def test_a_base_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        new_client(url)
