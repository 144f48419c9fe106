"""Many raw answers at once: each to a request of its own, on a connection of its own."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from scheduler import Signer, StoreClock
from scheduler.delivery.sockets.transport import SocketTransport
from scheduler.delivery.transport import Answer
from tests.bench.raw import RawReceiver, raw_receiving
from tests.bench.receiver import SECRET
from tests.bench.transports import LOOPBACK, claim, collect

#: Seconds an attempt may take. Every answer ends with its connection, so that none needs more than a moment.
PATIENCE = 20
_ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "f": "\f"}


class Replayed(NamedTuple):
    #: What the transport made of each answer, in order.
    answers: list[Answer]
    #: How often each was asked for.
    asked: Counter[int]
    #: The status of an ordinary request afterwards.
    afterwards: int | None


def replay(raws: list[bytes], ordinary: str) -> Replayed:
    """`ordinary` is the URL of a receiver that answers well."""
    everybody = threading.Event()

    def answer(receiver: RawReceiver, sock: socket.socket) -> None:
        # Until all have asked nobody is answered: a connection used again could close under its second request.
        if len(receiver.requests) >= len(raws):
            everybody.set()
        everybody.wait(PATIENCE)
        sock.sendall(raws[_number(receiver.asked[sock])])
        sock.close()

    clock = StoreClock()
    clock.observe(time.time_ns() // 1000)
    transport = SocketTransport(clock, Signer(SECRET), LOOPBACK, slots=len(raws), lease=6 * PATIENCE)
    with raw_receiving(answer) as receiver:
        for number in range(len(raws)):
            transport.submit(claim(f"{receiver.url}/{number}", timeout=PATIENCE))
        answers = collect(transport, len(raws), 2 * PATIENCE)
    transport.submit(claim(ordinary, timeout=PATIENCE))
    (last,) = collect(transport, 1, 2 * PATIENCE)
    transport.close()
    answers.sort(key=lambda it: int(it.claim.webhook.url.rpartition("/")[2]))
    return Replayed(answers, Counter(map(_number, receiver.requests)), last.status_code)


def _number(request: bytes) -> int:
    return int(request.split(b" ", 2)[1][1:])


class Case(NamedTuple):
    what: str
    raw: bytes
    #: Whether it is taken for delivered; None if nobody has said.
    delivered: bool | None = None


def own_cases(path: Path) -> list[Case]:
    return [Case(it["what"], it["raw"].encode("latin-1"), it["delivered"]) for it in json.loads(path.read_text())]


def llhttp_cases(folder: Path) -> list[Case]:
    """What llhttp's suite feeds to its parser, from the folder `test` of its sources (9.4.2: 251 cases)."""
    return [
        Case(f"{path.parent.name}/{path.name} {number}", _unescaped(text))
        for path in sorted(folder.glob("re*/*.md"))
        for number, text in enumerate(re.findall(r"^```http\n(.*?)\n```", path.read_text(), re.MULTILINE | re.DOTALL))
    ]


def _unescaped(text: str) -> bytes:
    """A line ends in CRLF unless a backslash joins it to the next; other bytes are written as in C."""
    lines = text.replace("\\\n", "").replace("\n", "\r\n")
    marks: list[tuple[str, Callable[[re.Match[str]], str]]] = [
        (r"\\([rntf])", lambda found: _ESCAPES[found[1]]),
        (r"\\x([0-9a-fA-F]+)", lambda found: chr(int(found[1], 16))),
        (r"\\([0-7]{1,3})", lambda found: chr(int(found[1], 8))),
    ]
    for pattern, plain in marks:
        lines = re.sub(pattern, plain, lines)
    return b"".join(character.encode("latin-1" if character < "\u0100" else "utf-8") for character in lines)
