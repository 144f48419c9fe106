"""Secrets of signatures as settings name them. Pure."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error

_PREFIX = "whsec_"


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
