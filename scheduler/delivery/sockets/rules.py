"""Whether a request may be sent, and where to."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from scheduler.claim import Claim
from scheduler.delivery.own_signing import Signers
from scheduler.delivery.sockets.call import Call
from scheduler.delivery.transport import Answer, Lets, is_too_late

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may be called, and what may be sent."""

    #: Whether an address and a port may be called.
    permits: Callable[[str, int], bool]
    #: Why not, of a host and a port.
    refusal: Callable[[str, int], str]
    lets: Lets
    signers: Signers

    def allow(self, call: Call, now: float) -> bool:
        """Whether it may be sent now: it is not too late, its destination is not held, the same secrets sign."""
        claim = call.claim
        return not is_too_late(claim, now) and self.lets(claim, now) and self.signers.of(claim) is call.signer


def unsendable(claim: Claim, started_at: int, error: Exception) -> Answer:
    """Of a timer that could not even be begun: whatever one does, the poller goes on."""
    log.error("timer %s cannot be sent: %s", claim.id, type(error).__name__)
    return Answer(claim=claim, started_at=started_at, error="protocol", sent=False)
