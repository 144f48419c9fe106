"""The contract of a transport: one request at most per claim, one deadline over all of it, any answer survived."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from scheduler import Claim, Signer, StoreClock
from scheduler.delivery.judge import judge, retry_after
from scheduler.delivery.sockets.transport import SocketTransport
from scheduler.delivery.transport import MAX_READ, Transport
from scheduler.own_secrets import Secret
from scheduler.signing_keys import new_secret
from tests.bench.processes import free_port
from tests.bench.raw import RawReceiver, answered, raw_receiving, read_request
from tests.bench.receiver import SECRET, Receiver, receiving, verified
from tests.bench.transports import LEASE, LOOPBACK, Send, claim, collect

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#: Seconds by which a deadline may be overrun.
SLACK = 0.5


@contextmanager
def arriving(behave: Callable[[RawReceiver, socket.socket], None]) -> Iterator[RawReceiver]:
    """A receiver of bare sockets; the reference library accepts the signature of every request that it has read."""
    with raw_receiving(behave) as receiver:
        yield receiver
    for request in receiver.requests:
        head, _, body = request.partition(b"\r\n\r\n")
        lines = [line.decode().partition(":") for line in head.split(b"\r\n")[1:]]
        assert verified(body, {name.lower(): value.strip() for name, _, value in lines})


# What is sent


def test_method_path_headers_and_body_arrive_as_given(send: Send) -> None:
    with arriving(lambda _, sock: sock.sendall(OK)) as receiver:
        send(
            f"{receiver.url}/a/../b//c?x=%2F&y=a+b",
            method="PUT",
            headers={"X-Empty": "", "x-Mixed": "A b"},
            body=b"\x00\xff",
        )
    (request,) = receiver.requests
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [line.strip() for line in head.split(b"\r\n")]
    assert lines[0] == b"PUT /a/../b//c?x=%2F&y=a+b HTTP/1.1"
    assert {b"X-Empty:", b"x-Mixed: A b"} <= set(lines)
    assert [line.lower() for line in lines if line.lower().startswith(b"content-length")] == [b"content-length: 2"]
    assert body == b"\x00\xff"
    assert not any(line.lower().startswith((b"transfer-encoding", b"cookie", b"accept:")) for line in lines)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
def test_every_method_is_sent(send: Send, receiver: Receiver, method: str) -> None:
    answer = send(f"{receiver.url}/status/200", method=method)
    assert (answer.status_code, answer.error) == (200, None)
    assert [hit.method for hit in receiver.hits] == [method]


def test_connections_are_used_again(send: Send) -> None:
    with arriving(lambda _, sock: sock.sendall(OK)) as receiver:
        for _ in range(5):
            assert send(receiver.url).status_code == 200
    assert (len(receiver.requests), receiver.connections) == (5, 1)


def test_no_more_connections_are_made_than_there_are_requests_in_flight(transport: Transport) -> None:
    with arriving(lambda _, sock: sock.sendall(OK)) as receiver:
        for _ in range(40):
            for _ in range(4):
                transport.submit(claim(receiver.url))
            assert [answer.status_code for answer in collect(transport, 4)] == [200] * 4
    assert len(receiver.requests) == 160
    assert receiver.connections <= 4


def test_no_cookie_is_carried_from_one_timer_to_another(send: Send, receiver: Receiver) -> None:
    for _ in range(2):
        send(receiver.url)
    assert all("cookie" not in hit.headers for hit in receiver.hits)


def test_the_environment_of_the_poller_changes_nothing(
    send: Send, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert send(receiver.url).status_code == 204
    assert "authorization" not in receiver.hits[0].headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(send: Send, status: int) -> None:
    """Neither to where this request could go, nor to a file."""

    def redirect(receiver: RawReceiver, sock: socket.socket) -> None:
        where = f"{receiver.url}/other" if len(receiver.requests) == 1 else "file:///etc/hostname"
        sock.sendall(f"HTTP/1.1 {status} Away\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n".encode())

    with arriving(redirect) as receiver:
        for _ in range(2):
            answer = send(receiver.url)
            assert (answer.status_code, answer.error, answer.body) == (status, None, b"")
    assert len(receiver.requests) == 2


def test_a_connection_that_closed_while_it_was_idle_is_no_failure(send: Send) -> None:
    closed = threading.Semaphore(0)

    def answer_and_close(_: RawReceiver, sock: socket.socket) -> None:
        sock.sendall(OK)
        sock.shutdown(socket.SHUT_RDWR)
        closed.release()

    with arriving(answer_and_close) as receiver:
        for _ in range(3):
            assert send(receiver.url).status_code == 200
            assert closed.acquire(timeout=60)
    assert (len(receiver.requests), receiver.connections) == (3, 3)


# At most one request on the wire


def test_a_request_read_whole_and_not_answered_is_not_sent_again(send: Send) -> None:
    """The connection was used before, so that a client might think that the request never arrived."""

    def second_time_silent(receiver: RawReceiver, sock: socket.socket) -> None:
        if len(receiver.requests) == 1:
            sock.sendall(OK)
        else:
            sock.close()

    with arriving(second_time_silent) as receiver:
        assert send(receiver.url).status_code == 200
        answer = send(receiver.url)
    assert (answer.error, answer.sent) == ("reset", True)
    assert len(receiver.requests) == 2


def test_an_attempt_begins_by_the_clock_of_its_own_server_whoever_has_answered_last(receiver: Receiver) -> None:
    """Else it is said to begin before it was due, or long after it."""
    now, clock = time.time_ns() // 1000, StoreClock()
    clock.observe(now, 1)
    clock.observe(now - 3_600_000_000, 2)
    transport = SocketTransport(clock, Signer(SECRET), LOOPBACK, slots=8, lease=LEASE)
    transport.submit(claim(receiver.url)._replace(partition=1))
    (answer,) = collect(transport, 1)
    transport.close()
    assert answer.started_at is not None
    assert answer.started_at >= now // 1000
    assert int(receiver.hits[0].headers["webhook-timestamp"]) >= now // 1_000_000


def test_an_attempt_that_is_not_let_begin_is_given_back_and_nothing_is_sent(receiver: Receiver) -> None:
    clock = StoreClock()
    clock.observe(time.time_ns() // 1000)
    asked: list[Claim] = []

    def lets(it: Claim, moment: float) -> bool:
        asked.append(it)
        return abs(moment - time.monotonic()) > 5

    transport = SocketTransport(clock, Signer(SECRET), LOOPBACK, slots=8, lease=LEASE, lets=lets)
    held = claim(receiver.url)
    transport.submit(held)
    (answer,) = collect(transport, 1)
    transport.close()
    assert (answer.claim, answer.started_at, answer.sent) == (held, None, False)
    assert asked[0] is held
    assert receiver.hits == []


def test_one_that_is_held_while_it_connects_is_not_sent(receiver: Receiver) -> None:
    """Red without the second look, once there is a connection."""
    clock = StoreClock()
    clock.observe(time.time_ns() // 1000)
    answers = iter([True, False])
    transport = SocketTransport(clock, Signer(SECRET), LOOPBACK, slots=8, lease=LEASE, lets=lambda *_: next(answers))
    transport.submit(claim(receiver.url))
    (answer,) = collect(transport, 1)
    transport.close()
    assert (answer.started_at, answer.sent) == (None, False)
    assert receiver.hits == []


def test_one_whose_own_secrets_are_not_known_is_given_back_and_nothing_is_sent(receiver: Receiver) -> None:
    """Above all not what the service has signed."""
    transport = SocketTransport(StoreClock(), Signer(SECRET), LOOPBACK, slots=8, lease=LEASE, own=lambda _: ())
    transport.submit(claim(receiver.url))
    (answer,) = collect(transport, 1)
    transport.close()
    assert (answer.started_at, answer.sent) == (None, False)
    assert receiver.hits == []


def test_one_that_was_signed_before_another_secret_took_the_place_of_its_own_is_given_back(receiver: Receiver) -> None:
    """To look a name up, or to connect, may take as long as the timer has."""
    secrets = iter([(Secret(new_secret(), 1),), (Secret(new_secret(), 2),)])
    transport = SocketTransport(
        StoreClock(), Signer(SECRET), LOOPBACK, slots=8, lease=LEASE, own=lambda _: next(secrets)
    )
    transport.submit(claim(receiver.url))
    (answer,) = collect(transport, 1)
    transport.close()
    assert (answer.started_at, answer.sent) == (None, False)
    assert receiver.hits == []


def test_what_own_secrets_sign_each_of_them_verifies_and_no_other() -> None:
    clock = StoreClock()
    clock.observe(time.time_ns() // 1000)
    new, old = Secret(new_secret(), 1), Secret(new_secret(), 1, 1000 * (int(time.time()) + 3600))
    with receiving(secret=new.value) as receiver:
        transport = SocketTransport(clock, Signer(SECRET), LOOPBACK, slots=8, lease=LEASE, own=lambda _: (new, old))
        transport.submit(claim(receiver.url))
        collect(transport, 1)
        transport.close()
    (hit,) = receiver.hits
    assert verified(hit.body, hit.headers, old.value)
    assert not verified(hit.body, hit.headers, SECRET)
    assert hit.headers["webhook-signature"].count("v1,") == 2


def test_a_claim_with_less_than_half_a_lease_left_is_not_sent(transport: Transport, receiver: Receiver) -> None:
    transport.submit(claim(receiver.url, claimed_at=time.monotonic() - LEASE / 2 - 0.01))
    (answer,) = collect(transport, 1)
    assert (answer.started_at, answer.sent) == (None, False)
    assert receiver.hits == []


# Deadlines

ENDLESS = {
    "silence": b"",
    "dripped headers": b"HTTP/1.1 200 OK\r\nX-",
    "100 continue": b"HTTP/1.1 100 Continue\r\n\r\n",
    "dripped body": b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
    "dripped body without a length": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
}
PIECES = {"100 continue": ENDLESS["100 continue"], "chunks": b"1\r\nx\r\n", "trailers": b"X-T: 1\r\n", "silence": b""}


@pytest.mark.clock
@pytest.mark.parametrize("kind", ENDLESS)
def test_no_answer_outlives_the_deadline(send: Send, kind: str) -> None:
    def endless(receiver: RawReceiver, sock: socket.socket) -> None:
        sock.sendall(ENDLESS[kind])
        receiver.drip(sock, PIECES.get(kind, b"x"))

    with arriving(endless) as receiver:
        begun = time.monotonic()
        answer = send(receiver.url, timeout=0.4)
        assert 0.4 <= time.monotonic() - begun < 0.4 + SLACK
    assert (answer.error, answer.sent) == ("timeout", True)


def test_a_receiver_that_does_not_accept_holds_no_attempt_beyond_its_deadline(send: Send) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        answer = send(f"http://127.0.0.1:{full.getsockname()[1]}/", timeout=0.3)
        for sock in waiting:
            sock.close()
    assert (answer.error, answer.sent) == ("timeout", False)
    assert answer.duration_ms < 5000


def test_a_connection_that_never_came_does_not_hide_the_next_one_with_its_number(send: Send) -> None:
    """Both wait for room to write. Who takes the second for the first hears nothing of it until its deadline."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        url = f"http://127.0.0.1:{full.getsockname()[1]}/"
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        assert send(url, timeout=0.3).error == "timeout"

        def accept() -> None:
            for sock in waiting:
                sock.close()
            with contextlib.suppress(OSError):
                while True:
                    with full.accept()[0] as sock:
                        if read_request(sock):
                            sock.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

        later = threading.Timer(0.3, accept)
        later.start()
        answer = send(url, timeout=20)
        full.shutdown(socket.SHUT_RDWR)
        later.join()
    assert (answer.status_code, answer.error) == (204, None)


