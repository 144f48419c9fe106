"""Tasks as an ASGI application: coroutines run in the event loop, functions in its threads.

When the service hangs up, because its time for the attempt is over or its poller has died, a coroutine is cancelled,
for the task is called again. A function in a thread cannot be stopped: it runs to its end beside the next attempt.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from timer_service.tasks import answers, context, serving
from timer_service.tasks.answers import Answer
from timer_service.tasks.body import MOST_BYTES

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Accept = Callable[[str, dict[str, str], bytes], serving.Accepted | Answer]


class _HungUp(Exception):
    """Nobody waits for the answer any more."""


async def respond(accept: Accept, scope: Scope, receive: Receive, send: Send) -> None:
    """Raises ValueError for what is not HTTP; of `lifespan` it says that nothing is to be done."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    if scope["type"] != "http":
        raise ValueError(f"tasks are called by HTTP, not by {scope['type']}")
    try:
        answer = await _answer(accept, scope, receive)
    except _HungUp:
        return
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _answer(accept: Accept, scope: Scope, receive: Receive) -> Answer:
    method = scope["method"]
    raw = await _body(receive) if method == "POST" else b""
    if isinstance(raw, Answer):
        return raw
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    accepted = accept(method, headers, raw)
    return accepted if isinstance(accepted, Answer) else await _until_hung_up(_run(accepted), receive)


async def _body(receive: Receive) -> bytes | Answer:
    """Reads no further than what a task may have."""
    pieces, length, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _HungUp
        pieces.append(message.get("body", b""))
        length += len(pieces[-1])
        if length > MOST_BYTES:
            return serving.too_large()
        more = message.get("more_body", False)
    return b"".join(pieces)


async def _run(accepted: serving.Accepted) -> Answer:
    with context.entered(accepted.context):
        begun = _begun(accepted) if accepted.task.is_async else await asyncio.to_thread(_begun, accepted)
        if isinstance(begun, Answer):
            return begun
        try:
            return answers.returned(accepted.task.name, await begun)
        except Exception as error:
            return serving.failed(accepted, error)


def _begun(accepted: serving.Accepted) -> Answer | Awaitable[Any]:
    """Raises SystemExit and KeyboardInterrupt alone.

    Of a thread that raises StopIteration asyncio would wait for ever, until Python 3.12.
    """
    try:
        value = accepted.task.call(accepted.call)
        return value if inspect.isawaitable(value) else answers.returned(accepted.task.name, value)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        return serving.failed(accepted, error)


async def _until_hung_up(run: Awaitable[Answer], receive: Receive) -> Answer:
    """Cancels what runs when the service hangs up, or the server stops this request; raises _HungUp at the former."""
    running, hung_up = asyncio.ensure_future(run), asyncio.ensure_future(_hung_up(receive))
    try:
        await asyncio.wait((running, hung_up), return_when=asyncio.FIRST_COMPLETED)
        if not running.done() and hung_up.exception() is not None:  # some middleware lets nobody wait for that
            await asyncio.wait((running,))
        if not running.done():
            raise _HungUp
        if running.cancelled():
            return answers.refused(500, "the task cancelled itself")
        return running.result()
    finally:
        for it in (running, hung_up):
            it.cancel()
        await asyncio.gather(running, hung_up, return_exceptions=True)


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _live(receive: Receive, send: Send) -> None:
    while (message := await receive())["type"] != "lifespan.shutdown":
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
