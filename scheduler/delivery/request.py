"""A claim as the request that goes on the wire. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import NamedTuple

from scheduler.claim import Claim
from scheduler.delivery.signing import Signs
from scheduler.origin import before_path
from scheduler.rfc3339 import rfc3339
from scheduler.version import VERSION

_BODILESS = frozenset({"GET", "HEAD", "DELETE"})
_AGENT = f"\r\nuser-agent: timer-service/{VERSION}"
_DEFAULT_PORTS = {"http:": ":80", "https:": ":443"}
_JSON = "\r\ncontent-type: application/json"


class Request(NamedTuple):
    """What goes on the wire, but for what the transport adds: host, content-length, connection."""

    method: str
    url: str
    #: `name: value` each, CRLF between them; our own names are in lower case, those of the client as it gave them.
    head: str
    body: bytes | None

    @property
    def origin(self) -> str:
        """The URL up to its path."""
        return before_path(self.url)

    @property
    def host(self) -> str:
        """Name and port as the client wrote them, less a port that goes without saying."""
        scheme, _, netloc = self.origin.partition("//")
        return netloc.removesuffix(_DEFAULT_PORTS.get(scheme.lower(), ""))

    def on_wire(self, before_path: int, host: str) -> bytes:
        """All of it. Many requests go to one origin: `before_path`, the characters of its URL before the path, and
        `host` are found out once for them. Raises ValueError for what would break it."""
        head = f"{self.method} {target(self.url, before_path)} HTTP/1.1\r\nhost: {host}\r\n{self.head}"
        if self.body is None:
            return f"{head}\r\n\r\n".encode("latin-1")
        return f"{head}\r\ncontent-length: {len(self.body)}\r\n\r\n".encode("latin-1") + self.body

    @property
    def headers(self) -> dict[str, str]:
        return dict(line.split(": ", 1) for line in self.head.split("\r\n"))


def target(url: str, start: int) -> str:
    """The URL from `start` on, where its origin ends, as the client wrote it.

    Raises ValueError for what would break the request's first line.
    Libraries rewrite it: `%0a` becomes `%0A`, `{` becomes `%7B`, a `?` with nothing behind it goes.
    """
    found = url[start:]
    if "#" in found:
        found = found.partition("#")[0]
    if not (found.isascii() and found.isprintable()) or " " in found:
        raise ValueError("the URL is not of visible ASCII")
    return found if found[:1] == "/" else f"/{found}"


def build(claim: Claim, now_ms: int, signer: Signs) -> Request:
    """The request of one attempt, stamped with the moment of sending and signed.

    The client's own headers win over our content-type, user-agent and traceparent.
    """
    webhook = claim.webhook
    # A body of a HEAD is never sent, so it is not signed either; creation refuses one.
    body = webhook.body if webhook.method != "HEAD" else None
    is_json = webhook.body_is_json
    if body is None and webhook.method == "POST":
        body, is_json = json.dumps({"id": claim.id}).encode(), True
    head = _our_head(claim, now_ms, signer, body or b"")
    own = {name.lower() for name in webhook.headers} if webhook.headers else ()
    if "user-agent" not in own:
        head += _AGENT
    if body is not None and is_json and "content-type" not in own:
        head += _JSON
    if claim.trace and "traceparent" not in own:
        head += _traced(claim.trace, own)
    if own:
        head += "".join([f"\r\n{name}: {value}" for name, value in webhook.headers.items()])
    if body is None and webhook.method not in _BODILESS:
        body = b""
    return Request(webhook.method, webhook.url, head, body)


def _traced(trace: str, own: Collection[str]) -> str:
    parent, _, state = trace.partition(" ")
    head = f"\r\ntraceparent: {parent}"
    return f"{head}\r\ntracestate: {state}" if state and "tracestate" not in own else head


def _our_head(claim: Claim, now_ms: int, signer: Signs, body: bytes) -> str:
    """The headers that tell of the timer and its attempt, and sign them with the body."""
    timestamp = now_ms // 1000
    again = claim.occurrence > 1
    webhook_id = f"{claim.id}-{claim.occurrence}" if again else claim.id
    head = (
        f"webhook-id: {webhook_id}\r\nwebhook-timestamp: {timestamp}\r\ntimer-id: {claim.id}\r\n"
        f"timer-attempt: {claim.number}\r\ntimer-due-at: {rfc3339(claim.due_at)}\r\n"
        f"timer-lateness-ms: {lateness(claim, now_ms)}"
    )
    if again:
        head += f"\r\ntimer-occurrence: {claim.occurrence}"
    if claim.schedule is not None:
        head += f"\r\ntimer-schedule: {claim.schedule}"
        if claim.missed:
            head += f"\r\ntimer-missed: {claim.missed}"
    signature = signer.sign(webhook_id, timestamp, body)
    if signature:
        head += f"\r\nwebhook-signature: {signature}"
    if claim.callback_for:
        head += f"\r\ntimer-callback-for: {claim.callback_for}"
    if claim.redelivery:
        head += f"\r\ntimer-redelivery: {claim.redelivery}"
    return head


def lateness(claim: Claim, now_ms: int) -> int:
    """Milliseconds between the moment this attempt was to be sent and now."""
    return max(0, now_ms - claim.planned_at)
