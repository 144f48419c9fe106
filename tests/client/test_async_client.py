"""What AsyncTimerClient does that has no counterpart in TimerClient: event loops, cancellation, many calls at once.

Tried: a cancel at each step of the event loop that a call takes, on an open connection and on one that is not open yet;
calls that hang when the client is closed, or when their loop ends; two loops in two threads; bodies of 2 MB.
"""

from __future__ import annotations

import asyncio
import gc
import gzip
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.bench.raw import RawReceiver, raw_receiving
from tests.client.test_retries import TIMER, answer, heads
from tests.delivery.test_certificates import FOLDER, tls_server
from timer_service.client import AsyncTimerClient, NewTimer, TimerClient, TimerServiceError, Unavailable
from timer_service.client.async_connections import PLACES

#: Seconds that only end a wait which should have ended long before.
LONG = 60


@contextmanager
def serving(raw: bytes | None = None, *, hold: threading.Event | None = None) -> Iterator[RawReceiver]:
    """Answers with the timer of the id that is asked for, or with `raw`; where there is a `hold`, once that is set."""

    def behave(receiver: RawReceiver, sock: socket.socket) -> None:
        timer_id = receiver.asked[sock].split(b" ")[1].rpartition(b"/")[2].decode()
        if hold is not None:
            hold.wait(LONG)
        sock.sendall(raw or answer(200, {**TIMER, "id": timer_id}))

    with raw_receiving(behave) as service:
        yield service
        if hold is not None:
            hold.set()


#: httpcore may drop, unclosed, what a call was opening when it was cancelled: asyncio closes it, and warns.
may_drop_sockets = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture
def collected() -> Iterator[None]:
    """What a test drops is collected within it, and its warnings come where they are expected."""
    yield
    for _ in range(3):
        gc.collect()


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(LONG):
        while not true():
            await asyncio.sleep(0.01)


def test_a_create_is_one_request() -> None:
    async def main() -> None:
        async with AsyncTimerClient(service.url) as client:
            await client.create("http://receiver/", delay=1, idempotency_key="mine")

    with serving(answer(201, TIMER)) as service:
        asyncio.run(main())
        with TimerClient(service.url) as client:
            client.create("http://receiver/", delay=1, idempotency_key="mine")
    assert [head["idempotency-key"] for head in heads(service)] == ["mine", "mine"]
    one, other = (request.partition(b"\r\n\r\n")[2] for request in service.requests)
    assert one == other


def test_one_client_serves_one_event_loop_after_the_other_without_a_word() -> None:
    """Nobody closes it: the connections end with their loop. Warnings, also those of the collector, are errors."""
    with serving() as service:
        client = AsyncTimerClient(service.url)
        for number in range(3):
            assert asyncio.run(twice(client, f"a{number}")) == f"a{number}"
        assert service.connections >= 3


async def twice(client: AsyncTimerClient, name: str) -> str:
    return (await client.get(name)).id if (await client.get(name)).id == name else ""


def test_event_loops_of_several_threads_share_a_client() -> None:
    found: list[str] = []
    with serving() as service:
        client = AsyncTimerClient(service.url)
        threads = [
            threading.Thread(target=lambda name: found.append(asyncio.run(twice(client, name))), args=(f"a{number}",))
            for number in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(found) == ["a0", "a1", "a2", "a3"]
    assert service.connections >= 4


def test_a_client_is_usable_after_it_was_closed_as_the_other_is() -> None:
    async def main() -> None:
        client = AsyncTimerClient(service.url)
        async with client:
            await client.get("a")
        await client.get("b")
        await client.close()
        await client.close()

    with serving() as service:
        asyncio.run(main())
    assert (len(service.requests), service.connections) == (2, 2)


def test_calls_that_are_under_way_when_it_is_closed_end_well() -> None:
    async def main() -> None:
        client = AsyncTimerClient(service.url, retries=0)
        calls = [asyncio.ensure_future(client.get(f"a{number}")) for number in range(5)]
        await until(lambda: len(service.requests) == 5)
        await client.close()
        hold.set()
        assert [(await call).id for call in calls] == [f"a{number}" for number in range(5)]

    hold = threading.Event()
    with serving(hold=hold) as service:
        asyncio.run(main())
    assert service.connections == 5


@may_drop_sockets
@pytest.mark.usefixtures("collected")
def test_a_loop_that_ends_ends_the_calls_that_hang() -> None:
    async def main() -> None:
        calls.append(asyncio.ensure_future(client.get("a")))
        await until(lambda: service.requests)

    calls: list[asyncio.Future[Any]] = []
    with serving(hold=threading.Event()) as service:
        client = AsyncTimerClient(service.url)
        asyncio.run(main())
    assert calls[0].cancelled()


@may_drop_sockets
@pytest.mark.usefixtures("collected")
def test_a_call_that_is_cancelled_leaves_the_client_usable() -> None:
    """More often than connections are kept: none of them is lost, and later calls are answered."""

    async def main() -> None:
        async with AsyncTimerClient(service.url, retries=0) as client:
            for _ in range(PLACES + 20):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.005):
                        await client.get("a")
            hold.set()
            async with asyncio.timeout(LONG):
                assert (await client.get("b")).id == "b"

    hold = threading.Event()
    with serving(hold=hold) as service:
        asyncio.run(main())


