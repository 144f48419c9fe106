"""The contract of every transport, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from scheduler.timer import Claim

#: Bytes of an answer that are read at most; a 2xx cut there is delivered.
MAX_READ = 64 * 1024


class Answer(NamedTuple):
    """What came of one request: a status code, or an error, or neither when it was never sent."""

    claim: Claim
    #: Moment of sending, in ms by the store's clock; None if the claim was given back unsent.
    started_at: int | None
    duration_ms: int = 0
    status_code: int | None = None
    #: Lower-case names.
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b""
    #: blocked, dns, connect, tls, timeout, reset, protocol.
    error: str | None = None
    #: False if certainly nothing reached the wire.
    sent: bool = True


class Transport(Protocol):
    """Sends at most one request per claim, with one deadline over look-up, connecting, TLS, sending and reading.

    Only one thread calls submit, wait and close; any thread or signal handler may call wake.
    """

    #: How many claims it can have in flight.
    slots: int

    def submit(self, claim: Claim) -> None:
        """Start one request. The caller sees to it that there is a free slot."""

    def wait(self, seconds: float) -> list[Answer]:
        """Sleep until an answer is there, or wake() is called, or `seconds` are over."""

    def wake(self) -> None:
        """End the current wait, or the next one at once."""

    def close(self) -> None:
        """Cut what still runs; its answers are not wanted any more."""
