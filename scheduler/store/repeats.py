"""Idempotency keys: what was asked under one, the seed of the ids that came of it, and what was answered."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scheduler.errors import KeyReused, StoreNearCapacity
from scheduler.store import keys
from scheduler.store.link import Link

#: ms for which a key stands for its request, whatever becomes of the timer.
WINDOW_MS = 24 * 3600 * 1000
#: ms for which a key still stands for a request that was refused: repeats that overlap it make the same ids.
_REFUSED_MS = 60_000


@dataclass(frozen=True, slots=True)
class Begun:
    """A request under an idempotency key: this is the first of its kind, or one like it began before."""

    name: str
    fingerprint: str
    #: From it all ids are made: whoever repeats the request repeats them, also after a crash half-way.
    seed: str
    #: What the request was answered with; None if that is not known.
    answer: Any

    def seed_of(self, number: int) -> bytes:
        """Of the id of the timer with this number in the request."""
        return hashlib.sha256(f"{self.seed} {number}".encode()).digest()


def _nothing_refused() -> None:
    """Anything may be added."""


class Repeats:
    """Keeps what was asked and answered under idempotency keys, in the store. Shared by threads; owns nothing to close.

    Each call raises StoreUnavailable.
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    def begin(self, scope: str, key: str, asked: Any, *, may_add: Callable[[], object] = _nothing_refused) -> Begun:
        """`asked` is JSON; `may_add` raises if nothing may be added to the store, which a repeat does not need.

        Raises KeyReused if the key stands for another request of the same scope.
        """
        digest = hashlib.sha256(f"{scope}\0{key}".encode()).digest()[:16]
        name = keys.idempotency(digest, self._link.partitions)
        fingerprint = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        ours = {"fingerprint": fingerprint, "seed": os.urandom(15).hex(), "answer": None}
        found: Any
        try:
            may_add()
        except StoreNearCapacity:
            found = self._link.ask("GET", name, lambda client: client.get(name))
            if not isinstance(found, bytes):
                raise
        else:
            stored = json.dumps(ours)
            found = self._link.ask(
                "SET", name, lambda client: client.set(name, stored, px=WINDOW_MS, nx=True, get=True)
            )
        begun = Begun(name, **(json.loads(found) if isinstance(found, bytes) else ours))
        if begun.fingerprint != fingerprint:
            raise KeyReused(key)
        return begun

    def finish(self, begun: Begun, answer: Any) -> None:
        """Keep the answer for as long as the key stands."""
        name, stored = begun.name, _stored(begun, answer)
        self._link.ask("SET", name, lambda client: client.set(name, stored, keepttl=True, xx=True))

    def refused(self, begun: Begun) -> None:
        """Keep nothing of a request that did nothing."""
        self._link.run_on("refused", begun.name, [_stored(begun, None), _REFUSED_MS])


def _stored(begun: Begun, answer: Any) -> str:
    return json.dumps({"fingerprint": begun.fingerprint, "seed": begun.seed, "answer": answer})