@may_drop_sockets
@pytest.mark.usefixtures("collected")
@pytest.mark.parametrize("connected", [True, False])
def test_a_cancel_at_any_step_of_a_call_leaves_the_client_usable(connected: bool) -> None:
    async def main() -> None:
        for steps in range(60):
            async with AsyncTimerClient(service.url, retries=0) as client:
                if connected:
                    await client.get("a")
                call = asyncio.ensure_future(client.get("a"))
                for _ in range(steps):
                    await asyncio.sleep(0)
                call.cancel()
                await asyncio.wait([call])
                async with asyncio.timeout(LONG):
                    assert (await client.get("b")).id == "b"

    with serving() as service:
        asyncio.run(main())


def test_more_calls_than_connections_wait_for_their_turn_and_all_are_answered() -> None:
    async def main() -> None:
        async with AsyncTimerClient(service.url, retries=0, timeout=LONG) as client:
            calls = [asyncio.ensure_future(client.get(f"a{number}")) for number in range(3 * PLACES)]
            await until(lambda: len(service.requests) == PLACES)
            await asyncio.sleep(0.2)
            assert len(service.requests) == service.connections == PLACES
            hold.set()
            assert [(await call).id for call in calls] == [f"a{number}" for number in range(3 * PLACES)]

    hold = threading.Event()
    with serving(hold=hold) as service:
        asyncio.run(main())


@pytest.mark.clock
def test_a_body_may_take_longer_than_the_timeout_while_the_service_takes_it() -> None:
    """8 MB over 1 Mbit/s take a minute."""

    def take_slowly() -> None:
        sock, _ = listener.accept()
        with sock:
            head, _, body = sock.recv(2**16).partition(b"\r\n\r\n")
            heads.append(head.lower())
            missing = int(head.lower().partition(b"content-length: ")[2].split()[0]) - len(body)
            while missing:
                time.sleep(0.02)  # the line is slow
                missing -= len(sock.recv(min(missing, 2**14)))
            sock.sendall(answer(200, {"results": []}))

    async def main() -> None:
        little = [(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**15)]
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(socket_options=little)) as session:
            client = AsyncTimerClient(url, timeout=1, retries=0, session=session)
            assert await client.create_many(timers) == []

    heads: list[bytes] = []
    timers: list[NewTimer] = [{"url": "http://a/", "delay": 5, "body": "x" * 200_000}] * 10
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**15)
        threading.Thread(target=take_slowly, daemon=True).start()
        begun = time.monotonic()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        asyncio.run(main())
    assert time.monotonic() - begun > 1
    assert b"transfer-encoding" not in heads[0]


def test_a_session_of_the_callers_own_is_used_and_left_open() -> None:
    async def main() -> None:
        async with httpx.AsyncClient(headers={"x-company": "ours"}, follow_redirects=True, timeout=0.001) as session:
            async with AsyncTimerClient(service.url, session=session) as client:
                await client.get("a")
            assert not session.is_closed
            await client.get("a")

    with serving() as service:
        asyncio.run(main())
    assert [head["x-company"] for head in heads(service)] == ["ours", "ours"]


