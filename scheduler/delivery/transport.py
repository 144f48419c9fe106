"""The contract of what sends requests, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from scheduler.claim import Claim
from scheduler.timer import Delivery

#: Bytes of an answer that are read at most; a 2xx cut there is delivered.
MAX_READ = 64 * 1024

#: Seconds for which a connection stays open that carries nothing.
MOST_IDLE = 1.0
#: Seconds. Hardly anybody closes a connection this soon without a word in the answer; early_closes.py remembers them.
LEAST_IDLE = 0.1


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
    #: It went on a connection that had carried another before.
    reused: bool = False
    #: Of an error: why, in a sentence, where more is known than the word and `sent` tell.
    detail: str | None = None

    @property
    def met_a_close(self) -> bool:
        """It went on a connection that was closed just then, as idle ones may be: the receiver is in no trouble."""
        return self.reused and self.status_code is None and self.error == "reset"


#: Whether an attempt may still begin: asked with its claim, at a moment of the monotonic clock.
Lets = Callable[[Claim, float], bool]


def everything_goes(_claim: Claim, _moment: float) -> bool:
    """Nobody holds any destination."""
    return True


def most_idle(claim: Claim, closes_early: bool = False) -> float:
    """Seconds for which a connection may have been idle that this claim is sent on; 0 means a new one.

    Node closes after 5 s, gunicorn after 2, and a request that meets the closing may or may not have been read. At most
    once, that cannot be made good. A retry may be one because of that: it goes where it cannot happen again.
    `closes_early`: its receiver was seen to close connections within LEAST_IDLE.
    """
    if claim.redelivery is not None:
        return 0.0
    if claim.webhook.delivery is Delivery.AT_MOST_ONCE:
        return 0.0 if closes_early else LEAST_IDLE
    return MOST_IDLE


def unsent(claim: Claim) -> Answer:
    """It is given back."""
    return Answer(claim, None, sent=False)


def is_too_late(claim: Claim, now: float) -> bool:
    """Whether it is not to be sent any more, by the monotonic clock; it is given back then, and the store ends it."""
    return claim.send_by is not None and now > claim.send_by


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
