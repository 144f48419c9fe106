"""The lightest client there is: prepared requests over bare sockets, so that the server is what is measured."""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@dataclass(slots=True)
class Tally:
    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    #: Seconds of each answer.
    waits: list[float] = field(default_factory=list)


def request(url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    parts = urlsplit(url)
    lines = [f"POST {parts.path} HTTP/1.1", f"host: {parts.netloc}", "content-type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


def answered(data: bytes) -> int:
    """The status of an answer that has come whole, or 0."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return 0
    length = _LENGTH.search(head + b"\r\n")
    if length is None:
        raise ValueError("an answer without content-length")
    return int(head[9:12]) if len(body) >= int(length[1]) else 0


def hammer(url: str, requests: Iterator[bytes], connections: int, seconds: float) -> Tally:
    """One request after the other on each of some kept connections, for so long."""
    parts = urlsplit(url)
    tally = Tally()
    begun = time.monotonic()
    with selectors.DefaultSelector() as selector:
        for _ in range(connections):
            sock = socket.create_connection((parts.hostname or "", parts.port or 80))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(sock, selectors.EVENT_READ, [time.monotonic(), b""])
            sock.sendall(next(requests))
        until = begun + seconds
        while selector.get_map():
            for key, _ in selector.select():
                _read(key, tally)
                if key.data[1]:
                    continue
                if (now := time.monotonic()) < until:
                    key.data[0] = now
                    key.fileobj.sendall(next(requests))  # type: ignore[union-attr]
                else:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()  # type: ignore[union-attr]
    tally.seconds = time.monotonic() - begun
    return tally


def _read(key: selectors.SelectorKey, tally: Tally) -> None:
    """Take what has come; when the answer is whole, count it and leave no data behind."""
    more = key.fileobj.recv(1 << 20)  # type: ignore[union-attr]
    if not more:
        raise ConnectionError(f"the server closed the connection after {sum(tally.statuses.values())} answers")
    key.data[1] += more
    if status := answered(key.data[1]):
        tally.statuses[status] += 1
        tally.waits.append(time.monotonic() - key.data[0])
        key.data[1] = b""
