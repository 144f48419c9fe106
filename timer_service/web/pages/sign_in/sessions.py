"""Who of those that signed in asks: a cookie has a random token, the store its digest and the key it stands for."""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from scheduler import Store, StoreUnavailable
from timer_service.web.access.api_keys import ApiKey, find_key
from timer_service.web.access.settings_files import KeysNow

#: Seconds for which somebody stays signed in.
KEPT = 12 * 3600
#: Seconds for which a process believes what it has looked up: a session that was ended elsewhere is good for that long.
_BELIEVED = 1.0
#: Seconds for which it goes on believing while the store does not answer: whoever is on call may see what is known.
_BELIEVED_WITHOUT_STORE = 600.0
#: As it is made.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
#: Sessions of which a process remembers what it has looked up.
_REMEMBERED = 256


class _LookedUp(NamedTuple):
    at: float
    key: ApiKey


class Sessions:
    """Those of one service with keys. Shared by threads. Each call raises StoreUnavailable."""

    def __init__(self, keys: KeysNow, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._keys = keys
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        #: By digest of the token; the one that was looked up last stands last.
        self._looked_up: dict[bytes, _LookedUp] = {}

    def find(self, given: str) -> ApiKey | None:
        """The key that somebody typed in."""
        return find_key(self._keys(), f"Bearer {given}")

    def begin(self, key: ApiKey) -> str:
        """The token of a new session."""
        token = secrets.token_urlsafe(32)
        self._store.sessions.begin(token, _holder(key), KEPT * 1000)
        return token

    def key(self, token: str) -> ApiKey | None:
        """The key that this session stands for; None where it is over, or the key is no longer what it was."""
        if not _TOKEN.fullmatch(token):
            return None
        name = _name(token)
        known = self._looked_up.get(name)
        if known and known.key not in self._keys():  # it was taken back meanwhile
            return None
        if known and self._clock() - known.at < _BELIEVED:
            return known.key
        try:
            holder = self._store.sessions.holder(token)
        except StoreUnavailable:
            if known and self._clock() - known.at < _BELIEVED_WITHOUT_STORE:
                return known.key
            raise
        key = next((it for it in self._keys() if _holder(it) == holder), None)
        self._remember(name, key)
        return key

    def end(self, token: str) -> None:
        self._store.sessions.end(token)
        self._remember(_name(token), None)

    def _remember(self, name: bytes, key: ApiKey | None) -> None:
        with self._lock:
            self._looked_up.pop(name, None)
            if key:
                self._looked_up[name] = _LookedUp(self._clock(), key)
            if len(self._looked_up) > _REMEMBERED:
                del self._looked_up[next(iter(self._looked_up))]


def _name(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _holder(key: ApiKey) -> str:
    """With its digest: another key under the same name is another holder."""
    return f"{key.name} {key.digest}"
