"""What a poller knows of holds: which destinations get nothing, or only what a permit names, by the last look."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from random import choice, randrange
from types import MappingProxyType
from typing import NamedTuple

from scheduler.claim import Claim
from scheduler.clock import StoreClock
from scheduler.destinations import PROBE
from scheduler.hold import HeldBy, Hold
from scheduler.store.each_alone import each_alone
from scheduler.store.link import Link
from scheduler.store.own_secrets import OwnSecrets
from scheduler.store.rule_record import read_hold

#: Seconds after which what is known is too old to begin an attempt by: a pause has been answered by then, perhaps.
TRUSTED = 1.9
#: Seconds between two reads of all holds of a partition, which change all the time where many destinations are held;
#: and after which it is asked whether they have changed, if no claim has told.
_READ_EVERY = 0.5


#: Changes that one call tells: 1 ms.
_AT_ONCE = 500
#: Holds that are looked at whether they are over, 3 us each, and such that are told at once.
_LOOKED, _OVER = 64, 8


class HeldReply(NamedTuple):
    """What held.lua tells."""

    holds: bytes
    number: int
    #: 1 or 0.
    is_anew: int
    #: Tag and hold, by turns.
    held: list[bytes]
    ended: list[bytes]


@dataclass(frozen=True, slots=True)
class Holds:
    """All holds of one partition, by the tags of their destinations, as they were when the last change was made that
    is known of."""

    by_tag: Mapping[str, bytes]
    #: `holds`, as scripts tell it.
    version: bytes
    number: int


NO_HOLDS = Holds(MappingProxyType({}), b"", 0)


def read_holds(link: Link, partition: int, known: Holds = NO_HOLDS) -> Holds:
    """All holds as they are now, by what has changed since `known`: with its own mapping where nothing has.

    Raises StoreUnavailable.
    """
    by_tag, number = known.by_tag, known.number
    while True:
        reply = HeldReply(*link.run("held", partition, [number, _AT_ONCE]))
        if reply.is_anew or reply.ended or reply.held:
            by_tag = _changed(by_tag, reply)
        number = reply.number
        if number >= int(reply.holds.partition(b" ")[0] or 0):
            return Holds(by_tag, reply.holds, number)


def _changed(by_tag: Mapping[str, bytes], reply: HeldReply) -> Mapping[str, bytes]:
    """What stands after what a reply tells."""
    after = {} if reply.is_anew else dict(by_tag)
    for tag in reply.ended:
        after.pop(tag.decode(), None)
    return after | {tag.decode(): hold for tag, hold in zip(*[iter(reply.held)] * 2, strict=True)}


class _Known:
    """What is known of one partition."""

    __slots__ = ("checked_at", "holds", "is_stale", "read_at")

    def __init__(self) -> None:
        #: Replaced as a whole, for other threads read it.
        self.holds = NO_HOLDS
        #: They are others by now.
        self.is_stale = False
        #: Seconds of the monotonic clock: when all holds were read, and when they were last found to be so still.
        self.read_at = self.checked_at = float("-inf")


class Held:
    """The holds in each partition; each stands in all of them before whoever set it is answered.

    `told` and `look` are for the poller's thread; `lets` and `of` for any. `look` raises StoreUnavailable.
    """

    def __init__(self, link: Link, clock: StoreClock) -> None:
        self._link = link
        self._clock = clock
        #: Told by the same calls.
        self.own_secrets = OwnSecrets(link)
        self._known: defaultdict[int, _Known] = defaultdict(_Known)
        #: Of a store with one partition, which most are.
        self._first = self._known[0]

    def told(self, partition: int, version: bytes, asked_at: float) -> None:
        """A claim that was sent at this moment found the holds of its partition in this version."""
        self.own_secrets.told(partition, version)
        it = self._known[partition]
        if version == it.holds.version:
            it.is_stale, it.checked_at = False, asked_at
        else:
            it.is_stale = True

    def look(self, claims: Iterable[Claim] = ()) -> None:
        """Read what is known to be another by now; and ask whether it is, where nobody has told for long.

        `claims` were made just now, so nothing held them: a hold that would stop one, in a partition that is known to
        be another by now, has ended. There it is read however soon: sent back, a timer would have used up its turn.
        """
        self._look_at(list(self._known.items()))
        stale = [(partition, it) for partition, it in self._known.items() if it.is_stale]
        if not stale:
            return
        now = time.monotonic()
        stopped = {claim.partition for claim in claims if not self.lets(claim, now)}
        found = each_alone(self._link, [(partition, it) for partition, it in stale if partition in stopped], self._read)
        if found.error:
            raise found.error

    def read_changed(self) -> None:
        """Read what is known to be another by now: enough while there is nothing to send."""
        self._look_at([(partition, it) for partition, it in self._known.items() if it.is_stale])

    def _look_at(self, known: list[tuple[int, _Known]]) -> None:
        now = time.monotonic()
        due = [
            (partition, it)
            for partition, it in known
            if now - (it.read_at if it.is_stale else it.checked_at) >= _READ_EVERY
        ]
        found = each_alone(self._link, due, self._read)
        if found.error:
            raise found.error

    def _read(self, partition: int, it: _Known) -> None:
        now = time.monotonic()
        it.holds = read_holds(self._link, partition, it.holds)
        it.is_stale, it.read_at, it.checked_at = False, now, now
        self.own_secrets.told(partition, it.holds.version)

    def of(self, tag: str) -> Hold | None:
        found = next((it.holds.by_tag[tag] for it in self._known.values() if tag in it.holds.by_tag), None)
        return None if found is None else read_hold(found)

    def some(self) -> list[str]:
        """The tag of a destination that is held, or has secrets of its own, by chance; and of those that stand after it
        some whose receiver's wish is over, where nobody has had anything to send since."""
        held = [it.holds.by_tag for it in self._known.values() if it.holds.by_tag]
        found: list[Mapping[str, object]] = [*held, *self.own_secrets.by_partition()]
        if not found:
            return []
        by_tag = choice(found)
        start = randrange(len(by_tag))
        first, *after = islice(by_tag, start, start + _LOOKED)
        now = self._clock.now_us() // 1000
        over = (tag for tag in after if (it := self.of(tag)) and it.by is HeldBy.RETRY_AFTER and not it.stops(now))
        return [first, *islice(over, _OVER)]

    def lets(self, claim: Claim, moment: float) -> bool:
        """Whether an attempt may begin at this moment, in seconds of the monotonic clock: 0.2 us for each."""
        it = self._first if len(self._known) == 1 else self._known[claim.partition]
        if moment - it.checked_at > TRUSTED:
            return False
        found = it.holds.by_tag.get(claim.destination)
        return found is None or self._lets_held(read_hold(found), claim, moment)

    def _lets_held(self, hold: Hold, claim: Claim, moment: float) -> bool:
        if hold.by is HeldBy.BREAKER:
            return claim.permit.startswith(PROBE)  # those of its rate were for one that was well
        now = self._clock.us_at(moment, claim.partition) // 1000
        return not (hold.by in (HeldBy.PAUSE, HeldBy.RETRY_AFTER) and hold.stops(now))
