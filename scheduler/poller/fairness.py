"""How much of a poller's room each destination may hold: those that hang must leave room for those that answer. Pure.

Room is counted in slots. A claim holds one, and more if it is large: so a poller's memory is shared out likewise.
A destination answers once more of its attempts were answered than have hung; it is new while neither is more.

What answers may use all slots, but one destination no more than a third of those that are free: a quarter of all if it
is alone. All others share three quarters. The first of these are anyone's; then each destination gets one, and those
that hung before get none beyond half of all slots. Should what answered have come to hang, and hold more than its part,
an eighth is there for new ones all the same, as long as a sixteenth is free.
"""

from __future__ import annotations

from itertools import chain

from scheduler.claim import Claim
from scheduler.share import share_of
from scheduler.store.room import BATCH, BATCH_BYTES, SUSPECTS, Room

#: Seconds without an answer after which an attempt hangs.
HANGS_AFTER = 5.0
#: How far one answer can be from the next change of mind: so many attempts have to hang where as many were answered.
_MOST_STANDING = 16
#: Destinations remembered, and named in a claim: 9 bytes of its arguments each. More where as many hold slots.
_REMEMBERED = 2048


class _Destination:
    """What one destination holds. `standing`: its answers, less its attempts that hang, within bounds."""

    __slots__ = ("held", "is_large", "standing", "tag")

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.held = 0
        self.standing = 0
        #: Among those that hold many slots.
        self.is_large = False


