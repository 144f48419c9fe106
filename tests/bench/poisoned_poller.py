"""A poller that dies of one timer, as by a defect in a C library: its transport kills it before the request is sent."""

from __future__ import annotations

import os
import signal

from scheduler import Settings
from scheduler.claim import Claim
from scheduler.delivery.curl import transport as curl_transport
from scheduler.delivery.request import Request, build
from scheduler.delivery.signing import Signer
from scheduler.delivery.threaded import transport as requests_transport
from timer_service.process import poller as poller_process

POISON = "/poison"


def poisoned(claim: Claim, now_ms: int, signer: Signer) -> Request:
    if claim.webhook.url.endswith(POISON):
        os.kill(os.getpid(), signal.SIGKILL)
    return build(claim, now_ms, signer)


if __name__ == "__main__":
    for module in (curl_transport, requests_transport):
        module.build = poisoned  # type: ignore[attr-defined]
    poller_process.run(Settings.from_env())
