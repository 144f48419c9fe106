"""A request of megabytes is sent whole and once, however slowly it is read, and holds up no other.

Tried here, over plain connections and over TLS: a receiver that reads slowly; one that refuses in the middle, and
closes, resets or goes on reading; one that reads nothing until the deadline.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import certifi
import pytest

from scheduler.delivery.transport import Transport
from tests.bench.receiver import Receiver
from tests.bench.transports import Send, claim, collect
from tests.delivery.test_certificates import FOLDER

DONE = b"HTTP/1.1 204 No Content\r\n\r\n"
TOO_LARGE = b"HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\n\r\ntoo large"
BODY = random.Random(1).randbytes(5_000_000)

#: What a receiver does with a connection once it has read the head of the request; it is given what came behind it.
Behave = Callable[[socket.socket, bytes], None]


@pytest.fixture(autouse=True)
def _our_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certifi, "where", lambda: str(FOLDER / "authority.pem"))


@pytest.fixture(params=["http", "https"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextmanager
def reading(scheme: str, behave: Behave) -> Iterator[tuple[str, list[str]]]:
    """A receiver's URL, and the first lines of all requests whose heads it has read. Its buffer is small."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(FOLDER / "good.pem")
    asked: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)

    def serve(sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock:
            ours = context.wrap_socket(sock, server_side=True) if scheme == "https" else sock
            with ours:
                data = b""
                while b"\r\n\r\n" not in data:
                    more = ours.recv(1000)
                    if not more:
                        return
                    data += more
                asked.append(data.partition(b"\r\n")[0].decode())
                behave(ours, data.partition(b"\r\n\r\n")[2])

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/", asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_a_request_that_is_read_slowly_is_sent_whole_and_once_and_others_are_not_held_up(
    transport: Transport, receiver: Receiver, scheme: str
) -> None:
    """Red with a part that is left out or sent twice where the kernel took only some of it."""
    arrived: list[str] = []
    may_go_on = threading.Event()

    def slowly(sock: socket.socket, body: bytes) -> None:
        hashed, count = hashlib.sha256(body), len(body)
        may_go_on.wait(60)
        while count < len(BODY):
            more = sock.recv(50_000)
            assert more
            hashed.update(more)
            count += len(more)
            time.sleep(0.001)
        sock.settimeout(0.05)
        with contextlib.suppress(TimeoutError):  # nothing else may come
            count += len(sock.recv(1))
        arrived.append(f"{count} {hashed.hexdigest()}")
        sock.sendall(DONE)

    with reading(scheme, slowly) as (url, asked):
        transport.submit(claim(url, method="PUT", body=BODY, timeout=30, id="slow"))
        for number in range(5):
            transport.submit(claim(f"{receiver.url}/{number}"))
            (answer,) = collect(transport, 1)
            assert (answer.status_code, answer.claim.id == "slow") == (204, False)
        may_go_on.set()
        (answer,) = collect(transport, 1)
    assert (answer.status_code, answer.error, answer.claim.id) == (204, None, "slow")
    assert arrived == [f"{len(BODY)} {hashlib.sha256(BODY).hexdigest()}"]
    assert asked == ["PUT / HTTP/1.1"]


def close(sock: socket.socket) -> None:
    sock.close()


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def read_on(sock: socket.socket) -> None:
    while sock.recv(65_536):
        pass


@pytest.mark.parametrize("then", [close, reset, read_on])
def test_a_refusal_in_the_middle_of_a_request_counts(
    send: Send, scheme: str, then: Callable[[socket.socket], None]
) -> None:
    """Whatever the receiver does with the rest: it is not sent, and the refusal is no failure of the connection."""

    def refuse_the_first(sock: socket.socket, _: bytes) -> None:
        if len(asked) > 1:
            sock.sendall(DONE)
            return
        sock.recv(50_000)
        sock.sendall(TOO_LARGE)
        time.sleep(0.05)  # a reset would overtake what was sent just before it
        then(sock)

    with reading(scheme, refuse_the_first) as (url, asked):
        refused, another = send(url, body=BODY, timeout=20), send(url, body=b"", timeout=20)
    assert (refused.status_code, refused.error, refused.body) == (413, None, b"too large")
    assert refused.duration_ms < 10_000
    assert (another.status_code, another.reused) == (204, False)  # on that connection the rest would be yet to come
    assert asked == ["POST / HTTP/1.1"] * 2


@pytest.mark.parametrize("end", [close, reset])
def test_a_refusal_counts_though_its_connection_is_closed_before_anybody_has_looked(
    transport: Transport, scheme: str, end: Callable[[socket.socket], None]
) -> None:
    """Red where nothing is read of a connection that takes no more of the request."""
    has_ended = threading.Event()

    def refuse(sock: socket.socket, _: bytes) -> None:
        sock.recv(50_000)
        time.sleep(0.05)  # until the kernel takes no more of it
        sock.sendall(TOO_LARGE)
        end(sock)
        has_ended.set()

    with reading(scheme, refuse) as (url, asked):
        transport.submit(claim(url, body=BODY, timeout=20))
        while not asked:
            assert transport.wait(0) == []
        assert has_ended.wait(20)
        time.sleep(0.05)  # its end has come
        (answer,) = collect(transport, 1)
    assert (answer.status_code, answer.error, answer.body) == (413, None, b"too large")


@pytest.mark.clock
def test_one_that_nobody_reads_ends_at_its_deadline_and_may_have_arrived(send: Send, scheme: str) -> None:
    over = threading.Event()

    def read_nothing(_: socket.socket, __: bytes) -> None:
        over.wait(60)

    with reading(scheme, read_nothing) as (url, asked):
        begun = time.monotonic()
        answer = send(url, body=BODY, timeout=1)
        assert 1 <= time.monotonic() - begun < 1.5
        over.set()
    assert (answer.error, answer.sent, len(asked)) == ("timeout", True, 1)