class Fairness:
    """Knows what each destination holds and how it answers. Told of each claim added and removed, and of the time.

    Used by the poller's thread alone; raises nothing.
    """

    def __init__(self, slots: int, max_bytes: int) -> None:
        """`max_bytes`: of the records of all claims in flight."""
        self._slots = slots
        self._now = 0.0
        self._slot_bytes = max(1, max_bytes // slots)
        self._quarter = share_of(slots)
        self._half = max(self._quarter, slots // 2)
        self._most = max(self._half, slots * 3 // 4)
        #: The part that new ones get slowly; when the next one may; the claims there, by their id(), with their parts.
        self._last = max(1, slots - self._most - slots // 16)
        self._next_new = 0.0
        self._slow: dict[int, float] = {}
        #: Held by one destination, it is worth a look whether that is too much.
        self._many = max(1, slots // 16)
        self._known: dict[str, _Destination] = {}
        #: Slots held by all, and by those that do not answer.
        self._held = 0
        self._held_silent = 0
        #: Destinations that answer; that hung before; that hold slots and do not answer; that hold many slots.
        self._answering: dict[str, _Destination] = {}
        self._hanging: dict[str, _Destination] = {}
        self._silent: dict[str, _Destination] = {}
        self._large: dict[str, _Destination] = {}
        self._suspects = 0
        #: Claims whose attempts may yet hang, oldest first, by their id().
        self._young: dict[int, Claim] = {}

    @property
    def free(self) -> int:
        return self._slots - self._held

    def add(self, claim: Claim) -> None:
        self._young[id(claim)] = claim
        if claim.suspect:
            self._suspects += 1
        it = self._known.get(claim.destination) or self._destination(claim.destination)
        slots = 1 + claim.size // self._slot_bytes
        if not it.standing and self._held_silent >= self._most:
            self._delay_next(claim, slots)
        self._hold(it, slots)

    def remove(self, claim: Claim, answered: bool | None) -> None:
        """`answered`: None if it was not sent at all."""
        hung = self._young.pop(id(claim), None) is None
        if self._slow:
            self._give_back(claim)
        if claim.suspect:
            self._suspects -= 1
        it = self._known.get(claim.destination) or self._destination(claim.destination)
        self._hold(it, -1 - claim.size // self._slot_bytes)
        if answered:
            if it.standing < _MOST_STANDING:
                self._judge(it, 1)
        elif answered is False and not hung:
            self._judge(it, -1)

    def look(self, now: float) -> None:
        """Note which attempts hang by now, in seconds of the monotonic clock."""
        self._now = now
        while self._young:
            attempt, claim = next(iter(self._young.items()))
            if now - claim.claimed_at < HANGS_AFTER:
                break
            del self._young[attempt]
            self._judge(self._destination(claim.destination), -1)

    def saturated(self) -> set[str]:
        """The tags of which nothing more is to be claimed."""
        most = self._most_of_one()
        looked_at = self._large if most > self._many else self._answering
        found = {tag for tag, it in looked_at.items() if it.standing > 0 and it.held >= most}
        if self._held_silent >= self._quarter:
            found.update(self._silent)
        if self._held_silent >= self._half:
            found.update(self._hanging)
        if self._suspects:
            found.add(SUSPECTS)
        return found

    def room(self) -> Room:
        """What else a claim may take."""
        left = self._quarter - self._held_silent
        return Room(
            # While a whole batch of newcomers fits, nobody needs to know who answers.
            answering=None if left >= BATCH else self._answering,
            share=self._most_of_one(),
            newcomers=max(self._most - self._held_silent, self._has_turn()),
            beyond_first=max(0, left),
            bytes=min(BATCH_BYTES, max(1, self.free * self._slot_bytes)),
        )

    def _most_of_one(self) -> int:
        """Slots that one destination that answers may hold: a quarter if it is alone, and always less than is free."""
        if self._held < self._most:
            return max(4, self.free // 3)
        return max(1, self._slots // 64) if self._held < self._slots * 7 // 8 else 1

    def next_turn(self) -> float:
        """Seconds until a new destination may have a turn again in the last part; 0 if nothing delays it."""
        return max(0.0, self._next_new - self._now) if self._slow else 0.0

    def _has_turn(self) -> int:
        """Whether one timer of a new destination may be taken, though those that do not answer hold their part."""
        return int(self._now >= self._next_new and self.free > self._slots // 16)

    def _delay_next(self, claim: Claim, slots: int) -> None:
        seconds = claim.webhook.timeout * slots / self._last
        self._next_new = max(self._next_new, self._now) + seconds
        self._slow[id(claim)] = seconds

    def _give_back(self, claim: Claim) -> None:
        """What a claim did not use of the time by which it delays others."""
        seconds = self._slow.pop(id(claim), 0.0)
        if seconds:
            used = min(1.0, (self._now - claim.claimed_at) / claim.webhook.timeout)
            self._next_new -= seconds * max(0.0, 1.0 - used)

    def _hold(self, it: _Destination, slots: int) -> None:
        self._held += slots
        it.held = held = it.held + slots
        if it.standing <= 0:
            self._held_silent += slots
            _keep(self._silent, it, held > 0)
        if (held >= self._many) is not it.is_large:
            it.is_large = not it.is_large
            _keep(self._large, it, it.is_large)

    def _judge(self, it: _Destination, change: int) -> None:
        before = it.standing
        it.standing = max(-_MOST_STANDING, min(_MOST_STANDING, before + change))
        if (before > 0) == (it.standing > 0) and (before < 0) == (it.standing < 0):
            return
        self._held_silent += it.held * ((it.standing <= 0) - (before <= 0))
        _keep(self._answering, it, it.standing > 0)
        _keep(self._hanging, it, it.standing < 0)
        _keep(self._silent, it, it.standing <= 0 and it.held > 0)

    def _destination(self, tag: str) -> _Destination:
        it = self._known.get(tag)
        if it is None:
            if len(self._known) >= _REMEMBERED:
                self._forget_oldest()
            it = self._known[tag] = _Destination(tag)  # only now: what is in use must not be forgotten
        return it

    def _forget_oldest(self) -> None:
        """Forget one that holds nothing: first of those that hung, for there may be any number of such."""
        of_all = chain(self._hanging.values(), self._known.values())
        it = next((it for it in of_all if not it.held), None)
        if it is not None:
            del self._known[it.tag]
            self._answering.pop(it.tag, None)
            self._hanging.pop(it.tag, None)


def _keep(where: dict[str, _Destination], it: _Destination, yes: bool) -> None:
    if yes:
        where[it.tag] = it
    elif it.tag in where:
        del where[it.tag]
