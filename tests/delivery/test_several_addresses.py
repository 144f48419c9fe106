"""A host with several addresses, of which some swallow every connection (RFC 8305), and what is kept of the ended.

Tried: the first dead, the last alive; an IPv6 address dead; several dead of a family and of both; refused ones among
them; all dead; the only living one slow; a deadline shorter than RFC 8305's 250 ms for each; a name server, or
/etc/hosts, that tells them; more addresses than are tried.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import certifi
import pytest

from scheduler import Delivery
from scheduler.delivery.addresses import MOST_TRIED, Order, pause
from scheduler.delivery.details import NO_SUCH_NAME
from scheduler.delivery.sockets.agenda import Agenda
from scheduler.delivery.sockets.transport import SocketTransport
from scheduler.delivery.transport import Transport
from tests.bench.processes import free_port
from tests.bench.raw import raw_receiving, read_request
from tests.bench.transports import Send, claim, collect
from tests.delivery.test_certificates import FOLDER

NO_CONTENT = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


@contextmanager
def blackholes(port: int, *addresses: str) -> Iterator[None]:
    """Addresses whose queue of connections is full: the kernel drops every further SYN, as a dead host's network."""
    with ExitStack() as stack:
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            full = stack.enter_context(socket.socket(family))
            full.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            full.bind((address, port))
            full.listen(0)
            for _ in range(4):
                sock = stack.enter_context(socket.socket(family))
                sock.setblocking(False)
                sock.connect_ex((address, port))
        yield


@contextmanager
def answering(address: str) -> Iterator[tuple[int, list[bytes]]]:
    """A port on which one address answers 204, and the requests that it has read."""
    requests: list[bytes] = []
    listener = socket.create_server((address, free_port()))  # others listen on it at other addresses

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                with listener.accept()[0] as sock:
                    if request := read_request(sock):
                        requests.append(request)
                        sock.sendall(NO_CONTENT)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], requests
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names and their addresses, instead of a name server's."""
    names: dict[str, list[str]] = {}
    monkeypatch.setattr(
        "scheduler.delivery.sockets.c_ares.CaresResolver.ask",
        lambda _, host, _port, answered: answered(names.get(host.rstrip("."), NO_SUCH_NAME)),
    )
    return names


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.2", "127.0.0.1"],
        ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.1"],
        ["::1", "127.0.0.1"],
        ["::1", "127.0.0.2", "127.0.0.1"],
        ["127.0.0.9", "127.0.0.2", "127.0.0.1"],
    ],
)
def test_a_dead_address_costs_a_moment_and_the_living_one_is_sent_to_once(
    send: Send, known: dict[str, list[str]], addresses: list[str]
) -> None:
    known["several.test"] = addresses
    dead = [address for address in addresses if address not in ("127.0.0.1", "127.0.0.9")]  # which refuses
    with answering("127.0.0.1") as (port, requests), blackholes(port, *dead):
        answer = send(f"http://several.test:{port}/", timeout=10)
        again = [send(f"http://several.test:{port}/", timeout=10) for _ in range(5)]
    assert (answer.status_code, answer.error) == (204, None)
    assert len(requests) == 6
    assert answer.duration_ms < 5000
    assert min(it.duration_ms for it in again) < 250  # it begins with what was found to live


@pytest.mark.parametrize("addresses", [["127.0.0.2", "127.0.0.3"], ["127.0.0.9", "127.0.0.2"]])
def test_an_address_that_is_only_slow_wins_if_no_other_answers(
    send: Send, known: dict[str, list[str]], addresses: list[str]
) -> None:
    """Its first SYN is dropped: TCP's next comes a second later, when the address has been raced for long. 127.0.0.9
    refuses at once: red where the turn that was set for the second address then comes, and there is none left."""
    known["slow.test"] = addresses
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.2", free_port()), backlog=0))
        port = full.getsockname()[1]
        stack.enter_context(blackholes(port, "127.0.0.3"))
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())

        def accept() -> None:
            for sock in waiting:
                sock.close()
            with contextlib.suppress(OSError):
                while True:
                    with full.accept()[0] as sock:
                        if read_request(sock):
                            sock.sendall(NO_CONTENT)

        later = threading.Timer(0.3, accept)
        later.start()
        answer = send(f"http://slow.test:{port}/", timeout=20)
        full.shutdown(socket.SHUT_RDWR)
        later.join()
    assert (answer.status_code, answer.error) == (204, None)


@pytest.mark.clock
@pytest.mark.parametrize(("count", "timeout"), [(2, 0.2), (3, 0.6), (6, 1.0)])
def test_every_address_has_its_turn_within_a_short_deadline(
    send: Send, known: dict[str, list[str]], count: int, timeout: float
) -> None:
    dead = [f"127.0.1.{number}" for number in range(1, count)]
    known["short.test"] = [*dead, "127.0.0.1"]
    with answering("127.0.0.1") as (port, requests), blackholes(port, *dead):
        assert send(f"http://short.test:{port}/", timeout=timeout).status_code == 204
    assert len(requests) == 1


