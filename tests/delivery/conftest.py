"""A transport, one with more slots, and one call to send a request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from scheduler import Signer, StoreClock
from scheduler.delivery.sockets.transport import SocketTransport
from scheduler.delivery.transport import Answer, Transport
from tests.bench.receiver import SECRET
from tests.bench.transports import LEASE, LOOPBACK, Send, claim, collect


@pytest.fixture
def transport() -> Iterator[Transport]:
    clock = StoreClock()
    clock.observe(time.time_ns() // 1000)
    it = SocketTransport(clock, Signer(SECRET), LOOPBACK, slots=8, lease=LEASE)
    yield it
    it.close()


@pytest.fixture
def wide() -> Iterator[SocketTransport]:
    """With room for more than one batch of a poller."""
    clock = StoreClock()
    clock.observe(time.time_ns() // 1000)
    it = SocketTransport(clock, Signer(SECRET), LOOPBACK, slots=100, lease=LEASE)
    yield it
    it.close()


@pytest.fixture
def send(transport: Transport) -> Send:
    def one(url: str, **webhook: Any) -> Answer:
        transport.submit(claim(url, **webhook))
        return collect(transport, 1)[0]

    return one