def test_a_tls_handshake_that_stalls_ends_at_the_deadline(send: Send) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stalling:
        answer = send(f"https://127.0.0.1:{stalling.getsockname()[1]}/", timeout=0.3)
    assert (answer.error, answer.sent) == ("timeout", False)
    assert answer.duration_ms < 5000


# Hostile and broken answers


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", "reset"),
        (b"nonsense\r\n\r\n", "protocol"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", "protocol"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345", "protocol"),
    ],
)
def test_a_broken_answer_has_a_word(send: Send, raw: bytes, error: str) -> None:
    with arriving(answered(raw)) as receiver:
        answer = send(receiver.url)
    assert (answer.error, answer.sent) == (error, True)


@pytest.mark.parametrize(
    "before", [b"", b"HTTP/1.1 200 OK\r\nContent-Len", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"]
)
def test_a_reset_in_the_middle_of_an_answer_is_one(send: Send, before: bytes) -> None:
    def reset(_: RawReceiver, sock: socket.socket) -> None:
        sock.sendall(before)
        time.sleep(0.05)  # a reset overtakes what was sent just before it
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    with arriving(reset) as receiver:
        answer = send(receiver.url)
    assert (answer.error, answer.sent) == ("reset", True)
    assert len(receiver.requests) == 1


def test_what_comes_after_an_answer_is_nobodys(send: Send) -> None:
    with arriving(answered(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok, and HTTP/1.1 500 No\r\n\r\n")) as receiver:
        for _ in range(2):
            answer = send(receiver.url)
            assert (answer.status_code, answer.error, answer.body) == (200, None, b"ok")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("5", 5), ("-5", None), ("1000000000", 1e9), ("soon", None), ("Fri, 01 Jan 2100 00:00:00 GMT", 0)],
)
@pytest.mark.parametrize("status", [429, 503])
def test_what_a_busy_receiver_asks_for_is_heard(send: Send, status: int, said: str, seconds: float | None) -> None:
    raw = f"HTTP/1.1 {status} Busy\r\nRetry-After: {said}\r\nContent-Length: 0\r\n\r\n".encode()
    with arriving(answered(raw)) as receiver:
        answer = send(receiver.url)
    heard = retry_after(answer, 4_102_444_800_000)  # in 2100
    assert (answer.status_code, heard) == (status, seconds)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(400, "retryable"), (404, "retryable"), (408, "retryable"), (410, "permanent"), (489, "permanent")],
)
def test_a_refusal_is_final_only_where_it_says_so(send: Send, receiver: Receiver, status: int, outcome: str) -> None:
    assert judge(send(f"{receiver.url}/status/{status}")) == (outcome, None)


