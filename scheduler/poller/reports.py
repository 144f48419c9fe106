"""What one poller's attempts say of their destinations: that one is broken, is back, or has asked to be left alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import NamedTuple

from scheduler.claim import Claim
from scheduler.delivery.judge import retry_after
from scheduler.delivery.transport import Answer
from scheduler.destinations import PROBE, Rule
from scheduler.errors import StoreUnavailable
from scheduler.holds import rule_changes
from scheduler.holds.breaker import Answered, Failing, Result, Watch
from scheduler.holds.sums import Sum, Sums
from scheduler.poller.retry import MAX_RETRY_AFTER
from scheduler.store.observing import id_of
from scheduler.store.rule_record import state_fields
from scheduler.store.rules import Fields, Rules

log = logging.getLogger(__name__)

#: By the error's word.
_NOT_ANSWERED = {
    **dict.fromkeys(("connect", "dns", "tls"), Result.UNREACHED),
    **dict.fromkeys(("timeout", "reset"), Result.UNANSWERED),
}
#: Seconds after which a report is tried again that the store did not take.
_PAUSE = 1.0
#: Seconds after which it is looked again which paths of a destination answer, while all do.
_PATHS_EVERY = 0.05
#: Seconds between two reports of sums, and destinations in each: the busiest.
_OBSERVE_EVERY, _OBSERVED = 5.0, 1000
#: Destinations of which it is remembered when they were found broken.
_BREAKS = 2048
#: Reports that one pass makes, each of a few calls; and that wait at most: older ones are forgotten.
_AT_ONCE, _UNTOLD = 16, 10_000

_Change = Callable[[Rule], Rule | None]


class _Report(NamedTuple):
    """What is to be told of one destination."""

    change: _Change
    #: Of the destination.
    id: str
    #: It is told only if, as far as any poller has told, nobody is answered there.
    unless_others_are_answered: bool


class Reports:
    """Told of each answer; tells the rules what follows, once a pass. Used by the poller's thread.

    `tell` raises nothing for the store's sake: what was not told then is told later.
    """

    def __init__(
        self,
        rules: Rules,
        observe: Callable[[Sequence[Sum]], None],
        last_answered: Callable[[str], Answered | None],
    ) -> None:
        """`observe` is called with what was seen of destinations, once in a while; `last_answered` for what all pollers
        have told of one, by its tag, before it is left alone. Both raise StoreUnavailable."""
        self._rules = rules
        self._observe = observe
        self._last_answered = last_answered
        self._watch = Watch()
        self._sums = Sums()
        self._observe_at = time.monotonic() + _OBSERVE_EVERY
        #: By destination and kind, so that one thing is told once.
        self._untold: dict[tuple[str, str], _Report] = {}
        #: By destination seconds of the monotonic clock: what was claimed before says nothing more of it, for it was
        #: found broken then.
        self._counts_from: dict[str, float] = {}
        self._again_at = 0.0

    def note(self, answer: Answer, now: float) -> None:
        """Of an attempt that was made, and has ended by this moment of the monotonic clock."""
        claim, status = answer.claim, answer.status_code
        delivered = answer.error is None and status is not None and 200 <= status < 300
        it = self._sums.seen.get(claim.destination)
        if delivered and it is not None and it.flows_until > now and not claim.permit:
            it.attempts += 1  # as for nearly all: 0.3 us each, where what follows takes 4
            it.duration_ms += answer.duration_ms
        else:
            self._note(answer, delivered, now)

    def _note(self, answer: Answer, delivered: bool, now: float) -> None:
        claim = answer.claim
        tag = claim.destination
        now_ms = (answer.started_at or 0) + answer.duration_ms
        seen = self._sums.add(tag, claim.webhook.url, answer.duration_ms, None if delivered else _said(answer), now_ms)
        seen.flows_until = 0.0
        result = _result(answer)
        if claim.permit.startswith(PROBE):
            permit = claim.permit.removeprefix(PROBE).partition(":")[0]
            is_back, said = result is Result.ANSWERED, _said(answer)  # and nothing that holds an answer's body
            self._report(claim, "probe", lambda rule: rule_changes.probed(rule, permit, is_back, said))
        if result is None or answer.headers.get("timer-scope", "").strip().lower() == "timer":
            return
        failing = None
        if claim.claimed_at >= self._counts_from.get(tag, claim.claimed_at):
            failing = self._watch.note(tag, claim.webhook.url, result, _said(answer), now)
        if delivered and not self._watch.has_failures(tag):
            seen.flows_until = now + _PATHS_EVERY
        if failing and not claim.permit.startswith(PROBE):
            self._report_failing(claim, failing, now)
        seconds = retry_after(answer, now_ms) if "retry-after" in answer.headers else None
        if seconds:
            until = now_ms + round(1000 * min(seconds, MAX_RETRY_AFTER))
            self._report(claim, "retry-after", lambda rule: rule_changes.asked_to_wait(rule, until))

    def _report_failing(self, claim: Claim, failing: Failing, now: float) -> None:
        tag, (because, may_be_one_tenant) = claim.destination, failing
        if not may_be_one_tenant:
            self._note_break(tag, now)
        elif (before := self._untold.get((tag, "broken"))) and not before.unless_others_are_answered:
            return
        self._report(claim, "broken", lambda rule: rule_changes.broken(rule, because), may_be_one_tenant)

    def _note_break(self, tag: str, now: float) -> None:
        if len(self._counts_from) >= _BREAKS:
            del self._counts_from[next(iter(self._counts_from))]
        self._counts_from[tag] = now

    def _report(self, claim: Claim, kind: str, change: _Change, unless_others_are_answered: bool = False) -> None:
        it = _Report(change, id_of(claim.webhook.url) or "", unless_others_are_answered)
        self._untold[claim.destination, kind] = it
        if len(self._untold) > _UNTOLD:
            del self._untold[next(iter(self._untold))]

    def tell(self, until: float) -> None:
        """`until`: the moment of the monotonic clock after which it begins no other report, for leases are to be
        renewed."""
        now = time.monotonic()
        if now < self._again_at:
            return
        if now >= self._observe_at:
            self._observe_at = now + _OBSERVE_EVERY
            self._tell_sums()
        for number, (key, said) in enumerate(list(islice(self._untold.items(), _AT_ONCE))):
            if number and time.monotonic() >= until:
                return
            del self._untold[key]
            try:
                if said.unless_others_are_answered and self._others_are_answered(key[0]):
                    continue
                written = _Written(said.change, said.id)
                self._rules.change(key[0], written.fields)
                written.log()
            except StoreUnavailable as error:
                log.debug("not told of %s: %s", key[0], error)
                self._untold[key] = said  # after the others: its slot alone may be away
                self._again_at = time.monotonic() + _PAUSE
                return

    def _others_are_answered(self, tag: str) -> bool:
        """What was claimed before says nothing more of it if they are not."""
        told, now = self._last_answered(tag), time.monotonic()
        if self._watch.others_are_answered(tag, told, now):
            return True
        self._note_break(tag, now)
        return False

    def _tell_sums(self) -> None:
        now = time.monotonic()
        try:
            if sums := self._sums.take(_OBSERVED):
                last = self._watch.last_answered
                self._observe([it._replace(last_answered=last(it.destination, now)) for it in sums])
        except StoreUnavailable as error:  # these are lost; nothing hangs on them
            log.debug("sums of destinations are lost: %s", error)


def _result(answer: Answer) -> Result | None:
    """None: it says nothing of its destination."""
    if answer.met_a_close:
        return None
    if answer.error in _NOT_ANSWERED:
        return _NOT_ANSWERED[answer.error]
    if answer.status_code is None:
        return None
    return Result.REFUSED if answer.status_code >= 500 else Result.ANSWERED


def _said(answer: Answer) -> str:
    return answer.error or str(answer.status_code)


class _Written:
    """A change of one rule, for Rules.change; and which one it was in the end."""

    def __init__(self, change: _Change, destination_id: str) -> None:
        self._change = change
        self._id = destination_id
        self._before: Rule | None = None
        self._after: Rule | None = None

    def fields(self, rule: Rule) -> Fields | None:
        self._before, self._after = rule, self._change(rule)
        return None if self._after is None else {"id": self._id, **state_fields(self._after)}

    def log(self) -> None:
        """What somebody on call wants to know."""
        if self._before is None or self._after is None:
            return
        if self._before.broken is None and self._after.broken is not None:
            log.warning("nothing but probes is sent to %s: %s", self._id, self._after.broken.because)
        elif self._before.broken is not None and self._after.broken is None:
            log.warning("%s is back, and gets its timers slowly at first", self._id)
