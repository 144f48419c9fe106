"""Nothing raises out of a transport, whatever receivers and the kernel do: one attempt ends, the next goes well.

Tried here: connections closed without a word after an answer, after idleness as long as the pause between bursts, at
the deadline; events about descriptors that are closed or another connection's by now; no descriptor left; a socket that
epoll refuses; libcurl itself saying no; an attempt or a look-up that raises where nothing is expected to.
"""

from __future__ import annotations

import errno
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
import pycurl
import pytest

from scheduler import Signer, StoreClock
from scheduler.delivery.answer_head import MAX_HEAD
from scheduler.delivery.curl import resolver
from scheduler.delivery.curl.transport import CurlTransport
from scheduler.delivery.threaded.transport import RequestsTransport
from scheduler.delivery.transport import Transport
from tests.bench.raw import RawReceiver, answered, raw_receiving
from tests.bench.receiver import SECRET, Receiver
from tests.bench.transports import LEASE, LOOPBACK, claim, collect

DONE = b"HTTP/1.1 204 No Content\r\n\r\n"
IN_FLIGHT = 100


def made(kind: type[RequestsTransport | CurlTransport], slots: int) -> Transport:
    clock = StoreClock()
    clock.observe(time.time_ns() // 1000)
    return kind(clock, Signer(SECRET), LOOPBACK, slots=slots, lease=LEASE)


@pytest.fixture(params=[RequestsTransport, CurlTransport])
def wide(request: pytest.FixtureRequest) -> Iterator[Transport]:
    it = made(request.param, IN_FLIGHT)
    yield it
    it.close()


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

    def __init__(self, real: select.epoll) -> None:
        self._real = real
        self._before: list[tuple[int, int]] = []

    def poll(self, timeout: float, most: int = -1) -> list[tuple[int, int]]:
        now = list(self._real.poll(timeout, most))
        before, self._before = self._before, now
        return [*now, *before]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def test_events_about_connections_that_are_gone_are_not_acted_upon(curl: CurlTransport) -> None:
    curl._epoll, real = StaleEvents(curl._epoll), curl._epoll  # type: ignore[assignment]
    curl._alarm.descriptor, alarm = -1, curl._alarm.descriptor  # a second reading of it would wait
    with raw_receiving(answer_and_close) as receiver:
        ends = storm(curl, receiver.url, rounds=10)
    assert ends.total() == 10 * IN_FLIGHT
    assert set(ends) <= {204, "reset"}
    curl._epoll, curl._alarm.descriptor = real, alarm


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


def test_a_connection_that_cannot_be_watched_ends_at_its_deadline(
    curl: CurlTransport, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    class Full:
        """As where fs.epoll.max_user_watches is used up."""

        def modify(self, *_: int) -> None:
            raise OSError(28, "No space left on device")

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    real, curl._sockets._epoll = curl._sockets._epoll, Full()  # type: ignore[assignment]
    curl._turn(time.monotonic())
    curl.submit(claim(receiver.url, timeout=0.5))
    (answer,) = collect(curl, 1)
    assert answer.error == "timeout"
    assert "cannot be watched" in caplog.text
    curl._sockets._epoll = real
    curl.submit(claim(receiver.url))
    assert collect(curl, 1)[0].status_code == 204


def test_when_libcurl_says_no_what_is_under_way_ends_once_and_the_next_goes_well(
    curl: CurlTransport, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """A callback that raises makes it refuse everything from then on."""
    for _ in range(5):
        curl.submit(claim(f"{receiver.url}/held"))
    receiver_has_all = threading.Thread(target=receiver.wait_for, args=(5, 10))
    receiver_has_all.start()
    while receiver_has_all.is_alive():
        curl.wait(0.01)
    curl._under_way.multi.setopt(pycurl.M_TIMERFUNCTION, lambda _: 1 / 0)
    curl.submit(claim(receiver.url))
    answers = collect(curl, 6)
    assert {answer.error for answer in answers} <= {"protocol", "reset"}
    assert [record.levelno for record in caplog.records].count(logging.ERROR) == 1
    curl.submit(claim(receiver.url))
    assert collect(curl, 1)[0].status_code == 204


def test_an_attempt_that_raises_where_nothing_should_ends_and_keeps_its_slot(
    wide: Transport, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*_: object, **__: object) -> None:
        raise RuntimeError("a defect")

    target = "curl.handle.Handle.finished" if isinstance(wide, CurlTransport) else "threaded.transport.Deadline"
    with monkeypatch.context() as patch:
        patch.setattr(f"scheduler.delivery.{target}", defect)
        for _ in range(2 * IN_FLIGHT):
            wide.submit(claim(receiver.url))
            assert collect(wide, 1)[0].error == "protocol"
    wide.submit(claim(receiver.url))
    assert collect(wide, 1)[0].status_code == 204


def test_a_name_whose_look_up_raises_ends_its_attempts_and_is_asked_for_again(
    curl: CurlTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that went on waiting for that look-up would never be looked up again."""
    asked = Mock(side_effect=[RuntimeError("a defect"), OSError(errno.EMFILE, "Too many open files")])
    monkeypatch.setattr("scheduler.delivery.curl.resolver.Resolver.ask", asked)
    for _ in range(2):
        curl.submit(claim("http://name.test/"))
        assert collect(curl, 1)[0].error == "dns"
    assert asked.call_count == 2


def test_without_a_file_left_for_another_resolver_the_one_of_before_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    resolv_conf = tmp_path / "resolv.conf"
    monkeypatch.setattr(resolver, "_FILES", (resolv_conf,))
    it = resolver.Resolver()
    resolv_conf.write_text("nameserver 127.0.0.1\n")
    with monkeypatch.context() as patch:
        patch.setattr(pycares, "Channel", Mock(side_effect=pycares.AresError("no file is left")))
        assert not it.look_for_changes()
    it.ask("999.example.test..", 80, lambda _: None)
    assert it.look_for_changes()
    assert not it.look_for_changes()
    it.close()


def test_a_head_too_long_ends_its_own_attempt_and_not_the_next_that_begins_at_once(
    curl: CurlTransport, receiver: Receiver
) -> None:
    """Tried: heads that are too long by a byte, of one line and of many; noted only when their answer has ended."""
    for lines in (1, 100):
        fields = (b"x: ".ljust(MAX_HEAD // lines, b"y") + b"\r\n") * lines
        with raw_receiving(answered(DONE[:-2] + fields[: MAX_HEAD - len(DONE) - 1] + b"\r\n\r\n")) as hostile:
            curl.submit(claim(hostile.url))
            while not (ended := curl.wait(0)):  # and no turn more
                pass
        curl.submit(claim(receiver.url))
        (next_one,) = collect(curl, 1)
        assert (ended[0].error, next_one.error) == ("protocol", None)
