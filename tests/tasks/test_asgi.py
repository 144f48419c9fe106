"""Tasks as an ASGI application: the messages that a server exchanges with it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
import uvicorn

from tests.bench.receiver import HELD_UP
from tests.tasks.signed import body, headers
from timer_service.tasks import Tasks, current

#: Seconds that end a wait which should have ended by itself.
_LONG = HELD_UP * 10


class Server:
    """The other side of one request."""

    def __init__(self, raw: bytes, method: str = "POST", sent: Mapping[str, str] | None = None, piece: int = 7) -> None:
        given = headers(raw) if sent is None else sent
        self.scope = {
            "type": "http",
            "method": method,
            "path": "/tasks",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        }
        pieces = [raw[at : at + piece] for at in range(0, len(raw), piece)] or [b""]
        self.left: list[dict[str, Any]] = [
            {"type": "http.request", "body": it, "more_body": number < len(pieces)}
            for number, it in enumerate(pieces, 1)
        ]
        self.taken = 0
        self.sent: list[dict[str, Any]] = []
        self.hung_up = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        if self.left:
            self.taken += len(self.left[0]["body"])
            return self.left.pop(0)
        await self.hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        found: int = self.sent[0]["status"]
        return found

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def body(self) -> Any:
        return json.loads(self.sent[1]["body"])


def exchanged(tasks: Tasks, raw: bytes, method: str = "POST", **more: Any) -> Server:
    async def exchange() -> Server:
        server = Server(raw, method, **more)
        await asyncio.wait_for(tasks.asgi_app(server.scope, server.receive, server.send), _LONG)
        return server

    return asyncio.run(exchange())


def test_a_coroutine_runs_in_the_event_loop_of_the_server(tasks: Tasks) -> None:
    async def where(a: int) -> list[Any]:
        await asyncio.sleep(0)
        return [a, current().attempt, threading.current_thread() is threading.main_thread()]

    tasks.task(name="where")(where)
    server = exchanged(tasks, body("where", 2))
    assert (server.status, server.body) == (200, [2, 1, True])
    assert server.headers[b"timer-scope"] == b"timer"
    assert server.headers[b"content-length"] == str(len(server.sent[1]["body"])).encode()


def test_a_function_runs_in_a_thread_and_knows_its_context(tasks: Tasks) -> None:
    def where() -> list[Any]:
        return [current().task, threading.current_thread() is threading.main_thread()]

    tasks.task(name="where")(where)
    assert exchanged(tasks, body("where")).body == ["where", False]


def test_what_a_function_returns_to_be_awaited_is_awaited(tasks: Tasks) -> None:
    async def five() -> int:
        return 5

    tasks.task(name="five")(lambda: five())
    assert exchanged(tasks, body("five")).body == 5


def test_two_tasks_that_wait_do_so_at_the_same_time(tasks: Tasks) -> None:
    async def both() -> list[int]:
        met = asyncio.Barrier(2)

        async def meet() -> int:
            await met.wait()
            return 1

        tasks.task(name="meet")(meet)
        servers = [Server(body("meet")) for _ in range(2)]
        waits = [tasks.asgi_app(it.scope, it.receive, it.send) for it in servers]
        await asyncio.wait_for(asyncio.gather(*waits), _LONG)
        return [it.body for it in servers]

    assert asyncio.run(both()) == [1, 1]


def test_an_exception_is_500(tasks: Tasks) -> None:
    async def fails() -> None:
        raise ValueError("no")

    tasks.task(name="fails")(fails)
    server = exchanged(tasks, body("fails"))
    assert (server.status, server.body) == (500, {"class": "builtins.ValueError", "message": "no"})


def test_a_function_may_raise_what_cancels_a_coroutine(tasks: Tasks) -> None:
    def fails() -> None:
        raise asyncio.CancelledError("mine")

    tasks.task(name="fails")(fails)
    server = exchanged(tasks, body("fails"))
    assert (server.status, server.body["message"]) == (500, "mine")


def test_uvicorn_takes_it_as_an_application(tasks: Tasks) -> None:
    config = uvicorn.Config(tasks.asgi_app, log_config=None)
    config.load()
    assert config.interface == "asgi3"


def test_a_function_that_runs_out_of_an_iterator_has_failed(tasks: Tasks) -> None:
    tasks.task(name="fails")(lambda: next(iter([])))
    server = exchanged(tasks, body("fails"))
    assert (server.status, server.body) == (500, {"class": "builtins.StopIteration", "message": ""})


def test_a_coroutine_that_cancels_itself_has_failed(tasks: Tasks) -> None:
    async def fails() -> None:
        raise asyncio.CancelledError

    tasks.task(name="fails")(fails)
    assert exchanged(tasks, body("fails")).status == 500


@pytest.mark.parametrize(
    ("raw", "method", "more", "status"),
    [
        (b"{}", "POST", {"sent": {}}, 401),
        (b"", "GET", {}, 405),
        (b"", "HEAD", {}, 405),
        (b"{}", "POST", {}, 489),
        (body("unknown"), "POST", {}, 503),
    ],
)
def test_what_is_no_call_of_a_task_is_refused(tasks: Tasks, raw: bytes, method: str, more: Any, status: int) -> None:
    assert exchanged(tasks, raw, method, **more).status == status


def test_no_more_is_read_than_a_task_may_have(tasks: Tasks) -> None:
    server = exchanged(tasks, b"x" * 1_000_000, piece=100_000)
    assert (server.status, server.taken) == (413, 300_000)


def test_a_request_that_ends_early_is_not_answered(tasks: Tasks) -> None:
    async def cut() -> list[Any]:
        server = Server(b"x" * 100)
        server.left = server.left[:3]
        server.hung_up.set()
        await asyncio.wait_for(tasks.asgi_app(server.scope, server.receive, server.send), _LONG)
        return server.sent

    assert asyncio.run(cut()) == []


def _hung_up(tasks: Tasks, name: str, begun: Callable[[], Awaitable[Any]], then: Callable[[], Any]) -> list[Any]:
    async def hang_up() -> list[Any]:
        server = Server(body(name))
        answering = asyncio.ensure_future(tasks.asgi_app(server.scope, server.receive, server.send))
        await asyncio.wait_for(begun(), _LONG)
        server.hung_up.set()
        await asyncio.wait_for(answering, _LONG)
        then()
        return server.sent

    return asyncio.run(hang_up())


def _waits(tasks: Tasks) -> tuple[asyncio.Event, list[str]]:
    """A task that tells when it has begun, and that it was cancelled."""
    begun, told = asyncio.Event(), list[str]()

    async def waits() -> None:
        begun.set()
        try:
            await asyncio.sleep(_LONG)
        except asyncio.CancelledError:
            told.append("cancelled")
            raise

    tasks.task(name="waits")(waits)
    return begun, told


def test_a_coroutine_is_cancelled_when_the_service_hangs_up(tasks: Tasks) -> None:
    begun, told = _waits(tasks)
    assert _hung_up(tasks, "waits", begun.wait, lambda: None) == []
    assert told == ["cancelled"]


def test_a_function_in_a_thread_runs_to_its_end_though_nobody_waits(tasks: Tasks) -> None:
    begun, go_on, done = (threading.Event() for _ in range(3))

    def waits() -> None:
        begun.set()
        assert go_on.wait(_LONG)
        done.set()

    tasks.task(name="waits")(waits)
    assert _hung_up(tasks, "waits", lambda: asyncio.to_thread(begun.wait, _LONG), go_on.set) == []
    assert done.wait(_LONG)


def test_a_server_that_lets_nobody_wait_for_the_end_of_a_request_is_no_reason_to_cancel(tasks: Tasks) -> None:
    async def exchange() -> Server:
        async def slow() -> int:
            await asyncio.sleep(0.01)
            return 5

        tasks.task(name="slow")(slow)
        server = Server(body("slow"))

        async def receive() -> Any:
            if not server.left:
                raise RuntimeError("no more")
            return await server.receive()

        await asyncio.wait_for(tasks.asgi_app(server.scope, receive, server.send), _LONG)
        return server

    assert asyncio.run(exchange()).body == 5


def test_a_server_that_stops_cancels_what_runs(tasks: Tasks) -> None:
    async def stop() -> list[str]:
        begun, told = _waits(tasks)
        server = Server(body("waits"))
        answering = asyncio.ensure_future(tasks.asgi_app(server.scope, server.receive, server.send))
        await asyncio.wait_for(begun.wait(), _LONG)
        answering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await answering
        return told

    assert asyncio.run(stop()) == ["cancelled"]


def test_it_takes_part_in_the_life_of_a_server(tasks: Tasks) -> None:
    async def live() -> list[Any]:
        given = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
        sent: list[Any] = []

        async def receive() -> Any:
            return given.pop(0)

        async def send(message: Any) -> None:
            sent.append(message["type"])

        await tasks.asgi_app({"type": "lifespan"}, receive, send)
        with pytest.raises(ValueError, match="not by websocket"):
            await tasks.asgi_app({"type": "websocket"}, receive, send)
        return sent

    assert asyncio.run(live()) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
