"""A poller that is frozen, or waits for its store, past the deadlines of what it has under way.

Tried here: answers that came meanwhile, whole and in part; none; and what is sent afterwards.
"""

from __future__ import annotations

import socket
import time

import pytest

from scheduler.delivery.transport import Answer, Transport
from tests.bench.raw import RawReceiver, raw_receiving
from tests.bench.transports import Send, claim, collect

#: Seconds: until the answer, of an attempt, and for which nobody looks at it.
ANSWER, TIMEOUT, FROZEN = 0.1, 0.4, 0.6
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"


def thawed(transport: Transport, url: str) -> list[Answer]:
    """The answers to as many requests as there are slots, each sent before the freeze."""
    for number in range(transport.slots):
        transport.submit(claim(f"{url}/{number}", timeout=TIMEOUT))
    assert transport.wait(ANSWER / 2) == []
    time.sleep(FROZEN)  # the freeze
    thawed_at = time.monotonic()
    answers = collect(transport, transport.slots)
    assert time.monotonic() - thawed_at < TIMEOUT / 2
    return answers


@pytest.mark.clock
@pytest.mark.parametrize(("raw", "error"), [(WHOLE, None), (WHOLE[:-1], "timeout"), (b"", "timeout")])
def test_what_has_come_while_nobody_looked_is_read_before_deadlines_count(
    transport: Transport, send: Send, raw: bytes, error: str | None
) -> None:
    def behave(receiver: RawReceiver, sock: socket.socket) -> None:
        receiver.over.wait(ANSWER)
        if b"/silent" not in receiver.asked[sock]:
            sock.sendall(raw)

    with raw_receiving(behave) as receiver:
        answers = thawed(transport, receiver.url)
        found = {(it.error, it.status_code) for it in answers}
        assert found == {(error, 200 if raw else None)}
        assert len(receiver.requests) == transport.slots
        begun = time.monotonic()
        assert send(f"{receiver.url}/silent", timeout=TIMEOUT).error == "timeout"
        assert TIMEOUT * 0.9 < time.monotonic() - begun < TIMEOUT + 0.3