def asked(client: AsyncTimerClient, call: Callable[[AsyncTimerClient], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with client:
            return await call(client)

    return asyncio.run(main())


def test_the_proxy_of_the_environment_counts_as_it_does_for_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as proxy:
        for url in (proxy.url, proxy.url.removeprefix("http://")):
            monkeypatch.setenv("http_proxy", url)
            assert asked(AsyncTimerClient("http://timers.example"), lambda it: it.get("a")).id == "a"
            with TimerClient("http://timers.example") as client:
                assert client.get("a").id == "a"
        assert {request.split()[1] for request in proxy.requests} == {b"http://timers.example/timers/a"}
        monkeypatch.setenv("no_proxy", "127.0.0.0/8")  # a network: httpx by itself would not know what that is
        with serving() as service:
            assert asked(AsyncTimerClient(service.url), lambda it: it.get("b")).id == "b"
        assert len(service.requests) == 1


def test_a_proxy_that_cannot_be_used_is_a_value_error_as_of_the_other_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")  # needs a package that neither client brings
    with pytest.raises(ValueError, match="the proxy of the environment cannot be used"):
        asked(AsyncTimerClient("http://timers.example"), lambda it: it.get("a"))
    with TimerClient("http://timers.example") as client, pytest.raises(ValueError, match="SOCKS"):
        client.get("a")


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_ca_bundle_of_the_environment_counts_as_it_does_for_requests(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tried(*, known: bool) -> list[str]:
        with tls_server("good", answer(200, TIMER)) as (url, _):
            client = AsyncTimerClient(url, retries=0)
            if known:
                return [asked(client, lambda it: it.get("a")).id]
            with pytest.raises(Unavailable, match="certificate verify failed"):
                asked(client, lambda it: it.get("a"))
        return []

    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    assert tried(known=False) == []
    monkeypatch.setenv(variable, str(FOLDER / "authority.pem"))
    assert tried(known=True) == ["00abc"]


def test_a_user_name_of_the_url_does_not_displace_the_key() -> None:
    with serving() as service:
        url = service.url.replace("://", "://me:password@")
        assert asked(AsyncTimerClient(url, "tk_1"), lambda it: it.get("a")).id == "a"
    assert heads(service)[0]["authorization"] == "Bearer tk_1"


def test_without_a_key_netrc_is_asked_as_requests_asks_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password other\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with serving() as service:
        asked(AsyncTimerClient(service.url), lambda it: it.get("a"))
        with TimerClient(service.url) as client:
            client.get("a")
    one, other = (head["authorization"] for head in heads(service))
    assert one == other == "Basic bWU6b3RoZXI="


def compressed(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def test_an_answer_may_be_compressed_and_one_that_only_says_so_is_an_error_of_the_tree() -> None:
    timer = answer(200, TIMER).partition(b"\r\n\r\n")[2]
    with serving(compressed(gzip.compress(timer))) as service:
        assert asked(AsyncTimerClient(service.url), lambda it: it.get("a")).id == "00abc"
    with serving(compressed(timer)) as service, pytest.raises(Unavailable):
        asked(AsyncTimerClient(service.url, retries=0), lambda it: it.get("a"))


NO_HTTP = {
    "other words": b"SSH-2.0-OpenSSH_9.6\r\n",
    "no length": b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    "header": b"HTTP/1.1 200 OK\r\n\x00: \x00\r\n\r\n",
    "endless": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
    "switch": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
}


@pytest.mark.parametrize("name", NO_HTTP)
def test_an_answer_that_is_no_http_is_an_error_of_the_tree(name: str) -> None:
    def behave(receiver: RawReceiver, sock: socket.socket) -> None:
        sock.sendall(NO_HTTP[name])
        sock.shutdown(socket.SHUT_RDWR)

    with raw_receiving(behave) as service, pytest.raises(TimerServiceError):
        asked(AsyncTimerClient(service.url, retries=0), lambda it: it.get("a"))


def test_tls_that_breaks_off_is_an_error_of_the_tree() -> None:
    def behave(listener: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(FOLDER / "good.pem")
        plain, _ = listener.accept()
        sock = context.wrap_socket(plain, server_side=True)
        sock.recv(2**16)
        raw = socket.socket(fileno=sock.detach())
        raw.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)  # a record that no key of theirs has made
        raw.close()

    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(FOLDER / "authority.pem"))
        thread = threading.Thread(target=behave, args=(listener,))
        thread.start()
        client = AsyncTimerClient(f"https://127.0.0.1:{listener.getsockname()[1]}", retries=0)
        with pytest.raises(Unavailable):
            asked(client, lambda it: it.get("a"))
        thread.join()


def test_a_name_longer_than_any_url_is_a_value_error_or_refused_by_the_service() -> None:
    with serving() as service, pytest.raises((ValueError, TimerServiceError)):
        asked(AsyncTimerClient(service.url, retries=0), lambda it: it.get("x" * 100_000))


def test_a_list_that_is_left_in_the_middle_asks_for_no_further_page() -> None:
    async def main() -> list[str]:
        async with AsyncTimerClient(service.url) as client:
            async for timer in client.list(page_size=1):
                return [timer.id]
        return []

    with serving(answer(200, {"data": [TIMER], "next_cursor": "more"})) as service:
        assert asyncio.run(main()) == ["00abc"]
    assert len(service.requests) == 1
