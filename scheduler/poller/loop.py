"""The loop that claims, delivers, settles."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from contextlib import suppress
from random import random

from scheduler.claim import Claim
from scheduler.delivery.transport import Answer, Transport
from scheduler.errors import HalfDone, StoreUnavailable
from scheduler.memory_limit import ENOUGH
from scheduler.poller.asking import Asking
from scheduler.poller.attempt_log import attempt_line
from scheduler.poller.counts import PollerCounts
from scheduler.poller.fairness import Fairness
from scheduler.poller.pacing import Pacing
from scheduler.poller.planning import Planning
from scheduler.poller.reports import Reports
from scheduler.poller.settlements import settlement
from scheduler.poller.settling import Settling
from scheduler.poller.tracing import Tracing
from scheduler.store.claims import Claims
from scheduler.store.room import BATCH, Load

log = logging.getLogger(__name__)
#: One line an ended attempt, many to a record, each with its time: its handler adds nothing.
attempts_log = logging.getLogger("scheduler.attempts")

#: Seconds a poller sleeps at most: what a lost ring of the doorbell costs.
MAX_SLEEP = 1.0
#: Seconds of backoff while the store is away: first, and at most. Jitter takes up to half of it off.
_BACKOFF = (0.1, 2.0)
#: And no more than this part of a lease. A store that was away for less than half a lease takes back what has expired
#: (claim.lua), and a lease that was to be renewed just then has a sixth left: its owner must be back by then.
_BACKOFF_OF_LEASE = 1 / 12
#: Seconds after its deadline in which an attempt is still renewed: time to settle it.
_SETTLE_TIME = 5.0
#: Seconds between two looks at what has expired while it waits; docs/guarantees.md promises a minute.
_EXPIRE_EVERY = 5.0
#: Seconds for which a poller that has nothing else to do before it ends asks for what a lost reply may have claimed.
_RECALL_TIME = 1.0


def _no_heartbeat() -> None:
    """Nobody asks whether the loop still turns."""


class Poller:
    """Claims what is due, has it sent, settles it. `run` is the loop and belongs to one thread; `run_once` is one pass.

    It holds no timers of its own: what it has claimed and not settled, another poller takes up when the lease ends.
    `stop`, and what it counts, are safe in any thread. Once stopped it claims no more, gives what is under way `grace`
    seconds, and closes its transport. `run` raises nothing for the store's sake: it waits until the store is back.
    """

    def __init__(
        self,
        claims: Claims,
        transport: Transport,
        *,
        name: str,
        lease: float,
        grace: float,
        max_bytes: int = ENOUGH,
        heartbeat: Callable[[], object] = _no_heartbeat,
        planning: Planning | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        """`planning`: looks at schedules too; None: others do. `tracing`: told of each attempt; None: nobody asks."""
        self._claims = claims
        self._transport = transport
        self._name = re.sub(r"[^\w.:@-]", "_", name, flags=re.ASCII)
        self._lease = lease
        self._grace = grace
        self._heartbeat = heartbeat
        self._planning = planning
        self._tracing = tracing
        self.counts = PollerCounts()
        self._asking = Asking(claims)
        self._settling = Settling(claims, self.counts)
        #: By id() of the claim: a timer whose lease was lost can be claimed again while its old attempt still runs.
        self._in_flight: dict[int, Claim] = {}
        self._fairness = Fairness(transport.slots, max_bytes)
        rules = claims.rules.beside(self._renew)
        self._reports = Reports(rules, claims.observe, claims.last_answered)
        self._pacing = Pacing(claims.permits, rules, claims.held, claims.clock, lease)
        self._saturated: set[str] = set()
        #: Whether the transport had some when it was asked last.
        self._answers_come = False
        self._renew_at = time.monotonic() + lease / 3
        self._expire_at = 0.0
        self._expire_every = 0.0 if claims.clock_is_turned else _EXPIRE_EVERY
        self._store_failures = 0
        self._stopping = False

    @property
    def slots(self) -> int:
        return self._transport.slots

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def runs_made(self) -> int:
        """Of schedules."""
        return 0 if self._planning is None else self._planning.made

    @property
    def saturated(self) -> int:
        """Destinations of which no more is claimed for now."""
        return len(self._saturated)

    @property
    def oldest_claim(self) -> float | None:
        """Seconds of the monotonic clock; of what is in flight. Safe in any thread."""
        return min((claim.claimed_at for claim in list(self._in_flight.values())), default=None)

    @property
    def _load(self) -> Load:
        return Load(len(self._in_flight), self.slots)

    def rang(self, partition: int) -> None:
        """Something has become due there, or will. Safe in any thread."""
        self._asking.rang(partition)

    def stop(self) -> None:
        """Safe in a signal handler."""
        self._stopping = True
        self._transport.wake()

    def run(self) -> None:
        while not self._stopping:
            answers = self._transport.wait(self._guarded(self.run_once))
            self._answers_come = bool(answers)
            self._collect(answers)
        stopped = time.monotonic()
        while (left := stopped + self._patience() - time.monotonic()) > 0:
            pause = self._guarded(self._wind_up)
            if self._patience():
                self._collect(self._transport.wait(min(pause, left)))
        self._collect(self._transport.wait(0))
        self._guarded(self._wind_up)
        self._transport.close()
        if left := len(self._in_flight) + self._settling.unsettled:
            log.warning("stopped with %d attempts under way or unsettled: left to their lease", left)

    def run_once(self) -> float:
        """One pass: settle what has ended, renew what runs, end what has expired, look, make runs, claim what is due.

        Returns seconds to sleep. Raises StoreUnavailable.
        """
        pause = self._renew_settle_release()
        if self._end_expired():
            pause = 0.0
        planned = self._asking.peek(self._load)
        if self._planning is not None:
            self._planning.told(planned)
            made = self._planning.made
            if (look := self._planning.run_once()) is not None:
                pause = min(pause, look)
            if self._planning.made > made:
                self._asking.all_are_due()
        self._fairness.look(time.monotonic())
        self._saturated = self._left_to_others()
        if not self._asking.is_under_way:
            if self._fairness.free <= 0:
                self._pacing.ask({}, 0, self._renew_at)
                return pause
            self._send_claim()
        elif self._answers_come and len(self._in_flight) > BATCH:
            return 0.0  # those first: they leave their connections to the next, a tenth of a request's CPU
        batch = self._asking.read()
        with suppress(StoreUnavailable):  # what was claimed is not dropped: without knowledge of holds it is given back
            if batch.claims or self._in_flight:
                self._claims.held.look(batch.claims)
            else:
                self._claims.held.read_changed()
        if batch.claims and self._tracing is not None:
            self._tracing.claimed(batch.claims)
        for claim in self._pacing.use(batch.claims):
            if self._stopping:
                self._pacing.ended(claim, was_sent=False)
                self._settling.give_back([claim])
            else:
                traced = claim if self._tracing is None else self._tracing.began(claim)
                self._in_flight[id(traced)] = traced
                self._fairness.add(traced)
                self._transport.submit(traced)
        self._saturated = self._left_to_others()
        asked = self._pacing.ask(batch.ready, self._fairness.free, self._renew_at, self._saturated)
        due_in = self._asking.due_in()
        if due_in <= 0 and not (asked or self._stopping or self._waits_for_permits()) and self._fairness.free > 0:
            self._send_claim()
        else:
            self._settling.read()
        if asked:
            return 0.0  # and the next claim is made with permits
        if self._fairness.free <= 0:
            return pause
        return min(pause, self._fairness.next_turn() or pause, self._pacing.pause(), due_in)

    def _send_claim(self) -> None:
        """From the partitions that are due; from all where timers may wait for permits."""
        if self._waits_for_permits():
            self._asking.all_are_due()
        limit, room = min(self._fairness.free, BATCH), self._fairness.room()
        self._asking.send(limit, self._saturated, room, self._load, self._pacing.permitted())

    def _waits_for_permits(self) -> bool:
        return bool(self._pacing.permitted()) or self._pacing.pause() <= 0

    def _end_expired(self) -> bool:
        """Also while all slots are taken, and nothing is claimed. Says whether there may be more."""
        now = time.monotonic()
        if now < self._expire_at:
            return False
        more = self._claims.end_expired()
        self._expire_at = now if more else now + self._expire_every
        return more

    def _left_to_others(self) -> set[str]:
        """Tags of destinations that are at their share, or whose own secrets this version cannot read."""
        saturated = self._fairness.saturated()
        unreadable = self._claims.held.own_secrets.unreadable
        return saturated | unreadable if unreadable else saturated

    def _patience(self) -> float:
        """Seconds after the stop that are worth waiting: for what the store has yet to hear of, the whole grace."""
        if self._in_flight or self._settling.has_some or self._asking.is_under_way:
            return self._grace
        return min(self._grace, _RECALL_TIME) if self._claims.unanswered else 0.0

    def _wind_up(self) -> float:
        """A pass after the stop: claims nothing, and gives back what was claimed meanwhile, and what a lost reply may
        have claimed for us."""
        if self._asking.is_under_way:
            self._settling.give_back(self._asking.read().claims)
        self._settling.give_back(self._claims.recall(self._load))
        self._pacing.ask({}, 0, self._renew_at)
        return self._renew_settle_release()

    def _renew_settle_release(self) -> float:
        """Renew, settle and release the claims that we have. Returns seconds until the next renewal."""
        pause = self._renew()
        self._settling.send()
        if not self._asking.is_under_way:  # beside a claim its answer is read later, at the latest in the next pass
            self._settling.read()
        self._settling.release()
        self._reports.tell(self._renew_at)
        self._pacing.check(self._renew_at)
        return pause

    def _renew(self) -> float:
        now = time.monotonic()
        if now >= self._renew_at:
            renew_in = self._lease / 3
            left = ((claim, self._renewable(claim) - now) for claim in self._in_flight.values())
            ends = [(claim, round(1000 * min(self._lease, seconds))) for claim, seconds in left if seconds > 0]
            if ends:
                try:
                    lost = self._claims.renew(ends, self._load)
                except HalfDone as half:
                    lost, renew_in = set(half.done), self._lease * _BACKOFF_OF_LEASE
                self.counts.lost_leases += len(lost)
                for timer_id in lost:
                    log.warning("lease of timer %s lost while its attempt ran", timer_id)
            self._pacing.renew()
            self._renew_at = now + renew_in
        return max(0.0, min(MAX_SLEEP, self._renew_at - now))

    def _renewable(self, claim: Claim) -> float:
        """The end of renewing, by the monotonic clock: an attempt may begin as late as half a lease after its claim."""
        return claim.claimed_at + self._lease / 2 + claim.webhook.timeout + _SETTLE_TIME

    def _guarded(self, one_pass: Callable[[], float]) -> float:
        """One pass; if the store is away, the seconds to back off instead. Never raises for the store's sake."""
        self._heartbeat()
        try:
            pause = one_pass()
        except StoreUnavailable:
            first, most = _BACKOFF
            most = min(most, _BACKOFF_OF_LEASE * self._lease)
            pause = min(most, first * 2.0 ** min(self._store_failures, 10)) * (1 - random() / 2)
            self._store_failures += 1
            return pause
        self._store_failures = 0
        return pause

    def _collect(self, answers: list[Answer]) -> None:
        ended, claims, now = [], [], time.monotonic()
        for answer in answers:
            claim = self._in_flight.pop(id(answer.claim))
            if claim.permit:
                self._pacing.ended(claim, was_sent=answer.started_at is not None)
            if answer.started_at is None:
                self._fairness.remove(claim, None)
                self._settling.give_back([claim])
                if self._tracing is not None:
                    self._tracing.released(claim)
            else:
                self._fairness.remove(claim, answer.status_code is not None or answer.error != "timeout")
                self._reports.note(answer, now)
                ended.append(settlement(answer, answer.started_at, self._name))
                claims.append(claim)
                if self._tracing is not None:
                    self._tracing.ended(claim, ended[-1].attempt)
        if ended:
            self._settling.add(ended)
            self.counts.ended([it.attempt for it in ended])
            if attempts_log.isEnabledFor(logging.INFO):
                attempts_log.info("\n".join(map(attempt_line, ended, claims)))
