"""Look-ups where c-ares is not installed: names that hang hold neither the others nor the end of the process.

Tried here, on names that are never answered: one that many attempts wait for, more of them than there are threads, and
those beside names that were answered before; no thread to be had; the end of a transport and of a process.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import pytest

from scheduler import Signer, StoreClock
from scheduler.delivery.details import NAME_SERVER_FAILED, NOT_LOOKED_UP
from scheduler.delivery.sockets import look_up_threads
from scheduler.delivery.sockets.look_up_threads import ThreadResolver
from scheduler.delivery.sockets.resolver import Found
from scheduler.delivery.sockets.transport import SocketTransport
from tests.bench.processes import wait_until
from tests.bench.receiver import SECRET, Receiver
from tests.bench.transports import LEASE, LOOPBACK, claim, collect


class Names:
    """Of which those that begin with `silent` are not answered until the test is over."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.over = threading.Event()

    def getaddrinfo(self, host: str, port: int, **_: object) -> list[Any]:
        self.asked.append(host)
        if host.startswith("silent"):
            self.over.wait(60)
        return [(2, 1, 6, "", ("127.0.0.1", port))]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    it = Names()
    monkeypatch.setattr(socket, "getaddrinfo", it.getaddrinfo)
    yield it
    it.over.set()
    wait_until(lambda: not any(thread.name == "look-up" for thread in threading.enumerate()), 20, "its threads end")


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], SocketTransport]]:
    """A transport whose names are looked up by so many threads, beside those for names that answer promptly."""
    made: list[SocketTransport] = []

    def one(most_others: int) -> SocketTransport:
        monkeypatch.setattr("scheduler.delivery.sockets.lookups.open_resolver", lambda: ThreadResolver(most_others))
        clock = StoreClock()
        clock.observe(time.time_ns() // 1000)
        made.append(SocketTransport(clock, Signer(SECRET), LOOPBACK, slots=100, lease=LEASE))
        return made[-1]

    yield one
    for it in made:
        it.close()


def answers_to(resolver: ThreadResolver, host: str) -> SimpleQueue[Found]:
    found: SimpleQueue[Found] = SimpleQueue()
    resolver.ask(host, 80, found.put)
    return found


def test_many_attempts_wait_for_one_look_up_of_a_silent_name(
    names: Names, make: Callable[[int], SocketTransport]
) -> None:
    transport = make(2)
    for _ in range(10):
        transport.submit(claim("http://silent.example/", timeout=0.1))
        (answer,) = collect(transport, 1)
        assert (answer.error, answer.sent, answer.detail) == ("timeout", False, NOT_LOOKED_UP)
    assert names.asked == ["silent.example"]


def test_a_name_that_hangs_is_answered_for_all_that_wait_for_it_by_then(
    names: Names, make: Callable[[int], SocketTransport], receiver: Receiver
) -> None:
    transport = make(1)
    url = receiver.url.replace("127.0.0.1", "silent.example")
    transport.submit(claim(url, timeout=0.1))
    assert collect(transport, 1)[0].error == "timeout"
    for _ in range(3):
        transport.submit(claim(url, timeout=60))
    names.over.set()
    assert [it.status_code for it in collect(transport, 3)] == [204] * 3
    assert len(receiver.hits) == 3


def test_look_ups_do_not_wait_for_a_thread_beyond_the_deadline(
    names: Names, make: Callable[[int], SocketTransport]
) -> None:
    transport = make(1)
    for number in range(3):
        transport.submit(claim(f"http://silent{number}.example/", timeout=0.2))
    answers = collect(transport, 3)
    assert [(it.error, it.sent) for it in answers] == [("timeout", False)] * 3
    assert max(it.duration_ms for it in answers) < 5000
    assert names.asked == ["silent0.example"]


def test_names_that_hang_leave_threads_for_those_that_have_answered(
    names: Names, make: Callable[[int], SocketTransport], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red with one lot of threads for all."""
    monkeypatch.setattr("scheduler.delivery.sockets.lookups._REMEMBER", 0.0)
    transport = make(2)
    prompt = receiver.url.replace("127.0.0.1", "answers.example")
    transport.submit(claim(prompt))
    assert collect(transport, 1)[0].status_code == 204
    for number in range(3):
        transport.submit(claim(f"http://silent{number}.example/", timeout=0.1))
    transport.submit(claim("http://never-asked-for.example/", timeout=0.1))
    assert {it.error for it in collect(transport, 4)} == {"timeout"}
    transport.submit(claim(prompt, timeout=60))
    assert collect(transport, 1)[0].status_code == 204
    assert names.asked.count("answers.example") == 2
    assert "never-asked-for.example" not in names.asked


def test_a_name_that_took_long_once_has_no_place_among_those_that_answer_promptly(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red where what is noted of a name is not taken back."""
    resolver = ThreadResolver(1)
    assert answers_to(resolver, "one.example").get(timeout=60) == ["127.0.0.1"]
    monkeypatch.setattr(look_up_threads, "_SOON", 0.0)
    assert answers_to(resolver, "one.example").get(timeout=60) == ["127.0.0.1"]
    answers_to(resolver, "silent.example")
    wait_until(lambda: "silent.example" in names.asked, 20, "it hangs")
    answers_to(resolver, "one.example")
    time.sleep(0.1)  # time for a thread that must not be there
    assert names.asked.count("one.example") == 2


def test_a_name_that_cannot_be_looked_up_at_all_ends_no_thread(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only one, for which others wait."""
    resolver = ThreadResolver(1)
    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", lambda *_, **__: 1 / 0)
        assert answers_to(resolver, "broken.example").get(timeout=60) == NAME_SERVER_FAILED
    assert answers_to(resolver, "one.example").get(timeout=60) == ["127.0.0.1"]


def test_without_a_thread_a_name_is_not_looked_up_and_the_next_is(
    names: Names, make: Callable[[int], SocketTransport], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    transport = make(8)
    url = receiver.url.replace("127.0.0.1", "one.example")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refused)
        transport.submit(claim(url, timeout=60))
        (answer,) = collect(transport, 1)
    assert (answer.error, answer.sent, answer.detail) == ("dns", False, NAME_SERVER_FAILED)
    transport.submit(claim(url))
    assert collect(transport, 1)[0].status_code == 204


def test_without_another_thread_names_wait_for_those_there_are(
    names: Names, make: Callable[[int], SocketTransport], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = make(8)
    transport.submit(claim(receiver.url.replace("127.0.0.1", "silent.example"), timeout=60))
    wait_until(lambda: names.asked, 20, "it hangs")

    start = threading.Thread.start

    def refused(thread: threading.Thread) -> None:
        if thread.name == "look-up":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refused)
    for number in range(5):
        transport.submit(claim(receiver.url.replace("127.0.0.1", f"name{number}.example"), timeout=60))
    assert transport.wait(0.1) == []
    names.over.set()
    assert [it.status_code for it in collect(transport, 6)] == [204] * 6


@pytest.mark.clock
def test_a_transport_that_is_closed_waits_for_no_look_up_and_hears_of_none(
    names: Names, make: Callable[[int], SocketTransport]
) -> None:
    transport = make(2)
    transport.submit(claim("http://silent.example/", timeout=60))
    transport.wait(0.05)
    begun = time.monotonic()
    transport.close()
    assert time.monotonic() - begun < 1
    names.over.set()
    wait_until(lambda: not any(it.name == "look-up" for it in threading.enumerate()), 20, "its threads end")
    assert transport._lookups._answers.empty()


def test_the_end_of_a_process_is_not_held_by_names_that_hang() -> None:
    """Red with threads that are no daemons."""
    code = """
import socket, time
from scheduler.delivery.sockets.look_up_threads import ThreadResolver
socket.getaddrinfo = lambda *_, **__: time.sleep(300)
resolver = ThreadResolver()
for number in range(3):
    resolver.ask(f"silent{number}.example", 80, print)
resolver.close()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
