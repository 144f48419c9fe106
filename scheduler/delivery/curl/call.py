"""A claim on its way through libcurl."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from scheduler.claim import Claim
from scheduler.delivery.addresses import Origin
from scheduler.delivery.request import Request
from scheduler.delivery.signing import Signs
from scheduler.delivery.transport import Answer

if TYPE_CHECKING:
    from scheduler.delivery.curl.handle import Handle

NO_HEADERS: Mapping[str, str] = {}


class Call:
    """A claim on its way: which addresses are left to try, what has come back."""

    origin: Origin = ("", 0)
    #: Of a host with several addresses.
    race: Race | None = None
    #: The answer was longer than what is read of one.
    cut = False
    sent = False
    reused = False
    #: It is to have a connection of its own.
    fresh = False
    #: What was read of the answer's; a bytearray once there is any.
    body: bytes | bytearray = b""

    def __init__(self, claim: Claim, request: Request, signer: Signs, started_at: int, begun: float) -> None:
        """`started_at` by the store's clock, in ms; `begun` by the monotonic one, in seconds."""
        self.claim = claim
        self.request = request
        #: Who has signed it.
        self.signer = signer
        self.started_at = started_at
        self.begun = begun
        self.deadline = begun + claim.webhook.timeout

    def answer(
        self,
        now: float,
        error: str | None,
        status: int | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
        detail: str | None = None,
    ) -> Answer:
        # By position, as for every attempt: names would take twice as long, 0.3 us.
        return Answer(
            self.claim,
            self.started_at,
            round(1000 * (now - self.begun)),
            status,
            headers,
            bytes(self.body),
            error,
            self.sent,
            self.reused,
            detail,
        )


class Race:
    """A call whose host has several addresses: the first that connects gets the request."""

    #: The handle that has connected; the others are to be ended.
    winner: Handle | None = None

    def __init__(self, addresses: list[str]) -> None:
        self.favourite = addresses[0]
        #: Addresses that are yet to be tried.
        self.ahead = addresses
        self.handles: list[Handle] = []
