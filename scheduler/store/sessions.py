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
        with self._link.translated("SET"):
            self._link.client.set(self._key(token), holder, px=keep_ms)

    def holder(self, token: str) -> str | None:
        """None where it never was, was ended or is over."""
        with self._link.translated("GET"):
            found = self._link.client.get(self._key(token))
        return found.decode() if isinstance(found, bytes) else None

    def end(self, token: str) -> None:
        with self._link.translated("DEL"):
            self._link.client.delete(self._key(token))

    def _key(self, token: str) -> str:
        return keys.session(hashlib.sha256(token.encode()).digest(), self._link.partitions)