@pytest.mark.parametrize("refusing", [[], ["127.0.0.9"]])
def test_if_all_are_dead_the_attempt_ends_at_its_deadline(
    send: Send, known: dict[str, list[str]], refusing: list[str]
) -> None:
    dead = ["127.0.0.2", "127.0.0.3"]
    known["dead.test"] = [*refusing, *dead]
    with answering("127.0.0.1") as (port, requests), blackholes(port, *dead):
        answer = send(f"http://dead.test:{port}/", timeout=0.6)
    assert (answer.error, answer.sent, requests) == ("timeout", False, [])
    assert 550 < answer.duration_ms < 5000


def test_if_all_refuse_it_is_no_timeout(send: Send, known: dict[str, list[str]]) -> None:
    known["refusing.test"] = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
    with answering("127.0.0.1") as (port, _):
        answer = send(f"http://refusing.test:{port}/", timeout=10)
    assert (answer.error, answer.sent) == ("connect", False)
    assert answer.duration_ms < 5000


def test_an_address_that_has_connected_is_not_raced_while_tls_is_slow(
    send: Send, known: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certifi, "where", lambda: str(FOLDER / "authority.pem"))
    known["slow-tls.test"] = ["127.0.0.1", "127.0.0.2"]
    others: list[str] = []
    over = threading.Event()
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as listener:
        other = socket.create_server(("127.0.0.2", port))

        def stall() -> None:
            with listener.accept()[0]:
                over.wait(60)

        def count() -> None:
            with contextlib.suppress(OSError):
                while True:
                    sock, _ = other.accept()
                    others.append("a connection")
                    sock.close()

        threads = [threading.Thread(target=it) for it in (stall, count)]
        for thread in threads:
            thread.start()
        answer = send(f"https://slow-tls.test:{port}/", timeout=0.9)
        over.set()
        other.shutdown(socket.SHUT_RDWR)
        other.close()
        for thread in threads:
            thread.join()
    assert (answer.error, answer.sent, others) == ("timeout", False, [])


def test_many_raced_calls_at_once_are_each_sent_once(transport: Transport, known: dict[str, list[str]]) -> None:
    """More than there is room to race: the others wait for it, and those that fail together do not mix up."""
    known["busy.test"] = ["127.0.0.2", "127.0.0.3", "127.0.0.1"]
    known["gone.test"] = ["127.0.0.2", "127.0.0.3"]
    with answering("127.0.0.1") as (port, requests), blackholes(port, "127.0.0.2", "127.0.0.3"):
        for number in range(8):
            transport.submit(claim(f"http://busy.test:{port}/{number}", timeout=15))
        answers = collect(transport, 8)
        for number in range(8):
            transport.submit(claim(f"http://gone.test:{port}/{number}", timeout=0.7))
        gone = collect(transport, 8)
        transport.submit(claim(f"http://busy.test:{port}/last", timeout=15))
        assert [answer.status_code for answer in collect(transport, 1)] == [204]
    assert [answer.status_code for answer in answers] == [204] * 8
    assert [answer.error for answer in gone] == ["timeout"] * 8
    paths = sorted(request.split(b" ")[1] for request in requests)
    assert paths == [*(b"/%d" % number for number in range(8)), b"/last"]


