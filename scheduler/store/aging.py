"""Idempotency keys of a store whose clock is turned: the server forgets them by its own clock, which nobody turns."""

from __future__ import annotations

from scheduler.store import keys
from scheduler.store.link import Link

#: Keys looked at in one call.
_AT_ONCE = 1000


class Aging:
    """The idempotency keys that there were when it was made. For one thread; each call raises StoreUnavailable."""

    def __init__(self, link: Link) -> None:
        self._link = link
        #: ms for which each stands by the server's clock.
        self._left: dict[bytes | str, int] = {}
        with link.translated("SCAN"):
            cursor: int | None = None
            while cursor != 0:
                cursor, names = link.client.scan(cursor or 0, match=keys.ANY_IDEMPOTENCY, count=_AT_ONCE)
                calls = link.client.pipeline(transaction=False)
                for name in names:
                    calls.pttl(name)
                self._left |= zip(names, calls.execute(), strict=True)

    def age(self, ms: int) -> None:
        """They stand for so much less than when they were looked at."""
        with self._link.translated("PEXPIRE"):
            names = list(self._left)
            for first in range(0, len(names), _AT_ONCE):
                calls = self._link.client.pipeline(transaction=False)
                for name in names[first : first + _AT_ONCE]:
                    # A key that goes at once: 0 deletes it. LT: one whose request was refused meanwhile goes sooner.
                    calls.pexpire(name, max(0, self._left[name] - ms), lt=True)
                calls.execute()
