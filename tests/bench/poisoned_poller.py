"""A poller that dies of one timer, as by a defect in a C library: its transport kills it before the request is sent."""

from __future__ import annotations

import os
import signal

from scheduler import Settings
from scheduler.claim import Claim
from scheduler.delivery.request import Request, build
from scheduler.delivery.signing import Signs
from scheduler.delivery.sockets import transport
from timer_service.process import poller as poller_process

POISON = "/poison"


def poisoned(claim: Claim, now_ms: int, signer: Signs) -> Request:
    if claim.webhook.url.endswith(POISON):
        os.kill(os.getpid(), signal.SIGKILL)
    return build(claim, now_ms, signer)


if __name__ == "__main__":
    transport.build = poisoned  # type: ignore[attr-defined]
    poller_process.run(Settings.from_env())