def test_a_refused_connection_is_no_request(send: Send) -> None:
    answer = send(f"http://127.0.0.1:{free_port()}/")
    assert (answer.error, answer.sent) == ("connect", False)


def test_a_plain_server_behind_https_is_a_tls_error(send: Send, receiver: Receiver) -> None:
    answer = send(receiver.url.replace("http:", "https:"))
    assert (answer.error, answer.sent) == ("tls", False)
    assert receiver.hits == []


@pytest.mark.parametrize("length", [b"Content-Length: 1000000000", b"Connection: close"])
def test_of_a_long_answer_only_the_beginning_is_read(send: Send, length: bytes) -> None:
    def flood(receiver: RawReceiver, sock: socket.socket) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\n%s\r\n\r\n" % length)
        while not receiver.over.is_set():
            sock.sendall(b"x" * 65536)

    with arriving(flood) as receiver:
        answer = send(receiver.url)
    assert (answer.status_code, answer.error, len(answer.body)) == (200, None, MAX_READ)


def test_nothing_is_decompressed(send: Send) -> None:
    bomb = b"\x1f\x8b\x08" + b"\x00" * 100
    raw = (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip"
        + b", gzip" * 49
        + b"\r\nContent-Length: %d\r\n\r\n%s" % (len(bomb), bomb)
    )
    with arriving(answered(raw)) as receiver:
        assert send(receiver.url).body == bomb