def test_a_race_that_begins_on_a_connection_which_is_given_up_is_that_of_one_call(
    transport: Transport, known: dict[str, list[str]]
) -> None:
    """Its second address has its turn, because the store held the loop up, when no socket of its own was opened yet."""
    known["stale.test"] = ["127.0.0.1", "127.0.0.2"]
    with raw_receiving(lambda _, sock: sock.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")) as receiver:
        port = receiver.url.rpartition(":")[2].rstrip("/")
        transport.submit(claim(f"http://stale.test:{port}/"))
        collect(transport, 1)
        time.sleep(0.3)  # the idleness, too long for at_most_once
        transport.submit(claim(f"http://stale.test:{port}/", delivery=Delivery.AT_MOST_ONCE))
        time.sleep(0.3)  # a store that is slow to answer
        (answer,) = collect(transport, 1)
    assert (answer.status_code, answer.error) == (204, None)


def test_another_address_is_not_tried_after_the_deadline(wide: SocketTransport, known: dict[str, list[str]]) -> None:
    """As where the process was frozen between the look at what is due and the try. There is a connection to it that is
    idle, so that it would be sent at once."""
    known["frozen.test"] = ["127.0.0.2", "127.0.0.1"]
    with raw_receiving(lambda _, sock: sock.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")) as receiver:
        port = int(receiver.url.rpartition(":")[2].rstrip("/"))
        with blackholes(port, "127.0.0.2"):
            wide.submit(claim(f"http://frozen.test:{port}/", timeout=20))
            assert [it.status_code for it in collect(wide, 1)] == [204]
            wide._under_way._order = Order()  # it begins with the dead one again
            wide.submit(claim(f"http://frozen.test:{port}/", timeout=20))
            (call,) = wide._under_way._deadlines._entries
            call.deadline = time.monotonic()
            wide._under_way._try_next(call)
            (answer,) = collect(wide, 1)
        assert (answer.error, answer.sent) == ("timeout", False)
        assert len(receiver.requests) == 1


def test_the_order_begins_with_what_answered_and_alternates_between_families() -> None:
    order = Order()
    host = ("h.test", 80)
    assert order.of(host, ["::2", "::3", "1.1.1.1", "1.1.1.2", "::2"]) == ["::2", "1.1.1.1", "::3", "1.1.1.2"]
    order.answered(host, "1.1.1.2")
    assert order.of(host, ["::2", "::3", "1.1.1.1", "1.1.1.2"]) == ["1.1.1.2", "::2", "1.1.1.1", "::3"]
    assert order.of(host, ["1.1.1.9"]) == ["1.1.1.9"]
    assert len(order.of(host, [f"1.1.2.{number}" for number in range(100)])) == MOST_TRIED
    assert pause(15, 2) == 0.25
    assert pause(0.1, 2) == 0.025


# What has ended is let go


def test_an_agenda_lets_go_of_what_is_dropped_and_keeps_the_order_of_the_rest() -> None:
    agenda: Agenda[str] = Agenda()
    for number in range(1000):
        agenda.add(1000.0 + number, f"item {number}")
    agenda.add(5.0, "item 7")  # earlier than it was
    for number in range(10, 1000):
        agenda.drop(f"item {number}")
    agenda.drop("unknown")
    assert agenda.next() == 5.0
    assert len(agenda._heap) < 200
    assert list(agenda.due(2000.0)) == ["item 7", *(f"item {number}" for number in range(10) if number != 7)]
    assert agenda.next() is None


def ended_by(known: dict[str, list[str]], port: int) -> dict[str, str]:
    """URLs that end in every way that involves a name or a connection."""
    known |= {"good.test": ["127.0.0.1"], "raced.test": ["127.0.0.2", "127.0.0.1"], "private.test": ["10.0.0.1"]}
    known |= {"gone.test": ["127.0.0.3"], "both.test": ["127.0.0.3", "127.0.0.4"]}
    urls = {f"{name} by name": f"http://{name}.test:{port}/" for name in ("good", "raced", "private", "gone", "both")}
    return urls | {
        "by number": f"http://127.0.0.1:{port}/",
        "refused": f"http://127.0.0.9:{port}/",
        "unknown": f"http://nobody.test:{port}/",
        "blocked": f"http://10.0.0.1:{port}/",
    }


def test_of_an_attempt_that_has_ended_nothing_is_kept(transport: Transport, known: dict[str, list[str]]) -> None:
    """However it ended, and however far its deadline was. A transport that keeps the bodies holds hundreds of MiB."""
    with answering("127.0.0.1") as (port, _), blackholes(port, "127.0.0.2"):
        for way, url in ended_by(known, port).items():
            bodies = [bytes(200_000)]
            alone = references(bodies)
            transport.submit(claim(url, body=bodies[0], timeout=300))
            assert len(collect(transport, 1)) == 1
            let_go(bodies, alone, f"the body of an attempt that ended {way} is kept")


def test_many_attempts_that_ended_long_before_their_deadlines_hold_no_memory(
    transport: Transport, known: dict[str, list[str]]
) -> None:
    """Each to a name of its own, as 1,500 customers have: it was 457 MiB."""
    with answering("127.0.0.1") as (port, _):
        bodies = [bytes(50_000) for _ in range(40)]
        alone = references(bodies)
        for number, body in enumerate(bodies):
            known[f"n{number}.test"] = ["127.0.0.1"]
            transport.submit(claim(f"http://n{number}.test:{port}/", body=body, timeout=300))
            assert collect(transport, 1)[0].status_code == 204
        del body
        let_go(bodies, alone, "bodies are kept")


def references(bodies: list[bytes]) -> list[int]:
    return [sys.getrefcount(bodies[number]) for number in range(len(bodies))]


def let_go(bodies: list[bytes], alone: list[int], otherwise: str) -> None:
    """Wait until nobody but those that made them has a reference to them."""
    until = time.monotonic() + 60
    while references(bodies) != alone:
        assert time.monotonic() < until, otherwise
        time.sleep(0.01)
