"""Wires between processes and the store, in user space, where a reply can be lost at exactly the wrong moment."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Seconds between two looks whether the thread of the wires gets its turn.
_TURN = 0.02
#: What a wire keeps of the last request on a connection: a script's name may stand in two pieces.
_TAIL = 128


class Wire:
    """A Unix socket that leads to another. One at a time of: whole, stalled, deaf, slow."""

    def __init__(self, net: Net, path: Path, target: Path) -> None:
        self.path = path
        self.url = f"unix://{path}"
        self._net = net
        self._target = target
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._deaf = False
        self._delay = 0.0
        self._lose: list[_Loss] = []
        self.lost = 0

    def stall(self) -> None:
        """Nothing moves, as with dropped packets; all that was sent arrives once healed, as TCP would have it."""
        self._net.call(self._set(stalled=True))

    def deafen(self) -> None:
        """What is asked arrives and is done; no reply comes back, and none of these will."""
        self._net.call(self._set(deaf=True))

    def slow(self, seconds: float) -> None:
        """Every piece takes this long, each way."""
        self._net.call(self._set(delay=seconds))

    def heal(self) -> None:
        self._net.call(self._set())

    def reset(self) -> None:
        """Every connection ends, in the middle of whatever it was."""
        self._net.call(self._reset())

    def lose_reply(self, to: bytes, *, hang: bool = False, then: Callable[[], object] = bool) -> None:
        """Of the next request that contains these bytes the reply is lost, and then the connection ends, or hangs."""
        self._lose.append(_Loss(to, hang, then))

    async def listen(self) -> asyncio.Server:
        return await asyncio.start_unix_server(self._accept, self.path, limit=1 << 22)

    async def _set(self, *, stalled: bool = False, deaf: bool = False, delay: float = 0.0) -> None:
        if self._deaf and not deaf:
            await self._reset()  # replies are missing on these: the next would be taken for one of them
        self._deaf, self._delay = deaf, delay
        if stalled:
            self._open.clear()
        else:
            self._open.set()

    async def _reset(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._open.wait()
            up_reader, up_writer = await asyncio.open_unix_connection(self._target, limit=1 << 22)
        except (OSError, asyncio.CancelledError):  # the latter at the end of all
            writer.transport.abort()
            return
        both = {writer, up_writer}
        self._writers |= both
        line = _Line()
        try:
            up = asyncio.ensure_future(self._up(line, reader, up_writer))
            down = asyncio.ensure_future(self._down(line, up_reader, writer))
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            for task in (up, down):
                task.cancel()
        finally:
            self._writers -= both
            for each in both:
                each.close()

    async def _up(self, line: _Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 20):
                if self._delay:
                    await asyncio.sleep(self._delay)
                await self._open.wait()
                line.asked = (line.asked + data)[-_TAIL - len(data) :]
                for loss in self._lose:
                    if loss.to in line.asked:
                        self._lose.remove(loss)
                        line.losing, line.asked = loss, b""
                        break
                writer.write(data)
                await writer.drain()

    async def _down(self, line: _Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 20):
                if self._delay:
                    await asyncio.sleep(self._delay)
                await self._open.wait()
                if self._deaf:
                    continue
                if line.losing:
                    self.lost += 1
                    await asyncio.to_thread(line.losing.then)
                    if line.losing.hang:
                        await asyncio.Event().wait()
                    writer.transport.abort()
                    return
                writer.write(data)
                await writer.drain()


@dataclass(frozen=True, slots=True)
class _Loss:
    to: bytes
    hang: bool
    then: Callable[[], object]


class _Line:
    """What is known of one connection."""

    def __init__(self) -> None:
        self.asked = b""
        self.losing: _Loss | None = None


class Net:
    """All wires of a test, in one thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="wires")
        self._thread.start()
        #: Seconds, in all, by which the thread's turn came late: so long nothing moved, on any wire.
        self.waited = 0.0
        self._loop.call_soon_threadsafe(self._look, time.monotonic())

    def _look(self, expected: float) -> None:
        now = time.monotonic()
        self.waited += max(0.0, now - expected)
        self._loop.call_later(_TURN, self._look, now + _TURN)

    def wire(self, target: Path) -> Wire:
        wire = Wire(self, self._folder / f"w{len(self._servers)}", target)
        self._servers.append(self.call(wire.listen()))
        return wire

    def call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def close(self) -> None:
        self.call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:  # a connection may just have been accepted
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0.01)  # connections are closed by the loop's next turns
