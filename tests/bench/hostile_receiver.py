"""A process that receives webhooks and does to each connection whatever a receiver can do. `... <port> <seed>`

`/<number>/<kind>` is treated as that kind says; `/<number>` as the seed and the number draw it, the same in every run.
It listens on one port of each of HOSTS, all of loopback, each of which is a destination of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import resource
import socket
import struct
import sys
from collections.abc import Awaitable, Callable

HOSTS = [f"127.0.{n // 250}.{1 + n % 250}" for n in range(1000)]
#: Seconds that the slow kinds take at most: a little more than the timers' timeout, so that some end just with it.
LONGEST = 1.1
DONE = b"HTTP/1.1 204 No Content\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nServer: hostile\r\nX-Y: z\r\n\r\nhello, world"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\nX-Y: z\r\n\r\n"
_TARGET = re.compile(rb"[A-Z]+ /(\d+)(?:/([a-z-]+))?[ ?]")


class End(Exception):
    """The connection is over; `reset` if it is to say so the hard way."""

    def __init__(self, *, reset: bool = False) -> None:
        self.reset = reset


class Peer:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def drip(self, data: bytes, chance: random.Random) -> None:
        """In a few pieces, over up to LONGEST seconds."""
        cuts = sorted(chance.randrange(len(data) + 1) for _ in range(4))
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            await self.say(data[start:end])
            await asyncio.sleep(chance.uniform(0, LONGEST / 4))

    async def hear(self) -> bytes | None:
        """The head of the next request, once its body has come too."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
            await self.reader.readexactly(int(length[1]) if length else 0)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return None
        return head


Kind = Callable[[Peer, random.Random], Awaitable[None]]


def _a_good_answer(chance: random.Random) -> bytes:
    return chance.choice([DONE, OK, CHUNKS, b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"])


async def honest(peer: Peer, chance: random.Random) -> None:
    await peer.say(_a_good_answer(chance))


async def close_without_a_word(peer: Peer, _: random.Random) -> None:
    await peer.say(DONE)
    raise End


async def half(peer: Peer, chance: random.Random) -> None:
    """Closed or reset at any byte of an answer."""
    answer = _a_good_answer(chance)
    await peer.say(answer[: chance.randrange(len(answer))])
    raise End(reset=chance.random() < 0.5)


async def nothing(_: Peer, chance: random.Random) -> None:
    raise End(reset=chance.random() < 0.5)


async def late(peer: Peer, chance: random.Random) -> None:
    """Most of them just as the attempt's time is over."""
    await asyncio.sleep(chance.choice([LONGEST, 1.0, 0.99, 0.97, chance.uniform(0, LONGEST)]))
    await peer.say(_a_good_answer(chance))


async def drip(peer: Peer, chance: random.Random) -> None:
    await peer.drip(_a_good_answer(chance), chance)


async def idle_close(peer: Peer, chance: random.Random) -> None:
    """After as long as our own pauses are."""
    await peer.say(DONE)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(peer.reader.read(1), chance.choice([0.01, 0.1, 0.5, 1.0, 1.5]))
    raise End(reset=chance.random() < 0.3)


async def interim(peer: Peer, chance: random.Random) -> None:
    """Interim answers without an end, or before a good one."""
    one = b"HTTP/1.1 %d x\r\nlink: y\r\n\r\n" % chance.choice([100, 102, 103, 199])
    await peer.say(one * chance.choice([1, 3, 100, 5000]))
    await peer.say(_a_good_answer(chance))


async def huge_head(peer: Peer, chance: random.Random) -> None:
    size = chance.choice([10_000, 20_000, 90_000, 400_000])
    filler = chance.choice(
        [b"a" + b" " * size + b"b", b"x" * size, b";" * size, b"\r\nx: y" * (size // 6), b"\r\n y" * 99]
    )
    await peer.say(b"HTTP/1.1 204 No Content\r\ntimer-x: " + filler + b"\r\n\r\n")


async def strange_head(peer: Peer, chance: random.Random) -> None:
    answer = bytearray(_a_good_answer(chance))
    for _ in range(chance.randint(1, 5)):
        place = chance.randrange(len(answer))
        piece = chance.choice([b"\0", b"\r", b"\n", b":", b" ", b"\xff", b"HTTP/", b"\x1b[2J", b"-1", b""])
        answer[place : place + chance.randint(0, 2)] = piece
    await peer.say(bytes(answer))
    if chance.random() < 0.7:
        raise End


async def wrong_length(peer: Peer, chance: random.Random) -> None:
    length = chance.choice([b"5", b"13", b"-1", b"9" * 30, b"0x9", b"12, 13", b"", b"1e3"])
    await peer.say(OK.replace(b"12", length))
    raise End


async def wrong_chunk(peer: Peer, chance: random.Random) -> None:
    size = chance.choice(
        [b"-5", b"FFFFFFFFFFFFFFFF", b"FFFFFFFFFFFFFFFFF", b"", b"6", b"5 x", b"5;" + b"x" * 9000, b"zz"]
    )
    await peer.say(CHUNKS.replace(b"5\r\n", size + b"\r\n", 1))
    raise End


async def garbage(peer: Peer, chance: random.Random) -> None:
    """Also that of TLS: an alert, and a handshake that makes no sense."""
    start = chance.choice(
        [b"", b"\x15\x03\x03\x00\x02\x02\x28", b"\x16\x03\x03\x40\x00", b"HTTP/1.1 200 OK\r\n", b"HTTP/2 200\r\n\r\n"]
    )
    await peer.say(start + chance.randbytes(chance.choice([0, 1, 100, 20_000])))
    raise End(reset=chance.random() < 0.2)


async def more_than_asked(peer: Peer, chance: random.Random) -> None:
    """An answer with another behind it, at once or a moment later, on a connection that stays open."""
    await peer.say(_a_good_answer(chance) + chance.choice([b"", b"x", OK]))
    await asyncio.sleep(chance.uniform(0, 0.05))
    await peer.say(chance.choice([b"", b"x", OK, b"\r\n"]))


async def flood(peer: Peer, chance: random.Random) -> None:
    head = chance.choice([b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"])
    await peer.say(head + b"x" * chance.choice([1000, 65_536, 65_537, 1_000_000]))
    raise End


KINDS: dict[str, Kind] = {
    kind.__name__.replace("_", "-"): kind
    for kind in (
        honest, close_without_a_word, half, nothing, late, drip, idle_close, interim, huge_head, strange_head,
        wrong_length, wrong_chunk, garbage, more_than_asked, flood,
    )
}  # fmt: skip


class Server:
    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._chance = random.Random(seed)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reset = False
        try:
            await self._serve(Peer(reader, writer))
        except End as end:
            reset = end.reset
        except (ConnectionError, TimeoutError):
            pass
        if reset:
            sock: socket.socket = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        else:
            writer.close()

    async def _serve(self, peer: Peer) -> None:
        """A hundredth of the connections ends before a request has come whole."""
        if self._chance.random() < 0.01:
            await asyncio.sleep(self._chance.choice([0, 0.001, 0.1]))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(peer.reader.read(self._chance.choice([1, 20, 200])), 0.1)
            raise End(reset=self._chance.random() < 0.5)
        while (head := await peer.hear()) is not None:
            found = _TARGET.match(head)
            assert found, head
            chance = random.Random(f"{self._seed}/{found[1].decode()}")
            kind = found[2].decode() if found[2] else chance.choice(list(KINDS))
            await KINDS[kind](peer, chance)


async def main(port: int, seed: int) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    server = await asyncio.start_server(Server(seed).serve, HOSTS, port, backlog=1024)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
