"""Whether the store would let a poller settle what it claims: what cannot be settled must not be sent."""

from __future__ import annotations

import logging

from scheduler.errors import StoreUnavailable
from scheduler.store.link import Link

log = logging.getLogger(__name__)


class Permissions:
    """Asked before the first claim, and again once any call has failed: access lists change while we run."""

    def __init__(self, link: Link, lease_ms: int) -> None:
        self._link = link
        #: Every script but the one that claims, with arguments that change nothing: each can be loaded and run.
        self._rehearsals: dict[str, list[str | int]] = {
            "settle": [0, 0],
            "renew": [lease_ms, "", 0, 0],
            "release": [],
        }
        #: By partition; nothing has failed since they were found so.
        self._granted: set[int] = set()
        self._reason = ""

    @property
    def granted(self) -> bool:
        """Somewhere, as far as is known."""
        return bool(self._granted)

    def check(self, partition: int) -> None:
        """Raises StoreUnavailable if the store refuses a script, or an access list a command that one of them uses."""
        if partition in self._granted:
            return
        forbidden = [command.decode() for command in self._link.run("permissions", partition)]
        if forbidden:
            self._refuse(f"the store refuses: its access list forbids {', '.join(forbidden)}; nothing is claimed")
        for script, args in self._rehearsals.items():
            self._link.run(script, partition, args)
        self._granted.add(partition)
        self._reason = ""

    def doubt(self) -> None:
        """A call has failed: ask again before the next claim."""
        self._granted.clear()

    def _refuse(self, reason: str) -> None:
        self._link.failures["refused"] += 1
        if reason != self._reason:
            log.error("%s", reason)
        self._reason = reason
        raise StoreUnavailable(reason)