def test_the_service_goes_on_after_every_hostile_answer(transport: Transport, receiver: Receiver) -> None:
    with arriving(answered(b"HTTP/1.1 200 OK\r\nX\x00: \r\n\r\r\n\xff" * 50)) as hostile:
        for _ in range(40):
            transport.submit(claim(hostile.url, timeout=1))
        collect(transport, 40)
    transport.submit(claim(receiver.url))
    assert collect(transport, 1)[0].status_code == 204


# The loop's side


@pytest.mark.clock
def test_wake_ends_a_wait_at_once_even_if_it_came_before(transport: Transport) -> None:
    transport.wake()
    begun = time.monotonic()
    assert transport.wait(5) == []
    assert time.monotonic() - begun < 0.5


@pytest.mark.clock
def test_a_wake_is_not_lost_when_look_ups_are_answered_at_the_same_time() -> None:
    clock = StoreClock()
    transport = SocketTransport(clock, Signer(""), LOOPBACK, slots=8, lease=LEASE)
    transport.wake()
    transport._lookups._answers.put((("name.example", 80), "none"))
    begun = time.monotonic()
    transport.wait(5)
    assert time.monotonic() - begun < 0.5
    transport.close()


@pytest.mark.parametrize(
    "broken",
    [
        {"headers": {"x": "\ud800"}},
        {"url": "http://h:port/"},
        {"url": "http://[::1/"},
        {"url": "nonsense"},
        {"method": "\ud800"},
        {"url": "http://127.0.0.1/\x00"},
    ],
)
def test_a_timer_that_cannot_be_sent_at_all_stops_nobody(
    transport: Transport, receiver: Receiver, broken: dict[str, Any]
) -> None:
    """Creation refuses such; a record of another version may hold it."""
    transport.submit(claim(**{"url": receiver.url, **broken}))
    (answer,) = collect(transport, 1)
    assert answer.status_code is None
    assert answer.error
    transport.submit(claim(receiver.url))
    assert collect(transport, 1)[0].status_code == 204


