"""Nothing raises out of a transport, whatever receivers and the kernel do: one attempt ends, the next goes well.

Tried here: connections closed without a word after an answer, after idleness as long as the pause between bursts, at
the deadline; events about descriptors that are closed or another connection's by now; no descriptor left; a socket that
epoll refuses; a turn of the loop that fails; an attempt or a look-up that raises where nothing is expected to; what is
left afterwards.
"""

from __future__ import annotations

import errno
import gc
import logging
import os
import resource
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pycares
import pytest

from scheduler.delivery.answer_head import MAX_HEAD
from scheduler.delivery.answer_reader import AnswerReader
from scheduler.delivery.sockets import look_up_files
from scheduler.delivery.sockets.c_ares import CaresResolver
from scheduler.delivery.sockets.call import Call
from scheduler.delivery.sockets.connection import Connection
from scheduler.delivery.sockets.connections import Connections
from scheduler.delivery.sockets.transport import SocketTransport
from scheduler.delivery.transport import Transport
from tests.bench.processes import free_port
from tests.bench.raw import RawReceiver, answered, raw_receiving
from tests.bench.receiver import Receiver
from tests.bench.transports import claim, collect

DONE = b"HTTP/1.1 204 No Content\r\n\r\n"
IN_FLIGHT = 100


def storm(transport: Transport, url: str, rounds: int, pause: float = 0, **webhook: Any) -> Counter[int | str | None]:
    """Bursts of as many requests as there are slots; how each ended: its status, or the error's word."""
    ends: Counter[int | str | None] = Counter()
    for _ in range(rounds):
        for _ in range(transport.slots):
            transport.submit(claim(url, **webhook))
        ends.update(answer.error or answer.status_code for answer in collect(transport, transport.slots))
        time.sleep(pause)  # the idleness is the fault
    return ends


def answer_and_close(_: RawReceiver, sock: socket.socket) -> None:
    sock.sendall(DONE)
    sock.close()


def test_receivers_that_close_without_a_word_stop_nobody(wide: Transport) -> None:
    """One request after the other, a moment apart: each is answered as the connection of the last one is closed."""
    answers = []
    with raw_receiving(answer_and_close) as receiver:
        for _ in range(1500):
            wide.submit(claim(receiver.url))
            answers += wide.wait(0.0005)
        answers += collect(wide, 1500 - len(answers))
    assert {answer.error or answer.status_code for answer in answers} <= {204, "reset"}


def test_receivers_that_close_idle_connections_as_the_next_burst_comes_stop_nobody(wide: Transport) -> None:
    def close_after(_: RawReceiver, sock: socket.socket) -> None:
        sock.sendall(DONE)
        sock.settimeout(0.1)

    with raw_receiving(close_after) as receiver:
        ends = storm(wide, receiver.url, rounds=4, pause=0.1)
    assert ends.total() == 4 * IN_FLIGHT
    assert set(ends) <= {204, "reset"}


def test_answers_that_come_with_the_deadline_stop_nobody(wide: Transport) -> None:
    def late(_: RawReceiver, sock: socket.socket) -> None:
        time.sleep(0.28)
        sock.sendall(DONE)

    with raw_receiving(late) as receiver:
        ends = storm(wide, receiver.url, rounds=4, timeout=0.3)
    assert ends.total() == 4 * IN_FLIGHT
    assert set(ends) <= {204, "timeout", "reset", "connect"}


class StaleEvents:
    """An epoll that says everything twice: again after whatever has been done about it."""

    def __init__(self, real: select.epoll, alarm: int) -> None:
        self._real = real
        self._alarm = alarm
        self._before: list[tuple[int, int]] = []

    def poll(self, timeout: float, most: int = -1) -> list[tuple[int, int]]:
        now = self._real.poll(timeout, most)
        before, self._before = self._before, [it for it in now if it[0] != self._alarm]  # nobody is to hear that twice
        return [*now, *before]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def test_events_about_connections_that_are_gone_are_not_acted_upon(wide: SocketTransport) -> None:
    stale: Any = StaleEvents(wide._epoll, wide._alarm.descriptor)
    with pytest.MonkeyPatch.context() as patch, raw_receiving(answer_and_close) as receiver:
        patch.setattr(wide, "_epoll", stale)
        ends = storm(wide, receiver.url, rounds=10)
    assert ends.total() == 10 * IN_FLIGHT
    assert set(ends) <= {204, "reset"}


