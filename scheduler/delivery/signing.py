"""Signatures of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, one for each secret in use.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

from binascii import b2a_base64
from hashlib import sha256
from typing import Any, Protocol

from scheduler.signing_keys import signing_keys
from scheduler.watched_file import WatchedFile


class Signs(Protocol):
    """Makes signatures."""

    def sign(self, timer_id: str, timestamp: int, body: bytes) -> str | None:
        """The value of `webhook-signature`, or None where no secret is set. `timestamp` in Unix seconds."""


class ServiceSigner(Protocol):
    """Knows who signs for the service."""

    def current(self) -> Signer:
        """The same as long as the service's secrets are. Raises nothing."""


class Signer:
    """Signs requests. Shared by threads; keeps secrets out of its repr, and so out of logs and tracebacks."""

    def __init__(self, secrets: str) -> None:
        """`secrets` as in TIMER_SIGNING_SECRETS: `whsec_...`, comma separated, newest first. Raises ValueError."""
        keys = signing_keys(secrets)
        #: HMAC (RFC 2104) is a hash in a hash. Both are copied as they stand after the key: 0.7 us a message, where
        #: copies of the standard library's HMAC take 1.1.
        self._keyed = [(_after(key, 0x36), _after(key, 0x5C)) for key in keys]

    def current(self) -> Signer:
        """Its secrets do not change."""
        return self

    def sign(self, timer_id: str, timestamp: int, body: bytes) -> str | None:
        """The value of `webhook-signature`, or None where no secret is set."""
        content = b"%s.%d.%s" % (timer_id.encode(), timestamp, body)
        signatures = []
        for inner, outer in self._keyed:
            message, mac = inner.copy(), outer.copy()
            message.update(content)
            mac.update(message.digest())
            signatures.append("v1," + b2a_base64(mac.digest(), newline=False).decode())
        return " ".join(signatures) or None


class SignerOfFile:
    """Signs with the secrets that a file holds now. Shared by threads. Its repr tells none."""

    def __init__(self, path: str) -> None:
        """Raises SettingsError."""
        self.file = WatchedFile("TIMER_SIGNING_SECRETS_FILE", path, Signer)

    def current(self) -> Signer:
        return self.file.value()


def _after(key: bytes, pad: int) -> Any:  # hashlib has no public name for what it makes
    """SHA-256 after a key of at most a block, each of its bytes changed by `pad`."""
    return sha256(bytes(byte ^ pad for byte in key.ljust(64, b"\0")))
