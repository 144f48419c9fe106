"""Changes of rules of which not every partition knows yet: noted before, so that another goes on if the writer dies."""

from __future__ import annotations

import secrets

from scheduler.errors import StoreUnavailable
from scheduler.store import keys
from scheduler.store.link import Link

#: ms after which a writer is taken for dead: it has long told all partitions, or its calls have failed.
_PATIENCE = 5_000
#: Changes that one look goes on with.
_AT_ONCE = 10


class Untold:
    """Notes by the tags of destinations, each in the partition that its tag gives. Raises StoreUnavailable."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def note(self, tag: str, now: int) -> str:
        """The rule of this destination is about to be written. `now`: ms by the store's clock. Returns the note.

        A store that is full takes none, but the rule: one may be paused all the same, and only its writer goes on.
        """
        note = f"{tag} {secrets.token_urlsafe(9)}"
        try:
            name = self._key(tag)
            self._link.ask("ZADD", name, lambda client: client.zadd(name, {note: now}))
        except StoreUnavailable as error:
            if error.kind != "oom":
                raise
        return note

    def told(self, note: str) -> None:
        """All partitions know of that change."""
        name = self._key(note.partition(" ")[0])
        self._link.ask("ZREM", name, lambda client: client.zrem(name, note))

    def left(self, partition: int) -> list[str]:
        """Notes whose writers have not come to the end."""
        found: list[bytes] = self._link.run("untold", partition, [_PATIENCE, _AT_ONCE])
        return [note.decode() for note in found]

    def _key(self, tag: str) -> str:
        return keys.untold(keys.partition_of_key(tag, self._link.partitions))
