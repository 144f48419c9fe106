"""API keys: how they are made, and which of those in TIMER_API_KEYS was sent."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An entry of TIMER_API_KEYS. What the client sends is not in it, only its digest."""

    name: str
    #: read or write.
    scope: str
    digest: str

    @property
    def may_write(self) -> bool:
        return self.scope == "write"


def new_key(name: str, scope: str) -> tuple[str, str]:
    """The key for the client, and the entry for TIMER_API_KEYS."""
    token = f"tk_{secrets.token_urlsafe(32)}"
    return token, f"{name}:{scope}:{_digest(token.encode())}"


def read_keys(entries: str) -> list[ApiKey]:
    """The keys of TIMER_API_KEYS, as the settings have checked it."""
    return [ApiKey(*entry.split(":")) for entry in entries.split(",") if entry]


def find_key(keys: list[ApiKey], authorization: str) -> ApiKey | None:
    """The key that this Authorization header holds. All are compared, each in the same time."""
    kind, _, token = authorization.partition(" ")
    given = _digest(token.strip().encode("latin-1", "replace")).encode()
    found = [key for key in keys if hmac.compare_digest(given, key.digest.encode())]
    return found[0] if found and kind.lower() == "bearer" else None


def _digest(token: bytes) -> str:
    return hashlib.sha256(token).hexdigest()
