"""A poller among receivers that do whatever one can do lives, says nothing, and brings every timer to its end.

`python -m tests.bench.hostile` is the same for longer, with the lateness of the honest timers as a bound.
"""

from __future__ import annotations

import socket
from collections import Counter
from functools import partial
from pathlib import Path

from scheduler import Backoff
from tests.bench.hostile import storm
from tests.bench.processes import Service, wait_until
from tests.bench.raw import RawReceiver, raw_receiving


def test_hostile_receivers_end_no_poller_and_no_honest_timer_is_sent_twice_or_lost(tmp_path: Path) -> None:
    timers = 900
    outcome = storm(tmp_path, timers, rate=300, seed=20261126)
    print(outcome)
    assert outcome.survived
    assert outcome.log == []
    assert sum(outcome.ends.values()) == timers
    assert outcome.ends.keys() == {"delivered", "failed"}
    assert outcome.reasons.keys() <= {"500", "protocol", "reset", "timeout", "connect"}
    assert len(outcome.lateness) == outcome.honest


def test_a_timer_that_meets_the_close_of_a_used_connection_comes_again_soon_and_says_so(service: Service) -> None:
    served: Counter[socket.socket] = Counter()
    closed: list[bytes] = []

    def once_each(receiver: RawReceiver, sock: socket.socket) -> None:
        served[sock] += 1
        if served[sock] == 1:
            sock.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        else:
            closed.append(receiver.asked[sock])
            sock.close()

    service.poller()
    with raw_receiving(once_each) as receiver:
        sent = 0
        while not closed:  # on a busy machine a connection may be too old by the time that the next timer comes
            sent += 1
            service.set(1, receiver.url, 0, backoff=Backoff(steps=(3600,)))
            wait_until(partial(_came, receiver, sent), 20, "a request")
        service.finished(sent, 20)
    (again,) = [request for request in receiver.requests if b"timer-redelivery: retry" in request]
    assert b"timer-attempt: 2" in again
    assert _id(again) == _id(closed[0])


def _came(receiver: RawReceiver, count: int) -> bool:
    return len(receiver.requests) >= count


def _id(request: bytes) -> bytes:
    return request.partition(b"webhook-id: ")[2].partition(b"\r\n")[0]
