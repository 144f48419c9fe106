"""Secrets of signatures: made, and read as settings name them."""

from __future__ import annotations

import secrets as random
from base64 import b64decode, b64encode
from binascii import Error as Base64Error

_PREFIX = "whsec_"
#: Bytes of a new key; those of Standard Webhooks have 24 to 64.
_NEW = 32


def new_secret() -> str:
    """One that nobody has had before, `whsec_...`."""
    return _PREFIX + b64encode(random.token_bytes(_NEW)).decode()


def signing_keys(secrets: str) -> list[bytes]:
    """The keys of `whsec_...`, comma separated, newest first. Raises ValueError, which repeats nothing of them."""
    return [_key(secret.strip()) for secret in secrets.split(",") if secret.strip()]


def _key(secret: str) -> bytes:
    try:
        key = b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (Base64Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError("whsec_ and 24 to 64 bytes in base64, comma separated, newest first")
    return key
