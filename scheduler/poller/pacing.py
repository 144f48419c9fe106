"""What one poller does about destinations that are held: asks for permits where timers are due, and gives them back."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from random import random, randrange

from scheduler.claim import Claim
from scheduler.clock import StoreClock
from scheduler.destinations import PROBE, Permit, PermitKind
from scheduler.errors import StoreUnavailable
from scheduler.store import keys
from scheduler.store.held import Held
from scheduler.store.permits import Permits
from scheduler.store.room import BATCH, Permitted
from scheduler.store.rules import Rules

log = logging.getLogger(__name__)

#: Stands in a claim for a permit that nobody waits for to come back: one of a rate.
_UNLEASED = "-"
_PROBES = (PermitKind.PROBE, PermitKind.ANY_PROBE)
#: Seconds for which no slot is asked after one was away: each may take as long as a call does at most.
_PAUSE = 1.0
#: Seconds for which nothing is asked for where there was no room for what was granted.
_FULL = 0.25
#: Seconds by which a poller that was refused comes later than the moment that it was told, at most.
_AFTER_OTHERS = 0.02
#: Seconds between two holds that are told again; and so many times as long as the last took, if that is more: with a
#: store that answers slowly no more than a twentieth of the time goes there.
_CHECK_EVERY, _SPARING = 1.0, 20


class _Grant:
    """Permits of one destination that no claim has used yet. `at`: seconds of the monotonic clock, when asked for."""

    __slots__ = ("at", "left", "permit")

    def __init__(self, permit: Permit, at: float) -> None:
        self.permit = permit
        self.left = permit.granted
        self.at = at


class Pacing:
    """Permits of one poller, by the tags of destinations. Used by the poller's thread.

    A claim is told what it may take of held destinations, and tells where more is due; then permits are asked for, and
    the next claim uses them. What it did not use goes back at once; what a rate did not need, to the rate. `ask` and
    `renew` raise nothing for the store's sake: where a slot is away its destination waits, and no other.
    """

    def __init__(self, permits: Permits, rules: Rules, held: Held, clock: StoreClock, lease: float) -> None:
        self._permits = permits
        self._rules = rules
        self._held = held
        self._clock = clock
        self._check_at = 0.0
        #: At partitions, by turns; not all pollers at the same.
        self._looks = randrange(max(keys.PARTITIONS))
        #: Seconds for which a permit that was not used is worth anything.
        self._lease = lease
        self._grants: dict[str, _Grant] = {}
        #: When it is worth asking for more, ms of the store's clock: told to the next claim, and nobody asks before.
        self._ask_at: dict[str, int] = {}
        #: Permits under a lease: of attempts under way, and of those that have ended.
        self._in_use: dict[str, set[str]] = {}
        self._back: dict[str, list[str]] = {}
        #: Attempts that had a permit and were never made: their turns go back to the rate.
        self._unsent: dict[str, int] = {}
        #: Due timers for which there was no permit, when it was asked for last.
        self._missing: dict[str, int] = {}
        #: Until when no permits of a destination are asked for: this poller has no room for it.
        self._full_until: dict[str, float] = {}
        #: Of slots that were away when they were asked last: the others are asked first.
        self._away: set[str] = set()
        #: Seconds of the monotonic clock before which nobody is asked: a slot was away.
        self._again_at = 0.0
        #: Seconds of the monotonic clock at which it is worth coming again.
        self._come_at = float("inf")

    def permitted(self) -> list[Permitted]:
        """What the next claim may take."""
        now = time.monotonic()
        for tag in [tag for tag, it in self._grants.items() if now - it.at > self._lease]:
            del self._grants[tag]  # it was away for long: they come back by themselves
        return [self._permitted(tag, ask_at) for tag, ask_at in self._ask_at.items()]

    def use(self, claims: list[Claim]) -> list[Claim]:
        """The claims that were made with what permitted() has told, each with its permit if it has one."""
        self._ask_at.clear()
        self._come_at = float("inf")
        return claims if not self._grants else [self._with_permit(claim) for claim in claims]

    def ask(self, ready: Mapping[str, int], room: int, until: float, saturated: Collection[str] = ()) -> bool:
        """Give back what was not used or has ended, and ask for permits where timers are due, for as many as there is
        room for. Whether any were granted: then a claim should follow at once.

        `until`: the moment of the monotonic clock after which it asks for no other destination, for leases are to be
        renewed: where the store answers slowly the rest is asked for in the next passes.
        """
        now = time.monotonic()
        if not (ready or self._grants or self._back or self._unsent) or now < self._again_at:
            return False
        granted = asked = False
        asked_for = [*ready, *({*self._grants, *self._back, *self._unsent} - ready.keys())]
        for tag in sorted(asked_for, key=self._away.__contains__) if self._away else asked_for:
            wanted, was_unsent = self._wanted(tag, ready, 0 if tag in saturated else room, now), tag in self._unsent
            if not (wanted or was_unsent or self._left(tag) or tag in self._back):
                continue
            if asked and time.monotonic() >= until:
                self._come_at = now
                break
            asked = True
            try:
                permit = self._take(tag, wanted)
            except StoreUnavailable as error:
                log.debug("no permits of %s: %s", tag, error)
                self._again_at = now + _PAUSE
                self._away.add(tag)
                return granted
            self._away.discard(tag)
            room -= permit.granted
            granted = granted or permit.granted > 0
            if wanted:
                self._ask_at[tag] = permit.ask_at
                self._come_at = min(self._come_at, self._moment(permit.ask_at))
            elif was_unsent:
                self._ask_at[tag], self._come_at = 0, now  # sooner than was told when its permit was granted
            self._note_missing(permit, ready)
        for tag in [tag for tag, until in self._full_until.items() if now >= until]:
            del self._full_until[tag]
        return granted

    def pause(self) -> float:
        """Seconds until permits are there that this poller was refused."""
        return max(0.0, self._come_at - time.monotonic())

    def ended(self, claim: Claim, *, was_sent: bool) -> None:
        """Its attempt is over, or was never made. A probe that was is not given back: what came of it is reported."""
        if not was_sent and claim.permit and not claim.permit.startswith(PROBE):
            self._unsent[claim.destination] = self._unsent.get(claim.destination, 0) + 1
        if claim.permit in ("", _UNLEASED):
            return
        permit = claim.permit.removeprefix(PROBE)
        in_use = self._in_use.get(claim.destination, set())
        in_use.discard(permit)
        if not in_use:
            self._in_use.pop(claim.destination, None)
        if not (was_sent and claim.permit.startswith(PROBE)):
            self._back.setdefault(claim.destination, []).append(permit)

    def renew(self) -> None:
        if not self._in_use:
            return
        try:
            self._permits.renew(self._in_use)
        except StoreUnavailable as error:
            log.debug("permits are not renewed: %s", error)

    def check(self, until: float) -> None:
        """Once a second, or less often, tell all partitions how some destinations that are held stand, and of changes
        whose writers died before they knew. `until`: as of ask()."""
        now = time.monotonic()
        if now < max(self._check_at, self._again_at):
            return
        try:
            self._looks += 1
            self._rules.tell_untold(self._looks % self._rules.partitions, until)
            for number, tag in enumerate(self._held.some()):
                if number and time.monotonic() >= until:
                    break
                self._rules.refresh(tag)
        except StoreUnavailable as error:
            log.debug("holds are not told again: %s", error)
        self._check_at = now + max(_CHECK_EVERY, _SPARING * (time.monotonic() - now))

    def _moment(self, ask_at: int) -> float:
        """A little later than that: should whoever was granted the last permit be held up, another takes the next."""
        wait = (ask_at - self._clock.now_us() // 1000) / 1000
        return time.monotonic() + wait + random() * _AFTER_OTHERS

    def _left(self, tag: str) -> int:
        grant = self._grants.get(tag)
        return 0 if grant is None else grant.left

    def _wanted(self, tag: str, ready: Mapping[str, int], room: int, now: float) -> int:
        """Permits to ask for, of one destination."""
        if self._left(tag):  # the claim had no room for them
            self._full_until[tag] = now + _FULL
        has_room = now >= self._full_until.get(tag, 0.0)
        wanted = max(0, min(self._due(tag, ready), room, BATCH)) if has_room else 0
        if tag in ready and not wanted:
            self._ask_at[tag] = 0  # another is told of sooner the next time
        return wanted

    def _due(self, tag: str, ready: Mapping[str, int]) -> int:
        """Timers for which permits are worth asking for: those that the claim told of. Where permits were out, whoever
        gives some back asks for them at once: nobody else is told that they are there."""
        return ready.get(tag) or min(self._missing.get(tag, 0), len(self._back.get(tag, ())))

    def _permitted(self, tag: str, ask_at: int) -> Permitted:
        grant = self._grants.get(tag)
        if grant is None:
            return Permitted(tag, 0, ask_at)
        return Permitted(tag, grant.left, ask_at, grant.permit.kind)

    def _with_permit(self, claim: Claim) -> Claim:
        grant = self._grants.get(claim.destination)
        if grant is None or not grant.left:
            return claim
        permit = _UNLEASED
        if grant.permit.is_leased:
            permit = f"{grant.permit.id}:{grant.left}"
            self._in_use.setdefault(claim.destination, set()).add(permit)
            permit = PROBE + permit if grant.permit.kind in _PROBES else permit
        grant.left -= 1
        return claim._replace(permit=permit)

    def _note_missing(self, permit: Permit, ready: Mapping[str, int]) -> None:
        tag, is_over = permit.destination, permit.kind is PermitKind.OVER
        if not (tag in ready or permit.granted or is_over):
            return
        missing = 0 if is_over else ready.get(tag, self._missing.get(tag, 0)) - permit.granted
        if missing > 0:
            self._missing[tag] = missing
        else:
            self._missing.pop(tag, None)

    def _take(self, tag: str, wanted: int) -> Permit:
        """Ask the destination's slot. Raises StoreUnavailable."""
        permit = self._permits.take(tag, wanted, self._turns(tag), self._given_back(tag))
        if permit.kind is PermitKind.OVER:
            self._rules.refresh(tag)
        self._back.pop(tag, None)
        self._unsent.pop(tag, None)
        self._grants.pop(tag, None)
        if permit.granted:
            self._grants[tag] = _Grant(permit, time.monotonic())
        return permit

    def _turns(self, tag: str) -> int:
        """Of its rate, that no attempt has used; a probe takes none."""
        grant = self._grants.get(tag)
        left = 0 if grant is None or grant.permit.kind in _PROBES else grant.left
        return left + self._unsent.get(tag, 0)

    def _given_back(self, tag: str) -> Sequence[str]:
        """Leased permits: of attempts that have ended or were never made, and those that no claim has used."""
        back = self._back.get(tag, [])
        grant = self._grants.get(tag)
        if grant is None or not grant.permit.is_leased:
            return back
        return [*back, *(f"{grant.permit.id}:{number}" for number in range(1, grant.left + 1))]