@pytest.mark.clock
def test_a_wait_lasts_as_long_as_asked_to_the_millisecond(transport: Transport) -> None:
    overshoots = []
    for _ in range(20):
        begun = time.monotonic()
        transport.wait(0.0105)
        overshoots.append(time.monotonic() - begun - 0.0105)
    assert min(overshoots) >= 0
    assert min(overshoots) < 0.002  # the others are this machine's business


@pytest.mark.clock
def test_a_deadline_holds_on_a_connection_that_is_used_again(send: Send) -> None:
    def second_time_endless(receiver: RawReceiver, sock: socket.socket) -> None:
        sock.sendall(OK if len(receiver.requests) == 1 else ENDLESS["dripped body"])
        if len(receiver.requests) > 1:
            receiver.drip(sock, b"x")

    with arriving(second_time_endless) as receiver:
        assert send(receiver.url).status_code == 200
        begun = time.monotonic()
        assert send(receiver.url, timeout=0.4).error == "timeout"
        assert time.monotonic() - begun < 0.4 + SLACK
    assert receiver.connections == 1


def test_a_body_that_is_cut_while_it_is_sent_may_have_arrived(send: Send) -> None:
    def reset(listener: socket.socket) -> None:
        sock, _ = listener.accept()
        sock.recv(10)
        sock.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=reset, args=(listener,), daemon=True).start()
        answer = send(f"http://127.0.0.1:{listener.getsockname()[1]}/", body=b"x" * 250_000, timeout=20)
    assert answer.error in ("reset", "timeout")
    assert answer.sent


def test_nothing_is_left_of_calls_that_are_over(transport: SocketTransport, receiver: Receiver) -> None:
    for number in range(20):
        transport.submit(claim(f"{receiver.url}/{number}"))
    collect(transport, 20)
    assert len(transport._connections) == transport._connections.idle > 0
    assert list(transport._under_way._deadlines.due(float("inf"))) == []


def test_one_that_is_closed_can_be_woken_and_nothing_else_hears_of_it(transport: Transport) -> None:
    """As by a second signal while the poller ends: what was closed may be another file by then."""
    transport.close()
    transport.wake()
    others = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(8)]
    transport.wake()
    for other in others:
        with pytest.raises(BlockingIOError):
            os.eventfd_read(other)
        os.close(other)


def test_idle_connections_are_few_however_many_origins_there_are(transport: Transport) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with contextlib.ExitStack() as stack:
        receivers = [stack.enter_context(arriving(lambda _, sock: sock.sendall(OK))) for _ in range(100)]
        listening = len(os.listdir("/proc/self/fd")) - before
        for receiver in receivers:
            transport.submit(claim(receiver.url))
        collect(transport, 100)
        assert len(os.listdir("/proc/self/fd")) - before - listening <= 2 * 100  # both ends are ours here


@pytest.mark.clock
def test_close_waits_for_nobody(transport: Transport) -> None:
    with receiving() as holding:
        transport.submit(claim(f"{holding.url}/held", timeout=60))
        while not holding.hits:
            assert transport.wait(0.05) == []
        begun = time.monotonic()
        transport.close()
        assert time.monotonic() - begun < 1
