"""What a poller has room for when it claims, beside the number of timers. Data."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from scheduler.claim import Claim
from scheduler.destinations import PermitKind

#: The tag that suspects wait behind: timers that took two pollers down, or seem to have. No destination's: those are
#: base64.
SUSPECTS = "!suspects"
#: Timers one script call claims or settles at most. With fewer the store's cost per timer rises (32: by a sixth; 64: no
#: more), with more a call holds the store for longer.
BATCH = 96
#: Bytes of records that one script call claims at most, and one record more.
BATCH_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Room:
    """How much of which destinations a claim may take."""

    #: Tags of destinations that are known to answer; None: no other is held back.
    answering: Collection[str] | None = None
    #: Timers of one destination that one claim takes at most; None: the share that Claims was given.
    share: int | None = None
    #: Timers of all that are not known to answer, and of these how many may be more than the first of a destination.
    newcomers: int = 0
    beyond_first: int = 0
    #: Of records, and one record more.
    bytes: int = BATCH_BYTES

    def without(self, claims: Sequence[Claim]) -> Room:
        """What is left of it once these are claimed."""
        left = max(1, self.bytes - sum(claim.size for claim in claims))
        return replace(
            self,
            newcomers=max(0, self.newcomers - len(claims)),
            beyond_first=max(0, self.beyond_first - len(claims)),
            bytes=left,
        )

    def words(self, saturated: Collection[str]) -> list[str | int]:
        """As arguments of claim.lua, with the tags of which nothing is to be taken."""
        return [
            self.bytes,
            between_blanks(saturated),
            "*" if self.answering is None else between_blanks(self.answering),
            self.newcomers,
            self.beyond_first,
        ]


class Permitted(NamedTuple):
    """Of a held destination how many timers may be claimed, and ms by the store's clock at which it is worth asking for
    more permits."""

    destination: str
    left: int
    ask_at: int
    kind: PermitKind = PermitKind.USUAL

    @property
    def word(self) -> str:
        """As claim.lua reads it."""
        kind = self.kind and f":{self.kind}"
        return f"{self.destination}:{self.left}:{self.ask_at}{kind}"

    def without(self, claims: Sequence[Claim]) -> Permitted:
        """What is left of it once these are claimed."""
        taken = sum(claim.destination == self.destination for claim in claims)
        return self._replace(left=max(0, self.left - taken)) if taken else self


def between_blanks(tags: Collection[str]) -> str:
    return f" {' '.join(tags)} " if tags else ""


class Load(NamedTuple):
    """What a poller is doing, for others to see."""

    #: Attempts under way, of so many at most.
    in_flight: int = 0
    slots: int = 0
