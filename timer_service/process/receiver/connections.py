"""Takes connections and reads their requests, in one thread, within bounds of number, time and memory."""

from __future__ import annotations

import asyncio
import contextlib
import math
import resource
import socket
import time

from timer_service.process.receiver.answers import on_the_wire
from timer_service.process.receiver.control import Control
from timer_service.process.receiver.inbox import Inbox
from timer_service.process.receiver.request import HEAD_BYTES, Head, Refused, parse

#: Connections at once, if so many files may be open; others wait to be accepted.
_CONNECTIONS = 512
#: Seconds between two requests; from the first byte of one to its last; for an answer to be taken.
_IDLE, _REQUEST, _SENDING = 60.0, 10.0, 10.0
#: Seconds for a client whose request is refused to read that.
_GOODBYE = 1.0
#: Seconds for which a client may do nothing, or send its request, when there are too many.
_SPARED = 1.0
#: Bytes of a body beyond which it is a large one, and how many large ones are read at once: 16 MiB of them.
_LARGE, _LARGE_AT_ONCE = 64 * 1024, 16


async def serve(listener: socket.socket, inbox: Inbox, control: Control) -> None:
    """Until cancelled."""
    listener.setblocking(False)
    loop = asyncio.get_running_loop()
    connections = _Connections(inbox, control)
    while True:
        await connections.room()
        try:
            sock, _ = await loop.sock_accept(listener)
        except OSError:  # it has gone already, or the machine has no files left
            await asyncio.sleep(0.01)
            continue
        connections.take(sock)


class _Connections:
    """Those that are open; each has a task of its own."""

    def __init__(self, inbox: Inbox, control: Control) -> None:
        self._inbox = inbox
        self._control = control
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)
        #: Monotonic seconds since when each waits for its client; infinite while its client waits for us.
        self._waiting: dict[asyncio.Task[None], float] = {}
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most = _CONNECTIONS if soft == resource.RLIM_INFINITY else max(1, min(_CONNECTIONS, soft // 2))

    def take(self, sock: socket.socket) -> None:
        task = asyncio.create_task(self._serve(sock))
        self._waiting[task] = time.monotonic()
        task.add_done_callback(self._waiting.pop)

    async def room(self) -> None:
        """Until one more may be taken. Closes those who keep us waiting, but nobody at once."""
        while len(self._waiting) >= self._most:
            spared = time.monotonic() - _SPARED
            for task in [task for task, since in self._waiting.items() if since < spared]:
                task.cancel()
            await asyncio.sleep(0.01)

    async def _serve(self, sock: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=sock, limit=HEAD_BYTES)
        try:
            while await self._one(reader, writer):
                self._wait_since(time.monotonic())
        except Refused as refused:
            await _refuse(reader, writer, refused.status)
        except (OSError, EOFError, TimeoutError):
            pass  # the client has gone, or is too slow
        finally:
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read and answer a request; whether another may follow."""
        async with asyncio.timeout(_IDLE):
            first = await reader.readexactly(1)
        self._wait_since(time.monotonic())
        async with asyncio.timeout(_REQUEST):
            head = await _head(reader, first)
            body = await self._body(reader, writer, head)
        arrived = time.time()
        self._wait_since(math.inf)
        if self._control.is_meant(head):
            data = self._control.answer(head, body)
        else:
            answer = self._inbox.take(arrived, head, body)
            await asyncio.sleep(answer.delay)
            data = on_the_wire(answer.status, dict([answer.header] if answer.header else []))
        self._wait_since(time.monotonic())
        async with asyncio.timeout(_SENDING):
            writer.write(data)
            await writer.drain()
            if head.closes:
                writer.write_eof()
                await reader.read(1)
        return not head.closes

    async def _body(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: Head) -> bytes:
        length = head.length
        if length and "100-continue" in (head.header("expect") or "").lower():
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if length <= _LARGE:
            return await reader.readexactly(length)
        async with self._large:
            return await reader.readexactly(length)

    def _wait_since(self, moment: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._waiting[task] = moment


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, status: int) -> None:
    """What the client still sends is thrown away for a moment: to close at once would lose it the answer to a reset."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_GOODBYE):
            writer.write(on_the_wire(status, {"connection": "close"}))
            writer.write_eof()
            while await reader.read(HEAD_BYTES):
                pass


async def _head(reader: asyncio.StreamReader, first: bytes) -> Head:
    try:
        return parse((first + await reader.readuntil(b"\r\n\r\n")).lstrip(b"\r\n"))
    except asyncio.LimitOverrunError:
        raise Refused(431) from None
