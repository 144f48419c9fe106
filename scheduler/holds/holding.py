"""Which hold follows from a rule, and what of a rule is over by now. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from scheduler.destinations import DestinationState, Rule
from scheduler.hold import HeldBy, Hold
from scheduler.hold_reasons import ASKED_TO_WAIT, SLOWLY, limits_text
from scheduler.holds import rate, slow_start
from scheduler.rounding import ceil_div

#: ms that a receiver may ask to be left alone, and that a probe may be put off; more was written before the clock was
#: set back.
LONGEST_RETRY, LONGEST_PROBE = 3_600_000, 1_200_000
#: ms after which a destination that nobody wanted to try is not broken any more: nothing was to be sent there.
_FORGOTTEN = 86_400_000


def hold_of(rule: Rule) -> Hold | None:
    """Why due timers of a destination wait at the moment that its rule was read; None: nothing holds them."""
    rule = without_what_is_over(rule)
    if rule.pause is not None:
        by, reason = rule.pause.by, rule.pause.reason
        because = f"paused{f' by {by}' if by else ''}{f': {reason}' if reason else ''}"
        return Hold(HeldBy.PAUSE, rule.pause.until, because, rule.revision)
    if rule.broken is not None:
        until = rule.broken.probing_until or rule.broken.probe_at
        return Hold(HeldBy.BREAKER, until, rule.broken.because, rule.revision)
    if rule.retry_after is not None:
        return Hold(HeldBy.RETRY_AFTER, rule.retry_after, ASKED_TO_WAIT, rule.revision)
    if rule.slow_since is not None:
        return Hold(HeldBy.RATE, 0, SLOWLY, rule.revision)
    if rule.settings.rate is not None:
        return Hold(HeldBy.RATE, 0, limits_text(rule.settings), rule.revision, rate.interval_us(rule.settings.rate))
    if rule.settings.concurrency is not None:
        return Hold(HeldBy.CONCURRENCY, 0, limits_text(rule.settings), rule.revision)
    return None


class Standing(NamedTuple):
    """How a destination stands, since when (ms) and why, and ms at which that is to change by itself."""

    state: DestinationState
    since: int | None = None
    because: str | None = None
    next_at: int | None = None


def standing_of(rule: Rule) -> Standing:
    """At the moment that the rule was read."""
    rule = without_what_is_over(rule)
    hold = hold_of(rule)
    if hold is None:
        return Standing(DestinationState.FLOWING)
    if rule.pause is not None:
        return Standing(DestinationState.PAUSED, rule.pause.at, hold.because, rule.pause.until)
    if rule.broken is not None:
        state = DestinationState.BROKEN if rule.broken.probe is None else DestinationState.PROBING
        return Standing(state, rule.broken.since, hold.because, hold.until)
    over_at = None if rule.slow_since is None else rule.slow_since + 1000 * slow_start.SECONDS
    return Standing(DestinationState.LIMITED, rule.slow_since, hold.because, rule.retry_after or over_at)


def expected_at(hold: Hold, now: int, ahead: int) -> int | None:
    """ms at which a due timer is likely to be sent that waits behind so many others; None: nobody knows."""
    if hold.until:
        return max(hold.until, now)
    if hold.interval:
        return now + ceil_div(ahead * hold.interval, 1000)
    return None


def without_what_is_over(rule: Rule) -> Rule:
    """The rule as it is to be written by now: what has ended by itself is gone. A pause that ends is followed by a slow
    start."""
    now = rule.read_at
    if rule.pause is not None and rule.pause.until is not None and rule.pause.until <= now:
        rule = replace(rule, pause=None, slow_since=rule.pause.until)
    if rule.retry_after is not None and not now < rule.retry_after <= now + LONGEST_RETRY:
        rule = replace(rule, retry_after=None)
    if rule.broken is not None and rule.broken.probe_at > now + LONGEST_PROBE:
        rule = replace(rule, broken=rule.broken._replace(probe_at=now, probe=None, probing_until=None))
    elif rule.broken is not None and rule.pause is None and rule.broken.probe_at < now - _FORGOTTEN:
        rule = replace(rule, broken=None)
    if rule.slow_since is not None and slow_start.interval_us(now - rule.slow_since) is None:
        rule = replace(rule, slow_since=None)
    return rule
