"""Who is signed in with which API key: what stands in the store is a digest of a session's token, never the token."""

from __future__ import annotations

import hashlib

from scheduler.store import keys
from scheduler.store.link import Link


class Sessions:
    """Shared by threads and by all processes of a store; owns nothing to close. Each call raises StoreUnavailable."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def begin(self, token: str, holder: str, keep_ms: int) -> None:
        """Whoever shows this token within `keep_ms` is `holder`, a word of the caller's."""
        name = self._key(token)
        self._link.ask("SET", name, lambda client: client.set(name, holder, px=keep_ms))

    def holder(self, token: str) -> str | None:
        """None where it never was, was ended or is over."""
        name = self._key(token)
        found = self._link.ask("GET", name, lambda client: client.get(name))
        return found.decode() if isinstance(found, bytes) else None

    def end(self, token: str) -> None:
        name = self._key(token)
        self._link.ask("DEL", name, lambda client: client.delete(name))

    def _key(self, token: str) -> str:
        return keys.session(hashlib.sha256(token.encode()).digest(), self._link.partitions)
