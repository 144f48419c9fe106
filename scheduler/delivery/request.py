"""A claim as the request that goes on the wire. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass

from scheduler.delivery.signing import Signer
from scheduler.moment import rfc3339
from scheduler.timer import Claim
from scheduler.version import VERSION

_BODILESS = frozenset({"GET", "HEAD", "DELETE"})


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    url: str
    #: The names of the service's own headers are in lower case, those of the client as it gave them.
    headers: dict[str, str]
    body: bytes | None
    #: The client's names in lower case.
    own: frozenset[str]


def build(claim: Claim, now_ms: int, signer: Signer) -> Request:
    """The request of one attempt, stamped with the moment of sending and signed.

    The client's own headers win over our content-type and user-agent.
    """
    webhook = claim.webhook
    body = webhook.body
    is_json = webhook.body_is_json
    if body is None and webhook.method == "POST":
        body, is_json = json.dumps({"id": claim.id}).encode(), True
    headers = {"user-agent": f"timer-service/{VERSION}"}
    if body is not None and is_json:
        headers["content-type"] = "application/json"
    own: frozenset[str] = frozenset()
    if webhook.headers:
        own = frozenset(name.lower() for name in webhook.headers)
        headers = {name: value for name, value in headers.items() if name not in own} | dict(webhook.headers)
    timestamp = now_ms // 1000
    headers |= {
        "webhook-id": claim.id,
        "webhook-timestamp": str(timestamp),
        "timer-attempt": str(claim.number),
        "timer-due-at": rfc3339(claim.due_at),
        "timer-lateness-ms": str(lateness(claim, now_ms)),
    }
    signature = signer.sign(claim.id, timestamp, body or b"")
    if signature:
        headers["webhook-signature"] = signature
    if claim.redelivery:
        headers["timer-redelivery"] = claim.redelivery
    if body is None and webhook.method not in _BODILESS:
        body = b""
    return Request(webhook.method, webhook.url, headers, body, own)


def lateness(claim: Claim, now_ms: int) -> int:
    """Milliseconds between the moment this attempt was to be sent and now."""
    return max(0, now_ms - claim.planned_at)
