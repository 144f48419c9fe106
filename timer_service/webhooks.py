"""For receivers: whether a webhook is from your timer service (Standard Webhooks).

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import hmac
import re
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Protocol

#: The time for whoever says none, in Unix seconds. The fixture of timer_service.testing puts another in its place.
clock: Callable[[], float] = time.time


class VerificationError(Exception):
    """This request must not be believed."""


class Headers(Protocol):
    """Of a request: any Mapping of text, and what frameworks have in its place, as Flask, whose headers are none."""

    def items(self) -> Iterable[tuple[str, str]]: ...


def verify(
    headers: Headers,
    body: bytes,
    secrets: str | Iterable[str],
    *,
    tolerance: timedelta = timedelta(minutes=5),
    now: float | None = None,
) -> str:
    """The webhook-id: remember it to drop repeats, which have the same. Raises VerificationError.

    It is another each time that you are meant to act anew: when you asked for the timer again, or when it was delivered
    and is replayed. `timer_id_of` tells the id of the timer.

    `body` is the bytes as they arrived. `secrets` are `whsec_...`, one or several, also comma separated as in
    TIMER_SIGNING_SECRETS; one that fits is enough. A timestamp may be off by `tolerance` in either direction, so that
    nobody can send a recorded request much later. `now` is in Unix seconds.
    """
    if not isinstance(body, bytes):
        raise TypeError("body: the raw bytes of the request are needed, not text or what JSON makes of them")
    keys = signing_keys(secrets)
    sent = {name.lower(): value for name, value in headers.items()}
    webhook_id, timestamp, signatures = (_header(sent, f"webhook-{name}") for name in ("id", "timestamp", "signature"))
    if not re.fullmatch(r"\d{1,12}", timestamp, re.ASCII):
        raise VerificationError("webhook-timestamp is no Unix time")
    if abs((clock() if now is None else now) - int(timestamp)) > tolerance.total_seconds():
        raise VerificationError(f"webhook-timestamp is more than {tolerance} away from this machine's clock")
    content = b"%s.%s.%s" % (webhook_id.encode(errors="replace"), timestamp.encode(), body)
    right = [b64encode(hmac.digest(key, content, "sha256")) for key in keys]
    given = [text.encode(errors="replace") for kind, _, text in _versioned(signatures) if kind == "v1"]
    if not any(hmac.compare_digest(one, other) for one in right for other in given):
        raise VerificationError("webhook-signature was made with none of these secrets, or for another body")
    return webhook_id


def timer_id_of(webhook_id: str) -> str:
    """The id of the timer that sent it: a webhook-id is `<id>` at first, then `<id>-2` and so on."""
    return webhook_id.partition("-")[0]


def _header(sent: Mapping[str, str], name: str) -> str:
    value = sent.get(name, "")
    if not value:
        raise VerificationError(f"there is no {name} header")
    return value


def _versioned(signatures: str) -> list[tuple[str, str, str]]:
    return [signature.partition(",") for signature in signatures.split(" ")]


def signing_keys(secrets: str | Iterable[str]) -> list[bytes]:
    """The keys of `whsec_...` texts. Raises ValueError, without the secret in it."""
    texts = [part.strip() for text in ([secrets] if isinstance(secrets, str) else secrets) for part in text.split(",")]
    texts = [part for part in texts if part]
    if not texts:
        raise ValueError("secrets: there is none, so nothing can be verified")
    keys = []
    for secret in texts:
        try:
            key = b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError:
            key = b""
        if not secret.startswith("whsec_") or not key:
            raise ValueError("secrets: whsec_ and base64, as in TIMER_SIGNING_SECRETS")
        keys.append(key)
    return keys