def test_what_was_told_of_a_number_is_not_taken_for_an_event_of_the_connection_that_has_it_since(
    wide: SocketTransport, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where two connections were told of at once, and the first led to the other's end, and to a new one.

    Red with a told_of() that does not look at `opened`, and with a turn that does not clear it.
    """
    told: list[int] = []
    monkeypatch.setattr(wide._under_way, "event", lambda _, events: told.append(events))
    wide.submit(claim(receiver.url))
    (descriptor,) = wide._connections._by_descriptor
    wide._hear([(descriptor, select.EPOLLIN | select.EPOLLHUP)])
    assert told == []
    wide._turn(time.monotonic() + 20)
    assert told == [select.EPOLLOUT]


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(map(int, os.listdir("/proc/self/fd")))
    spare = [os.open("/dev/null", os.O_RDONLY)]
    while spare[-1] < used:
        spare.append(os.open("/dev/null", os.O_RDONLY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(spare) + 1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in spare:
            os.close(descriptor)


def test_without_a_descriptor_an_attempt_ends_unsent_and_the_next_goes_well(
    wide: Transport, receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    with no_descriptor_left():
        wide.submit(claim(receiver.url))
        (answer,) = collect(wide, 1)
    assert (answer.error, answer.sent) == ("connect", False)
    assert "Traceback" not in capfd.readouterr().err
    wide.submit(claim(receiver.url))
    assert collect(wide, 1)[0].status_code == 204


@contextmanager
def uncollected() -> Iterator[None]:
    """What cyclic references hold is held within."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Full:
    """An epoll as where fs.epoll.max_user_watches is used up."""

    def __init__(self, real: select.epoll) -> None:
        self._real = real

    def register(self, *_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def test_a_connection_that_cannot_be_watched_ends_at_once_unsent_and_is_closed(
    wide: SocketTransport, receiver: Receiver
) -> None:
    """Red without the close(), and with an OSError that nobody catches."""
    full: Any = Full(wide._epoll)
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.MonkeyPatch.context() as patch:
        patch.setattr(wide._connections, "_epoll", full)
        with uncollected():
            wide.submit(claim(f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout=30))
            (answer,) = wide.wait(0)
            assert (answer.error, answer.sent) == ("connect", False)
            with listener.accept()[0] as sock:
                sock.settimeout(20)
                assert sock.recv(1) == b""
    wide.submit(claim(receiver.url))
    assert collect(wide, 1)[0].status_code == 204


def test_when_a_turn_fails_what_is_under_way_ends_once_and_the_next_goes_well(
    wide: SocketTransport, receiver: Receiver, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no connection is left of it, not even an idle one. Red without end_all() or close_all()."""
    for _ in range(7):
        wide.submit(claim(receiver.url))
    collect(wide, 7)
    for _ in range(5):
        wide.submit(claim(f"{receiver.url}/held"))
    receiver_has_all = threading.Thread(target=receiver.wait_for, args=(12, 10))
    receiver_has_all.start()
    while receiver_has_all.is_alive():
        wide.wait(0.01)
    with monkeypatch.context() as patch:
        patch.setattr(Connections, "told_of", Mock(side_effect=[RuntimeError("a defect")]))
        wide.submit(claim(receiver.url))
        answers = collect(wide, 6)
    assert [answer.error for answer in answers] == ["protocol"] * 6
    assert [record.levelno for record in caplog.records].count(logging.ERROR) == 1
    assert len(wide._connections) == 0
    wide.submit(claim(receiver.url))
    (answer,) = collect(wide, 1)
    assert (answer.status_code, answer.reused) == (204, False)


@pytest.mark.parametrize("reused", [False, True])
@pytest.mark.parametrize(("where", "sent"), [("advance", False), ("send_more", True), ("read_answer", True)])
def test_a_connection_that_fails_as_nobody_expects_ends_its_own_attempt_alone(
    wide: SocketTransport, monkeypatch: pytest.MonkeyPatch, where: str, sent: bool, reused: bool
) -> None:
    """Red where event() or _carry() lets it out: all attempts would end, or it would be said to be unsent."""
    real = getattr(Connection, where)

    def one_fails(connection: Connection) -> Any:
        if connection.call and connection.call.claim.id == "failing":
            raise RuntimeError("a defect")
        return real(connection)

    monkeypatch.setattr(Connection, where, one_fails)
    may_answer = threading.Event()

    def when_told(receiver: RawReceiver, sock: socket.socket) -> None:
        if b"timer-id: other" in receiver.asked[sock]:
            may_answer.wait(60)
        sock.sendall(DONE)

    with raw_receiving(when_told) as receiver:
        for _ in range(3):
            wide.submit(claim(receiver.url, id="other"))
        if reused and where != "advance":  # one that is used again has connected
            wide.submit(claim(receiver.url, id="before"))
            collect(wide, 1)
        wide.submit(claim(receiver.url, id="failing"))
        (answer,) = collect(wide, 1)
        assert (answer.claim.id, answer.error, answer.sent) == ("failing", "protocol", sent)
        may_answer.set()
        assert [(it.status_code, it.error) for it in collect(wide, 3)] == [(204, None)] * 3
    assert len(wide._connections) == 3


def test_an_idle_connection_that_fails_as_nobody_expects_is_not_used_again(
    wide: SocketTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red where it is closed, and kept among the idle ones: the next request would be cut."""
    with raw_receiving(lambda _, sock: sock.sendall(DONE)) as receiver:
        wide.submit(claim(receiver.url))
        collect(wide, 1)
        with monkeypatch.context() as patch:
            patch.setattr(Connection, "is_spoiled", Mock(side_effect=RuntimeError("a defect")))
            (sock,) = receiver.asked
            sock.sendall(b"unasked for")
            wide.wait(0.05)
        assert (wide._connections.idle, len(wide._connections)) == (0, 0)
        wide.submit(claim(receiver.url))
        (answer,) = collect(wide, 1)
        assert (answer.status_code, answer.reused) == (204, False)


def test_an_attempt_that_raises_where_nothing_should_ends_and_keeps_its_slot(
    wide: SocketTransport, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Connection, "read_answer", Mock(side_effect=RuntimeError("a defect")))
        for _ in range(2 * IN_FLIGHT):
            wide.submit(claim(receiver.url))
            assert collect(wide, 1)[0].error == "protocol"
    wide.submit(claim(receiver.url))
    assert collect(wide, 1)[0].status_code == 204


def test_a_name_whose_look_up_raises_ends_its_attempts_and_is_asked_for_again(
    wide: SocketTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that went on waiting for that look-up would never be looked up again."""
    asked = Mock(side_effect=[RuntimeError("a defect"), OSError(errno.EMFILE, "Too many open files")])
    monkeypatch.setattr(wide._lookups._resolver, "ask", asked)
    for _ in range(2):
        wide.submit(claim("http://name.test/"))
        assert collect(wide, 1)[0].error == "dns"
    assert asked.call_count == 2


def test_without_a_file_left_for_another_resolver_the_one_of_before_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    resolv_conf = tmp_path / "resolv.conf"
    monkeypatch.setattr(look_up_files, "FILES", (resolv_conf,))
    it = CaresResolver()
    resolv_conf.write_text("nameserver 127.0.0.1\n")
    with monkeypatch.context() as patch:
        patch.setattr(pycares, "Channel", Mock(side_effect=pycares.AresError("no file is left")))
        assert not it.look_for_changes()
    it.ask("999.example.test..", 80, lambda _: None)
    assert it.look_for_changes()
    assert not it.look_for_changes()
    it.close()


def test_a_head_too_long_ends_its_own_attempt_and_not_the_next_that_begins_at_once(
    wide: SocketTransport, receiver: Receiver
) -> None:
    """Tried: heads that are too long by a byte, of one line and of many; noted only when their answer has ended."""
    for lines in (1, 100):
        fields = (b"x: ".ljust(MAX_HEAD // lines, b"y") + b"\r\n") * lines
        with raw_receiving(answered(DONE[:-2] + fields[: MAX_HEAD - len(DONE) - 1] + b"\r\n\r\n")) as hostile:
            wide.submit(claim(hostile.url))
            while not (ended := wide.wait(0)):  # and no turn more
                pass
        wide.submit(claim(receiver.url))
        (next_one,) = collect(wide, 1)
        assert (ended[0].error, next_one.error) == ("protocol", None)


ENDS = {
    "an answer": DONE,
    "a body": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000,
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    "no answer": b"",
    "a broken one": b"nonsense\r\n\r\n",
    "half of one": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
}


@pytest.mark.parametrize("end", [*ENDS, "nobody there", "a deadline"])
def test_no_descriptor_and_no_memory_is_held_by_what_has_ended(wide: SocketTransport, end: str) -> None:
    """Nor is any left to the cyclic collector. Red where an agenda keeps a call, or a reader holds itself."""
    behave = (lambda receiver, _: receiver.over.wait(60)) if end == "a deadline" else answered(ENDS.get(end, b""))
    with uncollected():
        with raw_receiving(behave) as receiver:
            url = receiver.url if end != "nobody there" else f"http://127.0.0.1:{free_port()}/"
            for _ in range(20):
                wide.submit(claim(url, body=b"x" * 10_000, timeout=1 if end == "a deadline" else 60))
            answers = collect(wide, 20)
        assert {it.error or it.status_code for it in answers} <= {200, 204, "reset", "protocol", "connect", "timeout"}
        wide._connections.close_all()
        assert not [it for it in gc.get_objects() if isinstance(it, Call | Connection | AnswerReader)]
        watched = Path(f"/proc/self/fdinfo/{wide._epoll.fileno()}").read_text()
        assert watched.count("tfd:") == 1  # the alarm
