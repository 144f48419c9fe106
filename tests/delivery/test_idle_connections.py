"""A connection that was idle may be closed just as it is used again: it is not used after a second, and what meets
such a close is sent again soon, on a new one.

Tried here: idleness of 0, 0.3 and 1.1 s, of one connection, of a burst's and of two of which one is closed; at least
and at most once; a retry, a repeat after a lost lease and a replay; a close with and without a reset, before and in the
middle of an answer, and over TLS, which says things of its own meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from unittest.mock import Mock

import certifi
import pytest

from scheduler import Backoff, Delivery, Redelivery, Signer
from scheduler.delivery.request import build
from scheduler.delivery.sockets.call import Call
from scheduler.delivery.sockets.connection import Connection
from scheduler.delivery.sockets.connections import Connections
from scheduler.delivery.sockets.transport import SocketTransport
from scheduler.delivery.transport import MOST_IDLE, Transport
from scheduler.poller.settlements import settlement
from tests.bench import needed
from tests.bench.processes import free_port, wait_until
from tests.bench.raw import RawReceiver, raw_receiving, read_request
from tests.bench.transports import Send, claim, collect
from tests.delivery.test_certificates import FOLDER, WHOLE

DONE = b"HTTP/1.1 204 No Content\r\n\r\n"


def done(_: RawReceiver, sock: socket.socket) -> None:
    sock.sendall(DONE)


@pytest.mark.clock
@pytest.mark.parametrize(
    ("delivery", "idle", "connections"),
    [
        (Delivery.AT_LEAST_ONCE, 0.3, 1),
        (Delivery.AT_LEAST_ONCE, 1.1, 2),
        (Delivery.AT_MOST_ONCE, 0, 1),
        (Delivery.AT_MOST_ONCE, 0.3, 2),
    ],
)
def test_a_connection_is_used_again_only_for_so_long(
    send: Send, delivery: Delivery, idle: float, connections: int
) -> None:
    with raw_receiving(done) as receiver:
        for pause in (0, idle):
            time.sleep(pause)  # the idleness
            assert send(receiver.url, delivery=delivery).status_code == 204
        assert (len(receiver.requests), receiver.connections) == (2, connections)


def test_many_connections_that_were_idle_for_too_long_are_replaced_and_nothing_is_sent_twice(
    transport: Transport,
) -> None:
    with raw_receiving(done) as receiver:
        for burst, pause in (("first", 0), ("second", 1.1)):
            time.sleep(pause)  # the idleness
            before = dict(receiver.asked)
            for _ in range(transport.slots):
                transport.submit(claim(f"{receiver.url}/{burst}"))
            assert {it.error for it in collect(transport, transport.slots)} == {None}
        assert len(receiver.requests) == 2 * transport.slots
        assert {sock: receiver.asked[sock] for sock in before} == before


@pytest.mark.parametrize("redelivery", Redelivery)
def test_what_is_sent_again_is_sent_on_a_new_connection(transport: Transport, redelivery: Redelivery) -> None:
    with raw_receiving(done) as receiver:
        for again in (None, redelivery, None):
            transport.submit(claim(receiver.url)._replace(redelivery=again))
            (answer,) = collect(transport, 1)
            assert (answer.status_code, answer.reused) == (204, again is None and len(receiver.requests) > 1)
        assert receiver.connections == 2


def close(sock: socket.socket) -> None:
    sock.close()


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize("end", [close, reset])
def test_what_met_the_close_of_a_used_connection_is_sent_again_soon(
    send: Send, end: Callable[[socket.socket], None]
) -> None:
    def second_time(receiver: RawReceiver, sock: socket.socket) -> None:
        done(receiver, sock) if len(receiver.requests) == 1 else end(sock)

    with raw_receiving(second_time) as receiver:
        send(receiver.url)
        used, fresh = (send(receiver.url, backoff=Backoff(steps=(50,))) for _ in range(2))
        assert len(receiver.requests) == 3
    assert [(it.error, it.sent, it.reused) for it in (used, fresh)] == [("reset", True, True), ("reset", True, False)]
    soon, later = (settlement(it, 0, "p").retry_ms for it in (used, fresh))
    assert soon == 100
    assert later is not None
    assert later >= 1000
    quick = used._replace(claim=claim("http://h", backoff=Backoff(steps=(0.01,))))
    assert settlement(quick, 0, "p").retry_ms == 10
    last = used._replace(claim=claim("http://h", max_attempts=1))
    assert settlement(last, 0, "p").retry_ms is None


def test_half_an_answer_on_a_used_connection_is_a_failure_like_any_other(send: Send) -> None:
    def second_time(receiver: RawReceiver, sock: socket.socket) -> None:
        sock.sendall(DONE if len(receiver.requests) == 1 else b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        if len(receiver.requests) > 1:
            sock.close()

    with raw_receiving(second_time) as receiver:
        send(receiver.url)
        answer = send(receiver.url, backoff=Backoff(steps=(50,)))
    assert answer.reused
    retry_ms = settlement(answer, 0, "p").retry_ms
    assert retry_ms is not None
    assert retry_ms >= 1000


def test_what_is_sent_again_leaves_idle_connections_to_others(transport: Transport) -> None:
    """Red where it takes an idle one and closes that for a new one."""
    with raw_receiving(done) as receiver:
        for again in (None, Redelivery.RETRY):
            transport.submit(claim(receiver.url)._replace(redelivery=again))
            assert [it.status_code for it in collect(transport, 1)] == [204]
        for _ in range(2):
            transport.submit(claim(receiver.url))
        assert [it.reused for it in collect(transport, 2)] == [True, True]
        assert (len(receiver.requests), receiver.connections) == (4, 2)


def test_what_is_sent_again_is_sent_on_a_new_connection_though_one_became_idle_as_it_was_submitted(
    transport: Transport,
) -> None:
    """submit() looks first at what has come: what is idle since then has been so for less than no time.

    Red where it has been idle for less than zero seconds, and that is less than the zero which a retry allows.
    """
    may_answer = threading.Event()

    def later(receiver: RawReceiver, sock: socket.socket) -> None:
        if b"/later" in receiver.asked[sock]:
            may_answer.wait(60)
        sock.sendall(DONE)
        if b"/later" in receiver.asked[sock]:
            has_answered.set()

    has_answered = threading.Event()
    with raw_receiving(later) as receiver:
        for path in ("later", "at-once"):
            transport.submit(claim(f"{receiver.url}/{path}"))
        assert [it.status_code for it in collect(transport, 1)] == [204]
        may_answer.set()
        assert has_answered.wait(60)
        time.sleep(0.05)  # longer than submit() goes on without a look
        transport.submit(claim(receiver.url, id="again", redelivery=Redelivery.RETRY))
        found = {it.claim.id: it.reused for it in collect(transport, 2)}
        assert found["again"] is False
        assert receiver.connections == 3


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize("body", [b"short", b"x" * 5_000_000])
def test_a_close_is_noticed_and_the_other_connections_are_used_on(
    wide: SocketTransport, waits: bool, body: bytes
) -> None:
    """By a look between two calls of submit(), too; and after a request that had to wait for room."""
    with raw_receiving(done) as receiver:
        for _ in range(2):
            wide.submit(claim(receiver.url, body=body))
        assert [it.status_code for it in collect(wide, 2)] == [204, 204]
        last_used = list(wide._connections._idle._all)[-1]._sock.getsockname()
        (closing,) = (sock for sock in receiver.asked if sock.getpeername() == last_used)
        closing.shutdown(socket.SHUT_RDWR)
        if waits:
            wide.wait(0.05)
        else:
            time.sleep(0.05)  # longer than submit() goes on without a look
        wide.submit(claim(receiver.url))
        (answer,) = collect(wide, 1)
        assert (answer.status_code, answer.reused, receiver.connections) == (204, True, 2)


def test_a_close_is_not_taken_for_one_of_another_connection_with_the_same_number(wide: SocketTransport) -> None:
    """The kernel gives the lowest number that is free, which is that of the connection that was closed last."""
    with raw_receiving(done) as closing, raw_receiving(done) as other:
        for receiver, reused in [(closing, False), (other, False), (other, True), (closing, False), (other, True)]:
            wide.submit(claim(receiver.url))
            (answer,) = collect(wide, 1)
            assert (answer.status_code, answer.reused) == (204, reused)
            for sock in closing.asked:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            wide.wait(0.05)
        assert (closing.connections, other.connections) == (2, 1)


@pytest.mark.clock
def test_a_connection_is_closed_once_it_was_idle_for_a_second_though_nothing_else_happens(
    transport: Transport,
) -> None:
    with raw_receiving(done) as receiver:
        transport.submit(claim(receiver.url))
        collect(transport, 1)
        (sock,) = receiver.asked
        transport.wait(MOST_IDLE / 2)
        assert sock.fileno() >= 0
        transport.wait(MOST_IDLE)
        wait_until(lambda: sock.fileno() < 0, 1, "it is closed")


@pytest.mark.parametrize("closes", [False, True])
def test_what_tls_says_for_itself_is_no_close_of_an_idle_connection_and_its_end_is(
    monkeypatch: pytest.MonkeyPatch, closes: bool
) -> None:
    """A server sends tickets for later sessions once a handshake is over. Red where the bare socket is looked at."""
    monkeypatch.setattr(certifi, "where", lambda: str(FOLDER / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(FOLDER / "good.pem")
    ours_is_idle = threading.Event()

    def serve() -> None:
        plain, _ = listener.accept()
        with plain, context.wrap_socket(plain, server_side=True) as sock:
            ours_is_idle.wait(60)
            if not closes and read_request(sock):
                sock.sendall(WHOLE)

    with socket.create_server(("127.0.0.1", 0)) as listener, select.epoll() as epoll:
        server = threading.Thread(target=serve)
        server.start()
        connections = Connections(epoll, 8)
        port = listener.getsockname()[1]
        it = claim(f"https://127.0.0.1:{port}/")
        call = Call(it, build(it, 0, Signer("")), Mock(), 0, 0.0)
        call.root, call.origin = it.webhook.url, ("127.0.0.1", port)
        connection = connections.open(call, "127.0.0.1")
        while not connection.is_ready:
            assert epoll.poll(60)
            if wanted := connection.advance():
                connections.watch(connection, wanted)
        connections.watch(connection, select.EPOLLIN)
        connections.keep(connection, 0.0)
        assert epoll.poll(60), "no tickets"
        connections.look_at_idle(connection, 0.1)
        assert connections.idle == 1
        ours_is_idle.set()
        if closes:
            while connections.idle:
                assert epoll.poll(60), "no end"
                connections.look_at_idle(connection, 0.1)
        taken = connections.take(call, "127.0.0.1", 0.1)
        assert taken is (None if closes else connection)
        connections.close_all()
        server.join()


class SServer:
    """The server of OpenSSL, for one connection after the other. It sends what it is told to, and a line that says `K`
    makes it send a message of TLS itself: other keys from now on; of TLS 1.2, `r`: all is to be negotiated anew."""

    def __init__(self, openssl: str, version: str = "-tls1_3") -> None:
        self.port = free_port()
        command = [openssl, "s_server", "-accept", f"127.0.0.1:{self.port}", version]
        command += ["-cert", str(FOLDER / "good.pem"), "-key", str(FOLDER / "good.pem")]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.heard = b""
        threading.Thread(target=self._hear, daemon=True).start()
        self.wait_for(b"ACCEPT", 1)

    def wait_for(self, what: bytes, count: int) -> None:
        wait_until(lambda: self.heard.count(what) == count, 20, f"{what!r}, {count} times")

    def say(self, what: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(what)

    def _hear(self) -> None:
        assert self.process.stdout
        while more := self.process.stdout.read(10_000):
            self.heard += more


@pytest.mark.parametrize("delivery", Delivery)
def test_connections_of_tls_are_used_again_though_tls_has_spoken_while_they_were_idle(
    wide: SocketTransport, monkeypatch: pytest.MonkeyPatch, delivery: Delivery
) -> None:
    """Red where whatever comes is taken for the end. At most once each is looked at once more before it is used."""
    openssl = needed.program("openssl", "openssl")
    monkeypatch.setattr(certifi, "where", lambda: str(FOLDER / "authority.pem"))
    for name in ("transport.MOST_IDLE", "transport.LEAST_IDLE", "sockets.idle_connections.MOST_IDLE"):
        monkeypatch.setattr(f"scheduler.delivery.{name}", 60.0)  # however busy this machine is
    told, look_at_idle = [], wide._connections.look_at_idle

    def look(connection: Connection, now: float) -> None:
        look_at_idle(connection, now)
        told.append(connection)

    monkeypatch.setattr(wide._connections, "look_at_idle", look)
    servers = [SServer(openssl) for _ in range(3)]
    try:
        for turn, reused in ((1, False), (2, True)):
            for it in servers:
                wide.submit(claim(f"https://127.0.0.1:{it.port}/", delivery=delivery, timeout=30, max_attempts=1))
                while it.heard.count(b"POST /") < turn:
                    assert wide.wait(0.01) == []
                it.say(DONE)
                (answer,) = collect(wide, 1)
                assert (answer.status_code, answer.reused) == (204, reused)
            told.clear()
            for it in servers:
                it.say(b"K\n")
            until = time.monotonic() + 60
            while len(set(told)) < len(servers):
                assert time.monotonic() < until, "nobody has heard of it"
                assert wide.wait(0.01) == []
            assert wide._connections.idle == len(servers)
    finally:
        for it in servers:
            it.process.kill()
            it.process.communicate()


def test_tls_that_is_to_be_negotiated_anew_and_never_is_takes_no_turns_until_the_deadline(
    wide: SocketTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its socket has room all the while. Red where epoll is asked for that: 100,000 turns a second."""
    monkeypatch.setattr(certifi, "where", lambda: str(FOLDER / "authority.pem"))
    turns, turn = [], wide._turn

    def counted(until: float) -> None:
        turns.append(until)
        turn(until)

    monkeypatch.setattr(wide, "_turn", counted)
    server = SServer(needed.program("openssl", "openssl"), "-tls1_2")
    try:
        wide.submit(claim(f"https://127.0.0.1:{server.port}/", timeout=30))
        while b"POST /" not in server.heard:
            assert wide.wait(0.01) == []
        server.say(DONE)
        assert [it.status_code for it in collect(wide, 1)] == [204]
        server.say(b"r\n")
        (connection,) = wide._connections._idle._all
        assert select.select([connection.descriptor], [], [], 20)[0]  # what it says has come
        os.kill(server.process.pid, signal.SIGSTOP)
        assert wide.wait(0.01) == []  # it is heard, and answered
        wide.submit(claim(f"https://127.0.0.1:{server.port}/", timeout=0.6))
        turns.clear()
        (answer,) = collect(wide, 1)
        assert (answer.error, answer.reused) == ("timeout", True)
        assert len(turns) < 100
    finally:
        server.process.kill()
        server.process.communicate()


def test_at_most_once_nothing_is_sent_on_a_connection_that_was_closed_with_its_answer(wide: SocketTransport) -> None:
    """Before anybody has looked: the answer and the close are found in the same turn that would use it again."""

    def last_words(receiver: RawReceiver, sock: socket.socket) -> None:
        time.sleep(0.05)
        sock.sendall(DONE)
        sock.close()

    with raw_receiving(last_words) as receiver:
        wide.submit(claim(receiver.url, delivery=Delivery.AT_MOST_ONCE))
        while not receiver.requests:
            assert wide.wait(0) == []
        time.sleep(0.15)  # the answer and the close have come
        wide.submit(claim(receiver.url, delivery=Delivery.AT_MOST_ONCE))
        assert [it.status_code for it in collect(wide, 2)] == [204, 204]
        assert (len(receiver.requests), receiver.connections) == (2, 2)
