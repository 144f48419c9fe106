"""A poller's leave to send to destinations that are held: asked for, renewed and given back in their own slots."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence

from scheduler.destinations import Permit, PermitKind
from scheduler.store import keys
from scheduler.store.link import Link


class Permits:
    """Used by one poller's thread; owns nothing to close.

    Each call raises StoreUnavailable; then what it may have granted comes back with its lease.
    """

    def __init__(self, link: Link, *, poller: str, lease_ms: int) -> None:
        self._link = link
        self._poller = poller
        #: Twice that of a timer: it may be claimed at the end of this one, and is renewed as often.
        self._lease_ms = 2 * lease_ms

    def take(self, tag: str, wanted: int, unused: int = 0, back: Sequence[str] = ()) -> Permit:
        """Ask for leave to send so many attempts; give back what a rate granted and was not used, and leased permits
        whose attempts have ended, or were never made."""
        permit_id = secrets.token_urlsafe(9)
        args: list[str | int] = [self._poller, permit_id, wanted, self._lease_ms, unused, *back]
        kind, granted, ask_at, leased = self._link.run_on("permits", keys.destination(tag), args)
        return Permit(
            destination=tag,
            id=permit_id,
            granted=granted,
            ask_at=ask_at,
            is_leased=bool(leased),
            kind=PermitKind(kind.decode()),
        )

    def renew(self, permits: Mapping[str, Collection[str]]) -> None:
        """Those that are in use, by the tags of their destinations."""
        calls: list[tuple[str, list[str | int]]] = [
            (keys.destination(tag), [self._lease_ms, *sorted(each)]) for tag, each in permits.items()
        ]
        self._link.run_on_each("renew_permits", calls)
